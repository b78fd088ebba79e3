"""A baseline: the failures of one day, so that later runs fail only on what is new or worse."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from eks_gpu.checks import Finding
from eks_gpu.io.json_files import read_json
from eks_gpu.io.output import write_json
from eks_gpu.io.problems import InputError
from eks_gpu_components.values.validation_messages import problems_of


class Known(BaseModel, frozen=True, extra="forbid"):
    """A failure of the day on which the baseline was recorded."""

    id: str
    subject: str
    severity: Literal["error", "warning"]
    message: str

    def is_worse(self, now: Finding) -> bool:
        """Whether a warning became an error, or the failure has a part that it did not have. Numbers may differ."""
        return (self.severity, now.severity) == ("warning", "error") or not _parts(now.message) <= _parts(self.message)


class Baseline(BaseModel):
    """What `--baseline FILE` holds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    recorded: date
    stacks: Mapping[str, tuple[Known, ...]]
    """Failures by `project/stack`."""


@dataclass(frozen=True)
class Compared:
    """A stack's findings held against a baseline."""

    recorded: date
    findings: list[Finding]
    """Those that the baseline has, and that are no worse, are waived by it."""
    known: int
    new: list[Finding]
    worse: list[Finding]
    gone: list[Known]
    """What failed then, and holds now or is no longer there."""

    def as_json(self) -> dict[str, Any]:
        """The answer's key `baseline`."""
        return {
            "recorded": self.recorded.isoformat(),
            "known": self.known,
            "new": [_row(finding) for finding in self.new],
            "worse": [_row(finding) for finding in self.worse],
            "gone": [{"id": known.id, "subject": known.subject} for known in self.gone],
        }

    def as_lines(self) -> list[str]:
        """The same for people."""
        counts = f"{self.known} known, {len(self.new)} new, {len(self.worse)} worse, {len(self.gone)} gone"
        return [
            f"baseline of {self.recorded}: {counts}",
            *(f"new: {finding.id}: {finding.subject}" for finding in self.new),
            *(f"worse: {finding.id}: {finding.subject}" for finding in self.worse),
            *(f"gone: {known.id}: {known.subject}" for known in self.gone),
        ]


def read_baseline(file: Path) -> Baseline | None:
    """None for a file that is not there yet. Raises InputError."""
    if not file.exists():
        return None
    try:
        return Baseline.model_validate(read_json(file))
    except ValidationError as error:
        raise InputError(f"{file}: {problem.at('')}" for problem in problems_of(error, Baseline)) from None


def since(file: Path, on: date, stacks: Mapping[str, Sequence[Finding]]) -> dict[str, Compared]:
    """Each stack held against the baseline in a file, which is recorded as of a day where there is none yet.

    Raises InputError.
    """
    baseline = read_baseline(file)
    if baseline is None:
        baseline = _recorded(on, stacks)
        write_json(file, baseline.model_dump(mode="json"))
    return {name: held_against(baseline, name, findings) for name, findings in stacks.items()}


def held_against(baseline: Baseline, stack: str, findings: Sequence[Finding]) -> Compared:
    """Of a stack that the baseline does not have, every failure is new."""
    before = {(known.id, known.subject): known for known in baseline.stacks.get(stack, ())}
    found, new, worse, known = [], [], [], 0
    for finding in findings:
        was = before.get((finding.id, finding.subject))
        if _fails(finding) and was is None:
            new.append(finding)
        elif _fails(finding) and was and was.is_worse(finding):
            worse.append(finding)
        elif _fails(finding):
            known += 1
            finding = replace(finding, waived=waiver(baseline.recorded.isoformat()))
        found.append(finding)
    still = {(finding.id, finding.subject) for finding in findings if not finding.passed}
    gone = [known for key, known in before.items() if key not in still]
    return Compared(baseline.recorded, found, known, new, worse, gone)


def waiver(recorded: str) -> str:
    """Why a failure of that day is waived."""
    return f"in the baseline of {recorded}"


def _recorded(on: date, stacks: Mapping[str, Sequence[Finding]]) -> Baseline:
    """The failures that nothing waives."""
    failures = {name: tuple(_known(each) for each in found if _fails(each)) for name, found in stacks.items()}
    return Baseline(recorded=on, stacks=failures)


def _fails(finding: Finding) -> bool:
    return finding.passed is False and not finding.waived


def _known(finding: Finding) -> Known:
    return Known.model_validate({key: getattr(finding, key) for key in ("id", "subject", "severity", "message")})


def _row(finding: Finding) -> dict[str, str]:
    return {"id": finding.id, "subject": finding.subject, "severity": finding.severity, "message": finding.message}


def _parts(message: str) -> set[str]:
    """The problems that a finding's message is made of, without their numbers."""
    return {re.sub(r"[\d.,]*\d", "0", part) for part in message.split("; ")}
