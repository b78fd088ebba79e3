"""One pod that waits: what controllers say of it comes before what our rules expect."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from eks_gpu.cost.admission import ACCELERATOR_RESOURCES, Room
from eks_gpu.live.cluster import Manifest
from eks_gpu.live.moments import moment
from eks_gpu.live.why.causes import Cause, Id
from eks_gpu.live.why.doctor import Doctor
from eks_gpu.live.why.held_back import queued
from eks_gpu.live.why.launches import Rest, Stage, about, reached, rest, row_of, stage
from eks_gpu.live.why.no_pool import no_pool
from eks_gpu.live.why.on_node import on_node
from eks_gpu.live.why.pool_states import NOT_JOINED_FIX, Obstacle, first_in_line, without_plugin
from eks_gpu.live.why.refused_launches import newest, refusal, shortened
from eks_gpu.live.why.said import (
    AUTOSCALER,
    INSUFFICIENT,
    KARPENTER,
    NOMINATED,
    NOT_TRIGGERED,
    SCHEDULER,
    TRIGGERED,
    Said,
    condition,
    failing,
    of_condition,
)
from eks_gpu.live.why.waiting_pods import Waiting
from eks_gpu.pods.pod import Pod
from eks_gpu.pools.pool import Pool
from eks_gpu_components.catalog import NODE_POOL_LABEL

_FRESH_S = 60
"""Seconds that controllers have for a word about a new pod."""
_CLAIM = re.compile(r"nodeclaim/(\S+)")
_UNSCHEDULED = ("FailedScheduling", "Unschedulable")
_BETWEEN_PODS = {
    "topology": "topologySpreadConstraints or podAffinity",
    "anti-affinity": "podAntiAffinity",
    "pod affinity rules": "podAffinity",
    "free ports": "hostPort",
}
"""What a scheduler says -> the field of the pod."""
_KUEUE = "kueue.x-k8s.io/"


@dataclass(frozen=True)
class Case:
    """One pod that exists and waits."""

    doctor: Doctor
    waiting: Waiting
    pod: Pod
    told: tuple[Said, ...]
    """What was said of the pod: the last of each controller for each reason."""
    takers: tuple[tuple[Room, Obstacle | None], ...]
    """Pools that take the pod, with what stands in their way."""

    def cause(self) -> tuple[Cause, tuple[Said, ...]]:
        """The first of these that gives an answer."""
        questions: tuple[Callable[[], tuple[Cause, tuple[Said, ...]] | None], ...] = (
            self._on_its_node,
            self._gated,
            self._gang,
            self._volume,
            self._of_daemon_set,
            self._preempting,
            self._claimed,
            self._launch_refused,
            self._no_taker,
            self._obstacle,
            self._scaling,
            self._new,
            self._beside_others,
            self._other_scheduler,
        )
        for question in questions:
            if found := question():
                return found
        return self._unknown(), ()

    # --- it has a node, or may not have one yet ---

    def _on_its_node(self) -> tuple[Cause, tuple[Said, ...]] | None:
        if not self.waiting.node:
            return None
        cause = on_node(self.waiting, self.told)
        if cause is None:
            left = self._rest(
                self.doctor.states.nodes.get(self.waiting.node),
                Stage.READY,
                condition(self.waiting.manifest, "PodScheduled"),
            )
            message = f"it has node {self.waiting.node}, and its containers are being started"
            cause = Cause(Id.LAUNCHING, f"{message}{f'; {left} (estimate)' if left else ''}", "wait")
            if left and left.overdue:
                why = f"{message} for long; kubelet says nothing of why"
                cause = Cause(Id.UNKNOWN, why, f"kubectl describe pod -n {self.waiting.namespace} {self.waiting.name}")
        return cause, ()

    def _gated(self) -> tuple[Cause, tuple[Said, ...]] | None:
        gates = self.waiting.gates
        if not gates:
            return None
        if any(gate.startswith(_KUEUE) for gate in gates):
            workload = self.doctor.gangs.workload_of(self.waiting)
            if workload:
                return queued(workload), tuple(failing(workload, "kueue"))
        message = f"its scheduling is held back by {', '.join(gates)}"
        fix = "whoever set spec.schedulingGates has to remove them: look at the controller that the name belongs to"
        return Cause(Id.GATED, message, fix), self._scheduled()

    def _gang(self) -> tuple[Cause, tuple[Said, ...]] | None:
        cause = self.doctor.gangs.incomplete(self.waiting)
        return (cause, self._scheduled()) if cause else None

    def _volume(self) -> tuple[Cause, tuple[Said, ...]] | None:
        found = self.doctor.volumes.problem(self.waiting, self.pod, self.doctor.rooms)
        return (found[0], (*found[1], *self._scheduled())) if found else None

    def _preempting(self) -> tuple[Cause, tuple[Said, ...]] | None:
        node = (self.waiting.manifest.get("status") or {}).get("nominatedNodeName")
        if not node:
            return None
        message = f"pods of lower priority on node {node} are being ended for it"
        return Cause(Id.LAUNCHING, message, "wait"), self._scheduled()

    def _of_daemon_set(self) -> tuple[Cause, tuple[Said, ...]] | None:
        """It is for one node that is there, and no pool starts another for it."""
        if not self.waiting.owner.startswith("DaemonSet "):
            return None
        words = condition(self.waiting.manifest, "PodScheduled").get("message") or "the scheduler has said nothing yet"
        message = f"its own node has no place for it: {shortened(str(words))}"
        fix = f"let {self.waiting.owner} ask for less, give it a higher priorityClassName, or end other pods there"
        return Cause(Id.NO_POOL, message, fix), self._scheduled()

    # --- machines ---

    def _claimed(self) -> tuple[Cause, tuple[Said, ...]] | None:
        """A NodeClaim that is there was made for it."""
        said = self._last(NOMINATED, KARPENTER)
        found = _CLAIM.search(said.message) if said else None
        claim = self.doctor.states.claims.get(found[1].rstrip(",.")) if found else None
        if claim is None or said is None or self._overruled(said, claim):
            return None
        pool = self._pool(str((claim["metadata"].get("labels") or {}).get(NODE_POOL_LABEL)))
        cause = self._launch(claim, pool)
        if not self.takers:
            cause = replace(cause, message=f"{cause.message}; by our rules no pool takes the pod")
        return cause, (said, *_progress(claim))

    def _overruled(self, nominated: Said, claim: Manifest) -> bool:
        """Whether its node is ready and Karpenter has found since that the pod does not fit it."""
        failed = self._last("FailedScheduling", KARPENTER)
        later = failed is not None and nominated.at is not None and failed.at is not None and failed.at > nominated.at
        return later and stage(claim) is Stage.READY

    def _launch(self, claim: Manifest, pool: Pool | None) -> Cause:
        name, at = claim["metadata"]["name"], stage(claim)
        where = f"NodeClaim {name}" + (f" of pool {pool.name}" if pool else "")
        launched = condition(claim, "Launched")
        if at is Stage.LAUNCHING and launched.get("reason") == "LaunchFailed":
            return refusal(of_condition(claim, launched, KARPENTER), pool)
        left = self._rest(claim, at, since=reached(claim))
        if at is Stage.PREPARING and (cause := self._without_device(claim, left, pool)):
            return cause
        if at is Stage.STARTING and left and left.overdue:
            message = f"the machine of {where} started {self._ago(reached(claim))} ago and did not join the cluster"
            return Cause(Id.NOT_JOINED, message, NOT_JOINED_FIX)
        doing = {
            Stage.LAUNCHING: "EC2 is asked for a machine",
            Stage.STARTING: "the machine is starting",
            Stage.PREPARING: "its node is there, and its devices are being registered",
            Stage.READY: "its node is ready",
        }[at]
        return Cause(Id.LAUNCHING, f"{where}: {doing}{f'; {left} (estimate)' if left else ''}", "wait")

    def _without_device(self, claim: Manifest, left: Rest | None, pool: Pool | None) -> Cause | None:
        wants = next((each for each in ACCELERATOR_RESOURCES if self.pod.requests.get(each)), "")
        said = condition(claim, "Initialized")
        if not wants or not (left and left.overdue):
            return None
        named = (claim.get("status") or {}).get("nodeName")
        node = self.doctor.states.nodes.get(str(named))
        if node is not None and self.doctor.states.lacks(node, wants):
            return without_plugin(node, wants, pool.name if pool else "")
        message = f"node {named} does not get ready: {said.get('reason')}: {said.get('message')}"
        return Cause(Id.NOT_JOINED, message, f"kubectl describe node {named}")

    def _launch_refused(self) -> tuple[Cause, tuple[Said, ...]] | None:
        """A launch for this very pod was refused, and no later one succeeded."""
        said = self._last(INSUFFICIENT, KARPENTER)
        if said is None:
            return None
        found = re.search(r"NodeClaim (\S+) nominated", said.message)
        pool = self._pool(found[1].rpartition("-")[0]) if found else None
        if pool and not any(room.pool is pool for room, _ in self.takers):
            return None  # the pool was changed since
        if pool and self.doctor.states.refused_launch(pool) is None:
            return None
        cause = refusal(said, pool)
        if others := [room.pool.name for room, obstacle in self.takers if obstacle is None and room.pool is not pool]:
            cause = replace(cause, message=f"{cause.message}; pool {', '.join(others)} takes it too")
        return cause, (said,)

    # --- pools ---

    def _no_taker(self) -> tuple[Cause, tuple[Said, ...]] | None:
        if self.takers:
            return None
        if self.doctor.hidden_pools:
            hidden = ", ".join(self.doctor.hidden_pools)
            message = f"no pool that may be read takes it; could not read: {hidden}"
            return Cause(Id.UNKNOWN, message, "allow what `unread` names, and ask again"), self._scheduled()
        cause = no_pool(self.doctor.graph, self.doctor.open_first(self.pod), self.pod, self.waiting.owner)
        if said := self._last(TRIGGERED, AUTOSCALER):
            cause = replace(cause, message=f"{cause.message}; but {said.by} says: {shortened(said.message)}")
        return cause, self._scheduled()

    def _obstacle(self) -> tuple[Cause, tuple[Said, ...]] | None:
        found = [(room.pool, obstacle) for room, obstacle in self.takers if obstacle]
        if len(found) < len(self.takers):
            return None
        first = first_in_line(found)
        return first.cause, (*first.said, *self._scheduled())

    def _scaling(self) -> tuple[Cause, tuple[Said, ...]] | None:
        """The autoscaler has a word on pods."""
        started, refused = self._last(TRIGGERED, AUTOSCALER), self._last(NOT_TRIGGERED, AUTOSCALER)
        if started and not (refused and started.at and refused.at and refused.at > started.at):
            pool = next((room.pool for room, _ in self.takers if room.pool.name in started.message), None)
            left = self._rest(None, Stage.STARTING, since=started.at, pool=pool or self.takers[0][0].pool)
            if left and left.overdue:
                message = f"Cluster Autoscaler raised the group {self._ago(started.at)} ago, and no node came"
                return Cause(Id.NOT_JOINED, message, NOT_JOINED_FIX), (started,)
            message = f"Cluster Autoscaler has raised a group{f'; {left} (estimate)' if left else ''}"
            return Cause(Id.LAUNCHING, message, "wait"), (started,)
        if refused and "max node group size reached" in refused.message:
            message = f"Cluster Autoscaler: {shortened(refused.message)}"
            return Cause(Id.LIMIT, message, "raise the maximum size of the group that takes the pod"), (refused,)
        return None

    def _new(self) -> tuple[Cause, tuple[Said, ...]] | None:
        since = self.waiting.since
        if (
            since is None
            or (self.doctor.at - since).total_seconds() > _FRESH_S
            or self._last("FailedScheduling", KARPENTER)
        ):
            return None
        names = ", ".join(room.pool.name for room, obstacle in self.takers if not obstacle)
        left = self._rest(None, Stage.LAUNCHING, since=since, pool=self.takers[0][0].pool)
        message = f"it is new, and pool {names} takes it{f'; {left} (estimate)' if left else ''}"
        return Cause(Id.LAUNCHING, message, "wait"), ()

    def _beside_others(self) -> tuple[Cause, tuple[Said, ...]] | None:
        """Rules between pods, which are judged by the scheduler and Karpenter alone."""
        told = [*self.told, *self._scheduled()]
        for words, field_ in _BETWEEN_PODS.items():
            said = newest([each for each in told if each.reason in _UNSCHEDULED and words in each.message])
            if said:
                message = f"{field_} of the pod leaves no node for it: {said.by}: {shortened(said.message)}"
                fix = f"in {self.waiting.owner or 'the pod'}: relax {field_}"
                return Cause(Id.NO_POOL, message, fix), self._scheduled()
        return None

    def _other_scheduler(self) -> tuple[Cause, tuple[Said, ...]] | None:
        name = (self.waiting.manifest.get("spec") or {}).get("schedulerName") or SCHEDULER
        heard = condition(self.waiting.manifest, "PodScheduled") or any(each.by == name for each in self.told)
        if name == SCHEDULER or heard:
            return None
        message = f"its scheduler {name} has said nothing of it"
        return Cause(Id.NO_CONTROLLER, message, f"start {name}, or leave spec.schedulerName out"), ()

    def _unknown(self) -> Cause:
        takes = ", ".join(room.pool.name for room, obstacle in self.takers if not obstacle)
        said = [
            each for each in (self._last("FailedScheduling", KARPENTER), self._last(NOT_TRIGGERED, AUTOSCALER)) if each
        ]
        message = f"by our rules pool {takes} takes it and nothing is in its way"
        if said:
            last = newest(said)
            assert last
            message = f"{message}; but {last.by} says: {shortened(last.message)}"
        elif not self.doctor.unread:
            message = f"{message}; no controller has said why it does not come"
        looked = (
            "; looked at: rules of pools, events, NodeClaims, node classes, limits, volumes, what AWS says of groups"
        )
        hidden = f"; could not read: {', '.join(self.doctor.unread)}" if self.doctor.unread else ""
        fix = "read the log of the controller that scales the pool"
        if self.doctor.unread:
            fix = "allow what `unread` names, and ask again"
        return Cause(Id.UNKNOWN, f"{message}{looked}{hidden}", fix)

    # --- words and times ---

    def _last(self, reason: str, by: str) -> Said | None:
        return newest([each for each in self.told if each.reason == reason and by in each.by])

    def _scheduled(self) -> tuple[Said, ...]:
        """What the scheduler wrote into the pod, unless an event tells it."""
        found = condition(self.waiting.manifest, "PodScheduled")
        if found.get("status") != "False" or any(each.by == SCHEDULER for each in self.told):
            return ()
        return (of_condition(self.waiting.manifest, found, SCHEDULER),)

    def _pool(self, name: str) -> Pool | None:
        return next((room.pool for room in self.doctor.rooms if room.pool.name == name), None)

    def _rest(
        self,
        machine: Manifest | None,
        at: Stage,
        since: Mapping[str, Any] | datetime | None = None,
        pool: Pool | None = None,
    ) -> Rest | None:
        begun = moment(since.get("lastTransitionTime")) if isinstance(since, Mapping) else since
        labels = (machine["metadata"].get("labels") or {}) if machine else {}
        pool = pool or self._pool(str(labels.get(NODE_POOL_LABEL)))
        if begun is None:
            return None
        row = row_of(machine) if machine else None
        spec = self.waiting.manifest.get("spec") or {}
        for_s = (self.doctor.at - begun).total_seconds()
        return rest(pool, row, self.pod, spec, self.doctor.releases, at, for_s)

    def _ago(self, at: datetime | None) -> str:
        return about((self.doctor.at - at).total_seconds()) if at else "long"


def _progress(claim: Manifest) -> list[Said]:
    """Conditions that a claim does not have yet."""
    waits = ("Launched", "Registered", "Initialized")
    found = [condition(claim, each) for each in waits]
    return [of_condition(claim, each, KARPENTER) for each in found if each and each.get("status") != "True"]
