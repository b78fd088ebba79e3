"""A requirement for a label, as Kubernetes reads it. Source: NodeSelectorRequirement; Karpenter 1.15, NodePool."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import ge, gt, le, lt
from typing import Literal, get_args

_COMPARISONS: dict[str, Callable[[int, int], bool]] = {
    "Gt": gt,
    "Lt": lt,
    "Gte": ge,
    "Lte": le,
}
"""Gte and Lte are Karpenter's own."""
WORD_OPERATORS = ("In", "NotIn", "Exists", "DoesNotExist")
"""Operators of a requirement that compare strings."""
NUMBER_OPERATORS = tuple(_COMPARISONS)
"""Operators of a requirement that compare with one whole number."""
REQUIREMENT_OPERATORS = (*WORD_OPERATORS, *NUMBER_OPERATORS)
"""Operators of a node pool's requirement. Source: Karpenter 1.15, NodePool v1."""
NodeAffinityOperator = Literal["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"]
"""Operators of a pod's node affinity. Source: Kubernetes 1.35, NodeSelectorRequirement."""
NODE_AFFINITY_OPERATORS: tuple[str, ...] = get_args(NodeAffinityOperator)


@dataclass(frozen=True, slots=True)
class Required:
    """One requirement of a node pool as it is written, and where it stands."""

    key: str
    operator: str
    values: tuple[str, ...] = ()
    min_values: int = 0
    """How many values of the key the pool must be able to choose from; 0 where it says nothing."""
    path: str = ""
    """Such as `spec.template.spec.requirements[2]`."""

    def __str__(self) -> str:
        values = f" [{', '.join(self.values)}]" if self.values else ""
        return f"{self.path} {self.key} {self.operator}{values}".lstrip()


def requirement_holds(operator: str, values: Sequence[str], value: str | None) -> bool:
    """Whether a label with this value meets it, None being no label; NotIn and DoesNotExist hold without one.

    False for an unknown operator, and for a comparison in which either side is not an integer.
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
