"""Pools that do not take a pod: every rule by which one rejects it, and what to change, in the pod or in the pool."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from eks_gpu.cost.admission import Room
from eks_gpu.explain.cautions import of_requirements
from eks_gpu.explain.node_class_changes import node_class_changes
from eks_gpu.explain.places import pool_place
from eks_gpu.explain.remedy import Remedy, nearest_remedy, remedy_for
from eks_gpu.graph.graph import Graph
from eks_gpu.live.why.causes import Cause, Id
from eks_gpu.live.why.pool_states import Obstacle
from eks_gpu.pods.pod import Pod
from eks_gpu.pods.reasons import Reason, Rule


@dataclass(frozen=True)
class PoolRow:
    """The answer of one pool."""

    pool: str
    admits: bool
    reason: str = ""
    """Every rule that rejects the pod; of a pool that takes it, what keeps it from starting a node."""
    fix: str = ""

    def as_json(self) -> dict[str, Any]:
        """A row of `pools`."""
        return {"pool": self.pool, "admits": self.admits, "reason": self.reason, "fix": self.fix}


def rejecting(graph: Graph, room: Room, pod: Pod, owner: str) -> PoolRow:
    """A pool that does not take the pod."""
    verdict = room.verdict(pod)
    reasons = room.reasons(pod) or (verdict.reason,)
    said = [*map(str, reasons), *(caution.text for caution in of_requirements(room.pool))]
    remedy = remedy_for(room, pod)
    fixes = [in_pod(remedy, owner)] if remedy else []
    places = list(dict.fromkeys(place for each in reasons if (place := _in_pool(graph, room, each))))
    if places:
        fixes.append(f"{'or ' if remedy else ''}{', '.join(places)}")
    fixes += [f"or {change}" for change in node_class_changes(room, pod, verdict)]
    return PoolRow(room.pool.name, False, "; ".join(said), "; ".join(fixes))


def _in_pool(graph: Graph, room: Room, reason: Reason) -> str:
    """What to change in the pool, by the resource and its field; empty if its resource is not known."""
    place = pool_place(graph, room.pool, reason)
    if place is None:
        return ""
    if reason.rule is Rule.LABEL and not place.field:
        return f"give the nodes of {place.resource} the label {reason.subject}"
    return f"change {place}"


def taking(pool: str, obstacle: Obstacle | None) -> PoolRow:
    """A pool that takes the pod."""
    if obstacle is None:
        return PoolRow(pool, True)
    return PoolRow(pool, True, obstacle.cause.message, obstacle.cause.fix)


def no_pool(graph: Graph, rooms: Sequence[Room], pod: Pod, owner: str) -> Cause:
    """The cause if no pool takes a pod: the rule of the pool that needs the fewest changes."""
    if not rooms:
        fix = "make a node pool or a node group; `eks-gpu types` shows what instance types there are"
        return Cause(Id.NO_POOL, "the cluster has no pool of nodes that anything scales", fix)
    remedy = nearest_remedy(list(rooms), pod)
    if remedy:
        why = "; ".join(dict.fromkeys(str(change.reason) for change in remedy.changes))
        return Cause(Id.NO_POOL, f"no pool takes it; nearest is {remedy.room.pool.name}: {why}", in_pod(remedy, owner))
    nearest = min(rooms, key=lambda room: len(room.reasons(pod)))
    reason = nearest.verdict(pod).reason
    fix = f"no change of the pod alone helps: {_in_pool(graph, nearest, reason) or f'change {nearest.pool.name}'}"
    return Cause(Id.NO_POOL, f"no pool takes it; nearest is {nearest.pool.name}: {reason}", fix)


def in_pod(remedy: Remedy, owner: str) -> str:
    """The changes of a remedy, and where to make them."""
    changes = ", ".join(change.text for change in remedy.changes)
    return f"in {owner or 'the pod'}: {changes}"
