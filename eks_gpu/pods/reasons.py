"""Reason: why a pool does not take a pod, as a sentence and as the rule that rejects it."""

from enum import StrEnum


class Rule(StrEnum):
    """The rule by which a pool rejects a pod, in the order in which the rules are tested."""

    CLUSTER = "pool-is-of-the-cluster"
    TYPES = "instance-types-are-known"
    SIZE = "pool-may-have-nodes"
    PROFILE = "profile-selects-the-pod"
    NODE_NAME = "node-name-is-open"
    FARGATE = "fargate-runs-the-pod"
    TAINT = "taint-is-tolerated"
    ZONE = "zone-offers-the-types"
    LABEL = "labels-match"
    LIMIT = "limit-allows-a-node"
    RESOURCE = "resources-suffice"
    VALUES = "values-are-enough"
    GANG = "gang-runs-whole"
    TEMPLATE = "autoscaler-expects-the-node"


class Reason(str):
    """A sentence that says why a pool rejects a pod, empty if it does not; `rule` and `subject` say what the sentence
    is about.

    The subject is the key of a taint or label, or a resource; empty if the rule needs none. `requirement` is the path
    of the pool's requirement that decides; empty if the subject says it, or if none does.
    """

    __slots__ = ("requirement", "rule", "subject")

    rule: Rule | None
    subject: str
    requirement: str

    def __new__(cls, text: str, rule: Rule | None = None, subject: str = "", requirement: str = "") -> "Reason":
        reason = super().__new__(cls, text)
        reason.rule, reason.subject, reason.requirement = rule, subject, requirement
        return reason

    def within(self, frame: str) -> "Reason":
        """The same reason as part of a longer sentence: `frame: reason`."""
        return Reason(f"{frame}: {self}", self.rule, self.subject, self.requirement)


NOTHING = Reason("")
