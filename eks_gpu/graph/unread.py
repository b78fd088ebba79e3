"""What a plan could not read, and how its user can find out."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any, Literal

_IN_A_FOLDER = ("chart .", "chart /")
_A_CHART = "chart "

What = Literal["nodes", "pods", "network", "values", "software"]


@dataclass(frozen=True, slots=True)
class Unread:
    """One thing that a plan knows to be there without knowing what is in it."""

    subject: str
    """The resource by type and name, the file, or the key of the configuration."""
    what: What
    """What the plan does not know because of it: nodes, pods, the network, values of properties, or software."""
    why: str
    """Why it was not read; a clause."""
    how: str
    """How its user finds out, or lets the plan read it; a clause."""
    hides: bool = True
    """Whether software that a stack seems to lack may be in it; False where only pods, or their number, are unknown."""

    def as_json(self) -> dict[str, Any]:
        """The row of the plan's key `unread`."""
        return {key: value for key, value in asdict(self).items() if key != "hides"}


_NAMED = 3
"""Subjects that are named, before the others are counted; of values, which somebody is to answer, all are."""


def grouped(rows: Iterable[Unread]) -> Iterator[tuple[What, str, str, str]]:
    """What, the subjects in one phrase, why and how, once for each why of each what."""
    alike: dict[tuple[What, str, str], list[str]] = {}
    for row in rows:
        alike.setdefault((row.what, row.why, row.how), []).append(row.subject)
    for (what, why, how), subjects in alike.items():
        named = len(subjects) if what == "values" else _NAMED
        more = len(subjects) - named
        yield what, ", ".join(subjects[:named]) + (f" and {more} more" if more > 0 else ""), why, how


def may_bring(rows: Iterable[Unread], *words: str) -> list[str]:
    """Subjects that may have a piece of software in them: any file, a chart in a folder, or a chart named by a word."""
    named = re.compile("|".join(map(re.escape, words)), re.IGNORECASE)
    return [
        row.subject
        for row in rows
        if (row.what == "pods" and row.hides)
        or (row.what == "software" and (not row.subject.startswith(_A_CHART) or named.search(row.subject)))
        or row.subject.startswith(_IN_A_FOLDER)
    ]
