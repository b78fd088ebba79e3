"""Quantities as Kubernetes reads them, and as whole numbers with one unit for each resource.

Source: Kubernetes 1.36, k8s.io/apimachinery, pkg/api/resource.
"""

import re
from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from math import ceil, floor
from reprlib import repr as shortened
from typing import Any

CPU, MEMORY, EPHEMERAL_STORAGE, PODS = "cpu", "memory", "ephemeral-storage", "pods"
HUGE_PAGES = "hugepages-"
"""Before the size of the pages in the resource's name. An amount of them is in bytes."""

MIB = 2**20
GIB = 2**30
_DECIMAL = {letter: Fraction(1000) ** power for power, letter in enumerate(("n", "u", "m", "", *"kMGTPE"), -3)}
_BINARY = {f"{letter}i": Fraction(1024) ** power for power, letter in enumerate("KMGTPE", 1)}
_FACTORS = _DECIMAL | _BINARY
_NUMBER = r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)"
# `1E` is an exa, `1E3` a thousand. An exponent and a suffix exclude each other.
_QUANTITY = re.compile(rf"({_NUMBER})(?:[eE]([+-]?[0-9]+)|({'|'.join(filter(None, _FACTORS))}))?")
_MAX_LENGTH = 200
_MOST, _MOST_BINARY = Fraction(10) ** 40, Fraction(2**63 - 1)
_LEAST_DIGITS, _MOST_DIGITS = -10, 40
"""Powers of ten beyond which an exponent is cut, because the number is then rounded up or cut anyway."""
_UNITS = {MEMORY: MIB, EPHEMERAL_STORAGE: MIB, CPU: Fraction(1, 1000)}


def quantity(value: Any) -> Fraction:
    """A text or a number such as `500m`, `1.5Gi`, `2e3` or 4, exactly, but rounded away from zero to 1e-9.

    Spaces around a text do not count. A number with a binary suffix is at most 2**63 - 1, as in Kubernetes, and any
    other at most 1e40. Raises ValueError for anything else, also for a suffix or a sign without a digit, which Go
    reads as 0.
    """
    text = "" if isinstance(value, bool) or not isinstance(value, str | int | float) else _text(value)
    found = _QUANTITY.fullmatch(text) if len(text) <= _MAX_LENGTH else None
    if found is None:
        near = f"; nearest: {close}" if (close := _nearest(text)) else ""
        raise ValueError(f"must be a Kubernetes quantity such as 500m, 2 or 1.5Gi, got {shortened(value)}{near}")
    number, exponent, suffix = Decimal(found[1]), int(found[2] or 0), found[3] or ""
    if not number:
        return Fraction(0)
    shift = min(max(exponent, _LEAST_DIGITS - number.adjusted()), _MOST_DIGITS - number.adjusted())
    exact = abs(Fraction(number)) * Fraction(10) ** shift * _FACTORS[suffix]
    size = min(Fraction(ceil(exact * 10**9), 10**9), _MOST_BINARY if suffix in _BINARY else _MOST)
    return -size if number < 0 else size


def _text(value: str | float) -> str:
    if isinstance(value, int):
        value = int(min(max(value, -_MOST), _MOST))  # Python writes no number of more than 4,300 digits
    return str(value).strip(" ")


def _nearest(text: str) -> str:
    """The quantity that was probably meant by `40GB`, `1 Gi` or `1,5Gi`; empty if there is none."""
    found = re.fullmatch(rf"({_NUMBER})\s*([A-Za-z]+)", text[:_MAX_LENGTH].replace(",", ".").strip())
    if found is None:
        return ""
    unit = re.sub("(bytes?|b)$", "", found[2], flags=re.IGNORECASE)
    spelt = () if unit != found[2] else (unit,)  # as it stands, but megabytes are never milli
    for known in (*spelt, unit.upper(), unit.capitalize(), unit.lower()):
        if known in _FACTORS:
            return f"{found[1]}{known}"
    return ""


def amount(resource: str, value: Any) -> int:
    """A requested or available amount, in the resource's unit. Raises ValueError as `quantity`."""
    return in_units(resource, quantity(value))


def limit(resource: str, value: Any) -> int:
    """A limit, in the resource's unit, rounded down. Raises ValueError as `quantity`."""
    return whole_units(resource, quantity(value))


def whole_units(resource: str, value: Fraction) -> int:
    """What there is of a resource, in its unit, rounded down."""
    return floor(value / _UNITS.get(resource, 1))


def in_units(resource: str, value: Fraction) -> int:
    """CPU in millicores, memory and storage in MiB, everything else in ones; rounded up, as the scheduler does."""
    return ceil(value / _UNITS.get(resource, 1))


def gib(value: Any) -> int:
    """A disk's size in GiB, rounded up, as EC2 has disks. Raises ValueError as `quantity`."""
    return ceil(quantity(value) / GIB)


def kept(value: Any) -> Fraction:
    """A pod's quantity as the API server keeps it, rounded up to thousandths. Raises ValueError as `quantity`."""
    return Fraction(ceil(quantity(value) * 1000), 1000)


def written(resource: str, value: int) -> str:
    """An amount written as a quantity: `3500m`, `1024Mi`, `1`. Of huge pages the largest unit that fits: `100Mi`."""
    if resource.startswith(HUGE_PAGES):
        units = ((size, unit) for unit, size in (("Mi", MIB), ("Ki", 2**10)) if value and value % size == 0)
        size, unit = next(units, (1, ""))
        return f"{value // size}{unit}"
    unit = {CPU: "m", MEMORY: "Mi", EPHEMERAL_STORAGE: "Mi"}.get(resource, "")
    return f"{value}{unit}"


def as_json(resources: Mapping[str, int]) -> dict[str, str | int]:
    """CPU, memory, storage and huge pages with their unit, counts as numbers."""
    return {
        name: written(name, value) if name in _UNITS or name.startswith(HUGE_PAGES) else value
        for name, value in sorted(resources.items())
    }
