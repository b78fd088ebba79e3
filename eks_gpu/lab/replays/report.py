"""What a replay showed, for a terminal of 80 columns."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from eks_gpu.io.tables import headless, table
from eks_gpu.lab.replays.result import Result, told
from eks_gpu.lab.replays.scenario import Scenario
from eks_gpu.lab.replays.timeline import Moment

BARS = "▁▂▃▄▅▆▇█"
WIDTH = 48
"""Characters of a line of the timeline."""


def listed(scenarios: Mapping[str, Scenario]) -> RenderableType:
    """What there is to replay, by name."""
    shown = table("scenario", "minutes", "what must come of it", right=("minutes",), whole=("scenario",))
    for name, scenario in scenarios.items():
        shown.add_row(name, f"{scenario.minutes:g}", scenario.about)
    return shown


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
    shown = headless(gap=2)
    for quantity, unit in (("gpu_nodes", "GPU nodes"), ("pending_pods", "pending pods"), ("hourly", "USD an hour")):
        values = [getattr(moment, quantity) for moment in moments]
        shown.add_row(unit, Text(bars(values)), f"peak {max(values):g}")
    end, width = f"{moments[-1].t_s:.0f} s", min(WIDTH, len(moments))
    shown.add_row("", Text(f"0 s{end:>{max(0, width - 3)}}", "dim"), "")
    return shown


def bars(values: Sequence[float], width: int = WIDTH) -> str:
    """A character for each part of the time, as high as the most in it."""
    peak, parts = max(values), min(width, len(values))
    bounds = [round(number * len(values) / parts) for number in range(parts + 1)]
    tops = [max(values[start:end]) for start, end in pairwise(bounds)]
    return "".join(" " if not top else BARS[min(len(BARS) - 1, int(top / peak * len(BARS)))] for top in tops)


def _comparison(result: Result) -> Table:
    shown = table("step", "quantity", "expected", "measured")
    group = None
    for each in result.quantities:
        name = each.name.replace("_", " ").replace("gpu", "GPU")
        measured = "not reached" if each.measured is None else told(each.measured)
        step = each.group if each.group != group else ""
        group = each.group
        shown.add_row(step, name, each.wanted, Text(measured, "" if each.holds else "red"))
    return shown
