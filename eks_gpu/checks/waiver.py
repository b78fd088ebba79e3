"""Waiver: a failure that a stack accepts, and the reason."""

import re
from datetime import date
from fnmatch import fnmatchcase
from typing import Annotated

from pydantic import BaseModel, StringConstraints

NEEDED = "waivers-are-needed"
"""The check of waivers, which none can waive."""


_CLUSTER = re.compile(r" \([^()]+\)$")


class Waiver(BaseModel, frozen=True, extra="forbid"):
    """A waiver covers one check, for one subject or for all that match a pattern."""

    check: str
    """Its id."""
    subject: str = "*"
    """Name or pattern, such as `gpu-*`; default all subjects."""
    reason: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
    """The reason that the plan shows beside the failure."""

    until: date | None = None
    """The last day on which the waiver counts; default no end."""

    def counts(self, on: date) -> bool:
        """Whether the waiver has not ended on a day."""
        return self.until is None or on <= self.until

    def covers(self, check: str, subject: str) -> bool:
        """Whether the waiver covers a failure of this check and subject, `gpu (north)` as `gpu` too."""
        names = (subject, _CLUSTER.sub("", subject))
        return check == self.check and any(fnmatchcase(name, self.subject) for name in names)
