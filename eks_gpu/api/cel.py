"""CEL: as much of the language as Karpenter's definitions use for rules, and claims of devices for selectors.

No package gives the verdicts of Kubernetes 1.36 (160 expressions, November 2026). common-expression-language 0.10.0
takes 350 ms to import, has no `cel.bind`, no `a.?b` and no types such as a quantity, counts a text in bytes, and lets
an error decide an `exists` that another item makes true; cel-python 0.5.0 takes 310 ms to start and 1.2 ms for each
verdict, has neither of the two forms, and differs in `dyn('a') == 1`, and in `has(a.b.c)` where `b` is missing.

Source: CEL's language definition; Kubernetes documentation, "Common Expression Language in Kubernetes".
"""

import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from eks_gpu.api.cel_library import (
    FUNCTIONS,
    LEVELS,
    METHOD_NAMES,
    PATTERNS,
    SPACES,
    CelError,
    Maybe,
    UnknownCel,
    all_of,
    any_of,
    applied,
    kind,
    lookup,
    maybe,
    method,
    negative,
    pattern,
    present,
    truth,
)

_TOKEN = re.compile(
    r'''(?:\s|//[^\n]*(?:\n|$))*(?:(?P<text>[rR]?(?:"""(?:\\.|[^\\])*?"""|\'\'\'(?:\\.|[^\\])*?\'\'\''''
    r"""|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'))"""
    r"""|(?P<number>\d+\.\d+(?:[eE][-+]?\d+)?|\d+[eE][-+]?\d+|\d+)|(?P<name>[A-Za-z_]\w*)"""
    r"""|(?P<sign>&&|\|\||==|!=|<=|>=|[-+*/%!<>?:.,()\[\]])|(?P<end>$))""",
    re.ASCII | re.DOTALL,
)
_ESCAPE = re.compile(r"\\(x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|[0-3][0-7]{2}|.)", re.DOTALL)
_ESCAPES = dict(zip("abfnrtv\\\"'`?", "\a\b\f\n\r\t\v\\\"'`?", strict=True))
_CONSTANTS = {"true": True, "false": False, "null": None}

Scope = Mapping[str, Any]
Evaluated = Callable[[Scope], Any]


def holds(rule: str, value: Any) -> bool:
    """Whether the rule holds for `self`. Raises UnknownCel for a rule that cannot be read."""
    try:
        return compiled(rule)({"self": value}) is True
    except CelError:
        return False


@cache
def compiled(rule: str) -> Evaluated:
    """The rule as a function of its names. Raises UnknownCel."""
    try:
        found = _Reader(rule).whole()
    except RecursionError:
        raise UnknownCel(rule) from None

    def evaluated(scope: Scope) -> Any:
        try:
            return found(scope)
        except RecursionError:
            raise UnknownCel(rule) from None

    return evaluated


class _Reader:
    """A reader of expressions, from the weakest operator to the strongest."""

    def __init__(self, rule: str):
        self.tokens: list[tuple[str, str]] = []
        self.chosen: tuple[Evaluated, str] | None = None
        """Subject and field of what was read last, if that was a field."""
        at, group = 0, ""
        while group != "end":
            found = _TOKEN.match(rule, at)
            if found is None or found.lastgroup is None:
                raise UnknownCel(rule[at:])
            group, at = found.lastgroup, found.end()
            self.tokens.append((group, found[group]))
        self.at = 0

    def whole(self) -> Evaluated:
        found = self.choice()
        if self.tokens[self.at][0] != "end":
            raise UnknownCel(self.tokens[self.at][1])
        return found

    def choice(self) -> Evaluated:
        condition = self.either()
        if not self.takes("?"):
            return condition
        yes = self.either()
        self.needs(":")
        no = self.choice()
        return lambda scope: (yes if truth(condition(scope)) else no)(scope)

    def either(self) -> Evaluated:
        parts = [self.both()]
        while self.takes("||"):
            parts.append(self.both())
        return parts[0] if len(parts) == 1 else lambda scope: any_of(lambda part: truth(part(scope)), parts)

    def both(self) -> Evaluated:
        parts = [self.operated()]
        while self.takes("&&"):
            parts.append(self.operated())
        return parts[0] if len(parts) == 1 else lambda scope: all_of(lambda part: truth(part(scope)), parts)

    def operated(self, level: int = 0) -> Evaluated:
        if level == len(LEVELS):
            return self.unary()
        left = self.operated(level + 1)
        while sign := next((sign for sign in LEVELS[level] if self.takes(sign)), ""):
            left = _call(LEVELS[level][sign], [left, self.operated(level + 1)])
            self.chosen = None
        return left

    def unary(self) -> Evaluated:
        for sign, change in (("!", lambda value: not truth(value)), ("-", negative)):
            if self.takes(sign):
                found = _call(change, [self.unary()])
                self.chosen = None
                return found
        return self.member()

    def member(self) -> Evaluated:
        found, self.chosen = self.primary(), None
        while True:
            if self.takes("["):
                find, index = (maybe if self.takes("?") else lookup), self.choice()
                self.needs("]")
                found, self.chosen = _call(find, [found, index]), None
            elif self.takes("."):
                find, name = (maybe if self.takes("?") else lookup), self.name()
                if find is lookup and self.takes("("):
                    found, self.chosen = self.called(found, name), None
                else:
                    chosen = (found, name) if find is lookup else None
                    found, self.chosen = _call(find, [found, _constant(name)]), chosen
            else:
                return found

    def called(self, subject: Evaluated, name: str) -> Evaluated:
        if name in _MACROS:
            return self.macro(subject, name)
        arguments = self.arguments()
        if name in ("or", "orValue") and len(arguments) == 1:
            return _otherwise(name, subject, arguments[0])
        if name not in METHOD_NAMES:
            raise UnknownCel(name)
        if name in PATTERNS and arguments:
            _known_pattern(arguments[0])
        return lambda scope: _on(name, subject(scope), [argument(scope) for argument in arguments])

    def macro(self, subject: Evaluated, name: str) -> Evaluated:
        variable = self.name()
        self.needs(",")
        body, test = self.choice(), None
        if name == "map" and self.takes(","):
            body, test = self.choice(), body
        self.needs(")")

        def evaluated(scope: Scope) -> Any:
            items = _items(name, subject(scope))
            if test is not None:
                items = [item for item in items if truth(test({**scope, variable: item}))]
            return _MACROS[name](lambda item: body({**scope, variable: item}), items)

        return evaluated

    def arguments(self) -> list[Evaluated]:
        found: list[Evaluated] = []
        while not self.takes(")"):
            if found:
                self.needs(",")
            found.append(self.choice())
        return found

    def primary(self) -> Evaluated:
        group, token = self.next()
        if group == "text":
            return _constant(_unescaped(token))
        if group == "number":
            number = float(token) if set(token) & set(".eE") else int(token)
            if abs(number) >= 2**63 and isinstance(number, int):
                raise UnknownCel(token)
            return _constant(number)
        if group == "name":
            return self.named(token)
        if token == "(":
            inner = self.choice()
            self.needs(")")
            return inner
        if token == "[":
            items = self.items()
            return lambda scope: [item(scope) for item in items]
        raise UnknownCel(token)

    def items(self) -> list[Evaluated]:
        found: list[Evaluated] = []
        while not self.takes("]"):
            found.append(self.choice())
            if not self.takes(","):
                self.needs("]")
                break
        return found

    def named(self, name: str) -> Evaluated:
        if name in _CONSTANTS:
            return _constant(_CONSTANTS[name])
        if name == "has" and self.takes("("):
            self.choice()
            self.needs(")")
            if self.chosen is None:
                raise UnknownCel(name)
            holder, field = self.chosen
            return lambda scope: present(holder(scope), field)
        if name == "cel" and self.takes("."):
            return self.bound()
        if name in SPACES and self.takes("."):
            name = f"{name}.{self.name()}"
        if self.takes("("):
            if name not in FUNCTIONS:
                raise UnknownCel(name)
            return _call(FUNCTIONS[name], self.arguments())
        return lambda scope: _variable(scope, name)

    def bound(self) -> Evaluated:
        """`cel.bind(variable, value, body)`."""
        if (name := self.name()) != "bind":
            raise UnknownCel(name)
        self.needs("(")
        variable = self.name()
        self.needs(",")
        value = self.choice()
        self.needs(",")
        body = self.choice()
        self.needs(")")
        return lambda scope: body({**scope, variable: _tried(value, scope)})

    def name(self) -> str:
        group, name = self.next()
        if group != "name":
            raise UnknownCel(name)
        return name

    def next(self) -> tuple[str, str]:
        if self.tokens[self.at][0] == "end":
            raise UnknownCel("the end")
        self.at += 1
        return self.tokens[self.at - 1]

    def takes(self, token: str) -> bool:
        group, found = self.tokens[self.at]
        if group in ("text", "end") or found != token:
            return False
        self.at += 1
        return True

    def needs(self, token: str) -> None:
        if not self.takes(token):
            raise UnknownCel(token)


def _constant(value: Any) -> Evaluated:
    return lambda scope: value


def _call(function: Callable[..., Any], arguments: list[Evaluated]) -> Evaluated:
    return lambda scope: applied(function, *(argument(scope) for argument in arguments))


def _on(name: str, subject: Any, arguments: list[Any]) -> Any:
    return applied(method(name, subject), subject, *arguments)


def _tried(value: Evaluated, scope: Scope) -> Any:
    """The value, or the error that whoever reads the variable has."""
    try:
        return value(scope)
    except CelError as error:
        return error


def _variable(scope: Scope, name: str) -> Any:
    found = lookup(scope, name)
    if isinstance(found, CelError):
        raise found
    return found


def _otherwise(name: str, subject: Evaluated, other: Evaluated) -> Evaluated:
    """The optional value, or the other, which is evaluated only then."""

    def evaluated(scope: Scope) -> Any:
        found = subject(scope)
        if not isinstance(found, Maybe):
            raise CelError(f"no such overload: {name}")
        if not found.items:
            return other(scope)
        return found if name == "or" else found.items[0]

    return evaluated


def _known_pattern(argument: Evaluated) -> None:
    """Raises UnknownCel for a pattern that stands in the expression and is not read."""
    try:
        text = argument({})
    except CelError:  # it is a field's value
        return
    if isinstance(text, str):
        pattern(text)


def _unescaped(token: str) -> str:
    raw = token[0] in "rR"
    body = token[raw:]
    marks = 3 if body[:3] in ('"""', "'''") else 1
    return body[marks:-marks] if raw else _ESCAPE.sub(_escaped, body[marks:-marks])


def _escaped(found: re.Match[str]) -> str:
    code = found[1]
    if code in _ESCAPES:
        return _ESCAPES[code]
    if len(code) == 1:
        raise UnknownCel(found[0])
    number = int(code, 8) if code.isdigit() else int(code[1:], 16)
    if number > 0x10FFFF or 0xD800 <= number <= 0xDFFF:  # half a pair of UTF-16 is no character
        raise UnknownCel(found[0])
    return chr(number)


# --- macros ----------------------------------------------------------------------------------------------------------


def _items(name: str, subject: Any) -> list[Any]:
    if name in ("optMap", "optFlatMap") and isinstance(subject, Maybe):
        return list(subject.items)
    if name in ("optMap", "optFlatMap") or kind(subject) not in ("list", "map"):
        raise CelError("nothing to go through")
    return list(subject)


def _flat(found: list[Any]) -> Maybe:
    if not all(isinstance(each, Maybe) for each in found):
        raise CelError("no such overload: optFlatMap")
    return found[0] if found else Maybe()


_MACROS: Mapping[str, Callable[[Callable[[Any], Any], list[Any]], Any]] = {
    "all": lambda body, items: all_of(lambda item: truth(body(item)), items),
    "exists": lambda body, items: any_of(lambda item: truth(body(item)), items),
    "exists_one": lambda body, items: sum(truth(body(item)) for item in items) == 1,
    "filter": lambda body, items: [item for item in items if truth(body(item))],
    "map": lambda body, items: [body(item) for item in items],
    "optMap": lambda body, items: Maybe(tuple(body(item) for item in items)),
    "optFlatMap": lambda body, items: _flat([body(item) for item in items]),
}
