"""The groups of a pool: one for each zone and capacity type. They share the pool's `max_gpus` in whole nodes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..catalog import CAPACITY_TYPE_LABEL, CapacityType, regions, zones, zones_offering
from ..values.gpu_pool import GpuPool
from ..values.places import NodeSubnet
from ..values.value import BadInput
from .node_group import Node, NodeGroup


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
    groups: dict[str, NodeGroup] = {}
    for capacity_type, nodes in zip(pool.capacity_types, shares(pool.max_nodes, len(pool.capacity_types)), strict=True):
        by_zone = dict(zip(found.types, shares(nodes, len(found.types)), strict=True))
        groups |= {
            f"{zone}-{capacity_type}": NodeGroup(
                node=_node(pool, capacity_type),
                instance_types=found.types[zone],
                subnet_ids=tuple(subnet["subnet_id"] for subnet in found.subnets if subnet["zone"] == zone),
                max_nodes=max_nodes,
                on_demand_percentage=100 if capacity_type == CapacityType.ON_DEMAND else 0,
            )
            for zone, max_nodes in by_zone.items()
            if max_nodes
        }
        left_out += _without_share(pool, capacity_type, by_zone)
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
    if CapacityType.RESERVED in pool.capacity_types:
        reason = "reserved needs a capacity reservation, which a node group here cannot name"
        problems.append(f"pool.capacity_types: {reason}")
    if pool.claims:
        reason = "the cluster autoscaler knows the devices of nodes that run, and none of an empty group's"
        nearest = "KarpenterGpuPool, or AutoModeGpuPool from Kubernetes 1.36 on"
        problems.append(f"pool.devices: {reason}, so no claim starts one, got claims: take plugin, or {nearest}")
    return problems + [
        f"pool.{field}: {reason}, got {given}: leave it out, or use KarpenterGpuPool"
        for field, reason in _BEYOND_A_NODE_GROUP.items()
        if (given := getattr(pool, field)) is not None
    ]


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
        resources=pool.resources,
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
    allows = f"max_gpus {pool.max_gpus} allows {nodes} {capacity_type} node{'s' if nodes > 1 else ''}"
    return [f"no {capacity_type} group in {', '.join(without)}: {allows}, in {', '.join(having)}"]
