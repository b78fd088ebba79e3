"""Types as data: which keys a Value or a TypedDict has, and which keys may stand at a path."""

import types
import typing
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, NotRequired, Required

from pydantic import BaseModel
from typing_extensions import is_typeddict


class Reshape(ABC):
    """A note in `Annotated[...]` by which data has another shape than the type that it annotates."""

    @abstractmethod
    def reshaped(self, base: Any) -> Any:
        """The shape of the data."""


def keys_at(shape: Any, path: Sequence[str | int]) -> set[str]:
    """The keys that a value of `shape` may have at a path; a path goes through models, TypedDicts, maps and lists."""
    for arm in arms(shape):
        known = fields(arm)
        if not path:
            if known:
                return set(known)
            continue
        inner = known.get(str(path[0])) if known else next(reversed(typing.get_args(arm)), None)
        if inner is not None and (found := keys_at(inner, path[1:])):
            return found
    return set()


def arms(shape: Any) -> Iterator[Any]:
    """The alternatives of a type, wrappers such as NotRequired and Annotated taken off."""
    origin = typing.get_origin(shape)
    if origin in (typing.Union, types.UnionType):
        for arm in typing.get_args(shape):
            yield from arms(arm)
    elif origin is Annotated:
        base, *notes = typing.get_args(shape)
        yield from arms(next((note.reshaped(base) for note in notes if isinstance(note, Reshape)), base))
    elif origin in (Required, NotRequired):
        yield from arms(typing.get_args(shape)[0])
    elif origin is tuple:
        yield from arms(list[typing.get_args(shape)[0]])
    else:
        yield shape


def fields(shape: Any) -> dict[str, Any]:
    """Key -> type of its value; empty if the shape has no keys of its own."""
    if isinstance(shape, type) and issubclass(shape, BaseModel):
        return {field.alias or name: field.annotation for name, field in shape.model_fields.items()}
    if is_typeddict(shape):
        # Pulumi's Input holds "Output[T]" as a text; what it is matters to nobody who reads keys.
        return typing.get_type_hints(shape, localns={"Output": type, "T": Any}, include_extras=True)
    return {}
