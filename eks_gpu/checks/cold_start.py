"""The cold start: how long a workload may wait for a node that does not exist yet."""

from collections.abc import Iterator, Mapping, Sequence

from eks_gpu.checks.device_plugin import driver_installers
from eks_gpu.checks.pod_specs import PodSpec, pod_specs
from eks_gpu.checks.registry import Context, Problem, Said, check, no_verdict, verdict
from eks_gpu.checks.workloads import scheduled
from eks_gpu.cost.admission import ACCELERATOR_RESOURCES
from eks_gpu.cost.node_cost import Expected
from eks_gpu.cost.time_to_running import NEW_NODE, Step, steps
from eks_gpu.graph.unread import may_bring
from eks_gpu.pods.demand import Workload
from eks_gpu.pools.pool import FARGATE, Pool
from eks_gpu.pools.software import GPU_OPERATOR


@check(
    "cold-start-within-budget",
    subject="workload that asks for an accelerator",
    fix="see the alternatives of `eks-gpu explain` and their prices, or raise cold_start_budget_s",
)
def within_budget(context: Context) -> Iterator[Said]:
    """From Pending to Ready it takes longer than the stack's settings allow, on a new node of a pool that takes it.

    The check applies if the stack has a `cold_start_budget_s`. It adds up the usual times that `eks-gpu explain` shows.
    On nodes that a pool keeps, only what happens on the node counts.
    """
    budget = context.cold_start_budget_s
    if budget is None:
        return
    specs = {spec.urn: spec for spec in pod_specs(context.graph)}
    expected = Expected()
    for workload in scheduled(context):
        spec = specs.get(workload.urn)
        if spec is None or not workload.pod.requests_any(ACCELERATOR_RESOURCES):
            continue
        waits = _waits(context, workload, spec, expected)
        if waits is None:
            yield no_verdict(str(workload), "no time is known for a pool that takes it")
            continue
        if waits:
            problems = [problem for name, found in waits.items() if (problem := _too_long(name, found, budget))]
            most = max(map(_seconds, waits.values()))
            yield verdict(str(workload), problems, f"about {most} of {budget} s to Ready")


def _too_long(pool: str, found: Sequence[Step], budget: int) -> Problem | None:
    over = _seconds(found) - budget
    if over <= 0:
        return None
    longest = max(found, key=lambda step: step.seconds)
    says = f"about {_seconds(found)} s to Ready on a node of {pool}, {over} over the budget of {budget}"
    return Problem(f"{says}; {longest.name} alone takes {longest.seconds} s")


def _waits(context: Context, workload: Workload, spec: PodSpec, expected: Expected) -> Mapping[str, list[Step]] | None:
    """The steps of each pool that takes it; None where one takes it of which no time is known."""
    found = {}
    for room, said in zip(context.rooms, context.verdicts[workload.urn], strict=True):
        if not said.admits or room.pool.given:
            continue
        if room.pool.backend == FARGATE:
            return None
        node = expected.node(room, workload.pod)
        if node is None:
            return None
        made = steps(
            room.pool, node.instance_type, workload.pod, spec.spec, installs=_installs_driver(context, room.pool)
        )
        found[room.pool.name] = [step for step in made if not (room.pool.min_nodes and step.name in NEW_NODE)]
    return found


def _installs_driver(context: Context, pool: Pool) -> bool | None:
    if any(driver_installers(context.software, pool)):
        return True
    return None if context.of_another_stack or may_bring(context.unread, GPU_OPERATOR) else False


def _seconds(found: Sequence[Step]) -> int:
    return sum(step.seconds for step in found)
