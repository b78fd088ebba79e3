"""What a cluster costs now, as a page: live facts beside planned ones, above the report of what it is told to be."""

from collections.abc import Iterator
from typing import Any

from eks_gpu.cost.bill import Bill, marks_of_items
from eks_gpu.cost.money import Marks, usd
from eks_gpu.live.judged import Running
from eks_gpu.live.nodes.causes import clock
from eks_gpu.live.spending import Spending
from eks_gpu.report import page_maker
from eks_gpu.report.made import READ, Made
from eks_gpu_components.catalog import HOURS_PER_MONTH

COLUMNS = (
    *("pool", "nodes", "accelerators used", "USD an hour now", "of it idle"),
    *("planned idle", "planned steady", "planned maximum"),
)


def page(running: Running, found: Spending) -> str:
    """The report of the running cluster, with what it costs now. Raises InputError where the report's extra is not
    installed.
    """
    now = _now(running, found)
    return page_maker()([running.judged.as_plan()], now=now, made=Made(READ.format("cost"), seen=running.seen))


def _now(running: Running, found: Spending) -> dict[str, Any]:
    plan = found.plan
    levels = (("idle", plan.idle), ("steady", plan.steady), ("maximum", plan.max))
    said = [f"{name} {usd(level.hourly, 2, level.marks) if level else 'unknown'}" for name, level in levels]
    return {
        "at": clock(found.at),
        "rate": usd(found.hourly, 3, found.marks),
        "monthly": usd(found.hourly * HOURS_PER_MONTH, 0, found.marks),
        "of": plan.of,
        "levels": ", ".join(said),
        "over": found.over,
        "budget": "" if plan.budget is None else usd(plan.budget, 0, Marks()),
        "columns": COLUMNS,
        "pools": list(_pools(running, found)),
        "unread": [f"{row.subject}: {row.why}; {row.how}" for row in found.unread],
    }


def _pools(running: Running, found: Spending) -> Iterator[tuple[str, ...]]:
    cost = running.judged.analysis.cost
    for pool in found.pools:
        yield (
            pool.name or "in no pool",
            str(len(pool.nodes)),
            f"{sum(each.gpus_used for each in pool.nodes)} of {sum(each.gpus for each in pool.nodes)}",
            usd(pool.hourly, 3, pool.marks),
            usd(pool.idle_hourly, 3, pool.marks),
            *(_planned(bill, pool.name) for bill in (cost.idle, cost.steady, cost.max)),
        )


def _planned(bill: Bill, pool: str | None) -> str:
    items = [item for item in bill.items if item.name.partition(":")[0] == f"pool {pool}"]
    return usd(sum(item.hourly for item in items), 3, marks_of_items(items, bill.region)) if items else "–"
