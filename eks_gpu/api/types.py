"""The types of Kubernetes' own kinds, against which server-side apply holds every field."""

import json
import re
from base64 import b64decode
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from eks_gpu.api import KUBERNETES_FILE
from eks_gpu.api.said import Finding, Refused, Unjudged, joined
from eks_gpu.pods.quantities import quantity
from eks_gpu_components.catalog.nearest import hint

_INTEGERS = {"int32": 31, "int64": 63, "integer": 63}
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
_WORDS = {"string": "a text", "boolean": "true or false", "int-or-string": "a whole number or a text"}


@cache
def schema() -> dict[str, Any]:
    """`{"kinds": {"v1/Pod": "core.v1.Pod"}, "types": {"core.v1.Pod": {field: type}}}`."""
    return json.loads(KUBERNETES_FILE.read_bytes())


def misfits(type_: Any, value: Any, path: str) -> Iterator[Finding]:
    """Fields that the type does not have, and values of another type; null is as if the field were not there."""
    if value is None:
        return
    if isinstance(type_, list):
        yield from _items(type_, value, path) if type_[0] == "list" else _entries(type_, value, path)
    elif type_.startswith("#"):
        yield from _fields(type_[1:], value, path)
    elif type_ == "int32" and _is_whole(value) and -(2**63) <= value < 2**63 and not -(2**31) <= value < 2**31:
        yield Unjudged(path)  # server-side apply keeps the lower 32 bits
    elif type_ != "any" and (why := _wrong(type_, value)):
        yield Refused(path, why)


def _fields(name: str, value: Any, path: str) -> Iterator[Finding]:
    known = schema()["types"][name]
    if not isinstance(value, Mapping):
        yield Refused(path, f"must be a map, got {value!r}")
        return
    for key, given in value.items():
        if key in known:
            yield from misfits(known[key], given, joined(path, key))
        elif (path, key) != ("", "status"):
            yield Refused(
                joined(path, str(key)), f"is no field of {name.rpartition('.')[2]}{hint(str(key), known)}", unknown=True
            )


def _entries(type_: list[Any], value: Any, path: str) -> Iterator[Finding]:
    if not isinstance(value, Mapping):
        yield Refused(path, f"must be a map, got {value!r}")
        return
    for key, given in value.items():
        if not isinstance(key, str):
            yield Refused(path, f"must have texts as keys, got {key!r}")
        if given is None:
            yield Unjudged(joined(path, str(key)))
        yield from misfits(type_[1], given, joined(path, str(key)))


def _items(type_: list[Any], value: Any, path: str) -> Iterator[Finding]:
    """A list whose items have keys holds no two of the same keys."""
    if not isinstance(value, list | tuple):
        yield Refused(path, f"must be a list, got {value!r}")
        return
    seen = set()
    for index, item in enumerate(value):
        at = joined(path, index)
        if item is None:
            yield Unjudged(at)
            continue
        yield from misfits(type_[1], item, at)
        key = _key(type_[2], item)
        if key is not None and key in seen:
            yield Refused(at, f"has the same {' and '.join(type_[2]) if type_[2] != 'set' else 'value'} as another")
        seen.add(key)


def _key(keys: Any, item: Any) -> Any:
    if keys == "set":
        return item if isinstance(item, str) else None
    if not keys or not isinstance(item, Mapping):
        return None
    # The one key that has a default.
    return tuple(str(item.get(key) or ("TCP" if key == "protocol" else "")) for key in keys)


def _wrong(type_: str, value: Any) -> str:
    if type_ in _INTEGERS:
        bound = 2 ** _INTEGERS[type_]
        return "" if _is_whole(value) and -bound <= value < bound else f"must be a whole number, got {value!r}"
    if type_ == "number":
        return (
            "" if isinstance(value, int | float) and not isinstance(value, bool) else f"must be a number, got {value!r}"
        )
    if type_ == "boolean":
        return "" if isinstance(value, bool) else f"must be true or false, got {value!r}"
    if type_ == "quantity":
        return _no_quantity(value)
    if type_ == "int-or-string":
        whole = _is_whole(value) and -(2**31) <= value < 2**31
        return "" if whole or isinstance(value, str) else f"must be {_WORDS[type_]}, got {value!r}"
    if not isinstance(value, str):
        return f"must be a text, got {value!r}"
    if type_ == "time" and not _TIME.fullmatch(value):
        return f"must be a time such as 2026-11-29T22:00:00Z, got {value!r}"
    return "must be base64" if type_ == "bytes" and not _is_base64(value) else ""


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _no_quantity(value: Any) -> str:
    try:
        quantity(value)
    except ValueError as error:
        return str(error)
    return ""


def _is_base64(value: str) -> bool:
    try:
        b64decode(value.replace("\n", "").replace("\r", ""), validate=True)
    except ValueError:
        return False
    return True
