"""The one cause for which a pod waits, or does not even exist."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from eks_gpu.live.why.case import Case
from eks_gpu.live.why.causes import Cause
from eks_gpu.live.why.doctor import Doctor
from eks_gpu.live.why.held_back import queued, refused_pod
from eks_gpu.live.why.no_pool import PoolRow
from eks_gpu.live.why.said import Said, failing
from eks_gpu.live.why.waiting_pods import Waiting
from eks_gpu.pods.pod import pod_from_template


@dataclass(frozen=True)
class Diagnosis:
    """Why one pod waits."""

    waiting: Waiting
    cause: Cause
    pools: tuple[PoolRow, ...] = ()
    said: tuple[Said, ...] = ()


def diagnose(doctor: Doctor, waiting: Waiting) -> Diagnosis:
    """The cause of one pod's wait."""
    if waiting.missing:
        return _never_made(waiting)
    pod = replace(pod_from_template(waiting.manifest), node_name="", namespace=waiting.namespace)
    told = tuple(_newest_of_each(doctor.states.events.of(waiting.called, waiting.uid)))
    rows, takers = doctor.pools(pod, waiting.owner, waiting.since)
    cause, more = Case(doctor, waiting, pod, told, takers).cause()
    return Diagnosis(waiting, cause, () if waiting.node else rows, tuple(dict.fromkeys([*told, *more])))


def _never_made(waiting: Waiting) -> Diagnosis:
    if waiting.workload is not None:
        return Diagnosis(waiting, queued(waiting.workload), said=tuple(failing(waiting.workload, "kueue")))
    text = waiting.refused.message if waiting.refused else ""
    return Diagnosis(waiting, refused_pod(text, waiting), said=(waiting.refused,) if waiting.refused else ())


def _newest_of_each(rows: Sequence[Said]) -> Iterator[Said]:
    """The last that each said for each reason, in order of time."""
    last = {(each.by, each.reason): each for each in rows}
    yield from (each for each in rows if last[each.by, each.reason] is each)
