"""A requirement for a label, as Kubernetes reads it. Source: NodeSelectorRequirement; Karpenter 1.14, NodePool."""

import re
from collections.abc import Callable, Sequence
from operator import ge, gt, le, lt

_COMPARISONS: dict[str, Callable[[int, int], bool]] = {
    "Gt": gt,
    "Lt": lt,
    "Gte": ge,
    "Lte": le,
}
"""Gte and Lte are Karpenter's own."""
REQUIREMENT_OPERATORS = ("In", "NotIn", "Exists", "DoesNotExist", *_COMPARISONS)


def requirement_holds(operator: str, values: Sequence[str], value: str | None) -> bool:
    """Whether a label with this value meets it, None being no label; NotIn and DoesNotExist hold without one.

    False for an operator that there is not, and for a comparison with or of what is no integer.
    """
    match operator:
        case "In":
            return value in values
        case "NotIn":
            return value not in values
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
    return operator in _COMPARISONS and _compared(_COMPARISONS[operator], values, value or "")


def _compared(holds: Callable[[int, int], bool], values: Sequence[str], value: str) -> bool:
    try:
        (bound,) = values
        return holds(_integer(value), _integer(bound))
    except ValueError:
        return False


def _integer(text: str) -> int:
    """A sign perhaps, digits, 64 bits: Python's own reading takes more. Raises ValueError."""
    if not re.fullmatch(r"[+-]?[0-9]+", text) or not -(2**63) <= int(text) < 2**63:
        raise ValueError(text)
    return int(text)
