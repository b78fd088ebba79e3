"""What a page of docs/ shows a person to type, what it says will be printed, and what is."""

import io
import re
from pathlib import Path

from rich.console import RenderableType

from eks_gpu.io.terminal import Terminal

DOCS = Path(__file__).parent.parent / "docs"


def blocks(page: str, language: str) -> list[str]:
    """The page's code blocks in a language."""
    text = (DOCS / f"{page}.md").read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def console_blocks(page: str) -> list[tuple[str, list[str]]]:
    """Each command, with the lines that it prints; spaces at their ends are left out."""
    split = (block.partition("\n") for block in blocks(page, "console"))
    return [(command.removeprefix("$ "), printed.strip().splitlines()) for command, _, printed in split]


def printed(output: str) -> list[str]:
    """In the same form."""
    return [line.rstrip() for line in output.strip().splitlines()]


def shown(what: RenderableType, width: int = 80) -> str:
    """As a terminal of that width shows it, without colours."""
    file = io.StringIO()
    terminal = Terminal(file=file)
    terminal.width = width
    terminal.print(what)
    return file.getvalue()


def broken_words(what: RenderableType, width: int) -> set[str]:
    """Parts of names and words that a terminal of that width does not show in one piece; a wide one shows all."""
    return parts(shown(what, 2000)) - parts(shown(what, width))


def parts(output: str) -> set[str]:
    """What stands between spaces and the signs behind which a name may break."""
    return {part for part in re.split(r"\s+|(?<=[-./:])|─+", output) if part}
