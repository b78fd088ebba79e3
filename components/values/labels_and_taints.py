"""Labels and taints that a person gives nodes, by the rules of Kubernetes, kubelet and EKS."""

from typing import Annotated

from pydantic import AfterValidator
from typing_extensions import TypedDict

from ..catalog import Taint, TaintEffect, key_problem, label_problem, value_problem
from .arg_words import TaintEffectArg
from .value import Value


def key(text: str) -> str:
    """A label's or taint's key, with or without a prefix. Raises ValueError."""
    return _without(key_problem(text), text)


def value(text: str) -> str:
    """A label's or taint's value, maybe empty. Raises ValueError."""
    return _without(value_problem(text), text)


def _without(problem: str | None, text: str) -> str:
    if problem:
        raise ValueError(problem)
    return text


def labels(given: dict[str, str]) -> dict[str, str]:
    """Labels for nodes. Raises ValueError, with all that is wrong, for those that a node could not set on itself."""
    problems = [problem for item in given.items() if (problem := label_problem(*item))]
    if problems:
        raise ValueError("; ".join(problems))
    return given


Labels = Annotated[dict[str, str], AfterValidator(labels)]


class TaintArgs(TypedDict):
    """A taint, in Kubernetes' spelling."""

    key: str
    """Key of the taint, such as nvidia.com/gpu."""
    value: str
    """Value of the taint, never empty: the autoscaler ignores a managed node group's taint without a value."""
    effect: TaintEffectArg
    """Effect on pods without a toleration: NoSchedule, PreferNoSchedule or NoExecute."""


def _taint_value(text: str) -> str:
    if not text:
        raise ValueError("must not be empty: the autoscaler skips a managed node group's taint without a value")
    return value(text)


class NodeTaint(Value):
    """A taint that a person gave, checked."""

    key: Annotated[str, AfterValidator(key)]
    value: Annotated[str, AfterValidator(_taint_value)]
    effect: TaintEffect

    def plain(self) -> Taint:
        """The same with its spellings."""
        return Taint(self.key, self.value, self.effect)
