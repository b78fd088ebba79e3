"""Reserved capacity: it has begun, it is of the pool's types and zones, it is enough, and its nodes can be replaced."""

from collections.abc import Iterator

from eks_gpu.checks.registry import Context, Problem, Said, check, no_verdict, verdict
from eks_gpu.checks.sources import AUTO_SCALING_GUIDE, EC2_GUIDE, KARPENTER, KARPENTER_DISRUPTION, LAB
from eks_gpu.karpenter.objects import part
from eks_gpu.karpenter.settings import runs_with
from eks_gpu.pools.pool import KARPENTER as BACKEND
from eks_gpu.pools.pool import Pool
from eks_gpu.pools.reservations import Reservation, ceiling
from eks_gpu.pools.software import KARPENTER as CHART
from eks_gpu_components.catalog import CapacityType

_GATE = "terminateFirstDrift"


def _reserving(context: Context) -> Iterator[Pool]:
    return (pool for pool in context.pools if pool.reservations)


@check(
    "reservations-have-begun",
    subject="pool with reservations",
    severity="warning",
    fix="allow another capacity type until then, or wait with the work",
    sources=(EC2_GUIDE, KARPENTER),
)
def begun(context: Context) -> Iterator[Said]:
    """Pods that count on a reservation wait for its start, or run elsewhere until then at another price."""
    for pool in _reserving(context):
        later = [each for each in pool.reservations if each.closed and not each.over]
        until = "until then no node starts" if pool.is_reserved else f"until then nodes are {_others(pool)}"
        problems = [Problem(f"{each} {each.closed}, and {until}", "") for each in later]
        yield verdict(pool.name, problems, "its reservations have begun")


def _others(pool: Pool) -> str:
    return " or ".join(each for each in pool.capacity_types if each != CapacityType.RESERVED)


@check(
    "reservations-fit-their-pools",
    subject="pool with reservations",
    fix="let the pool have the reservation's type and zone, or name another reservation",
    sources=(EC2_GUIDE, KARPENTER),
)
def fit(context: Context) -> Iterator[Said]:
    """No node ever starts in the reservation, which is paid for: it is of another type, or in another zone."""
    for pool in _reserving(context):
        problems = [problem for each in pool.reservations for problem in _misfits(pool, each)]
        yield verdict(pool.name, problems, "its reservations are of its types and zones")


def _misfits(pool: Pool, each: Reservation) -> Iterator[Problem]:
    if each.instance_type and each.instance_type not in pool.instance_types:
        types = ", ".join(pool.instance_types[:3]) or "none"
        yield Problem(f"{each} is of {each.instance_type}, and the pool has {types}", f"add {each.instance_type}")
    if each.zone and pool.zones and each.zone not in pool.zones:
        yield Problem(f"{each} is in {each.zone}, and the pool in {', '.join(pool.zones)}", f"add {each.zone}")
    elif each.zone and pool.chooses_node_itself and len(pool.zones) > 1:
        others = ", ".join(zone for zone in pool.zones if zone != each.zone)
        yield Problem(f"{each} is in {each.zone}, and EC2 may choose {others} too", f"leave {each.zone} alone")


@check(
    "reserved-pools-end-with-their-reservations",
    subject="pool of reserved capacity alone",
    severity="warning",
    fix="lower the maximum to what is reserved, or allow another capacity type",
    sources=(EC2_GUIDE, AUTO_SCALING_GUIDE, KARPENTER),
)
def enough(context: Context) -> Iterator[Said]:
    """Pods beyond the reservation wait for ever, although the pool's maximum promises them a node."""
    for pool in _reserving(context):
        there = ceiling(pool.reservations)
        if not pool.is_reserved or not there:
            continue  # what has ended or not begun is told elsewhere
        most, unit = _promised(pool, context)
        has = there * (pool.gpus_per_node or 1) if unit == "GPUs" else there
        told = "it has no maximum" if most is None else f"it may have {most:g} {unit}"
        told = f"{told}, and {has} are reserved"
        problem = Problem(told, f"set its maximum to {has} {unit}") if most is None or most > has else None
        yield verdict(pool.name, problem, f"{has} {unit} are reserved")


def _promised(pool: Pool, context: Context) -> tuple[float | None, str]:
    """The maximum as the stack says it, and in what: GPUs, or nodes."""
    if pool.limits and pool.gpus_per_node:
        return pool.limits.accelerators(pool.types), "GPUs"
    if pool.limits:
        return pool.limits.nodes(pool.types), "nodes"
    group = context.graph.get(pool.urn)
    stated = (group.inputs.get("maxSize") or part(group.inputs, "scalingConfig").get("maxSize")) if group else None
    return float(stated or 0), "nodes"


@check(
    "reserved-nodes-can-be-replaced",
    subject="Karpenter's pool of reserved capacity alone",
    severity="warning",
    fix="turn Karpenter's gate terminateFirstDrift on, or allow another capacity type",
    sources=(KARPENTER, KARPENTER_DISRUPTION, LAB),
)
def replaceable(context: Context) -> Iterator[Said]:
    """A drifted node stays as it is: Karpenter starts its replacement first, and the reservation is full.

    From Karpenter 1.15 on the gate lets the node go first. A pool whose limits leave an instance free is not told.
    """
    gates = [runs_with(one.values, _GATE) for one in context.charts(CHART)]
    for pool in _reserving(context):
        there = ceiling(pool.reservations)
        if pool.backend != BACKEND or not pool.is_reserved or not there:
            continue
        most = pool.limits.nodes(pool.types) if pool.limits else None
        if most is not None and most < there:
            yield verdict(pool.name, None, "an instance of its reservations stays free for a replacement")
        elif not gates or None in gates:
            yield no_verdict(pool.name, f"whether Karpenter's gate {_GATE} is on is not known")
        else:
            said = f"at {there} nodes its reservations are full, so the replacement of a drifted node never starts"
            fix = f"set settings.featureGates.{_GATE} to true, or allow another capacity type"
            yield verdict(pool.name, Problem(said, fix) if False in gates else None, "a drifted node goes first")
