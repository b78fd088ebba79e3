"""Recorded wire inputs against the types that the provider's own Python SDK declares.

At run time the SDK takes any key in a nested dict; only the provider would refuse it. Leans on `pulumi._types`.
"""

import functools
import importlib
import inspect
import re
import typing
from collections import abc
from types import UnionType
from typing import Any

import pulumi
from pulumi import _types

from eks_gpu.offline.sdk_types import resource_class
from eks_gpu_components.catalog.nearest import hint

UNKNOWN = pulumi.runtime.rpc.UNKNOWN


@functools.cache
def args_class(token: str) -> Any:
    cls = resource_class(token)
    if cls is None:
        return None
    home = importlib.import_module(cls.__module__)
    return getattr(home, f"{cls.__name__}Args", None) or getattr(home, f"{cls.__name__}InitArgs")


@functools.cache
def fields(cls: type) -> dict[str, tuple[Any, bool]]:
    """Wire name -> (type, required)."""
    signature, types = inspect.signature(cls.__init__), _types.input_type_types(cls)
    return {
        wire: (types.get(wire, types.get(name, Any)), signature.parameters[name].default is inspect.Parameter.empty)
        for name, wire in _types.input_type_py_to_pulumi_names(cls).items()
    }


def problems(token: str, inputs: abc.Mapping[str, Any]) -> list[str]:
    """What is wrong with a resource's inputs, a line each; nothing for a type without an SDK."""
    cls = args_class(token)
    return [] if cls is None else _object(cls, inputs, token.split(":")[-1])


def _object(cls: type, value: Any, path: str) -> list[str]:
    if not isinstance(value, dict):
        return [f"{path}: want an object, got {value!r}"]
    known, found = fields(cls), []
    for key, item in value.items():
        if key in known:
            found += _value(known[key][0], item, f"{path}.{key}")
        else:
            found.append(f"{path}.{key}: no such property{hint(key, known)}")
    missing = [key for key, (_, required) in known.items() if required and value.get(key) is None]
    return found + [f"{path}.{key}: required" for key in missing]


def _value(tp: Any, value: Any, path: str) -> list[str]:
    if value is None or value in (UNKNOWN, "[secret]") or tp is Any:
        return []
    origin = typing.get_origin(tp)
    if origin in (typing.Union, UnionType):
        arms = [_value(arm, value, path) for arm in _plain_arms(tp)]
        return min(arms, key=len, default=[])
    if origin in (list, abc.Sequence):
        if not isinstance(value, list):
            return [f"{path}: want a list, got {value!r}"]
        of = typing.get_args(tp)[0]
        return [problem for i, item in enumerate(value) for problem in _value(of, item, f"{path}[{i}]")]
    if origin in (dict, abc.Mapping):
        if not isinstance(value, dict):
            return [f"{path}: want a map, got {value!r}"]
        of = typing.get_args(tp)[1]
        return [problem for key, item in value.items() for problem in _value(of, item, f"{path}.{key}")]
    if inspect.isclass(tp) and _types.is_input_type(tp):
        return _object(tp, value, path)
    fits = {
        str: isinstance(value, str),
        bool: isinstance(value, bool),
        int: isinstance(value, int) and not isinstance(value, bool),
        float: isinstance(value, int | float) and not isinstance(value, bool),
    }.get(tp, True)
    return [] if fits else [f"{path}: want {tp.__name__}, got {value!r}"]


def _plain_arms(tp: Any) -> list[Any]:
    """The alternatives that can stand on the wire: no Output, no awaitable, no TypedDict twin of an args class."""
    return [
        arm
        for arm in typing.get_args(tp)
        if arm is not type(None)
        and not typing.is_typeddict(arm)
        and typing.get_origin(arm) not in (abc.Awaitable, pulumi.Output)
        and not isinstance(arm, typing.ForwardRef)
    ]


def ignored_path_problem(token: str, path: str) -> str | None:
    """Why an `ignoreChanges` path names nothing. Only a bare top-level name is translated from snake_case."""
    tp: Any = args_class(token)
    for segment in re.findall(r"[^.\[\]]+|\[[^\]]*\]", path):
        if typing.get_origin(tp) in (typing.Union, UnionType):
            tp = next(iter(_plain_arms(tp)), Any)
        if segment.startswith("["):
            tp = (typing.get_args(tp) or (Any,))[-1]
        elif inspect.isclass(tp) and _types.is_input_type(tp):
            if segment not in fields(tp):
                return f"{token}: no property {segment!r} in {path!r}"
            tp = fields(tp)[segment][0]
        else:
            return None  # a map: any key
    return None
