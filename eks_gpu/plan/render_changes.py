"""Changes against an older plan, printed in a terminal."""

from collections.abc import Iterable

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from eks_gpu.io.tables import bullets, headless, table
from eks_gpu.plan.changes import (
    ADDED,
    CHANGED,
    FIXED,
    GONE,
    NEWLY_FAILING,
    NOT_JUDGED,
    REMOVED,
    WAIVED,
    Changes,
    CheckChange,
    RowChange,
)

_MARKS = {ADDED: ("+", "green"), REMOVED: ("−", "red"), CHANGED: ("~", "yellow")}
_STYLES = {NEWLY_FAILING: "red", FIXED: "green", WAIVED: "cyan", NOT_JUDGED: "magenta", GONE: "dim"}
SAME = "nothing changes: both plans say the same"


def render(compared: Iterable[Changes], notes: Iterable[str] = ()) -> RenderableType:
    """Stack by stack; `notes` are on stacks that only one side has."""
    return Group(*map(_changes, compared), *([bullets(notes), ""] if (notes := list(notes)) else []))


def _changes(changes: Changes) -> RenderableType:
    """Pools, workloads, cost and checks, those that differ."""
    title = Text.assemble((f"Changes of {changes.new}", "bold underline"), f" against {changes.old}")
    if changes.none:
        return Group(title, Text(SAME, "dim"), "")
    parts: list[tuple[str, RenderableType]] = [
        ("pools", _rows(changes.pools)),
        ("workloads", _rows(changes.workloads)),
        ("cost", _cost(changes)),
        ("checks", _checks(changes.checks)),
    ]
    there = {"pools": changes.pools, "workloads": changes.workloads, "cost": True, "checks": changes.checks}
    return Group(title, *(part for name, body in parts if there[name] for part in ("", Text(name, "bold"), body)), "")


def _rows(rows: Iterable[RowChange]) -> Table:
    grid = headless()
    for row in rows:
        mark, style = _MARKS[row.change]
        says = "".join(f"\n{line}" for line in row.says)
        grid.add_row(Text(mark, style), Text.assemble((row.name, style), (f" {row.kind}{says}", "dim")))
    return grid


def _cost(changes: Changes) -> Table:
    """The sums a month, then who makes the difference an hour."""
    numbers = ("before", "after", "change")
    grid = table("", *numbers, right=numbers, gap=2)
    for level, cost in changes.cost.items():
        was, is_ = cost.monthly
        grid.add_row(Text(f"{level}, USD a month", "bold"), *cost.month, signed(is_ - was, 0))
        for name, (old, new) in cost.items.items():
            before, after = cost.hour_of(name)
            cells = (Text(before, "dim"), Text(after, "dim"), Text(signed(new - old, 3), "dim"))
            grid.add_row(Text(f"  {name}, USD an hour", "dim"), *cells)
    return grid


def signed(amount: float, digits: int) -> str:
    """`+12`, `−0.263`, and 0 without a sign."""
    text = f"{abs(amount):,.{digits}f}"
    if not float(text.replace(",", "")):
        return "0"
    return f"{'+' if amount > 0 else '−'}{text}"


def _checks(rows: Iterable[CheckChange]) -> Table:
    grid = headless()
    for row in rows:
        style = _STYLES[row.change]
        note = f"\n{row.note}" if row.note else ""
        subject = (f"{row.id}: {row.subject}\n", style)
        grid.add_row(Text(row.says, style), Text.assemble(subject, row.message, (note, "dim")))
    return grid
