"""The valid value nearest to a wrong one, for messages. One measure for all of them: nothing near, nothing said."""

from collections.abc import Iterable
from difflib import get_close_matches

ALIKE = 0.65
"""The likeness, from 0 to 1, from which on a value was probably meant. `al2` and `al2023` have 0.67."""
MOST = 20
"""A message lists every valid value up to so many."""


def nearest(given: str, known: Iterable[str]) -> str | None:
    """The known value most like the given one, upper and lower case alike; None if none is near."""
    by_letters = {word.casefold(): word for word in sorted(known)}
    close = get_close_matches(given.casefold(), by_letters, n=1, cutoff=ALIKE)
    return by_letters[close[0]] if close else None


def hint(given: str, known: Iterable[str]) -> str:
    """`; nearest: dev`, or nothing: the end of a message."""
    close = nearest(given, known)
    return f"; nearest: {close}" if close else ""


def hint_or_all(given: str, known: Iterable[str]) -> str:
    """`; nearest: dev`, or every known value if none is near and they are few: the end of a message."""
    words = sorted(known)
    few = f"; there are: {', '.join(words)}" if 0 < len(words) <= MOST else ""
    return hint(given, words) or few
