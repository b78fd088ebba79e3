"""What the page shows of one stack, as data for its template."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from eks_gpu.checks import CHECKS, Finding
from eks_gpu.cost.admission import Verdict
from eks_gpu.cost.bill import Bill, Item
from eks_gpu.graph.kubernetes_objects import shown_objects
from eks_gpu.graph.unread import grouped
from eks_gpu.io.yaml_text import dump
from eks_gpu.plan.changes import Changes
from eks_gpu.plan.plan import Plan
from eks_gpu.plan.render import LEVELS, left_out, legend, upgrades
from eks_gpu.pools.pool import Pool
from eks_gpu.report.charts import NARROW, WIDE, amount, cost_chart, subject
from eks_gpu.report.diagram import diagram
from eks_gpu.report.proof import Proof, proofs
from eks_gpu.report.words import pool_names


@dataclass(frozen=True)
class Level:
    """One bill, with what it stands for."""

    name: str
    meaning: str
    bill: Bill


@dataclass(frozen=True)
class Line:
    """A line of the bills: what it pays for at each level."""

    subject: str
    cells: tuple[tuple[str, tuple[Item, ...]], ...]
    """USD an hour in words, and the items that make it up, a pair a level."""


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
    levels: tuple[Level, ...]
    lines: tuple[Line, ...]
    legend: tuple[str, ...]
    matrix: tuple[tuple[Pool, tuple[Verdict, ...]], ...]
    """Each pool with its verdict on each workload."""
    names: Mapping[str, str]
    """What each pool is called, by its URN."""
    upgrades: tuple[str, ...]
    """What an upgrade of Kubernetes would do with the pools, a sentence for all with the same answer."""
    proofs: tuple[Proof, ...]
    failing: tuple[Finding, ...]
    warnings: tuple[Finding, ...]
    waived: tuple[Finding, ...]
    unjudged: tuple[list[Finding], ...]
    """Those without a verdict, together where check and reason are the same."""
    unread: tuple[tuple[str, str, str, str], ...]
    """What is not known, of which resources, why, and what to do, once for each reason."""
    holding: Mapping[str, list[Finding]]
    """By check, those that hold for all subjects and those that hold for some."""
    reasons: Mapping[str, str]
    """What goes wrong for the user, by check."""
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
    return View(
        plan=plan,
        changes=changes,
        anchor=f"stack-{plan.stack}",
        diagram=diagram(found.graph, found),
        charts=tuple((name, cost_chart(found.cost, width)) for name, width in (("narrow", NARROW), ("wide", WIDE))),
        levels=tuple(Level(name, meaning, bills[name]) for name, meaning in LEVELS),
        lines=tuple(_lines(bills)),
        legend=tuple(_legend(plan, bills)),
        matrix=tuple(
            (pool, tuple(found.verdicts[work.urn][index] for work in found.workloads))
            for index, pool in enumerate(found.pools)
        ),
        names=pool_names(found.pools),
        upgrades=tuple(upgrades(found.pools)),
        proofs=tuple(proofs(found.graph, found)),
        failing=tuple(finding for finding in not_held if finding.fails_plan),
        warnings=tuple(finding for finding in not_held if not finding.waived and not finding.fails_plan),
        waived=tuple(finding for finding in not_held if finding.waived),
        unjudged=tuple(_unjudged(found.findings)),
        unread=tuple(grouped(found.unread)),
        holding=_holding(found.findings),
        reasons={id_: check.reason for id_, check in CHECKS.items()},
        objects=tuple(_objects(plan)),
        notes=tuple(_notes(plan)),
    )


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


def _unjudged(findings: Sequence[Finding]) -> list[list[Finding]]:
    alike: dict[tuple[str, str], list[Finding]] = {}
    for finding in findings:
        if finding.passed is None:
            alike.setdefault((finding.id, finding.message), []).append(finding)
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
