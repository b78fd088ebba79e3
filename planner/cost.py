"""Cost: what a stack costs an hour and a month while idle, in the steady state and at its maximum."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from eks_gpu_components.catalog import (
    ALB_HOURLY,
    CONTROL_PLANE_HOURLY,
    EXTENDED_SUPPORT_HOURLY,
    HOURS_PER_MONTH,
    INTERFACE_ENDPOINT_HOURLY,
    NAT_GATEWAY_HOURLY,
    NLB_HOURLY,
    PUBLIC_IPV4_HOURLY,
    Price,
    ebs_volume,
    on_demand_price,
    spot_price,
)

from .clusters import clusters
from .graph import Graph
from .manifests import kubernetes_objects
from .packing import Fleet
from .pools import Disk, Pool
from .quantities import EPHEMERAL_STORAGE, amount


@dataclass(frozen=True)
class Item:
    """One line. `unit` is None where no price is known: then the line counts as nothing, and says so."""

    name: str
    quantity: int
    unit: Price | None
    note: str = ""

    @property
    def hourly(self) -> float:
        """USD, all of the quantity."""
        return self.quantity * self.unit.hourly if self.unit else 0.0

    def as_json(self) -> dict[str, Any]:
        """The plan's row; `price_region` is where the price is of."""
        row: dict[str, Any] = {"name": self.name, "quantity": self.quantity, "hourly": round(self.hourly, 6)}
        if self.unit:
            row |= {"unit_hourly": round(self.unit.hourly, 6), "price_region": self.unit.region}
            row |= {"as_of": self.unit.as_of, "estimate": self.unit.estimate}
        return {**row, "note": self.note} if self.note else row


@dataclass(frozen=True)
class Bill:
    """USD at one level of use."""

    items: tuple[Item, ...]
    notes: tuple[str, ...] = ()
    """What the numbers leave out, a sentence each."""

    @property
    def hourly(self) -> float:
        """USD an hour."""
        return sum(item.hourly for item in self.items)

    @property
    def monthly(self) -> float:
        """USD for 730 hours."""
        return self.hourly * HOURS_PER_MONTH

    def as_json(self) -> dict[str, Any]:
        """The plan's section."""
        return {
            "hourly": round(self.hourly, 4),
            "monthly": round(self.monthly, 2),
            "items": [item.as_json() for item in self.items],
            "notes": list(self.notes),
        }


@dataclass(frozen=True)
class Cost:
    """Three levels of use. `max` leaves out pools without a ceiling, with a note."""

    region: str
    idle: Bill
    steady: Bill
    max: Bill
    currency: str = "USD"

    def as_json(self) -> dict[str, Any]:
        """The plan's section `cost`."""
        return {
            "currency": self.currency,
            "region": self.region,
            "idle": self.idle.as_json(),
            "steady": self.steady.as_json(),
            "max": self.max.as_json(),
        }


def cost(graph: Graph, region: str, on: date, pools: Sequence[Pool], fleet: Fleet) -> Cost:
    """`fleet` is what the stated replicas need."""
    fixed = tuple(fixed_items(graph, on))
    left_over = [
        f"{count} of {name} find no room: the pools that take them are at their maximum"
        for name, count in fleet.left_over.items()
    ]
    unlimited = [f"pool {pool.name} has no ceiling and is left out" for pool in pools if pool.max_nodes is None]
    idle = [item for pool in pools for item in nodes(pool, pool.min_nodes, region)]
    steady = [item for pool in pools for item in nodes(pool, fleet.nodes[pool.urn], region)]
    most = [item for pool in pools for item in dearest_nodes(pool, pool.max_nodes or 0, region)]
    return Cost(
        region=region,
        idle=_bill(region, fixed, idle),
        steady=_bill(region, fixed, steady, left_over),
        max=_bill(region, fixed, most, unlimited),
    )


def _bill(region: str, fixed: Iterable[Item], per_pool: Iterable[Item], notes: Iterable[str] = ()) -> Bill:
    items = tuple(item for item in (*fixed, *per_pool) if item.quantity)
    unknown = [f"no price is known for {item.name}" for item in items if item.unit is None]
    elsewhere = {item.unit.region for item in items if item.unit} - {region}
    borrowed = [f"prices of {other} stand in for those of {region} that are not known" for other in elsewhere]
    return Bill(items, (*notes, *unknown, *sorted(borrowed)))


# --- pools -----------------------------------------------------------------------------------------------------------


def expected(pool: Pool, spot: bool, region: str) -> tuple[str, Price | None]:
    """The type to expect and its price: of Spot the cheapest, on demand the first, as AWS takes them in order."""
    priced = [(row.name, price) for row in pool.types if (price := _price(row.name, spot, region))]
    if priced:
        return min(priced, key=lambda pair: pair[1].hourly) if spot else priced[0]
    return (pool.instance_types or ("unknown type",))[0], None


def _price(name: str, spot: bool, region: str) -> Price | None:
    return spot_price(name, region) if spot else on_demand_price(name, region)


def node_hourly(pool: Pool, region: str) -> float:
    """USD for one more node as it is to be expected, its disks with it; infinite where no price is known."""
    _, price = expected(pool, pool.on_demand_percentage < 100, region)
    return (price.hourly + _disks(pool.disks or ()).hourly) if price else float("inf")


def nodes(pool: Pool, count: int, region: str) -> Iterator[Item]:
    """So many nodes at the price to expect."""
    on_demand = pool.on_demand_nodes(count)
    for spot, quantity in ((False, on_demand), (True, count - on_demand)):
        if quantity:
            name, price = expected(pool, spot, region)
            kind = "Spot" if spot else "on demand"
            yield Item(f"pool {pool.name}: {name}, {kind}", quantity, price)
    yield from _disk_items(pool, count)


def dearest_nodes(pool: Pool, count: int, region: str) -> Iterator[Item]:
    """So many nodes of the dearest type, all on demand: no bill can be above it."""
    priced = [(row.name, price) for row in pool.types if (price := on_demand_price(row.name, region))]
    known = {name for name, _ in priced}
    unknown = [name for name in pool.instance_types if name not in known]
    name, price = max(priced, key=lambda pair: pair[1].hourly, default=((pool.instance_types or ("",))[0], None))
    note = f"no price is known for {', '.join(unknown)}" if priced and unknown else ""
    yield Item(f"pool {pool.name}: {name}, on demand", count, price, note)
    yield from _disk_items(pool, count)


def _disk_items(pool: Pool, count: int) -> Iterator[Item]:
    if pool.disks:
        gib = sum(disk.gib for disk in pool.disks)
        yield Item(f"pool {pool.name}: disks of {gib} GiB", count, _disks(pool.disks))


def _disks(disks: Iterable[Disk]) -> Price:
    prices = [_volume(disk.volume_type, disk.gib, disk.iops, disk.throughput_mib_s) for disk in disks]
    hourly = sum(price.hourly for price in prices)
    return Price(hourly, prices[0].region, prices[0].as_of) if prices else Price(0, "", "")


def _volume(volume_type: str, gib: int, iops: int = 0, throughput_mib_s: int = 0) -> Price:
    try:
        return ebs_volume(volume_type, gib, iops, throughput_mib_s)
    except ValueError:  # AWS refuses the type itself
        return ebs_volume("gp3", gib)


# --- what runs whatever the load -------------------------------------------------------------------------------------


def fixed_items(graph: Graph, on: date) -> Iterator[Item]:
    """Control planes, gateways, endpoints, load balancers, addresses and volumes."""
    for cluster in clusters(graph):
        yield Item(f"control plane {cluster.name}", 1, CONTROL_PLANE_HOURLY)
        if cluster.support(on) != "standard":
            yield Item(f"extended support of Kubernetes {cluster.version}", 1, EXTENDED_SUPPORT_HOURLY)
    counts = Counter(dict(_of_aws(graph)))
    counts.update(dict(_of_kubernetes(graph)))
    for name, quantity in counts.items():
        yield Item(name, quantity, UNITS[name])
    yield from _volumes(graph)


NAT, ADDRESS, ENDPOINT = "NAT gateway", "public IPv4 address", "interface endpoint in a zone"
NLB, ALB = "network load balancer", "application load balancer"
UNITS: Mapping[str, Price] = {
    NAT: NAT_GATEWAY_HOURLY,
    ADDRESS: PUBLIC_IPV4_HOURLY,
    ENDPOINT: INTERFACE_ENDPOINT_HOURLY,
    NLB: NLB_HOURLY,
    ALB: ALB_HOURLY,
}


def _of_aws(graph: Graph) -> Iterator[tuple[str, int]]:
    gateways = graph.of("aws:ec2/natGateway:NatGateway")
    endpoints = graph.of("aws:ec2/vpcEndpoint:VpcEndpoint")
    balancers = [found.inputs.get("loadBalancerType") for found in graph.of("aws:lb/loadBalancer:LoadBalancer")]
    yield NAT, len(gateways)
    yield ADDRESS, len(graph.of("aws:ec2/eip:Eip"))
    yield (
        ENDPOINT,
        sum(
            len(found.inputs.get("subnetIds") or ())
            for found in endpoints
            if found.inputs.get("vpcEndpointType") == "Interface"
        ),
    )
    yield NLB, balancers.count("network")
    yield ALB, len(balancers) - balancers.count("network")


def _of_kubernetes(graph: Graph) -> Iterator[tuple[str, int]]:
    """Load balancers that controllers make: one a Service of that type, one an Ingress."""
    kinds = Counter(
        "Ingress" if manifest["kind"] == "Ingress" else (manifest.get("spec") or {}).get("type")
        for _, manifest in kubernetes_objects(graph)
        if manifest["kind"] in ("Service", "Ingress")
    )
    yield NLB, kinds["LoadBalancer"]
    yield ALB, kinds["Ingress"]


def _volumes(graph: Graph) -> Iterator[Item]:
    """Volumes of the stack itself, and claims by their request, as gp3."""
    for found in graph.of("aws:ebs/volume:Volume"):
        size, kind = int(found.inputs.get("size") or 0), str(found.inputs.get("type") or "gp2")
        yield Item(f"volume {found.name} of {size} GiB", 1, _volume(kind, size))
    for _, manifest in kubernetes_objects(graph):
        spec, name = manifest.get("spec") or {}, manifest["metadata"]["name"]
        if manifest["kind"] == "PersistentVolumeClaim":
            yield _claim(name, spec, 1)
        elif manifest["kind"] == "StatefulSet":
            for template in spec.get("volumeClaimTemplates") or ():
                claim = f"{name}/{(template.get('metadata') or {}).get('name', '')}"
                yield _claim(claim, template.get("spec") or {}, int(spec.get("replicas", 1)))


def _claim(name: str, spec: Mapping[str, Any], quantity: int) -> Item:
    asked = ((spec.get("resources") or {}).get("requests") or {}).get("storage", 0)
    gib = -(-amount(EPHEMERAL_STORAGE, asked) // 1024)
    return Item(f"volume claim {name} of {gib} GiB", quantity, _volume("gp3", gib))
