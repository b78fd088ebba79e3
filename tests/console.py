"""What a page of docs/ shows a person to type, what it says will be printed, and what is."""

import io
import re
from pathlib import Path

from rich.console import Console, RenderableType

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
    Console(width=width, file=file).print(what)
    return file.getvalue()
