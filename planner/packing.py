"""Packing: how many nodes of each pool the stated replicas need."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from .admission import Room
from .demand import Workload
from .pools import Candidate, Pool
from .quantities import PODS


@dataclass
class Fleet:
    """Nodes by pool URN, and pods by workload for which the pools that take them have no node left."""

    nodes: Counter[str] = field(default_factory=Counter)
    left_over: dict[str, int] = field(default_factory=dict)


def pack(
    workloads: Sequence[Workload],
    rooms: Sequence[Room],
    admitted_by: Mapping[str, Sequence[str]],
    hourly: Callable[[Pool], float],
    node: Callable[[Pool], Candidate | None],
) -> Fleet:
    """First fit, the largest pods first: into nodes that are there, then into new ones of the cheapest pool.

    `admitted_by` maps a workload's URN to the URNs of the pools that take it; `node` is what a pool is expected to
    bring. No node ends up below a pool's minimum or beyond its maximum. Topology spread is left to the scheduler.
    """
    fleet = Fleet(Counter({room.pool.urn: room.pool.min_nodes for room in rooms}))
    shapes = {room.pool.urn: room.left(shape) for room in rooms if (shape := node(room.pool))}
    free = {
        room.pool.urn: [dict(shapes[room.pool.urn]) for _ in range(room.pool.min_nodes)]
        for room in rooms
        if room.pool.urn in shapes
    }
    by_urn = {room.pool.urn: room.pool for room in rooms}
    for workload in sorted(workloads, key=_size, reverse=True):
        pods, needs = workload.replicas, {**workload.requests, PODS: 1}
        places = sorted((by_urn[urn] for urn in admitted_by.get(workload.urn, ()) if urn in shapes), key=hourly)
        for pool in places:
            pods = _fill(free[pool.urn], needs, pods)
        for pool in places:
            while pods and (pool.max_nodes is None or fleet.nodes[pool.urn] < pool.max_nodes):
                new = dict(shapes[pool.urn])
                left = _fill([new], needs, pods)
                if left == pods:
                    break
                fleet.nodes[pool.urn] += 1
                free[pool.urn].append(new)
                pods = left
        if pods and places:
            fleet.left_over[str(workload)] = pods
    return fleet


def _fill(nodes: list[dict[str, int]], needs: Mapping[str, int], pods: int) -> int:
    """Places as many as fit, and returns how many are left."""
    for free in nodes:
        if not pods:
            break
        fitting = min([pods, *(max(0, free[name]) // need for name, need in needs.items() if name in free)])
        for name, need in needs.items():
            if name in free:
                free[name] -= need * fitting
        pods -= fitting
    return pods


def _size(workload: Workload) -> tuple[int, int, int]:
    """Accelerators and other extended resources first, then CPU, then memory."""
    needs = workload.requests
    extended = sum(count for name, count in needs.items() if "/" in name)
    return extended, needs.get("cpu", 0), needs.get("memory", 0)
