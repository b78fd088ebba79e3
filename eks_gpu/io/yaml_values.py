"""The type of a YAML scalar: text, number, boolean or null, as the program that will read the file sees it.

kubectl, eksctl and Helm read YAML with sigs.k8s.io/yaml 1.6, which is go.yaml.in/yaml/v2 2.4.3 and a way through JSON.
Pulumi 3.215 reads stack files and Pulumi.yaml with gopkg.in/yaml.v3 3.0.1. Both are YAML 1.1 with octal `0777` and
without `1:30` in base 60; v2 alone has the booleans `yes`, `no`, `on`, `off`, `y` and `n`, v3 alone has dates.
Sources: resolve.go of both, yaml.go of sigs.k8s.io/yaml, sdk/go/common/resource/config/object.go of Pulumi. The values
in tests/eks_gpu/io/test_yaml_values.py are what these libraries answered.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from math import isinf
from typing import Any

_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_SPECIAL = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_NUMBER = re.compile(r"[0-9+-]|\.[0-9]")
_INTEGER = re.compile(
    r"(?P<sign>[-+]?)(?:0[xX](?P<hex>[0-9a-fA-F]+)|0[bB](?P<binary>[01]+)|0[oO]?(?P<octal>[0-7]+)|(?P<decimal>[0-9]+))"
)
_BASES = {"hex": 16, "binary": 2, "octal": 8, "decimal": 10}
_LONGEST = 67
"""Characters of a whole number: a sign, `0b` and 64 bits."""
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_TIME = re.compile(
    r"(?P<date>[0-9]{4}-[0-9]{1,2}-[0-9]{1,2})"
    r"(?:(?P<t>[Tt ])(?P<time>[0-9]{1,2}:[0-9]{1,2}:[0-9]{1,2})(?P<part>\.[0-9]+)?(?P<zone>Z|[-+][0-9]{2}:[0-9]{2})?)?"
)


def _booleans(true: tuple[str, ...], false: tuple[str, ...]) -> dict[str, bool]:
    words = dict.fromkeys(true, True) | dict.fromkeys(false, False)
    return {spelt: value for word, value in words.items() for spelt in (word, word.capitalize(), word.upper())}


@dataclass(frozen=True)
class Dialect:
    """How one reader of YAML takes scalars, keys and merges."""

    booleans: Mapping[str, bool]
    time: Callable[[str], str]
    """What becomes of a text, which may be a date."""
    takes_any_key: bool
    """Whether a key that is a number or a boolean becomes its text; else it is refused."""
    merges_in_place: bool
    """Whether `<<` replaces the keys before it; else it adds those that the map has nowhere."""

    def value(self, text: str) -> Any:
        """A plain scalar's value. Raises ValueError for infinity and NaN, which JSON does not have."""
        if text in _NULLS:
            return None
        if text in self.booleans:
            return self.booleans[text]
        if _SPECIAL.fullmatch(text):
            raise ValueError(f"must be a number that JSON has, got {text}")
        if not _NUMBER.match(text):
            return text
        number = _number(text.replace("_", ""))
        return self.time(text) if number is None else number

    def key(self, text: str) -> str:
        """A plain key's text. Raises ValueError for one that the reader refuses."""
        value = self.value(text)
        if isinstance(value, str):
            return value
        if value is None:
            raise ValueError("a key must be a text, got nothing")
        if not self.takes_any_key:
            raise ValueError(f"a key must be a text, got {text}; nearest: '{text}', in quotes")
        return str(value).lower() if isinstance(value, bool) else repr(value)


def _number(text: str) -> int | float | None:
    """A whole number of 64 bits as int, also where it is written `1.0` or `1e3`: JSON makes no difference."""
    if (found := _INTEGER.fullmatch(text)) and len(text) <= _LONGEST:
        kind = str(found.lastgroup)
        value = int(found["sign"] + found[kind], _BASES[kind])
        if -(2**63) <= value < (2**63 if found["sign"] else 2**64):
            return value
    if not _FLOAT.fullmatch(text):
        return None
    value = float(text)
    if isinf(value):
        return None
    return int(value) if value.is_integer() and abs(value) < 2**63 else value


def _as_it_stands(text: str) -> str:
    return text


def _time_of_go(text: str) -> str:
    """A date as Go prints it, which is what a Pulumi program gets: `2026-11-24 00:00:00 +0000 UTC`."""
    found = _TIME.fullmatch(text)
    if found is None or bool(found["zone"]) != bool(found["t"] and found["t"] in "Tt"):
        return text
    try:
        year, month, day = map(int, found["date"].split("-"))
        hour, minute, second = map(int, (found["time"] or "0:0:0").split(":"))
        at = datetime(year, month, day, hour, minute, second)
    except ValueError:
        return text
    offset = (found["zone"] or "Z").replace(":", "")
    zone = "+0000 UTC" if offset in ("Z", "+0000", "-0000") else f"{offset} {offset}"
    part = (found["part"] or "").rstrip("0").rstrip(".")
    return f"{at:%Y-%m-%d %H:%M:%S}{part} {zone}"


KUBECTL = Dialect(
    _booleans(("true", "yes", "on", "y"), ("false", "no", "off", "n")),
    time=_as_it_stands,
    takes_any_key=True,
    merges_in_place=True,
)
"""Kubernetes objects, ClusterConfigs and values of Helm charts."""

PULUMI = Dialect(_booleans(("true",), ("false",)), time=_time_of_go, takes_any_key=False, merges_in_place=False)
"""Pulumi.yaml and Pulumi.<stack>.yaml."""
