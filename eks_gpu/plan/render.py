"""A plan, printed in a terminal of 80 columns or more, with or without colour."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.segment import Segment
from rich.text import Text

from eks_gpu.checks import Finding
from eks_gpu.cost.bill import marks_of_items
from eks_gpu.cost.cost import Bill, Cost, Item
from eks_gpu.cost.money import Marks, not_read, share, usd
from eks_gpu.cost.quotas import QuotaNeed
from eks_gpu.graph.secrets import redacted
from eks_gpu.graph.unread import Unread, What, grouped
from eks_gpu.io.tables import bullets, headless, table
from eks_gpu.io.wrapped import KEPT
from eks_gpu.plan.analysis import Analysis
from eks_gpu.plan.baseline import Compared
from eks_gpu.pools.pool import Pool
from eks_gpu.pools.upgrade import UPGRADE, sentences

if TYPE_CHECKING:  # it imports Pulumi, and a state is judged without
    from eks_gpu.plan.plan import Plan

LEVELS = (
    ("idle", "no workload runs"),
    ("steady", "every workload runs its stated replicas"),
    ("demand_max", "every workload is at its own maximum"),
    ("max", "every pool is at its maximum"),
)


class Redacted:
    """Something for a terminal, with a mask for each of these texts."""

    def __init__(self, inner: RenderableType, texts: Sequence[str]):
        self._inner, self._texts = inner, texts

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for part in console.render(self._inner, options):
            yield Segment(redacted(part.text, self._texts), part.style, part.control)


def render(plan: "Plan") -> RenderableType:
    """A plan, nothing of which has been created."""
    where = f"  {plan.region or 'no region'}, {len(plan.graph)} resources, nothing created"
    title = Text.assemble((f"{plan.project} / {plan.stack}", "bold"), where)
    said = dict.fromkeys(message for _, message in plan.said)
    notes = [*said, *assumptions(plan.assumed)]
    return Redacted(told(title, plan.analysis, plan.analysis.findings, notes, plan.baseline), plan.secrets)


def assumptions(sentences: Iterable[str]) -> list[str]:
    """Notes for what the offline run assumed."""
    return [f"assumed: {sentence}" for sentence in sentences]


def told(
    title: Text,
    found: Analysis,
    findings: Sequence[Finding],
    notes: Sequence[str],
    baseline: Compared | None = None,
) -> Group:
    """Pools, an upgrade of them, workloads, cost, quotas, what is not read, checks, a baseline, and notes."""
    sections = [
        ("Pools", pools(found)),
        *([(UPGRADE, bullets(upgrades(found.pools)))] if found.pools else []),
        ("Workloads", workloads(found)),
        ("Cost", cost(found.cost, found.budget)),
        ("Quotas", quotas(found.quotas)),
        *([("Not read", unread(found.unread))] if found.unread else []),
        ("Checks", checks(findings)),
        *([("Baseline", bullets(baseline.as_lines()))] if baseline else []),
        *([("Notes", bullets(notes))] if notes else []),
    ]
    return Group("", title, *(part for name, body in sections for part in ("", Text(name, "bold underline"), body)), "")


def pools(found: Analysis) -> RenderableType:
    """Two lines a pool: its size, then what its nodes are. A fixed one has one number of nodes."""
    if not found.pools:
        return _none("nodes", found.unread)
    several = len({pool.cluster for pool in found.pools}) > 1
    shown = table("pool", "nodes", "GPUs", right=("nodes", "GPUs"))
    for pool in found.pools:
        most = "no limit" if pool.max_nodes is None else str(pool.max_nodes)
        nodes = most if pool.is_fixed else f"{pool.min_nodes}..{most}"
        gpus = _accelerators(pool) if pool.accelerator else ""
        place = f" in {pool.cluster}" if several and pool.cluster else ""
        shown.add_row(Text.assemble(pool.name, (f"{place}\n{_nature(pool)}", "dim")), nodes, gpus)
    return shown


def _accelerators(pool: Pool) -> str:
    """`8`, `0..4`, `8..no limit`."""
    if pool.max_gpus is None:
        return f"{pool.min_gpus}..no limit"
    return str(pool.max_gpus) if pool.min_gpus == pool.max_gpus else f"{pool.min_gpus}..{pool.max_gpus}"


def _nature(pool: Pool) -> str:
    zones = [_zone(name, pool.region) for name in pool.zones]
    parts = [
        pool.backend,
        f"zone{'s' * (len(zones) > 1)} {' '.join(zones)}" if zones else "",
        ", ".join(pool.capacity_types),
        _first(pool.instance_types),
        _shares(pool),
        *(taint.for_kubelet() for taint in pool.taints),
    ]
    return "; ".join(part for part in parts if part)


def _shares(pool: Pool) -> str:
    """`12 nvidia.com/gpu a node` where that is not the number of its GPUs."""
    if not (devices := pool.devices_per_node):
        return ""
    whole = pool.types[0].accelerator.offered if pool.types[0].accelerator else {}
    shared = [f"{count} {name}" for name, count in devices.items() if whole.get(name) != count]
    return f"{' and '.join(shared)} a node" if shared else ""


def _zone(name: str, region: str) -> str:
    """The letter of a zone of the region, the whole name of any other."""
    letter = name.removeprefix(region)
    return letter if len(letter) == 1 else name


def _first(names: Sequence[str], shown: int = 3) -> str:
    more = len(names) - shown
    return ", ".join(names[:shown]) + (f" and {more} more" if more > 0 else "")


def upgrades(found: Iterable[Pool]) -> Iterator[str]:
    """One sentence for all pools with the same answer; it completes `UPGRADE`."""
    return sentences((pool.name, pool.cluster, pool.upgrade.as_json()) for pool in found)


def workloads(found: Analysis) -> RenderableType:
    """One row a workload, with the pools that take its pods."""
    if not found.workloads:
        return _none("pods", found.unread)
    several = len({workload.cluster for workload in found.workloads}) > 1
    shown = table("workload", "replicas", "requests", "taken by", right=("replicas",))
    for workload in found.workloads:
        least, most = workload.min_replicas, workload.max_replicas
        span = "one a node" if workload.daemon else _span(least, most)
        row = workload.as_json(())
        requests = "\n".join(f"{name} {value}" for name, value in row["requests"].items())
        takers = found.admitted_by(workload)
        place = f" of {workload.cluster}" if several and workload.cluster else ""
        role = f"\n{workload.template}" if workload.template else ""
        name = Text.assemble(workload.name, (f"{role}\n{workload.kind} in {workload.namespace}{place}", "dim"))
        nobody = Text("not known", "yellow") if found.nodes_are_unread else Text("no pool", "red")
        shown.add_row(name, span, requests, Text("\n".join(takers)) if takers else nobody)
    return shown


def _span(least: int | None, most: int | None) -> str:
    """`2`, `0..4`, `1 or more`."""
    if least is None:
        return "not known"
    return str(most) if least == most else f"{least} or more" if most is None else f"{least}..{most}"


def _none(what: What, rows: Sequence[Unread]) -> Text:
    left = not_read(row for row in rows if row.what == what)
    return Text(f"none is read: {left}", "yellow") if left else Text("none", "dim")


def unread(rows: Sequence[Unread]) -> RenderableType:
    """What is not read, a row for each reason and way out, with the subjects that share them."""
    shown = headless()
    for what, subjects, why, how in grouped(rows):
        shown.add_row(Text(what, "yellow"), Text.assemble(f"{subjects}: {why}\n", (f"fix: {how}", "dim")))
    return shown


def cost(found: Cost, budget: float | None = None) -> RenderableType:
    """A row a subject, a column a level: USD an hour and what it pays for; then the sums, and of a budget."""
    bills: dict[str, Bill] = {level: getattr(found, level) for level, _ in LEVELS}
    shown = table("USD an hour", *bills, right=bills, gap=2)
    for subject in dict.fromkeys(_subject(item) for bill in bills.values() for item in bill.items):
        of_subject = [[item for item in bill.items if _subject(item) == subject] for bill in bills.values()]
        shown.add_row(subject, *(_cell(items, found.region) for items in of_subject))
    shown.add_section()
    shown.add_row("an hour", *(_aligned(usd(bill.hourly, 2, bill.marks)) for bill in bills.values()), style="bold")
    month = (_aligned(usd(bill.monthly, 0, bill.marks)) for bill in bills.values())
    shown.add_row("a month of 730 hours", *month, style="bold")
    if budget is not None:
        shares = (_aligned(share(bill.monthly, budget, bill.marks)) for bill in bills.values())
        shown.add_row(f"of budget {usd(budget, 0, Marks())}", *shares)
    notes = dict.fromkeys(note for bill in bills.values() for note in bill.notes)
    meanings = (f"{level}: {meaning}" for level, meaning in LEVELS)
    lines = [*left_out(bills), *meanings, *legend(bills), *_dates(found), *notes]
    return Group(shown, "", bullets(lines))


def _dates(found: Cost) -> Iterator[str]:
    if found.refreshed:
        yield f"prices of {found.region} as of {found.refreshed}, by eks-gpu prices refresh"
    yield f"not in the bills: {', '.join(found.not_priced)}"


def _aligned(amount: str) -> str:
    """Digits stand below digits, with a `*` behind them or without."""
    return amount if amount.endswith("*") else f"{amount} "


def left_out(bills: Mapping[str, Bill]) -> Iterator[str]:
    """What the sums leave out because it was not read: `idle is at least 73 USD a month: ...`."""
    by_clause: dict[str, list[str]] = {}
    for level, bill in bills.items():
        if bill.leaves_out:
            by_clause.setdefault(bill.leaves_out, []).append(f"{level} {usd(bill.monthly, 0, bill.marks)}")
    for clause, sums in by_clause.items():
        yield f"{', '.join(sums)} USD a month: {clause}"


def _subject(item: Item) -> str:
    """A pool's nodes and disks are one row: `pool gpu: g6.xlarge, Spot` and `pool gpu: disks of 100 GiB`."""
    return item.name.partition(": ")[0]


def _cell(items: Sequence[Item], region: str) -> Text:
    if not items:
        return Text("- ")
    amount = usd(sum(item.hourly for item in items), 3, marks_of_items(items, region))
    said = [item for item in items if item.quantity > 1 or ": " in item.name]
    made_of = "\n".join(f"{item.quantity}{KEPT}{_kind(item)} " for item in said)
    return Text.assemble(_aligned(amount), ("\n" * bool(made_of) + made_of, "dim"))


def _kind(item: Item) -> str:
    """`g6.xlarge` or `disks`, without what the row and the level say already."""
    kind = item.name.partition(": ")[2].partition(",")[0].partition(" of ")[0].partition(" on ")[0]
    return kind.removesuffix("s") if item.quantity == 1 else kind


def marks(bills: Collection[Bill]) -> Iterator[str]:
    """What the marks of these totals mean, a few words each."""
    found = [bill.marks for bill in bills]
    if any(each.estimate for each in found):
        yield "~ an estimate: Spot prices change"
    if any(each.borrowed for each in found):
        others = sorted({other for bill in bills for other in bill.borrowed_from})
        yield f"* partly at prices of {', '.join(others)}"
    if any(each.missing for each in found):
        yield "+ ? and what has no known price or number"
    if any(each.at_least for each in found):
        yield "at least: without what is not read"


def legend(bills: Mapping[str, Bill]) -> Iterator[str]:
    """What the marks of a bill mean: `~`, `*` and `?`, each with the amounts behind it."""
    items = [item for bill in bills.values() for item in bill.items]
    if any(item.unit and item.unit.estimate for item in items):
        yield "~ an estimate: Spot prices change"
    ranges = {level: bill.range for level, bill in bills.items()}
    wide = [f"{level} {low:,.2f} to {high:,.2f}" for level, (low, high) in ranges.items() if high - low > _ROUNDING]
    if wide:
        yield f"~ USD an hour, from Spot's cheapest region to the most expensive: {', '.join(wide)}"
    others = sorted({other for bill in bills.values() for other in bill.borrowed_from})
    if others:
        parts = (f"{level} {bill.borrowed:,.2f} of {bill.hourly:,.2f}" for level, bill in bills.items())
        yield f"* USD an hour at prices of {', '.join(others)}: {', '.join(parts)}"
    if any(bill.marks.missing for bill in bills.values()):
        yield "? what has no known price or number of pods or nodes, which the sum leaves out"


_ROUNDING = 0.005


def quotas(needs: Sequence[QuotaNeed]) -> RenderableType:
    """What the maximum needs of each quota, beside what a new account has; yellow where that is too little."""
    if not needs:
        return Text("none", "dim")
    several = len({need.region for need in needs}) > 1
    where = ("region",) if several else ()
    columns = ("quota", *where, "code", "needed", "new account")
    shown = table(*columns, right=("needed", "new account"), whole=("code", *where))
    for need in needs:
        needed = Text("no limit" if need.needed is None else str(need.needed), "yellow" if need.beyond_default else "")
        place = (need.region or "not known",) if several else ()
        shown.add_row(need.quota.name, *place, need.quota.code, needed, str(need.quota.default))
    return shown


def checks(findings: Sequence[Finding]) -> RenderableType:
    """What fails, in full and with its fix; what is waived, with the reason; what holds, a line a check."""
    shown = headless()
    words = [_word(finding) for finding in findings]
    for finding in sorted(findings, key=lambda finding: (list(_STYLES).index(_word(finding)), finding.id)):
        word = _word(finding)
        if word not in ("ok", UNJUDGED):
            note = f"waived: {finding.waived}" if finding.waived else f"fix: {finding.fix}"
            subject = (f"{finding.id}: {finding.subject}\n", _STYLES[word])
            shown.add_row(Text(word, _STYLES[word]), Text.assemble(subject, f"{finding.message}\n", (note, "dim")))
    for id_, message, subjects in _unjudged(findings):
        said = (f"{id_}: {subjects}\n", _STYLES[UNJUDGED])
        shown.add_row(Text(UNJUDGED, _STYLES[UNJUDGED]), Text.assemble(said, message))
    for id_, subjects in _holding(findings):
        shown.add_row(Text("ok", _STYLES["ok"]), Text.assemble(id_, (f" ({subjects})", "dim")))
    waived = f", {words.count('waived')} waived" if "waived" in words else ""
    unjudged = f", {words.count(UNJUDGED)} not judged" if UNJUDGED in words else ""
    summary = f"{words.count('ok')} hold, {words.count('FAIL')} fail, {words.count('warn')} warn{waived}{unjudged}"
    return Group(shown, Text(summary, "bold red" if "FAIL" in words else "bold green"))


UNJUDGED = "?"
_STYLES = {"FAIL": "red", "warn": "yellow", "waived": "cyan", UNJUDGED: "magenta", "ok": "green"}


def _unjudged(findings: Sequence[Finding]) -> Iterator[tuple[str, str, str]]:
    """Check, why it gives no verdict, and for which subjects."""
    alike: dict[tuple[str, str], list[str]] = {}
    for finding in findings:
        if finding.passed is None:
            alike.setdefault((finding.id, finding.message), []).append(finding.subject)
    for (id_, message), subjects in sorted(alike.items()):
        yield id_, message, _first(subjects)


def _word(finding: Finding) -> str:
    if finding.passed is None:
        return UNJUDGED
    if finding.passed or finding.waived:
        return "ok" if finding.passed else "waived"
    return "FAIL" if finding.fails_plan else "warn"


def _holding(findings: Sequence[Finding]) -> Iterator[tuple[str, int]]:
    others = {finding.id for finding in findings if not finding.passed}
    for id_ in dict.fromkeys(finding.id for finding in findings):
        if id_ not in others:
            yield id_, sum(finding.id == id_ for finding in findings)
