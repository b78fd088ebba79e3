"""The answer to `why pod`: each pod that waits with its cause, and what could not be read."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from eks_gpu.graph.secrets import redacted
from eks_gpu.graph.unread import Unread
from eks_gpu.live.cluster import Manifest
from eks_gpu.live.judged import Running
from eks_gpu.live.kinds import CAPACITY_BUFFER, NODE, NODE_CLAIM, NODE_OVERLAY
from eks_gpu.live.observed import Observed, observe
from eks_gpu.live.why.account_says import ask_groups
from eks_gpu.live.why.autoscaler_status import AutoscalerStatus, read_status
from eks_gpu.live.why.diagnosis import Diagnosis, diagnose
from eks_gpu.live.why.doctor import Doctor
from eks_gpu.live.why.gangs import POD_GROUPS, Gangs
from eks_gpu.live.why.pool_states import PoolStates
from eks_gpu.live.why.said import Events, read_events
from eks_gpu.live.why.volumes import Volumes
from eks_gpu.live.why.waiting_pods import Waiting, named, waiting_pods
from eks_gpu.pods.pod import pod_from_template
from eks_gpu.pools.pool import AUTO_SCALING_GROUP, MANAGED_NODE_GROUP, Pool


@dataclass(frozen=True)
class PodAnswer:
    """All that was asked for."""

    cluster: str
    at: datetime
    waiting: tuple[Diagnosis, ...]
    others: tuple[Waiting, ...] = ()
    """Pods that were asked for by name and do not wait."""
    unread: tuple[Unread, ...] = ()
    secrets: tuple[str, ...] = ()

    @property
    def stuck(self) -> bool:
        """Whether some pod waits for what does not come by itself."""
        return any(not each.cause.passes for each in self.waiting)

    def as_json(self) -> dict[str, Any]:
        """The contract of `why pod --json`."""
        pods = [*map(self._row, self.waiting), *(self._head(each) | _NOT_WAITING for each in self.others)]
        answer = {
            "cluster": self.cluster,
            "at": self.at.isoformat(timespec="seconds"),
            "pods": pods,
            "unread": [each.as_json() for each in self.unread],
        }
        return redacted(answer, self.secrets)

    def _row(self, found: Diagnosis) -> dict[str, Any]:
        return {
            **self._head(found.waiting),
            "cause": found.cause.as_json(),
            "pools": [each.as_json() for each in found.pools],
            "said": [each.as_json() for each in found.said],
        }

    def _head(self, waiting: Waiting) -> dict[str, Any]:
        missing = {"missing": waiting.missing} if waiting.missing else {}
        return {
            "namespace": waiting.namespace,
            "name": waiting.name or None,
            "owner": waiting.owner or None,
            "phase": waiting.phase,
            "waiting_s": self.waited(waiting) if waiting.waits() else None,
            **missing,
        }

    def waited(self, waiting: Waiting) -> int | None:
        """Seconds since when the pod waits."""
        return max(0, int((self.at - waiting.since).total_seconds())) if waiting.since else None


_NO_POOLS = {f"{kind} objects" for kind in (NODE, NODE_CLAIM, CAPACITY_BUFFER, NODE_OVERLAY)}
"""What holds nodes and no pools."""
_NOT_WAITING: dict[str, Any] = {"cause": None, "pools": [], "said": []}


def why_pods(running: Running, namespace: str = "", name: str = "") -> PodAnswer:
    """All pods that wait; of a namespace; or the one of this name, or of the owner of this name.

    Raises InputError if nothing has the name.
    """
    observed, events = running.observed, read_events(running.cluster, namespace)
    waiting = waiting_pods(observed, events, namespace)
    asked = named(observed, waiting, namespace, name) if name else waiting
    doctor, unread = _doctor(running, observed, events, [each for each in asked if each.waits()])
    found = [diagnose(doctor, each) for each in asked if each.waits()]
    return PodAnswer(
        running.name,
        observed.at,
        tuple(found),
        tuple(each for each in asked if not each.waits()),
        tuple(unread),
        running.judged.secrets,
    )


def _doctor(
    running: Running, observed: Observed, events: Events, asked: Sequence[Waiting]
) -> tuple[Doctor, list[Unread]]:
    analysis = running.judged.analysis
    unread = [*analysis.unread, *events.unread]
    pools = list(_wanted(running, asked))
    says, denied = ask_groups(running.account, running.name, pools)
    status, refused = read_status(running.cluster) if pools else (AutoscalerStatus(), [])
    groups, more = _pod_groups(running)
    unread += [*denied, *refused, *more]
    doctor = Doctor(
        analysis.graph,
        analysis.rooms,
        PoolStates(observed, events, says, status),
        Volumes(observed, events),
        Gangs(observed, groups),
        analysis.software,
        tuple(dict.fromkeys(row.subject for row in unread)),
        tuple(row.subject for row in analysis.unread if row.what == "nodes" and row.subject not in _NO_POOLS),
    )
    return doctor, list(dict.fromkeys(unread))


def _wanted(running: Running, asked: Sequence[Waiting]) -> Iterator[Pool]:
    """Groups that could take one of the pods: AWS is asked about no others."""
    shapes = {}
    for each in asked:
        if not each.missing and not each.node:
            pod = pod_from_template(each.manifest)
            shapes[pod.shape] = pod
    for room in running.judged.analysis.rooms:
        group = room.pool.backend in (AUTO_SCALING_GROUP, MANAGED_NODE_GROUP)
        if group and any(room.verdict(pod).admits for pod in shapes.values()):
            yield room.pool


def _pod_groups(running: Running) -> tuple[list[Manifest], list[Unread]]:
    known = [kind for kind in POD_GROUPS if kind in running.cluster.served]
    found = observe(running.cluster, known)
    return [each for kind in known for each in found.of(kind)], list(found.unread)
