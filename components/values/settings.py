"""A stack's settings: one object under `<project>:settings` in Pulumi.<stack>.yaml, checked whole."""

import typing
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Mapping, Sequence
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
from .gpu_pool import GpuPool
from .gpu_pool_args import GpuPoolArgs
from .shapes import Reshape
from .validation_messages import Problem
from .value import BadInput, CheckedAs, Value, problems

T = TypeVar("T")

KEY = "settings"


class Section(Reshape):
    """`Annotated[GpuNodeGroupArgs, Section("cluster", "subnets")]`: a component's args as a stack's file has them.

    supplied: args that the program supplies, so the file does not have them.
    names_pool: whether the file has a pool's name where the component takes the pool.
    names_pools: whether the file has a list of names where the component takes pools by name.
    """

    def __init__(self, *supplied: str, names_pool: bool = False, names_pools: bool = False):
        self._supplied = supplied
        self._replaced: dict[str, Any] = {
            **({"pool": str} if names_pool else {}),
            **({"pools": list[str]} if names_pools else {}),
        }

    def reshaped(self, base: Any) -> Any:
        """The args that are left, each as plain data."""
        hints = type_hints(base)
        if unknown := {*self._supplied, *self._replaced} - hints.keys():
            raise TypeError(f"{base.__name__} takes no {', '.join(sorted(unknown))}")
        left = {key: hint for key, hint in hints.items() if key not in self._supplied}
        fields = {key: _checked(base, key, shape) for key, shape in _plain_fields(left).items()}
        return _typed_dict(f"{base.__name__}Section", {**fields, **self._replaced})

    @property
    def names_pool(self) -> bool:
        """Whether the file has a pool's name where the component takes the pool."""
        return "pool" in self._replaced

    @property
    def names_pools(self) -> bool:
        """Whether the file has a list of names where the component takes pools by name."""
        return "pools" in self._replaced

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
            Annotated[shape, CheckedAs(value)]
            if value
            else _typed_dict(shape.__name__, _plain_fields(type_hints(shape)))
        )
    return shape


def _checked(args: Any, key: str, shape: Any) -> Any:
    """The shape of an argument; one that is a word, a number or a truth value has the rules of the component's spec."""
    spec = getattr(import_module(args.__module__), f"{args.__name__.removesuffix('Args')}Spec", None)
    origin, (inner,) = (typing.get_origin(shape), typing.get_args(shape)) if _is_marked(shape) else (None, (shape,))
    if spec is None or inner not in (str, int, float, bool) or key not in spec.model_fields:
        return shape
    field = spec.model_fields[key]
    annotated: Any = Annotated  # type checkers know only what is written out
    rules = annotated[field.annotation, *field.metadata] if field.metadata else field.annotation
    checked = Annotated[inner, CheckedAs(rules)]
    return origin[checked] if origin else checked


def _is_marked(shape: Any) -> bool:
    return typing.get_origin(shape) in (NotRequired, Required)


def _typed_dict(name: str, fields: dict[str, Any]) -> Any:
    make: Any = TypedDict  # type checkers know only TypedDicts that are written out
    return make(name, fields)


def type_hints(shape: Any) -> dict[str, Any]:
    """The keys of args and the types of their values, as they are written."""
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


def stack_settings(shape: type[T], *rules: Callable[[T], None]) -> T:
    """The running stack's settings as a `shape`. Stops the program with all problems, each with file and key.

    rules: functions of the settings that raise BadInput, for what several sections decide together.
    """
    problems = SettingsProblems()
    settings = problems.settings(shape, *rules)
    problems.stop()
    return settings


class SettingsProblems:
    """Problems with a stack's settings, reported as places in the stack's file: all at once, at `stop`.

    An update stops at the first step that finds some, before it creates anything. A preview and a plan, which create
    nothing, go on without what is wrong, to find the rest.
    """

    def __init__(self) -> None:
        self._found: list[str] = []

    def settings(self, shape: type[T], *rules: Callable[[T], None]) -> T:
        """The running stack's settings as a `shape`, without what is wrong with them.

        rules: functions of the settings that raise BadInput, for what several sections decide together. Stops the
        program if too little is left to go on.
        """
        given = pulumi.Config().get_object(KEY)
        if given is None:
            self._found.append(f"{_root()} is required")
            self.stop()
        left, found = sound_settings(shape, given)
        self._found += [problem.at(_root()) for problem in found]
        if left is None:
            raise _stop(self._found)
        if not pulumi.runtime.is_dry_run():
            self.stop()
        # What a rule misses there was given, and is told of already.
        told = [f"{_root()}.{'.'.join(map(str, problem.path[:2]))}" for problem in found]
        for rule in rules:
            before = len(self._found)
            with self.at(go_on=True):
                rule(left)
            self._found[before:] = [each for each in self._found[before:] if not _is_of(each, told)]
        return left

    @property
    def found(self) -> bool:
        """Whether anything was found so far, so that something may be missing from the settings."""
        return bool(self._found)

    def required(self, key: str) -> str:
        """The value of a key of the stack's configuration, such as aws:region. Stops the program if it is missing."""
        namespace, _, name = key.partition(":")
        value = pulumi.Config(namespace).get(name)
        if not value:
            self._found.append(f"{key} is required")
            raise _stop(self._found)
        return value

    @contextmanager
    def at(self, path: str = "", *, go_on: bool = False, as_argument: str = "") -> Iterator[None]:
        """Problems in this block are those of the settings at a path; they stop the program here, or at `stop`.

        as_argument: the argument that a component takes these settings as, which has no place in the file.
        """
        try:
            yield
        except BadInput as bad:
            place = f"{_root()}.{path}." if path else f"{_root()}."
            inside = f"{as_argument}." if as_argument else ""
            self._found += [f"{place}{problem.removeprefix(inside)}" for problem in bad.problems]
            if not go_on:
                self.stop()
        if not pulumi.runtime.is_dry_run():
            self.stop()

    def stop(self) -> None:
        """Stops the program when anything was found, with all of it."""
        if self._found:
            raise _stop(self._found)


def sound_settings(shape: type[T], given: Any) -> tuple[T | None, list[Problem]]:
    """What is left of settings without what is wrong, or None if too little is; and every problem that they have."""
    data, pools = as_data(shape), _PoolNames(shape)
    found = [*problems(data, given), *pools.problems(given)]
    left: Any = given
    for depth in (2, 1):  # at first the settings that are wrong, then whole sections
        wrong = {problem.path[:depth] for problem in (found if depth == 2 else problems(data, left))}
        if () in wrong:
            return None, found
        left = pools.without_lost(_without(left, wrong), given)
    return (None if problems(data, left) else left), found


def _is_of(problem: str, places: Iterable[str]) -> bool:
    """Whether a problem, which begins with its place, is at one of these places or below it."""
    return any(problem.startswith((f"{place}.", f"{place} ", f"{place}:")) for place in places)


def _without(given: Mapping[str, Any], paths: Collection[tuple[str | int, ...]]) -> dict[str, Any]:
    """The sections without those at these paths: a section, or a key of one."""
    return {
        section: {key: inner for key, inner in value.items() if (section, key) not in paths}
        if isinstance(value, Mapping)
        else value
        for section, value in given.items()
        if (section,) not in paths
    }


class _PoolNames:
    """The sections of a shape that make pools, `gpu_node_groups: {gpu: ...}`, and those that name one, `pool: gpu`, or
    several, each of a map with `pools: [gpu]`.
    """

    def __init__(self, shape: Any):
        found = [(key, *_section(hint)) for key, hint in type_hints(shape).items()]
        described = [(key, args, note) for key, args, note in found if note and "pool" in type_hints(args)]
        self._naming = {key: type_hints(args)["pool"] for key, args, note in described if note.names_pool}
        self._making = {key: type_hints(args)["pool"] for key, args, note in described if not note.names_pool}
        several = [(key, type_hints(args)["pools"]) for key, args, note in found if note and note.names_pools]
        self._listing = {key: typing.get_args(pools)[-1] for key, pools in several}

    def problems(self, given: Any) -> Iterator[Problem]:
        """Names that no section makes, and names that two sections make."""
        for section, kind in self._naming.items():
            name, known = self._named(given, section), self._made(given, kind)
            if name is not None and name not in known:
                yield Problem((section, "pool"), f"{_one_of(known)}, got {name!r}{hint(name, known)}")
        for section, kind in self._listing.items():
            known = self._made(given, kind)
            for each, names in self._listed(given, section):
                for place, name in enumerate(names):
                    if name not in known:
                        said = f"{_one_of(known)}, got {name!r}{hint(name, known)}"
                        yield Problem((section, each, "pools", place), said)
        for kind in {*map(id, self._making.values())}:
            homes: dict[str, str] = {}
            for section in (key for key, made in self._making.items() if id(made) == kind):
                for name in _map_of(given, section):
                    if (home := homes.setdefault(name, section)) != section:
                        yield Problem((section, name), f"must have a name of its own, because {home} has a {name} too")

    def without_lost(self, left: dict[str, Any], given: Any) -> dict[str, Any]:
        """What is left without sections, or parts of a map, that name a pool which is not left."""
        lost = {
            section
            for section, kind in self._naming.items()
            if (name := self._named(given, section)) is not None and name not in self._made(left, kind)
        }
        parts = {
            (section, each)
            for section, kind in self._listing.items()
            for each, names in self._listed(given, section)
            if not {*names} <= {*self._made(left, kind)}
        }
        return _without({section: value for section, value in left.items() if section not in lost}, parts)

    def _made(self, given: Any, kind: Any) -> list[str]:
        making = [section for section, made in self._making.items() if made is kind]
        return list(dict.fromkeys(name for section in making for name in _map_of(given, section)))

    def _listed(self, given: Any, section: str) -> Iterator[tuple[str, list[str]]]:
        for each in _map_of(given, section):
            names = _map_of(given[section], each).get("pools")
            if isinstance(names, list):
                yield each, [name for name in names if isinstance(name, str)]

    def _named(self, given: Any, section: str) -> str | None:
        name = _map_of(given, section).get("pool")
        return name if isinstance(name, str) else None


def _section(hint: Any) -> tuple[Any, Section | None]:
    """Args and note of `dict[str, Annotated[Args, Section(...)]]`, or of the same without a map around it."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is Annotated:
        return arguments[0], next((note for note in arguments[1:] if isinstance(note, Section)), None)
    return _section(arguments[-1]) if arguments else (hint, None)


def _map_of(given: Any, section: str) -> Mapping[str, Any]:
    found = given.get(section) if isinstance(given, Mapping) else None
    return found if isinstance(found, Mapping) else {}


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

    def with_efa(self, names: Iterable[str]) -> list[GpuPoolArgs]:
        """What those of the named pools are whose nodes have EFA interfaces."""
        return [self.args[name] for name in names if GpuPool.model_validate(self.args[name]).efa]

    def claiming(self, names: Iterable[str]) -> list[GpuPoolArgs]:
        """What those of the named pools are whose pods claim their GPUs (DRA)."""
        return [self.args[name] for name in names if GpuPool.model_validate(self.args[name]).claims]

    def gated(self, names: Iterable[str]) -> dict[str, GpuPoolArgs]:
        """What those of the named pools are that need a feature gate of Karpenter: `nodes`, `warm_gpus`, or parts of a
        GPU.
        """
        checked = {name: GpuPool.model_validate(self.args[name]) for name in names}
        return {
            name: self.args[name] for name, pool in checked.items() if pool.nodes or pool.warm_gpus or pool.offers_parts
        }

    def of(self, section: T) -> tuple[T, pulumi.Resource]:
        """A section with the pool in place of its name, and what makes the pool's nodes.

        Raises BadInput for an unknown name; without a problem of its own if the pool was refused.
        """
        named: Any = section
        with_pool: Any = {**named, "pool": pool_named(named["pool"], self.args)}
        if named["pool"] not in self.made:
            raise BadInput([])
        return with_pool, self.made[named["pool"]]

    def of_several(self, section: T) -> T:
        """A section with the pools by name in place of the list of their names.

        Raises BadInput for an unknown name and for one that comes twice; without a problem of its own if a pool was
        refused.
        """
        named: Any = section
        names = list(named["pools"])
        if twice := sorted(name for name, times in Counter(names).items() if times > 1):
            raise BadInput([f"pools must name each pool once, got {', '.join(twice)} twice"])
        with_pools: Any = {**named, "pools": {name: pool_named(name, self.args) for name in names}}
        if not {*names} <= self.made.keys():
            raise BadInput([])
        return with_pools


def pool_named(name: str, pools: Mapping[str, T]) -> T:
    """The pool that another section of the settings names. Raises BadInput with the names that there are."""
    if name not in pools:
        raise BadInput([f"pool {_one_of(pools)}, got {name!r}{hint(name, pools)}"])
    return pools[name]


def _one_of(pools: Iterable[str]) -> str:
    return f"must be one of {', '.join(pools) or 'the pools, and there are none'}"


def _root() -> str:
    return f"{pulumi.get_project()}:{KEY}"


def _stop(problems: list[str]) -> pulumi.RunError:
    return pulumi.RunError("\n".join(f"Pulumi.{pulumi.get_stack()}.yaml: {problem}" for problem in problems))
