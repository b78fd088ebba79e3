"""Packing: how many nodes of each pool the stated replicas need."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from eks_gpu.cost.admission import Room
from eks_gpu.pods.demand import Workload
from eks_gpu.pods.pod import Pod
from eks_gpu.pods.quantities import PODS
from eks_gpu.pools.fargate_profile import Size, size
from eks_gpu.pools.pool import FARGATE, Candidate, Pool

T = TypeVar("T")


@dataclass
class Node:
    """A running node and its free resources."""

    kind: Candidate
    free: dict[str, int]


@dataclass
class Fleet:
    """Nodes by pool URN, and pods by workload that the pools which take them have no node left for."""

    nodes: Counter[str] = field(default_factory=Counter)
    there: dict[str, list[Node]] = field(default_factory=dict)
    """The same nodes one by one, if the expected kind of node is known."""
    left_over: dict[str, int] = field(default_factory=dict)
    not_kept: dict[str, int] = field(default_factory=dict)
    """The same of those that only hold a place, whose room other pods have."""
    used: dict[str, Counter[str]] = field(default_factory=dict)
    """What a pool's nodes take of its limits, by pool URN."""
    reserved: Counter[str] = field(default_factory=Counter)
    """Nodes of each reservation, of all pools that start nodes in it."""
    on_fargate: dict[str, Counter[Size]] = field(default_factory=dict)
    """Pods that a Fargate profile runs, by its URN and the size that each gets."""
    _with: dict[tuple[str, str], list[Node]] = field(default_factory=dict)
    """Nodes that still have some of an extended resource, by pool URN and resource, and full ones not yet dropped."""

    def add(self, room: Room, kind: Candidate) -> Node:
        """Adds an empty node."""
        node = Node(kind, dict(room.left(kind)))
        self.nodes[room.pool.urn] += 1
        self.there[room.pool.urn].append(node)
        if kind.reservation:
            self.reserved[kind.reservation] += 1
        for (urn, resource), some in self._with.items():
            if urn == room.pool.urn and node.free.get(resource, 0) > 0:
                some.append(node)
        if limits := room.pool.limits:
            self.used.setdefault(room.pool.urn, Counter()).update(limits.capacity(kind.instance_type))
        return node

    def running(self, pool: Pool, needs: Mapping[str, int]) -> Sequence[Node]:
        """The pool's nodes that may have room, in the order in which they came."""
        resource = next((name for name in needs if "/" in name), None)
        if resource is None:
            return self.there[pool.urn]
        nodes = self._with.get((pool.urn, resource), self.there[pool.urn])
        self._with[pool.urn, resource] = [node for node in nodes if node.free.get(resource, 0) > 0]
        return self._with[pool.urn, resource]

    def has_room_for(self, pool: Pool, kind: Candidate) -> bool:
        """Whether the pool may have one more node, of this kind."""
        if self.is_full(pool, kind):
            return False
        if pool.max_nodes_for_pods is not None and self.nodes[pool.urn] >= pool.max_nodes_for_pods:
            return False
        if pool.limits is None:
            return True
        return pool.limits.nodes_of(kind.instance_type, self.used.get(pool.urn, Counter())) >= 1

    def is_full(self, pool: Pool, kind: Candidate) -> bool:
        """Whether the reservation that such a node is of has no instance left."""
        most = next((each.instances for each in pool.reservations if each.named == kind.reservation), None)
        return most is not None and self.reserved[kind.reservation] >= most


def as_tried(tried: Iterable[T], pool: Callable[[T], Pool], rank: Callable[[T], Any]) -> list[T]:
    """Pools, or items of pools, in the order in which they start nodes.

    Node pools come first, because Karpenter is faster: the one with the greatest weight, and among equal weights the
    one whose name sorts last, whatever its price. Then come groups, that of the lowest rank first, which is a price or
    begins with what the autoscaler's expander chooses by. Source: Karpenter 1.15, OrderByWeight.
    """
    by_name = sorted(tried, key=lambda each: pool(each).name, reverse=True)
    return sorted(
        by_name,
        key=lambda each: (True, 0, rank(each)) if pool(each).chooses_node_itself else (False, -pool(each).weight, 0),
    )


def pack(
    workloads: Sequence[Workload],
    rooms: Sequence[Room],
    admitted_by: Mapping[str, Sequence[str]],
    expected: Callable[[Room, Pod | None], Candidate | None],
    rank: Callable[[Pool, Candidate], Any],
) -> Fleet:
    """Packs pods by first fit, the largest first and those that only hold a place last: into running nodes, then into
    new nodes of the first pool with room.

    `admitted_by` maps a workload's URN to the URNs of the pools that take it; `expected` is the node that a pool is
    expected to bring, for a pod where the pool looks at it, and `rank` orders groups. Pools are tried `as_tried`. No
    node ends up below a pool's minimum or beyond its maximum. Topology spread is left to the scheduler. Workloads with
    an unknown number of pods are left out.
    """
    fleet = Fleet(there={room.pool.urn: [] for room in rooms})
    for room in rooms:
        kinds = [*_kinds(room, None, expected)] if room.pool.min_nodes else []
        for _ in range(room.pool.min_nodes if kinds else 0):
            fleet.add(room, next((kind for kind in kinds if not fleet.is_full(room.pool, kind)), kinds[-1]))
        fleet.nodes[room.pool.urn] = room.pool.min_nodes
    for workload in sorted(workloads, key=_rank, reverse=True):
        takers = set(admitted_by.get(workload.urn, ()))
        if profile := _profile(rooms, takers):
            _run_on_fargate(workload, profile, fleet)
            continue
        found = (
            (room, kind) for room in rooms if room.pool.urn in takers for kind in _kinds(room, workload.pod, expected)
        )
        places = as_tried(found, lambda place: place[0].pool, lambda place: rank(place[0].pool, place[1]))
        left = _place(workload, places, fleet)
        if left and places:
            (fleet.not_kept if workload.spare else fleet.left_over)[str(workload)] = left
    return fleet


def _kinds(
    room: Room, pod: Pod | None, expected: Callable[[Room, Pod | None], Candidate | None]
) -> Iterable[Candidate]:
    """The nodes that a pool is expected to start, one kind after the other: of each reservation, then of the rest."""
    return (kind for part in room.parts if (kind := expected(part, pod)) is not None)


def _profile(rooms: Iterable[Room], takers: Collection[str]) -> Pool | None:
    """The Fargate profile that runs the pods, which comes before any node; of several the first by name."""
    found = (room.pool for room in rooms if room.pool.backend == FARGATE and room.pool.urn in takers)
    return min(found, key=lambda pool: pool.name, default=None)


def _run_on_fargate(workload: Workload, profile: Pool, fleet: Fleet) -> None:
    given, replicas = size(workload.pod), workload.replicas or 0
    if given:
        fleet.on_fargate.setdefault(profile.urn, Counter())[given] += replicas
        fleet.nodes[profile.urn] += replicas


def has_room_for_one_more(
    workload: Workload, rooms: Sequence[Room], fleet: Fleet, expected: Callable[[Room, Pod | None], Candidate | None]
) -> bool:
    """Whether one more pod of the workload finds a running node, or a new one, in a fleet that is packed already.

    `rooms` are those of the pools that take it.
    """
    needs = {**workload.requests, PODS: 1}
    if any(room.pool.backend == FARGATE for room in rooms):
        return True
    for room in rooms:
        running = fleet.running(room.pool, needs)
        if any(_fits(node.free, needs) and room.suits(node.kind, workload.pod) for node in running):
            return True
        if any(fleet.has_room_for(room.pool, kind) for kind in _kinds(room, workload.pod, expected)):
            return True
    return False


def _fits(free: Mapping[str, int], needs: Mapping[str, int]) -> bool:
    return all(free[name] >= need for name, need in needs.items() if name in free)


def _place(workload: Workload, places: Iterable[tuple[Room, Candidate]], fleet: Fleet) -> int:
    """Puts the workload's pods on nodes, and returns how many are left."""
    pods, needs = workload.replicas or 0, {**workload.requests, PODS: 1}
    for room, _ in places:
        there = fleet.running(room.pool, needs)
        pods = _fill((node for node in there if room.suits(node.kind, workload.pod)), needs, pods)
    for room, kind in places:
        while pods and fleet.has_room_for(room.pool, kind):
            pods = _fill([fleet.add(room, kind)], needs, pods)
    return pods


def _fill(nodes: Iterable[Node], needs: Mapping[str, int], pods: int) -> int:
    """Places as many as fit, and returns how many are left."""
    for node in nodes:
        if not pods:
            break
        free = node.free
        fitting = min([pods, *(max(0, free[name]) // need for name, need in needs.items() if name in free)])
        for name, need in needs.items():
            if name in free:
                free[name] -= need * fitting
        pods -= fitting
    return pods


def _rank(workload: Workload) -> tuple[bool, tuple[int, int, int]]:
    return not workload.spare, _size(workload)


def _size(workload: Workload) -> tuple[int, int, int]:
    """Accelerators and other extended resources first, then CPU, then memory."""
    needs = workload.requests
    extended = sum(count for name, count in needs.items() if "/" in name)
    return extended, needs.get("cpu", 0), needs.get("memory", 0)
