"""Plan: the recording of one stack and its analysis, also as JSON for scripts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from eks_gpu.graph.graph import Graph, Resource
from eks_gpu.graph.secrets import redacted, secret_texts
from eks_gpu.io.problems import InputError
from eks_gpu.io.today import today
from eks_gpu.offline.project import Project, StackConfig
from eks_gpu.offline.questions import LookUp, Question
from eks_gpu.offline.run import PLAN_KEY, record
from eks_gpu.plan.analysis import Analysis, analyse
from eks_gpu.plan.baseline import Compared
from eks_gpu.plan.shapes import read
from eks_gpu.plan.waivers_file import KnownWaiver
from eks_gpu_components.values.validation_messages import problems_of


class PlanSettings(BaseModel):
    """`<project>:plan`: the planner's own settings."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    monthly_budget_usd: float | None = Field(default=None, gt=0)
    """Budget for the maximum, in USD per month; None for no limit."""
    cold_start_budget_s: int | None = Field(default=None, gt=0)
    """Seconds from Pending to Ready that a workload with accelerators may wait for a new node; None for no limit."""
    waive: tuple[KnownWaiver, ...] = ()
    """Failures that the stack accepts; the plan shows them with their reasons."""


@dataclass(frozen=True)
class Plan:
    """The resources of one stack, which pods its pools take, its cost and its checks."""

    project: str
    stack: str
    region: str
    """Region of AWS; empty where the stack has none."""
    graph: Graph
    analysis: Analysis
    assumed: list[str]
    """A sentence for each fact that comes from the catalog but may differ in an account."""
    said: list[tuple[str, str]]
    """What the program told its user: (severity, message)."""
    asked: tuple[Question, ...] = ()
    """Look-ups of the program without an answer."""
    look_ups: tuple[LookUp, ...] = ()
    """Look-ups of the program with an answer, most of which the plan assumed."""
    baseline: Compared | None = None
    """What changed since the baseline, where one is given; the analysis has the findings that it left."""
    places: Mapping[str, str] = field(default_factory=dict)
    """`file:line` that registers a resource, by URN; the file is told from the program's folder."""

    @property
    def name(self) -> str:
        """`project/stack`."""
        return f"{self.project}/{self.stack}"

    def held_against(self, baseline: Compared) -> "Plan":
        """The same plan, of which only what is new or worse fails."""
        return replace(self, analysis=replace(self.analysis, findings=baseline.findings), baseline=baseline)

    @property
    def failed(self) -> bool:
        """Whether a check of severity error fails without a waiver, or nodes are not read, waived or not."""
        return self.analysis.failed

    @cached_property
    def secrets(self) -> tuple[str, ...]:
        """Texts that no one may see."""
        return secret_texts(self.graph)

    def as_json(self) -> dict[str, Any]:
        """The contract of `eks-gpu plan --json`: keys may be added, and none is removed."""
        return redacted(self._as_json(), self.secrets)

    def _as_json(self) -> dict[str, Any]:
        found = self.analysis
        return {
            "project": self.project,
            "stack": self.stack,
            "region": self.region or None,
            "resources": [
                {
                    "urn": resource.urn,
                    "type": resource.type,
                    "name": resource.name,
                    "parent": resource.parent,
                    "inputs": resource.shown,
                    **({"unknown": list(resource.unknown)} if resource.unknown else {}),
                    **({"expanded_from": resource.expanded_from} if resource.expanded_from else {}),
                }
                for resource in self.graph
            ],
            "pools": [pool.as_json() for pool in found.pools],
            "workloads": [workload.as_json(found.admitted_by(workload)) for workload in found.workloads],
            "cost": found.cost.as_json(),
            "checks": [finding.as_json() for finding in found.findings],
            "unread": [row.as_json() for row in found.unread],
            "quotas": [need.as_json() for need in found.quotas],
            "assumed": self.assumed,
            **({"baseline": self.baseline.as_json()} if self.baseline else {}),
            "log": [{"severity": severity, "message": message} for severity, message in self.said],
        }


def make_plan(project: Project, stack: StackConfig, on: date | None = None, given: Sequence[Resource] = ()) -> Plan:
    """Runs the stack's program offline and analyses it as of a day, by default today, beside the `given` pools.

    Raises InputError.
    """
    try:
        settings = plan_settings(project, stack)
    except InputError as wrong:  # told with what the program finds
        settings, stack = PlanSettings(), replace(stack, problems=(*stack.problems, *wrong.problems))
    recording, assumed = record(project, stack)
    day = on or today()
    with read(recording.graph):
        analysis = analyse(
            recording.graph,
            recording.region,
            day,
            settings.monthly_budget_usd,
            settings.waive,
            given,
            settings.cold_start_budget_s,
        )
    analysis = analysis.without(secret_texts(recording.graph))
    return Plan(
        project.name,
        stack.name,
        recording.region,
        recording.graph,
        analysis,
        assumed,
        said=recording.log,
        asked=recording.asked,
        look_ups=recording.look_ups,
        places=recording.places,
    )


def plan_settings(project: Project, stack: StackConfig) -> PlanSettings:
    """The planner's settings of a stack. Raises InputError with every problem."""
    key = f"{project.name}:{PLAN_KEY}"
    text = stack.config.get(key)
    if text is None:
        return PlanSettings()
    try:
        return PlanSettings.model_validate_json(text)
    except ValidationError as error:
        found = problems_of(error, PlanSettings)
        raise InputError(stack.located(f"{stack.file.name}: {problem.at(key)}") for problem in found) from None
