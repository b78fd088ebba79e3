"""A saved plan, as `eks-gpu plan --json` writes it: its resources as a graph again, without running the program."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ValidationError

from eks_gpu.graph.graph import Graph, Resource
from eks_gpu.io.problems import InputError
from eks_gpu.offline.account import Account
from eks_gpu.offline.provider_outputs import outputs_of
from eks_gpu_components.catalog import regions
from eks_gpu_components.catalog.nearest import hint_or_all
from eks_gpu_components.values.validation_messages import problems_of, refused


@dataclass(frozen=True)
class SavedPlan:
    """What can be told of a stack without its program."""

    project: str
    stack: str
    region: str
    graph: Graph


def _known(region: str) -> str:
    if region not in regions():
        raise refused("must be a region of AWS", known=regions())
    return region


class _Row(BaseModel):
    urn: str
    type: str
    name: str
    parent: str
    inputs: dict[str, Any]


class _Plan(BaseModel):
    project: str
    stack: str
    region: Annotated[str, AfterValidator(_known)]
    resources: list[_Row]


class _Unsaved:
    """Knows no resource: those that a remote component hands out are in no plan."""

    def reference(self, parent: str, type_: str, name: str, state: Mapping[str, Any]) -> dict[str, str]:
        return {"urn": f"{parent}::{type_}::{name}"}


def load(file: Path, stack: str | None) -> SavedPlan:
    """The plan in the file; of several, from `plan --all`, the one of the stack, `dev` unless named.

    Raises InputError with all problems.
    """
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{file}: cannot be read: {error.strerror}") from None
    except json.JSONDecodeError as error:
        raise InputError(f"{file}:{error.lineno}:{error.colno}: not valid JSON: {error.msg}") from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"{file}: not valid JSON: {type(error).__name__}") from None
    try:
        plan = _Plan.model_validate(_of_stack(file, data, stack))
    except ValidationError as error:
        raise InputError(f"{file}: {problem.at('')}" for problem in problems_of(error, _Plan)) from None
    return SavedPlan(plan.project, plan.stack, plan.region, Graph(_resources(file, plan)))


def _of_stack(file: Path, data: Any, stack: str | None) -> Any:
    if not isinstance(data, list):
        plans, wanted = [data], stack
    else:
        plans, wanted = data, stack or "dev"
    by_name = {str(plan.get("stack")): plan for plan in plans if isinstance(plan, dict)}
    if not by_name:
        raise InputError(f"{file}: must be a plan that eks-gpu plan --json wrote, got {type(data).__name__}")
    if wanted is None:
        return plans[0]
    if wanted not in by_name:
        raise InputError(f"{file}: holds no plan of stack {wanted}{hint_or_all(wanted, by_name)}")
    return by_name[wanted]


def _resources(file: Path, plan: _Plan) -> Iterator[Resource]:
    """With the ids and outputs that the offline run gave them: inputs refer to each other by these."""
    account = Account(plan.region)
    for index, row in enumerate(plan.resources):
        resource = Resource(row.urn, row.type, row.name, row.parent, inputs=row.inputs)
        try:
            outputs = outputs_of(account, resource, _Unsaved())
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            where = f"{file}: resources[{index}].inputs"
            raise InputError(f"{where} must be those of a {resource.type}: {error}") from None
        yield replace(resource, id=str(outputs.pop("id", "")), outputs={**resource.inputs, **outputs})
