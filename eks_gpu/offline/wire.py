"""Values as the engine's protocol carries them: secrets, references to resources, and what is not known."""

from collections.abc import Mapping
from typing import Any

from pulumi.runtime import rpc

from eks_gpu.graph.values import REFERENCE, SECRET, SIGNATURE

UNKNOWN = rpc.UNKNOWN
"""What nobody knows before an update."""


def plain(value: Any) -> Any:
    """A wire value as the engine would write it: whole numbers are ints, references their URNs, keys sorted.

    Keys are sorted because a map on the wire has no order of its own.
    """
    if isinstance(value, dict):
        if value.get(SIGNATURE) == REFERENCE:
            return value["urn"]
        return {key: plain(value[key]) for key in sorted(value)}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def clear(value: Any) -> Any:
    """A wire value without a sign of its secrets, for a text that is made of it."""
    value = opened(value)
    if isinstance(value, dict):
        return value["urn"] if value.get(SIGNATURE) == REFERENCE else {key: clear(value[key]) for key in sorted(value)}
    if isinstance(value, list):
        return [clear(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def opened(value: Any) -> Any:
    """What a secret holds; any other value as it is."""
    if isinstance(value, Mapping) and value.get(SIGNATURE) == SECRET:
        return opened(value.get("value"))
    return value


def part(values: Any, *path: str) -> Mapping[str, Any]:
    """A map inside a map, secret or not; empty where there is none."""
    for key in path:
        values = opened(values)
        values = values.get(key) if isinstance(values, Mapping) else None
    values = opened(values)
    return values if isinstance(values, Mapping) else {}


def items(value: Any) -> list[Any]:
    """The items of a list, secret or not; none where it is something else."""
    value = opened(value)
    return list(value) if isinstance(value, list) else []


def urn_of(value: Any) -> str:
    """The URN of a reference to a resource; empty for any other value."""
    value = opened(value)
    if isinstance(value, Mapping):
        return str(value.get("urn", "")) if value.get(SIGNATURE) == REFERENCE else ""
    return value if isinstance(value, str) and value.startswith("urn:pulumi:") else ""


def without_none(value: Any) -> Any:
    """The same value without the keys that nobody set."""
    if isinstance(value, Mapping):
        return {key: without_none(item) for key, item in value.items() if item is not None}
    if isinstance(value, list | tuple):
        return [without_none(item) for item in value]
    return value
