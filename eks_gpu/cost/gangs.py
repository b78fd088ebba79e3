"""Gangs: pods that run at the same time or not at all, and whether the pools have room for all of them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from eks_gpu.cost.admission import Room, Verdict
from eks_gpu.cost.node_cost import Expected
from eks_gpu.cost.packing import Fleet, pack
from eks_gpu.pods.demand import Workload
from eks_gpu.pods.reasons import NOTHING, Reason, Rule
from eks_gpu.pools.pool import Pool

_MOST = 1000
"""Pods of one gang that are put on nodes; a larger one is not judged."""


def gangs(workloads: Iterable[Workload]) -> list[list[Workload]]:
    """The members of each gang of two pods or more: the workloads of one object whose pods start together."""
    found: dict[tuple[str, str, str, int], list[Workload]] = {}
    for workload in workloads:
        if workload.gang:
            key = (workload.resource, workload.namespace, workload.name, workload.gang_of)
            found.setdefault(key, []).append(workload)
    return [members for members in found.values() if sum(member.gang for member in members) > 1]


def judged_together(
    workloads: Sequence[Workload], verdicts: Mapping[str, Sequence[Verdict]], rooms: Sequence[Room]
) -> dict[str, list[Verdict]]:
    """The verdicts on members of gangs that cannot run whole, by URN: no pool takes a pod that waits for others.

    `rooms` are in the order of the verdicts.
    """
    found: dict[str, list[Verdict]] = {}
    for members in gangs(workloads):
        takers = {
            member.urn: [room for room, each in zip(rooms, verdicts[member.urn], strict=True) if each.admits]
            for member in members
        }
        if reason := not_whole(members, takers):
            found |= {member.urn: [_instead(each, reason) for each in verdicts[member.urn]] for member in members}
    return found


def _instead(verdict: Verdict, reason: Reason) -> Verdict:
    return replace(verdict, admits=False, reason=reason) if verdict.admits else verdict


def not_whole(members: Sequence[Workload], takers: Mapping[str, Sequence[Room]]) -> Reason:
    """Why a gang cannot run whole; empty if it can, and if some member finds no pool, which is said elsewhere.

    Each pool begins empty and may have nodes to its ceiling.
    """
    pods = sum(member.gang for member in members)
    if pods > _MOST or not all(takers[member.urn] for member in members):
        return NOTHING
    fleet = _packed(members, takers, to_the_ceiling=True)
    if not fleet.left_over:
        return NOTHING
    needed = sum(_packed(members, takers, to_the_ceiling=False).nodes.values())
    there = sum(fleet.nodes.values())
    return Reason(f"its gang of {pods} pods needs {needed} nodes at once, the pools end at {there}", Rule.GANG)


def _packed(members: Sequence[Workload], takers: Mapping[str, Sequence[Room]], *, to_the_ceiling: bool) -> Fleet:
    rooms = {room.pool.urn: room for found in takers.values() for room in found}
    expected = Expected()
    return pack(
        [replace(member, replicas=member.gang) for member in members],
        [replace(room, pool=_opened(room, to_the_ceiling=to_the_ceiling)) for room in rooms.values()],
        {urn: [room.pool.urn for room in found] for urn, found in takers.items()},
        expected.node,
        expected.hourly,
    )


def _opened(room: Room, *, to_the_ceiling: bool) -> Pool:
    most = room.pool.max_nodes_for_pods if to_the_ceiling else None
    limits = room.pool.limits if to_the_ceiling else None
    reservations = room.pool.reservations if to_the_ceiling else ()
    return replace(room.pool, min_nodes=0, max_nodes=most, limits=limits, static=False, reservations=reservations)
