"""Text of strangers, shown: what would move a cursor, colour a terminal or turn a line round becomes a sign."""

import re

_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # controls of C0 but tab and line feed, DEL, and those of C1
    "\u061c\u200b\u200e\u200f\u2028\u2029\u202a-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb"  # order, width, lines
    "\u00ad\u180e\U000e0000-\U000e007f"  # hyphens that may be there, and tags, in which a whole text can hide
    "\ud800-\udfff\ufffe\uffff]"  # halves of pairs, and what no file may hold
)
_PICTURES, _DELETE, _REPLACEMENT = 0x2400, "\u2421", "\ufffd"


def visible(text: str) -> str:
    """The text with one sign that can be seen for each character that cannot: ␛ for an escape."""
    return _UNSEEN.sub(_sign, text)


def _sign(found: re.Match[str]) -> str:
    code = ord(found[0])
    return chr(_PICTURES + code) if code < 0x20 else _DELETE if code == 0x7F else _REPLACEMENT
