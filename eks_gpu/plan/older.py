"""Older plans: what `eks-gpu plan --json` wrote before, as far as a comparison reads it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from eks_gpu.io.problems import InputError
from eks_gpu_components.catalog.nearest import hint_or_all
from eks_gpu_components.values.validation_messages import problems_of


class SavedRow(BaseModel):
    """Of a plan; it may have more keys than are named here."""

    model_config = ConfigDict(frozen=True, extra="allow", strict=True)


class SavedPool(SavedRow):
    """Known by its name and what makes its nodes."""

    name: str
    backend: str


class SavedWorkload(SavedRow):
    """Known by kind, namespace and name."""

    name: str
    namespace: str
    kind: str


class SavedItem(SavedRow):
    """A line of a bill: USD, all of its quantity."""

    name: str
    hourly: float


class SavedBill(SavedRow):
    """USD at one level of use."""

    hourly: float
    monthly: float
    items: list[SavedItem]


class SavedCost(SavedRow):
    """Three levels of use."""

    idle: SavedBill
    steady: SavedBill
    max: SavedBill


class SavedCheck(SavedRow):
    """What a check said of a subject; the first planners wrote neither severity nor fix."""

    id: str
    subject: str
    passed: bool
    message: str
    severity: str = "error"
    fix: str | None = None
    waived: str | None = None

    @property
    def fails(self) -> bool:
        """Whether it fails, as an error or a warning, and nobody waived it."""
        return not self.passed and not self.waived


class Snapshot(SavedRow):
    """One plan, as `eks-gpu plan --json` writes it."""

    project: str
    stack: str
    region: str
    pools: list[SavedPool]
    workloads: list[SavedWorkload]
    cost: SavedCost
    checks: list[SavedCheck] = Field(default_factory=list)

    @property
    def title(self) -> str:
        """`eks-gpu / dev`."""
        return f"{self.project} / {self.stack}"


@dataclass(frozen=True)
class Older:
    """Plans of before, each for the stack that it is compared with."""

    by_stack: Mapping[str, Snapshot]
    notes: tuple[str, ...] = ()
    """Stacks that only one side has, a sentence each."""


def older(file: Path, stacks: Sequence[str], every: bool = False) -> Older:
    """What was saved of these stacks; `every` is whether the project has no others.

    A file with one plan is meant as it is where one stack is planned, so that two stacks can be compared. Raises
    InputError with all problems, and where the only stack has no plan in the file.
    """
    plans = load(file)
    by_name = {plan.stack: plan for plan in plans}
    if not every:
        (stack,) = stacks
        if stack not in by_name and len(plans) > 1:
            raise InputError(f"{file}: holds no plan of stack {stack}{hint_or_all(stack, by_name)}")
        return Older({stack: by_name.get(stack, plans[0])})
    new = (f"stack {stack} is new: {file} holds no plan of it" for stack in stacks if stack not in by_name)
    gone = (f"stack {stack} is gone: {file} holds a plan of it" for stack in by_name if stack not in stacks)
    return Older({stack: by_name[stack] for stack in stacks if stack in by_name}, (*new, *gone))


def load(file: Path) -> list[Snapshot]:
    """The plan in the file, or all of them from `plan --all`. Raises InputError with all problems."""
    data = _read(file)
    rows = data if isinstance(data, list) else [data]
    if not rows or not all(isinstance(row, dict) for row in rows):
        raise InputError(f"{file}: must be a plan that eks-gpu plan --json wrote, got {json.dumps(data)[:60]}")
    found, wrong = [], []
    for index, row in enumerate(rows):
        try:
            found.append(Snapshot.model_validate(row))
        except ValidationError as error:
            start = f"[{index}]" if isinstance(data, list) else ""
            wrong += [f"{file}: {problem.at(start)}" for problem in problems_of(error, Snapshot)]
    if wrong:
        raise InputError(wrong)
    return found


def _read(file: Path) -> Any:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{file}: cannot be read: {error.strerror}") from None
    except json.JSONDecodeError as error:
        raise InputError(f"{file}:{error.lineno}:{error.colno}: not valid JSON: {error.msg}") from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"{file}: not valid JSON: {type(error).__name__}") from None
