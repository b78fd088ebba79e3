"""Schemas of providers for Pulumi YAML, made from their Python SDKs: names of properties, of any type.

The language asks for a provider's whole schema, of which that of AWS takes 20 seconds to make; a program gets what it
names.
"""

import importlib
import inspect
import re
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import pulumi

from eks_gpu.offline import sdk_types
from eks_gpu.offline.packaged import PACKAGE, package_schema
from eks_gpu.offline.remote import READ
from eks_gpu.offline.sdk_schema import args_class, fields

_ANY = {"$ref": "pulumi.json#/Any"}
_NO_VERSION = "0.0.1"
Named = Mapping[str, tuple[frozenset[str], frozenset[str]]]
"""Token, as a program writes it -> names of the properties that it sets, and of those that it reads."""


def schema(package: str, resources: Named, functions: Named) -> dict[str, Any]:
    """The schema of a package, with the resources and functions that a program names. Of a package without a Python SDK
    a program's own words are taken.
    """
    if package == PACKAGE:
        return package_schema()
    found: dict[str, Any] = {
        "name": package,
        "version": _version(package),
        "meta": {"moduleFormat": "(.*)(?:/[^/]*)"},
        "provider": _provider(package),
        "resources": {},
        "functions": {},
    }
    for written, (given, read) in resources.items():
        if written.split(":")[0] == package and not written.endswith(":Provider"):
            found["resources"] |= _resource(package, written, given, read)
    for written, (given, read) in functions.items():
        if written.split(":")[0] == package:
            found["functions"] |= _function(package, written, given, read)
    return found


def _version(package: str) -> str:
    try:
        told = version(f"pulumi-{package}")
    except PackageNotFoundError:
        return _NO_VERSION
    return told if re.fullmatch(r"\d+\.\d+\.\d+", told) else _NO_VERSION


def _any(names: Iterable[str]) -> dict[str, Any]:
    return dict.fromkeys(sorted(names), _ANY)


def _provider(package: str) -> dict[str, Any]:
    try:
        args = getattr(importlib.import_module(f"pulumi_{package.replace('-', '_')}"), "ProviderArgs", None)
    except ImportError:
        args = None
    return {"inputProperties": _any(fields(args) if args else ())}


def _resource(package: str, written: str, given: Iterable[str], read: Iterable[str]) -> dict[str, Any]:
    tokens = [token for token in sdk_types.tokens(package) if short(token) == short(written)]
    if not tokens:
        token = next((known for known in READ if short(known) == short(written)), None)
        if sdk_types.tokens(package):
            return {}  # the language says that there is no such type
        of_its_own = {"inputProperties": _any(given), "properties": _any({*given, *read})}
        return {token or written: {"isComponent": token is not None, **of_its_own}}
    made: dict[str, Any] = {}
    for token in tokens:
        cls, args = sdk_types.resource_class(token), args_class(token)
        inputs = fields(args) if args else {}
        made[token] = {
            "isComponent": isinstance(cls, type) and issubclass(cls, pulumi.ComponentResource),
            "inputProperties": _any(inputs) | _constants(token, inputs),
            "properties": _any({*sdk_types.outputs(token), *inputs}) | _constants(token, inputs),
        }
    return made


def _constants(token: str, inputs: Iterable[str]) -> dict[str, Any]:
    """Properties that the type decides, as `apiVersion` of a Kubernetes object; a program in YAML leaves them out."""
    package, module, kind = token.split(":")
    if package != "kubernetes":
        return {}
    told = {"apiVersion": module.removeprefix("core/"), "kind": kind, "compat": "true"}
    return {name: {"type": "string", "const": told[name]} for name in told.keys() & set(inputs)}


def _function(package: str, written: str, given: Iterable[str], read: Iterable[str]) -> dict[str, Any]:
    module = written.split(":")[1].partition("/")[0] if written.count(":") == 2 else "index"
    name = written.split(":")[-1]
    token = f"{package}:{module}/{name}:{name}"
    results = sdk_types.results(token)
    inputs = _parameters(package, module, name) if results else given
    return {
        token: {
            "inputs": {"type": "object", "properties": _any(inputs)},
            "outputs": {"type": "object", "properties": _any(results or read)},
        }
    }


@cache
def _parameters(package: str, module: str, name: str) -> frozenset[str]:
    """Parameters of an SDK's function, by wire name."""
    home = f"pulumi_{package.replace('-', '_')}" + ("" if module == "index" else f".{module.replace('-', '_').lower()}")
    python = re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name).lower()
    function = getattr(importlib.import_module(home), python, None)
    names = inspect.signature(function).parameters if function else ()
    return frozenset(_wire(each) for each in names if each != "opts")


def _wire(name: str) -> str:
    return re.sub(r"_([a-z0-9])", lambda found: found[1].upper(), name)


def short(token: str) -> str:
    """`aws:ec2:Vpc` of `aws:ec2/vpc:Vpc`, and `eks:Cluster` of `eks:index:Cluster`, as a program may write it."""
    package, _, rest = token.partition(":")
    module, _, name = rest.rpartition(":")
    folder, _, file = module.rpartition("/")
    if folder and file.lower() == name.lower():
        module = folder
    return f"{package}:{name}" if module in ("", "index") else f"{package}:{module}:{name}"
