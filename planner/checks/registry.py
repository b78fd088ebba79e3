"""The registry of checks, what they look at, and what they say."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from ..admission import Verdict
from ..clusters import Cluster
from ..cost import Cost
from ..demand import Workload
from ..graph import Graph
from ..pools import Pool
from ..software import Software


@dataclass(frozen=True)
class Finding:
    """What one check says of one subject; a failure's message says what goes wrong and what to do."""

    id: str
    subject: str
    passed: bool
    message: str
    severity: str = "error"
    """error or warning: a warning fails no plan."""

    def as_json(self) -> dict[str, Any]:
        """The plan's row."""
        return {
            "id": self.id,
            "subject": self.subject,
            "passed": self.passed,
            "message": self.message,
            "severity": self.severity,
        }


@dataclass(frozen=True, kw_only=True)
class Context:
    """A stack as checks see it."""

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

    @property
    def gpu_pools(self) -> list[Pool]:
        """Pools with accelerators of either maker."""
        return [pool for pool in self.pools if pool.accelerator]

    def charts(self, chart: str) -> list[Software]:
        """Releases of one chart."""
        return [release for release in self.software if release.chart == chart]


Said = tuple[str, bool, str]
"""Subject, whether it holds, message."""
CHECKS: dict[str, tuple[str, Callable[[Context], Iterator[Said]]]] = {}
"""By id: severity and function."""


def check(id_: str, severity: str = "error") -> Callable[[Callable[[Context], Iterator[Said]]], Any]:
    """Registers a function that says something of each subject the check applies to."""

    def register(function: Callable[[Context], Iterator[Said]]) -> Callable[[Context], Iterator[Said]]:
        if id_ in CHECKS:
            raise ValueError(f"two checks are named {id_}")
        CHECKS[id_] = (severity, function)
        return function

    return register


def findings(context: Context) -> list[Finding]:
    """What every check says, passed ones too, by check and then by subject as registered."""
    return [
        Finding(id_, subject, passed, message, severity)
        for id_, (severity, function) in CHECKS.items()
        for subject, passed, message in function(context)
    ]


def verdict(subject: str, problem: str, holds: str) -> Said:
    """Passed, and so `holds`, when there is no problem."""
    return subject, not problem, problem or holds
