"""What stands between a pool that takes a pod and a new node of it: its node class, its limit, AWS, its controller."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

from eks_gpu.cost.admission import ACCELERATOR_RESOURCES, Room
from eks_gpu.live.cluster import Kind, Manifest
from eks_gpu.live.kinds import NODE, NODE_CLAIM, NODE_POOL, POD
from eks_gpu.live.observed import Observed
from eks_gpu.live.why.account_says import GroupSays
from eks_gpu.live.why.autoscaler_status import AutoscalerStatus
from eks_gpu.live.why.causes import Cause, Id
from eks_gpu.live.why.launches import GRACE_S, row_of
from eks_gpu.live.why.refused_launches import newest, refusal, shortened
from eks_gpu.live.why.said import AUTOSCALER, INSUFFICIENT, KARPENTER, Events, Said, condition, created, failing, holds
from eks_gpu.pods.pod import Pod
from eks_gpu.pods.quantities import limit, written
from eks_gpu.pools.pool import AUTO_MODE, Pool
from eks_gpu.pools.pool import KARPENTER as KARPENTER_POOL
from eks_gpu_components.catalog import NODE_GROUP_LABEL, NODE_POOL_LABEL

_LAUNCH_FAILED = (INSUFFICIENT, "LaunchFailed", "FailedLaunch", "UnregisteredTaintMissing")
_FORGOTTEN_S = 1800
"""Seconds after which a refused launch says nothing of now: Karpenter asks again after 3 minutes."""
_CLASS_FIXES: Mapping[str, str] = {
    "SubnetsReady": "change spec.subnetSelectorTerms so that it selects subnets that are there, or tag those",
    "SecurityGroupsReady": "change spec.securityGroupSelectorTerms so that it selects security groups that are there",
    "AMIsReady": "change spec.amiSelectorTerms so that it selects an image that is there",
    "InstanceProfileReady": "set spec.role to the name of a role that is there and that Karpenter may pass",
    "CapacityReservationsReady": "change spec.capacityReservationSelectorTerms",
    "PlacementGroupReady": "change spec.placementGroupSelector",
}
_NOT_JOINED = "NodeCreationFailure"
NOT_JOINED_FIX = (
    "look whether the node's role has an access entry, whether its subnet reaches the API server, and at the "
    "instance's console output: aws ec2 get-console-output"
)
_CONTROLLER_NAMES = {KARPENTER: ("karpenter",), AUTOSCALER: ("cluster-autoscaler", "aws-cluster-autoscaler")}


@dataclass(frozen=True)
class Obstacle:
    """Why a pool that takes the pod starts no node for it, and who says so."""

    cause: Cause
    said: tuple[Said, ...] = ()


@dataclass(frozen=True)
class PoolStates:
    """The pools of a cluster as they are now."""

    observed: Observed
    events: Events
    groups: Mapping[str, GroupSays] = field(default_factory=dict)
    """What AWS says of groups, by the pool's name."""
    status: AutoscalerStatus = field(default_factory=AutoscalerStatus)
    """What the cluster autoscaler wrote of its groups."""

    def obstacle(self, room: Room, pod: Pod) -> Obstacle | None:
        """The first thing that keeps a pool from starting a node for the pod; None if nothing is known to."""
        return next(self._obstacles(room, pod), None)

    def _obstacles(self, room: Room, pod: Pod) -> Iterator[Obstacle]:
        if room.pool.backend in (KARPENTER_POOL, AUTO_MODE):
            yield from self._not_ready(room.pool)
        yield from self._refused(room.pool)
        yield from self._unhealthy(room.pool)
        yield from self._at_limit(room, pod)
        yield from self._without_devices(room.pool, pod)

    # --- node class ---

    def _not_ready(self, pool: Pool) -> Iterator[Obstacle]:
        node_pool = self.node_pools.get(pool.name)
        if node_pool is None or holds(node_pool, "Ready") or not condition(node_pool, "Ready"):
            return
        ref = (((node_pool.get("spec") or {}).get("template") or {}).get("spec") or {}).get("nodeClassRef") or {}
        kind, name = str(ref.get("kind") or "EC2NodeClass"), str(ref.get("name") or "")
        known = Kind(str(ref.get("group") or ""), kind)
        node_class = next((each for each in self.observed.of(known) if each["metadata"]["name"] == name), None)
        what = f"{kind} {name} of pool {pool.name}"
        if node_class is None and self.observed.is_read(known):
            fix = f"make {kind} {name}, or change spec.template.spec.nodeClassRef of NodePool {pool.name}"
            yield Obstacle(Cause(Id.NODE_CLASS, f"{what} does not exist", fix), tuple(failing(node_pool)))
            return
        said = failing(node_class) if node_class else []
        if said and node_class:
            why = "; ".join(f"{each.reason}: {each.message}" for each in said)
            types = [each["type"] for each in node_class["status"]["conditions"] if each.get("status") == "False"]
            fix = next((_CLASS_FIXES[each] for each in types if each in _CLASS_FIXES), "see its conditions")
            yield Obstacle(Cause(Id.NODE_CLASS, f"{what} is not ready: {why}", f"{kind} {name}: {fix}"), tuple(said))
            return
        own = failing(node_pool, also_unknown=True)
        why = "; ".join(f"{each.reason}: {each.message}" for each in own)
        fix = f"kubectl describe nodepool {pool.name} shows its conditions"
        yield Obstacle(Cause(Id.NODE_CLASS, f"NodePool {pool.name} is not ready: {why}", fix), tuple(own))

    @cached_property
    def node_pools(self) -> dict[str, Manifest]:
        """By name."""
        return {each["metadata"]["name"]: each for each in self.observed.of(NODE_POOL)}

    @cached_property
    def nodes(self) -> dict[str, Manifest]:
        """By name."""
        return {each["metadata"]["name"]: each for each in self.observed.of(NODE)}

    @cached_property
    def claims(self) -> dict[str, Manifest]:
        """NodeClaims by name."""
        return {each["metadata"]["name"]: each for each in self.observed.of(NODE_CLAIM)}

    # --- AWS ---

    def _refused(self, pool: Pool) -> Iterator[Obstacle]:
        said = self.refused_launch(pool)
        if said:
            yield Obstacle(refusal(said, pool), (said,))
        elif why := self.status.backs_off(self.groups[pool.name].group if pool.name in self.groups else pool.name):
            told = Said(AUTOSCALER, f"AutoScalingGroup {pool.name}", "Backoff", why)
            yield Obstacle(refusal(told, pool), (told,))

    def _unhealthy(self, pool: Pool) -> Iterator[Obstacle]:
        """What EKS says of a managed node group."""
        for issue in self.groups[pool.name].issues if pool.name in self.groups else ():
            cause = refusal(issue, pool)
            if issue.reason == _NOT_JOINED:
                message = f"nodes of group {pool.name} start and do not join: {shortened(issue.message)}"
                cause = Cause(Id.NOT_JOINED, message, NOT_JOINED_FIX)
            yield Obstacle(cause, (issue,))

    def refused_launch(self, pool: Pool) -> Said | None:
        """The last launch of the pool that was refused, if none succeeded after it and it says something of now."""
        if pool.name in self.groups:
            return self.groups[pool.name].refused
        found = newest(
            [
                each
                for each in self._launch_events
                if each.name.rpartition("-")[0] == pool.name and each.at and self._age(each.at) < _FORGOTTEN_S
            ]
        )
        launched = [
            at
            for each in self.claims.values()
            if (each["metadata"].get("labels") or {}).get(NODE_POOL_LABEL) == pool.name
            and holds(each, "Launched")
            and (at := created(each))
        ]
        late = found and found.at and any(at > found.at for at in launched)
        return None if late else found

    @cached_property
    def _launch_events(self) -> list[Said]:
        return [each for each in self.events.about("NodeClaim") if each.reason in _LAUNCH_FAILED]

    def _age(self, at: datetime) -> float:
        return (self.observed.at - at).total_seconds()

    # --- limits ---

    def _at_limit(self, room: Room, pod: Pod) -> Iterator[Obstacle]:
        pool = room.pool
        if pool.limits and (node_pool := self.node_pools.get(pool.name)):
            yield from self._by_limits(room, pod, node_pool)
        elif pool.max_nodes is not None and pool.chooses_node_itself:
            there = len(self.nodes_of(pool))
            if there >= pool.max_nodes and self.observed.is_read(NODE):
                message = f"pool {pool.name} has {there} of at most {pool.max_nodes} nodes"
                yield Obstacle(Cause(Id.LIMIT, message, f"raise the maximum size of group {pool.name}"))

    def _by_limits(self, room: Room, pod: Pod, node_pool: Manifest) -> Iterator[Obstacle]:
        limits = room.pool.limits
        used = _amounts((node_pool.get("status") or {}).get("resources") or {})
        rows = {each.instance_type for each in room.pool.candidates if room.suits(each, pod)}
        if limits is None or not rows or any(limits.nodes_of(row, used) >= 1 for row in rows):
            return
        row = max(rows, key=lambda each: -limits.capacity(each).get("cpu", 0))
        full = [
            name
            for name, most in limits.amounts.items()
            if used.get(name, 0) + limits.capacity(row).get(name, 0) > most and limits.capacity(row).get(name, 0)
        ]
        told = ", ".join(
            f"{written(name, used.get(name, 0))} of {written(name, limits.amounts[name])} {name}" for name in full
        )
        fields = ", ".join(f"spec.limits[{name}]" for name in full)
        message = f"NodePool {room.pool.name} is at its limit: it has {told}, and one {row.name} more is beyond it"
        yield Obstacle(
            Cause(Id.LIMIT, message, f"raise {fields} of NodePool {room.pool.name}, or end other pods there")
        )

    def nodes_of(self, pool: Pool) -> list[Manifest]:
        """The nodes that a pool has."""
        if not pool.chooses_node_itself:
            return self._nodes_by(NODE_POOL_LABEL).get(pool.name, [])
        named = self._nodes_by(NODE_GROUP_LABEL).get(pool.name, [])
        if named or pool.name not in self.groups:
            return named
        ids = self.groups[pool.name].instances
        return [
            each for each in self.observed.of(NODE) if str(each["spec"].get("providerID")).rpartition("/")[2] in ids
        ]

    def _nodes_by(self, label: str) -> dict[str, list[Manifest]]:
        if label not in self._by_label:
            found: dict[str, list[Manifest]] = {}
            for each in self.observed.of(NODE):
                found.setdefault(str((each["metadata"].get("labels") or {}).get(label)), []).append(each)
            self._by_label[label] = found
        return self._by_label[label]

    @cached_property
    def _by_label(self) -> dict[str, dict[str, list[Manifest]]]:
        return {}

    # --- device plugin ---

    def _without_devices(self, pool: Pool, pod: Pod) -> Iterator[Obstacle]:
        """A node that is Ready for a while and offers none of the devices that its type has."""
        for resource in (each for each in ACCELERATOR_RESOURCES if pod.requests.get(each)):
            for node in self.nodes_of(pool):
                if self.lacks(node, resource):
                    yield Obstacle(without_plugin(node, resource, pool.name))
                    return

    def lacks(self, node: Manifest, resource: str) -> bool:
        """Whether a node is Ready for long and has none of a resource that its type has."""
        row, status = row_of(node), node.get("status") or {}
        if row is None or not (row.accelerator and row.accelerator.offered.get(resource)):
            return False
        ready, there = condition(node, "Ready"), (status.get("allocatable") or {}).get(resource)
        born = created(node)
        return (
            ready.get("status") == "True"
            and (there is None or str(there) == "0")
            and born is not None
            and self._age(born) > GRACE_S
        )

    # --- controllers ---

    def without_controller(self, pool: Pool, since: datetime | None) -> Obstacle | None:
        """Nothing was said since a pod is there, and no pod of the pool's controller is ready."""
        if not pool.made_by.scaled_by or since is None or self._age(since) < GRACE_S / 3:
            return None
        who = KARPENTER if pool.backend == KARPENTER_POOL else AUTOSCALER
        unknown = self.events.unread or not self.observed.is_read(POD)
        alive = who == AUTOSCALER and self.status.is_alive(self.observed.at)
        if unknown or alive or self.events.heard_from(who, since) or who in self._running:
            return None
        name = "Karpenter" if who == KARPENTER else "Cluster Autoscaler"
        message = f"nothing scales pool {pool.name}: no pod of {name} is ready, and it said nothing since the pod waits"
        fix = (
            f"kubectl get pods -A -l app.kubernetes.io/name={_CONTROLLER_NAMES[who][-1]}; start it, then read its logs"
        )
        return Obstacle(Cause(Id.NO_CONTROLLER, message, fix))

    @cached_property
    def _running(self) -> set[str]:
        """Controllers with a pod that is ready."""
        return {who for who in _CONTROLLER_NAMES if self._runs(who)}

    def _runs(self, controller: str) -> bool:
        names = _CONTROLLER_NAMES[controller]
        for pod in self.observed.of(POD):
            labels = pod["metadata"].get("labels") or {}
            called = {labels.get("app.kubernetes.io/name"), labels.get("k8s-app"), labels.get("app")}
            if holds(pod, "Ready") and (called.intersection(names) or controller in pod["metadata"]["name"]):
                return True
        return False


def without_plugin(node: Manifest, resource: str, pool: str) -> Cause:
    """A node without the devices that it has."""
    name = node["metadata"]["name"]
    message = f"node {name} of pool {pool} is Ready and offers no {resource}: its device plugin has not registered"
    fix = (
        "kubectl get pods -A -o wide --field-selector spec.nodeName="
        f"{name} shows whether the device plugin runs there; it must tolerate the node's taints and select its labels"
    )
    return Cause(Id.PLUGIN, message, fix)


def _amounts(resources: Mapping[str, Any]) -> dict[str, int]:
    """In the units of `Limits`; what cannot be read is taken to be none."""
    found: dict[str, int] = {}
    for name, value in resources.items():
        try:
            found[name] = limit(name, value)
        except ValueError:
            continue
    return found


def first_in_line(obstacles: Sequence[tuple[Pool, Obstacle]]) -> Obstacle:
    """Of pools that all have one: the pool with the highest weight, of equal ones that which needs least to go on."""
    order = list(Id)
    return min(obstacles, key=lambda each: (-each[0].weight, order.index(each[1].cause.id)))[1]
