"""Questions to the cloud that nobody has answered, and where an answer is given."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

ANSWERS_FILE = "plan-answers.yaml"
"""The user's own answers, beside Pulumi.yaml."""


@dataclass(frozen=True)
class Question:
    """A look-up of a program that the answers do not hold."""

    key: str
    """The answers' own word for it: a token, `stack NAME`, or `TYPE ID` of a resource that exists."""
    what: str
    """The question, for a sentence."""
    args: Mapping[str, Any] = field(default_factory=dict)
    outputs: tuple[str, ...] = ()
    """Of a resource that exists: the outputs that are wanted; empty if any may be."""


@dataclass(frozen=True)
class LookUp:
    """Something that a program asked the cloud for, and what the plan took for the answer."""

    token: str
    """Of the function, as `aws:ssm/getParameter:getParameter`, or of the type of a resource that is read."""
    args: Mapping[str, Any]
    """For a resource that is read, its `id`."""
    result: Mapping[str, Any] = field(default_factory=dict)
    region: str = ""
    """Region of the provider that was asked; empty for the stack's own."""


class Unanswered(Exception):
    """The program asked the cloud something that the answers do not hold. Its text says what and how to answer."""

    def __init__(self, text: str, *asked: Question):
        self.asked = asked
        super().__init__(text)


class NoRegion(Exception):
    """Something of AWS is asked for, by its token, and nothing says a region."""
