"""Waivers of existing checks, and the file that `eks-gpu check` reads them from."""

from datetime import date
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import PydanticKnownError

from eks_gpu.checks import CHECKS, Waiver
from eks_gpu.checks.waiver import NEEDED
from eks_gpu.io.documents import lines_by_path, plain, read_map
from eks_gpu.io.problems import InputError
from eks_gpu_components.values.validation_messages import problems_of, refused, written


def _known(id_: str) -> str:
    if id_ == NEEDED:
        raise refused(f"must be another check, because {NEEDED} is about waivers")
    if id_ not in CHECKS:
        raise refused("must be the id of a check", known=CHECKS)
    return id_


def _given(until: date | None) -> date:
    if until is None:
        raise PydanticKnownError("missing")
    return until


class KnownWaiver(Waiver, frozen=True):
    """A waiver of an existing check."""

    check: Annotated[str, AfterValidator(_known)]


class EndingWaiver(KnownWaiver, frozen=True):
    """A waiver with an end: the file lies beside a stack that nobody plans, so nobody would see it again."""

    until: Annotated[date | None, AfterValidator(_given)] = Field(default=None, validate_default=True)


class WaiversFile(BaseModel):
    """The keys of the file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    waive: tuple[EndingWaiver, ...]
    """Failures that the stack accepts, each with its reason and its last day."""


def read_waivers(file: Path) -> tuple[EndingWaiver, ...]:
    """Raises InputError with every problem and its line."""
    told = read_map(file)
    try:
        return WaiversFile.model_validate(plain(told)).waive
    except ValidationError as error:
        lines = lines_by_path(told)
        problems = []
        for problem in problems_of(error, WaiversFile):
            # What is missing has no line of its own: then it is the line of what it is missing in.
            inner = (written(problem.path[:length]) for length in range(len(problem.path), 0, -1))
            line = next((lines[path] for path in inner if path in lines), 1)
            problems.append(f"{file.name}:{line}: {problem.at('')}")
        raise InputError(problems) from None
