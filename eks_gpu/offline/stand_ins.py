"""Stand-ins for what a look-up without an answer would have said, for a program that goes on with plain values.

A text is Pulumi's own sign of an unknown value and stays one, whatever is cut from it or joined to it: an input that
holds it is recorded as unknown. A list has one item, for nobody knows how many. What a program decides by a stand-in is
noted, because it may decide otherwise in an update.
"""

import json
import sys
import typing
from collections import abc
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import FrameType, UnionType
from typing import Any

import yaml
from google.protobuf import json_format
from pulumi import _types
from pulumi.output import Unknown
from pulumi.runtime import rpc
from pulumi.runtime.invoke import InvokeResult
from yaml.representer import Representer, SafeRepresenter

from eks_gpu.offline import sdk_types
from eks_gpu.offline.left_out import LENGTH
from eks_gpu.offline.wire import UNKNOWN

Decided = Callable[[FrameType, str], Any]
"""Hears the frame that decides by a stand-in, and of what it is."""

_DECIDED: ContextVar[Decided | None] = ContextVar("decided", default=None)
_OWN: ContextVar[Callable[[FrameType], Any]] = ContextVar("own", default=lambda _: False)
_LISTS: ContextVar[tuple[str, ...]] = ContextVar("lists", default=())


def list_in_turn() -> str:
    """The list of unknown length that the program goes through right now; empty if it does not."""
    return next(iter(_LISTS.get()), "")


def _decide(of: str, depth: int = 2) -> bool:
    """What a decision by a stand-in comes to; the program's line is so many calls away."""
    if hear := _DECIDED.get():
        hear(sys._getframe(depth), of)
    return False


class UnknownText(str, Unknown):
    """A text that nobody knows. Its parts, and what is made of it, are unknown too."""

    of: str
    """The look-up and the value in it, for people."""

    def __new__(cls, of: str, text: str = UNKNOWN) -> "UnknownText":
        made = super().__new__(cls, text)
        made.of = of
        return made

    def __init__(self, of: str, text: str = UNKNOWN):
        super().__init__()

    def __eq__(self, other: object) -> bool:
        return (isinstance(other, str) and str.__eq__(self, other) is True) or _decide(self.of)

    def __ne__(self, other: object) -> bool:
        return not ((isinstance(other, str) and str.__eq__(self, other) is True) or _decide(self.of))

    def get(self, *_: Any) -> Any:
        """The value of any key, if the unknown value is a map."""
        return self

    def _same(self, *_: Any) -> Any:
        return self

    __hash__ = str.__hash__
    __copy__ = __deepcopy__ = __str__ = _same


def _in_the_program(name: str, made: Callable[[UnknownText], Any]) -> None:
    """Gives texts another method of this name for lines of the program; libraries scan a text as it stands."""
    plain = getattr(str, name, None)

    def method(self: UnknownText, *args: Any, **named: Any) -> Any:
        if plain is None or _OWN.get()(sys._getframe(1)):
            return made(self)
        return plain(self, *args, **named)

    setattr(UnknownText, name, method)


for _name in (
    *("__getitem__", "__add__", "__radd__", "__mul__", "__rmul__", "__mod__", "capitalize", "casefold", "center"),
    *("expandtabs", "format", "join", "ljust", "lower", "lstrip", "removeprefix", "removesuffix", "replace", "rjust"),
    *("rstrip", "strip", "swapcase", "title", "translate", "upper", "zfill"),
):
    _in_the_program(_name, lambda text: text)
for _name in ("split", "rsplit", "splitlines"):
    _in_the_program(_name, lambda text: UnknownList(text, text.of))
for _name in ("partition", "rpartition"):
    _in_the_program(_name, lambda text: (text, text, text))
for _name in ("__lt__", "__le__", "__gt__", "__ge__", "__contains__", "startswith", "endswith"):
    _in_the_program(_name, lambda text: _decide(text.of, depth=3))
_in_the_program("__iter__", lambda text: iter([text]))


class UnknownNumber(UnknownText):
    """A number, or true or false, that nobody knows; what is computed from it is unknown too."""

    __sub__ = __rsub__ = __truediv__ = __rtruediv__ = __floordiv__ = __rfloordiv__ = UnknownText._same
    __rmod__ = __pow__ = __neg__ = __abs__ = __round__ = __ceil__ = __floor__ = UnknownText._same

    def __bool__(self) -> bool:
        return _decide(self.of)


class UnknownList(list[Any]):
    """A list of unknown length: one item, and any position has it."""

    def __init__(self, item: Any, of: str):
        super().__init__([item])
        self.item, self.of = item, of

    def __getitem__(self, position: Any) -> Any:
        return self if isinstance(position, slice) else self.item

    def __iter__(self) -> Iterator[Any]:
        before = _LISTS.get()
        _LISTS.set((*before, self.of))
        try:
            yield _in_turn(self.item, self.of)
        finally:
            _LISTS.set(before)

    def __len__(self) -> int:
        _decide(f"{LENGTH}{self.of}")
        return super().__len__()

    def __bool__(self) -> bool:
        return True

    def __contains__(self, item: object) -> bool:
        return _decide(self.of)

    def __deepcopy__(self, _: Any) -> "UnknownList":
        return self


ONE_OF_A_LIST = "+"
"""What follows the sign of a text that stands for each item of a list: nobody knows how many names have it."""


def _in_turn(item: Any, of: str) -> Any:
    """The item as one of a list that the program goes through."""
    return UnknownText(of, UNKNOWN + ONE_OF_A_LIST) if type(item) is UnknownText else item


def _is_one_of_a_list(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(map(_is_one_of_a_list, value.values()))
    if isinstance(value, list | tuple):
        return any(map(_is_one_of_a_list, list.__iter__(value) if isinstance(value, list) else value))
    return isinstance(value, str) and UNKNOWN + ONE_OF_A_LIST in str.__str__(value)


class UnknownMap(dict[str, Any], Unknown):
    """A map whose keys nobody knows; it has an unknown value for any key."""

    def __init__(self, values: Mapping[str, Any], of: str):
        super().__init__(values or {UNKNOWN: UnknownText(of)})
        self.of = of

    def __missing__(self, key: str) -> Any:
        return UnknownText(f"{self.of}.{key}")

    def get(self, key: str, default: Any = None) -> Any:
        return self[key]

    def pop(self, key: str, *_: Any) -> Any:
        return self[key]

    def __contains__(self, key: object) -> bool:
        return _decide(self.of)

    def __deepcopy__(self, _: Any) -> "UnknownMap":
        return self


_PLAIN: Mapping[type, Callable[[Any, Any], Any]] = {
    UnknownText: lambda dumper, _: dumper.represent_str(UNKNOWN),
    UnknownNumber: lambda dumper, _: dumper.represent_str(UNKNOWN),
    UnknownList: lambda dumper, found: dumper.represent_list([found.item]),
    UnknownMap: lambda dumper, found: dumper.represent_dict(dict(found)),
}
"""How PyYAML, which goes by the class itself, writes each."""
for _kind, _written in _PLAIN.items():
    SafeRepresenter.add_representer(_kind, _written)
    Representer.add_representer(_kind, _written)


def stand_in(tp: Any, of: str, text: str = UNKNOWN) -> Any:
    """A stand-in of a type that an SDK declares, with this text in it."""
    origin = typing.get_origin(tp)
    if origin in (typing.Union, UnionType):
        return stand_in(next(arm for arm in typing.get_args(tp) if arm is not type(None)), of, text)
    if origin in (list, abc.Sequence) or tp is list:
        return UnknownList(stand_in((typing.get_args(tp) or (str,))[0], of, text), of)
    if origin in (dict, abc.Mapping) or tp is dict:
        return UnknownMap({}, of)
    if isinstance(tp, type) and _types.is_output_type(tp):
        fields = _types.output_type_types(tp)
        found = {name: stand_in(each, f"{of}.{name}", text) for name, each in fields.items()}
        return _types.output_type_from_dict(tp, found)
    return UnknownNumber(of, text) if tp in (bool, int, float) else UnknownText(of, text)


def _result(typ: type | None, token: str, text: str) -> Any:
    """A whole result, with this text for each; without a class, as of a raw `pulumi.runtime.invoke`, it is a map."""
    of = token.rpartition(":")[2]
    if typ is not None:
        return stand_in(typ, of, text)
    return UnknownMap({name: stand_in(tp, f"{of}.{name}", text) for name, tp in sdk_types.results(token).items()}, of)


def unknown_result(token: str) -> dict[str, Any]:
    """A whole result on the wire, for an SDK in another process; a list has one item, which stands for each."""
    return {name: _on_the_wire(tp) for name, tp in sdk_types.results(token).items()}


def _on_the_wire(tp: Any, text: str = UNKNOWN) -> Any:
    origin = typing.get_origin(tp)
    if origin in (typing.Union, UnionType):
        return _on_the_wire(next(arm for arm in typing.get_args(tp) if arm is not type(None)), text)
    if origin in (list, abc.Sequence):
        return [_on_the_wire((typing.get_args(tp) or (str,))[0], UNKNOWN + ONE_OF_A_LIST)]
    if isinstance(tp, type) and _types.is_output_type(tp):
        return {name: _on_the_wire(each, text) for name, each in _types.output_type_types(tp).items()}
    return text


_UNKNOWN: ContextVar[list[bool]] = ContextVar("unknown")


def is_unknown() -> None:
    """Says that the look-up which the monitor is asked for has an unknown result. Newer SDKs take this from the
    response.
    """
    _UNKNOWN.get([]).append(True)


@contextmanager
def handed_out(
    decided: Decided, own: Callable[[FrameType], Any], ask: Callable[[str, Mapping[str, Any]], Any]
) -> Iterator[None]:
    """Inside, the result of a look-up is unknown where the monitor says so: an unknown output in the form with outputs,
    and a stand-in where the program waits for a plain value. A stand-in that is read as JSON or YAML is a map.

    `own` tells frames of the program from others. `ask` hears of what is looked up by a stand-in: the SDK does not send
    that.
    """
    looking_up: Any = sys.modules["pulumi.runtime.invoke"]
    original, loads, safe_load = looking_up._invoke, json.loads, yaml.safe_load
    token, own_token = _DECIDED.set(decided), _OWN.set(own)

    async def invoke(tok: str, props: Any, opts: Any, typ: type | None, package_ref: Any = None, **form: Any) -> Any:
        unknown: list[bool] = []
        _UNKNOWN.set(unknown)  # of this task alone
        result = await original(tok, props, opts, typ, package_ref=package_ref, **form)
        if result.is_known and not unknown:
            return result
        value = None
        if not form.get("check_dependencies"):
            one_of_many = _is_one_of_a_list(props)  # of each subnet, its zone
            value = _result(typ, tok, UNKNOWN + ONE_OF_A_LIST * one_of_many)
            if not unknown:
                ask(tok, json_format.MessageToDict(await rpc.serialize_properties(props, {})))
        return InvokeResult(value, is_secret=result.is_secret, is_known=False, dependencies=result.dependencies)

    def parsing(parse: Callable[..., Any]) -> Callable[..., Any]:
        def parsed(text: Any, *args: Any, **more: Any) -> Any:
            if isinstance(text, UnknownText):
                return UnknownMap({}, text.of)
            if isinstance(text, str) and UNKNOWN in (text, text.strip()):  # it went through a text of the program's
                return UnknownMap({}, "a look-up")
            return parse(text, *args, **more)

        return parsed

    looking_up._invoke = invoke
    json.loads, yaml.safe_load = parsing(loads), parsing(safe_load)
    try:
        yield
    finally:
        looking_up._invoke = original
        json.loads, yaml.safe_load = loads, safe_load
        _DECIDED.reset(token)
        _OWN.reset(own_token)
