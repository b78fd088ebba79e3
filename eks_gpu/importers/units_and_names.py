"""Small facts of other formats: instance types that no pool can have, and names."""

import re
from collections.abc import Iterable
from functools import cache
from ipaddress import IPv4Network

from eks_gpu_components.catalog import (
    UnknownInstanceType,
    instance_types,
)

REPLACED = {
    "p2.xlarge": (1, 12),
    "p2.8xlarge": (8, 12),
    "p2.16xlarge": (16, 12),
    "p3.2xlarge": (1, 16),
    "p3.8xlarge": (4, 16),
    "p3.16xlarge": (8, 16),
    "g3s.xlarge": (1, 8),
    "g3.4xlarge": (1, 8),
    "g3.8xlarge": (2, 8),
    "g3.16xlarge": (4, 8),
    "g4ad.xlarge": (1, 8),
    "g4ad.2xlarge": (1, 8),
    "g4ad.4xlarge": (1, 8),
    "g4ad.8xlarge": (2, 8),
    "g4ad.16xlarge": (4, 8),
}
"""GPUs and GiB of each that a need replaces: no longer offered, or g4ad, which is sold and has GPUs of AMD.

Source: Karpenter 1.0, reference of instance types.
"""

MAX_NAMES = 20
"""Unknown instance types of one list for each of which the nearest is looked for."""
_PLACEHOLDER = re.compile(r"\$\{?\w+\}?|<[^>]*>|\{\{.*?\}\}")
"""A shell variable, or what a text leaves for its reader to fill in."""


def whole(text: str) -> int | None:
    """A number of at most nine digits; None for anything else."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def network(text: str) -> IPv4Network | None:
    """A block of addresses; None for what is none."""
    try:
        return IPv4Network(text[:50])
    except ValueError:
        return None


def has_placeholder(text: str) -> bool:
    """Whether something is left to be filled in."""
    return bool(_PLACEHOLDER.search(text[:500]))


def unknown_type(name: str) -> str | None:
    """Why the catalog lacks the instance type, and what to take instead; None where it has it."""
    if name in _by_name():
        return None
    return str(UnknownInstanceType(name))


def is_known_type(name: str) -> bool:
    """Whether the catalog has the instance type."""
    return name in _by_name()


@cache
def _by_name() -> frozenset[str]:
    return frozenset(row.name for row in instance_types())


def fitting_name(name: str, *, most: int, taken: Iterable[str]) -> str:
    """The nearest name of lower-case letters, digits and hyphens that nobody has."""
    taken = set(taken)
    base = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:most].rstrip("-") or "pool"
    found, number = base, 2
    while found in taken:
        ending = f"-{number}"
        found, number = base[: most - len(ending)] + ending, number + 1
    return found
