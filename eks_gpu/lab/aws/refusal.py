"""A row of the table of refused requests: the operations, the reason, and the message."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from eks_gpu.lab.aws.needs import Place


@dataclass(frozen=True)
class Request:
    """A call that AWS has not answered yet."""

    place: Place
    given: Mapping[str, Any]
    """Parameters under botocore's names."""
    may: Callable[[str], bool] = lambda action: True
    """Whether who asks may do something else too, as `iam:CreateServiceLinkedRole`."""


Blanks = Mapping[str, object] | None


@dataclass(frozen=True)
class Refusal:
    """One thing that AWS refuses."""

    operations: tuple[str, ...]
    """As `eks:CreateCluster`."""
    refuses: str
    """What is refused, as the table in the pages says it."""
    code: str
    words: str
    """AWS's message, with `{blanks}`; where `source` knows none, the message is the lab's own."""
    source: str
    """Where code and words, or the rule, can be read."""
    blanks: Callable[[Request], Blanks]
    """What fills the words of a request that is refused; None for one that is not."""
    status: int = 400


def by_moto(_: Request) -> Blanks:
    """Of a row that moto itself refuses: it is in the table to be told and tested."""
    return None
