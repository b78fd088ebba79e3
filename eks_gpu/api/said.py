"""What is said of a field: the API server refuses it, or nobody here judges it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Refused:
    """A field that the API server refuses."""

    path: str
    """Such as `spec.containers[0].name`."""
    why: str
    """A clause whose subject is the field: `must be at least 1, got 0`."""
    unknown: bool = False
    """Whether the kind has no such field."""

    def __str__(self) -> str:
        return f"{self.path} {self.why}"


@dataclass(frozen=True, slots=True)
class Unjudged:
    """A field whose rules are not known here."""

    path: str


Finding = Refused | Unjudged


def joined(path: str, key: str | int) -> str:
    """The path of a field, or of an item, below another."""
    return f"{path}[{key}]" if isinstance(key, int) else f"{path}.{key}" if path else key


def maps(value: Any) -> list[Mapping[str, Any]]:
    """The items of a list that are maps; none where it is no list: the types say so."""
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list | tuple) else []


def without_null(value: Any) -> Any:
    """The value without what is null in it, at any depth: null is as if nothing were there."""
    if isinstance(value, Mapping):
        return {key: without_null(each) for key, each in value.items() if each is not None}
    if isinstance(value, list | tuple):
        return [without_null(each) for each in value if each is not None]
    return value
