"""Kubernetes quantities as whole numbers, each resource in one unit."""

import re
from collections.abc import Mapping
from decimal import ROUND_CEILING, Decimal, InvalidOperation
from typing import Any

CPU, MEMORY, EPHEMERAL_STORAGE, PODS = "cpu", "memory", "ephemeral-storage", "pods"

MIB = 2**20
_FACTORS = {"": Decimal(1), "n": Decimal("1e-9"), "u": Decimal("1e-6"), "m": Decimal("1e-3")}
_FACTORS |= {letter: Decimal(1000) ** power for power, letter in enumerate(("k", "M", "G", "T", "P", "E"), 1)}
_FACTORS |= {f"{letter}i": Decimal(1024) ** power for power, letter in enumerate("KMGTPE", 1)}
# A number, perhaps with an exponent, then a unit. `1E` is an exa, `1E3` a thousand.
_QUANTITY = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)(Ki|Mi|Gi|Ti|Pi|Ei|[numkMGTPE]?)")


def quantity(text: Any) -> Decimal:
    """`500m`, `1.5Gi`, `2e3` or a plain number. Raises ValueError for anything else."""
    found = None if isinstance(text, bool) else _QUANTITY.fullmatch(str(text).strip())
    if found is None:
        raise ValueError(f"must be a Kubernetes quantity such as 500m, 2 or 1.5Gi, got {text!r}")
    try:
        return Decimal(found[1]) * _FACTORS[found[2]]
    except InvalidOperation:
        raise ValueError(f"must be a Kubernetes quantity in the range of numbers, got {text!r}") from None


def amount(resource: str, text: Any) -> int:
    """A quantity in the resource's unit. Raises ValueError as `quantity`."""
    return in_units(resource, quantity(text))


def in_units(resource: str, value: Decimal) -> int:
    """CPU in millicores, memory and storage in MiB, everything else in ones; rounded up, as the scheduler does."""
    if resource == CPU:
        value *= 1000
    elif resource in (MEMORY, EPHEMERAL_STORAGE):
        value /= MIB
    return int(value.to_integral_value(rounding=ROUND_CEILING))


def written(resource: str, value: int) -> str:
    """The way back: `3500m`, `1024Mi`, `1`."""
    unit = {CPU: "m", MEMORY: "Mi", EPHEMERAL_STORAGE: "Mi"}.get(resource, "")
    return f"{value}{unit}"


def as_json(resources: Mapping[str, int]) -> dict[str, str | int]:
    """CPU, memory and storage with their unit, counts as numbers."""
    return {
        name: written(name, value) if name in (CPU, MEMORY, EPHEMERAL_STORAGE) else value
        for name, value in sorted(resources.items())
    }
