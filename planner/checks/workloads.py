"""Workloads: each has a pool, and none is on a pool that it does not need."""

from collections.abc import Iterator

from ..admission import ACCELERATOR_RESOURCES
from ..demand import Workload
from .registry import Context, Said, check, verdict

SHOWN = 3
"""Pools named in one message."""


def _scheduled(context: Context) -> Iterator[Workload]:
    if context.pools:
        yield from (found for found in context.workloads if not found.daemon and found.max_replicas != 0)


@check("workloads-are-admitted")
def admitted(context: Context) -> Iterator[Said]:
    """A pod that no pool takes stays Pending, and the autoscaler says nothing about it."""
    for workload in _scheduled(context):
        verdicts = context.verdicts[workload.urn]
        takers = [found.pool for found in verdicts if found.admits]
        reasons = [f"{found.pool}: {found.reason}" for found in verdicts[:SHOWN]]
        more = f"; and {len(verdicts) - SHOWN} more" if len(verdicts) > SHOWN else ""
        problem = "" if takers else f"no pool takes its pods, which stay Pending. {'; '.join(reasons)}{more}"
        yield verdict(str(workload), problem, f"taken by {', '.join(takers)}")


@check("cpu-work-stays-off-gpu-nodes")
def off_gpu_nodes(context: Context) -> Iterator[Said]:
    """A pod without a GPU request on a GPU node keeps the node from going."""
    accelerated = {pool.name for pool in context.gpu_pools}
    for workload in _scheduled(context):
        if not accelerated or workload.pod.requests_any(ACCELERATOR_RESOURCES):
            continue
        taken = [found.pool for found in context.verdicts[workload.urn] if found.admits and found.pool in accelerated]
        problem = (
            f"it asks for no GPU but may run on {', '.join(taken)}, and keep a GPU node from going: remove its "
            "toleration, or taint the nodes"
            if taken
            else ""
        )
        yield verdict(str(workload), problem, "no GPU pool takes it")


@check("stated-replicas-find-room", severity="warning")
def find_room(context: Context) -> Iterator[Said]:
    """Replicas beyond the ceilings of the pools stay Pending."""
    for workload in _scheduled(context):
        if workload.replicas and any(found.admits for found in context.verdicts[workload.urn]):
            left = context.left_over.get(str(workload), 0)
            problem = (
                f"{left} of {workload.replicas} replicas find no node: the pools that take them are at their maximum"
                if left
                else ""
            )
            yield verdict(str(workload), problem, f"{workload.replicas} replicas have a node")
