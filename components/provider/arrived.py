"""Inputs of another language as a component's args: Python's names, whole numbers, and outputs of other components."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pulumi import Output
from pulumi.output import Unknown, _OutputData
from pulumi.provider.experimental.analyzer import PropertyDefinition, PropertyType

from ..catalog.nearest import hint_or_all
from ..values.validation_messages import shown
from .names import UNKNOWN_KEY, Types, type_of

_KINDS: Mapping[PropertyType, tuple[type, str]] = {
    PropertyType.STRING: (str, "must be a string"),
    PropertyType.BOOLEAN: (bool, "must be true or false"),
}


class NotYetKnown(Exception):
    """A preview in which nobody knows yet what a component must know before it makes anything."""

    def __init__(self, path: str):
        super().__init__(path)
        self.path = path


@dataclass(frozen=True)
class _Carried:
    """What an output carries beside its value, which each of its parts carries on."""

    resources: frozenset[Any] = frozenset()
    secret: bool = False


class Arrived:
    """The inputs of one component. `problems` says what is missing or unknown, with Python's names."""

    def __init__(self, types: Types, recalled: Callable[[PropertyDefinition, Any], Any]):
        self.problems: list[str] = []
        self._types, self._recalled = types, recalled

    def args(
        self, given: Mapping[str, Any], properties: Mapping[str, PropertyDefinition], mapping: Mapping[str, str]
    ) -> dict[str, Any]:
        """The args, under Python's names. Raises NotYetKnown."""
        return self._fields(given, properties, mapping, "", None)

    def _fields(
        self,
        given: Mapping[str, Any],
        properties: Mapping[str, PropertyDefinition],
        mapping: Mapping[str, str],
        at: str,
        of: _Carried | None,
    ) -> dict[str, Any]:
        start = f"{at}." if at else ""
        missing = [key for key, wanted in properties.items() if not wanted.optional and given.get(key) is None]
        self.problems += [f"{start}{mapping[key]} is required" for key in missing]
        unknown = [key for key in given if key not in properties]
        self.problems += [f"{start}{key} {UNKNOWN_KEY}{hint_or_all(key, properties)}" for key in unknown]
        return {
            mapping[key]: self._value(value, properties[key], f"{start}{mapping[key]}", of)
            for key, value in given.items()
            if value is not None and key in properties
        }

    def _value(self, value: Any, wanted: PropertyDefinition, at: str, of: _Carried | None) -> Any:
        if isinstance(value, Output):
            if not wanted.plain and not self._has_parts(wanted):
                return value
            data = value._data.result()  # an output on the wire is there or is not: nothing is waited for
            of = _Carried(frozenset(data.resources), data.is_secret)
            nothing = not data.is_known or isinstance(data.value, Unknown)
            value = self._recalled(wanted, data.resources) if nothing else data.value
        if isinstance(value, Unknown) and (wanted.plain or self._has_parts(wanted)):
            raise NotYetKnown(at)
        made = type_of(wanted, self._types)
        if made and isinstance(value, Mapping):
            return self._fields(value, made.properties, made.properties_mapping, at, of)
        if wanted.items and isinstance(value, list):
            return [self._value(item, wanted.items, f"{at}[{place}]", of) for place, item in enumerate(value)]
        if wanted.additional_properties and isinstance(value, Mapping):
            inner = wanted.additional_properties
            return {key: self._value(item, inner, f"{at}.{key}", of) for key, item in value.items()}
        self._judge(value, wanted, at)
        return whole(value) if wanted.plain or of is None else _part(whole(value), of)

    def _has_parts(self, wanted: PropertyDefinition) -> bool:
        return type_of(wanted.items or wanted, self._types) is not None

    def _judge(self, value: Any, wanted: PropertyDefinition, at: str) -> None:
        """What no component judges: the parts of another's outputs, `cluster.region` or `subnets[0].zone`."""
        if type_of(wanted, self._types):
            kind, rule = dict, "must be a map"
        elif self._has_parts(wanted):
            kind, rule = list, "must be a list"
        elif wanted.plain and wanted.type and wanted.type in _KINDS:
            kind, rule = _KINDS[wanted.type]
        else:
            return
        if not isinstance(value, kind):
            self.problems.append(f"{at} {rule}, got {shown(whole(value))}")


def whole(value: Any) -> Any:
    """A value whose whole numbers are ints: on the wire every number is a float."""
    if isinstance(value, Mapping):
        return {key: whole(item) for key, item in value.items()}
    if isinstance(value, list):
        return [whole(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _part(value: Any, of: _Carried) -> Output[Any]:
    """A part of an output, which is known or secret, and depends on resources, as the whole does."""
    if isinstance(value, Output):
        return value
    known: asyncio.Future[_OutputData[Any]] = asyncio.Future()
    known.set_result(_OutputData(set(of.resources), value, not isinstance(value, Unknown), of.secret))
    return Output._from_data(known)
