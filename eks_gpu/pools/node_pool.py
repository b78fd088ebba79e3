"""NodePools of Karpenter and of EKS Auto Mode, and Auto Mode's built-in pools."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from eks_gpu.graph.graph import Resource
from eks_gpu.karpenter.objects import NodePool, node_pool, node_pools, part
from eks_gpu.pods.pod import Expression
from eks_gpu.pods.quantities import limit
from eks_gpu.pods.selection import matches
from eks_gpu.pools.cluster_of import same_cluster
from eks_gpu.pools.clusters import COMPONENT, clusters
from eks_gpu.pools.karpenter_node import Controller, auto_mode_node
from eks_gpu.pools.limits import NODES, Limits
from eks_gpu.pools.lookups import Lookups
from eks_gpu.pools.node_class import AUTO_MODE_GIB, node_class
from eks_gpu.pools.overlays import Nodes, Overlaid, overlaid
from eks_gpu.pools.pool import AUTO_MODE, KARPENTER, Disk, Pool
from eks_gpu.pools.prices import on_demand_price
from eks_gpu.pools.reservations import CAPACITY_BLOCK, RESERVATION_ID, Reservation, ceiling, of_node_class, why_none
from eks_gpu.pools.type_facts import accelerator_kind, has_nvidia, is_offered, known_type, zone_ids
from eks_gpu.pools.upgrade import built_in, of_node_pool
from eks_gpu_components.catalog import (
    CAPACITY_TYPE_LABEL,
    COMPUTE_TYPE_LABEL,
    INSTANCE_TYPE_LABEL,
    NODE_CLASS_LABEL,
    NODE_POOL_LABEL,
    REGION_LABEL,
    SHARES_ANNOTATION,
    ZONE_ID_LABEL,
    ZONE_LABEL,
    CapacityType,
    InstanceType,
    Taint,
    instance_types,
    is_type_label,
    is_unjudged_label,
    is_well_known_label,
    type_may_meet,
)
from eks_gpu_components.catalog.auto_mode import (
    BUILT_IN_CATEGORIES,
    BUILT_IN_GENERATION,
    BUILT_IN_POOLS,
    BuiltInPool,
    starts,
)
from eks_gpu_components.catalog.labels import RESERVATION_ID_NAME, RESERVATION_TYPE_NAME
from eks_gpu_components.catalog.narrowing import Place, why_empty

_NO_OVERLAYS = Overlaid()


def read_node_pool(resource: Resource, lookups: Lookups) -> Iterator[Pool]:
    """One pool: Karpenter looks at pods first, then takes the cheapest type that its requirements leave."""
    found = node_pool(resource, lookups.graph)
    cluster = lookups.owners.of(resource)
    controller = lookups.controller(cluster)
    nodes = node_class(found, controller)
    subnet_ids = lookups.selected_subnets(nodes.subnet_terms)
    zones = _zones(found, lookups.zones(subnet_ids), lookups.region)
    rows = [row for row in _selectable(found, lookups.region) if is_offered(row, lookups.region, zones)]
    rows = [row for row in rows if nodes.node.starts(row)]
    overlays = _overlaid(found, rows, lookups)
    rows = _by_price(rows, lookups.region, overlays.applied)
    names = tuple(row.name for row in rows)
    node = replace(nodes.node, overlaid=overlays.applied.amounts())
    limits = Limits(dict(_amounts(found.limits)), node)
    capacity_types = _capacity_types(found)
    reserving = CapacityType.RESERVED in capacity_types
    reserved = of_node_class(found.node_class, lookups.graph, lookups.region, lookups.on) if reserving else ()
    least, most, starts_none = _size(found, limits, rows, controller)
    if reserved and capacity_types == (CapacityType.RESERVED,) and (there := ceiling(reserved)) is not None:
        most = there if most is None else min(most, there)
        least, starts_none = min(least, most), starts_none if there else why_none(reserved)
    unreserved = _unreserved(found, controller) if reserving else ""
    if unreserved and capacity_types == (CapacityType.RESERVED,):
        least, most, starts_none = 0, 0, f"{unreserved}, and it takes no other capacity"
    required = tuple(item.required for item in found.requirements)
    place = Place(found.prefix, lookups.region, tuple(lookups.zones(subnet_ids)))
    emptied = None if rows and _zones_are_left(found, zones) and capacity_types else why_empty(required, place)
    accelerated, kind = has_nvidia(names), accelerator_kind(names)
    stated = [item for item in found.requirements if not is_well_known_label(item.expression.key)]
    yield Pool(
        name=found.name,
        backend=AUTO_MODE if found.auto_mode else KARPENTER,
        urn=resource.urn,
        upgrade=of_node_pool(found),
        cluster=cluster,
        region=lookups.region,
        instance_types=(*names, *_misspelt(found)),
        capacity_types=capacity_types,
        reservations=reserved,
        unreserved=unreserved,
        on_demand_percentage=0 if CapacityType.SPOT in capacity_types else 100,
        zones=zones,
        subnets=len(subnet_ids),
        min_nodes=least,
        desired_nodes=None if found.replicas is None else least,
        max_nodes=most,
        limits=limits,
        static=found.replicas is not None,
        starts_none=starts_none,
        weight=int(found.spec.get("weight") or 0),
        labels={key: value for key, value in found.labels.items() if not is_well_known_label(key)},
        taints=tuple(_taints(found.template.get("taints") or ())),
        well_known=_own_labels(found),
        late_labels=lookups.labels_of_image(nodes.image, accelerated, cluster),
        chosen_labels=tuple(item.expression for item in stated),
        reserved_labels=tuple(_of_reservations(found.prefix, reserved)),
        min_values=tuple((item.expression.key, item.min_values) for item in found.requirements if item.min_values),
        requirements=required,
        emptied=emptied,
        unknown_requirements=_unknown(found),
        disks=nodes.disks,
        instance_store=nodes.instance_store,
        parallel_pull=nodes.parallel_pull,
        image=nodes.image,
        node=node,
        overlaid=overlays,
        imds_v2=nodes.imds_v2,
        driver=nodes.drivers.get(kind) if kind else None,
        device_plugin=kind in nodes.device_plugins,
        no_claims=lookups.no_claims_of_auto_mode(cluster) if found.auto_mode else controller.no_claims,
        gpu_shares=_gpu_shares(found),
    )


def _unreserved(found: NodePool, controller: Controller) -> str:
    """Why Karpenter offers no reserved capacity to a pool that asks for it, as a clause; empty if it does."""
    if found.node_class is None:
        return ""
    if not part(found.node_class.inputs, "spec").get("capacityReservationSelectorTerms"):
        return "its node class selects no reservation"
    return "the gate ReservedCapacity is off" if not found.auto_mode and controller.reserved_capacity is False else ""


def _of_reservations(prefix: str, reserved: Sequence[Reservation]) -> Iterator[Expression]:
    """Labels that a node gets of the reservation that it starts in: of those that tags select, whatever a pod asks for.

    Source: Karpenter 1.15, labels.go.
    """
    there = [each for each in reserved if not each.closed]
    if not there:
        return
    ids = tuple(each.named for each in there if each.named.startswith(RESERVATION_ID))
    kinds = {CAPACITY_BLOCK if each.block else "default" for each in there if each.block is not None}
    known = len(ids) == len(there)
    yield Expression(f"{prefix}/{RESERVATION_ID_NAME}", "In" if known else "Exists", ids if known else ())
    told = all(each.block is not None for each in there)
    named = tuple(sorted(kinds if told else {CAPACITY_BLOCK, "default"}))
    yield Expression(f"{prefix}/{RESERVATION_TYPE_NAME}", "In", named)


def _gpu_shares(found: NodePool) -> int:
    """By the annotation of its EC2NodeClass; shares by memory have no number."""
    annotations = part(found.node_class.inputs, "metadata", "annotations") if found.node_class else {}
    given = str(annotations.get(SHARES_ANNOTATION) or "disabled")
    return int(given) if given.isdigit() else 1 if given == "disabled" else 0


def read_built_in_pools(resource: Resource, lookups: Lookups) -> Iterator[Pool]:
    """The built-in pools of a cluster with Auto Mode. They have no limits, and none can be set."""
    (cluster,) = [found for found in clusters(lookups.graph) if found.urn == resource.urn] or [None]
    if cluster is None or f"{COMPONENT}$" in resource.urn:
        return
    zones = lookups.zones(cluster.subnet_ids)
    node = auto_mode_node(AUTO_MODE_GIB)
    for name in cluster.built_in_pools:
        required = BUILT_IN_POOLS.get(name, BuiltInPool(()))
        rows = (
            row
            for row in _by_price(instance_types(), lookups.region)
            if row.architecture in required.architectures
            and row.category in BUILT_IN_CATEGORIES
            and row.generation >= BUILT_IN_GENERATION
            and starts(row)
            and is_offered(row, lookups.region, zones)
        )
        yield Pool(
            name=name,
            backend=AUTO_MODE,
            urn=f"{resource.urn}#{name}",
            upgrade=built_in(),
            cluster=cluster.name,
            region=lookups.region,
            instance_types=tuple(row.name for row in rows),
            capacity_types=(CapacityType.ON_DEMAND.value,),
            on_demand_percentage=100,
            zones=zones,
            subnets=len(cluster.subnet_ids),
            min_nodes=0,
            desired_nodes=None,
            max_nodes=None,
            limits=Limits({}, node),
            node=node,
            taints=required.taints,
            well_known={COMPUTE_TYPE_LABEL: "auto", NODE_POOL_LABEL: name},
            disks=(Disk(AUTO_MODE_GIB, encrypted=True),),
            imds_v2=True,
        )


# --- instance types --------------------------------------------------------------------------------------------------


def _selectable(pool: NodePool, region: str) -> list[InstanceType]:
    """Types that meet every requirement which the catalog can judge, cheapest first."""
    required = [item.expression for item in pool.requirements if is_type_label(item.expression.key)]
    # A pool that names its types, as most do, needs no look at the thousand others.
    named = [set(item.values) for item in required if item.key == INSTANCE_TYPE_LABEL and item.operator == "In"]
    known = (row for row in instance_types() if all(row.name in names for names in named))
    rows = (row for row in known if not pool.auto_mode or starts(row))
    return _by_price((row for row in rows if _may_have(row, required)), region)


def _may_have(row: InstanceType, required: Iterable[Expression]) -> bool:
    """Under the prefix that each requirement has, be it the wrong one: a check says so."""
    return all(type_may_meet(row, found.key, found.operator, found.values) for found in required)


def _by_price(rows: Iterable[InstanceType], region: str, overlays: Overlaid = _NO_OVERLAYS) -> list[InstanceType]:
    """Cheapest first: by AWS's price on demand, or by Karpenter's own where an overlay changes it."""

    def price(row: InstanceType) -> tuple[float, str]:
        found = on_demand_price(row.name, region)
        return overlays.least(row.name, found.hourly if found else float("inf")), row.name

    return sorted(rows, key=price)


def _misspelt(pool: NodePool) -> Iterator[str]:
    """Types that a requirement names and that do not exist."""
    for expression in pool.expressions(INSTANCE_TYPE_LABEL):
        if expression.operator == "In":
            yield from (name for name in expression.values if known_type(name) is None)


def _unknown(pool: NodePool) -> tuple[str, ...]:
    keys = (item.expression.key for item in pool.requirements)
    return tuple(dict.fromkeys(key for key in keys if is_unjudged_label(key)))


# --- places, capacity types, limits ----------------------------------------------------------------------------------


def _zones(pool: NodePool, subnets: Sequence[str], region: str) -> tuple[str, ...]:
    """Of the subnets that the node class selects, else of the requirements; empty where neither names one."""
    required = pool.expressions(ZONE_LABEL, ZONE_ID_LABEL, REGION_LABEL)
    ids = zone_ids(region)
    named = (value for item in required if item.key == ZONE_LABEL and item.operator == "In" for value in item.values)
    known = subnets or ((*ids, *named) if required else ())
    return tuple(
        zone
        for zone in dict.fromkeys(known)
        if all(
            matches(item, {ZONE_LABEL: zone, REGION_LABEL: region, ZONE_ID_LABEL: ids.get(zone, "")})
            for item in required
        )
    )


def _zones_are_left(pool: NodePool, zones: Sequence[str]) -> bool:
    """Whether its requirements on places leave a zone; also if it has none."""
    return bool(zones) or not pool.expressions(ZONE_LABEL, ZONE_ID_LABEL, REGION_LABEL)


def _capacity_types(pool: NodePool) -> tuple[str, ...]:
    """In the order in which Karpenter tries them; reserved only where a requirement names it."""
    required = pool.expressions(CAPACITY_TYPE_LABEL)
    named = {value for item in required for value in item.values if item.operator == "In"}
    return tuple(
        kind.value
        for kind in CapacityType
        if (kind is not CapacityType.RESERVED or kind in named)
        and all(matches(item, {CAPACITY_TYPE_LABEL: kind.value}) for item in required)
    )


def _size(
    pool: NodePool, limits: Limits, rows: Sequence[InstanceType], controller: Controller
) -> tuple[int, int | None, str]:
    """Nodes at least and at most, and why there never is one.

    A static pool has `replicas`, and while nodes are replaced up to the limit of nodes; without that limit the more
    that come for a time are not counted. While the gate is off Karpenter starts none of them, and none for pods.
    """
    if pool.replicas is None:
        return 0, limits.nodes(rows), ""
    if controller.static_capacity is False and not pool.auto_mode:
        return 0, 0, "it has spec.replicas, and the gate StaticCapacity is off, so Karpenter starts no node of it"
    most = limits.amounts.get(NODES, pool.replicas)
    least = min(pool.replicas, most)
    return least, most if least else 0, "" if least else "it keeps 0 nodes, whatever the pods"


def _overlaid(pool: NodePool, rows: Sequence[InstanceType], lookups: Lookups) -> Overlaid:
    """Of Auto Mode nothing, because EKS has no NodeOverlays there."""
    cluster = lookups.owners.of(pool.resource)
    overlays = [] if pool.auto_mode else lookups.overlays(cluster)
    if not overlays:
        return Overlaid()
    others = [
        other
        for other in node_pools(lookups.graph)
        if not other.auto_mode
        and other.resource.urn != pool.resource.urn
        and same_cluster(lookups.owners.of(other.resource), cluster)
    ]
    beside = [_nodes(other, lookups) for other in others]
    return overlaid(overlays, _nodes(pool, lookups), rows, lookups.controller(cluster).node_overlays, beside)


def _nodes(pool: NodePool, lookups: Lookups) -> Nodes:
    spec = part(pool.node_class.inputs, "spec") if pool.node_class else {}
    zones = lookups.zones(lookups.selected_subnets(spec.get("subnetSelectorTerms") or ()))
    ids = zone_ids(lookups.region)
    reserved = [kind for kind in _capacity_types(pool) if kind == CapacityType.RESERVED]
    return Nodes(
        pool=pool.name,
        region=lookups.region,
        labels=pool.labels,
        zones={zone: ids.get(zone, "") for zone in zones},
        capacity_types=(*reserved, CapacityType.SPOT, CapacityType.ON_DEMAND),
    )


def _amounts(limits: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
    for resource, quantity in limits.items():
        try:
            yield str(resource), limit(str(resource), quantity)
        except ValueError:
            continue  # the API server refuses it


def _taints(given: Iterable[Mapping[str, Any]]) -> Iterator[Taint]:
    for item in given:
        try:
            yield Taint.from_kubernetes(item)
        except (KeyError, ValueError):
            continue  # the API server refuses it


def _own_labels(pool: NodePool) -> dict[str, str]:
    name = str(part(pool.template, "nodeClassRef").get("name") or "")
    if pool.auto_mode:
        return {NODE_POOL_LABEL: pool.name, COMPUTE_TYPE_LABEL: "auto"}
    return {NODE_POOL_LABEL: pool.name, NODE_CLASS_LABEL: name}
