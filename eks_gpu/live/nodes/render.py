"""Why nodes are there, for a terminal."""

from collections.abc import Iterable, Iterator

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from eks_gpu.cost.money import Marks, usd
from eks_gpu.io.tables import bullets
from eks_gpu.live.nodes.causes import for_people
from eks_gpu.live.nodes.seen_nodes import SeenNode
from eks_gpu.live.nodes.why_node import Answer, WhyNodes, not_counted
from eks_gpu_components.catalog import HOURS_PER_MONTH

_NAMED = 3
"""Pods that do not count, before the others are counted."""


def render(found: WhyNodes) -> RenderableType:
    """A paragraph for each node, those first that somebody must do something about."""
    shown: list[RenderableType] = [Text(f"cluster {found.cluster}", "bold"), ""]
    if not found.answers:
        shown.append("no node with accelerators")
    for answer in sorted(found.answers, key=lambda each: not each.fails):
        shown += [*_paragraph(answer, found), ""]
    if found.unread:
        rows = [f"{row.subject}: {row.why}; {row.how}" for row in found.unread]
        shown += [Text("not read", "yellow"), bullets(rows), ""]
    shown.append(_sum(found))
    return Group(*shown)


def money(nodes: Iterable[SeenNode], months: bool = True) -> str:
    """`0.526 USD an hour, 384 a month`."""
    listed = list(nodes)
    hourly = sum(each.hourly or 0 for each in listed)
    marks = Marks(estimate=any(each.estimate for each in listed), missing=any(each.hourly is None for each in listed))
    if listed and all(each.hourly is None for each in listed):
        return "price unknown"
    text = f"{usd(hourly, 3, marks)} USD an hour"
    return f"{text}, {usd(hourly * HOURS_PER_MONTH, 0, marks)} a month" if months else text


def _paragraph(answer: Answer, found: WhyNodes) -> Iterator[RenderableType]:
    node, cause = answer.node, answer.cause
    style = "red" if answer.fails else "green"
    yield Text.assemble((node.name, "bold"), "  ", (cause.id, style))
    yield from (Padding(line, (0, 0, 0, 2)) for line in _lines(answer, found))


def _lines(answer: Answer, found: WhyNodes) -> Iterator[Text]:
    node, cause = answer.node, answer.cause
    where = " ".join(filter(None, (node.instance_type, node.capacity_type, node.zone)))
    gpus = f"{node.gpus_used} of {node.gpus} GPUs" if node.has_accelerators else ""
    yield Text(", ".join(filter(None, (f"pool {node.pool or 'none'}", where, gpus))), "dim")
    idle = "idle" if node.idle else ""
    if since := node.idle_since:
        idle = f"idle for {for_people(int((found.at - since).total_seconds()))} at least"
    yield Text(", ".join(filter(None, (money([node]), idle))), "dim")
    yield Text(cause.message)
    if cause.fix:
        yield Text(f"fix: {cause.fix}", "cyan")
    for each in answer.kept_by:
        if f"{each.object} {each.rule}" not in cause.message:
            yield Text(f"also: {each.kind} {each.object} {each.rule}", "dim")
    spared = [each.object for each in not_counted(node)]
    if spared:
        more = f" and {len(spared) - _NAMED} more" if len(spared) > _NAMED else ""
        yield Text(f"do not count: {', '.join(spared[:_NAMED])}{more}", "dim")


def _sum(found: WhyNodes) -> Text:
    kept = [each.node for each in found.answers if each.fails]
    if not kept:
        return Text("no node is kept for nothing", "green")
    number = f"{len(kept)} node{'s are' if len(kept) > 1 else ' is'} kept that no pod uses"
    return Text(f"{number}: {money(kept)}", "bold red")
