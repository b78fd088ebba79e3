"""Plans as Markdown for a pull request: the verdict and the money first, then why. Names stay text."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from eks_gpu.cost.money import Marks, usd
from eks_gpu.graph.unread import grouped
from eks_gpu.io.markdown import code, plain
from eks_gpu.plan.baseline import waiver
from eks_gpu.plan.changes import LEVELS, NEWLY_FAILING, WAIVED, Changes, CheckChange, CostChange, RowChange
from eks_gpu.plan.render_changes import signed
from eks_gpu.plan.saved_plans import SavedBill, SavedCheck, Snapshot
from eks_gpu.pools.upgrade import UPGRADE

LONGEST_LIST = 25
"""Lines of one list, before it says how many more there are."""
LONGEST = 60_000
"""Letters of the whole. Source: GitHub refuses a comment of more than 65,536."""
_SHORT = "- and more: a comment holds no more of this"
_HEADLINE = {"steady": "steady", "max": "maximum"}
"""Levels of the headline, in words."""


def markdown(
    plans: Sequence[Mapping[str, Any]], changes: Mapping[str, Changes] | None = None, notes: Iterable[str] = ()
) -> str:
    """The JSON of plans, with what changed in each stack, if a plan of before is given.

    `notes` are on stacks that only one side has.
    """
    stacks = [_Stack(Snapshot.model_validate(plan), (changes or {}).get(plan["stack"])) for plan in plans]
    several = len(stacks) > 1
    lines = [*_of_all(stacks), ""] if several else []
    for stack in stacks:
        lines += [*stack.lines("####" if several else "###"), ""]
    lines += [f"- {plain(note)}" for note in notes]
    return _short(lines)


def _of_all(stacks: Sequence["_Stack"]) -> Iterator[str]:
    failing = sum(stack.fails for stack in stacks)
    verb = "fails" if failing == 1 else "fail"
    verdict = f"FAIL: {failing} of {len(stacks)} stacks {verb}" if failing else f"OK: all {len(stacks)} stacks hold"
    compared = [stack.changes for stack in stacks if stack.changes]
    if compared:
        alike = {level: [each.cost.get(level) for each in compared] for level in _HEADLINE}
        totals = {level: [each for each in costs if each] for level, costs in alike.items()}
        known = {level: each for level, each in totals.items() if len(each) == len(compared)}
        count = len(compared)
        which = f"in {count} of them, which {'has' if count == 1 else 'have'} a plan of before"
        which = "in all" if count == len(stacks) else which
        yield f"### {verdict}; {_said({level: _sum(each) for level, each in known.items()})} {which}"
    else:
        yield f"### {verdict}"


def _sum(costs: Sequence[CostChange]) -> tuple[float, Marks]:
    marks = Marks()
    for cost in costs:
        marks |= _marks(cost)
    return sum(cost.monthly[1] - cost.monthly[0] for cost in costs), marks


def _marks(cost: CostChange) -> Marks:
    """Marks of a difference, which may be less or more than is known."""
    old, new = cost.marks
    found = old | new
    return Marks(found.estimate, found.missing or found.at_least, found.borrowed)


def _said(costs: Mapping[str, tuple[float, Marks]]) -> str:
    """`steady unchanged, maximum +730* USD a month`."""
    if all(level in costs and signed(costs[level][0], 0) == "0" for level in _HEADLINE):
        return "cost unchanged"
    parts = [f"{words} {_difference(*costs[level])}" for level, words in _HEADLINE.items() if level in costs]
    parts += [f"{words} not known" for level, words in _HEADLINE.items() if level not in costs]
    return f"{', '.join(parts)} USD a month" if costs else "the change of cost is not known"


def _difference(amount: float, marks: Marks) -> str:
    sign = signed(amount, 0)
    return "unchanged" if sign == "0" else f"{sign[0]}{plain(usd(abs(amount), 0, marks))}"


def _short(lines: Sequence[str]) -> str:
    """Whole lines only: half of one may be the half of a code span."""
    size, kept = 0, []
    for line in lines:
        size += len(line) + 1
        if size > LONGEST - len(_SHORT) - 2:
            kept += ["", _SHORT]
            break
        kept.append(line)
    return "\n".join(kept).rstrip("\n") + "\n"


class _Stack:
    """One stack of the comment."""

    def __init__(self, plan: Snapshot, changes: Changes | None):
        self.plan, self.changes = plan, changes
        self.errors = [check for check in plan.checks if check.fails and check.severity == "error"]
        self.warnings = [check for check in plan.checks if check.fails and check.severity != "error"]
        self.new = {(row.id, row.subject) for row in changes.checks if row.change == NEWLY_FAILING} if changes else None

    @property
    def fails(self) -> bool:
        return bool(self.errors) or any(row.what == "nodes" for row in self.plan.unread)

    def lines(self, heading: str) -> Iterator[str]:
        yield f"{heading} {'FAIL' if self.fails else 'OK'}: {plain(self.plan.title)}: {self._counts()}; {self._money()}"
        if self.changes and self.changes.old != self.changes.new:
            yield from ("", f"Against {plain(self.changes.old)}.")
        yield ""
        yield from _before_and_after(self.changes) if self.changes else self._bills()
        yield from _list("Fails", [self._check(check) for check in self.errors])
        yield from _list("Warns", list(self._warned()))
        yield from self._baseline()
        if self.changes:
            others = [row for row in self.changes.checks if row.change != NEWLY_FAILING and not self._is_known(row)]
            yield from _list("Checks that changed", [_check(row) for row in others])
            yield from _list("Pools", [_row(row) for row in self.changes.pools])
            yield from _list("Workloads", [_row(row) for row in self.changes.workloads])
            yield from _list(UPGRADE, [f"- {plain(sentence)}" for sentence in self.changes.upgrades])
        else:
            yield from _list("Pools", list(self._pools()))
        yield from _list(
            "Not read",
            [
                f"- {what}: {code(subjects)}: {plain(why)} (fix: {plain(how)})"
                for what, subjects, why, how in grouped(row.as_unread() for row in self.plan.unread)
            ],
        )

    def _counts(self) -> str:
        counted = len(self.errors)
        fails = [f"{counted} {'check fails' if counted == 1 else 'checks fail'}"] if counted else []
        if self.fails and not counted:
            fails = ["nodes are not read"]
        warn = len(self.warnings)
        warns = [f"{warn} {'warns' if warn == 1 else 'warn'}"] if warn else []
        return ", ".join([*(fails or ["no check fails"]), *warns])

    def _money(self) -> str:
        if self.changes:
            return _said({level: _sum([cost]) for level, cost in self.changes.cost.items() if level in _HEADLINE})
        parts = [f"{words} {self._month(getattr(self.plan.cost, level))}" for level, words in _HEADLINE.items()]
        return f"{', '.join(parts)} USD a month"

    def _month(self, bill: SavedBill | None) -> str:
        known = bill is not None and bill.monthly is not None
        return plain(usd(bill.monthly or 0, 0, bill.marks(self.plan.region or ""))) if bill and known else "not known"

    def _bills(self) -> Iterator[str]:
        yield f"| | {' | '.join(map(plain, LEVELS))} |"
        yield f"|---|{'---:|' * len(LEVELS)}"
        yield f"| USD a month | {' | '.join(self._month(getattr(self.plan.cost, level)) for level in LEVELS)} |"

    def _check(self, check: SavedCheck) -> str:
        new = "new: " if self.new is not None and (check.id, check.subject) in self.new else ""
        fix = f" (fix: {plain(check.fix)})" if check.fix else ""
        return f"- {new}{code(check.id)} {code(check.subject)}: {plain(check.message)}{fix}"

    def _warned(self) -> Iterator[str]:
        """Of a stack with a plan of before the new warnings; the others are counted."""
        shown = [each for each in self.warnings if self.new is None or (each.id, each.subject) in self.new]
        yield from map(self._check, shown)
        if left := len(self.warnings) - len(shown):
            yield f"- {left} more {'warning is' if left == 1 else 'warnings are'} as before"

    @property
    def _held_against(self) -> Mapping[str, Any]:
        """The plan's key `baseline`; empty where none was given."""
        return (self.plan.model_extra or {}).get("baseline") or {}

    def _is_known(self, row: CheckChange) -> bool:
        """Whether the baseline waives it, which the plan of before was not held against."""
        return (
            row.change == WAIVED and bool(self._held_against) and row.waived == waiver(self._held_against["recorded"])
        )

    def _baseline(self) -> Iterator[str]:
        if baseline := self._held_against:
            new, worse, gone = (len(baseline[key]) for key in ("new", "worse", "gone"))
            counts = f"{new} new, {worse} worse, {baseline['known']} known, {gone} gone"
            yield from ("", f"Failures since the baseline of {plain(baseline['recorded'])}: {counts}.")

    def _pools(self) -> Iterator[str]:
        for pool in self.plan.pools:
            row = pool.model_extra or {}
            most = "no limit" if row.get("max_nodes") is None else row["max_nodes"]
            least = row.get("min_nodes") or 0
            nodes = f"{most} nodes" if least == most else f"{least} to {most} nodes"
            types = row.get("instance_types") or []
            parts = [pool.backend, nodes, " or ".join(row.get("capacity_types") or []), ", ".join(map(str, types[:3]))]
            more = f" and {len(types) - 3} more" if len(types) > 3 else ""
            yield f"- {code(pool.name)}: {plain('; '.join(filter(None, parts)) + more)}"


def _before_and_after(changes: Changes) -> Iterator[str]:
    yield "| USD a month | before | after | change |"
    yield "|---|---:|---:|---:|"
    for level, cost in changes.cost.items():
        was, is_ = cost.monthly
        before, after = map(plain, cost.month)
        yield f"| {plain(level)} | {before} | {after} | {signed(is_ - was, 0)} |"


def _list(heading: str, lines: Sequence[str]) -> Iterator[str]:
    if lines:
        more = len(lines) - LONGEST_LIST
        yield from ("", f"**{heading}**", "", *lines[:LONGEST_LIST], *([f"- and {more} more"] if more > 0 else []))


def _row(row: RowChange) -> str:
    says = "; ".join(map(plain, row.says))
    return f"- {row.change}: {code(row.name)}, {plain(row.kind)}" + (f": {says}" if says else "")


def _check(row: CheckChange) -> str:
    note = f" ({plain(row.note)})" if row.note else ""
    return f"- {row.says}: {code(row.id)} {code(row.subject)}: {plain(row.message)}{note}"
