"""Node pools of Karpenter and Auto Mode: ceilings that hold, nodes that go, and a price that does not surprise."""

from collections.abc import Iterator
from difflib import get_close_matches

from eks_gpu_components.catalog import ARCH_LABEL, CapacityType, InstanceType, on_demand_price
from eks_gpu_components.catalog.instance_types import RESOURCES

from ..karpenter.objects import NodePool, node_pools
from ..karpenter.schema import seconds
from ..limits import NODES, Limits, capacity
from ..pools import Pool
from ..quantities import CPU, MEMORY, written
from .registry import Context, Said, check, verdict

_LIMITABLE = (CPU, MEMORY, NODES, "ephemeral-storage", "pods", "vpc.amazonaws.com/efa", "aws.amazon.com/neuroncore")
_REAL = frozenset({*_LIMITABLE, *RESOURCES.values()})
_MEANT = {"gpu": "nvidia.com/gpu", "gpus": "nvidia.com/gpu", "neuron": "aws.amazon.com/neuron"}
# Below these, one shortage of one kind stops the pool.
_TYPES, _ZONES = 3, 2
_DEARER = 1.05


def _pools(context: Context, accelerated: bool = False) -> Iterator[tuple[NodePool, Pool]]:
    """As written, and as read."""
    read = {pool.urn: pool for pool in context.pools}
    for found in node_pools(context.graph):
        pool = read[found.resource.urn]
        if pool.accelerator or not accelerated:
            yield found, pool


def _resource(pool: Pool) -> str:
    return RESOURCES["aws" if pool.accelerator == "neuron" else "nvidia"]


@check("limits-name-the-real-resource")
def real_resources(context: Context) -> Iterator[Said]:
    """Karpenter counts only names that nodes have: a limit under another name stops nothing."""
    for found, pool in _pools(context):
        if not found.limits:
            continue
        problems = [
            _unreal(name) for name in found.limits if name not in _REAL and not name.startswith("nvidia.com/mig-")
        ]
        if pool.accelerator and found.replicas is None and _resource(pool) not in found.limits:
            problems.append(f"no limit counts {_resource(pool)}, so GPUs are bought up to the others: add one")
        yield verdict(pool.name, "; ".join(problems), f"nodes have {', '.join(found.limits)}")


def _unreal(name: str) -> str:
    nearest = _MEANT.get(name) or next(iter(get_close_matches(name, sorted(_REAL), n=1, cutoff=0)))
    return f"its limit {name} stops nothing, for no node has such a resource; nearest: {nearest}"


@check("gpu-limit-not-blocked-by-cpu-or-memory")
def not_blocked(context: Context) -> Iterator[Said]:
    """One large type uses up the CPU limit, and the next GPU never comes."""
    for found, pool in _pools(context, accelerated=True):
        resource = _resource(pool)
        amounts = pool.limits.amounts if pool.limits else {}
        if resource not in amounts or found.replicas is not None:
            continue
        rows = [row for row in pool.types if row.accelerators and row.accelerators <= amounts[resource]]
        problems = [
            problem
            for name in (CPU, MEMORY, NODES)
            if name in amounts and (problem := _blocked(name, amounts[name], amounts[resource], resource, rows))
        ]
        yield verdict(pool.name, "; ".join(problems), f"{amounts[resource]} {resource} fit its other limits")


def _blocked(name: str, given: int, devices: int, resource: str, rows: list[InstanceType]) -> str:
    needs = {row: devices // row.accelerators * capacity(row)[name] for row in rows}
    worst = max(rows, key=lambda row: needs[row], default=None)
    if worst is None or needs[worst] <= given:
        return ""
    allowed = int(Limits({name: given}).nodes_of(worst)) * worst.accelerators
    return (
        f"its limit {name} {written(name, given)} ends at {allowed} {resource} on {worst.name}, of {devices}: "
        f"set it to {written(name, needs[worst])} or leave it out"
    )


@check("gpu-pools-consolidate-when-empty")
def when_empty(context: Context) -> Iterator[Said]:
    """A pod that has loaded its model is moved for a few cents; or a node stays that nobody uses."""
    for found, pool in _pools(context, accelerated=True):
        if found.replicas is not None:
            continue
        problems = []
        if found.consolidation_policy != "WhenEmpty":
            problems.append(
                f"{found.consolidation_policy} evicts running GPU pods to save on their node: set WhenEmpty"
            )
        if seconds(found.consolidate_after) == float("inf"):
            problems.append("consolidateAfter is Never, so an empty node stays for good: set a duration")
        if any(_keeps_empty_nodes(budget) for budget in found.budgets):
            problems.append("a budget of 0 keeps empty nodes at all times: give it a schedule, or other reasons")
        held = f"an empty node goes after {found.consolidate_after}"
        yield verdict(pool.name, "; ".join(problems), held)


def _keeps_empty_nodes(budget: object) -> bool:
    assert isinstance(budget, dict)
    reasons = budget.get("reasons")
    return str(budget.get("nodes")) in ("0", "0%") and "schedule" not in budget and (not reasons or "Empty" in reasons)


@check("architecture-is-required")
def architecture(context: Context) -> Iterator[Said]:
    """Category g has Arm types, on which an image for amd64 ends with an exec format error."""
    for found, pool in _pools(context):
        kinds = sorted({row.architecture for row in pool.types})
        required = found.expressions(ARCH_LABEL)
        problem = ""
        if not required and len(kinds) > 1:
            arm = next(row.name for row in pool.types if row.architecture == "arm64")
            problem = f"it may bring {arm}, which is arm64: require {ARCH_LABEL} In [amd64], or both on purpose"
        yield verdict(pool.name, problem, f"nodes are {' or '.join(kinds) or 'none'}")


@check("spot-is-diverse-with-a-fallback", severity="warning")
def diverse(context: Context) -> Iterator[Said]:
    """Spot runs out by type and zone: few of them, and pods wait."""
    for _, pool in _pools(context):
        if CapacityType.SPOT not in pool.capacity_types:
            continue
        problems = []
        if len(pool.types) < _TYPES:
            problems.append(f"it has {len(pool.types)} instance types to choose from: name {_TYPES} or more")
        if pool.zones and len(pool.zones) < _ZONES:
            problems.append(f"it is in {pool.zones[0]} alone: select subnets of {_ZONES} zones or more")
        if not _falls_back(pool, context):
            problems.append("nothing takes over when Spot runs out: allow on-demand too, which comes second")
        zones = f"{len(pool.zones)} zones" if pool.zones else "zones that are not known"
        yield verdict(pool.name, "; ".join(problems), f"{len(pool.types)} types in {zones}, with a fallback")


def _falls_back(pool: Pool, context: Context) -> bool:
    """In the pool itself, or in another one that takes every pod with the same tolerations."""
    return any(
        CapacityType.ON_DEMAND in other.capacity_types
        and other.accelerator == pool.accelerator
        and set(other.hard_taints) <= set(pool.hard_taints)
        for other in context.pools
    )


@check("packing-cannot-cost-more", severity="warning")
def packing(context: Context) -> Iterator[Said]:
    """Karpenter puts several pods on one large node, even where as many small ones cost less."""
    for _, pool in _pools(context, accelerated=True):
        hourly = {row: price.hourly for row in pool.types if (price := on_demand_price(row.name, pool.region))}
        rows = [row for row in hourly if row.accelerators]
        least = min((row.accelerators for row in rows), default=0)
        small = min((row for row in rows if row.accelerators == least), key=lambda row: hourly[row], default=None)
        problem = _dearer(small, [row for row in rows if row.accelerators > least], hourly) if small else ""
        yield verdict(pool.name, problem, "no larger type costs more for a GPU than the smallest")


def _dearer(small: InstanceType, larger: list[InstanceType], hourly: dict[InstanceType, float]) -> str:
    """Of the cheapest type of each larger count, the one that adds most; Karpenter takes no dearer one."""
    counts = sorted({row.accelerators for row in larger})
    cheapest = [min((row for row in larger if row.accelerators == n), key=lambda row: hourly[row]) for n in counts]
    ratios = {row: hourly[row] / (hourly[small] * row.accelerators / small.accelerators) for row in cheapest}
    worst = max(ratios, key=lambda row: ratios[row], default=None)
    if worst is None or ratios[worst] < _DEARER:
        return ""
    return (
        f"pods of {small.accelerators} GPU may be packed on a {worst.name}, at {hourly[worst]:.2f} USD an hour "
        f"{ratios[worst] - 1:.0%} more than {worst.accelerators // small.accelerators} {small.name}: name the types"
    )


@check("node-pool-requirements-are-known", severity="warning")
def known(context: Context) -> Iterator[Said]:
    """The plan then has more types than the cluster will have."""
    for _, pool in _pools(context):
        problem = (
            f"the catalog does not know {', '.join(pool.unknown_requirements)}, so the plan counts types that these "
            "may exclude: require something else, or read its numbers with care"
            if pool.unknown_requirements
            else ""
        )
        yield verdict(pool.name, problem, "every requirement is judged")
