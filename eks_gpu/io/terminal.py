"""What a command prints for people. Every name of a stack reaches a terminal through here, and none as markup."""

import sys
from collections.abc import Iterable
from typing import IO, Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from eks_gpu.io.problems import InputError
from eks_gpu.io.visible import visible
from eks_gpu.io.wrapped import Wrapped


class Terminal(Console):
    """A console that takes no brackets for markup and shows control characters as signs."""

    def __init__(self, *, stderr: bool = False, soft_wrap: bool = False, file: IO[str] | None = None):
        """A file in place of both streams."""
        super().__init__(file=file, stderr=stderr, soft_wrap=soft_wrap, highlight=False, markup=False, emoji=False)

    def print(self, *objects: Any, **options: Any) -> None:
        """A word that is longer than a line goes over its end. Raises InputError where the terminal, or the file in
        its place, takes nothing more.
        """
        try:
            super().print(*objects, **{"crop": False, **options})
        except BrokenPipeError:
            raise
        except OSError as refused:
            name = "stderr" if self.stderr else "stdout"
            raise InputError(f"{name}: cannot be written: {refused.strerror}") from None

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Each text just before it is laid out."""
        if isinstance(renderable, str):
            renderable = self.render_str(visible(renderable))
        if isinstance(renderable, Text):
            kept = renderable.no_wrap or (options or self.options).no_wrap
            if not kept:
                renderable = Wrapped(renderable)
            elif (shown := visible(renderable.plain)) != renderable.plain:
                renderable = renderable.copy()
                renderable.plain = shown
        return super().render(renderable, options)


def complain(problem: str) -> None:
    """A line on stderr."""
    if sys.stderr is not None:
        sys.stderr.write(f"{visible(problem)}\n")
