"""Tables in Markdown."""

import re
from collections.abc import Iterable, Sequence


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *([_cell(text) for text in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(text: str) -> str:
    """Text as it is, but for what a table or HTML takes for its own; in code and in anchors only a bar ends a cell."""

    def kept(found: re.Match[str]) -> str:
        return found[1].replace("|", r"\|") if found[1] else f"\\{found[2]}"

    return re.sub(r"(`[^`]*`|</?a\b[^>]*>)|([<|])", kept, text)
