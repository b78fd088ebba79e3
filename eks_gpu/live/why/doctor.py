"""Everything that is asked for the cause of a pod's wait: pools, their state now, volumes, gangs."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from eks_gpu.cost.admission import Room
from eks_gpu.graph.graph import Graph
from eks_gpu.live.why.gangs import Gangs
from eks_gpu.live.why.no_pool import PoolRow, rejecting, taking
from eks_gpu.live.why.pool_states import Obstacle, PoolStates
from eks_gpu.live.why.volumes import Volumes
from eks_gpu.pods.pod import Pod
from eks_gpu.pools.software import Software

Judged = tuple[tuple[PoolRow, ...], tuple[tuple[Room, Obstacle | None], ...]]
"""The row of each pool, and the pools that take a pod with what stands in their way."""


@dataclass(frozen=True)
class Doctor:
    """Everything that is asked for a cause."""

    graph: Graph
    rooms: Sequence[Room]
    states: PoolStates
    volumes: Volumes
    gangs: Gangs
    releases: Sequence[Software] = ()
    unread: Sequence[str] = ()
    """What may not be read, for the answer that is not known."""
    hidden_pools: Sequence[str] = ()
    """Of that, what may hold pools."""
    _rows: dict[Any, Judged] = field(default_factory=dict)

    @property
    def at(self) -> datetime:
        return self.states.observed.at

    def open_first(self, pod: Pod) -> list[Room]:
        """The pools, those first that could start a node now if they took the pod."""
        return sorted(self.rooms, key=lambda room: self.states.obstacle(room, pod) is not None)

    def pools(self, pod: Pod, owner: str, since: datetime | None) -> Judged:
        """The row of each pool, and those that take the pod with what stands in their way."""
        rows, takers = self._judged(pod, owner)
        silent = {
            room.pool.name: found
            for room, obstacle in takers
            if obstacle is None and (found := self.states.without_controller(room.pool, since))
        }
        if not silent:
            return rows, takers
        return (
            tuple(taking(row.pool, silent[row.pool]) if row.pool in silent and row.admits else row for row in rows),
            tuple((room, obstacle or silent.get(room.pool.name)) for room, obstacle in takers),
        )

    def _judged(self, pod: Pod, owner: str) -> Judged:
        """Equal pods once: what a pool says does not depend on how long they wait."""
        key = (pod.shape, pod.namespace, tuple(sorted(pod.labels.items())), owner)
        if key not in self._rows:
            takers = [(room, self.states.obstacle(room, pod)) for room in self.rooms if room.verdict(pod).admits]
            of = {room.pool.urn: obstacle for room, obstacle in takers}
            rows = [
                taking(room.pool.name, of[room.pool.urn])
                if room.pool.urn in of
                else rejecting(self.graph, room, pod, owner)
                for room in self.rooms
            ]
            self._rows[key] = tuple(rows), tuple(takers)
        return self._rows[key]
