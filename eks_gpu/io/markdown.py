"""Text of strangers in Markdown: it stays text, also for who shows Markdown and looks for mentions and references."""

import re

from eks_gpu.io.visible import visible

_MARKUP = frozenset("\\`*_[]<>|#&~$^")
_BREAK = "\u200b"
"""A space without width: what it stands in is no address, no mention, no number of an issue, no commit, no picture."""
# Those who show Markdown look for these in its text once it is read, so that an escape does not stop them.
_ALIVE = re.compile(r"@|#|:(?=//)|www(?=\.)|GH-(?=\d)|:(?=[\w+-]+:)|[!%](?=\d)", re.IGNORECASE)
_COMMIT = re.compile(r"(?<![0-9a-z])(?!\d{12}(?![0-9a-z]))[0-9a-f]{7,}", re.IGNORECASE)
"""What may be the number of a commit, and is no number of an account."""
_BEGINS_A_BLOCK = re.compile(r"^(?:[-+=]|(\d{1,9})(?=[.)]))")
_LONGEST_FENCE = 16
"""Backticks around a code span; parsers of Markdown know no fence that is much longer."""
LONGEST_TEXT = 1_000
"""Letters of one text; what is longer is cut."""


def code(text: str) -> str:
    """A name, which may hold anything, in a code span that nothing in it ends. No code span stands in a table."""
    said = _line(text)
    longest = max(map(len, re.findall("`+", said)), default=0)
    if longest >= _LONGEST_FENCE:
        return plain(said)
    fence, pad = "`" * (longest + 1), " " * bool(longest)
    return f"{fence}{pad}{said or ' '}{pad}{fence}"


def plain(text: str) -> str:
    """Text on one line, in which nothing is markup, a link, a mention or a reference."""
    said = _COMMIT.sub(lambda found: re.sub(".{6}", rf"\g<0>{_BREAK}", found[0]), _line(text))
    said = _ALIVE.sub(rf"\g<0>{_BREAK}", said)
    escaped = "".join(f"\\{letter}" if letter in _MARKUP else letter for letter in said)
    return _BEGINS_A_BLOCK.sub(lambda found: f"{found[1]}\\" if found[1] else f"\\{found[0]}", escaped)


def _line(text: str) -> str:
    said = " ".join(visible(text).split())
    return said if len(said) <= LONGEST_TEXT else f"{said[: LONGEST_TEXT - 1]}…"
