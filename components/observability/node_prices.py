"""What a node costs, by type and capacity type, as the plan knows it: constant series that running nodes are joined
with.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ..catalog import CapacityType
from ..catalog.prices import Price, auto_mode_surcharge, on_demand_price, spot_price
from ..values.gpu_pool import GpuPool
from ..values.reservation import Reservation

OWN, AUTO_MODE = "own", "auto-mode"
"""Who manages a node: you, or EKS Auto Mode, which costs more."""


@dataclass(frozen=True, slots=True)
class NodePrice:
    """The price of a node in USD per hour, without its disks."""

    instance_type: str
    capacity_type: CapacityType
    managed_by: str
    price: Price | None
    """None where the catalog knows none: there is no series then, because a cost of 0 would be wrong."""

    def __str__(self) -> str:
        return f"{self.instance_type} ({self.capacity_type})"


def node_prices(pools: Iterable[GpuPool], region: str, auto_mode: bool) -> list[NodePrice]:
    """A price for each kind of node that the pools can bring, known or not, in the order of the pools."""
    made = [*pools]
    kinds = {
        (row.name, capacity_type): None
        for pool in made
        for row in pool.instance_types
        for capacity_type in pool.capacity_types
    }
    managers = (OWN, AUTO_MODE) if auto_mode else (OWN,)
    return [
        NodePrice(name, capacity_type, managed_by, _price(name, capacity_type, managed_by, region, made))
        for name, capacity_type in kinds
        for managed_by in managers
    ]


def _price(
    name: str, capacity_type: CapacityType, managed_by: str, region: str, pools: Iterable[GpuPool] = ()
) -> Price | None:
    if capacity_type is CapacityType.RESERVED:
        price = _reserved(name, region, pools)
    else:
        price = spot_price(name, region) if capacity_type is CapacityType.SPOT else on_demand_price(name, region)
    if price is None or managed_by == OWN:
        return price
    more = auto_mode_surcharge(name, region)
    return more and Price(price.hourly + more.hourly, price.region, price.as_of, estimate=True)


def _reserved(name: str, region: str, pools: Iterable[GpuPool]) -> Price | None:
    """One instance's part of what its reservation costs: of a Capacity Block what was paid up front, of others the
    price on demand. None where it is not known, or differs, because a node does not say which one it is of.
    """
    reservations = [
        each
        for pool in pools
        if name in [row.name for row in pool.instance_types]
        for each in pool.reservations
        if each.instance_type in (None, name)
    ]
    prices = {_of_block(each, region) if each.is_block else on_demand_price(name, region) for each in reservations}
    if not prices:
        return on_demand_price(name, region)
    return prices.pop() if len(prices) == 1 else None


def _of_block(block: Reservation, region: str) -> Price | None:
    if block.upfront_usd is None or block.instances is None or block.start is None or block.end is None:
        return None
    hours = (block.end - block.start).total_seconds() / 3600
    return Price(block.upfront_usd / hours / block.instances, region, f"{block.start:%Y-%m-%d}")


def ceilings(pools: Mapping[str, GpuPool], region: str, auto_mode: bool) -> dict[str, float | None]:
    """USD per hour of each pool at its ceiling, all nodes of its dearest type and on demand; None without a price."""
    found: dict[str, float | None] = {}
    for name, pool in pools.items():
        manager = AUTO_MODE if auto_mode else OWN
        hourly = [_price(row.name, CapacityType.ON_DEMAND, manager, region) for row in pool.instance_types]
        known = [price.hourly for price in hourly if price]
        found[name] = max(known) * pool.max_nodes if len(known) == len(hourly) else None
    return found
