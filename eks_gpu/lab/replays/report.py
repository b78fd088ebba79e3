"""What a replay showed, for a terminal of 80 columns."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from eks_gpu.lab.replays.result import Result, told
from eks_gpu.lab.replays.scenario import Scenario
from eks_gpu.lab.replays.timeline import Moment

BARS = "▁▂▃▄▅▆▇█"
WIDTH = 48
"""Characters of a line of the timeline."""


def listed(scenarios: Mapping[str, Scenario]) -> RenderableType:
    """What there is to replay, by name."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column("scenario", no_wrap=True)
    table.add_column("minutes", justify="right")
    table.add_column("what must come of it")
    for name, scenario in scenarios.items():
        table.add_row(name, f"{scenario.minutes:g}", scenario.about)
    return table


def replayed(result: Result, scenario: Scenario) -> RenderableType:
    """The timeline, then measured against expected."""
    verdict = Text("as expected", "bold green") if result.passed else Text("differs from expected", "bold red")
    changed = ", ".join(f"{key} {value}" for key, value in scenario.differs_from_program().items())
    notes = [f"Shortened for the replay: {changed}."] if changed else []
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
    group = None
    for each in result.quantities:
        name = each.name.replace("_", " ").replace("gpu", "GPU")
        measured = "not reached" if each.measured is None else told(each.measured)
        shown = each.group if each.group != group else ""
        group = each.group
        table.add_row(shown, name, each.wanted, Text(measured, "" if each.holds else "red"))
    return table
