"""The settings of a stack as a JSON schema for editors, and as a page: types and rules from the values that check them,
words and defaults from the arguments' docstrings.
"""

import inspect
import json
import typing
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from typing_extensions import is_typeddict

from components.values.settings import as_data, type_hints
from components.values.shapes import arms
from components.values.value import json_schema
from eks_gpu.plan.plan import PlanSettings
from eks_gpu_components.catalog import instance_types, regions
from settings import Settings
from tools.arguments import docstrings, split

FILE = "components/stack.schema.json"
POOL_NAME = "Name of the pool that the pods run on, as a section of pools has it."
UNITS = {
    "_s": "seconds",
    "_h": "hours",
    "_days": "days",
    "_gib": "GiB",
    "_mib": "MiB",
    "_mib_s": "MiB per second",
    "_millicores": "thousandths of a core",
    "_percentage": "percent",
    "_percent": "percent",
    "_prefix": "bits",
    "iops": "operations per second",
    "max_gpus": "accelerators",
}
"""End of a setting's name -> the unit of its number."""


def schema() -> dict[str, Any]:
    """The schema of `Pulumi.<stack>.yaml`."""
    found = json_schema(as_data(Settings))
    settings = _plain(found, found["$defs"])
    _describe(settings, Settings)
    plan = PlanSettings.model_json_schema()
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "A stack of eks-gpu",
        "description": "Pulumi.<stack>.yaml of a program whose settings have the shape of settings.py.",
        "type": "object",
        "properties": {
            "config": {
                "type": "object",
                "properties": {
                    "aws:region": {
                        "description": "Region of the stack.",
                        "type": "string",
                        "enum": sorted(regions()),
                    },
                    "eks-gpu:plan": _plan(_plain(plan, plan.get("$defs", {}))),
                    "eks-gpu:settings": {"$ref": "#/definitions/settings"},
                },
            }
        },
        "definitions": {
            "settings": settings,
            "instance_type": {"type": "string", "enum": sorted(row.name for row in instance_types())},
        },
    }


def text() -> str:
    """The file's text."""
    return json.dumps(schema(), indent=1) + "\n"


def rows() -> Iterator[tuple[str, str, str, str]]:
    """Each setting: its path, its type with unit and bounds, its default, and what it means."""
    yield from _rows(schema()["definitions"]["settings"], "")


def _plan(found: dict[str, Any]) -> dict[str, Any]:
    for name, said in docstrings(PlanSettings).items():
        found["properties"][name]["description"] = said
    return {**found, "description": "Settings of `eks-gpu plan`; the program does not see them."}


def _plain(node: Any, definitions: Mapping[str, Any]) -> Any:
    """A schema without references, titles, and defaults that only a program can give."""
    if isinstance(node, list):
        return [_plain(each, definitions) for each in node]
    if not isinstance(node, Mapping):
        return node
    if "$ref" in node:
        return _plain(definitions[node["$ref"].rpartition("/")[2]], definitions)
    kept = {key: inner for key, inner in node.items() if key not in ("title", "$defs", "default", "description")}
    # Properties are named by users, so one may be called title.
    found = {
        key: {name: _plain(each, definitions) for name, each in inner.items()}
        if key == "properties"
        else _plain(inner, definitions)
        for key, inner in kept.items()
    }
    either = [each for each in found.pop("anyOf", []) if each != {"type": "null"}]
    if len(either) == 1:
        return {**either[0], **found}
    return {**found, "anyOf": either} if either else found


def _describe(node: dict[str, Any], shape: Any) -> None:
    """Adds what the docstrings of args say to the schema of their data."""
    for arm in arms_of(shape):
        if not is_typeddict(arm):
            continue
        said, known = docstrings(arm), type_hints(arm)
        for name, inner in node.get("properties", {}).items():
            base = _args_in(known[name])
            told = said.get(name) or (inspect.getdoc(base) if base else "") or ""
            described = inner
            if name == "pool" and inner.get("type") == "string":
                told = POOL_NAME
            if name == "instance_types":
                inner["items"] = {"$ref": "#/definitions/instance_type"}
            elif base:
                while "properties" not in described and {"items", "additionalProperties"} & described.keys():
                    described = described.get("items") or described["additionalProperties"]
                if isinstance(described, dict):
                    _describe(described, base)
            if told:
                inner["description"] = " ".join(told.split())


def arms_of(shape: Any) -> Iterator[Any]:
    """The alternatives of a type as the component has it, before a section takes what the program supplies."""
    if typing.get_origin(shape) is Annotated:
        shape = typing.get_args(shape)[0]
    yield from (shape,) if is_typeddict(shape) else arms(shape)


def _args_in(shape: Any) -> Any:
    """The TypedDict that a value, or each item of it, consists of; None for plain values."""
    if is_typeddict(shape):
        return shape
    inner = typing.get_args(shape)
    parts = inner[:1] if typing.get_origin(shape) is Annotated else reversed(inner)
    return next((found for part in parts if (found := _args_in(part))), None)


def _rows(node: Mapping[str, Any], at: str) -> Iterator[tuple[str, str, str, str]]:
    required = node.get("required", ())
    for name, inner in node.get("properties", {}).items():
        says, default = split(inner.get("description", ""))
        path = f"{at}{name}"
        made = "required" if name in required else default or ("as below" if "properties" in inner else "none")
        yield f"`{path}`", _type(name, inner), made, says
        step, nested = "", inner
        while "properties" not in nested and (found := _inside(nested)):
            step += "[]" if "items" in nested else ".<name>"
            nested = found
        yield from _rows(nested, f"{path}{step}.")


def _inside(node: Mapping[str, Any]) -> Mapping[str, Any] | None:
    found = node.get("items") or node.get("additionalProperties")
    return found if isinstance(found, Mapping) else None


def _type(name: str, node: Mapping[str, Any]) -> str:
    """`whole number, seconds, 30 or more`."""
    if "$ref" in node:
        return "instance type"
    if "anyOf" in node:
        return " or ".join(_type(name, each) for each in node["anyOf"])
    if "const" in node:
        return f"`{json.dumps(node['const'])}`"
    if "enum" in node:
        return ", ".join(f"`{word}`" for word in node["enum"])
    match node.get("type"):
        case "array":
            return f"list: {_type('', node['items'])}"
        case "object":
            values = node.get("additionalProperties")
            return "map" if "properties" in node or not values else f"map of names: {_type('', values)}"
        case "boolean":
            return "true or false"
        case "integer" | "number" as kind:
            words = ["whole number" if kind == "integer" else "number", unit(name), *_bounds(node)]
            return ", ".join(word for word in words if word)
    return {"ipv4network": "address range"}.get(node.get("format", ""), "text")


def unit(name: str) -> str:
    """The unit of a number, by the end of its name; empty for a count."""
    return next((UNITS[end] for end in sorted(UNITS, key=len, reverse=True) if name.endswith(end)), "")


def _bounds(node: Mapping[str, Any]) -> Iterator[str]:
    if (over := node.get("exclusiveMinimum")) is not None:
        yield f"over {over}"
    least, most = node.get("minimum"), node.get("maximum")
    if least is not None and most is not None:
        yield f"{least} to {most}"
        return
    yield from (f"{bound} or {word}" for bound, word in ((least, "more"), (most, "less")) if bound is not None)
