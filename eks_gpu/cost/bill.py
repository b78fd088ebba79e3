"""Bill: what something costs, line by line."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from eks_gpu_components.catalog import HOURS_PER_MONTH, Price


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


def bill(region: str, items: Iterable[Item], notes: Iterable[str] = ()) -> Bill:
    """Lines without quantity left out, and a note on every price that is not known or not of the region."""
    kept = tuple(item for item in items if item.quantity)
    unknown = [f"no price is known for {item.name}" for item in kept if item.unit is None]
    elsewhere = {item.unit.region for item in kept if item.unit} - {region}
    borrowed = [f"prices of {other} stand in for those of {region} that are not known" for other in elsewhere]
    return Bill(kept, (*notes, *unknown, *sorted(borrowed)))
