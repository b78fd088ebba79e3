"""What is being built, how long it has been, and how long it took last time."""

import json
import os
import threading
from pathlib import Path
from types import TracebackType

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn


class Durations:
    """Seconds that each tool's last build took on this machine: one JSON file."""

    def __init__(self, file: Path):
        self._file = file
        self._guard = threading.Lock()

    def last(self, tool: str) -> float | None:
        return self._read().get(tool)

    def record(self, tool: str, seconds: float) -> None:
        with self._guard:
            text = json.dumps(self._read() | {tool: round(seconds, 1)}, indent=2, sort_keys=True)
            fresh = self._file.with_suffix(f".{os.getpid()}")  # two processes may write at once
            fresh.write_text(f"{text}\n")
            fresh.replace(self._file)

    def _read(self) -> dict[str, float]:
        try:
            return json.loads(self._file.read_text())
        except (OSError, ValueError):  # none yet, or cut off: it is a convenience
            return {}


class Display:
    """A row for each group at work; on anything but a terminal, a line for each tool as it starts and ends."""

    def __init__(self, console: Console):
        self._console = console
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.fields[group]}", style="bold"),
            TextColumn("{task.description}"),
            TimeElapsedColumn(),
            TextColumn("{task.fields[before]}", style="dim"),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )

    def __enter__(self) -> "Display":
        self._progress.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._progress.stop()

    def row(self, group: str) -> "Row":
        return Row(self._progress, self._console, self._progress.add_task("", group=group, before="", total=None))


class Row:
    """What one group is at."""

    def __init__(self, progress: Progress, console: Console, task: TaskID):
        self._progress, self._console, self._task = progress, console, task

    def show(self, doing: str, seconds_before: float | None = None) -> None:
        before = f"last time {spoken(seconds_before)}" if seconds_before is not None else ""
        self._progress.reset(self._task, description=doing, before=before)
        if not self._console.is_terminal:
            self._console.print(f"building {doing}{before and f' ({before})'}")

    def built(self, tool: str, seconds: float) -> None:
        self._console.print(f"built {tool} in {spoken(seconds)}")

    def end(self) -> None:
        self._progress.remove_task(self._task)


def spoken(seconds: float) -> str:
    """`48 s`, `6 min 40 s`."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
