"""Tables and lists for a terminal, with colour and without: the only place that knows their look."""

from collections.abc import Collection, Iterable, Iterator, Sequence

from rich import box
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.padding import Padding
from rich.styled import Styled
from rich.table import Table
from rich.text import Text

from eks_gpu.io.wrapped import Wrapped

_INDENT = 2


def table(*columns: str, right: Collection[str] = (), whole: Collection[str] = (), gap: int = 3) -> Table:
    """Columns with a line under their heads, so many spaces apart. right: those of numbers; whole: never wrapped."""
    made = _Fitted(box=box.SIMPLE_HEAD, padding=(0, gap - 1, 0, 0), pad_edge=False, show_edge=False)
    made.gap = gap
    for column in columns:
        made.add_column(Wrapped(column), justify="right" if column in right else "left", no_wrap=column in whole)
    return made


def headless(gap: int = 1) -> Table:
    """Columns without heads, so many spaces apart."""
    made = _Fitted(
        box=None, padding=(0, gap), collapse_padding=True, show_header=False, show_edge=False, pad_edge=False
    )
    made.gap = gap
    return made


def bullets(lines: Iterable[str | Text]) -> RenderableType:
    """One line an item, wrapped under itself."""
    grid = headless()
    for line in lines:
        grid.add_row("-", line)
    return grid


class _Fitted(Table):
    """A table with columns as wide as what cannot break in them. Where they find no room beside each other, the first
    cell of each row has a line of its own; where the others find none either, each cell has.
    """

    gap = 1

    def add_row(self, *cells: RenderableType | None, style=None, end_section: bool = False) -> None:
        shown = (Wrapped(cell) if isinstance(cell, str | Text) else cell for cell in cells)
        super().add_row(*shown, style=style, end_section=end_section)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        room = options.max_width
        sizes = [_sizes([*_texts([column.header]), *_texts(column.cells)], column.no_wrap) for column in self.columns]
        if not sizes:
            return
        if widths := _fitted(sizes, room - self.gap * (len(sizes) - 1)):
            for column, width in zip(self.columns, widths, strict=True):
                column.width = width
            yield from super().__rich_console__(console, options)
            return
        rest = _fitted(sizes[1:], room - _INDENT - self.gap * (len(sizes) - 2))
        heads = [column.header for column in self.columns]
        if self.show_header:
            yield from self._stacked(heads, rest)
            yield Text("─" * room)
        for row, cells in zip(self.rows, zip(*(column.cells for column in self.columns), strict=True), strict=True):
            named = [None, *heads[1:]] if self.show_header and not rest else None
            for part in self._stacked(cells, rest, named):
                yield Styled(part, row.style or "")
            if row.end_section:
                yield Text("─" * room)

    def _stacked(
        self,
        cells: Sequence[RenderableType],
        rest: Sequence[int] | None,
        heads: Sequence[RenderableType | None] | None = None,
    ) -> Iterator[RenderableType]:
        """The first cell in a line of its own, then the others: beside each other in these widths, or each below the
        other.
        """
        yield cells[0]
        if rest is not None:
            line = Table.grid(padding=(0, self.gap), pad_edge=False)
            for column, width in zip(self.columns[1:], rest, strict=True):
                line.add_column(justify=column.justify, width=width)
            line.add_row(*cells[1:])
            if any(each.text.plain.strip() for each in _texts(cells[1:])):
                yield Padding(line, (0, 0, 0, _INDENT))
            return
        for head, cell in zip(heads[1:] if heads else [None] * len(cells[1:]), cells[1:], strict=True):
            for text in _texts([cell]):
                name = [f"{each.text.plain.strip()}: " for each in _texts([head])]
                lines = text.text.split("\n", allow_blank=True)
                yield Wrapped(Text("\n").join(Text.assemble(" " * _INDENT, *name, line) for line in lines))


def _texts(cells: Iterable[RenderableType | None]) -> list[Wrapped]:
    return [cell for cell in cells if isinstance(cell, Wrapped)]


def _sizes(cells: Sequence[Wrapped], whole: bool) -> tuple[int, int, int]:
    """Cells that a column takes: with no line broken, with no word broken, and at least."""
    line = max((cell.line for cell in cells), default=1)
    if whole:
        return line, line, line
    word, piece = (max((getattr(cell, size) for cell in cells), default=1) for size in ("word", "piece"))
    return max(line, 1), max(word, 1), max(piece, 1)


def _fitted(sizes: Sequence[tuple[int, int, int]], room: int) -> list[int] | None:
    """A width for each column; the widest gives way first, and no name breaks while a line can. None without room."""
    widths = [line for line, _, _ in sizes]
    for least in ([word for _, word, _ in sizes], [piece for _, _, piece in sizes]):
        while sum(widths) > room:
            wide = [at for at, width in enumerate(widths) if width > least[at]]
            if not wide:
                break
            widths[max(wide, key=widths.__getitem__)] -= 1
    return widths if sum(widths) <= room else None
