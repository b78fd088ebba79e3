"""Node pools of Karpenter and Auto Mode: their limits work, nodes are removed, and the price is as planned."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from eks_gpu.checks import sources
from eks_gpu.checks.registry import Context, Problem, Said, check, verdict
from eks_gpu.cost.admission import ACCELERATOR_RESOURCES
from eks_gpu.cost.money import marks_of, usd
from eks_gpu.karpenter.budgets import keeps_empty_nodes
from eks_gpu.karpenter.objects import NODE_CLASSES, NodePool, node_classes, node_pools, object_name, part
from eks_gpu.karpenter.schema import seconds
from eks_gpu.pods.durations import NEVER
from eks_gpu.pods.quantities import CPU, MEMORY, whole_units, written
from eks_gpu.pools.karpenter_node import KNOWN_RESOURCES
from eks_gpu.pools.limits import NODES, Limits
from eks_gpu.pools.pool import Pool
from eks_gpu.pools.prices import on_demand_price
from eks_gpu.pools.scope import ACCELERATED_NODE_POOLS, NODE_POOLS, Scope
from eks_gpu_components.catalog import (
    ARCH_LABEL,
    AUTO_MODE_GROUP,
    DEVICE_RESOURCES,
    GPU_RESOURCE,
    INSTANCE_TYPE_LABEL,
    KARPENTER_GROUP,
    NEURON_RESOURCE,
    CapacityType,
    InstanceType,
    Price,
    is_well_known_label,
)
from eks_gpu_components.catalog.instance_types import RESOURCES
from eks_gpu_components.catalog.narrowing import offering, why_empty
from eks_gpu_components.catalog.nearest import nearest
from eks_gpu_components.catalog.requirement_rules import VALUE, Fault, requirement_faults
from eks_gpu_components.catalog.requirements import Required
from eks_gpu_components.catalog.scheduling import MIG_RESOURCE, device_of

_REAL = KNOWN_RESOURCES | {NODES, *RESOURCES.values()}
_MEANT = {"gpu": GPU_RESOURCE, "gpus": GPU_RESOURCE, "neuron": NEURON_RESOURCE}
# Below these, one shortage of one kind stops the pool.
_TYPES, _ZONES = 3, 2
_LIFETIME_S = 3600
DEARER = 1.05
"""A smaller difference in price is none."""


def _pools(context: Context, accelerated: bool = False) -> Iterator[tuple[NodePool, Pool]]:
    """As written, and as read."""
    read = {pool.urn: pool for pool in context.pools}
    for found in node_pools(context.graph):
        pool = read.get(found.resource.urn)  # None where it is out of the check's scope
        if pool and (pool.accelerator or not accelerated):
            yield found, pool


def _resource(pool: Pool) -> str:
    return _resources(pool)[0]


def _resources(pool: Pool) -> tuple[str, ...]:
    """What a limit may count to stop the pool's accelerators."""
    return DEVICE_RESOURCES[pool.accelerator or "nvidia"]


@check(
    "limits-name-the-real-resource",
    subject="node pool with limits",
    fix=f"limit {GPU_RESOURCE}, for Neuron nodes {NEURON_RESOURCE}",
    sources=(sources.KARPENTER,),
)
def real_resources(context: Context) -> Iterator[Said]:
    """A limit on a resource that no node has, such as `gpu` instead of `nvidia.com/gpu`, has no effect."""
    for found, pool in _pools(context):
        if not found.limits:
            continue
        given = {name for of_type in pool.overlaid.applied.capacity.values() for name in of_type}
        problems = [
            _unreal(name) for name in found.limits if name not in _REAL | given and not name.startswith(MIG_RESOURCE)
        ]
        # Where nothing says what Karpenter reads, an overlay that is not here may give what the limit counts.
        told = found.limits if pool.overlaid.gate is None else given
        counted = {*_resources(pool), *(name for name in told if device_of(name) in _resources(pool))}
        if pool.accelerator and found.replicas is None and not counted & {*found.limits}:
            problems.append(
                Problem(f"no limit counts {_resource(pool)}, so only the other limits stop new GPUs", "add one")
            )
        yield verdict(pool.name, problems, f"nodes have {', '.join(found.limits)}")


def _unreal(name: str) -> Problem:
    meant = _MEANT.get(name) or nearest(name, _REAL)
    return Problem(
        f"its limit {name} stops nothing, for no node has such a resource", f"write {meant}" if meant else ""
    )


@check(
    "gpu-limit-not-blocked-by-cpu-or-memory",
    subject="GPU node pool with limits",
    fix="raise the limits of CPU and memory, or remove them",
    scope=ACCELERATED_NODE_POOLS,
    sources=(sources.KARPENTER,),
)
def not_blocked(context: Context) -> Iterator[Said]:
    """One large type uses up the CPU limit, and the next GPU node never starts."""
    for found, pool in _pools(context, accelerated=True):
        resource = _resource(pool)
        limits = pool.limits or Limits({})
        amounts = limits.amounts
        if resource not in amounts or found.replicas is not None:
            continue
        counts = {row: _counted(pool, row, resource) for row in pool.types}
        rows = {row: count for row, count in counts.items() if 0 < count <= amounts[resource]}
        problems = [
            problem
            for name in (CPU, MEMORY, NODES)
            if name in amounts and (problem := _blocked(name, limits, resource, rows))
        ]
        yield verdict(pool.name, problems, f"{amounts[resource]} {resource} fit its other limits")


def _counted(pool: Pool, row: InstanceType, resource: str) -> int:
    """What a node of the type counts against a limit of devices; whether Karpenter's gate is on, other checks say."""
    given = pool.overlaid.amounts().get(row.name, {}).get(resource)
    return row.accelerators if given is None else whole_units(resource, given)


def _blocked(name: str, limits: Limits, resource: str, rows: Mapping[InstanceType, int]) -> Problem | None:
    given, devices = limits.amounts[name], limits.amounts[resource]
    needs = {row: devices // count * limits.capacity(row)[name] for row, count in rows.items()}
    worst = max(rows, key=lambda row: needs[row], default=None)
    if worst is None or needs[worst] <= given:
        return None
    allowed = int(replace(limits, amounts={name: given}).nodes_of(worst)) * rows[worst]
    return Problem(
        f"its limit {name} {written(name, given)} ends at {allowed} {resource} on {worst.name}, of {devices}",
        f"set it to {written(name, needs[worst])} or leave it out",
    )


@check(
    "gpu-pools-consolidate-when-empty",
    subject="GPU node pool",
    fix="set consolidationPolicy WhenEmpty and a duration in consolidateAfter",
    scope=ACCELERATED_NODE_POOLS,
    sources=(sources.KARPENTER,),
)
def when_empty(context: Context) -> Iterator[Said]:
    """A pod that has loaded its model is evicted to save little money, or a node that no pod uses is kept.

    Disruption budgets of 0 for empty nodes fail too, unless their schedules leave some time free.
    """
    for found, pool in _pools(context, accelerated=True):
        if found.replicas is not None:
            continue
        problems = []
        if found.consolidation_policy != "WhenEmpty":
            problems.append(
                Problem(f"{found.consolidation_policy} evicts running GPU pods to save on their node", "set WhenEmpty")
            )
        if found.consolidate_after == NEVER:
            problems.append(Problem("consolidateAfter is Never, so an empty node is never removed", "set a duration"))
        if keeps_empty_nodes(found.budgets):
            problems.append(
                Problem("a budget of 0 keeps empty nodes at all times", "give it a schedule, or other reasons")
            )
        held = f"an empty node goes after {found.consolidate_after}"
        yield verdict(pool.name, problems, held)


@check(
    "architecture-is-required",
    subject="node pool",
    fix=f"require {ARCH_LABEL}",
    sources=(
        sources.KARPENTER,
        sources.INSTANCE_TYPES,
    ),
)
def architecture(context: Context) -> Iterator[Said]:
    """A category or family includes Arm types, on which an image for amd64 fails with an exec format error.

    Named types of one architecture pass.
    """
    for found, pool in _pools(context):
        kinds = sorted({row.architecture for row in pool.types})
        required = found.expressions(ARCH_LABEL)
        problem = None
        if not required and len(kinds) > 1:
            arm = next(row.name for row in pool.types if row.architecture == "arm64")
            problem = Problem(
                f"it may bring {arm}, which is arm64", f"require {ARCH_LABEL} In [amd64], or both on purpose"
            )
        yield verdict(pool.name, problem, f"nodes are {' or '.join(kinds) or 'none'}")


@check(
    "spot-is-diverse-with-a-fallback",
    subject="Spot node pool",
    severity="warning",
    fix=f"name {_TYPES} types and {_ZONES} zones or more, and allow on-demand too",
    scope=Scope(NODE_POOLS),
    sources=(
        sources.EC2_GUIDE,
        sources.KARPENTER_GUIDE,
    ),
)
def diverse(context: Context) -> Iterator[Said]:
    """Spot capacity runs out by type and zone: with few of them, pods stay Pending.

    The check fails with fewer than three types or two zones, or if no on-demand pool takes a workload that it takes.
    """
    for _, pool in _pools(context):
        if CapacityType.SPOT not in pool.capacity_types or pool.emptied:
            continue
        problems = []
        if len(pool.types) < _TYPES:
            problems.append(
                Problem(f"it has {len(pool.types)} instance types to choose from", f"name {_TYPES} or more")
            )
        if pool.zones and len(pool.zones) < _ZONES:
            problems.append(Problem(f"it is in {pool.zones[0]} alone", f"select subnets of {_ZONES} zones or more"))
        if not _falls_back(pool, context):
            problems.append(Problem("nothing takes over when Spot runs out", "allow on-demand too, which comes second"))
        zones = f"{len(pool.zones)} zones" if pool.zones else "zones that are not known"
        yield verdict(pool.name, problems, f"{len(pool.types)} types in {zones}, with a fallback")


def _falls_back(pool: Pool, context: Context) -> bool:
    """In the pool itself, or in others that take every workload which the pool takes.

    Without workloads, another pool must admit pods with the same tolerations, and have nodes like the pool's.
    """
    if CapacityType.ON_DEMAND in pool.capacity_types:
        return True
    others = {other.urn: other for other in context.pools if _is_on_demand(other) and other.urn != pool.urn}
    taken = [
        {room.pool.urn for room in context.rooms if room.verdict(work.pod, work.cluster).admits}
        for work in context.workloads
        if not work.daemon
    ]
    mine = [takers for takers in taken if pool.urn in takers]
    if mine:
        return all(takers & others.keys() for takers in mine)
    return any(
        other.accelerator == pool.accelerator
        and set(other.hard_taints) <= set(pool.hard_taints)
        and _architectures(other) & _architectures(pool)
        for other in others.values()
    )


def _is_on_demand(pool: Pool) -> bool:
    return CapacityType.ON_DEMAND in pool.capacity_types and pool.max_nodes != 0 and not pool.emptied


def _architectures(pool: Pool) -> set[str]:
    return {row.architecture for row in pool.types}


@check(
    "packing-cannot-cost-more",
    subject="GPU node pool",
    severity="warning",
    fix="name instance types instead of a family",
    scope=ACCELERATED_NODE_POOLS,
    sources=(
        sources.KARPENTER,
        sources.LAB,
    ),
)
def packing(context: Context) -> Iterator[Said]:
    """Karpenter puts several pods on one large node, even if several small nodes cost less.

    Types of which the pool's limits allow no node do not count. Where a NodeOverlay counts shares of GPUs, the check
    compares the price of a share.
    """
    for _, pool in _pools(context, accelerated=True):
        prices = {row: price for row in pool.types if (price := on_demand_price(row.name, pool.region))}
        hourly = {row: price.hourly for row, price in prices.items()}
        fitting = [row for row in hourly if not (pool.limits and pool.limits.blocked_by(row))]
        devices = {row: count for row in fitting if (count := _devices(pool, row))}
        least = min(devices.values(), default=0)
        smallest = [row for row in devices if devices[row] == least]
        small = min(smallest, key=lambda row: hourly[row], default=None)
        problem = _dearer(small, devices, prices, pool.region) if small else None
        yield verdict(pool.name, problem, "no larger type costs more for a GPU than the smallest")


def _devices(pool: Pool, row: InstanceType) -> int:
    """Devices that Karpenter counts on a node of the type: an overlay may count shares of them in their place, or
    slices, which are other devices.
    """
    counted = pool.node.capacity(row) if pool.node else {}
    names = row.accelerator.offered if row.accelerator else ()
    return next((count for name in names if (count := counted.get(name))), 0)


def _dearer(
    small: InstanceType, devices: Mapping[InstanceType, int], prices: Mapping[InstanceType, Price], region: str
) -> Problem | None:
    """Of the cheapest type of each larger count, the one that adds most; Karpenter takes no dearer one."""
    hourly = {row: price.hourly for row, price in prices.items()}
    counts = sorted({count for count in devices.values() if count > devices[small]})
    cheapest = [min((row for row in devices if devices[row] == n), key=lambda row: hourly[row]) for n in counts]
    ratios = {row: hourly[row] / (hourly[small] * devices[row] / devices[small]) for row in cheapest}
    worst = max(ratios, key=lambda row: ratios[row], default=None)
    if worst is None or ratios[worst] < DEARER:
        return None
    amount = usd(hourly[worst], 2, marks_of(prices[worst], region))
    return Problem(
        f"pods of {devices[small]} GPU may be packed on a {worst.name}, at {amount} USD an hour "
        f"{ratios[worst] - 1:.0%} more than {devices[worst] / devices[small]:.3g} {small.name}"
    )


@check(
    "node-pool-requirements-are-known",
    subject="node pool",
    severity="warning",
    fix="require labels that the catalog knows, or do not rely on the pool's numbers",
    sources=(sources.KARPENTER_TYPES,),
)
def known(context: Context) -> Iterator[Said]:
    """The plan counts instance types that the cluster will not have.

    The catalog lacks some labels, such as network bandwidth, and cannot exclude types by them.
    """
    for _, pool in _pools(context):
        problem = (
            Problem(
                f"the catalog does not know {', '.join(pool.unknown_requirements)}, so the plan counts types that "
                "these may exclude"
            )
            if pool.unknown_requirements
            else None
        )
        yield verdict(pool.name, problem, "every requirement is judged")


@check(
    "requirements-name-what-there-is",
    subject="node pool",
    fix="write values that nodes have, and as many as minValues asks for",
    sources=(
        sources.INSTANCE_TYPES,
        sources.KARPENTER_TYPES,
    ),
)
def real_values(context: Context) -> Iterator[Said]:
    """No node can match a value that does not exist; beside valid values, fewer nodes match than expected.

    The check knows zones, capacity types, architectures, and the labels that Karpenter and Auto Mode set for an
    instance type. It warns where AWS may have more values than the catalog, as of families and sizes.
    """
    for _, pool in _pools(context):
        told = [(required, fault) for required in pool.requirements for fault in _value_faults(required, pool)]
        sure = [*_too_few_to_choose_from(pool), *_other_makers(pool)]
        problems = [
            Problem(f"{required.path} {required.key}: {fault.says}", f"write {fault.nearest}" if fault.nearest else "")
            for required, fault in told
        ]
        error = sure or any(fault.sure for _, fault in told)
        yield verdict(pool.name, [*problems, *sure], "nodes have every value", "" if error else "warning")


def _value_faults(required: Required, pool: Pool) -> Iterator[Fault]:
    """Without what other checks say: what the API server refuses, and types that do not exist."""
    for fault in requirement_faults(required, pool.narrowed.group, pool.region):
        named = required.key == INSTANCE_TYPE_LABEL and required.operator == "In" and fault.field == ".values"
        if fault.kind == VALUE and not named:
            yield fault


def _too_few_to_choose_from(pool: Pool) -> Iterator[Problem]:
    for required in pool.requirements if pool.candidates else ():
        there = {node.labels[required.key] for node in pool.candidates if required.key in node.labels}
        if required.min_values > len(there) and is_well_known_label(required.key):
            left = f"{len(there)} values of {required.key} are left"
            says = f"{required.path}.minValues is {required.min_values}, and {left}, so no node ever comes"
            yield Problem(says, f"set minValues to {len(there)} or less, or require less")


def _other_makers(pool: Pool) -> Iterator[Problem]:
    """A limit or taint of one maker's devices, where the requirements leave another's."""
    taints = [taint.key for taint in pool.taints if pool.accelerator]  # nodes without one may stand beside GPU nodes
    named = dict.fromkeys((*(pool.limits.amounts if pool.limits else ()), *taints))
    resource = next((name for name in named if name in ACCELERATOR_RESOURCES), "")
    has_it = any(row.accelerator and row.accelerator.offered.get(resource) for row in pool.types)
    if (
        resource
        and pool.types
        and not has_it
        and (found := why_empty(pool.requirements, pool.narrowed, offering(resource)))
    ):
        yield Problem(found.says, "require types with the devices that its limits and taints are about")


@check(
    "node-pools-name-a-node-class",
    subject="node pool",
    fix="name a node class of the stack in nodeClassRef",
    sources=(sources.KARPENTER,),
)
def named_class(context: Context) -> Iterator[Said]:
    """No node ever starts: Karpenter does not find the node class."""
    for found, pool in _pools(context):
        reference = part(found.template, "nodeClassRef")
        there = [one for one in node_classes(context.graph) if one.type.endswith(f":{reference.get('kind')}")]
        names = [object_name(one) for one in there]
        # Auto Mode brings the class default; a class of another stack is not known here.
        known = found.node_class or not names or (found.auto_mode and reference.get("name") == "default")
        kind = (str(reference.get("group")), str(reference.get("kind")))
        if kind[0] in (KARPENTER_GROUP, AUTO_MODE_GROUP) and kind not in NODE_CLASSES:
            said = f"{kind[0]} has no kind {kind[1]}"
            yield verdict(pool.name, Problem(said, f"write {_kind_of(kind[0])}"), "")
            continue
        if not known and context.of_another_stack:
            continue
        problem = None if known else Problem(f"the stack has no {reference.get('kind')} {reference.get('name')}")
        yield verdict(pool.name, problem, f"its class is {reference.get('name')}")


def _kind_of(group: str) -> str:
    return next(kind for of, kind in NODE_CLASSES if of == group)


@check(
    "gpu-nodes-live-long-enough",
    subject="GPU node pool",
    severity="warning",
    fix="raise expireAfter, or remove it",
    scope=ACCELERATED_NODE_POOLS,
    sources=(sources.KARPENTER_GUIDE,),
)
def long_enough(context: Context) -> Iterator[Said]:
    """A node is replaced at its maximum age, whatever runs there, and each of its pods loads its model again."""
    for found, pool in _pools(context, accelerated=True):
        given = found.template.get("expireAfter")
        lifetime = seconds(given)
        problem = Problem(f"its nodes end after {given}") if lifetime and lifetime < _LIFETIME_S else None
        yield verdict(
            pool.name, problem, f"its nodes end after {given}" if given else "its nodes end when they are due"
        )
