"""Changes against an older plan, printed in a terminal, and as Markdown for a pull request."""

import re
from collections.abc import Iterable, Iterator

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from eks_gpu.graph.unread import grouped
from eks_gpu.io.tables import bullets, headless, table
from eks_gpu.io.visible import visible
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
from eks_gpu.pools.upgrade import UPGRADE

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


# --- for a pull request ----------------------------------------------------------------------------------------------


def markdown(compared: Iterable[Changes], notes: Iterable[str] = ()) -> str:
    """One heading a stack; `notes` are on stacks that only one side has."""
    lines = [line for changes in compared for line in (*_of_stack(changes), "")]
    lines += [f"- {_plain(note)}" for note in notes]
    return "\n".join(lines).rstrip("\n") + "\n"


def _of_stack(changes: Changes) -> Iterator[str]:
    yield f"### {_plain(changes.new)} against {_plain(changes.old)}"
    yield ""
    if changes.none:
        yield f"{SAME.capitalize()}."
        yield from _unread(changes)
        return
    yield "| USD a month | before | after | change |"
    yield "|---|---:|---:|---:|"
    for level, cost in changes.cost.items():
        was, is_ = cost.monthly
        before, after = map(_plain, cost.month)
        yield f"| {level} | {before} | {after} | {signed(is_ - was, 0)} |"
    for heading, rows in (("Pools", changes.pools), ("Workloads", changes.workloads)):
        if rows:
            yield from ("", f"**{heading}**", "")
            yield from (_line(row) for row in rows)
    if changes.upgrades:
        yield from ("", f"**{UPGRADE}**", "")
        yield from (f"- {_plain(sentence)}" for sentence in changes.upgrades)
    if changes.checks:
        yield from ("", "**Checks**", "")
        for row in changes.checks:
            note = f" ({_plain(row.note)})" if row.note else ""
            yield f"- {row.says}: {_code(row.id)} {_code(row.subject)}: {_plain(row.message)}{note}"
    yield from _unread(changes)


def _unread(changes: Changes) -> Iterator[str]:
    """What the numbers above leave out."""
    if changes.unread:
        yield from ("", "**Not read**", "")
        for what, subjects, why, how in grouped(changes.unread):
            yield f"- {what}: {_code(subjects)}: {_plain(why)} (fix: {_plain(how)})"


def _line(row: RowChange) -> str:
    says = "; ".join(_plain(line) for line in row.says)
    return f"- {row.change}: {_code(row.name)}, {_plain(row.kind)}" + (f": {says}" if says else "")


def _code(text: str) -> str:
    """Names of a stack, which may hold anything, in a code span that nothing in them ends."""
    said = " ".join(visible(text).split())
    longest = max(map(len, re.findall("`+", said)), default=0)
    fence, pad = "`" * (longest + 1), " " * bool(longest)
    return f"{fence}{pad}{said}{pad}{fence}"


_MARKUP = frozenset("\\`*_[]<>|#&~$^")
_BREAK = "\u200b"
"""A space without width: what it stands in is no address, no mention, no number of an issue and no picture."""
# Those who show Markdown look for these in its text once it is read, so that an escape does not stop them.
_ALIVE = re.compile(r"@|#|:(?=//)|\bwww(?=\.)|\bGH-(?=\d)|:(?=[\w+-]+:)|[!%](?=\d)", re.IGNORECASE)


def _plain(text: str) -> str:
    """Without what Markdown, or who shows it, would take for markup, a link or a mention."""
    said = " ".join(visible(text).split())
    said = _ALIVE.sub(rf"\g<0>{_BREAK}", said)
    return "".join(f"\\{letter}" if letter in _MARKUP else letter for letter in said)
