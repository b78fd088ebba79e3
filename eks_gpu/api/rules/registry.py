"""How a rule is written down, and how every rule of a type is asked."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from eks_gpu.api import names
from eks_gpu.api.said import Finding, Refused, Unjudged, joined
from eks_gpu.api.types import schema
from eks_gpu_components.catalog.nearest import hint

Rule = Callable[[Mapping[str, Any], str], Iterator[Finding]]
"""A rule takes the fields of an object of its type, without nulls, and their path."""

_JUDGED: dict[str, frozenset[str]] = {}
"""Type -> fields whose rules are all here."""
_BOUNDS: dict[tuple[str, str], tuple[int, int | None]] = {}
_WORDS: dict[tuple[str, str], tuple[str, ...]] = {}
_NAMES: dict[tuple[str, str], Callable[[str], str]] = {}
_FREE: set[tuple[str, str]] = set()
"""Fields in which the API server takes whatever fits their type."""
_NEEDED: dict[str, tuple[str, ...]] = {}
_RULES: dict[str, list[Rule]] = {}


def ruled(type_: Any, value: Any, path: str) -> Iterator[Finding]:
    """What is refused or not judged of a value that fits its type."""
    if value is None:
        return
    if isinstance(type_, list):
        entries = enumerate(value) if type_[0] == "list" else value.items()
        for key, item in entries:
            yield from ruled(type_[1], item, joined(path, key))
    elif type_.startswith("#"):
        name = type_[1:]
        given = {key: each for key, each in value.items() if each is not None}
        yield from _fields(name, given, path)
        for asked in _RULES.get(name, ()):
            yield from asked(given, path)
        for key, item in given.items():
            if (name, key) in _FREE:
                continue
            yield from ruled(schema()["types"][name].get(key, "any"), item, joined(path, key))


def _fields(name: str, given: Mapping[str, Any], path: str) -> Iterator[Finding]:
    """Each field by itself."""
    for key in _NEEDED.get(name, ()):
        if given.get(key) in (None, "", [], {}):
            yield Refused(joined(path, key), "is required")
    judged = _JUDGED.get(name, frozenset())
    for key, value in given.items():
        at = joined(path, key)
        least, most = _BOUNDS.get((name, key), (None, None))
        if least is not None and value < least:
            yield Refused(at, f"must be at least {least}, got {value}")
        if most is not None and value > most:
            yield Refused(at, f"must be at most {most}, got {value}")
        words = _WORDS.get((name, key))
        if words and value not in words:
            yield Refused(
                at, f"must be one of {', '.join(filter(None, words))}, got {value!r}{hint(str(value), words)}"
            )
        named = _NAMES.get((name, key))
        if named and value and (why := named(value)):
            yield Refused(at, why)
        if key not in judged and not (path == "" and key in ("apiVersion", "kind", "status")):
            yield Unjudged(at)


def judges(name: str, fields: str, needs: str = "") -> None:
    """Fields of a type whose rules are all here, and those that it needs.

    A field is `name`, `name>=0`, `name=1..65535`, `name:One|Other` or `name~form`; `name*` is taken with
    whatever is in it.
    """
    found = set()
    for field in fields.split():
        if ">=" in field:
            key, _, least = field.partition(">=")
            _BOUNDS[name, key] = int(least), None
        elif ".." in field:
            key, _, span = field.partition("=")
            least, _, most = span.partition("..")
            _BOUNDS[name, key] = int(least), int(most)
        elif ":" in field:
            key, _, words = field.partition(":")
            _WORDS[name, key] = tuple(words.split("|"))
        elif "~" in field:
            key, _, form = field.partition("~")
            _NAMES[name, key] = getattr(names, form)
        elif field.endswith("*"):
            key = field.removesuffix("*")
            _FREE.add((name, key))
        else:
            key = field
        found.add(key)
    _JUDGED[name] = frozenset(found)
    _NEEDED[name] = tuple(needs.split())


def rule(*types: str) -> Callable[[Rule], Rule]:
    """Decorates a rule between the fields of types."""

    def register(function: Rule) -> Rule:
        for name in types:
            _RULES.setdefault(name, []).append(function)
        return function

    return register
