"""CEL: its values and the functions that Kubernetes gives to claims and definitions.

Source: CEL's language definition; Kubernetes documentation, "Common Expression Language in Kubernetes"; Kubernetes
1.36, apiserver, cel/library and cel/environment; cel-go 0.26, ext: strings, lists, sets and optional values.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from math import inf
from typing import Any

from eks_gpu.pods.quantities import quantity

_IDENTIFIER = r"(?:0|[1-9]\d*|\d*[A-Za-z-][0-9A-Za-z-]*)"
_TAIL = rf"(?:-({_IDENTIFIER}(?:\.{_IDENTIFIER})*))?(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?"
# Source: Semantic Versioning 2.0.0; what follows + has no order.
_VERSION = re.compile(rf"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*){_TAIL}", re.ASCII)
_LENIENT = re.compile(rf"v?(\d+)(?:\.(\d+)(?:\.(\d+){_TAIL})?)?", re.ASCII)
_INT = re.compile(r"[-+]?[0-9]+")
_DOUBLE = re.compile(r"[-+0-9.eE]+")
_LARGEST = 2**63 - 1
# A piece of a pattern: an escape, a set, a group that only Python or only Go knows, a repetition that gives nothing
# back, or one character.
_PIECE = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\(\?(?!P<|:|[is]+[:)])|[*+?}]\+|\{,|.", re.DOTALL)
_ONLY_PYTHON = re.compile(r"\\[Z1-9]|\(\?|[*+?}]\+|\{,|\[.*\[:.*", re.DOTALL)


class CelError(ValueError):
    """The expression has no value, such as where a field that it reads is missing: the rule then does not hold."""


class UnknownCel(Exception):
    """The expression has what is not read here."""


@dataclass(frozen=True, order=True)
class Quantity:
    """A quantity of Kubernetes."""

    value: Fraction


@dataclass(frozen=True, order=True)
class Version:
    """A semantic version: major, minor, patch, whether it is a release, and the parts of the pre-release."""

    parts: tuple[Any, ...]


@dataclass(frozen=True)
class Maybe:
    """An optional value: one item, or none."""

    items: tuple[Any, ...] = ()


_KINDS: tuple[tuple[type | tuple[type, ...], str], ...] = (
    (bool, "bool"),  # before int, which it is in Python
    (int, "int"),
    (float, "double"),
    (str, "string"),
    (Mapping, "map"),
    ((list, tuple), "list"),
    (type(None), "null_type"),
    (Quantity, "quantity"),
    (Version, "version"),
    (Maybe, "optional"),
)
_NUMBERS = ("int", "double")
_WITHOUT_FIELDS = ("bool", *_NUMBERS, "string", "quantity", "version")
"""Types on which a field is not there, rather than an error, if one only asks for it."""


def kind(value: Any) -> str:
    """The value's type; empty for what no expression has."""
    return _kind(type(value))


@cache
def _kind(of: type) -> str:
    return next((name for known, name in _KINDS if issubclass(of, known)), "")


def applied(function: Callable[..., Any], *values: Any) -> Any:
    """The function's value. Raises CelError where it has none for these values."""
    try:
        return function(*values)
    except CelError:
        raise
    except (TypeError, ValueError, LookupError, ArithmeticError) as error:
        raise CelError(f"no such overload: {error}") from None


# --- values ----------------------------------------------------------------------------------------------------------


def truth(value: Any) -> bool:
    if not isinstance(value, bool):
        raise CelError("no truth")
    return value


def any_of(test: Callable[[Any], bool], items: Iterable[Any]) -> bool:
    """An error counts only where nothing else decides."""
    failed: CelError | None = None
    for item in items:
        try:
            if test(item):
                return True
        except CelError as error:
            failed = error
    if failed:
        raise failed
    return False


def all_of(test: Callable[[Any], bool], items: Iterable[Any]) -> bool:
    return not any_of(lambda item: not test(item), items)


def same(one: Any, other: Any) -> bool:
    """Numbers of both types are equal by their value; true and 1 are not."""
    kinds = kind(one), kind(other)
    if all(each in _NUMBERS for each in kinds):
        return one == other
    if kinds[0] != kinds[1]:
        if kinds[0] in ("quantity", "version"):
            raise CelError("not to be compared")
        return False
    if kinds[0] == "list":
        return len(one) == len(other) and all(map(same, one, other))
    if kinds[0] == "map":
        return one.keys() == other.keys() and all(same(value, other[key]) for key, value in one.items())
    return same(one.items, other.items) if kinds[0] == "optional" else one == other


def contained(item: Any, holder: Any) -> bool:
    if kind(holder) not in ("list", "map"):
        raise CelError("nothing to look into")
    return any_of(lambda each: same(item, each), holder)


def compared(one: Any, other: Any) -> int:
    """-1, 0 or 1, for two of one type, or two numbers."""
    kinds = {kind(one), kind(other)}
    if not kinds <= set(_NUMBERS) and kinds not in ({"string"}, {"bool"}):
        raise CelError("not to be compared")
    return (one > other) - (one < other)


def lookup(holder: Any, key: Any) -> Any:
    """The value at a key or an index; of an optional value, an optional one."""
    if isinstance(holder, Maybe):
        return maybe(holder, key)
    try:
        return _at(holder, key)
    except LookupError:
        raise CelError(f"no such key: {key}") from None


def maybe(holder: Any, key: Any) -> Maybe:
    """The value at a key or an index, if there is one."""
    if isinstance(holder, Maybe):
        return maybe(holder.items[0], key) if holder.items else holder
    if kind(holder) in _WITHOUT_FIELDS:
        return Maybe()
    try:
        return Maybe((_at(holder, key),))
    except LookupError:
        return Maybe()


def _at(holder: Any, key: Any) -> Any:
    if kind(holder) == "map" and kind(key) in ("string", "int", "bool", "double"):
        return holder[key]
    if kind(holder) != "list" or kind(key) not in _NUMBERS or key != int(key):
        raise CelError(f"no such key: {key}")
    if key < 0:
        raise IndexError
    return holder[int(key)]


def present(holder: Any, field: str) -> bool:
    """Whether the map has the field, as `has` says."""
    if isinstance(holder, Maybe):
        return bool(holder.items) and present(holder.items[0], field)
    if kind(holder) not in ("map", *_WITHOUT_FIELDS):
        raise CelError("no map")
    return bool(maybe(holder, field).items)


def _checked(value: int) -> int:
    if not -_LARGEST - 1 <= value <= _LARGEST:
        raise CelError("integer overflow")
    return value


def _of_kinds(kinds: tuple[str, ...], compute: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    def computed(one: Any, other: Any) -> Any:
        if kind(one) != kind(other) or kind(one) not in kinds:
            raise CelError("no such overload")
        found = compute(one, other)
        return _checked(found) if kind(one) == "int" else found

    return computed


def _quotient(one: Any, other: Any) -> Any:
    if isinstance(one, float):
        return one / other if other else one * inf
    size = abs(one) // abs(other)
    return size if (one < 0) == (other < 0) else -size


LEVELS: tuple[Mapping[str, Callable[[Any, Any], Any]], ...] = (
    {
        "==": same,
        "!=": lambda one, other: not same(one, other),
        "<=": lambda one, other: compared(one, other) <= 0,
        ">=": lambda one, other: compared(one, other) >= 0,
        "<": lambda one, other: compared(one, other) < 0,
        ">": lambda one, other: compared(one, other) > 0,
        "in": contained,
    },
    {
        "+": _of_kinds(("int", "double", "string", "list"), lambda one, other: one + other),
        "-": _of_kinds(_NUMBERS, lambda one, other: one - other),
    },
    {
        "*": _of_kinds(_NUMBERS, lambda one, other: one * other),
        "/": _of_kinds(_NUMBERS, _quotient),
        "%": _of_kinds(("int",), lambda one, other: one - other * _quotient(one, other)),
    },
)
"""Operators of two values, from the weakest to the strongest."""


def negative(value: Any) -> Any:
    if kind(value) not in _NUMBERS:
        raise CelError("no number")
    return _checked(-value) if kind(value) == "int" else -value


# --- functions -------------------------------------------------------------------------------------------------------


def _int(value: Any) -> int:
    if kind(value) in _NUMBERS or (kind(value) == "string" and _INT.fullmatch(value)):
        return _checked(int(value))
    raise CelError(f"no number: {value}")


def _double(value: Any) -> float:
    if kind(value) in _NUMBERS or (kind(value) == "string" and _DOUBLE.fullmatch(value)):
        return float(value)
    raise CelError(f"no number: {value}")


def _string(value: Any) -> str:
    match kind(value):
        case "bool":
            return str(value).lower()
        case "double" if value == 0 or 1e-4 <= abs(value) < 1e6:
            return repr(value).removesuffix(".0")
        case "double":
            raise UnknownCel(f"string({value})")
        case "int" | "string":
            return str(value)
    raise CelError("no text")


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise CelError("no text")
    return value


def quantity_of(text: Any) -> Quantity:
    """A quantity of Kubernetes. Raises CelError for what is none."""
    if _text(text) != text.strip():
        raise CelError(f"no quantity: {text}")
    try:
        return Quantity(quantity(text))
    except ValueError:
        raise CelError(f"no quantity: {text}") from None


def version_of(text: Any, lenient: bool = False) -> Version:
    """A semantic version; one that has a pre-release comes before the same without. Raises CelError.

    A lenient reader takes `v8.9` for 8.9.0.
    """
    found = (_LENIENT if lenient else _VERSION).fullmatch(_text(text))
    if found is None:
        raise CelError(f"no version: {text}")
    before = [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in (found[4] or "").split(".") if part]
    return Version((*(int(part or 0) for part in found.group(1, 2, 3)), not before, tuple(before)))


def _is(make: Callable[..., Any], *arguments: Any) -> bool:
    try:
        make(*arguments)
    except CelError:
        return False
    return True


def _size(value: Any) -> int:
    if kind(value) not in ("string", "map", "list"):
        raise CelError("no size")
    return len(value)


def _within(small: Any, large: Any) -> bool:
    return all(contained(item, large) for item in small)


FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "size": _size,
    "int": _int,
    "double": _double,
    "string": _string,
    "dyn": lambda value: value,
    "quantity": quantity_of,
    "isQuantity": lambda text: _is(quantity_of, text),
    "semver": version_of,
    "isSemver": lambda *arguments: _is(version_of, *arguments),
    "optional.of": lambda value: Maybe((value,)),
    "optional.none": Maybe,
    "optional.ofNonZeroValue": lambda value: Maybe((value,) if value else ()),
    "sets.contains": lambda large, small: _within(small, large),
    "sets.equivalent": lambda one, other: _within(one, other) and _within(other, one),
    "sets.intersects": lambda one, other: any(contained(item, other) for item in one),
}
SPACES = frozenset(name.partition(".")[0] for name in FUNCTIONS if "." in name)


@cache
def pattern(text: str) -> re.Pattern[str]:
    """A pattern as Go reads it. Raises UnknownCel for one that it reads otherwise than Python, or not at all."""
    pieces: list[str] = _PIECE.findall(text)
    if any(_ONLY_PYTHON.fullmatch(piece) for piece in pieces):
        raise UnknownCel(text)
    try:  # Go's $ is the end of the text, Python's may be before a last line break
        return re.compile("".join(r"\Z" if piece == "$" else piece for piece in pieces), re.ASCII)
    except re.error:
        raise UnknownCel(text) from None


PATTERNS = frozenset({"matches", "find"})
"""Methods whose first argument is a pattern."""


def _find(text: str, wanted: str) -> str:
    found = pattern(wanted).search(text)
    return found[0] if found else ""


def _ascii(text: str, change: Callable[[str], str]) -> str:
    return "".join(change(each) if each.isascii() else each for each in text)


def _between(text: str, start: int, end: int | None = None) -> str:
    end = len(text) if end is None else end
    if not 0 <= start <= end <= len(text):
        raise CelError("index out of range")
    return text[start:end]


def _split(text: str, sign: str, limit: int = -1) -> list[str]:
    if limit == 0:
        return []
    if not sign:
        first = len(text) if limit < 0 else limit - 1
        return [*text[:first], *filter(None, [text[first:]])]
    return text.split(sign, limit - 1 if limit > 0 else -1)


def _index(text: str, part: str, start: int = 0) -> int:
    if start < 0:
        raise CelError("index out of range")
    return text.find(part, start)


def _alike(one: Any, other: Any) -> int:
    """-1, 0 or 1, for two quantities or two versions."""
    if kind(one) != kind(other):
        raise CelError("not to be compared")
    return (one > other) - (one < other)


def _amount(value: Any) -> Fraction:
    if kind(value) not in ("int", "quantity"):
        raise CelError("no quantity")
    return Fraction(value) if kind(value) == "int" else value.value


def _whole(one: Quantity) -> bool:
    return one.value.denominator == 1 and abs(one.value) <= _LARGEST


def _as_integer(one: Quantity) -> int:
    if not _whole(one):
        raise CelError("cannot convert value to integer")
    return int(one.value)


def _value(one: Maybe) -> Any:
    if not one.items:
        raise CelError("optional.none() dereference")
    return one.items[0]


_ORDERED: Mapping[str, Callable[..., Any]] = {
    "compareTo": _alike,
    "isGreaterThan": lambda one, other: _alike(one, other) > 0,
    "isLessThan": lambda one, other: _alike(one, other) < 0,
}
METHODS: Mapping[str, Mapping[str, Callable[..., Any]]] = {
    "string": {
        "size": len,
        "matches": lambda text, wanted: pattern(wanted).search(text) is not None,
        "find": _find,
        "startsWith": lambda text, start: text.startswith(_text(start)),
        "endsWith": lambda text, end: text.endswith(_text(end)),
        "contains": lambda text, part: _text(part) in text,
        "lowerAscii": lambda text: _ascii(text, str.lower),
        "upperAscii": lambda text: _ascii(text, str.upper),
        "trim": lambda text: text.strip(),
        "charAt": lambda text, place: _between(text, place)[:1],
        "substring": _between,
        "indexOf": _index,
        "split": _split,
        "replace": lambda text, old, new, limit=-1: text.replace(old, new, limit),
    },
    "list": {
        "size": len,
        "join": lambda items, sign="": _text(sign).join(items),
        "indexOf": lambda items, item: next((place for place, each in enumerate(items) if same(each, item)), -1),
    },
    "map": {"size": len},
    "quantity": {
        **_ORDERED,
        "isInteger": _whole,
        "asInteger": _as_integer,
        "asApproximateFloat": lambda one: float(one.value),
        "add": lambda one, other: Quantity(one.value + _amount(other)),
        "sub": lambda one, other: Quantity(one.value - _amount(other)),
    },
    "version": {
        **_ORDERED,
        "major": lambda one: one.parts[0],
        "minor": lambda one: one.parts[1],
        "patch": lambda one: one.parts[2],
    },
    "optional": {"hasValue": lambda one: bool(one.items), "value": _value},
}
"""Methods by the type of what they are called on."""
METHOD_NAMES = frozenset(name for methods in METHODS.values() for name in methods)


def method(name: str, subject: Any) -> Callable[..., Any]:
    """The method that such a value has. Raises CelError."""
    found = METHODS.get(kind(subject), {}).get(name)
    if found is None:
        raise CelError(f"no such overload: {name}")
    return found
