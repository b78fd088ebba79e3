"""Scenarios: what is replayed in the lab, and what must come of it. Data, a YAML file each."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import yaml
from pydantic import Field

from eks_gpu_components.value import BadInput, Value, check
from eks_gpu_planner.problems import InputError, nearest

SCENARIOS = Path(__file__).parent / "scenarios"
CHECKOUT = Path(__file__).resolve().parent.parent


class Workload(Value):
    """The Deployment that is scaled."""

    namespace: str
    deployment: str

    @property
    def path(self) -> str:
        return f"/apis/apps/v1/namespaces/{self.namespace}/deployments/{self.deployment}"


class Outcome(Value):
    """What must be true in the end. Every field counts, but for None."""

    running: int = Field(ge=0)
    """Pods of the workload that are ready."""
    gpu_nodes: Mapping[str, int] = Field(default_factory=dict)
    """Nodes with accelerators, by instance type."""
    new_gpu_nodes: Mapping[str, int] = Field(default_factory=dict)
    """Those that the step brought, also when they have gone since: a node too many that was given back counts."""
    zones: int | None = None
    """In how many zones the nodes with accelerators are."""


class Step(Value):
    """One change and what follows from it."""

    name: str
    replicas: int | None = Field(default=None, ge=0)
    """Given to the workload; None changes nothing: it is what the program itself brings."""
    within_s: float = Field(gt=0)
    """Seconds until it must be so."""
    expect: Outcome

    def expected(self) -> dict[str, Any]:
        return {**self.expect.model_dump(exclude_none=True), "within_s": self.within_s}


class Scenario(Value):
    """A project brought up, a workload scaled, everything taken away."""

    about: str
    """One sentence for the reader of the result."""
    project: str
    """Folder in the checkout."""
    stack: str = "dev"
    workload: Workload
    steps: tuple[Step, ...] = Field(min_length=1)
    autoscaler_arguments: Mapping[str, str] = Field(default_factory=dict)
    """Of the cluster autoscaler, in place of the program's: what would take ten minutes is shortened, and said."""
    idle_s: int | None = Field(default=None, ge=1)
    """Seconds an empty node of an auto scaling group is kept, in place of what its tag says; shortened as well."""

    @classmethod
    def load(cls, name: str) -> Self:
        """Raises InputError for a name without a file, and where the projects of the checkout are not to be had."""
        file = SCENARIOS / f"{name}.yaml"
        if name not in scenarios():
            raise InputError(f"SCENARIO: no scenario is named {name}{nearest(name, scenarios())}")
        try:
            found = check(cls, yaml.safe_load(file.read_text(encoding="utf-8")))
        except BadInput as problem:
            raise InputError(f"{file.name}: {problem}") from None
        if not found.folder.is_dir():
            raise InputError(f"{found.folder}: no such folder; scenarios replay projects of a checkout")
        return found

    @property
    def folder(self) -> Path:
        return CHECKOUT / self.project

    def shortened(self) -> dict[str, str]:
        """What differs from the program, for one reason: nobody waits that long."""
        idle = {"idle_s": str(self.idle_s)} if self.idle_s else {}
        return {**self.autoscaler_arguments, **idle}

    def expected(self) -> dict[str, Any]:
        """By step; and nothing may be left."""
        return {**{step.name: step.expected() for step in self.steps}, "left": []}


def scenarios() -> list[str]:
    """The names of all."""
    return sorted(file.stem for file in SCENARIOS.glob("*.yaml"))
