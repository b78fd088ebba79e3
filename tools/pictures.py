"""The picture in docs/how_it_is_built.md, drawn by Vega: once for light pages, once for dark ones.

It is as wide as a phone shows it unscaled.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

import altair

from eks_gpu.report.charts import svg
from eks_gpu.report.palette import DARK, LIGHT

PICTURES: Mapping[str, Mapping[str, str]] = {
    "docs/images/way_of_the_data.svg": LIGHT,
    "docs/images/way_of_the_data_dark.svg": DARK,
}
WIDTH, GAP, RISE, PAD, LINE = 356, 12, 26, 9, 15


@dataclass(frozen=True)
class Box:
    """What data passes through, with the boxes that it goes to from there."""

    title: str
    lines: tuple[str, ...]
    to: tuple[str, ...] = ()
    library: bool = False
    share: int = 1
    """Width, as a multiple of the narrowest box of its row."""


ROWS = (
    (Box("importers", ("eksctl's, Karpenter's files",), ("Pulumi.<stack>.yaml",)),),
    (Box("Pulumi.<stack>.yaml", ("the values of one environment",), ("settings.py, __main__.py",), True),),
    (Box("settings.py, __main__.py", ("checked settings; the wiring",), ("components",), True),),
    (
        Box("components", ("a pool, checked and", "written for a back end"), ("offline",), True),
        Box("catalog", ("facts with their source,", "for library and tool"), ("components",), True),
    ),
    (
        Box("offline", ("runs the program", "without a cloud"), ("graph",)),
        Box("foreign", ("reads a preview or a", "state of any program"), ("graph",)),
    ),
    (Box("graph", ("resources and Kubernetes objects",), ("pods", "pools")),),
    (
        Box("pods", ("what pods ask for",), ("cost",)),
        Box("pools", ("which nodes can come",), ("cost",)),
    ),
    (Box("cost", ("which pool takes which pod, and the bill",), ("checks", "explain")),),
    (
        Box("checks", ("what will go wrong, and the fix",), ("plan, report", "policy"), share=2),
        Box("explain", ("one pod: where,", "or why not")),
    ),
    (
        Box("plan, report", ("text, JSON,", "SARIF, page")),
        Box("policy", ("the checks for", "Pulumi itself")),
        None,
    ),
)
"""From top to bottom. Boxes of a row share its width; None leaves room."""


@dataclass(frozen=True)
class Place:
    """A box and where it stands, in pixels."""

    box: Box
    left: float
    right: float
    top: float
    bottom: float

    @property
    def middle(self) -> float:
        """Pixels from the left."""
        return (self.left + self.right) / 2


def places() -> dict[str, Place]:
    """Each box's place by its title."""
    found: dict[str, Place] = {}
    top = 1.0
    for row in ROWS:
        bottom = top + 2 * PAD + LINE * (1 + max(len(box.lines) for box in row if box))
        shares = sum(box.share if box else 1 for box in row)
        column = (WIDTH - 2 + GAP) / shares
        left = 1.0
        for box in row:
            right = left + column * (box.share if box else 1)
            if box:
                found[box.title] = Place(box, left, right - GAP, top, bottom)
            left = right
        top = bottom + RISE
    return found


def drawn() -> dict[str, str]:
    """File -> its picture."""
    return {file: picture(colours) for file, colours in PICTURES.items()}


def picture(colours: Mapping[str, str]) -> str:
    """The picture in one set of colours."""
    at = places()
    height = max(place.bottom for place in at.values()) + 1
    x = altair.X("x:Q").axis(None).scale(domain=[0, WIDTH], nice=False)
    y = altair.Y("y:Q").axis(None).scale(domain=[height, 0], nice=False)
    picture = svg(
        altair.layer(
            *(layer.encode(x=x, y=y) for layer in _edges(at, colours)),
            _frames(at.values(), colours).encode(x=x, y=y, x2="x2:Q", y2="y2:Q"),
            *(layer.encode(x=x, y=y) for layer in _texts(at.values(), colours)),
        ).properties(width=WIDTH, height=height, padding=0)
    )
    return picture.replace("<svg", '<svg xmlns="http://www.w3.org/2000/svg"', 1) + "\n"


def _edges(at: Mapping[str, Place], colours: Mapping[str, str]) -> Iterator[altair.Chart]:
    """Lines, with a head at the end of each."""
    lines = list(_lines(at))
    points = [
        {"edge": number, "at": step, "x": x, "y": y}
        for number, line in enumerate(lines)
        for step, (x, y) in enumerate(line)
    ]
    line = altair.Chart(altair.Data(values=points)).mark_line(stroke=colours["edge"], strokeWidth=1.5)
    yield line.encode(detail="edge:N", order="at:Q")
    for shape, level in (("triangle-down", False), ("triangle-left", True)):
        ends = [{"x": x, "y": y} for (_, start), (x, y) in lines if (start == y) is level]
        heads = altair.Chart(altair.Data(values=ends))
        yield heads.mark_point(shape=shape, filled=True, size=45, color=colours["edge"], opacity=1)


def _lines(at: Mapping[str, Place]) -> Iterator[tuple[tuple[float, float], tuple[float, float]]]:
    """Start and end: down into the next row, or level to the box on the left."""
    for place in at.values():
        for title in place.box.to:
            goal = at[title]
            if goal.top == place.top:
                middle = (place.top + place.bottom) / 2
                yield (place.left, middle), (goal.right + 4, middle)
            else:
                x = min(place, goal, key=lambda one: one.right - one.left).middle  # straight down, through the narrower
                yield (x, place.bottom), (x, goal.top - 4)


def _frames(places: Collection[Place], colours: Mapping[str, str]) -> altair.Chart:
    frames = [
        {
            "x": place.left,
            "x2": place.right,
            "y": place.top,
            "y2": place.bottom,
            "fill": colours["gpu" if place.box.library else "card"],
            "stroke": colours["ok" if place.box.library else "line"],
        }
        for place in places
    ]
    chart = altair.Chart(altair.Data(values=frames)).mark_rect(cornerRadius=5, strokeWidth=1)
    return chart.encode(
        fill=altair.Fill("fill:N").scale(None).legend(None), stroke=altair.Stroke("stroke:N").scale(None).legend(None)
    )


def _texts(places: Collection[Place], colours: Mapping[str, str]) -> Iterator[altair.Chart]:
    titles, lines = [], []
    for place in places:
        for number, text in enumerate((place.box.title, *place.box.lines)):
            row = {"x": place.middle, "y": place.top + PAD + LINE * (number + 0.5), "text": text}
            (lines if number else titles).append(row)
    bold, plain = (altair.Chart(altair.Data(values=rows)).encode(text="text:N") for rows in (titles, lines))
    yield bold.mark_text(align="center", baseline="middle", color=colours["ink"], fontSize=12, fontWeight="bold")
    yield plain.mark_text(align="center", baseline="middle", color=colours["soft"], fontSize=11)
