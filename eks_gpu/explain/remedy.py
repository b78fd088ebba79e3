"""Remedy: the changes of a rejected pod with which a pool takes it, tested with the scheduler's rules."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from eks_gpu.cost.admission import ACCELERATOR_RESOURCES, Room, Verdict
from eks_gpu.pods.claims import DEVICES
from eks_gpu.pods.pod import Pod, Term, Toleration
from eks_gpu.pods.quantities import PODS, written
from eks_gpu.pods.reasons import Reason, Rule

_MOST_CHANGES = 6


@dataclass(frozen=True)
class Change:
    """One change, as a sentence, and the reason for rejection that it removes."""

    text: str
    reason: Reason


@dataclass(frozen=True)
class Remedy:
    """Changes to the pod after which the pool takes it, in their order; the first may be all there is."""

    room: Room
    changes: tuple[Change, ...]


def nearest_remedy(rooms: list[Room], pod: Pod) -> Remedy | None:
    """The remedy for the pool that needs the fewest changes; None if no change of the pod helps.

    A pod without an accelerator is sent to nodes with one only where there are no others.
    """
    found = (remedy for room in rooms if (remedy := remedy_for(room, pod)))
    wants_device = pod.requests_any((*ACCELERATOR_RESOURCES, DEVICES))
    return min(
        found,
        key=lambda remedy: (bool(remedy.room.pool.accelerator) and not wants_device, len(remedy.changes)),
        default=None,
    )


def remedy_for(room: Room, pod: Pod) -> Remedy | None:
    """None where it is the pool that would have to change, or where the pod already runs there."""
    changes: list[Change] = []
    while not (verdict := room.verdict(pod)).admits:
        if len(changes) == _MOST_CHANGES or (changed := _changed(room, pod, verdict)) is None:
            return None
        pod, text = changed
        changes.append(Change(text, verdict.reason))
    return Remedy(room, tuple(changes)) if changes else None


def _changed(room: Room, pod: Pod, verdict: Verdict) -> tuple[Pod, str] | None:
    reason = verdict.reason
    match reason.rule:
        case Rule.TAINT:
            return _tolerating(room, pod, reason.subject)
        case Rule.LABEL:
            return _selecting_less(pod, reason.subject)
        case Rule.RESOURCE:
            return _asking_less(room, pod, reason.subject)
        case Rule.NODE_NAME:
            return replace(pod, node_name=""), "leave out nodeName"
        case _:
            return None


def _tolerating(room: Room, pod: Pod, key: str) -> tuple[Pod, str]:
    taint = next(taint for taint in room.pool.hard_taints if taint.key == key)
    toleration = Toleration(key, "Exists", effect=taint.effect)
    text = f"tolerate the taint: {{key: {key}, operator: Exists, effect: {taint.effect}}}"
    return replace(pod, tolerations=(*pod.tolerations, toleration)), text


def _selecting_less(pod: Pod, key: str) -> tuple[Pod, str] | None:
    if key in pod.node_selector:
        left = {name: value for name, value in pod.node_selector.items() if name != key}
        return replace(pod, node_selector=left), f"leave {key} out of nodeSelector"
    terms = tuple(_without(pod.node_affinity or (), key))
    if not key or terms == pod.node_affinity:
        return None
    return replace(pod, node_affinity=terms or None), f"leave {key} out of the required node affinity"


def _without(terms: tuple[Term, ...], key: str) -> Iterator[Term]:
    """The term without the requirement. An empty term would match no node, so it is removed."""
    for term in terms:
        left = Term(tuple(item for item in term.expressions if item.key != key), term.fields)
        if left.expressions or left.fields:
            yield left


def _asking_less(room: Room, pod: Pod, resource: str) -> tuple[Pod, str] | None:
    """Only of what a pod can do with less: it needs its devices, and its one address."""
    if resource in (*ACCELERATOR_RESOURCES, DEVICES, PODS):
        return None
    there = [room.left(candidate).get(resource, 0) for candidate in room.pool.candidates]
    most = (min if room.pool.chooses_node_itself else max)(there, default=0)
    if not 0 < most < pod.requests.get(resource, 0):
        return None
    text = f"ask for at most {written(resource, most)} of {resource}"
    return replace(pod, requests={**pod.requests, resource: most}), text
