"""A stack's settings: one object under `<project>:settings` in Pulumi.<stack>.yaml, checked whole."""

import typing
from collections import Counter
from collections.abc import Awaitable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import reduce
from importlib import import_module
from operator import or_
from types import UnionType
from typing import Annotated, Any, NotRequired, Required, TypeVar, Union

import pulumi
from pydantic import GetCoreSchemaHandler
from pydantic_core import core_schema
from typing_extensions import TypedDict, is_typeddict

from ..catalog.nearest import hint
from .gpu_pool import GpuPool, GpuPoolArgs
from .shapes import Reshape
from .value import BadInput, CheckedAs, Value, check

T = TypeVar("T")

KEY = "settings"


class Section(Reshape):
    """`Annotated[GpuNodeGroupArgs, Section("cluster", "subnets")]`: a component's args as a stack's file has them.

    supplied: args that the program supplies, so the file does not have them.
    names_pool: whether the file has a pool's name where the component takes the pool.
    """

    def __init__(self, *supplied: str, names_pool: bool = False):
        self._supplied = supplied
        self._replaced = {"pool": str} if names_pool else {}

    def reshaped(self, base: Any) -> Any:
        """The args that are left, each as plain data."""
        hints = _hints(base)
        if unknown := {*self._supplied, *self._replaced} - hints.keys():
            raise TypeError(f"{base.__name__} takes no {', '.join(sorted(unknown))}")
        left = {key: hint for key, hint in hints.items() if key not in self._supplied}
        return _typed_dict(f"{base.__name__}Section", {**_plain_fields(left), **self._replaced})

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return handler.generate_schema(self.reshaped(source))


def as_data(shape: Any) -> Any:
    """A type as data has it: nothing that another resource decides, and args checked as the Value that they become.

    Args become the public Value of their name: `GpuPoolArgs` a `GpuPool`.
    """
    origin, arguments = typing.get_origin(shape), typing.get_args(shape)
    if origin in (Union, UnionType):
        return reduce(or_, (as_data(arm) for arm in arguments if _is_data(arm)))
    if origin is Annotated:
        return shape if any(isinstance(note, Reshape | CheckedAs) for note in arguments[1:]) else as_data(arguments[0])
    if origin in (NotRequired, Required):
        return origin[as_data(arguments[0])]
    if origin in (Sequence, list):
        return list[as_data(arguments[0])]
    if origin in (Mapping, dict):
        return dict[arguments[0], as_data(arguments[1])]
    if is_typeddict(shape):
        value = _value_of(shape)
        return (
            Annotated[shape, CheckedAs(value)] if value else _typed_dict(shape.__name__, _plain_fields(_hints(shape)))
        )
    return shape


def _typed_dict(name: str, fields: dict[str, Any]) -> Any:
    make: Any = TypedDict  # type checkers know only TypedDicts that are written out
    return make(name, fields)


def _hints(shape: Any) -> dict[str, Any]:
    # Pulumi's Input holds "Output[T]" as a text, which means nothing in the module that uses it.
    return typing.get_type_hints(shape, localns={"Output": pulumi.Output, "T": Any}, include_extras=True)


def _plain_fields(hints: Mapping[str, Any]) -> dict[str, Any]:
    return {key: as_data(hint) for key, hint in hints.items()}


def _is_data(arm: Any) -> bool:
    origin = typing.get_origin(arm) or arm
    return not (isinstance(origin, type) and issubclass(origin, pulumi.Output | Awaitable))


def _value_of(args: Any) -> type[Value] | None:
    library = import_module("..", __package__)
    made = getattr(library, args.__name__.removesuffix("Args"), None)
    return made if isinstance(made, type) and issubclass(made, Value) else None


def stack_settings(shape: type[T]) -> T:
    """The running stack's settings as a `shape`. Stops the program with all problems, each with file and key."""
    given = pulumi.Config().get_object(KEY)
    try:
        return check(as_data(shape), {} if given is None else given, _root())
    except BadInput as bad:
        raise _stop([f"{_root()} is required"] if given is None else bad.problems) from None


class SettingsProblems:
    """Problems with settings that components find only when they see the account, reported as places in the stack's
    file.
    """

    def __init__(self) -> None:
        self._found: list[str] = []

    @contextmanager
    def at(self, path: str = "", *, go_on: bool = False) -> Iterator[None]:
        """Problems in this block are those of the settings at a path; they stop the program here, or at `stop`."""
        try:
            yield
        except BadInput as bad:
            place = f"{_root()}.{path}." if path else f"{_root()}."
            self._found += [f"{place}{problem}" for problem in bad.problems]
        if not go_on:
            self.stop()

    def stop(self) -> None:
        """Stops the program when anything was found, with all of it."""
        if self._found:
            raise _stop(self._found)


class StackPools:
    """A stack's GPU pools by name, from all sections that make some. Raises BadInput for a name in two of them."""

    args: dict[str, GpuPoolArgs]
    """Description of each pool, by name."""
    made: dict[str, pulumi.Resource]
    """The component that makes each pool's nodes, for workloads to wait for; the program adds it."""

    def __init__(self, *sections: Mapping[str, Any]):
        counted = Counter(name for section in sections for name in section)
        if twice := sorted(name for name, times in counted.items() if times > 1):
            raise BadInput([f"pools must have names of their own, got {', '.join(twice)} in two sections"])
        self.args = {name: made["pool"] for section in sections for name, made in section.items()}
        self.made = {}

    def with_accelerator(self, kind: str, names: Iterable[str]) -> list[GpuPoolArgs]:
        """What those of the named pools are that have accelerators of `kind`, nvidia or neuron."""
        return [self.args[name] for name in names if GpuPool.model_validate(self.args[name]).accelerator == kind]

    def needing_plugin(self, kind: str, names: Iterable[str]) -> list[GpuPoolArgs]:
        """What those of the named pools are whose nodes need the device plugin of `kind`, nvidia or neuron."""
        return [self.args[name] for name in names if GpuPool.model_validate(self.args[name]).needs_plugin(kind)]

    def of(self, section: T) -> tuple[T, pulumi.Resource]:
        """A section with the pool in place of its name, and what makes the pool's nodes.

        Raises BadInput for an unknown name.
        """
        named: Any = section
        with_pool: Any = {**named, "pool": pool_named(named["pool"], self.args)}
        return with_pool, self.made[named["pool"]]


def pool_named(name: str, pools: Mapping[str, T]) -> T:
    """The pool that another section of the settings names. Raises BadInput with the names that there are."""
    if name not in pools:
        one = ", ".join(pools) or "the pools, and there are none"
        raise BadInput([f"pool must be one of {one}, got {name!r}{hint(name, pools)}"])
    return pools[name]


def _root() -> str:
    return f"{pulumi.get_project()}:{KEY}"


def _stop(problems: list[str]) -> pulumi.RunError:
    return pulumi.RunError("\n".join(f"Pulumi.{pulumi.get_stack()}.yaml: {problem}" for problem in problems))
