"""An explanation, printed in a terminal of 80 columns or more: which pool takes the pod, or what to change."""

from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from eks_gpu.cost.faster import Faster
from eks_gpu.cost.money import Marks, usd
from eks_gpu.cost.node_cost import KINDS
from eks_gpu.explain.cautions import Caution
from eks_gpu.explain.explain import MOST_PACKED
from eks_gpu.explain.explanation import Answer, Explanation, Placed
from eks_gpu.explain.launch import Launch
from eks_gpu.io.tables import bullets, headless
from eks_gpu.pods.quantities import as_json
from eks_gpu_components.catalog import CapacityType


def render(found: Sequence[Explanation], others: Sequence[str], region: str) -> RenderableType:
    """Pod by pod, then what was no pod."""
    parts = [part for explanation in found for part in ("", _explanation(explanation, region))]
    return Group(*parts, "", *([bullets(others), ""] if others else []))


def _explanation(found: Explanation, region: str) -> RenderableType:
    source = found.source
    pods = source.pods
    count = "pods: not known" if pods is None else f"{pods} pod{'s' * (pods != 1)}"
    count = "one on each node" if source.workload.daemon else count
    asks = ", ".join(f"{name} {value}" for name, value in as_json(source.workload.requests).items())
    title = Text.assemble((source.title, "bold"), f"  {source.file}:{source.line}, {count}")
    parts: list[RenderableType] = [title, Text(f"asks for {asks or 'nothing'}", "dim"), ""]
    takers = found.takers
    if found.refused:
        parts += [Text("the API server refuses it", "bold red"), bullets(list(map(_placed, found.refused))), ""]
    if takers:
        parts += [Text("taken by", "bold green"), *_takers(found, region)]
    else:
        parts += [Text("no pool takes it", "bold red"), *_remedy(found)]
    if rejected := [answer for answer in found.answers if not answer.verdict.admits]:
        parts += ["", Text("not by" if takers else "why", "bold"), _rejections(rejected)]
    if found.needs:
        parts += ["", Text("needs", "bold"), bullets(list(map(_placed, found.needs)))]
    if found.not_known:
        parts += ["", bullets([f"not known: {clause}" for clause in found.not_known])]
    if found.not_judged:
        parts += ["", bullets([f"not judged here: {', '.join(found.not_judged)}"])]
    return Group(*parts)


def _placed(said: Placed) -> Text:
    return Text.assemble(said.text, (f"  {said.place['file']}:{said.place['line']}", "dim"))


# --- who takes it ----------------------------------------------------------------------------------------------------


def _takers(found: Explanation, region: str) -> Iterator[RenderableType]:
    """The first in full, the others in a line each."""
    takers = found.takers
    lines = headless(gap=2)
    for taker in takers:
        lines.add_row(Text(str(taker.pool.name), "green"), _node(taker, region))
    yield lines
    if found.left_over:
        placed = min(found.source.pods or 0, MOST_PACKED)
        yield Text(f"no room for {found.left_over} of {placed} pods: the pools are full then", "red")
    if (found.source.pods or 0) > MOST_PACKED:
        yield Text(f"nodes are counted for the first {MOST_PACKED} pods", "dim")
    first = takers[0]
    if first.launch:
        yield ""
        yield _wait(first, first.launch)
        yield from _sooner(first.launch, region)
    if cautions := [_caution(taker, caution) for taker in takers for caution in taker.cautions]:
        yield ""
        yield bullets(cautions)
    yield from _legend([taker.launch for taker in takers if taker.launch], region)


def _caution(taker: Answer, caution: Caution) -> Text:
    place = caution.pod_place
    where = f"  {place['file']}:{place['line']} {place['key']}" if place else ""
    return Text.assemble((taker.pool.name, "yellow"), f": {caution.text}", (where, "dim"))


def _node(taker: Answer, region: str) -> str:
    launch = taker.launch
    if taker.fargate:
        return f"runs it on Fargate, with {taker.fargate}"
    if launch is None:
        return "lands on its nodes, brings none"
    kind = KINDS[CapacityType(launch.capacity_type)]
    if len(launch.by_capacity_type) > 1:
        kinds = ", then ".join(
            f"{count} {KINDS[CapacityType(name)]}" for name, count in launch.by_capacity_type.items()
        )
        return f"{_count(taker, launch)}: {launch.node.instance_type.name}, {kinds}"
    return f"{_count(taker, launch)}: {launch.node.instance_type.name}, {kind}, {_price(launch, region)}"


def _count(taker: Answer, launch: Launch) -> str:
    if launch.new_nodes is None:
        return "new nodes: not known"
    if launch.new_nodes:
        return f"{launch.new_nodes} new node{'s' * (launch.new_nodes > 1)}"
    return "on nodes of its minimum" if taker.pool.min_nodes else "not needed"


def _price(launch: Launch, region: str) -> str:
    if launch.node.reservation:
        return f"paid for with {launch.node.reservation} as far as that reaches"
    if launch.hourly is None:
        return "no price known"
    marks = Marks(estimate=launch.estimate, borrowed=launch.price_region != region)
    return f"{usd(launch.hourly, 3, marks)} USD/h each"


def _wait(taker: Answer, launch: Launch) -> RenderableType:
    pool = taker.pool
    rows = headless(gap=2)
    rows.add_column(justify="left")
    rows.add_column(justify="right")
    for step in launch.steps:
        rows.add_row(f"  {step.name}", _duration(step.seconds), Text(step.assumption, "dim"))
    there = f", {_about(launch.seconds_on_node)} on one that is there" if pool.min_nodes else ""
    if launch.at_once and not pool.min_nodes:
        pods = f"{launch.at_once} pod{'s' * (launch.at_once > 1)}"
        there = f", {_about(launch.seconds_on_node)} on one kept ready, for {pods} at once"
    title = f"about {_about(launch.seconds)} to Ready on a new node of {pool.name}{there} (estimate)"
    return Group(Text(title, "bold"), rows)


def _sooner(launch: Launch, region: str) -> Iterator[RenderableType]:
    """What would make it come sooner, with its price."""
    if not launch.faster:
        return
    rows = headless(gap=2)
    rows.add_column(justify="right")
    for each in launch.faster:
        rows.add_row(f"  {_duration(each.saves_s)}", each.change, Text(_extra(each, launch, region), "dim"))
    yield ""
    yield Text("sooner by", "bold")
    yield rows


def _extra(change: Faster, launch: Launch, region: str) -> str:
    if change.hourly is None:
        return "its price is not known"
    if change.kept:
        marks = Marks(estimate=launch.estimate, borrowed=launch.price_region != region)
        return f"{usd(change.hourly, 3, marks)} USD/h, idle or not"
    return f"{usd(change.hourly, 3, Marks())} USD/h more for each node" if change.hourly else "at no price"


def _duration(seconds: int) -> str:
    minutes, rest = divmod(seconds, 60)
    return f"{minutes} min {rest:02} s" if minutes else f"{rest} s"


def _about(seconds: int) -> str:
    """A sum of estimates, so no more exact than they are."""
    return f"{round(seconds / 60)} min" if seconds >= 120 else f"{seconds} s"


def _legend(launches: Sequence[Launch], region: str) -> Iterator[RenderableType]:
    notes = []
    if any(launch.estimate and launch.hourly is not None for launch in launches):
        notes.append("~ an estimate: Spot prices change")
    if elsewhere := sorted({launch.price_region for launch in launches if launch.price_region} - {region}):
        notes.append(f"* with the price of {', '.join(elsewhere)}")
    if notes:
        yield ""
        yield bullets(notes)


# --- who does not ----------------------------------------------------------------------------------------------------


def _remedy(found: Explanation) -> Iterator[RenderableType]:
    if found.remedy is None:
        yield Text("no change of the pod alone would help: a pool must change")
        return
    yield Text.assemble(("to run on ", "bold"), (found.remedy.room.pool.name, "bold green"), (":", "bold"))
    for text, place in found.changes:
        line = f"  {place['file']}:{place['line']}" if place else ""
        yield bullets([Text.assemble(text, (line, "dim"))])


def _rejections(rejected: Sequence[Answer]) -> RenderableType:
    """Each reason with the pools that give it, then where the pod and the pools say it."""
    alike: dict[str, list[Answer]] = {}
    for answer in rejected:
        alike.setdefault(answer.verdict.reason, []).append(answer)
    rows = headless(gap=2)
    rows.add_column()
    rows.add_column(overflow="fold")
    for reason, answers in alike.items():
        names = Text("\n".join(str(answer.pool.name) for answer in answers), "red")
        rows.add_row(names, Text.assemble(str(reason), ("".join(f"\n{line}" for line in _places(answers)), "dim")))
    return rows


def _places(answers: Sequence[Answer]) -> Iterator[str]:
    if pod := answers[0].pod_place:
        yield f"pod:  {pod['file']}:{pod['line']} {pod['key']}"
    yield from dict.fromkeys(f"also: {reason}" for answer in answers for reason in answer.reasons[1:])
    yield from dict.fromkeys(f"also: {caution.text}" for answer in answers for caution in answer.cautions)
    for answer in answers:
        if answer.pool_place:
            settings = f" ({answer.settings_place})" if answer.settings_place else ""
            yield f"pool: {answer.pool_place}{settings}"
        if answer.helps:
            yield f"helps: {', or '.join(answer.helps)}"
