"""What a cluster costs now, for a terminal of 80 columns."""

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from eks_gpu.cost.money import Marks, usd
from eks_gpu.io.tables import bullets, table
from eks_gpu.live.nodes.causes import for_people
from eks_gpu.live.spending import Level, Spending
from eks_gpu_components.catalog import HOURS_PER_MONTH


def render(found: Spending) -> RenderableType:
    """Pools, what stands beside them, and the rate against the plan's levels."""
    rate = f"{usd(found.hourly, 3, found.marks)} USD an hour"
    monthly = f"{usd(found.hourly * HOURS_PER_MONTH, 0, found.marks)} a month of {HOURS_PER_MONTH}"
    title = Text.assemble((f"cluster {found.cluster}", "bold"), f"  {found.region}")
    parts: list[RenderableType] = [title, "", pools(found)]
    if found.standing:
        parts += ["", _standing(found)]
    parts += ["", Text(f"now: {rate}, {monthly}", "bold"), *_against(found), *map(Text, _idle(found))]
    if found.unread:
        parts += ["", Text("not read", "yellow"), bullets(f"{r.subject}: {r.why}; {r.how}" for r in found.unread)]
    return Group(*parts)


def pools(found: Spending) -> Table:
    """A row a pool."""
    shown = table(
        "pool",
        "nodes",
        "GPUs",
        "used",
        "USD/h",
        "idle",
        "USD/h idle",
        right=("GPUs", "used", "USD/h", "idle", "USD/h idle"),
    )
    for pool in found.pools:
        kinds = ", ".join(f"{number} {kind}" for kind, number in sorted(pool.types().items())) or "0"
        shown.add_row(
            pool.name or "in no pool",
            kinds,
            str(sum(each.gpus for each in pool.nodes)),
            str(sum(each.gpus_used for each in pool.nodes)),
            usd(pool.hourly, 3, pool.marks),
            str(len(pool.idle)),
            usd(pool.idle_hourly, 3, pool.marks) if pool.idle else "",
        )
    return shown


def _standing(found: Spending) -> Table:
    shown = table("beside the nodes", "number", "USD/h", right=("number", "USD/h"))
    for item in found.standing:
        shown.add_row(item.name, str(item.quantity), usd(item.hourly, 3, item.marks(found.region)))
    return shown


def _against(found: Spending) -> Iterator[Text]:
    plan = found.plan
    levels = [("idle", plan.idle), ("steady", plan.steady), ("maximum", plan.max)]
    said = ", ".join(f"{name} {_level(level)}" for name, level in levels)
    yield Text(f"the plan of {plan.of}: {said} USD an hour")
    if plan.budget is not None:
        yield Text(f"its budget: {usd(plan.budget, 0, Marks())} USD a month")
    if found.over:
        yield Text(f"the rate is {found.over}", "bold red")


def _level(level: Level | None) -> str:
    return "unknown" if level is None else usd(level.hourly, 2, level.marks)


def _idle(found: Spending) -> Iterator[str]:
    for pool in found.pools:
        if not pool.idle:
            continue
        since, cost = pool.idle_since, pool.idle_cost(found.at)
        number = f"{len(pool.idle)} of {len(pool.nodes)} nodes of {pool.name or 'no pool'} idle"
        if since is None or cost is None:
            yield f"{number}: {usd(pool.idle_hourly, 3, pool.marks)} USD an hour, since when is not known"
        else:
            longest = for_people(int((found.at - since).total_seconds()))
            yield f"{number}, the first for {longest} at least: {usd(cost, 3, pool.marks)} USD since"
