"""Charts: Altair describes them, Vega draws them as SVG without a browser or a network."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from xml.etree import ElementTree

import altair
import vl_convert

from eks_gpu.cost.bill import Bill, Item, marks_of_items
from eks_gpu.cost.cost import Cost
from eks_gpu.cost.money import usd
from eks_gpu.report.palette import LIGHT

FONT = "system-ui, sans-serif"
LEVELS = ("idle", "steady", "demand_max", "max")
NARROW, WIDE = 330, 1090
"""Pixels: one drawing for a phone, one for everything else; a page shows one of both."""
STANDING = "everything but nodes"
_SPOKEN = ("role", "aria-", "class")
_BAR = 17
_LABEL = 60
"""What a number at the end of a bar needs."""
_WIDER = 16
"""What a browser's font may need more for the names of levels than the one that the drawing is measured with."""


def svg(chart: Any) -> str:
    """Drawn on the page's own ground. Its parts say nothing to a screen reader: whoever shows it names the whole."""
    config = {"background": None, "font": FONT, "view": {"stroke": None}}
    spec = chart.to_dict()
    drawn = ElementTree.fromstring(vl_convert.vegalite_to_svg({**spec, "config": {**spec.get("config", {}), **config}}))
    for node in drawn.iter():
        node.tag = node.tag.rpartition("}")[2]  # within HTML an SVG needs no namespace
        for frame in [child for child in node if child.get("class") in ("background", "foreground")]:
            node.remove(frame)  # a group's, without any paint
        for name in [name for name in node.attrib if name.startswith(_SPOKEN)]:
            del node.attrib[name]
    return ElementTree.tostring(drawn, encoding="unicode", short_empty_elements=False)


def cost_chart(cost: Cost, width: int) -> str:
    """Four bars for each pool and for the rest, all to one scale; USD an hour at their ends."""
    rows = list(_rows({level: getattr(cost, level) for level in LEVELS}))
    subjects = list(dict.fromkeys(row["subject"] for row in rows))
    most = max((row["hourly"] for row in rows), default=0.0) or 1.0
    room = width - _LABEL - 50
    base = altair.Chart(altair.Data(values=rows), width=width - 50, height=_BAR * len(LEVELS)).encode(
        y=altair.Y("level:N", sort=LEVELS).axis(
            title=None, domain=False, ticks=False, labelColor=LIGHT["soft"], labelFontSize=11, labelPadding=6
        ),
        x=altair.X("hourly:Q").stack(None).axis(None).scale(domain=[0, most * (width - 50) / room], nice=False),
    )
    colour = altair.Color("level:N").scale(domain=LEVELS, range=[LIGHT[level] for level in LEVELS]).legend(None)
    bars = base.mark_bar(cornerRadiusEnd=2, height=_BAR - 5).encode(color=colour)
    said = base.mark_text(align="left", dx=5, fontSize=11, color=LIGHT["ink"]).encode(text="said:N")
    rows_of = altair.Row("subject:N", sort=subjects).header(
        title=None,
        labelOrient="top",
        labelAnchor="start",
        labelColor=LIGHT["ink"],
        labelFontSize=12,
        labelFontWeight=600,
        labelPadding=3,
        labelLimit=width,
    )
    drawn = altair.layer(bars, said).facet(row=rows_of, spacing=10)
    return svg(drawn.properties(padding={"left": _WIDER, "top": 5, "right": 5, "bottom": 5}))


def _rows(bills: Mapping[str, Bill]) -> Iterator[dict[str, Any]]:
    subjects = dict.fromkeys(subject(item) for bill in reversed(list(bills.values())) for item in bill.items)
    for name in sorted(subjects, key=lambda name: name != STANDING):
        for level, bill in bills.items():
            items = [item for item in bill.items if subject(item) == name]
            yield {
                "subject": name,
                "level": level,
                "hourly": sum(item.hourly for item in items),
                "said": amount(items, bill.region),
            }


def subject(item: Item) -> str:
    """`pool gpu`, for its nodes and disks; all that stands whatever the load is one."""
    return item.name.partition(": ")[0] if item.name.startswith("pool ") else STANDING


def amount(items: Sequence[Item], region: str) -> str:
    """USD an hour, 0 for nothing: `~0.274` with an estimate, `1.2 + ?` with a line without price, `1.2*` with a price
    of another region.
    """
    if not items:
        return "0"
    return usd(sum(item.hourly for item in items), 3, marks_of_items(items, region))
