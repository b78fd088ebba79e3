"""Custom resources of Karpenter against their definitions: types, bounds, patterns, and rules in CEL."""

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from eks_gpu.api import KARPENTER_FILE
from eks_gpu.api.cel import holds
from eks_gpu.api.cel_library import UnknownCel
from eks_gpu.api.said import Finding, Refused, Unjudged, joined
from eks_gpu_components.catalog.nearest import hint


@cache
def definitions() -> dict[str, Any]:
    """`karpenter.sh/v1/NodePool` -> its schema."""
    return json.loads(KARPENTER_FILE.read_bytes())


def misfits(manifest: Mapping[str, Any], schema: Mapping[str, Any]) -> Iterator[Finding]:
    """Fields that the definition refuses, after it has filled in its defaults. Rules about an earlier state of the
    object do not count for a new one.
    """
    body = {key: value for key, value in manifest.items() if key not in ("apiVersion", "kind", "metadata", "status")}
    known = {key: value for key, value in schema["properties"].items() if key not in ("apiVersion", "kind", "metadata")}
    yield from _fields({**schema, "properties": known}, body, "")


def _value(schema: Mapping[str, Any], value: Any, path: str) -> Iterator[Finding]:
    if value is None:
        yield Unjudged(path)
        return
    found = list(_of_type(schema, value, path))
    yield from found
    if not any(isinstance(each, Refused) for each in found):  # a rule reads values of the right type only
        yield from _ruled(schema, _filled(schema, value), path)


def _of_type(schema: Mapping[str, Any], value: Any, path: str) -> Iterator[Finding]:
    if "enum" in schema and value not in schema["enum"]:
        yield Refused(path, f"must be one of {', '.join(map(str, schema['enum']))}, got {value!r}")
    if schema.get("x-kubernetes-int-or-string"):
        if isinstance(value, bool) or not isinstance(value, int | str):
            yield Refused(path, f"must be a whole number or a text, got {value!r}")
        elif isinstance(value, str):
            yield from _text(schema, value, path)
        return
    match schema.get("type"):
        case "object" if isinstance(value, Mapping):
            yield from _fields(schema, value, path) if "properties" in schema else _entries(schema, value, path)
        case "array" if isinstance(value, list | tuple):
            yield from _items(schema, value, path)
        case "string" if isinstance(value, str):
            yield from _text(schema, value, path)
        case "boolean" if isinstance(value, bool):
            pass
        case "integer" | "number" as kind if isinstance(
            value, int if kind == "integer" else int | float
        ) and not isinstance(value, bool):
            yield from _number(schema, value, path)
        case None:
            pass
        case other:
            yield Refused(path, f"must be {_WORDS[str(other)]}, got {value!r}")


_WORDS = {"object": "a map", "array": "a list", "string": "a text", "boolean": "true or false"}
_WORDS |= {"integer": "a whole number", "number": "a number"}


def _fields(schema: Mapping[str, Any], value: Mapping[str, Any], path: str) -> Iterator[Finding]:
    known = schema["properties"]
    for key, given in value.items():
        if key in known:
            yield from _value(known[key], given, joined(path, key))
        elif not schema.get("x-kubernetes-preserve-unknown-fields"):
            why = f"is no field of Karpenter's definition{hint(str(key), known)}"
            yield Refused(joined(path, str(key)), why, unknown=True)
    for key in schema.get("required", ()):
        if key not in value and "default" not in known[key]:
            yield Refused(joined(path, key), "is required")
    yield from _sized(schema, value, path, "Properties", "entries")


def _entries(schema: Mapping[str, Any], value: Mapping[str, Any], path: str) -> Iterator[Finding]:
    inner = schema.get("additionalProperties")
    if isinstance(inner, Mapping):
        for key, given in value.items():
            yield from _value(inner, given, joined(path, str(key)))
    elif value and not schema.get("x-kubernetes-preserve-unknown-fields") and inner is not True:
        yield Unjudged(path)
    yield from _sized(schema, value, path, "Properties", "entries")


def _items(schema: Mapping[str, Any], value: Any, path: str) -> Iterator[Finding]:
    for index, item in enumerate(value):
        yield from _value(schema["items"], item, joined(path, index))
    yield from _sized(schema, value, path, "Items", "items")
    keys = schema.get("x-kubernetes-list-map-keys")
    if keys and all(isinstance(item, Mapping) for item in value):
        seen = [tuple(str(item.get(key)) for key in keys) for item in value]
        if len(set(seen)) < len(seen):
            yield Refused(path, f"must have no two items of the same {' and '.join(keys)}")
    elif schema.get("x-kubernetes-list-type") == "set" and len(set(map(str, value))) < len(value):
        yield Refused(path, "must have no value twice")


def _sized(schema: Mapping[str, Any], value: Any, path: str, what: str, word: str) -> Iterator[Finding]:
    least, most = schema.get(f"min{what}"), schema.get(f"max{what}")
    if least is not None and len(value) < least:
        yield Refused(path, f"must have at least {least} {word}, got {len(value)}")
    if most is not None and len(value) > most:
        yield Refused(path, f"must have at most {most} {word}, got {len(value)}")


def _text(schema: Mapping[str, Any], value: str, path: str) -> Iterator[Finding]:
    pattern = schema.get("pattern")
    if pattern and not re.search(_python(pattern), value):
        yield Refused(path, f"must match {pattern}, got {value!r}")
    yield from _sized(schema, value, path, "Length", "characters")


def _python(pattern: str) -> str:
    """Go's $ is the end of the text, Python's may be before a last line break."""
    return re.sub(r"(?<!\\)\$", r"\\Z", pattern)


def _number(schema: Mapping[str, Any], value: float, path: str) -> Iterator[Finding]:
    least, most = schema.get("minimum"), schema.get("maximum")
    if least is not None and value < least:
        yield Refused(path, f"must be at least {least}, got {value}")
    if most is not None and value > most:
        yield Refused(path, f"must be at most {most}, got {value}")


# --- rules -----------------------------------------------------------------------------------------------------------


def _filled(schema: Mapping[str, Any], value: Any) -> Any:
    """With the defaults of the definition."""
    if isinstance(value, Mapping) and "properties" in schema:
        known = schema["properties"]
        given = {key: each["default"] for key, each in known.items() if "default" in each} | dict(value)
        return {key: _filled(known[key], each) if key in known else each for key, each in given.items()}
    if isinstance(value, list | tuple) and "items" in schema:
        return [_filled(schema["items"], item) for item in value]
    return value


def _ruled(schema: Mapping[str, Any], value: Any, path: str) -> Iterator[Finding]:
    for rule in schema.get("x-kubernetes-validations", ()):
        if "oldSelf" in rule["rule"]:
            continue
        try:
            if not holds(rule["rule"], value):
                yield Refused(path, f"{_clause(rule.get('message') or rule['rule'])}")
        except UnknownCel:
            yield Unjudged(path)


def _clause(message: str) -> str:
    """The definition's own words, as a clause about the field."""
    return f"is refused: {message}"
