"""Changes: what differs in pools, workloads, cost and checks between a saved plan and the current one."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from eks_gpu.cost.money import Marks, usd
from eks_gpu.graph.unread import Unread
from eks_gpu.plan.saved_plans import Older, SavedBill, SavedCheck, SavedRow, Snapshot
from eks_gpu.pools.upgrade import sentences

ADDED, REMOVED, CHANGED = "added", "removed", "changed"
NEWLY_FAILING, FIXED, WAIVED, NOT_JUDGED, GONE = "newly-failing", "fixed", "waived", "not-judged", "gone"
LEVELS = ("idle", "steady", "demand_max", "max")


# --- what differs ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class RowChange:
    """A pool or a workload that has changed."""

    identity: Mapping[str, str]
    kind: str
    """Kind, in words: `karpenter`, `Deployment in default`."""
    change: str
    """added, removed or changed."""
    fields: Mapping[str, tuple[Any, Any]]
    """Old and new value of each field that differs. The old values of an addition and the new values of a removal are
    None.
    """

    @property
    def name(self) -> str:
        """Its own, and of several pod templates which."""
        return " ".join(filter(None, (self.identity["name"], self.identity.get("template"))))

    @property
    def says(self) -> list[str]:
        """A phrase for each field, such as `max_nodes 4 → 8`; the main fields of an addition, nothing for a removal."""
        if self.change == CHANGED:
            return [_difference(name, *values) for name, values in self.fields.items()]
        new = {name: after for name, (_, after) in self.fields.items() if self.change == ADDED}
        return [f"{name} {_shown(_parts(new[name]))}" for name in _TELLING if new.get(name) not in (None, [])]

    def as_json(self) -> dict[str, Any]:
        """A row of `changes`."""
        fields = {name: {"old": old, "new": new} for name, (old, new) in self.fields.items()}
        return {**self.identity, "change": self.change, "fields": fields}


_TELLING = ("min_nodes", "max_nodes", "capacity_types", "instance_types", "min_replicas", "max_replicas", "admitted_by")


@dataclass(frozen=True)
class CostChange:
    """The change of cost at one level of use, in USD."""

    hourly: tuple[float, float]
    monthly: tuple[float, float]
    items: Mapping[str, tuple[float, float]]
    """Old and new USD per hour of each subject whose cost differs, such as `pool gpu` or `NAT gateway`."""
    marks: tuple[Marks, Marks] = (Marks(), Marks())
    """What the old and the new sums must be read with."""
    item_marks: Mapping[str, tuple[Marks, Marks]] = field(default_factory=dict)
    """The same of each subject."""

    @property
    def month(self) -> tuple[str, str]:
        """The old and the new sums of a month, in words."""
        (was, is_), (old, new) = self.monthly, self.marks
        return usd(was, 0, old), usd(is_, 0, new)

    def hour_of(self, name: str) -> tuple[str, str]:
        """The old and the new amounts of a subject an hour, in words."""
        (was, is_), (old, new) = self.items[name], self.item_marks.get(name, (Marks(), Marks()))
        return usd(was, 3, old), usd(is_, 3, new)

    @property
    def differs(self) -> bool:
        """By a cent a month."""
        return abs(self.monthly[1] - self.monthly[0]) >= 0.01 or bool(self.items)

    def as_json(self) -> dict[str, Any]:
        """A level of `changes.cost`."""
        items = [{"name": name, "hourly": {"old": old, "new": new}} for name, (old, new) in self.items.items()]
        sums = {"hourly": self.hourly, "monthly": self.monthly}
        return {name: {"old": old, "new": new} for name, (old, new) in sums.items()} | {"items": items}


@dataclass(frozen=True)
class CheckChange:
    """A check whose result for a subject has changed."""

    id: str
    subject: str
    change: str
    """newly-failing, fixed, waived, not-judged, or gone: it failed before, and its subject no longer exists."""
    severity: str
    message: str
    fix: str
    waived: str

    @property
    def says(self) -> str:
        """The change in a word or two."""
        fails = "fails now" if self.severity == "error" else "warns now"
        return {NEWLY_FAILING: fails, WAIVED: "waived now", NOT_JUDGED: "not judged now"}.get(self.change, self.change)

    @property
    def note(self) -> str:
        """Why, or what to do; empty where neither needs saying."""
        match self.change:
            case "newly-failing" if self.fix:
                return f"fix: {self.fix}"
            case "waived":
                return f"waived: {self.waived}"
            case "gone":
                return "it failed; what it failed for is no longer there"
        return ""

    def as_json(self) -> dict[str, Any]:
        """A row of `changes.checks`."""
        more = {"severity": self.severity, "message": self.message, "fix": self.fix or None}
        return {"id": self.id, "subject": self.subject, "change": self.change, **more, "waived": self.waived or None}


@dataclass(frozen=True)
class Changes:
    """The differences between one stack's plan and an older plan."""

    old: str
    """Project and stack of the older plan."""
    new: str
    pools: list[RowChange]
    workloads: list[RowChange]
    upgrades: list[str]
    """What an upgrade of Kubernetes would do with the pools of the new plan; empty if no pool has changed."""
    cost: Mapping[str, CostChange]
    """Change by level: idle, steady, demand_max, max. A level without a total in one of the plans is left out."""
    checks: list[CheckChange]
    unread: list[Unread] = field(default_factory=list)
    """What the newer plan does not read, whether or not the older one did."""

    @property
    def none(self) -> bool:
        """Whether both plans are the same."""
        return not (self.pools or self.workloads or self.checks or any(cost.differs for cost in self.cost.values()))

    def as_json(self) -> dict[str, Any]:
        """The key `changes` of a plan."""
        return {
            "against": self.old,
            "pools": [row.as_json() for row in self.pools],
            "workloads": [row.as_json() for row in self.workloads],
            "cost": {level: cost.as_json() for level, cost in self.cost.items()},
            "checks": [row.as_json() for row in self.checks],
        }


def changes(older: Older, plans: Iterable[Mapping[str, Any]]) -> dict[str, Changes]:
    """By stack, for the stacks that were planned before; from the JSON of plans of now."""
    newer = (Snapshot.model_validate(plan) for plan in plans if plan["stack"] in older.by_stack)
    return {plan.stack: compare(older.by_stack[plan.stack], plan) for plan in newer}


def compare(old: Snapshot, new: Snapshot) -> Changes:
    """In the order of the new plan; what is gone comes last."""
    pools = list(_rows(old.pools, new.pools, "name", "backend"))
    return Changes(
        old=old.title,
        new=new.title,
        pools=pools,
        upgrades=list(_upgrades(new)) if pools else [],
        workloads=list(_rows(old.workloads, new.workloads, "kind", "namespace", "name", "template")),
        cost=dict(_costs(old, new)),
        checks=list(_checks(old.checks, new.checks)),
        unread=[row.as_unread() for row in new.unread],
    )


def _rows(old: Sequence[SavedRow], new: Sequence[SavedRow], *keys: str) -> Iterator[RowChange]:
    before, after = (
        {tuple(getattr(row, key) for key in keys): row.model_dump() for row in rows} for rows in (old, new)
    )
    for identity in dict.fromkeys((*after, *before)):
        named = {key: value for key, value in zip(keys, identity, strict=True) if value is not None}
        kind = named["backend"] if "backend" in named else f"{named['kind']} in {named['namespace']}"
        was, is_ = before.get(identity), after.get(identity)
        change = CHANGED if was and is_ else ADDED if is_ else REMOVED
        if fields := dict(_fields(was, is_, keys)):
            yield RowChange(named, kind, change, fields)


def _upgrades(plan: Snapshot) -> Iterator[str]:
    told = ((pool.name, pool.model_extra or {}) for pool in plan.pools)
    known = ((name, row) for name, row in told if row.get("upgrade"))
    yield from sentences((name, str(row.get("cluster") or ""), row["upgrade"]) for name, row in known)


def _fields(
    old: Mapping[str, Any] | None, new: Mapping[str, Any] | None, keys: Sequence[str]
) -> Iterator[tuple[str, tuple[Any, Any]]]:
    """A field that only one of two versions of the planner writes says nothing of the stack."""
    for name in old or new or {}:
        was, is_ = old and old.get(name), new and new.get(name)
        if name not in keys and (not (old and new) or (name in new and was != is_)):
            yield name, (was, is_)


def _costs(old: Snapshot, new: Snapshot) -> Iterator[tuple[str, CostChange]]:
    for level in LEVELS:
        was, is_ = getattr(old.cost, level), getattr(new.cost, level)
        if was and is_ and None not in (was.hourly, was.monthly, is_.hourly, is_.monthly):
            yield level, _cost(was, old.region or "", is_, new.region or "")


def _cost(old: SavedBill, old_region: str, new: SavedBill, new_region: str) -> CostChange:
    before, after = _by_subject(old), _by_subject(new)
    marked = {name: (_marks_of(name, old, old_region), _marks_of(name, new, new_region)) for name in (*after, *before)}
    pairs = {name: (before.get(name, 0.0), after.get(name, 0.0)) for name in (*after, *before)}
    items = {name: pair for name, pair in pairs.items() if abs(pair[1] - pair[0]) > 1e-6}
    hourly, monthly = (old.hourly or 0.0, new.hourly or 0.0), (old.monthly or 0.0, new.monthly or 0.0)
    return CostChange(hourly, monthly, items, (old.marks(old_region), new.marks(new_region)), marked)


def _marks_of(name: str, bill: SavedBill, region: str) -> Marks:
    found = Marks()
    for item in bill.items:
        if item.name.partition(": ")[0] == name:
            found |= item.marks(region)
    return found


def _by_subject(bill: SavedBill) -> dict[str, float]:
    """A pool's nodes and disks together."""
    sums: dict[str, float] = {}
    for item in bill.items:
        subject = item.name.partition(": ")[0]
        sums[subject] = round(sums.get(subject, 0.0) + item.hourly, 6)
    return sums


def _checks(old: Sequence[SavedCheck], new: Sequence[SavedCheck]) -> Iterator[CheckChange]:
    before, after = _worst(old), _worst(new)
    for key, row in after.items():
        was = before.get(key)
        if row.fails and not (was and was.fails and was.severity == row.severity):
            yield _check(row, NEWLY_FAILING)
        elif row.waived and row.passed is False and not (was and was.waived):
            yield _check(row, WAIVED)
        elif row.passed and was and was.passed is False:
            yield _check(row, FIXED)
        elif row.passed is None and was and was.passed is not None:
            yield _check(row, NOT_JUDGED)
    for key, row in before.items():
        if key not in after and row.fails:
            yield _check(row, GONE)


def _worst(rows: Sequence[SavedCheck]) -> dict[tuple[str, str], SavedCheck]:
    """By check and subject; of two subjects of one name the one that fails."""
    ranked = sorted(rows, key=lambda row: (row.fails, not row.passed))
    worst = {(row.id, row.subject): row for row in ranked}
    return {(row.id, row.subject): worst[row.id, row.subject] for row in rows}


def _check(row: SavedCheck, change: str) -> CheckChange:
    return CheckChange(row.id, row.subject, change, row.severity, row.message, row.fix or "", row.waived or "")


# --- in words --------------------------------------------------------------------------------------------------------


_SHOWN = 6
"""Values of a list, before it says how many more there are."""


def _difference(name: str, old: Any, new: Any) -> str:
    if isinstance(new, dict) and "why" in new:
        return f"{name} {_value(old)} → {_value(new)}: {new['why']}"
    if isinstance(old, list | dict) and isinstance(new, list | dict):
        before, after = _parts(old), _parts(new)
        gained = [f"+ {part}" for part in after if part not in before]
        lost = [f"− {part}" for part in before if part not in after]
        return f"{name} {_shown(lost + gained) or 'in another order'}"
    return f"{name} {_value(old)} → {_value(new)}"


def _parts(value: Any) -> list[str]:
    if isinstance(value, list):
        return [_value(part) for part in value]
    return [f"{key}={_value(part)}" for key, part in value.items()] if isinstance(value, dict) else [_value(value)]


def _shown(parts: Sequence[str]) -> str:
    more = len(parts) - _SHOWN
    return ", ".join(parts[:_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _value(value: Any) -> str:
    match value:
        case None:
            return "none"
        case bool():
            return "yes" if value else "no"
        case {"key": key, "effect": effect}:
            return f"{key}={value.get('value') or ''}:{effect}"
        case {"how": how, "why": _}:
            return str(how)
        case dict() | list():
            return json.dumps(value, ensure_ascii=False)
        case _:
            return str(value)
