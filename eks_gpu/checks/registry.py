"""The registry of checks, their input, and their findings."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from eks_gpu.checks.waiver import Waiver
from eks_gpu.cost.admission import Room, Verdict
from eks_gpu.cost.cost import Cost
from eks_gpu.graph.graph import Graph
from eks_gpu.io.documentation import link
from eks_gpu.pods.demand import Workload
from eks_gpu.pools.clusters import Cluster
from eks_gpu.pools.pool import Pool
from eks_gpu.pools.software import Software


@dataclass(frozen=True)
class Finding:
    """The result of one check for one subject."""

    id: str
    subject: str
    passed: bool
    message: str
    """What holds or, if the check fails, what goes wrong."""
    severity: str = "error"
    """error or warning: a warning fails no plan."""
    fix: str = ""
    """What to change, empty where it holds."""
    waived: str = ""
    """Why the stack accepts the failure; empty if it does not."""

    @property
    def fails_plan(self) -> bool:
        """Whether it is an error without a waiver."""
        return not self.passed and not self.waived and self.severity == "error"

    def as_json(self) -> dict[str, Any]:
        """The plan's row."""
        return {
            "id": self.id,
            "subject": self.subject,
            "passed": self.passed,
            "message": self.message,
            "severity": self.severity,
            "fix": self.fix or None,
            "waived": self.waived or None,
        }


@dataclass(frozen=True, kw_only=True)
class Context:
    """The stack as input of the checks."""

    graph: Graph
    region: str
    on: date
    pools: Sequence[Pool]
    workloads: Sequence[Workload]
    software: Sequence[Software]
    clusters: Sequence[Cluster]
    verdicts: Mapping[str, Sequence[Verdict]]
    cost: Cost
    budget: float | None = None
    """USD a month."""
    left_over: Mapping[str, int] = field(default_factory=dict)
    """Pods without a node in the steady state, by workload."""
    waivers: Sequence[Waiver] = ()
    rooms: Sequence[Room] = ()
    """Of the same pools: what each takes."""

    @property
    def gpu_pools(self) -> list[Pool]:
        """Pools with accelerators of either maker."""
        return [pool for pool in self.pools if pool.accelerator]

    def charts(self, *charts: str) -> list[Software]:
        """Releases of these charts."""
        return [release for release in self.software if release.chart in charts]


@dataclass(frozen=True, slots=True)
class Problem:
    """What goes wrong, and what to change about this subject; both without a full stop."""

    says: str
    fix: str = ""
    """Empty if the check's own fix applies."""


@dataclass(frozen=True, slots=True)
class Said:
    """What a check found for one subject. Without problems the check holds, and `holds` says what."""

    subject: str
    problems: tuple[Problem, ...]
    holds: str
    severity: str = ""
    """error or warning, where it is not the check's own."""


def verdict(subject: str, problems: Problem | Iterable[Problem] | None, holds: str, severity: str = "") -> Said:
    """One problem, several, or none; `severity` in place of the check's own."""
    given = (problems,) if isinstance(problems, Problem) else tuple(problems or ())
    return Said(subject, given, holds, severity)


@dataclass(frozen=True, slots=True)
class Check:
    """One guarantee."""

    id: str
    severity: str
    """error or warning."""
    subject: str
    """What the check looks at, such as `node pool with limits`."""
    fix: str
    """What to change, whatever the subject; a clause."""
    function: Callable[[Context], Iterator[Said]]

    @property
    def reason(self) -> str:
        """What goes wrong for the user if the check fails; a sentence."""
        return str(self.function.__doc__).partition("\n")[0]

    @property
    def details(self) -> str:
        """More for readers of the page, such as what passes and what the check looks at; may be empty."""
        return " ".join(str(self.function.__doc__).partition("\n")[2].split())

    @property
    def fix_as_sentence(self) -> str:
        """What to change, as a sentence."""
        return f"{self.fix[0].upper()}{self.fix[1:]}."

    @property
    def link(self) -> str:
        """Address of its row on the page of checks; empty where the pages have no address."""
        return link(f"checks.md#{self.id}")

    def findings(self, context: Context) -> Iterator[Finding]:
        """The findings for a stack, passed subjects too."""
        for said in self.function(context):
            if not said.problems:
                yield Finding(self.id, said.subject, True, said.holds, self.severity)
                continue
            message = "; ".join(problem.says for problem in said.problems)
            fix = "; ".join(dict.fromkeys(problem.fix or self.fix for problem in said.problems))
            covering = [one for one in context.waivers if one.covers(self.id, said.subject)]
            waived = next((one.reason for one in covering if one.counts(context.on)), "")
            if covering and not waived:
                message += f"; the waiver of it ended on {covering[-1].until}"
            yield Finding(self.id, said.subject, False, message, said.severity or self.severity, fix, waived)


CHECKS: dict[str, Check] = {}
"""By id, in the order of registration."""


def check(
    id_: str, *, subject: str, fix: str, severity: str = "error"
) -> Callable[[Callable[[Context], Iterator[Said]]], Any]:
    """Registers a function that says something of each subject the check applies to.

    Its docstring's first line says what goes wrong for the user where the check does not hold; the rest is for readers
    of `docs/checks.md`, which `make pages` writes.
    """

    def register(function: Callable[[Context], Iterator[Said]]) -> Callable[[Context], Iterator[Said]]:
        if id_ in CHECKS:
            raise ValueError(f"two checks are named {id_}")
        CHECKS[id_] = Check(id_, severity, subject, fix, function)
        return function

    return register


def findings(context: Context) -> list[Finding]:
    """The findings of every check, passed ones too, by check and then by subject in the order of registration."""
    return [finding for registered in CHECKS.values() for finding in registered.findings(context)]
