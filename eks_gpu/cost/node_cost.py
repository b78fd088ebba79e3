"""The cost of a pool's nodes: the expected cost and the maximum."""

from collections import Counter
from collections.abc import Collection, Hashable, Iterable, Iterator, Sequence
from math import inf

from eks_gpu.cost.admission import Room
from eks_gpu.cost.bill import Item
from eks_gpu.cost.money import Marks, marks_of
from eks_gpu.pods.pod import Pod
from eks_gpu.pools.overlays import Offering, adjusted
from eks_gpu.pools.pool import AUTO_MODE, Candidate, Disk, Pool
from eks_gpu.pools.prices import auto_mode_surcharge, on_demand_price, spot_price
from eks_gpu.pools.prices import volume_price as known_volume_price
from eks_gpu_components.catalog import CapacityType, Price

_TRIED = (CapacityType.RESERVED, CapacityType.SPOT, CapacityType.ON_DEMAND)
KINDS = {CapacityType.RESERVED: "reserved", CapacityType.SPOT: "Spot", CapacityType.ON_DEMAND: "on demand"}


def expected_type(pool: Pool, spot: bool) -> tuple[str, Price | None]:
    """The expected type and its price: for Spot the cheapest, on demand the first, because AWS takes them in order."""
    priced = [(row.name, price) for row in pool.types if (price := _price(row.name, spot, pool.region, pool.zones))]
    if priced:
        return min(priced, key=lambda pair: pair[1].hourly) if spot else priced[0]
    return (pool.instance_types or ("unknown type",))[0], None


def _price(name: str, spot: bool, region: str, zones: Collection[str]) -> Price | None:
    return spot_price(name, region, zones) if spot else on_demand_price(name, region)


def _is_spot(pool: Pool, node: Candidate) -> bool:
    return node.capacity_type == CapacityType.SPOT if node.capacity_type else pool.on_demand_percentage < 100


def _paid(region: str) -> Price:
    """What a node adds to the bill of its reservation, which costs the same whether or not it is used."""
    return Price(0.0, region, "")


def _node_hourly(pool: Pool, node: Candidate) -> float:
    name = node.instance_type.name
    if node.reservation:
        return _beside(pool, name)
    price = _price(name, _is_spot(pool, node), pool.region, [node.zone] if node.zone else pool.zones)
    return price.hourly + _beside(pool, name) if price else inf


def node_marks(pool: Pool, node: Candidate) -> Marks:
    """What the price of one node of this kind must be read with."""
    name = node.instance_type.name
    if node.reservation:
        return Marks()
    price = _price(name, _is_spot(pool, node), pool.region, [node.zone] if node.zone else pool.zones)
    return marks_of(price, pool.region) if price else Marks(missing=True)


def _beside(pool: Pool, name: str) -> float:
    surcharge = auto_mode_surcharge(name, pool.region) if pool.backend == AUTO_MODE else None
    return disks_price(pool.disks or (), pool.region).hourly + (surcharge.hourly if surcharge else 0.0)


class Expected:
    """The nodes that pools are expected to start, and their prices: each is looked up once."""

    def __init__(self) -> None:
        self._nodes: dict[tuple[str, Hashable, Hashable], Candidate | None] = {}
        self._hourly: dict[tuple[str, str, str, str, str], float] = {}

    def node(self, room: Room, pod: Pod | None) -> Candidate | None:
        """The node that the pool is expected to start.

        If the pool looks at pods, it is the cheapest that fits the pod, by the prices of NodeOverlays where there are
        some; a group's node is the same for every pod. What it costs is AWS's price all the same.
        """
        pool = room.pool
        part = (pool.capacity_types, pool.reservations)
        key = (pool.urn, part, None if pod is None or pool.chooses_node_itself else pod.shape)
        if key not in self._nodes:
            self._nodes[key] = self._node(room, pod)
        return self._nodes[key]

    def _node(self, room: Room, pod: Pod | None) -> Candidate | None:
        pool = room.pool
        if pool.chooses_node_itself:
            name, _ = expected_type(pool, pool.on_demand_percentage < 100)
            return next((node for node in pool.candidates if node.instance_type.name == name), None)
        suiting = (node for node in pool.candidates if pod is None or room.suits(node, pod))
        return min(suiting, key=lambda node: self._order(pool, node), default=None)

    def _order(self, pool: Pool, node: Candidate) -> tuple[bool, int, float]:
        """What the least of decides on the node: reserved first, then the price, or Karpenter's own by an overlay.

        Karpenter takes Spot before on demand whatever their prices are, and asks EC2 for the type with the least of its
        own prices if an overlay changes one. Source: Karpenter 1.15, getCapacityType and Priority of CreateFleet.
        """
        prices = pool.overlaid.applied.prices
        free = node.capacity_type != CapacityType.RESERVED
        if not prices:
            return free, 0, self.hourly(pool, node)
        hourly = self.hourly(pool, node) - _beside(pool, node.instance_type.name)
        price = prices.get(Offering(node.instance_type.name, node.capacity_type, node.zone))
        return free, _TRIED.index(node.capacity_type), hourly if price is None else adjusted(hourly, price)

    def hourly(self, pool: Pool, node: Candidate) -> float:
        """USD per hour for one node of this kind, with disks and Auto Mode's surcharge; infinite without a price."""
        key = (pool.urn, node.instance_type.name, node.zone, node.capacity_type, node.reservation)
        if key not in self._hourly:
            self._hourly[key] = _node_hourly(pool, node)
        return self._hourly[key]


# --- as they are to be expected --------------------------------------------------------------------------------------


def nodes(pool: Pool, count: int, there: Sequence[Candidate]) -> Iterator[Item]:
    """So many nodes of a group, or those `there` of a node pool, at the price to expect."""
    if pool.chooses_node_itself and pool.is_paid_for:
        yield from _reserved_items(
            pool, (pool.instance_types or ("unknown type",))[0], count, pool.reservations[0].named
        )
        yield from _disk_items(pool, count)
        return
    if pool.chooses_node_itself:
        on_demand = pool.on_demand_nodes(count)
        for spot, quantity in ((False, on_demand), (True, count - on_demand)):
            if quantity:
                name, price = expected_type(pool, spot)
                yield Item(f"pool {pool.name}: {name}, {'Spot' if spot else 'on demand'}", quantity, price)
        yield from _disk_items(pool, count)
        return
    kinds = Counter((node.instance_type.name, CapacityType(node.capacity_type), node.reservation) for node in there)
    for (name, capacity_type, reservation), quantity in kinds.items():
        price = _price(name, capacity_type is CapacityType.SPOT, pool.region, pool.zones)
        if reservation:
            yield from _reserved_items(pool, name, quantity, reservation)
        else:
            yield Item(f"pool {pool.name}: {name}, {KINDS[capacity_type]}", quantity, price)
        yield from _auto_mode_items(pool, name, quantity)
    yield from _disk_items(pool, len(there))


def _reserved_items(pool: Pool, name: str, count: int, reservation: str) -> Iterator[Item]:
    yield Item(f"pool {pool.name}: {name}, reserved", count, _paid(pool.region), f"paid for with {reservation}")


def _auto_mode_items(pool: Pool, name: str, count: int) -> Iterator[Item]:
    if pool.backend == AUTO_MODE:
        yield Item(f"pool {pool.name}: Auto Mode on {name}", count, auto_mode_surcharge(name, pool.region))


def _disk_items(pool: Pool, count: int) -> Iterator[Item]:
    if pool.disks:
        gib = sum(disk.gib for disk in pool.disks)
        yield Item(f"pool {pool.name}: disks of {gib} GiB", count, disks_price(pool.disks, pool.region))


# --- at most ---------------------------------------------------------------------------------------------------------


def dearest_nodes(pool: Pool) -> Iterator[Item]:
    """The pool at its maximum, all on demand: no bill can be above it. Nothing for a pool without a limit."""
    if pool.max_nodes is None:
        return
    if pool.is_paid_for and pool.max_nodes and pool.instance_types:
        name = max(pool.instance_types, key=lambda name: _beside(pool, name))
        yield from _reserved_items(pool, name, pool.max_nodes, ", ".join(each.named for each in pool.reservations))
        yield from _auto_mode_items(pool, name, pool.max_nodes)
        yield from _disk_items(pool, pool.max_nodes)
        return
    priced = {row: price for row in pool.types if (price := on_demand_price(row.name, pool.region))}
    known = {row.name for row in priced}
    unknown = [name for name in pool.instance_types if name not in known]
    note = f"no price is known for {', '.join(unknown)}" if priced and unknown else ""
    worth = {row: price.hourly + _beside(pool, row.name) for row, price in priced.items()}
    if not priced:
        yield Item(f"pool {pool.name}: {(pool.instance_types or ('',))[0]}, on demand", pool.max_nodes, None, note)
        yield from _disk_items(pool, pool.max_nodes)
        return
    limits = pool.deciding_limits
    count = {row: int(limits.nodes_of(row)) if limits else pool.max_nodes for row in priced}
    row = max(priced, key=lambda row: count[row] * worth[row])
    yield Item(f"pool {pool.name}: {row.name}, on demand", count[row], priced[row], note)
    yield from _auto_mode_items(pool, row.name, count[row])
    yield from _disk_items(pool, count[row])
    if limits:
        # A mix of types can use up limits further than one type does.
        more = limits.most(worth) - count[row] * worth[row]
        if more > _ROUNDING:
            price = Price(more, priced[row].region, priced[row].as_of)
            yield Item(f"pool {pool.name}: what a mix of types may cost more, at most", 1, price)


_ROUNDING = 1e-6


# --- disks -----------------------------------------------------------------------------------------------------------


def disks_price(disks: Iterable[Disk], region: str) -> Price:
    """All disks of one node."""
    prices = [volume_price(disk.volume_type, disk.gib, region, disk.iops, disk.throughput_mib_s) for disk in disks]
    hourly = sum(price.hourly for price in prices)
    # A disk at another region's price makes the whole of them borrowed.
    told = next((price for price in prices if price.region != region), prices[0] if prices else Price(0, "", ""))
    return Price(hourly, told.region, told.as_of)


def volume_price(volume_type: str, gib: int, region: str, iops: int = 0, throughput_mib_s: int = 0) -> Price:
    """One volume; of a type that EBS does not have, as gp3, for AWS refuses it itself."""
    try:
        return known_volume_price(volume_type, gib, iops, throughput_mib_s, region)
    except ValueError:
        return known_volume_price("gp3", gib, 0, 0, region)
