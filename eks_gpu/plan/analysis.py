"""Analysis: pools, workloads, which pool takes which pod, cost and checks, from a resource graph."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from eks_gpu import checks
from eks_gpu.cost.admission import Room, Verdict, rooms_of_clusters
from eks_gpu.cost.cost import Cost, Noted, Uncounted, as_billed, at_most, cost
from eks_gpu.cost.gangs import judged_together
from eks_gpu.cost.kept_ready import only_served, ready
from eks_gpu.cost.node_cost import Expected
from eks_gpu.cost.packing import pack
from eks_gpu.cost.quotas import QuotaNeed, kept_within, quota_needs
from eks_gpu.cost.resource_quotas import refused
from eks_gpu.cost.scaling import Scaling
from eks_gpu.graph.graph import Graph, Resource
from eks_gpu.graph.secrets import redacted
from eks_gpu.graph.unknown import Asked, Remembered, listening
from eks_gpu.graph.unread import Unread
from eks_gpu.pods.capacity_buffers import capacity_buffers
from eks_gpu.pods.demand import Workload, workloads
from eks_gpu.pools.cloudformation import in_provider_terms
from eks_gpu.pools.cluster_of import Owners
from eks_gpu.pools.given import pools_of
from eks_gpu.pools.pool import FARGATE, Pool, told_apart
from eks_gpu.pools.readers import pools as read_pools
from eks_gpu.pools.software import Software, software
from eks_gpu.pools.unread import half_read, unknown_values, unread


@dataclass(frozen=True)
class Analysis:
    """One stack. `verdicts` has one for each pool, in the order of `pools`, by the workload's URN."""

    pools: list[Pool]
    rooms: list[Room]
    """The pools, each with the resources that its nodes have for a pod: `room.verdict(pod)` tests any other pod."""
    workloads: list[Workload]
    software: list[Software]
    verdicts: Mapping[str, list[Verdict]]
    cost: Cost
    quotas: list[QuotaNeed]
    findings: list[checks.Finding]
    graph: Graph
    """The stack in the AWS provider's terms, which the analysis was made from."""
    unread: list[Unread]
    """What the stack has and the planner does not read, and unknown properties that it wanted to read."""
    budget: float | None = None
    """USD a month that the maximum may cost; None for no limit."""

    @property
    def failed(self) -> bool:
        """Whether a check of severity error fails without a waiver, or nodes are not read, waived or not."""
        return any(finding.fails_plan for finding in self.findings) or self.nodes_are_unread

    @property
    def nodes_are_unread(self) -> bool:
        """Whether there may be nodes that are in no pool."""
        return any(row.what == "nodes" for row in self.unread)

    def without(self, secrets: Sequence[str]) -> "Analysis":
        """The same analysis, with a mask for each of these texts in what the checks say."""
        said = [
            replace(finding, message=redacted(finding.message, secrets), fix=redacted(finding.fix, secrets))
            for finding in self.findings
        ]
        return replace(self, findings=said)

    def admitted_by(self, workload: Workload) -> list[str]:
        """Names of the pools that take a pod of the workload."""
        return [verdict.pool for verdict in self.verdicts[workload.urn] if verdict.admits]


def analyse(
    graph: Graph,
    region: str,
    on: date,
    budget: float | None = None,
    waivers: Sequence[checks.Waiver] = (),
    given: Sequence[Resource] = (),
    cold_start_budget_s: int | None = None,
) -> Analysis:
    """Analyses a stack. `budget` is the maximum cost of a month, in USD, `cold_start_budget_s` the longest wait of a
    workload for its first node, in seconds; `given` are pools that the stack does not
    have, from `given_pools`: they take pods and cost money, and no check judges them.

    Raises InputError for workloads with broken quantities.
    """
    with listening() as asked:
        found = _analysed(in_provider_terms(graph), region, on, budget, waivers, given, cold_start_budget_s)
    return replace(found, unread=[*found.unread, *unknown_values(asked, graph)])


def _analysed(
    graph: Graph,
    region: str,
    on: date,
    budget: float | None,
    waivers: Sequence[checks.Waiver],
    given: Sequence[Resource],
    cold_start_budget_s: int | None,
) -> Analysis:
    owners = Owners(graph)
    pools = [*read_pools(graph, region, on), *pools_of(given, graph, region, owners.only)]
    demand = [replace(found, cluster=owners.at(found.resource)) for found in workloads(graph)]
    left = [*unread(graph), *half_read(demand)]
    releases = [replace(found, cluster=owners.at(found.urn)) for found in software(graph)]
    space = rooms_of_clusters(pools, demand, graph)
    buffers = [replace(found, cluster=owners.at(found.resource)) for found in capacity_buffers(graph)]
    verdicts = _verdicts(demand, space)
    kept = _verdicts(buffers, space)
    kept = Remembered({urn: only_served(found, space, releases) for urn, found in kept.items()}, kept.asked)
    admitted_by = {
        urn: [room.pool.urn for room, verdict in zip(space, found, strict=True) if verdict.admits]
        for urn, found in (*verdicts.items(), *kept.items())
    }
    made = owners.made
    scaling = Scaling(graph, {cluster.name for cluster in made}, releases, demand)
    billed = as_billed(pools, scaling)
    paid_for = rooms_of_clusters(billed, demand, graph)
    scheduled = [*(workload for workload in demand if not workload.daemon), *buffers]
    spare = [workload for workload in scheduled if workload.spare]
    expected = Expected()
    idle, steady, most = (
        pack(some, paid_for, admitted_by, expected.node, expected.hourly)
        for some in (spare, scheduled, at_most(scheduled))
    )
    verdicts = Remembered(verdicts | judged_together(demand, verdicts, paid_for), verdicts.asked)
    unknown = Uncounted(
        steady=[str(each) for each in scheduled if not each.is_counted],
        most=[str(each) for each in scheduled if each.max_replicas is None or each.unknown_numbers],
        idle=[str(each) for each in spare if not each.is_counted],
    )
    kept_for = [*ready(each for each in spare if admitted_by[each.urn])]
    within = kept_within(billed, idle)
    noted = Noted(
        idle=[*kept_for, *within, *refused(graph, spare, lambda each: each.replicas or 0)],
        steady=[*within, *refused(graph, scheduled, lambda each: each.replicas or 0)],
        most=refused(graph, at_most(scheduled), lambda each: each.replicas or 0),
    )
    sizes = _kept(pools, billed)
    found = cost(graph, region, on, told_apart(billed), idle, steady, most, unknown, left, sizes, noted)
    context = checks.Context(
        graph=graph,
        region=region,
        on=on,
        pools=[pool for pool in pools if pool.backend != FARGATE],
        workloads=demand,
        software=releases,
        clusters=made,
        verdicts=verdicts,
        cost=found,
        budget=budget,
        cold_start_budget_s=cold_start_budget_s,
        left_over=steady.left_over,
        buffers=buffers,
        buffer_verdicts=kept,
        not_kept=idle.not_kept,
        waivers=waivers,
        rooms=space,
        unread=left,
        owners=owners,
        scaling=scaling,
    )
    quotas = quota_needs(graph, billed, region)
    own = {pool.name for pool in pools if not pool.given}
    others = {pool.name for pool in pools if pool.given} - own
    said = [finding for finding in checks.findings(context) if finding.subject not in others]
    both = Remembered(verdicts | kept, {**verdicts.asked, **kept.asked})
    return Analysis(pools, space, [*demand, *buffers], releases, both, found, quotas, said, graph, left, budget)


def _kept(pools: Sequence[Pool], billed: Sequence[Pool]) -> list[str]:
    """A note for each group that could have another size and keeps one, because nothing scales it."""
    return [
        f"nothing scales pool {pool.name}: it has its desired size, {paid.min_nodes}, at any load"
        for pool, paid in zip(pools, billed, strict=True)
        if pool.autoscaled and paid is not pool
    ]


def _verdicts(demand: Sequence[Workload], space: Sequence[Room]) -> Remembered[list[Verdict]]:
    """By the workload's URN; who takes one is heard to ask for the unknown properties that it was computed from."""
    found: dict[str, list[Verdict]] = {}
    asked: dict[str, frozenset[Asked]] = {}
    for workload in demand:
        with listening(alone=True) as heard:
            found[workload.urn] = [room.verdict(workload.pod, workload.cluster) for room in space]
        numbers = workload.unknown_numbers if workload.gang else ()
        asked[workload.urn] = workload.unknown_pod | heard | frozenset(numbers)
    return Remembered(found, asked)
