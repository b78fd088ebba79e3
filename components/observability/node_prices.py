"""What a node costs, by type and capacity type, as the plan knows it: constant series that running nodes are joined
with.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ..catalog import CapacityType
from ..catalog.prices import Price, auto_mode_surcharge, on_demand_price, spot_price
from ..values.gpu_pool import GpuPool

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
    kinds = {
        (row.name, capacity_type): None
        for pool in pools
        for row in pool.instance_types
        for capacity_type in pool.capacity_types
    }
    managers = (OWN, AUTO_MODE) if auto_mode else (OWN,)
    return [
        NodePrice(name, capacity_type, managed_by, _price(name, capacity_type, managed_by, region))
        for name, capacity_type in kinds
        for managed_by in managers
    ]


def _price(name: str, capacity_type: CapacityType, managed_by: str, region: str) -> Price | None:
    """Reserved capacity costs what the plan says, the price on demand."""
    price = spot_price(name, region) if capacity_type is CapacityType.SPOT else on_demand_price(name, region)
    if price is None or managed_by == OWN:
        return price
    more = auto_mode_surcharge(name, region)
    return more and Price(price.hourly + more.hourly, price.region, price.as_of, estimate=True)


def ceilings(pools: Mapping[str, GpuPool], region: str, auto_mode: bool) -> dict[str, float | None]:
    """USD per hour of each pool at its ceiling, all nodes of its dearest type and on demand; None without a price."""
    found: dict[str, float | None] = {}
    for name, pool in pools.items():
        manager = AUTO_MODE if auto_mode else OWN
        hourly = [_price(row.name, CapacityType.ON_DEMAND, manager, region) for row in pool.instance_types]
        known = [price.hourly for price in hourly if price]
        found[name] = max(known) * pool.max_nodes if len(known) == len(hourly) else None
    return found
