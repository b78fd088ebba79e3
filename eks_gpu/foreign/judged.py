"""The checks on a stack that was read from a preview or a state."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING, Any

from eks_gpu.checks import Finding, Waiver
from eks_gpu.foreign.stack import Foreign
from eks_gpu.graph.graph import Resource
from eks_gpu.graph.secrets import redacted, secret_texts
from eks_gpu.io.today import today
from eks_gpu.plan.analysis import Analysis, analyse
from eks_gpu.plan.baseline import Compared
from eks_gpu.plan.shapes import read
from eks_gpu.plan.subjects import urn_of

if TYPE_CHECKING:
    from eks_gpu.plan.plan import Plan


@dataclass(frozen=True)
class Judged:
    """One stack, judged without its program."""

    told: Foreign
    analysis: Analysis
    baseline: Compared | None = None
    """What changed since the baseline, where one is given; the analysis has the findings that it left."""

    @property
    def name(self) -> str:
        """`project/stack`."""
        return f"{self.told.project}/{self.told.stack}"

    def held_against(self, baseline: Compared) -> "Judged":
        """The same stack, of which only what is new or worse fails."""
        return replace(self, analysis=replace(self.analysis, findings=baseline.findings), baseline=baseline)

    @property
    def findings(self) -> list[Finding]:
        """What the checks say."""
        return self.analysis.findings

    @property
    def failed(self) -> bool:
        """Whether a check of severity error fails, or nodes are not read."""
        return self.analysis.failed

    @cached_property
    def secrets(self) -> tuple[str, ...]:
        """Texts that no one may see."""
        return secret_texts(self.told.graph)

    def as_json(self) -> dict[str, Any]:
        """The keys of a plan that need no program."""
        return redacted(self._as_json(), self.secrets)

    def _as_json(self) -> dict[str, Any]:
        told, found = self.told, self.analysis
        return {
            "project": told.project,
            "stack": told.stack,
            "region": told.region or None,
            "pools": [pool.as_json() for pool in found.pools],
            "workloads": [workload.as_json(found.admitted_by(workload)) for workload in found.workloads],
            "cost": found.cost.as_json(),
            "checks": [finding.as_json() for finding in self.findings],
            "unread": [row.as_json() for row in found.unread],
            "assumed": told.assumed,
            **({"baseline": self.baseline.as_json()} if self.baseline else {}),
        }

    def as_plan(self) -> "Plan":
        """The same as a plan, for what shows one."""
        from eks_gpu.plan.plan import Plan  # it imports Pulumi

        told = self.told
        return Plan(
            *(told.project, told.stack, told.region, told.graph, self.analysis, told.assumed, []),
            baseline=self.baseline,
        )

    def urn_of(self, finding: Finding) -> str:
        """The resource that a finding is about; empty where it is about none, or about more than one."""
        return urn_of(self.analysis, self.told.graph, finding)


def judge(
    told: Foreign, on: date | None = None, waivers: Sequence[Waiver] = (), given: Sequence[Resource] = ()
) -> Judged:
    """As of a day, today unless given. A check that needs a value that only `up` will tell gives no verdict.

    Raises InputError for resources whose inputs are not as their type has them.
    """
    with read(told.graph):
        found = analyse(told.graph, told.region, on or today(), None, waivers, given)
    return Judged(told, found.without(secret_texts(told.graph)))
