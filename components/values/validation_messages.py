"""Messages for what pydantic finds wrong: path, rule, value given, nearest valid value.

The one place that words a ValidationError, for the library and the tool.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from json import dumps
from reprlib import Repr
from typing import Any

from pydantic import ValidationError
from pydantic_core import PydanticCustomError

from ..catalog.nearest import hint, hint_or_all
from .shapes import keys_at

_STRING = "must be a string"
_WHOLE = "must be a whole number"
_NUMBER = "must be a number"
_YES_NO = "must be true or false"
_LIST = "must be a list"
_MAP = "must be a map"
_DATE = "must be a date, as 2026-07-31"
_NETWORK = "must be an IPv4 network, as 10.0.0.0/16"
RULES: Mapping[str, str] = {
    "string_type": _STRING,
    "string_unicode": _STRING,
    "string_too_short": "must have {min_length} characters or more",
    "string_too_long": "must have {max_length} characters or fewer",
    "string_pattern_mismatch": "must match {pattern}",
    "int_type": _WHOLE,
    "int_parsing": _WHOLE,
    "int_parsing_size": _WHOLE,
    "int_from_float": _WHOLE,
    "float_type": _NUMBER,
    "float_parsing": _NUMBER,
    "finite_number": "must be a finite number",
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "bool_type": _YES_NO,
    "bool_parsing": _YES_NO,
    "list_type": _LIST,
    "tuple_type": _LIST,
    "set_type": _LIST,
    "frozen_set_type": _LIST,
    "iterable_type": _LIST,
    "too_short": "must have {min_length} or more",
    "too_long": "must have {max_length} or fewer",
    "dict_type": _MAP,
    "mapping_type": _MAP,
    "model_type": _MAP,
    "model_attributes_type": _MAP,
    "dataclass_type": _MAP,
    "is_instance_of": "must be a {class}",
    "none_required": "must be nothing",
    "ip_v4_address": "must be an IPv4 address, as 10.0.0.1",
    "ip_v4_network": _NETWORK,
    "date_from_datetime_inexact": _DATE,
    "date_from_datetime_parsing": _DATE,
    "date_parsing": _DATE,
    "date_type": _DATE,
    "json_invalid": _MAP,
}
"""Pydantic's name of a rule -> the rule, with what pydantic says of it (`ctx`) filled in."""
_QUOTED = re.compile(r"'((?:[^'\\]|\\.)*)'|(\d+|True|False|None)")
_LONGEST, _WIDEST = 1000, 120


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: a path from the root of the data, and the rule that it breaks."""

    path: tuple[str | int, ...]
    rule: str

    def at(self, start: str) -> str:
        """The problem as a line, its path starting with `start`."""
        where = _joined(start, self.path)
        if not where:
            return self.rule
        # What begins with a field of its own, as "max_gpus must be ...", follows the path after a colon.
        return f"{where}{' ' if self.rule.startswith(('must ', 'is ')) else ': '}{self.rule}"


def problems_of(error: ValidationError, shape: Any = None) -> Iterator[Problem]:
    """What the error tells of data that should have been a `shape`, which gives unknown keys their nearest."""
    for found in error.errors(include_url=False):
        if not _follows_from_others(found):
            path = tuple(part for part in found["loc"] if part != "[key]")
            yield from (Problem(path, rule) for rule in _rules(found, path, shape))


def refused(rule: str, *, known: Iterable[str] = (), nearest: object = None) -> PydanticCustomError:
    """An error to raise for a value: `must be so`, with the values that are known or the one that is nearest."""
    return PydanticCustomError("rule", "{rule}", {"rule": rule, "known": tuple(known), "nearest": nearest})


def shown(value: Any) -> str:
    """A value in YAML's words, and short: what is large is cut."""
    text = _SHORT.repr(value)
    if len(text) > _WIDEST:
        return "a map" if isinstance(value, Mapping) else "a list" if isinstance(value, list | tuple) else text
    return text


def in_quotes(value: Any) -> str:
    """`; nearest: "1.35"`, for a number or a truth value that should be a string; nothing for other values."""
    return f"; nearest: {dumps(shown(value))}" if isinstance(value, bool | int | float) else ""


def written(path: Iterable[str | int]) -> str:
    """`spec.containers[0].resources`."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".")


def _joined(start: str, path: tuple[str | int, ...]) -> str:
    inner = written(path)
    return f"{start}{inner}" if not start or inner.startswith("[") or not inner else f"{start}.{inner}"


def _follows_from_others(found: Any) -> bool:
    """Whether a list is called too short because pydantic counts no item that is wrong itself."""
    return found["type"] == "too_short" and len(found["input"]) >= found["ctx"]["min_length"]


def _rules(found: Any, path: tuple[str | int, ...], shape: Any) -> list[str]:
    """One rule, or several if a rule between fields found several problems itself."""
    given, context = found["input"], found.get("ctx", {})
    got = f", got {shown(given)}"
    match found["type"]:
        case "missing":
            return ["is required"]
        case "extra_forbidden":
            return [f"is not a known key{hint_or_all(str(path[-1]), keys_at(shape, path[:-1]))}"]
        case "value_error":
            return [
                line if len(line) <= _LONGEST else f"{line[:_LONGEST]}..."
                for line in str(context["error"]).splitlines()
            ]
        case "enum" | "literal_error":
            known = [text or other for text, other in _QUOTED.findall(context["expected"])]
            return [f"must be one of {', '.join(known)}{got}{_hint(given, known)}"]
        case "rule":
            close = f"; nearest: {context['nearest']}" if context["nearest"] is not None else ""
            return [f"{context['rule']}{got}{close or _hint(given, context['known'])}"]
        case "string_too_short" if context["min_length"] == 1:
            return [f"must not be empty{got}"]
        case "string_type":
            return [f"{_STRING}{got}{in_quotes(given)}"]
        case kind if kind in RULES:
            told = {key: f"{value:g}" if isinstance(value, float) else value for key, value in context.items()}
            return [f"{RULES[kind].format(**told)}{got}"]
        case _:
            return [f"{found['msg'][:1].lower()}{found['msg'][1:]}{got}"]


def _hint(given: Any, known: Iterable[str]) -> str:
    return hint(given, known) if isinstance(given, str) else ""


class _Shown(Repr):
    """Python's short form of large values, with YAML's words for what Python names differently."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel, self.maxlist, self.maxdict = 3, 6, 4
        self.maxstring = self.maxlong = self.maxother = 80

    def repr1(self, x: Any, level: int) -> str:
        match x:
            case None:
                return "nothing"
            case bool():
                return str(x).lower()
            case str():
                return self.repr_str(str(x), level)
            case Mapping():
                return self.repr_dict(dict(x), level)
            case list() | tuple():
                return self.repr_list(list(x), level)
        return super().repr1(x, level)


_SHORT = _Shown()
