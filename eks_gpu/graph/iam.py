"""Policy documents evaluated as IAM does: a matching Allow is needed, and a matching Deny is final.

Three answers: what only unknown values decide has none. Packages that evaluate policies know two, and no unknown value.
Source: IAM User Guide, policy evaluation logic, JSON policy elements, and condition operators.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache, lru_cache
from typing import Any

Document = Mapping[str, Any]
Statement = Mapping[str, Any]
Answer = bool | None
"""True, False, or None where only an unknown value decides."""


@dataclass(frozen=True)
class Call:
    """What a caller wants to do."""

    action: str
    """As `sqs:SendMessage`."""
    resource: str | None
    """ARN, in which `*` is any text without colons; `*` alone for an action about none; None if any is meant."""
    service: str | None = None
    """The service that calls, as `events.amazonaws.com`, where a resource's policy is judged."""
    context: Mapping[str, str | None] = field(default_factory=dict)
    """Keys that a condition can ask for, as `aws:SourceArn`; None for one that is missing, `*` as in `resource`."""
    complete: bool = True
    """Whether the request has no other keys; otherwise their values are unknown."""
    without: tuple[str, ...] = ()
    """How other keys begin that the request does not have even if it has more than `context` says."""

    def value(self, key: str) -> "str | Unknown | None":
        """The value of a condition key, whose letters may be large or small; None where the request has none."""
        wanted = key.lower()
        for given, value in self.context.items():
            if given.lower() == wanted:
                return value
        absent = self.complete or any(wanted.startswith(start.lower()) for start in self.without)
        return None if absent else UNKNOWN


class Unknown:
    """The value of a key that only AWS knows."""


UNKNOWN = Unknown()


@dataclass(frozen=True, slots=True)
class Decision:
    """What policy documents say about a call."""

    allowed: Answer
    denied_by: str = ""
    """The statement whose Deny is final, as it can be found in the document; empty if nothing allows the call."""


def decide(documents: Iterable[Document], call: Call, *, all_read: bool = True) -> Decision:
    """What the documents, taken together, say. `all_read` is whether there are no others, which may allow it."""
    found = [(statement, _fits(statement, call)) for document in documents for statement in statements(document)]
    for statement, fits in found:
        if fits and statement.get("Effect") == "Deny":
            return Decision(False, str(statement.get("Sid") or "a Deny without a Sid"))
    allows = any(fits for statement, fits in found if statement.get("Effect") == "Allow")
    unsure = any(fits is None for statement, fits in found if statement.get("Effect") in ("Allow", "Deny"))
    if allows:
        return Decision(None if any(f is None for s, f in found if s.get("Effect") == "Deny") else True)
    return Decision(None if unsure or not all_read else False)


def allowed(documents: Iterable[Document], call: Call) -> bool:
    """Whether the documents, taken together, surely let it happen."""
    return decide(documents, call).allowed is True


def statements(document: Any) -> list[Statement]:
    """The statements of a policy as JSON text or as a mapping; none of what cannot be read."""
    found = json_of(document).get("Statement") or []
    return [each for each in listed(found) if isinstance(each, Mapping)]


def without_conditions(document: Document) -> Document:
    """The document as if the condition of each Allow held, and of no Deny."""
    kept = [
        {key: value for key, value in statement.items() if key != "Condition"}
        for statement in listed(document["Statement"])
        if statement["Effect"] == "Allow" or "Condition" not in statement
    ]
    return {**document, "Statement": kept}


def json_of(text: Any) -> Mapping[str, Any]:
    """A mapping from JSON text, or itself; empty for anything else."""
    try:
        found = json.loads(text) if isinstance(text, str) else text
    except ValueError:
        return {}
    return found if isinstance(found, Mapping) else {}


def listed(value: Any) -> list[Any]:
    """A value of a policy, which may be one or several."""
    return list(value) if isinstance(value, list | tuple) else [] if value is None else [value]


def _fits(statement: Statement, call: Call) -> Answer:
    action = _named(statement, "Action", _one_is_the_action, call.action)
    if action is False or (call.service is not None and not _names_the_service(statement, call.service)):
        return False
    conditions = (
        _holds(operator, expected, call.value(key), call)
        for operator, keys in statement.get("Condition", {}).items()
        for key, expected in keys.items()
    )
    return _all((action, _about(statement, call), *conditions))


def _about(statement: Statement, call: Call) -> Answer:
    resource = call.resource
    if resource is None or not {"Resource", "NotResource"} & statement.keys():
        return True  # a trust policy is about its own role
    return _named(statement, "Resource", _one_is_the_resource, resource)


def _named(statement: Statement, element: str, one_is: Callable[[tuple[str, ...], str], Answer], value: str) -> Answer:
    if f"Not{element}" in statement:
        return _not(one_is(tuple(map(str, listed(statement[f"Not{element}"]))), value))
    return one_is(tuple(map(str, listed(statement.get(element)))), value)


# A plan asks the statements of a few roles for hundreds of calls, and for those again in each of its checks.
@lru_cache(maxsize=100_000)
def _one_is_the_action(patterns: tuple[str, ...], action: str) -> Answer:
    return _any(_like(pattern.lower(), action.lower()) for pattern in patterns)


@lru_cache(maxsize=100_000)
def _one_is_the_resource(patterns: tuple[str, ...], resource: str) -> Answer:
    return _any(like(pattern, "*") if resource == "*" else _like(pattern, resource) for pattern in patterns)


def _names_the_service(statement: Statement, service: str) -> bool:
    def matches(principal: Any) -> bool:
        if principal == "*":
            return True
        if not isinstance(principal, Mapping):
            return False
        return "*" in listed(principal.get("AWS")) or service in listed(principal.get("Service"))

    if "NotPrincipal" in statement:
        return not any(map(matches, listed(statement["NotPrincipal"])))
    return any(map(matches, listed(statement.get("Principal"))))


def _all(answers: Iterable[Answer]) -> Answer:
    found = list(answers)
    return False if False in found else None if None in found else True


def _any(answers: Iterable[Answer]) -> Answer:
    found = list(answers)
    return True if True in found else None if None in found else False


def _not(answer: Answer) -> Answer:
    return None if answer is None else not answer


# --- texts -----------------------------------------------------------------------------------------------------------

_ANY = "\0"
"""A text that no pattern names: only `*` and `?` match it."""
_VARIABLE = re.compile(r"\$\{[^}]*\}")


def like(pattern: str, value: str) -> bool:
    """Whether a value fits a pattern in which `*` is any text and `?` any character."""
    return _expression(pattern).fullmatch(value) is not None


@cache
def _expression(pattern: str) -> re.Pattern[str]:
    return re.compile(re.escape(pattern).replace(r"\*", ".*").replace(r"\?", "."), re.DOTALL)


def _like(pattern: str, value: str) -> Answer:
    """The same for a value in which `*` is any text: None where the pattern fits only some of them."""
    if _VARIABLE.search(pattern):
        return None if _meet(_VARIABLE.sub("*", pattern), value) else False
    if "*" not in value:
        return like(pattern, value)
    return True if like(pattern, value.replace("*", _ANY)) else None if _meet(pattern, value) else False


@cache
def _meet(pattern: str, value: str) -> bool:
    """Whether the pattern fits some text that the value stands for; the value's `*` is any text without a colon."""
    if not pattern or not value:
        return not (pattern + value).strip("*")
    if pattern[0] == "*":
        return _meet(pattern[1:], value) or _meet(pattern, value[1:])
    if value[0] == "*":
        return _meet(pattern, value[1:]) or (pattern[0] != ":" and _meet(pattern[1:], value))
    return pattern[0] in ("?", value[0]) and _meet(pattern[1:], value[1:])


def _same(pattern: str, value: str) -> Answer:
    if _VARIABLE.search(pattern):
        return None
    return (None if _meet(pattern.replace("*", "?"), value) else False) if "*" in value else pattern == value


def _same_but_for_letters(pattern: str, value: str) -> Answer:
    return _same(pattern.lower(), value.lower())


OPERATORS: Mapping[str, Callable[[str, str], Answer]] = {
    "ArnEquals": _like,  # not narrower than ArnLike
    "ArnLike": _like,
    "Bool": _same_but_for_letters,
    "StringEquals": _same,
    "StringEqualsIgnoreCase": _same_but_for_letters,
    "StringLike": _like,
}
"""Those that are judged, and the same with Not; of a condition with another operator nobody knows whether it holds."""


def _holds(operator: str, expected: Any, actual: "str | Unknown | None", call: Call) -> Answer:
    quantifier, _, plain = operator.rpartition(":")
    name, optional = plain.removesuffix("IfExists"), plain.endswith("IfExists")
    wanted = [_text(value) for value in listed(expected)]
    if isinstance(actual, Unknown):
        return None
    if name == "Null":
        return ("true" in wanted) is (actual is None)
    positive = name.replace("Not", "")
    matches = OPERATORS.get(positive)
    if matches is None:
        return False if call.complete else None
    if actual is None:
        return optional or quantifier == "ForAllValues" or name != positive
    found = _any(matches(value, actual) for value in wanted)
    return found if name == positive else _not(found)


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
