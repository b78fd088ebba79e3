"""What reserved capacity costs: an on-demand reservation by the hour, used or not; a Capacity Block once, up front."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date

from eks_gpu.cost.bill import Item
from eks_gpu.graph.graph import Graph
from eks_gpu.pools.pool import Pool
from eks_gpu.pools.prices import on_demand_price
from eks_gpu.pools.reservations import Reservation, of_stack
from eks_gpu_components.catalog import Price


def reservations(graph: Graph, pools: Iterable[Pool], region: str, on: date) -> list[Reservation]:
    """Each reservation once: those that pools start nodes in, and the stack's own that none does."""
    found = {each.named: each for pool in pools for each in pool.reservations}
    return [*({each.named: each for each in of_stack(graph, region, on)} | found).values()]


def reserved_items(found: Sequence[Reservation]) -> Iterator[Item]:
    """A line for each that is open. What nobody says, a number or a price, leaves its line without an amount."""
    for each in found:
        if not each.closed:
            yield _item(each)


def reserved_notes(found: Sequence[Reservation]) -> list[str]:
    """A note for each that holds nothing on the day of the bill."""
    return [f"{each} {each.closed}, and is in no sum" for each in found if each.closed]


def _item(each: Reservation) -> Item:
    quantity, what = each.instances or 1, each.instance_type or "its instance type is not known"
    if each.block:
        return Item(f"{each}: {what}, paid up front", quantity, _of_block(each, quantity), _until(each), each.region)
    known = each.block is False and each.instance_type and each.instances
    price = on_demand_price(each.instance_type, each.region) if known else None
    note = "" if known else "its instance type or its number of instances is not known"
    return Item(f"{each}: {what}, used or not", quantity, price, note, each.region)


def _of_block(each: Reservation, quantity: int) -> Price | None:
    """The part of what was paid that one instance costs in an hour of the block."""
    if each.upfront_usd is None or not each.hours:
        return None
    return Price(each.upfront_usd / each.hours / quantity, each.region, f"{each.start:%Y-%m-%d}")


def _until(each: Reservation) -> str:
    end = f" until {each.end:%Y-%m-%d}" if each.end else ""
    return f"its price is spread over its hours{end}" if each.upfront_usd is not None else f"paid before it began{end}"
