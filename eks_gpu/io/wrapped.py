"""Text in lines that keep words whole: they break at spaces, and a name behind its `-`, `.`, `/` or `:`."""

import re
from collections.abc import Iterator

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions
from rich.measure import Measurement
from rich.text import Text

from eks_gpu.io.visible import visible

KEPT = "\u00a0"
"""A space that is printed as one, and at which no line breaks."""
_WORD = re.compile(" *[^ ]+ *")
_WITHIN = re.compile(r"(?<=\w[-/:])(?=\w)|(?<=[^\W\d]\.)(?=\w)|(?<=\d\.)(?=[^\W\d])|(?<=//)(?=\w)")
"""Where a name may break: behind a sign that has a letter or a digit on both sides, and not within 1.5 or 0..4."""


class Wrapped:
    """Text for a terminal. What is longer than a line and cannot break goes over its end, in one piece."""

    def __init__(self, text: str | Text):
        self.text = Text(text) if isinstance(text, str) else text
        if (shown := visible(self.text.plain)) != self.text.plain:
            self.text = self.text.copy()
            self.text.plain = shown

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        return Measurement(self.piece, self.line)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Text]:
        lines = list(self._lines(options.max_width))
        whole = all(line.cell_len <= options.max_width for line in lines)
        joined = Text("\n", justify=self.text.justify).join(lines)
        joined.end, joined.no_wrap, joined.overflow = self.text.end, True, "fold" if whole else "ignore"
        yield joined

    @property
    def line(self) -> int:
        """Cells of the longest line, where nothing breaks."""
        return max(map(cell_len, self.text.plain.split("\n")))

    @property
    def word(self) -> int:
        """Cells of the longest word."""
        return max((cell_len(word) for word in re.split("[ \n]", self.text.plain)), default=0)

    @property
    def piece(self) -> int:
        """Cells of the longest piece that cannot break."""
        return max(cell_len(piece) for word in re.split("[ \n]", self.text.plain) for piece in _WITHIN.split(word))

    def _lines(self, width: int) -> Iterator[Text]:
        for line in self.text.split("\n", allow_blank=True):
            line.expand_tabs(8)
            for part in line.divide(_breaks(line.plain, width)):
                part.rstrip_end(width)
                part.plain = part.plain.replace(KEPT, " ")
                yield part


def _breaks(line: str, width: int) -> Iterator[int]:
    """Where it breaks for lines of so many cells: before a word, and within one that is longer than a line."""
    used = 0
    for found in _WORD.finditer(line):
        word, start = found[0], found.start()
        long = cell_len(word.rstrip(" "))
        if long <= width:
            if used and used + long > width:
                yield start
                used = 0
            used += cell_len(word)
            continue
        for piece in _WITHIN.split(word):
            if used and used + cell_len(piece.rstrip(" ")) > width:
                yield start
                used = 0
            used += cell_len(piece)
            start += len(piece)
