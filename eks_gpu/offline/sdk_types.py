"""What a provider's Python SDK declares: outputs of a resource, results of a function."""

import functools
import importlib
import json
import threading
import typing
from collections import abc
from collections.abc import Mapping
from types import UnionType
from typing import Any

import pulumi
from pulumi import _types
from pulumi.runtime import rpc

from eks_gpu.graph.values import SECRET, SIGNATURE, is_unknown_text


@functools.cache
def _classes(package: str) -> dict[str, tuple[str, str]]:
    """Type token -> (module, class), from the table that a generated SDK registers when it is imported."""
    try:
        importlib.import_module(f"pulumi_{package}")
    except ImportError:
        return {}
    infos = (getattr(module, "mod_info", None) for modules in rpc._RESOURCE_MODULES.values() for module in modules)
    return {
        token: (info["fqn"], name)
        for info in infos
        if info and info["pkg"] == package
        for token, name in info["classes"].items()
    }


_IMPORTING = threading.Lock()


def resource_class(token: str) -> type[pulumi.Resource] | None:
    """The SDK's class of a type token; None for a type that no installed SDK has."""
    with _IMPORTING:  # requests come from several threads, and an SDK's modules are lazy
        found = _classes(token.split(":")[0].replace("-", "_")).get(token)
        return getattr(importlib.import_module(found[0]), found[1]) if found else None


def tokens(package: str) -> list[str]:
    """Type tokens of a package's resources; none for a package without an SDK."""
    with _IMPORTING:
        return [*_classes(package.replace("-", "_"))]


@functools.cache
def outputs(token: str) -> Mapping[str, Any]:
    """Wire name -> type of each output. Empty for a type without an SDK."""
    cls = resource_class(token)
    return {} if cls is None else _types.resource_types(cls)


@functools.cache
def results(token: str) -> Mapping[str, Any]:
    """Wire name -> type of each result of a function. Empty for a function without an SDK."""
    package, module, name = token.split(":") if token.count(":") == 2 else ("", "", "")
    folder = module.partition("/")[0].replace("-", "_").lower()
    home = f"pulumi_{package.replace('-', '_')}" + ("" if folder in ("", "index") else f".{folder}")
    try:
        with _IMPORTING:
            cls = getattr(importlib.import_module(home), f"{name[:1].upper()}{name[1:]}Result", None)
    except ImportError:
        return {}
    return _types.output_type_types(cls) if cls is not None and _types.is_output_type(cls) else {}


def handed_back(token: str, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Inputs as outputs of the same name, where that can be what the input is; a policy as JSON, as AWS has it."""
    found: dict[str, Any] = {}
    declared = outputs(token)
    for name, value in inputs.items():
        tp = declared.get(name, Any)
        if isinstance(value, Mapping) and SIGNATURE not in value and _arms(tp) == [str]:
            found[name] = json.dumps(value, sort_keys=True)
        elif not misfits(tp, value):
            found[name] = value
    return found


def misfits(tp: Any, value: Any) -> str:
    """What a value must be for an output type, where it is something else: `a list`. Empty where it fits."""
    if isinstance(value, Mapping) and SIGNATURE in value:
        return misfits(tp, value["value"]) if value[SIGNATURE] == SECRET and "value" in value else ""
    if value is None or (isinstance(value, str) and is_unknown_text(value)):
        return ""
    arms = _arms(tp)
    if any(_fits(arm, value) for arm in arms):
        return ""
    return " or ".join(dict.fromkeys(word(arm) for arm in arms))


def _arms(tp: Any) -> list[Any]:
    if typing.get_origin(tp) in (typing.Union, UnionType):
        return [arm for each in typing.get_args(tp) if each is not type(None) for arm in _arms(each)]
    return [tp]


def _fits(tp: Any, value: Any) -> bool:
    origin = typing.get_origin(tp)
    if origin in (list, abc.Sequence) or tp is list:
        of = (typing.get_args(tp) or (Any,))[0]
        return isinstance(value, list) and not any(misfits(of, item) for item in value)
    if origin in (dict, abc.Mapping) or tp is dict:
        of = (typing.get_args(tp) or (Any, Any))[1]
        return isinstance(value, Mapping) and not any(misfits(of, item) for item in value.values())
    if isinstance(tp, type) and _types.is_output_type(tp):
        fields = _types.output_type_types(tp)
        return isinstance(value, Mapping) and not any(misfits(fields.get(key, Any), v) for key, v in value.items())
    if tp is bool:
        return isinstance(value, bool)
    if tp in (int, float):
        return isinstance(value, int | float) and not isinstance(value, bool)
    return isinstance(value, str) if tp is str else True


_WORDS = {str: "a text", bool: "true or false", int: "a number", float: "a number", dict: "a map", list: "a list"}


def word(tp: Any) -> str:
    """A type for people."""
    (arm, *_) = _arms(tp)
    origin = typing.get_origin(arm)
    if origin in (list, abc.Sequence):
        return f"a list, each {word((typing.get_args(arm) or (Any,))[0])}"
    if origin in (dict, abc.Mapping):
        return f"a map, each value {word((typing.get_args(arm) or (Any, Any))[1])}"
    if isinstance(arm, type) and _types.is_output_type(arm):
        fields = _types.output_type_types(arm)
        return f"a map of {', '.join(fields)}" if fields else "a map"
    return _WORDS.get(arm, "anything")
