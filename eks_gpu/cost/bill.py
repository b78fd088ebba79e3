"""Bill: what something costs, line by line."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from eks_gpu.cost.money import Marks, marks_of, not_read
from eks_gpu.graph.unread import Unread
from eks_gpu_components.catalog import HOURS_PER_MONTH, Price, regional_factors


@dataclass(frozen=True)
class Item:
    """One line of a bill. `unit` is None if no price is known: the line then counts as 0, with a mark."""

    name: str
    quantity: int
    unit: Price | None
    note: str = ""
    region: str = ""
    """Region of what it pays for; empty for the bill's."""

    @property
    def hourly(self) -> float:
        """USD per hour for the whole quantity."""
        return self.quantity * self.unit.hourly if self.unit else 0.0

    @property
    def lowest(self) -> float:
        """USD at the low end of the price's range, or at the price if it has none."""
        return self.hourly if self.unit is None or self.unit.lowest is None else self.quantity * self.unit.lowest

    @property
    def highest(self) -> float:
        """USD at the high end of the price's range, or at the price if it has none."""
        return self.hourly if self.unit is None or self.unit.highest is None else self.quantity * self.unit.highest

    def borrowed(self, region: str) -> bool:
        """Whether the price is of another region and is used because the region's own price is not known."""
        return bool(self.unit and self.unit.region and self.unit.region != (self.region or region))

    def marks(self, region: str) -> Marks:
        """What its amount must be read with."""
        return marks_of(self.unit, self.region or region) if self.unit else Marks(missing=True)

    def as_json(self) -> dict[str, Any]:
        """The plan's row; `price_region` is where the price is of."""
        row: dict[str, Any] = {"name": self.name, "quantity": self.quantity, "hourly": round(self.hourly, 6)}
        if self.unit:
            row |= {"unit_hourly": round(self.unit.hourly, 6), "price_region": self.unit.region}
            row |= {"as_of": self.unit.as_of, "estimate": self.unit.estimate}
            if self.unit.lowest is not None:
                row |= {"lowest": round(self.lowest, 6), "highest": round(self.highest, 6)}
        return {**row, "note": self.note} if self.note else row


@dataclass(frozen=True)
class Bill:
    """The cost at one level of use, in USD."""

    region: str
    items: tuple[Item, ...]
    notes: tuple[str, ...] = ()
    """A sentence for each thing that the numbers leave out."""
    unknown: tuple[str, ...] = ()
    """Workloads and pools whose number of pods or nodes is unknown, so that the bill has no total."""
    unread: tuple[Unread, ...] = ()
    """What the bill leaves out because it was not read."""

    @property
    def hourly(self) -> float:
        """USD an hour."""
        return sum(item.hourly for item in self.items)

    @property
    def monthly(self) -> float:
        """USD for 730 hours."""
        return self.hourly * HOURS_PER_MONTH

    @property
    def range(self) -> tuple[float, float]:
        """USD an hour at the low and the high ends of the prices' ranges."""
        return sum(item.lowest for item in self.items), sum(item.highest for item in self.items)

    @property
    def borrowed(self) -> float:
        """USD an hour, of `hourly`, at prices of another region."""
        return sum(item.hourly for item in self.items if item.borrowed(self.region))

    @property
    def borrowed_from(self) -> tuple[str, ...]:
        """Regions whose prices are used for this region."""
        return tuple(sorted({item.unit.region for item in self.items if item.unit and item.borrowed(self.region)}))

    @property
    def unpriced(self) -> tuple[str, ...]:
        """Names of the lines without a price, which count as nothing."""
        return tuple(item.name for item in self.items if item.unit is None)

    @property
    def between(self) -> tuple[float, float]:
        """Lowest and highest USD per hour, if borrowed prices differ from the region's as much as known prices do."""
        least, most = regional_factors(self.region)
        own = self.hourly - self.borrowed
        return own + self.borrowed * least, own + self.borrowed * most

    @property
    def marks(self) -> Marks:
        """What the total must be read with: the marks of its lines, and what it leaves out."""
        return marks_of_items(self.items, self.region) | Marks(missing=bool(self.unknown), at_least=bool(self.unread))

    @property
    def leaves_out(self) -> str:
        """What the total leaves out because it was not read, as a clause; empty if it leaves out nothing."""
        return not_read(self.unread)

    def as_json(self) -> dict[str, Any]:
        """The plan's section."""
        return {
            "hourly": None if self.unknown else round(self.hourly, 4),
            "monthly": None if self.unknown else round(self.monthly, 2),
            "at_least": bool(self.unread),
            "lowest_hourly": round(self.range[0], 4),
            "highest_hourly": round(self.range[1], 4),
            "borrowed_hourly": round(self.borrowed, 4),
            "borrowed_from": list(self.borrowed_from),
            "unpriced": list(self.unpriced),
            "items": [item.as_json() for item in self.items],
            "notes": list(self.notes),
        }


def marks_of_items(items: Iterable[Item], region: str) -> Marks:
    """The marks of all of them together."""
    found = Marks()
    for item in items:
        found |= item.marks(region)
    return found


def bill(
    region: str,
    items: Iterable[Item],
    notes: Iterable[str] = (),
    unknown: Iterable[str] = (),
    unread: Iterable[Unread] = (),
) -> Bill:
    """A bill without lines of quantity 0, with a note on every price that is unknown or of another region. `unknown`
    are the clauses of what has no known number.
    """
    uncounted = tuple(unknown)
    kept = tuple(item for item in items if item.quantity)
    made = Bill(region, kept, ())
    without = [f"no price is known for {name}" for name in made.unpriced]
    without += uncounted
    places: dict[str, set[str]] = {}
    for item in kept:
        if item.unit and item.borrowed(region):
            places.setdefault(item.unit.region, set()).add(item.region or region)
    borrowed = [
        f"prices of {other} are used where those of {', '.join(sorted(places[other]))} are not known"
        for other in sorted(places)
    ]
    return Bill(region, kept, (*notes, *without, *borrowed), uncounted, tuple(unread))
