"""Values between three spellings: a resource's wire value, a call's parameter (botocore), an answer.

Names are compared squeezed: `vpcId`, `VpcId` and `VPCId` are one.
"""

import json
import re
import typing
from collections import abc
from collections.abc import Mapping
from types import UnionType
from typing import Any, cast

from botocore.model import ListShape, MapShape, Shape, StructureShape
from pulumi import _types
from pulumi.runtime.rpc import UNKNOWN

NUMBERS = {"integer": int, "long": int, "float": float, "double": float}


def squeezed(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def same_name(name: str, names: abc.Iterable[str]) -> str | None:
    """The one of `names` that means `name`, be it the plural: Pulumi has `oidcs` where AWS has `oidc`."""
    by_name = {squeezed(known): known for known in names}
    wanted = squeezed(name)
    return by_name.get(wanted) or by_name.get(f"{wanted}s") or by_name.get(wanted.removesuffix("s"))


def members(shape: StructureShape) -> Mapping[str, Shape]:
    """Shape by name; botocore's own annotation says less."""
    return cast(Mapping[str, Shape], shape.members)


# --- into a call -----------------------------------------------------------------------------------------------------


def parameter(shape: Shape, value: Any, path: str, lost: list[str]) -> Any:
    """A wire value as botocore wants it. Keys that the shape has no member for are added to `lost`, with their path."""
    if value == UNKNOWN:
        return value
    if isinstance(shape, StructureShape):
        return _structure(shape, value, path, lost)
    if isinstance(shape, ListShape):
        member = cast(Shape, shape.member)
        items = _tags(member, value) if isinstance(value, dict) else value
        return [parameter(member, item, path, lost) for item in (items if isinstance(items, list) else [items])]
    if isinstance(shape, MapShape):
        return {key: parameter(cast(Shape, shape.value), item, f"{path}.{key}", lost) for key, item in value.items()}
    return _scalar(shape.type_name, value)


def _structure(shape: StructureShape, value: Any, path: str, lost: list[str]) -> dict[str, Any]:
    if isinstance(value, list):
        value = value[0] if value else {}
    if not isinstance(value, dict):  # EC2's {"Value": true} around one attribute
        value = {next(iter(members(shape))): value}
    found, used = {}, set()
    for member, of in members(shape).items():
        key = same_name(member, value)
        if key is not None and key not in used:
            used.add(key)
            if value[key] is not None:
                found[member] = parameter(of, value[key], f"{path}.{key}", lost)
    lost += [f"{path}.{key}" for key, item in value.items() if key not in used and item is not None]
    return found


def _tags(member: Shape, value: dict[str, Any]) -> Any:
    """A map of tags, where the service wants a list of pairs with names of its own (`Key`, `TagKey`)."""
    if not isinstance(member, StructureShape):
        return [value]
    names = {name[-3:].lower(): name for name in members(member)}
    if "key" not in names or {squeezed(key) for key in value} & {"key", "value"}:
        return [value]
    value_name = next(name for name in members(member) if name.lower().endswith("value"))
    return [{names["key"]: key, value_name: str(item)} for key, item in value.items()]


def _scalar(kind: str, value: Any) -> Any:
    if kind in NUMBERS:
        return _number(NUMBERS[kind], value)
    if kind == "boolean":
        return value if isinstance(value, bool) else str(value).lower() == "true"  # launch templates carry "true"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict | list):
        return json.dumps(value)
    return str(int(value)) if isinstance(value, float) and value == int(value) else str(value)


def _number(kind: type, value: Any) -> Any:
    try:
        return kind(float(value))
    except (TypeError, ValueError):
        return value  # botocore's own check says what it is not


# --- out of an answer ------------------------------------------------------------------------------------------------


def output(declared: Any, answer: Any) -> Any:
    """What an answer says, in the shape that the SDK declares of the property; None where it cannot be said in it."""
    if answer is None:
        return None
    origin, arguments = typing.get_origin(declared), typing.get_args(declared)
    if origin in (typing.Union, UnionType):
        return output(next(arm for arm in arguments if arm is not type(None)), answer)
    if origin in (list, abc.Sequence):
        items = answer if isinstance(answer, list) else [answer]
        found = [output(arguments[0], item) for item in items]
        return [item for item in found if item is not None]
    if origin in (dict, abc.Mapping):
        pairs = _pairs(answer)
        return None if pairs is None else {key: output(arguments[1], item) for key, item in pairs.items()}
    if isinstance(declared, type) and _types.is_output_type(declared):
        return _object(declared, answer)
    if declared is str and isinstance(answer, dict):
        return json.dumps(answer)  # botocore decodes IAM's documents
    return _plain(declared, answer)


def _object(declared: type, answer: Any) -> dict[str, Any] | None:
    if isinstance(answer, list):
        answer = answer[0] if answer else None
    if not isinstance(answer, dict):
        return None
    found = {}
    for name, of in _types.output_type_types(declared).items():
        key = same_name(name, answer)
        value = output(of, answer[key]) if key else None
        if value is not None:
            found[name] = value
    return found


def _pairs(answer: Any) -> dict[str, Any] | None:
    """A map, from one or from a list of tags."""
    if isinstance(answer, dict):
        return answer
    if not isinstance(answer, list) or not all(isinstance(item, dict) for item in answer):
        return None
    pairs = [{name[-3:].lower(): value for name, value in item.items()} for item in answer]
    return {pair["key"]: pair.get("lue", "") for pair in pairs if "key" in pair}


def _plain(declared: Any, answer: Any) -> Any:
    if declared is bool:
        return answer if isinstance(answer, bool) else str(answer).lower() == "true"
    if declared in (int, float):
        return _number(declared, answer)
    if isinstance(answer, dict | list):
        return None
    return str(answer).lower() if isinstance(answer, bool) else str(answer)


def observed(given: Any, actual: Any) -> Any:
    """A given value as AWS has it now: in the given spelling where both mean the same, so that no drift is seen."""
    if actual is None or given == UNKNOWN:
        return given
    if isinstance(given, dict):
        return _observed_map(given, actual)
    if isinstance(given, list):
        return _observed_list(given, actual)
    if isinstance(actual, list | dict):
        return given if not isinstance(actual, dict) or _json(given) == actual else json.dumps(actual)
    if _json(given) == _json(actual) or str(given).lower() == str(actual).lower():
        return given
    return type(given)(actual) if isinstance(given, str | int | float) and not isinstance(given, bool) else actual


def _observed_map(given: dict[str, Any], actual: Any) -> dict[str, Any]:
    if isinstance(actual, list):
        if actual and isinstance(actual[0], dict) and _pairs(actual):
            return _pairs(actual) or given
        actual = actual[0] if actual and isinstance(actual[0], dict) else {}
    if not isinstance(actual, dict):
        return given
    return {
        key: observed(value, actual[found]) if (found := same_name(key, actual)) else value
        for key, value in given.items()
    }


def _observed_list(given: list[Any], actual: Any) -> list[Any]:
    if not isinstance(actual, list):
        return given
    if any(isinstance(item, dict) for item in given):
        comparable = len(given) == len(actual) and all(isinstance(item, dict) for item in actual)
        return [observed(one, other) for one, other in zip(given, actual, strict=True)] if comparable else given
    return given if sorted(map(str, given)) == sorted(map(str, actual)) else actual


def _json(value: Any) -> Any:
    """A JSON document's content, so that spaces and the order of keys make no difference."""
    if not isinstance(value, str) or not value.startswith(("{", "[")):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value


def nothing(value: Any) -> bool:
    """Whether a parameter says nothing: no call is made for its sake."""
    return value is None or (isinstance(value, list | Mapping) and not value)
