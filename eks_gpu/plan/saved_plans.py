"""Saved plans, as `eks-gpu plan --json` writes them: to compare with, and as a graph without running the program."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from eks_gpu.cost.money import Marks
from eks_gpu.graph.graph import Graph, Resource
from eks_gpu.graph.unread import Unread, What
from eks_gpu.graph.values import decoded, replaced
from eks_gpu.io.json_files import read_json
from eks_gpu.io.problems import InputError
from eks_gpu.offline.account import Account
from eks_gpu.offline.provider_outputs import outputs_of
from eks_gpu_components.catalog import regions
from eks_gpu_components.catalog.nearest import hint_or_all
from eks_gpu_components.values.validation_messages import problems_of, refused, shown


class SavedRow(BaseModel):
    """A part of a plan; it may have more keys than are named here."""

    model_config = ConfigDict(frozen=True, extra="allow", strict=True)


class SavedPool(SavedRow):
    """A pool, known by its name and what makes its nodes."""

    name: str
    backend: str


class SavedWorkload(SavedRow):
    """A workload, known by kind, namespace, name and, of several, its pod template."""

    name: str
    namespace: str
    kind: str
    template: str | None = None


class SavedItem(SavedRow):
    """A line of a bill: USD, all of its quantity."""

    name: str
    hourly: float
    estimate: bool = False
    price_region: str | None = None
    unit_hourly: float | None = None
    """None where no price is known."""

    def marks(self, region: str) -> Marks:
        """What its amount must be read with, in a plan of the region."""
        elsewhere = bool(self.price_region) and self.price_region != region
        return Marks(self.estimate, self.unit_hourly is None, elsewhere)


class SavedBill(SavedRow):
    """USD at one level of use."""

    hourly: float | None
    monthly: float | None
    items: list[SavedItem]
    at_least: bool = False
    """Whether it leaves out what was not read."""

    def marks(self, region: str) -> Marks:
        """What the total must be read with."""
        found = Marks(missing=self.hourly is None, at_least=self.at_least)
        for item in self.items:
            found |= item.marks(region)
        return found


class SavedCost(SavedRow):
    """Four levels of use; the first planners had no `demand_max`."""

    idle: SavedBill
    steady: SavedBill
    demand_max: SavedBill | None = None
    max: SavedBill


class SavedCheck(SavedRow):
    """What a check said of a subject; the first planners wrote neither severity nor fix."""

    id: str
    subject: str
    passed: bool | None
    message: str
    severity: str = "error"
    fix: str | None = None
    waived: str | None = None

    @property
    def fails(self) -> bool:
        """Whether the check fails, as an error or a warning, without a waiver."""
        return self.passed is False and not self.waived


class SavedUnread(SavedRow):
    """Something that the plan did not read; the first planners did not say."""

    subject: str
    what: What
    why: str
    how: str

    def as_unread(self) -> Unread:
        """The row as a plan has it."""
        return Unread(self.subject, self.what, self.why, self.how)


class Snapshot(SavedRow):
    """The parts of a plan that a comparison reads."""

    project: str
    stack: str
    region: str | None
    pools: list[SavedPool]
    workloads: list[SavedWorkload]
    cost: SavedCost
    checks: list[SavedCheck] = Field(default_factory=list)
    unread: list[SavedUnread] = Field(default_factory=list)

    @property
    def title(self) -> str:
        """`eks-gpu / dev`."""
        return f"{self.project} / {self.stack}"


def read_plans(file: Path) -> tuple[list[dict[str, Any]], bool]:
    """The plans in a file, each still unchecked, and whether they are a list, as `plan --all` writes it.

    Raises InputError for a file that holds something else.
    """
    data = read_json(file)
    rows = data if isinstance(data, list) else [data]
    if not rows or not all(isinstance(row, dict) for row in rows):
        got = "an empty list" if data == [] else shown(data)
        raise InputError(f"{file}: must be a plan that eks-gpu plan --json wrote, got {got}")
    return rows, isinstance(data, list)


def _problems(file: Path, error: ValidationError, start: str = "") -> Iterator[str]:
    for problem in problems_of(error):
        yield f"{file}: {problem.at(start)}"


# --- to compare with -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Older:
    """Plans of before, each for the stack that it is compared with."""

    by_stack: Mapping[str, Snapshot]
    notes: tuple[str, ...] = ()
    """A sentence for each stack that only one of the plans has."""


def older(file: Path, stacks: Sequence[str], every: bool = False) -> Older:
    """What was saved of these stacks; `every` is whether the project has no others.

    A file with one plan is meant as it is where one stack is planned, so that two stacks can be compared. Raises
    InputError with all problems, and where the only stack has no plan in the file.
    """
    plans = snapshots(file)
    by_name = {plan.stack: plan for plan in plans}
    if not every:
        (stack,) = stacks
        if stack not in by_name and len(plans) > 1:
            raise _none_of(file, stack, by_name)
        return Older({stack: by_name.get(stack, plans[0])})
    new = (f"stack {stack} is new: {file.name} holds no plan of it" for stack in stacks if stack not in by_name)
    gone = (f"stack {stack} is gone: {file.name} holds a plan of it" for stack in by_name if stack not in stacks)
    return Older({stack: by_name[stack] for stack in stacks if stack in by_name}, (*new, *gone))


def snapshots(file: Path) -> list[Snapshot]:
    """Every plan in the file. Raises InputError with all problems."""
    rows, are_list = read_plans(file)
    found, problems = [], []
    for index, row in enumerate(rows):
        try:
            found.append(Snapshot.model_validate(row))
        except ValidationError as error:
            problems += _problems(file, error, f"[{index}]" if are_list else "")
    if problems:
        raise InputError(problems)
    return found


def _none_of(file: Path, stack: str, there: Iterable[str]) -> InputError:
    return InputError(f"{file}: holds no plan of stack {stack}{hint_or_all(stack, there)}")


# --- its resources ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class SavedStack:
    """A stack as read from a saved plan, without running its program."""

    project: str
    stack: str
    region: str
    graph: Graph


def _known(region: str | None) -> str | None:
    if region is not None and region not in regions():
        raise refused("must be a region of AWS", known=regions())
    return region


class _Resource(BaseModel):
    urn: str
    type: str
    name: str
    parent: str
    inputs: dict[str, Any]
    expanded_from: str = ""


class _Resources(BaseModel):
    project: str
    stack: str
    region: Annotated[str | None, AfterValidator(_known)]
    resources: list[_Resource]
    unread: list[SavedUnread] = Field(default_factory=list)


class _Unsaved:
    """Knows no resource: those that a remote component hands out are in no plan."""

    def reference(self, parent: str, type_: str, name: str, state: Mapping[str, Any]) -> dict[str, str]:
        return {"urn": f"{parent}::{type_}::{name}"}


def saved_stack(file: Path, stack: str | None) -> SavedStack:
    """The stack of the plan in the file; of several, from `plan --all`, the one that is named, or else `dev`.

    Raises InputError with all problems.
    """
    rows, are_list = read_plans(file)
    by_name = {str(row.get("stack")): row for row in rows}
    wanted = stack or ("dev" if are_list else None)
    if wanted is not None and wanted not in by_name:
        raise _none_of(file, wanted, by_name)
    try:
        plan = _Resources.model_validate(rows[0] if wanted is None else by_name[wanted])
    except ValidationError as error:
        raise InputError(_problems(file, error)) from None
    left = [row.as_unread() for row in plan.unread if row.what != "values"]
    return SavedStack(plan.project, plan.stack, plan.region or "", Graph(_resources(file, plan), unread=left))


def _resources(file: Path, plan: _Resources) -> Iterator[Resource]:
    """Resources with the ids and outputs that the offline run gave them, since inputs refer to each other by these."""
    account = Account(plan.region or "")
    for index, row in enumerate(plan.resources):
        inputs = replaced(decoded(row.inputs), {}, row.urn)  # secrets are masked in a plan, and so not known here
        resource = Resource(row.urn, row.type, row.name, row.parent, inputs=inputs, expanded_from=row.expanded_from)
        try:
            outputs = outputs_of(account, resource, _Unsaved())
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            where = f"{file}: resources[{index}].inputs"
            raise InputError(f"{where} must be those of a {resource.type}: {error}") from None
        yield replace(resource, id=str(outputs.pop("id", "")), outputs={**resource.inputs, **outputs})
