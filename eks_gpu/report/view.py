"""What the page shows of one stack, as data for its template."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from eks_gpu.checks import CHECKS, Finding
from eks_gpu.checks.registry import Check
from eks_gpu.cost import admission
from eks_gpu.cost.bill import Bill, Item
from eks_gpu.graph.kubernetes_objects import shown_objects
from eks_gpu.graph.unread import grouped
from eks_gpu.io.yaml_text import dump
from eks_gpu.plan.analysis import Analysis
from eks_gpu.plan.changes import Changes
from eks_gpu.plan.plan import Plan
from eks_gpu.plan.render import LEVELS, left_out, legend, marks, upgrades
from eks_gpu.pools.pool import Pool
from eks_gpu.report.charts import NARROW, WIDE, amount, cost_chart, subject
from eks_gpu.report.diagram import diagram
from eks_gpu.report.proof import Proof, proofs
from eks_gpu.report.words import accelerators, count, nodes, pool_names


@dataclass(frozen=True)
class Level:
    """One bill, with what it stands for."""

    name: str
    meaning: str
    bill: Bill


@dataclass(frozen=True)
class Verdict:
    """What a page says first of a stack."""

    look: str
    """`fail`, `warn` or `ok`."""
    says: str


@dataclass(frozen=True)
class Line:
    """A line of the bills: what it pays for at each level."""

    subject: str
    cells: tuple[tuple[str, tuple[Item, ...]], ...]
    """USD an hour in words, and the items that make it up, a pair a level."""


@dataclass(frozen=True)
class Row:
    """Pools with the same nodes, and their verdict on each workload."""

    names: tuple[str, ...]
    pool: Pool
    """The first of them."""
    verdicts: tuple[admission.Verdict, ...]


@dataclass(frozen=True)
class Object:
    """Something that the cluster is sent."""

    title: str
    where: str
    yaml: str


@dataclass(frozen=True)
class View:
    """One stack. Drawings are SVG."""

    plan: Plan
    changes: Changes | None
    anchor: str
    diagram: str
    charts: tuple[tuple[str, str], ...]
    """A name and the drawing: narrow, wide."""
    verdict: Verdict
    levels: tuple[Level, ...]
    marks: tuple[str, ...]
    """What the marks of the totals mean."""
    lines: tuple[Line, ...]
    legend: tuple[str, ...]
    matrix: tuple[Row, ...]
    upgrades: tuple[str, ...]
    """What an upgrade of Kubernetes would do with the pools, a sentence for all with the same answer."""
    proofs: tuple[Proof, ...]
    failing: tuple[list[Finding], ...]
    """Those that fail the plan, together where they say the same; so are the next."""
    warnings: tuple[list[Finding], ...]
    waived: tuple[list[Finding], ...]
    unjudged: tuple[list[Finding], ...]
    """Those without a verdict."""
    unread: tuple[tuple[str, str, str, str], ...]
    """What is not known, of which resources, why, and what to do, once for each reason."""
    holding: Mapping[str, list[Finding]]
    """By check, those that hold for all subjects and those that hold for some."""
    checks: Mapping[str, Check]
    """By id: what goes wrong for the user, and the address of its page."""
    objects: tuple[Object, ...]
    notes: tuple[str, ...]

    @property
    def held(self) -> int:
        """How many times a check holds."""
        return sum(map(len, self.holding.values()))


def view(plan: Plan, changes: Changes | None = None) -> View:
    """Everything that can be computed, so that the template only writes it."""
    found = plan.analysis
    bills = {name: getattr(found.cost, name) for name, _ in LEVELS}
    not_held = [finding for finding in found.findings if finding.failed]
    failing = [finding for finding in not_held if finding.fails_plan]
    warnings = [finding for finding in not_held if not finding.waived and not finding.fails_plan]
    waived = [finding for finding in not_held if finding.waived]
    unjudged = [finding for finding in found.findings if finding.passed is None]
    return View(
        plan=plan,
        changes=changes,
        anchor=f"stack-{plan.stack}",
        diagram=diagram(found.graph, found),
        charts=tuple((name, cost_chart(found.cost, width)) for name, width in (("narrow", NARROW), ("wide", WIDE))),
        verdict=_verdict(plan, len(failing), len(warnings), len(waived), len(unjudged)),
        levels=tuple(Level(name, meaning, bills[name]) for name, meaning in LEVELS),
        marks=tuple(marks(bills.values())),
        lines=tuple(_lines(bills)),
        legend=tuple(_legend(plan, bills)),
        matrix=tuple(_matrix(found)),
        upgrades=tuple(upgrades(found.pools)),
        proofs=tuple(proofs(found.graph, found)),
        failing=tuple(_alike(failing)),
        warnings=tuple(_alike(warnings)),
        waived=tuple(_alike(waived)),
        unjudged=tuple(_alike(unjudged)),
        unread=tuple(grouped(found.unread)),
        holding=_holding(found.findings),
        checks=CHECKS,
        objects=tuple(_objects(plan)),
        notes=tuple(_notes(plan)),
    )


def _matrix(found: Analysis) -> list[Row]:
    names = pool_names(found.pools)
    alike: dict[tuple[object, ...], Row] = {}
    for index, pool in enumerate(found.pools):
        verdicts = tuple(found.verdicts[work.urn][index] for work in found.workloads)
        shown = (pool.made_by.title, nodes(pool), accelerators(pool), *map(tuple, (pool.capacity_types, pool.zones)))
        said = tuple((verdict.admits, verdict.reason) for verdict in verdicts)
        key = (*shown, tuple(pool.instance_types), tuple(pool.taints), said)
        row = alike.get(key) or Row((), pool, verdicts)
        alike[key] = replace(row, names=(*row.names, names[pool.urn]))
    return list(alike.values())


def _lines(bills: Mapping[str, Bill]) -> Iterator[Line]:
    """As the chart has them, and in the end each standing cost by itself."""
    names = dict.fromkeys(_name(item) for bill in reversed(list(bills.values())) for item in bill.items)
    for name in names:
        of_name = [(bill.region, tuple(item for item in bill.items if _name(item) == name)) for bill in bills.values()]
        yield Line(name, tuple((amount(items, region), items) for region, items in of_name))


def _name(item: Item) -> str:
    return subject(item) if item.name.startswith("pool ") else item.name


def _legend(plan: Plan, bills: Mapping[str, Bill]) -> Iterator[str]:
    units = [item.unit for bill in bills.values() for item in bill.items if item.unit]
    yield from left_out(bills)
    yield from legend(bills)
    if days := sorted({unit.as_of for unit in units}):
        yield f"prices as of {days[0]}" + (f" to {days[-1]}" if days[0] != days[-1] else "")
    if day := plan.analysis.cost.refreshed:
        yield f"prices of {plan.region} as of {day}, by eks-gpu prices refresh"
    yield f"not in the bills: {', '.join(plan.analysis.cost.not_priced)}"
    yield from dict.fromkeys(note for bill in bills.values() for note in bill.notes)


def _verdict(plan: Plan, failing: int, warnings: int, waived: int, unjudged: int) -> Verdict:
    """`1 check fails`; `nothing fails, 1 warns and 2 are waived`; `everything holds`."""
    if failing:
        return Verdict("fail", f"{count(failing, 'check')} fail{'s' * (failing == 1)}")
    if plan.failed:
        return Verdict("fail", "nodes are not read")
    others = [
        f"{number} {one if number == 1 else many}"
        for number, one, many in (
            (warnings, "warns", "warn"),
            (waived, "is waived", "are waived"),
            (unjudged, "is not judged", "are not judged"),
        )
        if number
    ]
    if others:
        return Verdict("warn" if warnings or unjudged else "ok", f"nothing fails, {' and '.join(others)}")
    return Verdict("ok", "everything holds")


def whole(stacks: Sequence[View]) -> Verdict:
    """Of a page: its only stack's, or of how many stacks it is."""
    if len(stacks) == 1:
        return stacks[0].verdict
    failing = [stack.plan.stack for stack in stacks if stack.verdict.look == "fail"]
    if failing:
        return Verdict("fail", f"{len(failing)} of {len(stacks)} stacks fail: {', '.join(failing)}")
    look = "warn" if any(stack.verdict.look == "warn" for stack in stacks) else "ok"
    return Verdict(look, f"none of {len(stacks)} stacks fails")


def _alike(findings: Sequence[Finding]) -> list[list[Finding]]:
    """Together where check, message, fix and waiver are the same."""
    alike: dict[tuple[str, ...], list[Finding]] = {}
    for finding in findings:
        alike.setdefault((finding.id, finding.message, finding.fix, finding.waived or ""), []).append(finding)
    return list(alike.values())


def _holding(findings: Sequence[Finding]) -> dict[str, list[Finding]]:
    held: dict[str, list[Finding]] = {}
    for finding in findings:
        if finding.passed:
            held.setdefault(finding.id, []).append(finding)
    return held


def _objects(plan: Plan) -> Iterator[Object]:
    for _, made in shown_objects(plan.graph):
        metadata: Mapping[str, Any] = made["metadata"]
        yield Object(f"{made['kind']} {metadata['name']}", str(metadata.get("namespace") or ""), dump(made))
    for release in plan.analysis.software:
        resource = plan.graph.get(release.urn)
        values = resource.shown.get("values") if resource else release.values
        yield Object(f"values of chart {release.chart} {release.version}", release.namespace, dump(values or {}))


def _notes(plan: Plan) -> Iterator[str]:
    yield from dict.fromkeys(message for _, message in plan.said)
    yield from (f"assumed: {sentence}" for sentence in plan.assumed)
    yield from plan.baseline.as_lines() if plan.baseline else ()
