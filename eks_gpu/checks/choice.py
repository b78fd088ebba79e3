"""Choice: several pools take a pod, and the pod gets one that costs more than necessary."""

from collections.abc import Iterator, Mapping
from math import inf

from eks_gpu.checks import sources
from eks_gpu.checks.node_pools import DEARER
from eks_gpu.checks.registry import Context, Problem, Said, check, verdict
from eks_gpu.checks.workloads import scheduled
from eks_gpu.cost.admission import ACCELERATOR_RESOURCES
from eks_gpu.cost.money import Marks, usd
from eks_gpu.cost.node_cost import Expected, node_marks
from eks_gpu.cost.packing import as_tried
from eks_gpu.pods.demand import Workload
from eks_gpu.pools.pool import Pool


@check(
    "small-pods-leave-large-nodes-alone",
    subject="workload, GPU pools",
    severity="warning",
    fix="let each workload select its pool, or add another taint to the large nodes",
    sources=(
        sources.KARPENTER,
        sources.LAB,
    ),
)
def leave_alone(context: Context) -> Iterator[Said]:
    """A small pod takes a large node that a large pod waits for, and another large node is started."""
    takers = {workload.urn: sizes for workload, sizes in _sizes(context)}
    waiting: dict[tuple[tuple[str, int], ...], tuple[str, str] | None] = {}
    for workload in scheduled(context):
        sizes = takers[workload.urn]
        if not workload.pod.requests_any(ACCELERATOR_RESOURCES) or not sizes:
            continue
        key = tuple(sorted(sizes.items()))  # of thousands of workloads few have sizes of their own
        if key not in waiting:
            waiting[key] = _waiting(context, takers, sizes)
        found = waiting[key]
        problem = None
        if found:
            pool, other = found
            problem = Problem(f"its pods may land on nodes of {pool}, which {other} needs, and more of them start")
        if len(sizes) > 1 or found:
            yield verdict(str(workload), problem, "no larger pod waits for a node that it may land on")


def _waiting(
    context: Context, takers: Mapping[str, Mapping[str, int]], sizes: Mapping[str, int]
) -> tuple[str, str] | None:
    """A pool with nodes larger than the smallest of these, and a workload that needs one of them."""
    least = min(sizes.values())
    large = {name for name, size in sizes.items() if size > least}
    return next(
        (
            (min(large & takers[other.urn].keys()), str(other))
            for other in scheduled(context)
            if large & takers[other.urn].keys() and min(takers[other.urn].values()) > least
        ),
        None,
    )


def _sizes(context: Context) -> Iterator[tuple[Workload, dict[str, int]]]:
    """Accelerators of a node, the fewest, of each pool that takes a workload and has any."""
    sizes = {pool.name: min(row.accelerators for row in pool.types) for pool in context.gpu_pools if pool.types}
    for workload in scheduled(context):
        admitting = {found.pool for found in context.verdicts[workload.urn] if found.admits}
        yield workload, {name: size for name, size in sizes.items() if name in admitting}


@check(
    "dearer-node-pools-come-later",
    subject="workload, node pools",
    severity="warning",
    fix="give the cheaper node pool the greater weight",
    sources=(sources.KARPENTER,),
)
def later(context: Context) -> Iterator[Said]:
    """Among node pools of equal weight Karpenter uses the one whose name sorts last, whatever its price."""
    expected = Expected()
    for workload in scheduled(context):
        offers = as_tried(_node_pools(context, workload, expected), lambda offer: offer[0], lambda offer: offer[1])
        if len(offers) < 2:
            continue
        first, price, marks = offers[0]
        cheapest, less, less_marks = min(
            (offer for offer in offers if offer[0].weight == first.weight), key=lambda offer: offer[1]
        )
        problem = Problem(
            f"{first.name} and {cheapest.name} weigh the same, so its first node comes from {first.name}, whose name "
            f"sorts last, at {usd(price, 2, marks)} USD an hour in place of {usd(less, 2, less_marks)}",
            f"give {cheapest.name} a greater weight",
        )
        yield verdict(str(workload), problem if less * DEARER < price else None, f"{first.name} comes first")


def _node_pools(context: Context, workload: Workload, expected: Expected) -> Iterator[tuple[Pool, float, Marks]]:
    """Those that take a pod of the workload, each with the price of the node to expect for it, and its marks."""
    for room, found in zip(context.rooms, context.verdicts[workload.urn], strict=True):
        if found.admits and not room.pool.chooses_node_itself:
            node = expected.node(room, workload.pod)
            hourly = expected.hourly(room.pool, node) if node else inf
            if node and hourly < inf:
                yield room.pool, hourly, node_marks(room.pool, node)
