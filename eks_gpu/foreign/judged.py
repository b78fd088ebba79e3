"""The checks on a stack that was read from a preview or a state."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from eks_gpu.checks import Finding, Waiver
from eks_gpu.foreign.shapes import read
from eks_gpu.foreign.stack import Foreign
from eks_gpu.plan.analysis import Analysis, analyse
from eks_gpu.plan.baseline import Compared

_REPLACED = frozenset({"userData"})
"""Properties whose place another takes while they are unknown: the autoscaler's tags say the same as user data."""


@dataclass(frozen=True)
class Judged:
    """One stack, judged without its program."""

    told: Foreign
    analysis: Analysis
    findings: list[Finding]
    baseline: Compared | None = None
    """What changed since the baseline, where one is given; `findings` are those that it left."""

    @property
    def name(self) -> str:
        """`project/stack`."""
        return f"{self.told.project}/{self.told.stack}"

    def held_against(self, baseline: Compared) -> "Judged":
        """The same stack, of which only what is new or worse fails."""
        return replace(self, findings=baseline.findings, baseline=baseline)

    @property
    def failed(self) -> bool:
        """Whether a check of severity error fails."""
        return any(finding.fails_plan for finding in self.findings)

    def as_json(self) -> dict[str, Any]:
        """The keys of a plan that need no program."""
        told, found = self.told, self.analysis
        return {
            "project": told.project,
            "stack": told.stack,
            "region": told.region,
            "pools": [pool.as_json() for pool in found.pools],
            "workloads": [workload.as_json(found.admitted_by(workload)) for workload in found.workloads],
            "cost": found.cost.as_json(),
            "checks": [finding.as_json() for finding in self.findings],
            "assumed": told.assumed,
            **({"baseline": self.baseline.as_json()} if self.baseline else {}),
        }

    def urn_of(self, finding: Finding) -> str:
        """The resource that a finding is about; empty where it is about none, or about more than one."""
        urns = list(self._urns(finding))
        return urns[0] if len(urns) == 1 else ""

    def _urns(self, finding: Finding) -> Iterator[str]:
        pools = [pool.urn for pool in self.analysis.pools if pool.name == finding.subject]
        workloads = [each.urn for each in self.analysis.workloads if each.name == finding.subject]
        if pools or workloads:
            yield from (pools or workloads)[:1]
            return
        name = finding.subject.rpartition(" ")[2]
        yield from (each.urn for each in self.told.graph if each.custom and name in (each.name, each["name"]))


def judge(told: Foreign, on: date | None = None, waivers: Sequence[Waiver] = ()) -> Judged:
    """As of a day, today unless given. What fails for want of a value that only `up` will tell becomes a warning.

    Raises InputError for resources whose inputs are not as their type has them.
    """
    with read(told.graph):
        analysis = analyse(told.graph, told.region, on or date.today(), None, waivers)
    judged = Judged(told, analysis, [])
    for finding in analysis.findings:
        judged.findings.append(_uncertain(judged, finding) if finding.fails_plan else finding)
    return judged


def _uncertain(judged: Judged, finding: Finding) -> Finding:
    told = judged.told
    resource = told.graph.get(judged.urn_of(finding))
    if resource is None:
        return finding
    read = {urn: told.asked.get(urn, set()) - _REPLACED for urn in (resource.urn, *sorted(resource.dependencies))}
    wanted = [f"{name} of {urn.rpartition('::')[2]}" for urn, names in read.items() for name in sorted(names)]
    if not wanted:
        return finding
    message = f"{finding.message}, unless {', '.join(wanted)} says otherwise, which only `pulumi up` will tell"
    return replace(finding, severity="warning", message=message)
