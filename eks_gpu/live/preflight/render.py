"""What an account said to a plan, in a terminal of 80 columns: the verdict first, then what to do about it."""

from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from eks_gpu.io.tables import headless, table
from eks_gpu.live.preflight.preflight import Preflight
from eks_gpu.live.preflight.quotas import CHECK, Row
from eks_gpu.plan.render import Redacted, checks, unread

_PASTED = " \\\n  "
"""A command in two lines, which a shell takes for one."""


def render(found: Preflight) -> RenderableType:
    """The verdict, short quotas with their commands, other quotas, checks, and what could not be asked."""
    plan = found.plan
    regions = list(dict.fromkeys(row.region for row in found.quotas if row.need.quota.service != "iam"))
    where = ", ".join(regions) or plan.region
    title = Text.assemble((f"{plan.project} / {plan.stack}", "bold"), f" in account {found.account}, {where}")
    short = [row for row in found.quotas if row.short]
    others = [finding for finding in found.checks if finding.id != CHECK]
    sections = [
        *([("Short quotas", _short(short))] if short else []),
        ("Quotas", _quotas(found.quotas)),
        ("Checks", checks(others)),
        *([("Not asked", unread(found.unread))] if found.unread else []),
    ]
    parts = (part for name, body in sections for part in ("", Text(name, "bold underline"), body))
    by = Text(f"asked as {found.caller} at {found.at:%Y-%m-%d %H:%M} UTC; nothing was changed", "dim")
    return Redacted(Group("", title, verdict(found), by, *parts, ""), plan.secrets)


def verdict(found: Preflight) -> Text:
    """One line: whether the plan can be created and run."""
    failed = [finding for finding in found.checks if finding.fails_plan]
    stops = any(row.stops_up for row in found.quotas)
    quotas = sum(bool(row.short) for row in found.quotas)
    other = sum(finding.id != CHECK for finding in failed)
    reasons = [
        f"{quotas} {'quotas are' if quotas > 1 else 'quota is'} short" if quotas else "",
        f"{other} {'checks fail' if other > 1 else 'check fails'}" if other else "",
    ]
    if failed:
        word = "No: " if stops or other else "Not to its maximum: "
        return Text(word + " and ".join(filter(None, reasons)), "bold red")
    if found.unread:
        count = len(found.unread)
        return Text(f"Not known: {count} question{'s were' if count > 1 else ' was'} not answered", "bold magenta")
    return Text("Yes: the account takes what the plan creates, up to its maximum", "bold green")


def _short(rows: list[Row]) -> RenderableType:
    parts: list[RenderableType] = []
    for row in rows:
        finding = row.finding()
        grid = headless()
        grid.add_row(Text("FAIL", "red"), Text.assemble((f"{finding.subject}\n", "red"), finding.message))
        parts.append(grid)
        parts.append(Text(row.command(_PASTED) or finding.fix, overflow="fold"))
    return Group(*parts)


def _quotas(rows: Sequence[Row]) -> RenderableType:
    several = len({row.region for row in rows if row.need.quota.service != "iam"}) > 1
    columns = ("quota", *(("region",) if several else ()), "code", "needed", "used", "quota is")
    shown = table(*columns, right=("needed", "used", "quota is"), whole=("code", *(("region",) if several else ())))
    for row in rows:
        where = f" in {row.need.where}" if row.need.where else ""
        needed = "no limit" if row.need.needed is None else str(row.need.needed)
        style = "red" if row.short else "magenta" if row.short is None else ""
        cells = [f"{row.need.quota.name}{where}", *((row.region,) if several else ()), row.need.quota.code]
        shown.add_row(*cells, Text(needed, style), *(_known(row)))
    return shown


def _known(row: Row) -> Iterator[str]:
    for value in (row.used.usage, row.value):
        yield "?" if value is None else str(value)
