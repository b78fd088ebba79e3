"""Scale from zero: the cluster autoscaler plans from tags before the first node exists, so the tags must be true."""

from collections.abc import Iterator, Mapping
from fractions import Fraction

from eks_gpu.checks import sources
from eks_gpu.checks.access import template_of
from eks_gpu.checks.registry import Context, Problem, Said, check, verdict
from eks_gpu.checks.sources import CLUSTER_AUTOSCALER
from eks_gpu.cost.admission import node_resources
from eks_gpu.graph.unknown import starting_with
from eks_gpu.pods.quantities import EPHEMERAL_STORAGE, MEMORY, whole_units, written
from eks_gpu.pods.reasons import Rule
from eks_gpu.pools.autoscaler_template import node_at_zero
from eks_gpu.pools.pool import Pool
from eks_gpu.pools.scope import IN_GROUPS
from eks_gpu.pools.software import sharing_replicas, slices_of
from eks_gpu_components.catalog import (
    AUTOSCALER_LABEL_TAG,
    AUTOSCALER_RESOURCE_TAG,
    AUTOSCALER_TAINT_TAG,
    GPU_RESOURCE,
    Taint,
)
from eks_gpu_components.catalog.scheduling import EFA_RESOURCE


def _from_zero(context: Context) -> Iterator[tuple[Pool, frozenset[str]]]:
    """Pools that the autoscaler may have to plan blindly, with the labels that every node has anyway."""
    for pool in context.scaled_groups:
        if pool.template is not None and pool.scales_to_zero and pool.autoscaled:
            shared = [set(node.labels.items()) for node in pool.candidates]
            yield (
                pool,
                frozenset(f"{key}={value}" for key, value in set.intersection(*shared)) if shared else frozenset(),
            )


@check(
    "scale-from-zero-labels-match-node",
    subject="group that may be empty",
    fix="tag the group with every label that its nodes carry, and no other",
    scope=IN_GROUPS,
    sources=(sources.AUTOSCALER,),
)
def labels_match(context: Context) -> Iterator[Said]:
    """For a label only on nodes no node starts; for a label only in the tags, nodes start that the pods cannot use.

    It depends on the label that the pods select: the autoscaler knows the label only from the tags, the scheduler only
    from the node.
    """
    for pool, every_node in _from_zero(context):
        assert pool.template
        told = {f"{key}={value}" for key, value in pool.template.labels.items()}
        real = {f"{key}={value}" for key, value in pool.labels.items()}
        problems = [
            Problem(
                f"the autoscaler is not told of label {label}, so pods that select it never bring up the first node",
                f"tag the group {_label_tag(label)}",
            )
            for label in sorted(real - told)
        ] + [
            Problem(
                f"the autoscaler is told of label {label}, which nodes do not carry, so it starts nodes that the pods "
                "cannot use",
                f"give {label} to the nodes or remove the tag",
            )
            for label in sorted(told - real - every_node)
        ]
        yield verdict(pool.name, problems, "the autoscaler is told every label that nodes carry")


def _label_tag(label: str) -> str:
    key, _, value = label.partition("=")
    return f"{AUTOSCALER_LABEL_TAG}{key} = {value}"


@check(
    "scale-from-zero-taints-match-node",
    subject="group that may be empty",
    fix="tag the group with every taint that its nodes carry, and no other",
    scope=IN_GROUPS,
    sources=(sources.AUTOSCALER,),
)
def taints_match(context: Context) -> Iterator[Said]:
    """If the autoscaler does not know a taint, it starts nodes for pods that do not tolerate the taint.

    The check names tags whose value the autoscaler ignores.
    """
    for pool, _ in _from_zero(context):
        assert pool.template
        told, real = set(pool.template.taints), set(pool.taints)
        problems = [
            Problem(
                f"the autoscaler is not told of taint {taint.for_kubelet()}, so it starts nodes for pods that it then "
                "keeps off",
                f"tag the group {' = '.join(taint.for_autoscaler_tag())}",
            )
            for taint in sorted(real - told, key=str)
        ] + [
            Problem(
                f"the autoscaler is told of taint {taint.for_kubelet()}, which nodes do not carry",
                f"register {taint.for_kubelet()} on the nodes or remove the tag",
            )
            for taint in sorted(told - real, key=str)
        ]
        problems += [
            Problem(
                f"tag {AUTOSCALER_TAINT_TAG}{key} has the value {value}, which the autoscaler ignores",
                "write value:Effect, as true:NoSchedule",
            )
            for key, value in starting_with(pool.tags, AUTOSCALER_TAINT_TAG).items()
            if Taint.from_autoscaler_tag(f"{AUTOSCALER_TAINT_TAG}{key}", value) is None
        ]
        yield verdict(pool.name, problems, "the autoscaler is told every taint that nodes carry")


@check(
    "scale-from-zero-resources-match-node",
    subject="group that may be empty",
    fix="tag the group with the devices and the storage that one of its nodes has",
    scope=IN_GROUPS,
    sources=(CLUSTER_AUTOSCALER,),
)
def resources_match(context: Context) -> Iterator[Said]:
    """If tags name too many GPUs, a node starts that cannot hold the pod; if too few, more nodes than needed start.

    For a pod that asks for what no tag tells, such as ephemeral storage or EFA, no node starts at all. The check knows
    time-slicing and MPS of the device plugin, and slices of one profile (MIG) of the GPU operator.
    """
    for pool, _ in _from_zero(context):
        real = dict(_resources(context, pool)) if pool.accelerator and pool.gpus_per_node is not None else {}
        real |= _interfaces(context, pool)
        problems = []
        for resource, amount_ in real.items():
            if (told := _told(pool, resource)) != amount_:
                said = f"the autoscaler expects {told} {resource} of a node, which will have {amount_}"
                problems.append(Problem(said, f"tag the group {AUTOSCALER_RESOURCE_TAG}{resource} = {amount_}"))
        problems += _never_started(context, pool, real)
        if real or problems:
            has = " and ".join(f"{amount_} {resource}" for resource, amount_ in real.items())
            yield verdict(pool.name, problems, f"a node has {has}, as the autoscaler expects")


def _never_started(context: Context, pool: Pool, judged: Mapping[str, int]) -> Iterator[Problem]:
    """What a workload asks for that the pool's nodes have and the autoscaler does not expect, each resource once."""
    node = node_at_zero(pool)
    if node is None:
        return
    position = next(index for index, each in enumerate(context.pools) if each.urn == pool.urn)
    seen = set(judged)
    for workload in context.workloads:
        found = context.verdicts[workload.urn][position]
        if workload.daemon or not (found.admits or found.reason.rule is Rule.TEMPLATE):
            continue
        for resource, wanted in workload.pod.requests.items():
            expected = whole_units(resource, node.resources.get(resource, Fraction()))
            if resource in seen or wanted <= expected:
                continue
            seen.add(resource)
            yield Problem(
                f"the autoscaler expects {written(resource, expected) if expected else 'no'} {resource} of the first "
                f"node, so {workload}, which asks for {written(resource, wanted)}, never brings it up",
                f"tag its auto scaling group {AUTOSCALER_RESOURCE_TAG}{resource} = {_tag_value(pool, resource)}",
            )


def _tag_value(pool: Pool, resource: str) -> str:
    """What the smallest of the pool's types has, in whole Gi of storage, so that the tag promises no more."""
    has = min(node_resources(pool, row).get(resource, 0) for row in pool.types)
    if not has:
        return "what a node has"
    return f"{has // 1024}Gi" if resource in (EPHEMERAL_STORAGE, MEMORY) else written(resource, has)


def _resources(context: Context, pool: Pool) -> Iterator[tuple[str, int]]:
    """What a node will have, the least of its types: devices, and Neuron cores where somebody speaks of them."""
    assert pool.template
    if slices := slices_of(context.software, pool.labels, pool.types):
        yield from slices.items()
        return
    offers = [row.accelerator.offered for row in pool.types if row.accelerator]
    for number, resource in enumerate(offers[0]):
        asked = any(workload.pod.requests_any([resource]) for workload in context.workloads)
        if number == 0 or asked or resource in pool.template.resources:
            yield resource, min(offer.get(resource, 0) for offer in offers) * _sharing(context, pool, resource)


def _interfaces(context: Context, pool: Pool) -> dict[str, int]:
    """EFA interfaces that the launch template names, where a tag or a pod speaks of them."""
    template = template_of(pool, context.graph)
    named = template.inputs.get("networkInterfaces") or () if template else ()
    count = sum(str(one.get("interfaceType", "")).startswith("efa") for one in named)
    spoken = pool.template and EFA_RESOURCE in pool.template.resources
    spoken = spoken or any(workload.pod.requests_any([EFA_RESOURCE]) for workload in context.workloads)
    return {EFA_RESOURCE: count} if count and spoken else {}


def _told(pool: Pool, resource: str) -> int:
    """What the autoscaler expects: it knows by the type of NVIDIA's GPUs alone, and of the rest by tags."""
    if node := node_at_zero(pool):
        return whole_units(resource, node.resources.get(resource, Fraction()))
    return pool.gpus_per_node or 0 if resource == GPU_RESOURCE else 0


def _sharing(context: Context, pool: Pool, resource: str) -> int:
    if resource != GPU_RESOURCE:
        return 1
    return max((sharing_replicas(release, pool.labels) for release in context.software), default=1)
