"""A replay as a picture: nodes, pending pods and USD an hour over time."""

from typing import Any

import altair
import vl_convert

from eks_gpu.lab.replays.result import Result

WIDTH, HEIGHT = 640, 110
"""Of one panel, in pixels."""
PANELS = (
    ("gpu_nodes", "GPU nodes", "#4c78a8"),
    ("pending_pods", "pending pods", "#e45756"),
    ("hourly", "USD an hour", "#54a24b"),
)


def picture(result: Result) -> str:
    """As SVG, readable on a light and on a dark page."""
    return vl_convert.vegalite_to_svg(chart(result).to_dict())


def chart(result: Result) -> Any:
    """One panel for each quantity, each with the seconds of the replay."""
    moments = [{"t_s": each.t_s, **{name: getattr(each, name) for name, *_ in PANELS}} for each in result.timeline]
    panels = [_panel(name, title, colour, last=name == PANELS[-1][0]) for name, title, colour in PANELS]
    return (
        altair.vconcat(*panels, data=altair.Data(values=moments), spacing=8)
        .properties(title=result.scenario, background="#ffffff", padding=12)
        .configure_view(stroke=None)
    )


def _panel(name: str, title: str, colour: str, last: bool) -> altair.Chart:
    seconds = altair.Axis(title="seconds" if last else None, labels=last, ticks=last, grid=False)
    return (
        altair.Chart(width=WIDTH, height=HEIGHT)
        .mark_area(color=colour, opacity=0.35, interpolate="step-after", line={"color": colour})
        .encode(
            x=altair.X("t_s:Q", axis=seconds),
            y=altair.Y(f"{name}:Q", title=title, axis=altair.Axis(tickCount=4)),
        )
    )
