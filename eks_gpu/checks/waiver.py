"""Waiver: a failure that a stack lives with, and why."""

from fnmatch import fnmatchcase
from typing import Annotated

from pydantic import AfterValidator, BaseModel, StringConstraints
from pydantic_core import PydanticCustomError

from eks_gpu.io.problems import nearest

NEEDED = "waivers-are-needed"
"""The check of waivers, which none can waive."""


def _known(id_: str) -> str:
    from eks_gpu.checks.registry import CHECKS  # whose context knows waivers

    if id_ == NEEDED:
        raise PydanticCustomError(
            "unknown_check", "must be another check, for {given} is of waivers", {"given": NEEDED}
        )
    if id_ not in CHECKS:
        given = {"given": repr(id_), "nearest": nearest(id_, CHECKS)}
        raise PydanticCustomError("unknown_check", "must be the id of a check, got {given}{nearest}", given)
    return id_


class Waiver(BaseModel, frozen=True, extra="forbid"):
    """Of one check, for one subject or for all that match a pattern."""

    check: Annotated[str, AfterValidator(_known)]
    """Its id."""
    subject: str = "*"
    """Name or pattern, as `gpu-*`; default all subjects."""
    reason: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
    """What the plan shows beside the failure."""

    def covers(self, check: str, subject: str) -> bool:
        """Whether a failure of this check and subject is lived with."""
        return check == self.check and fnmatchcase(subject, self.subject)
