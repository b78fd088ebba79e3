"""Policy documents evaluated as IAM does: a matching Allow is needed, and a matching Deny is final.

Source: IAM User Guide, policy evaluation logic and JSON policy elements.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

Document = Mapping[str, Any]
Statement = Mapping[str, Any]


@dataclass(frozen=True)
class Asked:
    """What a caller wants to do."""

    action: str
    """As `sqs:SendMessage`."""
    resource: str | None
    """ARN, or `*` for an action that is about none; None where it is not known, and then any is taken to be meant."""
    service: str | None = None
    """The service that calls, as `events.amazonaws.com`, where a resource's policy is judged."""
    context: Mapping[str, str] = field(default_factory=dict)
    """Keys that a condition can ask for, as `aws:SourceArn`."""


def allowed(documents: Iterable[Document], asked: Asked) -> bool:
    """Whether the documents, taken together, let it happen."""
    effects = {
        statement["Effect"]
        for document in documents
        for statement in _listed(document["Statement"])
        if _fits(statement, asked)
    }
    return effects == {"Allow"}


def without_conditions(document: Document) -> Document:
    """The document as if the condition of each Allow held, and of no Deny."""
    statements = [
        {key: value for key, value in statement.items() if key != "Condition"}
        for statement in _listed(document["Statement"])
        if statement["Effect"] == "Allow" or "Condition" not in statement
    ]
    return {**document, "Statement": statements}


def _fits(statement: Statement, asked: Asked) -> bool:
    return (
        _named(statement, "Action", lambda action: like(action.lower(), asked.action.lower()))
        and (asked.resource is None or _named(statement, "Resource", lambda arn: like(arn, str(asked.resource))))
        and (asked.service is None or _names_the_service(statement, asked.service))
        and all(
            _holds(operator, expected, asked.context.get(key))
            for operator, keys in statement.get("Condition", {}).items()
            for key, expected in keys.items()
        )
    )


def _named(statement: Statement, element: str, matches: Callable[[str], bool]) -> bool:
    if f"Not{element}" in statement:
        return not any(map(matches, _listed(statement[f"Not{element}"])))
    return any(map(matches, _listed(statement.get(element, []))))


def _names_the_service(statement: Statement, service: str) -> bool:
    def matches(principal: Any) -> bool:
        if principal == "*":
            return True
        return "*" in _listed(principal.get("AWS", [])) or service in _listed(principal.get("Service", []))

    return _named(statement, "Principal", matches)


def like(pattern: str, value: str) -> bool:
    """Whether a value fits a pattern in which `*` is any text and `?` any character."""
    expression = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    return re.fullmatch(expression, value, re.DOTALL) is not None


def _same(pattern: str, value: str) -> bool:
    return pattern == value


def _same_truth(pattern: str, value: str) -> bool:
    return pattern.lower() == value.lower()


OPERATORS: Mapping[str, Callable[[str, str], bool]] = {
    "ArnEquals": like,  # not narrower than ArnLike
    "ArnLike": like,
    "Bool": _same_truth,
    "StringEquals": _same,
    "StringLike": like,
}
"""Those that are judged; a condition with another operator does not hold."""


def _holds(operator: str, expected: Any, actual: str | None) -> bool:
    """A key that the request has not fulfils no condition."""
    matches = OPERATORS.get(operator)
    if matches is None or actual is None:
        return False
    return any(matches(_text(value), actual) for value in _listed(expected))


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
