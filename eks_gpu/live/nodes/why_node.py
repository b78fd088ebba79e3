"""Why nodes are there: `eks-gpu why node`."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from eks_gpu.graph.unread import Unread
from eks_gpu.io.problems import InputError
from eks_gpu.karpenter.objects import part
from eks_gpu.live.account import AccountReader
from eks_gpu.live.cluster import ClusterReader, Refused
from eks_gpu.live.kinds import DISRUPTION_BUDGET, EVENT, NODE, NODE_CLAIM, NODE_POOL, POD, RESOURCE_CLAIM
from eks_gpu.live.moments import moment
from eks_gpu.live.nodes import causes, kept_by_autoscaler, kept_by_karpenter
from eks_gpu.live.nodes.causes import Cause, Keeper
from eks_gpu.live.nodes.evictions import DisruptionBudgets
from eks_gpu.live.nodes.machines import Machines, machines
from eks_gpu.live.nodes.running_autoscaler import RunningAutoscaler, running_autoscaler
from eks_gpu.live.nodes.seen_nodes import SeenNode, instance_of, is_known_to_ec2, seen_nodes
from eks_gpu.live.observed import Observed, kept, observe
from eks_gpu.pools.pool import AUTO_MODE, FARGATE, KARPENTER
from eks_gpu_components.catalog import HOURS_PER_MONTH
from eks_gpu_components.catalog.nearest import hint_or_all

KINDS = (NODE, POD, NODE_CLAIM, NODE_POOL, DISRUPTION_BUDGET, RESOURCE_CLAIM)
"""All that is listed of the cluster."""
_JOINS_WITHIN = timedelta(minutes=15)
"""An instance that has not become a node by then has a fault. The autoscaler gives it up then too."""
_ASKED_ABOUT = 20
"""Nodes whose events are asked for, one request each."""
_SAYS = ("DisruptionBlocked", "Unconsolidatable", "FailedDraining")


@dataclass(frozen=True)
class Facts:
    """What was read of a cluster and its account to answer."""

    cluster: str
    region: str
    observed: Observed
    machines: Machines
    autoscaler: RunningAutoscaler | None
    unread: tuple[Unread, ...] = ()

    @property
    def nodes(self) -> list[SeenNode]:
        """All of them."""
        return seen_nodes(self.observed, self.machines, self.region)


@dataclass(frozen=True)
class Answer:
    """Why one node is there."""

    node: SeenNode
    cause: Cause
    kept_by: tuple[Keeper, ...] = ()

    @property
    def fails(self) -> bool:
        """Whether something keeps a node for ever that no pod uses, or nobody knows."""
        return not self.cause.is_fine

    def as_json(self, now: datetime) -> dict[str, Any]:
        """A row of `nodes`."""
        node, goes_at = self.node, self.cause.goes_at
        monthly = None if node.hourly is None else round(node.hourly * HOURS_PER_MONTH, 2)
        return {
            "name": node.name,
            "pool": node.pool,
            "backend": node.backend,
            "instance_type": node.instance_type or None,
            "capacity_type": node.capacity_type or None,
            "zone": node.zone or None,
            "age_s": int((now - node.since).total_seconds()),
            "gpus": node.gpus,
            "gpus_used": node.gpus_used,
            "hourly": None if node.hourly is None else round(node.hourly, 6),
            "monthly": monthly,
            "estimate": node.estimate,
            "idle": node.idle,
            "idle_since": node.idle_since and node.idle_since.isoformat(),
            "cause": self.cause.as_json(),
            "kept_by": [each.as_json() for each in self.kept_by],
            "not_counted": [each.as_json() for each in not_counted(node)],
            "goes_in_s": None if goes_at is None else max(0, int((goes_at - now).total_seconds())),
        }


@dataclass(frozen=True)
class WhyNodes:
    """The answer of one run."""

    cluster: str
    at: datetime
    answers: tuple[Answer, ...]
    unread: tuple[Unread, ...] = ()

    @property
    def fails(self) -> bool:
        """Whether a node is kept for nothing, or nobody may see the nodes."""
        return any(each.fails for each in self.answers) or any(row.subject == f"{NODE} objects" for row in self.unread)

    def as_json(self) -> dict[str, Any]:
        """The answer of `why node --json`."""
        return {
            "cluster": self.cluster,
            "at": self.at.isoformat(),
            "nodes": [each.as_json(self.at) for each in self.answers],
            "unread": [row.as_json() for row in self.unread],
        }


def facts(cluster: ClusterReader, account: AccountReader, name: str) -> Facts:
    """Reads what decides on nodes. Raises InputError where nobody answers."""
    try:
        observed = observe(cluster, KINDS)
    except Refused as refused:
        raise InputError(f"context {cluster.context}: the API server refuses to say what it has: {refused}") from None
    autoscaler, left = running_autoscaler(cluster, observed)
    found = machines(account, name)
    return Facts(name, account.region, observed, found, autoscaler, (*observed.unread, *found.unread, *left))


def why_nodes(read: Facts, cluster: ClusterReader, wanted: str = "") -> WhyNodes:
    """Why the node of this name is there, by default each with accelerators. Raises InputError for an unknown name,
    with the nearest one.
    """
    nodes = read.nodes
    chosen = [each for each in nodes if wanted in _names(each)] if wanted else [n for n in nodes if n.has_accelerators]
    if wanted and not chosen:
        known = [name for each in nodes for name in _names(each)]
        raise InputError(f"node {wanted!r}: cluster {read.cluster} has none{hint_or_all(wanted, known)}")
    answers = answers_of(read, chosen, nodes)
    told, left = _with_events(answers, cluster)
    return WhyNodes(read.cluster, read.observed.at, tuple(told), (*read.unread, *left))


class Around:
    """What decides on nodes beside themselves, made once for all nodes that it decides on."""

    def __init__(self, read: Facts, nodes: Sequence[SeenNode]):
        self.read = read
        self._nodes = nodes
        self._budgets = DisruptionBudgets(read.observed.of(DISRUPTION_BUDGET))
        self._pools: dict[str | None, kept_by_karpenter.Surroundings] = {}

    def pool(self, name: str | None) -> kept_by_karpenter.Surroundings:
        """Of a NodePool."""
        if name not in self._pools:
            manifests = self.read.observed.of(NODE_POOL)
            self._pools[name] = kept_by_karpenter.Surroundings(
                now=self.read.observed.at,
                pool=next((each for each in manifests if each["metadata"]["name"] == name), None),
                peers=[each for each in self._nodes if each.pool == name],
                disruption_budgets=self._budgets,
            )
        return self._pools[name]

    @cached_property
    def groups(self) -> kept_by_autoscaler.Surroundings:
        """Of all groups."""
        read = self.read
        hidden = any("autoscaler" in row.subject for row in read.unread)
        return kept_by_autoscaler.Surroundings(
            now=read.observed.at,
            cluster=read.cluster,
            autoscaler=read.autoscaler,
            autoscaler_is_known=read.observed.is_read(POD) and not hidden,
            groups_are_known=read.machines.groups is not None,
            disruption_budgets=self._budgets,
            newest=max((each.since for each in self._nodes if each.group), default=None),
        )


def answers_of(read: Facts, chosen: Iterable[SeenNode], nodes: Sequence[SeenNode]) -> list[Answer]:
    """Why these of all nodes are there, by what was read."""
    around = Around(read, nodes)
    return [answer_of(around, each) for each in chosen]


def answer_of(around: Around, node: SeenNode) -> Answer:
    """Why a node is there, by what was read."""
    read = around.read
    now = read.observed.at
    if missing := _missing(read, node):
        return Answer(node, missing)
    if node.node is None:
        return Answer(node, _coming(node, now))
    by_karpenter = node.backend in (KARPENTER, AUTO_MODE)
    of_karpenter, of_groups = around.pool(node.pool), around.groups
    going = kept_by_karpenter.drains(node, of_karpenter) if by_karpenter else kept_by_autoscaler.drains(node, of_groups)
    if going:
        return Answer(node, going[0], tuple(going[1]))
    if orphan := _orphan(read, node):
        return Answer(node, orphan)
    rules = kept_by_karpenter.keepers(node, of_karpenter) if by_karpenter else ()
    if not node.idle:
        users = [Keeper("Pod", pod.name, _use(pod.devices)) for pod in node.gpu_pods or node.counted]
        return Answer(node, _in_use(node), (*users, *(row for id_, row in rules if id_ != causes.CPU_POD)))
    if node.backend == FARGATE:
        return Answer(node, Cause(causes.GOING, "Fargate removes it with its pod"))
    if by_karpenter:
        cause, rows = kept_by_karpenter.cause(node, of_karpenter)
        aged = kept_by_karpenter.expires(node, of_karpenter)
        rows = [*rows, *([aged] if aged else [])]
    elif node.pool is None and read.machines.groups is not None:
        message = "it is in no pool and no auto scaling group: nothing removes it"
        cause, rows = Cause(causes.NOTHING_SCALES, message, "end its instance where it was made"), []
    else:
        cause, rows = kept_by_autoscaler.cause(node, of_groups)
    return Answer(node, _certain(read, node, cause), tuple(rows))


def not_counted(node: SeenNode) -> Iterator[Keeper]:
    """Pods that keep no node."""
    for pod in node.pods:
        if not pod.counts:
            rule = "of a DaemonSet" if pod.owner == "DaemonSet" else "a mirror pod of the kubelet"
            yield Keeper("Pod", pod.name, f"does not count: {'has ended' if pod.has_ended else rule}")


def _names(node: SeenNode) -> set[str]:
    claim = node.claim["metadata"]["name"] if node.claim else ""
    ids = {instance_of(each) for each in (node.node, node.claim) if each}
    return {node.name, claim, *ids} - {""}


def _missing(read: Facts, node: SeenNode) -> Cause | None:
    """That nothing can be said, where what decides may not be read."""
    needed = [POD]
    if node.backend in (KARPENTER, AUTO_MODE):
        needed += [NODE_CLAIM, NODE_POOL]
    for kind in needed:
        if not read.observed.is_read(kind):
            row = next(each for each in read.observed.unread if each.subject == f"{kind} objects")
            return Cause(causes.UNKNOWN, f"{kind.name} objects may not be read: {row.why}", row.how)
    return None


def _certain(read: Facts, node: SeenNode, cause: Cause) -> Cause:
    """The cause, unless it says that the node goes and what could hold it may not be read."""
    unread = next((each for each in read.unread if each.subject == f"{DISRUPTION_BUDGET} objects"), None)
    if not unread or not cause.is_fine or not any(pod.is_active for pod in node.pods):
        return cause
    message = f"{cause.message}; whether a PodDisruptionBudget holds it may not be read: {unread.why}"
    return Cause(causes.UNKNOWN, message, unread.how)


def _use(devices: Any) -> str:
    return f"asks for {', '.join(f'{number} {name}' for name, number in devices.items())}" if devices else "runs on it"


def _in_use(node: SeenNode) -> Cause:
    pods = node.gpu_pods or node.counted
    number = f"{len(pods)} pod{'s' if len(pods) > 1 else ''}"
    if not node.has_accelerators:
        return Cause(causes.IN_USE, f"in use by {number}")
    return Cause(causes.IN_USE, f"in use by {number} with {node.gpus_used} of {node.gpus} GPUs")


def _coming(node: SeenNode, now: datetime) -> Cause:
    """Of a NodeClaim or an instance without a Node."""
    age = now - node.since
    what = f"instance {instance_of(node.claim) or node.name}" if node.instance or instance_of(node.claim) else ""
    if node.claim:
        if node.claim["metadata"].get("deletionTimestamp"):
            return Cause(causes.DRAINING, "its NodeClaim is deleted, and its instance ends")
        if age < kept_by_karpenter.REGISTERS_WITHIN:
            launched = node.is_condition("Launched")
            said = part(node.condition("Launched") or {}).get("message") or ""
            message = f"{what} has started and has not registered" if launched else f"Karpenter launches it {said}"
            return Cause(causes.LAUNCHING, message.strip(), goes_at=None)
        message = f"{what or 'its instance'} has not registered after {causes.for_people(int(age.total_seconds()))}"
        return Cause(causes.NEVER_REGISTERED, message, _JOIN_FIX)
    if age < _JOINS_WITHIN:
        return Cause(causes.LAUNCHING, f"{what} has started and has not registered")
    message = f"{what} runs for {causes.for_people(int(age.total_seconds()))} and never became a node"
    return Cause(causes.NEVER_REGISTERED, message, _JOIN_FIX)


_JOIN_FIX = (
    "see its console output: its role's access entry, its subnet's way to the API server, its user data; then end it"
)


def _orphan(read: Facts, node: SeenNode) -> Cause | None:
    """A node whose maker or instance is gone."""
    assert node.node
    if node.backend in (KARPENTER, AUTO_MODE) and node.claim is None:
        message = f"it is of NodePool {node.pool}, and no NodeClaim owns it: Karpenter does not know it"
        return Cause(causes.NO_OWNER, message, f"end instance {instance_of(node.node)}, then delete the Node")
    gone = read.machines.instances is not None and instance_of(node.node) not in read.machines.instances
    if gone and not node.is_ready and is_known_to_ec2(node.node):
        message = f"its kubelet is silent, and instance {instance_of(node.node)} is none of the cluster's that run"
        return Cause(causes.NO_OWNER, message, f"kubectl delete node {node.name}")
    return None


def _with_events(answers: Sequence[Answer], cluster: ClusterReader) -> tuple[list[Answer], list[Unread]]:
    """The answers, of which those that are not sure say what Karpenter says of the node."""
    told, asked = list(answers), 0
    for place, answer in enumerate(answers):
        unsure = answer.cause.id in (causes.UNKNOWN, causes.GOING) and answer.node.claim is not None
        if not unsure or asked == _ASKED_ABOUT:
            continue
        asked += 1
        try:
            selector = f"involvedObject.kind=Node,involvedObject.name={answer.node.name}"
            events = cluster.objects(EVENT, kept, fieldSelector=selector)
        except Refused as refused:
            how = "allow `list` of events in API group ''"
            return told, [Unread("events of nodes", "values", f"the API server refuses them: {refused}", how)]
        if said := _said(events, answer.node):
            told[place] = _as_told(answer, said)
    return told, []


def _said(events: Iterable[Any], node: SeenNode) -> str:
    """What Karpenter said last of the node, since it is as it is."""
    since = moment((node.condition("Consolidatable") or {}).get("lastTransitionTime")) or node.since
    rows = [
        each
        for each in events
        if each.get("reason") in _SAYS and (said := moment(each.get("lastTimestamp"))) and said >= since
    ]
    last = max(rows, key=lambda each: str(each["lastTimestamp"]), default=None)
    return str(last.get("message", "")) if last else ""


def _as_told(answer: Answer, said: str) -> Answer:
    if "buffer pods" in said:
        fix = "lower the CapacityBuffer that wants the node"
        return replace(answer, cause=Cause(causes.BUFFER, f"Karpenter says: {said}", fix))
    message = f"{answer.cause.message}; Karpenter says: {said}"
    return replace(answer, cause=replace(answer.cause, message=message))
