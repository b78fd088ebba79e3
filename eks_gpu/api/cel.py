"""CEL: as much of the language as Karpenter's definitions use for rules, and claims of devices for selectors.

Source: CEL's language definition; Kubernetes documentation, "Common Expression Language in Kubernetes"; Kubernetes
1.36, apiserver, cel/library: quantities and semantic versions.
"""

import re
from collections.abc import Callable, Mapping
from functools import cache, total_ordering
from typing import Any

from eks_gpu.pods.quantities import quantity

_TOKEN = re.compile(
    r"""\s*(?:(?P<text>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')|(?P<number>\d+)|(?P<name>[A-Za-z_]\w*)"""
    r"""|(?P<sign>&&|\|\||==|!=|<=|>=|[-+!<>?:.,()\[\]]))"""
)
# Source: Semantic Versioning 2.0.0; what follows + has no order.
_VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?")
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r"}


@total_ordering
class Ordered:
    """A quantity or a version: what has an order, and no arithmetic."""

    def __init__(self, value: Any):
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Ordered) and type(self.value) is type(other.value) and self.value == other.value

    def __lt__(self, other: "Ordered") -> bool:
        return self.value < other.value

    def __hash__(self) -> int:
        return hash(self.value)


Scope = Mapping[str, Any]
Evaluated = Callable[[Scope], Any]


class CelError(ValueError):
    """The expression has no value, such as where a field that it reads is missing: the rule then does not hold."""


class UnknownCel(Exception):
    """The expression has what is not read here."""


def holds(rule: str, value: Any) -> bool:
    """Whether the rule holds for `self`. Raises UnknownCel for a rule that cannot be read."""
    try:
        return compiled(rule)({"self": value}) is True
    except CelError:
        return False


@cache
def compiled(rule: str) -> Evaluated:
    """The rule as a function of its names. Raises UnknownCel."""
    return _Reader(rule).whole()


class _Reader:
    """A reader of expressions, from the weakest operator to the strongest."""

    def __init__(self, rule: str):
        self.tokens: list[tuple[str, str]] = []
        at = 0
        while rule[at:].strip():
            found = _TOKEN.match(rule, at)
            if found is None or found.lastgroup is None:
                raise UnknownCel(rule[at:])
            self.tokens.append((found.lastgroup, found[found.lastgroup]))
            at = found.end()
        self.at = 0

    def whole(self) -> Evaluated:
        found = self.choice()
        if self.at != len(self.tokens):
            raise UnknownCel(self.tokens[self.at][1])
        return found

    def choice(self) -> Evaluated:
        condition = self.either()
        if not self.takes("?"):
            return condition
        yes = self.choice()
        self.needs(":")
        no = self.choice()
        return lambda scope: (yes if _truth(condition(scope)) else no)(scope)

    def either(self) -> Evaluated:
        parts = [self.both()]
        while self.takes("||"):
            parts.append(self.both())
        return parts[0] if len(parts) == 1 else lambda scope: _any(lambda part: _truth(part(scope)), parts)

    def both(self) -> Evaluated:
        parts = [self.compared()]
        while self.takes("&&"):
            parts.append(self.compared())
        return parts[0] if len(parts) == 1 else lambda scope: _all(lambda part: _truth(part(scope)), parts)

    def compared(self) -> Evaluated:
        left = self.unary()
        for sign, compare in _COMPARISONS.items():
            if self.takes(sign):
                right = self.unary()
                return lambda scope, compare=compare: compare(left(scope), right(scope))
        return left

    def unary(self) -> Evaluated:
        if self.takes("!"):
            inner = self.unary()
            return lambda scope: not _truth(inner(scope))
        return self.member()

    def member(self) -> Evaluated:
        found = self.primary()
        while True:
            if self.takes("["):
                index = self.choice()
                self.needs("]")
                found = _at(found, index)
            elif self.takes("."):
                kind, name = self.next()
                if kind != "name":
                    raise UnknownCel(name)
                found = self.called(found, name) if self.takes("(") else _field(found, name)
            else:
                return found

    def called(self, subject: Evaluated, name: str) -> Evaluated:
        if name in _MACROS:
            _, variable = self.next()
            self.needs(",")
            body = self.choice()
            self.needs(")")
            macro = _MACROS[name]
            return lambda scope: macro(lambda item: body({**scope, variable: item}), _items(subject(scope)))
        arguments = self.arguments()
        if name not in _METHODS:
            raise UnknownCel(name)
        method = _METHODS[name]
        return lambda scope: method(subject(scope), *(argument(scope) for argument in arguments))

    def arguments(self) -> list[Evaluated]:
        found: list[Evaluated] = []
        while not self.takes(")"):
            found.append(self.choice())
            self.takes(",")
        return found

    def primary(self) -> Evaluated:
        kind, token = self.next()
        if kind == "text":
            text = re.sub(r"\\(.)", lambda found: _ESCAPES.get(found[1], found[1]), token[1:-1])
            return lambda scope: text
        if kind == "number":
            return lambda scope: int(token)
        if kind == "name":
            return self.named(token)
        if token == "(":
            inner = self.choice()
            self.needs(")")
            return inner
        if token == "[":
            items: list[Evaluated] = []
            while not self.takes("]"):
                items.append(self.choice())
                self.takes(",")
            return lambda scope: [item(scope) for item in items]
        raise UnknownCel(token)

    def named(self, name: str) -> Evaluated:
        if name in ("true", "false"):
            return lambda scope: name == "true"
        if name == "has" and self.takes("("):
            before = len(self.tokens[: self.at])
            self.member()  # reads past the argument, of which the last name is the field
            subject = _Reader("")
            subject.tokens = self.tokens[before : self.at - 2]
            field, holder = self.tokens[self.at - 1][1], subject.whole()
            self.needs(")")
            return lambda scope: _has(holder(scope), field)
        if name in _FUNCTIONS and self.takes("("):
            function, arguments = _FUNCTIONS[name], self.arguments()
            return lambda scope: function(*(argument(scope) for argument in arguments))
        return lambda scope: _lookup(scope, name)

    def next(self) -> tuple[str, str]:
        if self.at == len(self.tokens):
            raise UnknownCel("the end")
        self.at += 1
        return self.tokens[self.at - 1]

    def takes(self, token: str) -> bool:
        found = self.at < len(self.tokens) and self.tokens[self.at][1] == token
        found = found and self.tokens[self.at][0] != "text"
        self.at += found
        return found

    def needs(self, token: str) -> None:
        if not self.takes(token):
            raise UnknownCel(token)


def _truth(value: Any) -> bool:
    if not isinstance(value, bool):
        raise CelError("no truth")
    return value


def _any(test: Callable[[Any], bool], items: Any) -> bool:
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


def _all(test: Callable[[Any], bool], items: Any) -> bool:
    return not _any(lambda item: not test(item), items)


def _items(value: Any) -> list[Any]:
    if isinstance(value, Mapping | list | tuple):
        return list(value)
    raise CelError("nothing to go through")


def _field(subject: Evaluated, name: str) -> Evaluated:
    return lambda scope: _lookup(subject(scope), name)


def _at(subject: Evaluated, index: Evaluated) -> Evaluated:
    return lambda scope: _lookup(subject(scope), index(scope))


def _lookup(holder: Any, key: Any) -> Any:
    try:
        return holder[key]
    except (KeyError, IndexError, TypeError):
        raise CelError(f"no such key: {key}") from None


def _has(holder: Any, field: str) -> bool:
    if not isinstance(holder, Mapping):
        raise CelError("no map")
    return field in holder


def _int(value: Any) -> int:
    try:
        return int(value)
    except (TypeError, ValueError):
        raise CelError(f"no number: {value}") from None


def _size(value: Any) -> int:
    if isinstance(value, str | Mapping | list | tuple):
        return len(value)
    raise CelError("no size")


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise CelError("no text")
    return value


def quantity_of(text: Any) -> Ordered:
    """A quantity of Kubernetes. Raises CelError for what is none."""
    try:
        return Ordered(quantity(_text(text)))
    except ValueError:
        raise CelError(f"no quantity: {text}") from None


def version_of(text: Any) -> Ordered:
    """A semantic version; one that has a pre-release comes before the same without. Raises CelError."""
    found = _VERSION.fullmatch(_text(text))
    if found is None:
        raise CelError(f"no version: {text}")
    before = tuple((not part.isdigit(), part.zfill(9)) for part in (found[4] or "").split(".") if part)
    return Ordered((int(found[1]), int(found[2]), int(found[3]), not before, before))


def _version(version: Any) -> tuple[int, ...]:
    if not isinstance(version, Ordered) or not isinstance(version.value, tuple):
        raise CelError("no version")
    return version.value


def _is(make: Callable[[Any], Any], text: Any) -> bool:
    try:
        make(text)
    except CelError:
        return False
    return True


def _compared(one: Any, other: Any) -> int:
    """-1, 0 or 1, for two of one kind."""
    if not isinstance(one, Ordered) or not isinstance(other, Ordered) or type(one.value) is not type(other.value):
        raise CelError("not to be compared")
    return (one > other) - (one < other)


def _found(text: Any, pattern: str) -> str:
    found = re.search(pattern, _text(text))
    return found[0] if found else ""


_COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "==": lambda one, other: one == other,
    "!=": lambda one, other: one != other,
    "<=": lambda one, other: _int(one) <= _int(other),
    ">=": lambda one, other: _int(one) >= _int(other),
    "<": lambda one, other: _int(one) < _int(other),
    ">": lambda one, other: _int(one) > _int(other),
    "in": lambda one, other: one in _items(other),
}
_MACROS: Mapping[str, Callable[[Callable[[Any], Any], list[Any]], Any]] = {
    "all": lambda body, items: _all(lambda item: _truth(body(item)), items),
    "exists": lambda body, items: _any(lambda item: _truth(body(item)), items),
    "filter": lambda body, items: [item for item in items if _truth(body(item))],
}
_METHODS: Mapping[str, Callable[..., Any]] = {
    "size": _size,
    "matches": lambda text, pattern: re.search(pattern, _text(text)) is not None,
    "find": _found,
    "endsWith": lambda text, end: _text(text).endswith(end),
    "startsWith": lambda text, start: _text(text).startswith(start),
    "contains": lambda text, part: _text(part) in _text(text),
    "lowerAscii": lambda text: _text(text).lower(),
    "upperAscii": lambda text: _text(text).upper(),
    "compareTo": _compared,
    "isGreaterThan": lambda one, other: _compared(one, other) > 0,
    "isLessThan": lambda one, other: _compared(one, other) < 0,
    "major": lambda version: _version(version)[0],
    "minor": lambda version: _version(version)[1],
    "patch": lambda version: _version(version)[2],
    "split": lambda text, sign: _text(text).split(sign),
}
_FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "size": _size,
    "int": _int,
    "string": str,
    "quantity": quantity_of,
    "isQuantity": lambda text: _is(quantity_of, text),
    "semver": version_of,
    "isSemver": lambda text: _is(version_of, text),
}
