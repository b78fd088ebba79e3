"""What the lab did, for a terminal of 80 columns."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from .apply import Applied, Destroyed, played
from .replay import Moment, Result, told
from .scenario import Scenario

BARS = "▁▂▃▄▅▆▇█"
WIDTH = 48
"""Characters of a line of the timeline."""


def applied(done: Applied, log: Path) -> RenderableType:
    """Resources, charts, outputs."""
    changes = ", ".join(f"{count} {what}" for what, count in sorted(done.changes.items()))
    ours, skipped = played(done.charts)
    lines = [f"up after {done.seconds:.0f} s; resources: {changes}"]
    if ours:
        lines.append(f"charts whose controllers the lab runs itself: {', '.join(map(str, ours))}")
    if skipped:
        lines.append(f"charts skipped, nothing of them runs here: {', '.join(map(str, skipped))}")
    outputs = [f"  {name}: {value}" for name, value in done.outputs.items()]
    return Text("\n".join([*lines, *(["outputs:", *outputs] if outputs else []), f"the engine's words are in {log}"]))


def destroyed(done: Destroyed) -> RenderableType:
    """How much went, and what did not."""
    head = f"{done.deleted} resources deleted after {done.seconds:.0f} s"
    if not done.left:
        return Text(f"{head}; nothing is left in AWS or the cluster")
    return Text("\n".join([f"{head}; left:", *(f"  {each}" for each in done.left)]))


def replayed(result: Result, scenario: Scenario) -> RenderableType:
    """The timeline, then measured against expected."""
    verdict = Text("as expected", "bold green") if result.passed else Text("differs from expected", "bold red")
    shortened = ", ".join(f"{key} {value}" for key, value in scenario.shortened().items())
    notes = [f"Shortened for the replay: {shortened}."] if shortened else []
    return Group(
        scenario.about, *notes, "", timeline(result.timeline), "", _comparison(result), "", verdict, *result.differences
    )


def timeline(moments: Sequence[Moment]) -> RenderableType:
    """Nodes with accelerators, pending pods and USD an hour over time, each from 0 to its peak."""
    if not moments:
        return Text("no second was recorded", "dim")
    table = Table(box=None, pad_edge=False, show_header=False)
    for quantity, unit in (("gpu_nodes", "GPU nodes"), ("pending_pods", "pending pods"), ("hourly", "USD an hour")):
        values = [getattr(moment, quantity) for moment in moments]
        table.add_row(unit, Text(bars(values)), f"peak {max(values):g}")
    end, width = f"{moments[-1].t_s:.0f} s", min(WIDTH, len(moments))
    table.add_row("", Text(f"0 s{end:>{max(0, width - 3)}}", "dim"), "")
    return table


def bars(values: Sequence[float], width: int = WIDTH) -> str:
    """A character for each part of the time, as high as the most in it."""
    peak, parts = max(values), min(width, len(values))
    bounds = [round(number * len(values) / parts) for number in range(parts + 1)]
    tops = [max(values[start:end]) for start, end in pairwise(bounds)]
    return "".join(" " if not top else BARS[min(len(BARS) - 1, int(top / peak * len(BARS)))] for top in tops)


def _comparison(result: Result) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for column in ("step", "quantity", "expected", "measured"):
        table.add_column(column)
    for name, wanted in result.expected.items():
        for quantity, value, got in _quantities(wanted, result.measured.get(name)):
            table.add_row(name, quantity, value, got)
            name = ""
    return table


def _quantities(wanted: Any, measured: Any) -> Iterator[tuple[str, str, str]]:
    never = "not reached"
    if not isinstance(wanted, Mapping):
        yield "in AWS and the cluster", told(wanted), never if measured is None else told(measured)
        return
    for quantity, value in wanted.items():
        if quantity == "within_s":
            yield "seconds", f"at most {told(value)}", told(measured["after_s"]) if measured else never
        else:
            name = quantity.replace("_", " ").replace("gpu", "GPU")
            yield name, told(value), told(measured[quantity]) if measured else never
