"""Wrong input: every problem at once, each with its place, the rule, the value given and the nearest valid one."""

from collections.abc import Iterable
from difflib import get_close_matches


class InputError(Exception):
    """What the user gave cannot be used. `problems` has one line each; the command line ends with exit code 2."""

    def __init__(self, problems: str | Iterable[str]):
        self.problems = [problems] if isinstance(problems, str) else list(problems)
        super().__init__("\n".join(self.problems))


def nearest(given: str, known: Iterable[str]) -> str:
    """`; nearest: dev` for something that was probably misspelt, else every known value, else nothing."""
    known = sorted(known)
    close = get_close_matches(given, known, n=1, cutoff=0.5)
    if close:
        return f"; nearest: {close[0]}"
    return f"; there are: {', '.join(known)}" if known else ""
