"""The groups of a pool: one for each zone and capacity type. They share the pool's `max_gpus` in whole nodes."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ..catalog import CAPACITY_TYPE_LABEL, CapacityType, regions, zones, zones_offering
from ..catalog.scheduling import EFA_RESOURCE
from ..values.gpu_pool import GpuPool
from ..values.places import NodeSubnet
from ..values.reservation import Reservation
from ..values.value import BadInput
from .node_group import Node, NodeGroup, Target


@dataclass(frozen=True, slots=True)
class Placement:
    """A pool's groups by `<zone>-<capacity type>`, and a sentence for each thing that got none."""

    groups: dict[str, NodeGroup]
    left_out: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Places:
    """The zones, types and subnets in which a pool's nodes can start."""

    types: dict[str, tuple[str, ...]]
    """Zone name to those of the pool's types that the zone offers, one at least."""
    subnets: tuple[NodeSubnet, ...]
    """Subnets in these zones."""
    left_out: tuple[str, ...]
    """A sentence for each zone or type without a place."""


def placement(pool: GpuPool, subnets: Sequence[NodeSubnet], region: str) -> Placement:
    """The groups of a pool in those of its zones that have a subnet and offer its types.

    Raises BadInput as `places`, and for what a node group cannot express.
    """
    found = places(pool, subnets, region, node_group_problems(pool))
    left_out = [*found.left_out]
    reserved = reserved_groups(pool, found)
    groups: dict[str, NodeGroup] = dict(reserved.groups)
    left_out += reserved.left_out
    static = pool.nodes is not None
    nodes_left = pool.max_nodes_for_pods - sum(group.max_nodes for group in groups.values())
    others = [each for each in pool.capacity_types if each != CapacityType.RESERVED]
    for capacity_type, nodes in zip(others, shares(nodes_left, len(others)) if others else (), strict=True):
        by_zone = dict(zip(found.types, shares(nodes, len(found.types)), strict=True))
        groups |= {
            f"{zone}-{capacity_type}": NodeGroup(
                node=_node(pool, capacity_type),
                instance_types=found.types[zone],
                subnet_ids=tuple(subnet["subnet_id"] for subnet in found.subnets if subnet["zone"] == zone),
                min_nodes=share if static else 0,
                desired_nodes=share if static else 0,
                max_nodes=share,
                on_demand_percentage=100 if capacity_type == CapacityType.ON_DEMAND else 0,
                static=static,
            )
            for zone, share in by_zone.items()
            if share
        }
        left_out += _without_share(pool, capacity_type, by_zone)
    return Placement(groups, tuple(left_out))


def reserved_groups(pool: GpuPool, found: Places) -> Placement:
    """A group for each reservation, as large as it is while `max_gpus` lasts, in its zone and of its type.

    Raises BadInput for a reservation whose zone has no subnet, or does not offer its type.
    """
    groups: dict[str, NodeGroup] = {}
    left_out, problems, left = [], [], pool.max_nodes
    for place, each in enumerate(pool.reservations):
        zone = each.zone or next(iter(found.types), "")
        row = each.instance_type or pool.instance_types[0].name
        max_nodes = min(left, each.instances or 0)
        left -= max_nodes
        if row not in found.types.get(zone, ()):
            has = f"{zone} has no subnet here" if zone not in found.types else f"{zone} offers no {row}"
            problems.append(f"pool.reservations[{place}]: {each.named} needs {row} in {zone}, and {has}")
        if not max_nodes:
            left_out.append(f"no group for reservation {each.named}: max_gpus {pool.max_gpus} is used up by others")
            continue
        number = sum(name.startswith(f"{zone}-{CapacityType.RESERVED}") for name in groups) + 1
        groups[f"{zone}-{CapacityType.RESERVED}" + (f"-{number}" if number > 1 else "")] = NodeGroup(
            node=_node(pool, CapacityType.RESERVED),
            instance_types=(row,),
            subnet_ids=tuple(subnet["subnet_id"] for subnet in found.subnets if subnet["zone"] == zone),
            max_nodes=max_nodes,
            on_demand_percentage=100,
            target=Target(each),
        )
    if problems:
        raise BadInput(problems)
    if left and groups and [*pool.capacity_types] == [CapacityType.RESERVED]:
        gpus = left * pool.accelerators_per_node
        left_out.append(f"no group for {gpus} of max_gpus {pool.max_gpus}: fewer are reserved")
    return Placement(groups, tuple(left_out))


def places(pool: GpuPool, subnets: Sequence[NodeSubnet], region: str, problems: Sequence[str] = ()) -> Places:
    """The zones of a pool that have a subnet and offer its types.

    Raises BadInput for a zone without a subnet and a type that no zone offers, and for `problems` found before.
    """
    chosen = [subnet for subnet in subnets if pool.zones is None or subnet["zone"] in pool.zones]
    names = [row.name for row in pool.instance_types]
    offered = types_by_zone(names, chosen, region)
    nowhere = [name for name in names if not any(name in types for types in offered.values())]
    problems = [*subnet_problems(subnets, region), *zone_problems(pool.zones, subnets), *problems]
    # Types that answer a need are the catalog's choice: it is enough that some of them are there.
    if chosen and nowhere and (pool.need is None or len(nowhere) == len(names)):
        problems += [not_offered(name, list(offered), region) for name in nowhere]
    if problems:
        raise BadInput(problems)
    return Places(
        types={zone: types for zone, types in offered.items() if types},
        subnets=tuple(subnet for subnet in chosen if offered[subnet["zone"]]),
        left_out=tuple(_skipped(offered, [name for name in names if name not in nowhere])),
    )


def shares(total: int, parts: int) -> list[int]:
    """`total` in `parts` whole numbers that differ by one at most, the larger ones first."""
    each, rest = divmod(total, parts)
    return [each + (part < rest) for part in range(parts)]


def types_by_zone(names: Sequence[str], subnets: Sequence[NodeSubnet], region: str) -> dict[str, tuple[str, ...]]:
    """Zone name to those of the types that the zone offers. In a region outside the catalog, to all of them."""
    if region not in regions():
        return {subnet["zone"]: tuple(names) for subnet in subnets}
    ids = {name: {zone.id for zone in zones_offering(name, region)} for name in names}
    return {subnet["zone"]: tuple(name for name in names if subnet["zone_id"] in ids[name]) for subnet in subnets}


def subnet_problems(subnets: Sequence[NodeSubnet], region: str) -> list[str]:
    """What is wrong with the subnets themselves: that there are none, or one in a zone of another region."""
    if not subnets:
        return ["subnets: give one or more, or the nodes have no place"]
    if region not in regions():
        return []
    known = [zone.id for zone in zones(region)]
    return [
        f"subnets: {region} has no zone id {subnet['zone_id']}, given for {subnet['zone']}; it has {', '.join(known)}"
        for subnet in subnets
        if subnet["zone_id"] not in known
    ]


def not_offered(name: str, places: Sequence[str], region: str) -> str:
    """A sentence on a type that none of the places has, with where the region has it."""
    elsewhere = [zone.name for zone in zones_offering(name, region)] if region in regions() else []
    nearest = f"in {region} it is in {', '.join(elsewhere)}" if elsewhere else f"{region} does not have it at all"
    return f"pool.instance_types: {name} is offered in none of {', '.join(places)}; {nearest}"


def zone_problems(wanted: Sequence[str] | None, subnets: Sequence[NodeSubnet]) -> list[str]:
    """A sentence for each zone of a pool that has no subnet."""
    known = list(dict.fromkeys(subnet["zone"] for subnet in subnets))
    return [
        f"pool.zones: {zone} has no subnet; zones that have one: {', '.join(known)}"
        for zone in wanted or ()
        if known and zone not in known
    ]


_BEYOND_A_NODE_GROUP = {
    "max_age_h": "a node group replaces no node for its age",
    "disruption_budget": "the cluster autoscaler says for the whole cluster how many nodes go at once",
    "termination_grace_s": "the cluster autoscaler says for the whole cluster how long it waits for a pod",
    "weight": "the cluster autoscaler chooses among node groups by its expander",
}


def node_group_problems(pool: GpuPool) -> list[str]:
    """A sentence, with the reason, for each setting of the pool that a node group cannot express."""
    problems = pool.pull_problems()
    if CapacityType.RESERVED in pool.capacity_types and not pool.reservations:
        problems.append("pool.capacity_types: reserved needs reservations, so name one or more in pool.reservations")
    if CapacityType.RESERVED in pool.capacity_types[1:]:
        nearest = [each for each in CapacityType if each in pool.capacity_types]
        rule = "reserved must be first, because it is paid for anyway"
        problems.append(
            f"pool.capacity_types: {rule}, got {', '.join(pool.capacity_types)}; nearest: {', '.join(nearest)}"
        )
    for place, each in enumerate(pool.reservations):
        problems += [f"pool.reservations[{place}]{problem}" for problem in _reservation_problems(pool, each)]
    if pool.claims:
        reason = "the cluster autoscaler knows the devices of nodes that run, and none of an empty group's"
        others = "KarpenterGpuPool, or AutoModeGpuPool from Kubernetes 1.36 on"
        problems.append(f"pool.devices: {reason}, so no claim starts one, got claims: take plugin, or {others}")
    if pool.nodes is not None and pool.reservations:
        reason = "a group on a reservation follows its pods, within what is reserved"
        problems.append(f"pool.nodes: {reason}, got {pool.nodes}: leave it out, or use KarpenterGpuPool")
    elif pool.nodes is not None and len(pool.capacity_types) > 1:
        reason = "nothing moves the nodes of a fixed number from one capacity type to the other"
        given, first = ", ".join(pool.capacity_types), pool.capacity_types[0]
        problems.append(
            f"pool.capacity_types: {reason}, got {given}: name one, or use KarpenterGpuPool; nearest: {first}"
        )
    return problems + [
        f"pool.{field}: {reason}, got {given}: leave it out, or use KarpenterGpuPool"
        for field, reason in _BEYOND_A_NODE_GROUP.items()
        if (given := getattr(pool, field)) is not None
    ]


def _reservation_problems(pool: GpuPool, reservation: Reservation) -> Iterator[str]:
    """What a launch template, which has one target, one type and subnets, must be told of a reservation."""
    if reservation.tags:
        reason = "a launch template targets an id or a resource group, and nothing by tags"
        yield f".tags: {reason}: give id or resource_group_arn, or use KarpenterGpuPool"
    if reservation.instances is None:
        yield ".instances: give the number of instances, which is the maximum size of its node group"
    if reservation.instance_type is None and len(pool.instance_types) > 1:
        names = ", ".join(row.name for row in pool.instance_types)
        yield f".instance_type: give the type, because its node group has one: {names}"
    if reservation.zone is None and (pool.zones is None or len(pool.zones) > 1):
        yield ".zone: give the zone, because its instances start in no other"


def _skipped(offered: dict[str, tuple[str, ...]], names: Sequence[str]) -> list[str]:
    sentences = []
    for zone, types in offered.items():
        missing = [name for name in names if name not in types]
        if not types:
            sentences.append(f"no group in {zone}: it offers none of {', '.join(names)}")
        elif missing:
            sentences.append(f"{zone} goes without {', '.join(missing)}, which it does not offer")
    return sentences


def _node(pool: GpuPool, capacity_type: CapacityType) -> Node:
    return Node(
        image=pool.node_image,
        architecture=pool.architecture,
        accelerator=pool.accelerator,
        disk_gib=pool.disk_gib,
        storage=pool.storage,
        parallel_pull=pool.parallel_pull,
        labels={**pool.node_labels, CAPACITY_TYPE_LABEL: str(capacity_type)},
        taints=pool.taints,
        resources={**pool.resources, **({EFA_RESOURCE: pool.efa_interfaces} if pool.efa else {})},
        efa_interfaces=pool.efa_interfaces,
        idle_s=pool.idle_s,
    )


def _without_share(pool: GpuPool, capacity_type: CapacityType, by_zone: Mapping[str, int]) -> list[str]:
    having = [zone for zone, nodes in by_zone.items() if nodes]
    without = [zone for zone, nodes in by_zone.items() if not nodes]
    if not having:
        return [f"no {capacity_type} group: the capacity types before it take all of max_gpus {pool.max_gpus}"]
    if not without:
        return []
    nodes = sum(by_zone.values())
    said = f"max_gpus {pool.max_gpus} allows" if pool.nodes is None else "the pool has"
    allows = f"{said} {nodes} {capacity_type} node{'s' if nodes > 1 else ''}"
    return [f"no {capacity_type} group in {', '.join(without)}: {allows}, in {', '.join(having)}"]
