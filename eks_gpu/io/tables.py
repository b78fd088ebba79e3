"""Tables and lists for a terminal, with colour and without: the only place that knows their look."""

from collections.abc import Collection, Iterable

from rich import box
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text


def table(*columns: str, right: Collection[str] = (), whole: Collection[str] = (), gap: int = 3) -> Table:
    """Columns with a line under their heads, so many spaces apart. right: those of numbers; whole: never wrapped."""
    made = Table(box=box.SIMPLE_HEAD, padding=(0, gap - 1, 0, 0), pad_edge=False, show_edge=False)
    for column in columns:
        made.add_column(
            column, justify="right" if column in right else "left", overflow="fold", no_wrap=column in whole
        )
    return made


def headless(gap: int = 1) -> Table:
    """Columns without heads, so many spaces apart."""
    return Table.grid(padding=(0, gap))


def bullets(lines: Iterable[str | Text]) -> RenderableType:
    """One line an item, wrapped under itself."""
    grid = headless()
    for line in lines:
        grid.add_row("-", line if isinstance(line, Text) else Text(line, overflow="fold"))
    return grid
