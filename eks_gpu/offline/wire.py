"""Values as the engine's protocol carries them: secrets, references to resources, and what is not known."""

from collections.abc import Mapping
from typing import Any

from pulumi.runtime import rpc

from eks_gpu.graph.values import REFERENCE, SECRET, SIGNATURE, is_unknown_text

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


def unknown_as_a_whole(value: Any) -> Any:
    """A wire value in which each text that was made with an unknown one is unknown itself, and so is a map with an
    unknown key, which may be any.
    """
    if isinstance(value, str):
        return UNKNOWN if is_unknown_text(value) else value
    if isinstance(value, dict):
        if any(map(is_unknown_text, value)):
            return UNKNOWN
        return {key: unknown_as_a_whole(item) for key, item in value.items()}
    return [unknown_as_a_whole(item) for item in value] if isinstance(value, list) else value


def unknown_within(value: Any) -> Any:
    """A wire value whose unknown texts are not the sign of one alone, for which the SDK drops all that is around it."""
    if isinstance(value, Mapping):
        return {key: unknown_within(item) for key, item in value.items()}
    if isinstance(value, list):
        return [unknown_within(item) for item in value]
    return f"{value} " if value == UNKNOWN else value


def without_unknown(value: Any) -> Any:
    """Arguments of a look-up without what is unknown; a list of which an item is unknown is left out whole."""
    value = opened(value)
    if isinstance(value, Mapping):
        kept = {key: item for key, item in value.items() if not _is_unknown(item)}
        return {key: without_unknown(item) for key, item in kept.items()}
    return [without_unknown(item) for item in value] if isinstance(value, list) else value


def _is_unknown(value: Any) -> bool:
    value = opened(value)
    return value == UNKNOWN or (isinstance(value, list) and any(opened(item) == UNKNOWN for item in value))


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
