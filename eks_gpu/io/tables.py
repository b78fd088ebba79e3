"""Tables and lists for a terminal, with colour and without. No import of what runs programs."""

from collections.abc import Iterable

from rich import box
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text


def table(*columns: str, right: Iterable[str] = (), gap: int = 2) -> Table:
    """Columns with a line under their heads, so many spaces apart."""
    right = tuple(right)
    made = Table(box=box.SIMPLE_HEAD, padding=(0, gap - 1, 0, 0), pad_edge=False, show_edge=False)
    for column in columns:
        made.add_column(column, justify="right" if column in right else "left", overflow="fold")
    return made


def bullets(lines: Iterable[str | Text]) -> RenderableType:
    """One line an item, wrapped under itself."""
    grid = Table.grid(padding=(0, 1))
    for line in lines:
        grid.add_row("-", line if isinstance(line, Text) else Text(line, overflow="fold"))
    return grid
