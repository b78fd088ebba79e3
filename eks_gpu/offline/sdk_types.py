"""What a provider's Python SDK declares for a resource: the outputs that every instance has."""

import functools
import importlib
import typing
from collections import abc
from collections.abc import Mapping
from types import UnionType
from typing import Any

import pulumi
from pulumi import _types
from pulumi.runtime import rpc


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


def resource_class(token: str) -> type[pulumi.Resource] | None:
    """The SDK's class of a type token; None for a type that no installed SDK has."""
    found = _classes(token.split(":")[0].replace("-", "_")).get(token)
    return getattr(importlib.import_module(found[0]), found[1]) if found else None


@functools.cache
def required_outputs(token: str) -> Mapping[str, Any]:
    """Wire name -> type of each output that is never empty. Empty for a type without an SDK."""
    cls = resource_class(token)
    return {} if cls is None else _required(_types.resource_types(cls))


def _required(declared: Mapping[str, Any]) -> dict[str, Any]:
    return {name: tp for name, tp in declared.items() if type(None) not in typing.get_args(tp)}


def example(tp: Any, text: str) -> Any:
    """A value of a declared type, `text` standing for every string in it; None where there is none to give."""
    origin = typing.get_origin(tp)
    if origin in (typing.Union, UnionType):
        return example(typing.get_args(tp)[0], text)
    if origin in (list, abc.Sequence):
        return []
    if origin in (dict, abc.Mapping):
        return {}
    if isinstance(tp, type) and _types.is_output_type(tp):
        fields = _required(_types.output_type_types(tp))
        return {name: example(of, f"{text}.{name}") for name, of in fields.items()}
    if isinstance(tp, type) and issubclass(tp, str):
        return text
    return {bool: False, int: 0, float: 0.0}.get(tp) if isinstance(tp, type) else None
