"""A stack before it is written: planned in a folder of its own, with the instance types that its budget allows."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from math import ceil, floor
from pathlib import Path

from eks_gpu.cost.bill import Bill
from eks_gpu.cost.money import usd
from eks_gpu.init import program, stack_file
from eks_gpu.init.answers import BACKEND, BUDGET, GPUS, Answers, pool_types
from eks_gpu.io.problems import InputError
from eks_gpu.offline.project import Project
from eks_gpu.plan.plan import Plan, make_plan

ROOT_SETTINGS = "settings.py"
"""Beside Pulumi.yaml: the types of the settings that the root project's program reads."""
_ROOT_SECTIONS = ("karpenter_gpu_pools", "auto_mode_gpu_pools", "gpu_node_groups")
ROUND_TO = 50
"""USD: a budget that nobody gave is the maximum, rounded up."""


@dataclass(frozen=True)
class Target:
    """The folder that the files are for, and the project in it."""

    folder: Path
    stack: str
    project: Project | None
    """None where there is no project yet."""
    backend: str | None = None
    """The one that the program there is written for; None where the stack decides."""

    @property
    def name(self) -> str:
        return self.project.name if self.project else program.project_name(self.folder.resolve().name)

    @property
    def file(self) -> Path:
        """The stack's."""
        return (self.project.root / self.project.stack_folder if self.project else self.folder) / self.file_name

    @property
    def file_name(self) -> str:
        return f"Pulumi.{self.stack}.yaml"

    @property
    def takes_settings(self) -> bool:
        """Whether it is the root project, whose stacks hold settings."""
        return self.project is not None and self.backend is None

    def files(self, answers: Answers) -> dict[Path, str]:
        """Every file that is written."""
        if answers.backend != (self.backend or answers.backend):
            raise InputError(f"{BACKEND} must be {self.backend}, for which __main__.py here is written")
        cluster = f"{self.name}-{self.stack}"
        text = (stack_file.settings if self.takes_settings else stack_file.small)(self.name, cluster, answers)
        beside = {} if self.project else program.files(self.name, answers.backend)
        return {**{self.folder / name: made for name, made in beside.items()}, self.file: text}


def find(folder: Path, stack: str) -> Target:
    """What is there. Raises InputError for a project whose stacks have neither settings nor a pool of ours."""
    if not any((folder / name).exists() for name in ("Pulumi.yaml", "Pulumi.yml")):
        there = [name for name in ("__main__.py", "requirements.txt") if (folder / name).exists()]
        if there:
            raise InputError(f"{folder / there[0]}: is there already, without Pulumi.yaml; init writes a whole project")
        return Target(folder, stack, None)
    project = Project.load(folder.resolve())
    beside = project.root / ROOT_SETTINGS
    if beside.is_file() and all(word in beside.read_text(encoding="utf-8") for word in _ROOT_SECTIONS):
        return Target(folder, stack, project)
    entry = project.program if project.program.is_file() else project.program / "__main__.py"
    backend = program.backend_of(entry.read_text(encoding="utf-8", errors="replace"))
    if backend is None:
        told = "reads neither the settings nor the pool that init writes"
        raise InputError(f"{entry.name}: the program of {project.name} {told}; take an empty folder, or write a stack")
    return Target(folder, stack, project, backend)


def plan_of(target: Target, answers: Answers) -> Plan:
    """The plan of the files, as if they were there."""
    with _drafted(target, answers) as project:
        return make_plan(project, project.stack(target.stack))


@contextmanager
def _drafted(target: Target, answers: Answers) -> Iterator[Project]:
    with tempfile.TemporaryDirectory(prefix="eks-gpu-init-") as name:
        for file, text in target.files(answers).items():
            (Path(name) / file.name).write_text(text, encoding="utf-8")
        if target.project:
            yield replace(target.project, stack_folder=str(Path(name).resolve()))
        else:
            yield Project.load(Path(name))


def fitted(target: Target, answers: Answers) -> tuple[Answers, Plan]:
    """The answers with as many instance types as the budget allows, and their plan.

    Without a budget, all of them, and their maximum as the budget. Raises InputError where not even the cheapest type
    is within the budget.
    """
    types = [row.name for row in pool_types(answers.region)]
    while True:
        tried = replace(answers, types=tuple(types))
        made = plan_of(target, tried)
        most = made.analysis.cost.max.monthly
        if tried.budget is None:
            return replace(tried, budget=rounded(made)), made
        if most <= tried.budget:
            return tried, made
        if len(types) == 1:
            raise InputError(f"{BUDGET} {tried.budget:.15g}: {_too_small(target, tried, made)}")
        types.pop()


def rounded(made: Plan) -> float:
    """The maximum of a month as a budget, in USD."""
    return ceil(made.analysis.cost.max.monthly / ROUND_TO) * ROUND_TO


def _too_small(target: Target, answers: Answers, made: Plan) -> str:
    cost, budget = made.analysis.cost, answers.budget or 0
    one = plan_of(target, replace(answers, gpus=1)).analysis.cost.max
    said = f"{answers.gpus} GPU{'s' * (answers.gpus > 1)} of {answers.types[0]} cost up to {_usd(cost.max)} USD a month"
    idle = f"{_usd(cost.idle)} while idle"
    if answers.gpus == 1 or one.monthly > budget:
        return f"{said}, {idle}; one GPU costs up to {_usd(one)}"
    each = (cost.max.monthly - one.monthly) / (answers.gpus - 1)
    return f"{said}, {idle}; the budget is enough for {GPUS} {1 + floor((budget - one.monthly) / each)}"


def _usd(bill: Bill) -> str:
    return usd(bill.monthly, 0, bill.marks)
