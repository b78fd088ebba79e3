"""What keeps a node of Karpenter or Auto Mode, by the controller's own rules, in its own order.

Source: sigs.k8s.io/karpenter 1.14, controllers/disruption, controllers/state, utils/pod, utils/pdb.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction
from functools import cached_property
from typing import Any

from eks_gpu.checks.pinned import DO_NOT_DISRUPT as ANNOTATION
from eks_gpu.karpenter.budgets import allowed, opens_at
from eks_gpu.karpenter.objects import DEFAULT_BUDGET, DEFAULT_POLICY, part
from eks_gpu.live.cluster import Manifest
from eks_gpu.live.moments import moment
from eks_gpu.live.nodes import causes
from eks_gpu.live.nodes.causes import Cause, Keeper, clock, until
from eks_gpu.live.nodes.evictions import DisruptionBudgets, blocking
from eks_gpu.live.nodes.seen_nodes import SeenNode, SeenPod
from eks_gpu.pods import durations
from eks_gpu.pods.durations import NEVER
from eks_gpu_components.catalog import KARPENTER_CORE_GROUP
from eks_gpu_components.catalog.label_rules import KUBELET_DOMAINS

DISRUPTED = f"{KARPENTER_CORE_GROUP}/disrupted"
"""Taint of a node that Karpenter is about to remove."""
REGISTERS_WITHIN = timedelta(minutes=15)
"""After that Karpenter gives an instance up that has not become a node."""
_STARTS_WITHIN = timedelta(minutes=10)
"""Drivers and plugins take no longer on a node that becomes whole at all."""
_GOES_WITHIN = timedelta(minutes=10)
"""Karpenter looks at its nodes every 10 s, and takes one that is due some seconds later."""
_EMPTY, _UNDERUTILIZED = "Empty", "Underutilized"


@dataclass(frozen=True)
class Surroundings:
    """What else decides on a node."""

    now: datetime
    pool: Manifest | None
    """Its NodePool."""
    peers: Sequence[SeenNode]
    """All nodes of the NodePool."""
    disruption_budgets: DisruptionBudgets

    @property
    def disruption(self) -> Any:
        """`spec.disruption` of the NodePool."""
        return part(self.pool or {}, "spec", "disruption")

    @property
    def policy(self) -> str:
        """When a node may go."""
        return str(self.disruption.get("consolidationPolicy") or DEFAULT_POLICY)

    @property
    def consolidate_after(self) -> timedelta | None:
        """How long a node stays after that; None for ever."""
        return _duration(self.disruption.get("consolidateAfter") or "0s")

    @property
    def budgets(self) -> Sequence[Any]:
        """How many may go at once."""
        return self.disruption.get("budgets") or [DEFAULT_BUDGET]

    @cached_property
    def whole(self) -> list[SeenNode]:
        """Nodes of the NodePool that are initialized, of which budgets are a part."""
        return [each for each in self.peers if each.is_condition("Initialized")]

    @cached_property
    def gone(self) -> int:
        """How many of them are going or not ready."""
        return sum(not each.is_ready or bool(each.taint(DISRUPTED)) or _is_deleted(each) for each in self.whole)


def keepers(node: SeenNode, around: Surroundings) -> Iterator[tuple[str, Keeper]]:
    """Everything that keeps a node which is idle, each with the cause that it would be, what decides first."""
    pool = str(node.pool)
    if around.pool and part(around.pool, "spec").get("replicas") is not None:
        number = part(around.pool, "spec")["replicas"]
        yield causes.STATIC, Keeper("NodePool", pool, f"has a fixed number of nodes: replicas is {number}")
    if node.annotations.get(ANNOTATION) == "true":
        yield causes.NODE_DO_NOT_DISRUPT, Keeper("Node", node.name, f"is annotated {ANNOTATION}: true")
    if around.pool and around.consolidate_after is None:
        yield causes.NEVER_CONSOLIDATED, Keeper("NodePool", pool, "removes no idle node: consolidateAfter is Never")
    for pod in node.pods:
        if pod.is_active and (rule := _not_to_be_disrupted(pod, around.now)):
            yield causes.DO_NOT_DISRUPT, Keeper("Pod", pod.name, rule)
    for pod in node.pods:
        if pod.is_active and not pod.is_mirror and not pod.tolerates(DISRUPTED):
            yield from ((causes.PDB, each) for each in blocking(pod, around.disruption_budgets))
    for pod in node.counted:
        if node.has_accelerators and not pod.devices:
            removes = "removes empty nodes alone"
            if around.policy != "WhenEmpty":
                removes = "removes the node once others have room for the pod"
            rule = f"asks for no accelerator, and {around.policy} of NodePool {pool} {removes}"
            yield causes.CPU_POD, Keeper("Pod", pod.name, rule)


def cause(node: SeenNode, around: Surroundings) -> tuple[Cause, list[Keeper]]:
    """Why a node of Karpenter that no pod uses is there, and everything that keeps it."""
    found = list(keepers(node, around))
    rows = [keeper for _, keeper in found]
    initialized = node.condition("Initialized") or {}
    if initialized.get("status") != "True":
        return _unready(node, initialized, around), rows
    if around.pool is None:
        message = f"NodePool {node.pool} is not there: Karpenter decides nothing on its nodes"
        return Cause(causes.NO_OWNER, message, f"kubectl delete nodeclaim {_claim(node)}"), rows
    timer, closed = _timer(node, around), _budget(node, around)
    for more in (closed, timer):
        if more:
            rows.append(Keeper("NodePool", str(node.pool), more.message.removeprefix(f"NodePool {node.pool} ")))
    blocked = next(iter(found), None)
    if blocked and not (blocked[0] == causes.CPU_POD and timer and around.policy != "WhenEmpty"):
        return _blocked(node, *blocked, around), rows
    return closed or timer or _due(node, around), rows


def drains(node: SeenNode, around: Surroundings) -> tuple[Cause, list[Keeper]] | None:
    """Why a node is still there that is being removed; None for one that is not."""
    deleted = [
        found
        for each in (node.node, node.claim)
        if each and (found := moment(each["metadata"].get("deletionTimestamp")))
    ]
    if not deleted and not node.taint(DISRUPTED):
        return None
    if not deleted:
        return Cause(causes.DRAINING, "Karpenter removes it as soon as what replaces it is ready"), []
    since = min(deleted)
    by_force = moment((node.claim or {"metadata": {}})["metadata"].get("annotations", {}).get(_TERMINATES))
    rows = list(_holding(node, around))
    forced = f", by force in {until(by_force, around.now)}, terminationGracePeriod" if by_force else ""
    if rows:
        first = rows[0]
        message = f"it is being drained since {clock(since)}: {first.kind} {first.object} {first.rule}{forced}"
        if by_force or all(each.rule.startswith("ends within") for each in rows):
            return Cause(causes.DRAINING, message, goes_at=by_force), rows
        fix = _fix_of_holder(first)
        return Cause(causes.DRAIN_HELD, message, fix), rows
    left = list(_finalizers(node))
    if around.now - since > _GOES_WITHIN and left:
        said = "; ".join(f"{kind} {name} has finalizer {text}" for kind, name, text in left)
        rows = [Keeper(kind, name, f"has finalizer {text}") for kind, name, text in left]
        fix = "see that the controller runs whose finalizer it is, or take the finalizer away once its work is done"
        return Cause(causes.FINALIZER, f"it is deleted since {clock(since)}, and stays: {said}", fix), rows
    return Cause(causes.DRAINING, f"it is being drained since {clock(since)}{forced}", goes_at=by_force), rows


_TERMINATES = f"{KARPENTER_CORE_GROUP}/nodeclaim-termination-timestamp"


def _finalizers(node: SeenNode) -> Iterator[tuple[str, str, str]]:
    for kind, each in (("Node", node.node), ("NodeClaim", node.claim)):
        if each and each["metadata"].get("deletionTimestamp"):
            yield from ((kind, each["metadata"]["name"], text) for text in each["metadata"].get("finalizers") or ())


def _holding(node: SeenNode, around: Surroundings) -> Iterator[Keeper]:
    """Pods that a drain waits for: those first that nobody may evict."""
    waiting = [pod for pod in node.pods if not pod.has_ended and not pod.is_mirror and not pod.tolerates(DISRUPTED)]
    for pod in waiting:
        if pod.is_active:
            if rule := _not_to_be_disrupted(pod, around.now):
                yield Keeper("Pod", pod.name, f"{rule}: nobody evicts it")
            else:
                yield from blocking(pod, around.disruption_budgets)
    for pod in waiting:
        if pod.deleted_at is None:
            continue
        finalizers = pod.manifest["metadata"].get("finalizers") or ()
        if pod.deleted_at > around.now:
            yield Keeper("Pod", pod.name, f"ends within {until(pod.deleted_at, around.now)}, its grace period")
        elif finalizers:
            yield Keeper("Pod", pod.name, f"has finalizer {', '.join(finalizers)}")


def _fix_of_holder(holder: Keeper) -> str:
    if holder.kind == "PodDisruptionBudget":
        return _PDB_FIX
    return f"kubectl delete pod -n {' '.join(holder.object.split('/'))}, once it has done its work"


_PDB_FIX = "let the budget allow one disruption: maxUnavailable 1, or one replica more than minAvailable"


def _not_to_be_disrupted(pod: SeenPod, now: datetime) -> str:
    """The rule by which the annotation protects a pod; empty if it does not, or not any more."""
    text = pod.annotations.get(ANNOTATION, "")
    if text == "true":
        return f"is annotated {ANNOTATION}: true"
    protected = _duration(text)
    if protected is None:
        return ""
    started = moment(part(pod.manifest, "status").get("startTime"))
    ends = started and started + protected
    if ends and ends <= now:
        return ""
    left = f", for {until(ends, now)} more" if ends else ""
    return f"is annotated {ANNOTATION}: {text}{left}"


def _blocked(node: SeenNode, id_: str, keeper: Keeper, around: Surroundings) -> Cause:
    message = f"{keeper.kind} {keeper.object} {keeper.rule}"
    ends = _protection_ends(node, keeper) if id_ == causes.DO_NOT_DISRUPT else None
    fixes = {
        causes.STATIC: f"lower spec.replicas of NodePool {node.pool}",
        causes.NODE_DO_NOT_DISRUPT: f"kubectl annotate node {node.name} {ANNOTATION}-",
        causes.NEVER_CONSOLIDATED: f"set spec.disruption.consolidateAfter of NodePool {node.pool}, as 5m",
        causes.DO_NOT_DISRUPT: "take the annotation away, or wait until the pod ends",
        causes.PDB: _PDB_FIX,
        causes.CPU_POD: place_elsewhere(node, keeper.object),
    }
    fix = fixes[id_]
    if id_ in (causes.DO_NOT_DISRUPT, causes.PDB) and around.policy == "WhenEmpty" and node.counted:
        fix += f"; then {place_elsewhere(node, node.counted[0].name)}"
    return Cause(id_, message, fix, ends)


def _protection_ends(node: SeenNode, keeper: Keeper) -> datetime | None:
    pod = next((each for each in node.pods if each.name == keeper.object), None)
    started = moment(part(pod.manifest, "status").get("startTime")) if pod else None
    protected = _duration(pod.annotations.get(ANNOTATION, "")) if pod else None
    return started + protected if started and protected else None


def place_elsewhere(node: SeenNode, name: str) -> str:
    """What keeps a pod that needs no accelerator off nodes that have some."""
    pod = next((each for each in node.pods if each.name == name), None)
    hard = [each["key"] for each in node.taints if each.get("effect") in ("NoSchedule", "NoExecute")]
    hard = [key for key in hard if key not in (DISRUPTED,) and not key.startswith(KUBELET_DOMAINS)]
    if not hard:
        return f"taint the nodes of pool {node.pool}, as nvidia.com/gpu=true:NoSchedule, and move pod {name}"
    tolerated = [key for key in hard if pod and pod.tolerates(key)]
    if tolerated:
        return f"take the toleration of {', '.join(tolerated)} from pod {name}, so that it runs elsewhere"
    return f"move pod {name}: it came before the node had its taints {', '.join(hard)}"


def _budget(node: SeenNode, around: Surroundings) -> Cause | None:
    reason = _UNDERUTILIZED if node.counted else _EMPTY
    bound = allowed(around.budgets, reason, len(around.whole), around.now)
    if bound is None:
        return None
    pool = f"NodePool {node.pool}"
    if bound == 0:
        opens = opens_at(around.budgets, reason, around.now)
        if opens is None:
            message = f"{pool} lets no node go: a disruption budget of 0 for reason {reason}"
            return Cause(causes.BUDGET, message, f"set spec.disruption.budgets of {pool} above 0 for reason {reason}")
        message = f"{pool} lets no node go until {clock(opens)}: a disruption budget of 0 for reason {reason}"
        timer = _timer(node, around)
        goes = max(opens, timer.goes_at) if timer and timer.goes_at else opens
        return Cause(causes.BUDGET, message, goes_at=goes)
    if bound <= around.gone:
        message = f"{pool} lets {bound} go at once, and {around.gone} of its nodes are going or not ready"
        return Cause(causes.BUDGET, message, goes_at=around.now)
    return None


def _is_deleted(node: SeenNode) -> bool:
    return any(each and each["metadata"].get("deletionTimestamp") for each in (node.node, node.claim))


def _timer(node: SeenNode, around: Surroundings) -> Cause | None:
    """The time for which it stays idle; None once it is over."""
    after, since = around.consolidate_after, node.idle_since or _last_event(node)
    if after is None or since is None or since + after <= around.now:
        return None
    ends = since + after
    time = durations.written(int(after.total_seconds()))
    message = f"NodePool {node.pool} keeps an idle node for {time}, consolidateAfter: {until(ends, around.now)} left"
    return Cause(causes.IDLE_TIMER, message, goes_at=ends)


def _last_event(node: SeenNode) -> datetime | None:
    told = part(node.claim or {}, "status").get("lastPodEventTime")
    return moment(told) or moment((node.condition("Initialized") or {}).get("lastTransitionTime"))


def _due(node: SeenNode, around: Surroundings) -> Cause:
    """A node that nothing known keeps."""
    told = node.condition("Consolidatable") or {}
    since = moment(told.get("lastTransitionTime"))
    if node.is_condition("Drifted"):
        return Cause(causes.GOING, "it has drifted from its NodePool, and Karpenter replaces it next")
    if told.get("status") == "True" and since and around.now - since > _GOES_WITHIN:
        message = f"it may go since {clock(since)}, nothing that was read keeps it, and Karpenter does not remove it"
        return Cause(causes.UNKNOWN, message, "see whether Karpenter runs, and what its log says of the node")
    if told.get("status") == "True":
        return Cause(causes.GOING, "it is Consolidatable: Karpenter removes it next", goes_at=around.now)
    return Cause(causes.GOING, "its time of being idle is over: Karpenter marks it next", goes_at=around.now)


def _unready(node: SeenNode, condition: Any, around: Surroundings) -> Cause:
    age = around.now - node.since
    said = " ".join(filter(None, (condition.get("reason"), condition.get("message"))))
    if age < _STARTS_WITHIN:
        return Cause(causes.STARTING, f"it registered and is not initialized yet: {said or 'Karpenter has not looked'}")
    fix = "install the device plugin for the pool's nodes, with a toleration of their taints"
    if "Resource" not in said:
        fix = "see to what the condition names: the kubelet, a startup taint, a resource that nobody registers"
    message = (
        f"it is not initialized after {causes.for_people(int(age.total_seconds()))}: {said or 'no reason is told'}"
    )
    return Cause(causes.NOT_INITIALIZED, message, fix)


def expires(node: SeenNode, around: Surroundings) -> Keeper | None:
    """When its age ends it, whatever keeps it."""
    text = part(node.claim or {}, "spec").get("expireAfter")
    life = _duration(text)
    made = moment((node.claim or {"metadata": {}})["metadata"].get("creationTimestamp"))
    if life is None or made is None:
        return None
    return Keeper("NodeClaim", _claim(node), f"ends it by age in {until(made + life, around.now)}: expireAfter {text}")


def _claim(node: SeenNode) -> str:
    return str((node.claim or {"metadata": {"name": node.name}})["metadata"]["name"])


def _duration(text: Any) -> timedelta | None:
    """None for `Never`, and for what is no duration."""
    if not text or text == NEVER:
        return None
    try:
        seconds: Fraction = durations.seconds(text)
    except ValueError:
        return None
    return timedelta(seconds=float(seconds))
