"""What keeps a node of a group, by the cluster autoscaler's own rules, in its own order.

Source: cluster-autoscaler 1.33, core/scaledown/eligibility, simulator/drainability/rules, utils/drain.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from eks_gpu.checks.pinned import SAFE_TO_EVICT
from eks_gpu.karpenter.objects import part
from eks_gpu.live.moments import moment
from eks_gpu.live.nodes import causes
from eks_gpu.live.nodes.causes import Cause, Keeper, clock, until
from eks_gpu.live.nodes.evictions import DisruptionBudgets, blocking
from eks_gpu.live.nodes.kept_by_karpenter import place_elsewhere
from eks_gpu.live.nodes.running_autoscaler import RunningAutoscaler
from eks_gpu.live.nodes.seen_nodes import DELETION_CANDIDATE, TO_BE_DELETED, SeenNode, SeenPod
from eks_gpu.pods import durations

SCALE_DOWN_DISABLED = "cluster-autoscaler.kubernetes.io/scale-down-disabled"
LOCAL_VOLUMES = "cluster-autoscaler.kubernetes.io/safe-to-evict-local-volumes"
_MAKES_PODS_AGAIN = ("ReplicationController", "Job", "ReplicaSet", "StatefulSet")
"""Controllers that the autoscaler knows."""
_STUCK_AFTER = timedelta(seconds=30)
"""A deleted pod that has outlived its grace period for that long does not count."""
_MARKED_WITHIN = timedelta(minutes=2)
"""By then the autoscaler has looked at a node that it may remove, and marked it."""


@dataclass(frozen=True)
class Surroundings:
    """What else decides on a node."""

    now: datetime
    cluster: str
    autoscaler: RunningAutoscaler | None
    autoscaler_is_known: bool
    """Whether an autoscaler would have been seen."""
    groups_are_known: bool
    """Whether the account has told which groups there are."""
    disruption_budgets: DisruptionBudgets
    newest: datetime | None
    """When the youngest node of all groups was made."""


def drains(node: SeenNode, around: Surroundings) -> tuple[Cause, list[Keeper]] | None:
    """Why a node is still there that the autoscaler, or somebody else, removes; None for one that stays."""
    deleted = moment((node.node or {"metadata": {}})["metadata"].get("deletionTimestamp"))
    marked = node.taint(TO_BE_DELETED)
    if not deleted and not marked:
        return None
    rows = [each for pod in node.counted for each in blocking(pod, around.disruption_budgets)]
    if deleted and (finalizers := (node.node or {})["metadata"].get("finalizers")):
        rows.append(Keeper("Node", node.name, f"has finalizer {', '.join(finalizers)}"))
        fix = "see that the controller runs whose finalizer it is, or take the finalizer away once its work is done"
        return Cause(causes.FINALIZER, f"it is deleted since {clock(deleted)}, and stays: {rows[-1].rule}", fix), rows
    held = f": {rows[0].kind} {rows[0].object} {rows[0].rule}" if rows else ""
    return Cause(causes.DRAINING, f"the autoscaler drains and ends it{held}"), rows


def keepers(node: SeenNode, around: Surroundings) -> Iterator[tuple[str, Keeper]]:
    """Everything that keeps a node which is idle, each with the cause that it would be, what decides first."""
    group, runs = node.group, around.autoscaler
    least, size = _sizes(node, around)
    pool = f"{node.pool}"
    if least is not None and size is not None and size <= least:
        yield causes.MINIMUM_SIZE, Keeper("group", pool, f"has its least number of nodes: minimum {least}, size {size}")
    if not runs and around.autoscaler_is_known:
        wanted = f"of its desired size {group.desired}" if group else "as they are"
        yield causes.NOTHING_SCALES, Keeper("group", pool, f"keeps nodes {wanted}: no cluster autoscaler runs")
    if runs and group and not runs.scales(group, around.cluster):
        yield causes.NOTHING_SCALES, Keeper("group", pool, "is none of the autoscaler's: it lacks the discovery tags")
    if runs and runs.is_silent(around.now) and runs.updated:
        yield causes.NOTHING_SCALES, Keeper("autoscaler", "", f"has written no status since {clock(runs.updated)}")
    if runs and not runs.is_on("scale-down-enabled"):
        yield causes.SCALE_DOWN_OFF, Keeper("autoscaler", "", "runs with --scale-down-enabled=false")
    if node.annotations.get(SCALE_DOWN_DISABLED) == "true":
        yield causes.SCALE_DOWN_DISABLED, Keeper("Node", node.name, f"is annotated {SCALE_DOWN_DISABLED}: true")
    if runs:
        for pod in node.pods:
            yield from _pod_rules(pod, runs, around)
    for pod in node.counted:
        if node.has_accelerators and not pod.devices:
            rule = "asks for no accelerator and keeps the node until another one has room for it"
            yield causes.CPU_POD, Keeper("Pod", pod.name, rule)


def cause(node: SeenNode, around: Surroundings) -> tuple[Cause, list[Keeper]]:
    """Why a node of a group that no pod uses is there, and everything that keeps it."""
    found = list(keepers(node, around))
    rows = [keeper for _, keeper in found]
    if found:
        return _blocked(node, *found[0]), rows
    if node.group is None and not around.groups_are_known:
        message = "its auto scaling group may not be read, and so neither its least size nor its tags"
        return Cause(causes.UNKNOWN, message, "allow autoscaling:DescribeAutoScalingGroups"), rows
    if around.autoscaler is None:
        message = "whether a cluster autoscaler runs may not be read"
        return Cause(causes.UNKNOWN, message, "allow `list` of pods in API group ''"), rows
    return _timer(node, around.autoscaler, around), rows


def _sizes(node: SeenNode, around: Surroundings) -> tuple[int | None, int | None]:
    if node.group:
        return node.group.min_size, node.group.desired
    return None, None


def _pod_rules(pod: SeenPod, runs: RunningAutoscaler, around: Surroundings) -> Iterator[tuple[str, Keeper]]:
    """The first rule by which the autoscaler leaves a pod where it is."""
    deleted = pod.deleted_at
    if pod.is_mirror or (deleted and deleted + _STUCK_AFTER < around.now):
        return
    if pod.owner == "DaemonSet" or pod.annotations.get(SAFE_TO_EVICT) == "true" or pod.has_ended:
        return
    known = _MAKES_PODS_AGAIN if runs.is_on("skip-nodes-with-custom-controller-pods") else None
    if not pod.owner or (known and pod.owner not in known):
        whose = f"has a controller that the autoscaler does not know, {pod.owner}" if pod.owner else "has no controller"
        yield causes.NO_CONTROLLER, Keeper("Pod", pod.name, f"{whose}: nothing would make it again")
    if runs.is_on("skip-nodes-with-system-pods") and pod.namespace == "kube-system":
        made = moment(pod.manifest["metadata"].get("creationTimestamp"))
        waits = runs.time("blocking-system-pod-distruption-timeout")
        if not around.disruption_budgets.of(pod) and made and around.now < made + waits:
            rule = f"is of kube-system without a PodDisruptionBudget, for {until(made + waits, around.now)} more"
            yield causes.SYSTEM_POD, Keeper("Pod", pod.name, rule)
    if pod.annotations.get(SAFE_TO_EVICT) == "false":
        yield causes.NOT_SAFE_TO_EVICT, Keeper("Pod", pod.name, f"is annotated {SAFE_TO_EVICT}: false")
    if runs.is_on("skip-nodes-with-local-storage") and (volumes := _local_volumes(pod)):
        rule = f"has local storage, {', '.join(volumes)}, and the autoscaler runs with --skip-nodes-with-local-storage"
        yield causes.LOCAL_STORAGE, Keeper("Pod", pod.name, rule)
    yield from ((causes.PDB, each) for each in blocking(pod, around.disruption_budgets))


def _local_volumes(pod: SeenPod) -> list[str]:
    spared = pod.annotations.get(LOCAL_VOLUMES, "").split(",")
    return [
        f"{kind} {each['name']}"
        for each in part(pod.manifest, "spec").get("volumes") or ()
        for kind in ("hostPath", "emptyDir")
        if isinstance(each.get(kind), dict) and each[kind].get("medium") != "Memory" and each["name"] not in spared
    ]


def _blocked(node: SeenNode, id_: str, keeper: Keeper) -> Cause:
    message = " ".join(filter(None, (keeper.kind, keeper.object, keeper.rule)))
    group = f"group {node.pool}"
    tags = "k8s.io/cluster-autoscaler/enabled and k8s.io/cluster-autoscaler/<cluster>"
    fixes = {
        causes.MINIMUM_SIZE: f"lower the minimum of {group}" + (" to 0" if node.has_accelerators else ""),
        causes.NOTHING_SCALES: f"run a cluster autoscaler with {group} tagged {tags}, or lower its desired size",
        causes.SCALE_DOWN_OFF: "run the autoscaler without --scale-down-enabled=false",
        causes.SCALE_DOWN_DISABLED: f"kubectl annotate node {node.name} {SCALE_DOWN_DISABLED}-",
        causes.NO_CONTROLLER: f"run the pod from a Deployment or a Job, or annotate it {SAFE_TO_EVICT}: true",
        causes.SYSTEM_POD: f"give it a PodDisruptionBudget, or annotate it {SAFE_TO_EVICT}: true",
        causes.NOT_SAFE_TO_EVICT: "take the annotation away, or wait until the pod ends",
        causes.LOCAL_STORAGE: f"annotate the pod {LOCAL_VOLUMES}: <its volumes>, or {SAFE_TO_EVICT}: true",
        causes.PDB: "let the budget allow one disruption: maxUnavailable 1, or one replica more than minAvailable",
        causes.CPU_POD: place_elsewhere(node, keeper.object),
    }
    return Cause(id_, message, fixes[id_])


def _timer(node: SeenNode, runs: RunningAutoscaler, around: Surroundings) -> Cause:
    unneeded = runs.time("scale-down-unneeded-time", node.group)
    after_add = runs.time("scale-down-delay-after-add")
    waits = around.newest + after_add if around.newest else around.now
    assumed = "" if runs.flags is not None else ", by the autoscaler's defaults, for its pod is not seen"
    if since := node.idle_since or runs.candidates.get(node.group.name if node.group else ""):
        ends = max(since + unneeded, waits)
        if ends > around.now:
            why = f"scale-down-unneeded-time {_written(unneeded)}"
            if waits > since + unneeded:
                why = f"scale-down-delay-after-add {_written(after_add)}"
            message = f"{why} runs: {until(ends, around.now)} left{assumed}"
            return Cause(causes.IDLE_TIMER, message, goes_at=ends)
        if node.idle_since:
            return Cause(causes.GOING, f"the autoscaler has marked it ({DELETION_CANDIDATE}) and ends it next{assumed}")
        return Cause(causes.GOING, f"the autoscaler ends nodes of the group that are idle, one after another{assumed}")
    if waits > around.now:
        message = (
            f"scale-down-delay-after-add {_written(after_add)} runs: {until(waits, around.now)} left, then "
            f"scale-down-unneeded-time {_written(unneeded)}{assumed}"
        )
        return Cause(causes.IDLE_TIMER, message, goes_at=waits + unneeded)
    if around.now - node.since < _MARKED_WITHIN:
        return Cause(causes.IDLE_TIMER, f"the autoscaler has not looked at it yet{assumed}")
    message = f"nothing that was read keeps it, and the autoscaler has not marked it ({DELETION_CANDIDATE})"
    return Cause(causes.UNKNOWN, message, "see what the log of the autoscaler says of the node")


def _written(time: timedelta) -> str:
    return durations.written(int(time.total_seconds()))
