"""Workloads: each has a pool that takes it, and none runs on GPU nodes without need."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from math import ceil, floor
from typing import Any

from eks_gpu.api.rules.resources import is_whole
from eks_gpu.checks import sources
from eks_gpu.checks.pod_specs import PodSpec, pod_specs
from eks_gpu.checks.registry import Context, Problem, Said, check, no_verdict, verdict
from eks_gpu.cost.admission import ACCELERATOR_RESOURCES, Room
from eks_gpu.cost.node_cost import Expected
from eks_gpu.cost.packing import Fleet, as_tried, has_room_for_one_more, pack
from eks_gpu.graph.kubernetes_objects import kubernetes_objects
from eks_gpu.karpenter.objects import part
from eks_gpu.pods.demand import Workload
from eks_gpu.pods.quantities import HUGE_PAGES, kept, quantity
from eks_gpu.pods.reasons import Rule
from eks_gpu.pools.huge_pages import to_be_known
from eks_gpu.pools.software import ADDON
from eks_gpu_components.catalog import DEVICE_RESOURCES, METRICS_SERVER

SHOWN = 3
"""Pools named in one message."""
_WHOLE_DEVICES = frozenset(resources[0] for resources in DEVICE_RESOURCES.values())


def scheduled(context: Context) -> Iterator[Workload]:
    """Those whose pods wait for a node."""
    if context.pools or context.rooms or any(row.what == "nodes" for row in context.unread):
        yield from (found for found in context.workloads if not found.daemon and found.max_replicas != 0)


@check(
    "workloads-are-admitted",
    subject="workload",
    fix="change the pods' tolerations, selectors or size so that a pool takes them, or add such a pool",
    relies_on=("nodes",),
    sources=(
        sources.kubernetes("assign-pod-node"),
        sources.LAB,
    ),
)
def admitted(context: Context) -> Iterator[Said]:
    """No pool takes the pods: they stay Pending, and the autoscaler does not say why."""
    for workload in scheduled(context):
        verdicts = context.verdicts[workload.urn]
        takers = _in_order(context, [found.pool for found in verdicts if found.admits])
        reasons = [f"{found.pool}: {found.reason}" for found in verdicts[:SHOWN]]
        more = f"; and {len(verdicts) - SHOWN} more" if len(verdicts) > SHOWN else ""
        if not takers and (context.of_another_stack or any(found.reason.rule is Rule.GANG for found in verdicts)):
            continue  # it may be there, and gangs-run-whole says the other
        if not takers and workload.partly:
            yield no_verdict(str(workload), f"what its pods tolerate and need is known in part: {workload.partly}")
            continue
        said = f"no pool takes its pods, which stay Pending. {'; '.join(reasons)}{more}".rstrip(". ")
        problem = None if takers else Problem(said, _for_huge_pages(workload, context))
        yield verdict(str(workload), problem, f"taken by {', '.join(takers)}", certain=bool(takers))


def _for_huge_pages(workload: Workload, context: Context) -> str:
    """What makes a pool take the pods if huge pages are all that it lacks; empty if something else is missing."""
    others = {name: count for name, count in workload.pod.requests.items() if not name.startswith(HUGE_PAGES)}
    rest = replace(workload.pod, requests=others)
    for room, found in zip(context.rooms, context.verdicts[workload.urn], strict=True):
        lacking = found.reason.subject if found.reason.rule is Rule.RESOURCE else ""
        if lacking.startswith(HUGE_PAGES) and room.verdict(rest, workload.cluster).admits:
            return to_be_known(room.pool, lacking)
    return ""


def _in_order(context: Context, names: Sequence[str]) -> list[str]:
    """As Karpenter asks its node pools, then the others by name: the same in whatever order the stack has them."""
    pools = {pool.name: pool for pool in context.pools}
    known = as_tried([name for name in names if name in pools], pools.__getitem__, str)
    return [*known, *sorted(name for name in names if name not in pools)]


@check(
    "cpu-work-stays-off-gpu-nodes",
    subject="workload without GPU request",
    fix="remove the pod's toleration, or taint the nodes",
    sources=(
        sources.KARPENTER,
        sources.AUTOSCALER,
    ),
)
def off_gpu_nodes(context: Context) -> Iterator[Said]:
    """A pod without a GPU request on a GPU node keeps the node from being removed.

    A pod with a resource claim may request its GPU by the claim, and one that requests what a NodeOverlay gives GPU
    nodes is there for that.
    """
    accelerated = {pool.name for pool in context.gpu_pools}
    claiming = {spec.urn for spec in pod_specs(context.graph) if spec.spec.get("resourceClaims")}
    given = [of_type for pool in context.gpu_pools for of_type in pool.overlaid.applied.capacity.values()]
    wanted = (*ACCELERATOR_RESOURCES, *{resource for of_type in given for resource in of_type})
    for workload in scheduled(context):
        if not accelerated or workload.urn in claiming or workload.pod.requests_any(wanted):
            continue
        if workload.partly:
            continue  # its GPU may be in the other part
        taken = [found.pool for found in context.verdicts[workload.urn] if found.admits and found.pool in accelerated]
        problem = (
            Problem(f"it asks for no GPU but may run on {', '.join(taken)}, and keep a GPU node running")
            if taken
            else None
        )
        yield verdict(str(workload), problem, "no GPU pool takes it")


@check(
    "stated-replicas-find-room",
    subject="workload",
    severity="warning",
    fix="raise max_gpus of a pool that takes them, or lower the replicas",
    relies_on=("nodes",),
    sources=(
        sources.KARPENTER,
        sources.AUTOSCALER,
    ),
)
def find_room(context: Context) -> Iterator[Said]:
    """Replicas beyond the limits of the pools stay Pending."""
    for workload in scheduled(context):
        if workload.spare:
            continue  # their room is for others
        if workload.replicas and any(found.admits for found in context.verdicts[workload.urn]):
            left = context.left_over.get(str(workload), 0)
            if left and workload.queue:
                yield verdict(str(workload), None, f"{left} of {workload.replicas} wait for their turn in a queue")
                continue
            problem = (
                Problem(
                    f"{left} of {workload.replicas} replicas find no node: the pools that take them are at their "
                    "maximum"
                )
                if left
                else None
            )
            yield verdict(str(workload), problem, f"{workload.replicas} replicas have a node")


@check(
    "rollouts-find-a-gpu",
    subject="Deployment with GPUs whose rollout needs one more pod",
    severity="warning",
    fix="set strategy Recreate, or maxSurge 0 with maxUnavailable 1, or raise the limits of the pools",
    sources=(
        sources.kubernetes("deployment"),
        sources.LAB,
    ),
)
def rollouts(context: Context) -> Iterator[Said]:
    """A rollout waits for ever: the new pod finds no GPU, and no old pod may go before it is ready.

    By default a Deployment of up to three replicas lets no pod go: maxUnavailable is 25 %, rounded down. The check
    packs the other workloads too, with their stated replicas.
    """
    manifests = {resource.urn: manifest for resource, manifest in kubernetes_objects(context.graph)}
    fleet, expected = _packed(context)
    for workload in scheduled(context):
        needs = {name: workload.requests[name] for name in ACCELERATOR_RESOURCES if workload.requests.get(name)}
        if workload.kind != "Deployment" or not needs or not workload.replicas:
            continue
        takers = list(_takers(workload, context))
        if str(workload) in context.left_over or not takers:
            continue  # other checks say so
        if not _waits_for_a_new_pod(part(manifests.get(workload.urn, {}), "spec"), workload.replicas):
            continue
        room = has_room_for_one_more(workload, takers, fleet, expected.node)
        more = replace(workload, replicas=workload.replicas + 1)
        problem = None if room else Problem(_no_room(more, needs, context))
        yield verdict(str(workload), problem, f"{more.replicas} pods find room during a rollout")


def _waits_for_a_new_pod(spec: Mapping[str, Any], replicas: int) -> bool:
    """Whether a rollout ends no old pod before a new one is ready. Source: Kubernetes, Deployment, strategy."""
    strategy = part(spec, "strategy")
    if strategy.get("type") == "Recreate":
        return False
    settings = part(strategy, "rollingUpdate")
    surge, unavailable = (
        _pods(settings.get(key), replicas, rounded) for key, rounded in (("maxSurge", ceil), ("maxUnavailable", floor))
    )
    return surge > 0 and not unavailable


def _pods(share: Any, replicas: int, rounded: Callable[[float], int]) -> int:
    """A number of pods, or a percentage of the replicas, 25 % unless given; what the API server refuses is that too."""
    text = "25%" if share is None else str(share)
    if text.isdigit():
        return int(text)
    percent = text.removesuffix("%")
    return rounded((int(percent) if percent.isdigit() else 25) * replicas / 100)


def _packed(context: Context) -> tuple[Fleet, Expected]:
    """The stated replicas of all workloads on their nodes."""
    expected = Expected()
    workloads = list(scheduled(context))
    admitted_by = {one.urn: [room.pool.urn for room in _takers(one, context)] for one in workloads}
    return pack(workloads, context.rooms, admitted_by, expected.node, expected.hourly), expected


def _takers(workload: Workload, context: Context) -> Iterator[Room]:
    """The pools that take its pods."""
    verdicts = context.verdicts[workload.urn]
    return (room for room, each in zip(context.rooms, verdicts, strict=True) if each.admits)


def _no_room(more: Workload, needs: Mapping[str, int], context: Context) -> str:
    """By the devices that it needs if those are too few, else by its place beside other workloads."""
    replicas = more.replicas or 0
    takers = {each.pool for each in context.verdicts[more.urn] if each.admits}
    there = sum(pool.max_gpus or 0 for pool in context.pools if pool.name in takers)
    for name, each in needs.items():
        if name in _WHOLE_DEVICES and each * replicas > there:
            return f"a rollout needs {each * replicas} {name}, its pools have {there}"
    beside = f"beside other workloads its pools have it for {replicas - 1}"
    return f"a rollout needs room for {replicas} pods, and {beside}"


@check(
    "device-requests-are-limits",
    subject="workload that asks for devices or huge pages",
    fix="write the whole number of devices in resources.limits",
    sources=(
        sources.kubernetes("device-plugins"),
        sources.LAB,
    ),
)
def limited(context: Context) -> Iterator[Said]:
    """The API server refuses the pod: devices cannot be requested in fractions, or without a limit.

    Devices are all resources with a domain that is not Kubernetes' own, such as `vpc.amazonaws.com/efa`. Huge pages
    need a limit too, and cpu or memory beside them.
    """
    for spec in pod_specs(context.graph):
        asked = list(_devices(spec))
        if asked:
            yield verdict(str(spec), filter(None, (problem for _, problem in asked)), f"{asked[0][0]} is limited")


def _devices(spec: PodSpec) -> Iterator[tuple[str, Problem | None]]:
    """Devices and huge pages that a container asks for, each with what is wrong."""
    for container in spec.all_containers:
        limits, requests = part(container, "resources", "limits"), part(container, "resources", "requests")
        for name in dict.fromkeys((*limits, *requests)):
            if is_whole(name) and (limits.get(name) is not None or requests.get(name) is not None):
                lonely = name.startswith(HUGE_PAGES) and not {"cpu", "memory"} & {*limits, *requests}
                alone = Problem(f"{name} needs cpu or memory beside it", "request one of them too") if lonely else None
                yield name, alone or _unlimited(name, limits.get(name), requests.get(name))


def _unlimited(name: str, limit: Any, request: Any) -> Problem | None:
    if limit is None:
        return Problem(f"{name} is requested without a limit", f"write {name}: {request} in resources.limits")
    if "/" in name and not _is_whole_number(limit):
        return Problem(f"{name} must be a whole number, got {limit}")
    if request is not None and not _are_equal(request, limit):
        return Problem(f"requests.{name} is {request} and limits.{name} {limit}", "make them equal")
    return None


def _is_whole_number(value: Any) -> bool:
    try:
        return quantity(value) >= 0 and kept(value).denominator == 1
    except ValueError:
        return False


def _are_equal(one: Any, other: Any) -> bool:
    try:
        return quantity(one) == quantity(other)
    except ValueError:
        return str(one) == str(other)


@check(
    "disruption-budgets-let-pods-move",
    subject="PodDisruptionBudget",
    severity="warning",
    fix="allow at least one pod to be unavailable",
    sources=(sources.kubernetes("disruptions"),),
)
def may_move(context: Context) -> Iterator[Said]:
    """A node can neither be updated nor removed while its pods must not be evicted."""
    most = {str(workload): workload.max_replicas for workload in context.workloads}
    specs = list(pod_specs(context.graph))
    for _, manifest in kubernetes_objects(context.graph):
        if manifest["kind"] != "PodDisruptionBudget":
            continue
        spec, metadata = part(manifest, "spec"), manifest["metadata"]
        wanted = part(spec, "selector", "matchLabels").items()
        namespace = str(metadata.get("namespace") or "default")
        of = [one for one in specs if one.namespace == namespace and wanted <= dict(one.labels).items()]
        least, allowed = str(spec.get("minAvailable", "")), str(spec.get("maxUnavailable", ""))
        replicas = [most.get(str(one)) for one in of]
        all_ = least == "100%" or (least.isdigit() and any(n is not None and n <= int(least) for n in replicas))
        said = f"minAvailable {least}" if all_ else f"maxUnavailable {allowed}"
        problem = Problem(f"{said} lets no pod go") if of and (all_ or allowed in ("0", "0%")) else None
        if of:
            yield verdict(f"PodDisruptionBudget {namespace}/{metadata['name']}", problem, "a pod may go")


@check(
    "autoscaled-workloads-have-metrics",
    subject="HorizontalPodAutoscaler",
    severity="warning",
    fix="name an existing workload in the autoscaler, and add the EKS add-on metrics-server",
    relies_on=("software", "pods"),
    sources=(sources.kubernetes("horizontal-pod-autoscale"),),
)
def have_metrics(context: Context) -> Iterator[Said]:
    """The workload keeps its number of replicas, whatever the load."""
    there = {addon.inputs.get("addonName") for addon in context.graph.of(ADDON)}
    there |= {release.chart for release in context.software}
    known = {(one.namespace, one.kind, one.name) for one in pod_specs(context.graph)}
    for _, manifest in kubernetes_objects(context.graph):
        if manifest["kind"] != "HorizontalPodAutoscaler":
            continue
        spec, metadata = part(manifest, "spec"), manifest["metadata"]
        namespace, target = str(metadata.get("namespace") or "default"), part(spec, "scaleTargetRef")
        problems = []
        elsewhere = {release.namespace for release in context.software}
        if (
            not context.of_another_stack
            and (namespace, target.get("kind"), target.get("name")) not in known
            and namespace not in elsewhere
        ):
            problems.append(Problem(f"the stack has no {target.get('kind')} {namespace}/{target.get('name')}"))
        measured = {metric.get("type") for metric in spec.get("metrics") or ()}
        if "Resource" in measured and context.clusters and METRICS_SERVER not in there:
            problems.append(Problem("nothing measures CPU and memory", f"add the EKS add-on {METRICS_SERVER}"))
        problems += _unmeasured(
            spec,
            [one for one in pod_specs(context.graph) if (one.namespace, one.name) == (namespace, target.get("name"))],
        )
        yield verdict(f"HorizontalPodAutoscaler {namespace}/{metadata['name']}", problems, "it sees what it scales by")


def _unmeasured(spec: Mapping[str, Any], targets: Sequence[PodSpec]) -> Iterator[Problem]:
    """Containers that do not say of what an autoscaler's percentage is one. Source: Kubernetes, HPA, Utilization."""
    for metric in spec.get("metrics") or ():
        name = str(part(metric, "resource").get("name"))
        if metric.get("type") != "Resource" or part(metric, "resource", "target").get("type") != "Utilization":
            continue
        for target in targets:
            for container in target.containers:
                resources = part(container, "resources")
                if name not in part(resources, "requests") and name not in part(resources, "limits"):
                    said = f"container {container.get('name')} requests no {name}, of which it wants a percentage"
                    yield Problem(said, f"set resources.requests.{name}")
