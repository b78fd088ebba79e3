"""Amounts of money in words: the only place that writes one, so that no amount loses what it must be read with."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from eks_gpu.graph.unread import Unread
from eks_gpu_components.catalog import Price


@dataclass(frozen=True, slots=True)
class Marks:
    """What an amount must be read with."""

    estimate: bool = False
    """`~`: part of it is an estimate, as the price of Spot is."""
    missing: bool = False
    """`+ ?`: it leaves out what has no known price or number."""
    borrowed: bool = False
    """`*`: part of it is at the price of another region."""
    at_least: bool = False
    """`at least`: it leaves out what was not read."""

    def __or__(self, other: "Marks") -> "Marks":
        return Marks(
            self.estimate or other.estimate,
            self.missing or other.missing,
            self.borrowed or other.borrowed,
            self.at_least or other.at_least,
        )


def usd(amount: float, digits: int, marks: Marks) -> str:
    """`73`, or with all marks `at least ~73.10 + ?*`."""
    return _marked(f"{amount:,.{digits}f}", marks)


def _marked(amount: str, marks: Marks) -> str:
    least, estimate = "at least " * marks.at_least, "~" * marks.estimate
    return f"{least}{estimate}{amount}{' + ?' * marks.missing}{'*' * marks.borrowed}"


def share(amount: float, of: float, marks: Marks) -> str:
    """`89%`, with the same marks; under 100% for what is less, and over for what is more."""
    exact = 100 * amount / of
    return _marked(f"{math.floor(exact) if exact <= 100 else math.ceil(exact):,}%", marks)


def marks_of(price: Price, region: str) -> Marks:
    """The marks of a single price in a region."""
    return Marks(estimate=price.estimate, borrowed=bool(price.region) and price.region != region)


_NAMED = 2
"""Subjects that are named, before they are counted."""


def not_read(rows: Iterable[Unread]) -> str:
    """`nodes of Fleet spare are not read`, of as many rows as there are; empty for none."""
    subjects: dict[str, list[str]] = {}
    for row in rows:
        subjects.setdefault(row.what, []).append(row.subject)
    said = [
        f"{what} of {' and '.join(names) if len(names) <= _NAMED else f'{len(names)} resources'}"
        for what, names in subjects.items()
    ]
    return f"{' and '.join(said)} {'is' if list(subjects) == ['network'] else 'are'} not read" if said else ""
