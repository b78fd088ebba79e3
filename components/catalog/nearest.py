"""The valid value nearest to a wrong one, for messages. One measure for all of them: nothing near, nothing said."""

from collections.abc import Iterable
from difflib import SequenceMatcher

ALIKE = 0.65
"""The likeness, from 0 to 1, from which on a value was probably meant. `al2` and `al2023` have 0.67."""
MOST = 20
"""A message lists every valid value up to so many."""


def nearest(given: str, known: Iterable[str]) -> str | None:
    """The known value most like the given one, upper and lower case alike; None if none is near."""
    by_letters = {word.casefold(): word for word in sorted(known)}
    matcher = SequenceMatcher(b=given.casefold())
    bounds: list[tuple[float, str]] = []
    for word in by_letters:
        matcher.set_seq1(word)
        bounds.append((matcher.quick_ratio(), word))
    best = (ALIKE, "")
    for bound, word in sorted(bounds, reverse=True):
        if bound < best[0]:  # no later one can be more alike than the best so far
            break
        matcher.set_seq1(word)
        best = max(best, (matcher.ratio(), word))
    return by_letters[best[1]] if best[1] else None


def hint(given: str, known: Iterable[str]) -> str:
    """`; nearest: dev`, or nothing: the end of a message."""
    close = nearest(given, known)
    return f"; nearest: {close}" if close else ""


def hint_or_all(given: str, known: Iterable[str]) -> str:
    """`; nearest: dev`, or every known value if none is near and they are few: the end of a message."""
    words = sorted(known)
    few = f"; there are: {', '.join(words)}" if 0 < len(words) <= MOST else ""
    return hint(given, words) or few
