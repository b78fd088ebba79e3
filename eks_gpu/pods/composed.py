"""What pods of fields of their own share: where they run, and their bounds."""

from collections.abc import Mapping
from typing import Any

from eks_gpu.pods.made_pods import Count

_PLACEMENT = ("nodeSelector", "tolerations", "affinity", "schedulerName", "topologySpreadConstraints")


def placed(*given: Mapping[str, Any]) -> dict[str, Any]:
    """Where a pod may run, each field by the first that has it."""
    return {key: value for each in reversed(given) for key in _PLACEMENT if (value := each.get(key)) is not None}


def scaled(stated: int, least: int, most: int | None) -> Count:
    """An autoscaler's bounds, and what it starts with between them."""
    start = max(stated, least)
    return Count(start if most is None else min(start, max(most, least)), least, most)


def maps(given: Any) -> list[Any]:
    """The items of a list that are maps."""
    return [each for each in given if isinstance(each, Mapping)] if isinstance(given, list | tuple) else []
