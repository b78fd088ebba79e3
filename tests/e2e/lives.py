"""A project's life in the lab, from its first `apply` to its last `destroy`; with two kills in it."""

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import psutil
import pytest

from eks_gpu.lab.apply import LabStack, lab_stack
from eks_gpu.lab.engine import backend
from eks_gpu.lab.interrupted import ENGINE, names, orphans
from eks_gpu.lab.leftovers import leftovers
from eks_gpu.lab.outcomes import Applied, Cancelled, Destroyed, Step
from eks_gpu.lab.problem import LabProblem
from eks_gpu.lab.state import Lab, find_lab
from tests.committed import committed
from tests.e2e.faulty_aws import Fault, FaultyAws
from tests.waiting import PATIENCE_S, until

COMMAND = Path(sys.executable).parent / "eks-gpu"
QUIET_S = 2.0
"""For how long the engine writes nothing when it has done all that it can."""


@dataclass(frozen=True)
class Example:
    """One example, how it is changed, and how it is troubled."""

    project: str
    setting: tuple[str, str]
    """Text of its program, and what takes its place."""
    updated: set[str]
    """What that updates; but for `replaced`, nothing else is touched."""
    order: list[tuple[str, str]]
    """What goes before what."""
    killed_at: str
    """What the engine says at the moment that it is killed in destroy."""
    replaced: set[str] = field(default_factory=set)
    """What that replaces."""
    moved: set[str] = field(default_factory=set)
    """What the autoscaler gives another size, so that a refresh finds it."""
    refused: tuple[str, str] = ("/node-groups ", "create_nodegroup")
    """Text of the request that AWS refuses, and the operation that it is."""
    minutes: float = 5
    """About how long it lives."""

    @property
    def folder(self) -> Path:
        return committed() / "examples" / self.project


@dataclass(frozen=True)
class KilledUp:
    """What was said around an `apply` that was killed when AWS had made the cluster and nobody had heard so."""

    beside_another: str
    """To a second `apply` at the same time."""
    afterwards: str
    cancelled: Cancelled
    refused: str
    """By the next `apply`, to which AWS refused a node group."""


@dataclass(frozen=True)
class KilledDestroy:
    """What was said after a `destroy` that was killed."""

    afterwards: str
    cancelled: Cancelled


@dataclass(frozen=True)
class Life:
    """What was seen of one example."""

    ahead: tuple[Step, ...]
    """Of a preview, before there was anything."""
    made_by_preview: tuple[str, ...]
    killed_up: KilledUp
    finished: Applied
    ahead_again: tuple[Step, ...]
    """Of a preview when all was there."""
    again: Applied
    drift: tuple[Step, ...]
    changed: Applied
    killed_destroy: KilledDestroy
    gone: Destroyed
    log: str
    """All that the engine said."""
    orphans: int
    """Providers without an engine, at the end."""


def live(lab: Lab, example: Example, scratch: Path, aws: FaultyAws) -> Life:
    """All of it, in the order of `Life`; `aws` is a way to the lab's."""
    stack = lab_stack(lab, example.folder, "dev")
    changed = lab_stack(lab, with_setting(example.folder, example.setting, scratch), "dev")
    return Life(
        ahead=stack.preview(),
        made_by_preview=tuple(leftovers(lab)),
        killed_up=killed_up(lab, example, stack, aws),
        finished=stack.up(),
        ahead_again=stack.preview(),
        again=stack.up(),
        drift=stack.refresh(),
        changed=changed.up(),
        killed_destroy=killed_destroy(example, stack),
        gone=stack.destroy(),
        log=stack.log.read_text(),
        orphans=len(orphans(lab.folder)),
    )


def killed_up(lab: Lab, example: Example, stack: LabStack, aws: FaultyAws) -> KilledUp:
    with asked_of(aws), aws.meets("POST /clusters ", Fault.LOST) as cluster_is_made:
        engine = start("apply", example.folder)
        assert cluster_is_made.wait(PATIENCE_S)
        until(lambda: quiet(lab, example.project))
        beside_another = told("apply", example.folder)
        kill(engine)
    afterwards = told("apply", example.folder)
    cancelled = stack.cancel()
    with asked_of(aws), aws.meets(example.refused[0], Fault.REFUSED):
        refused = told("apply", example.folder)
    return KilledUp(beside_another, afterwards, cancelled, refused)


def killed_destroy(example: Example, stack: LabStack) -> KilledDestroy:
    with own_engine_killed(lambda: example.killed_at in stack.log.read_text()) as problem:
        stack.destroy()
    return KilledDestroy(str(problem.value), stack.cancel())


class Deletions:
    """When the engine began and ended to delete each resource, as type and name, by the line that says so."""

    def __init__(self, log: str):
        self.starts, self.ends = dict[str, int](), dict[str, int]()
        for number, line in enumerate(log.splitlines()):
            if found := re.match(r" -  (\S+ \S+) delet(?:ing|ed) ", line):
                self.starts.setdefault(found[1], number)
                self.ends[found[1]] = number

    def before(self, first: str, then: str) -> bool:
        return self.ends[first] < self.starts[then]


def touched(steps: tuple[Step, ...]) -> dict[str, str]:
    """Type and name -> operation, but for what stayed the same, and components, which only note what they are given."""
    done = {name: step.operation for step in steps if step.operation != "same" for name in names([step.urn])}
    return {name: operation for name, operation in done.items() if not name.startswith("eks-gpu-components:")}


def with_setting(project: Path, setting: tuple[str, str], folder: Path) -> Path:
    """A copy of a project whose program has other text in one place."""
    copy = Path(shutil.copytree(project, folder / project.name))
    program = copy / "__main__.py"
    before, after = setting
    assert program.read_text().count(before) == 1
    program.write_text(program.read_text().replace(before, after))
    return copy


def unprotected(project: Path, stack: str, scratch: Path) -> Path:
    """A copy of a project whose stack may be destroyed."""
    ignored = shutil.ignore_patterns(".venv", "tests")
    folder = Path(shutil.copytree(project, scratch / "unprotected", ignore=ignored))
    settings = folder / f"Pulumi.{stack}.yaml"
    text = settings.read_text()
    assert text.count("    cluster:\n") == 1
    settings.write_text(text.replace("    cluster:\n", "    cluster:\n      deletion_protection: false\n"))
    return folder


@contextmanager
def asked_of(aws: FaultyAws) -> Iterator[None]:
    """Commands of the lab ask this AWS meanwhile. A controller that one of them starts does so for good."""
    found = find_lab()
    replace(found, aws_endpoint=aws.endpoint).save()
    try:
        yield
    finally:
        replace(find_lab(), aws_endpoint=found.aws_endpoint).save()


def start(operation: str, project: Path) -> subprocess.Popen[str]:
    """`eks-gpu lab`, in a process group of its own."""
    command, pipe = [COMMAND, "lab", operation, project], subprocess.PIPE
    return subprocess.Popen(command, cwd=committed(), stderr=pipe, stdout=pipe, text=True, start_new_session=True)


def kill(process: subprocess.Popen[str]) -> None:
    """`kill -9` of it and its engine."""
    assert process.poll() is None
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


@contextmanager
def own_engine_killed(when: Callable[[], bool]) -> Iterator[pytest.ExceptionInfo[LabProblem]]:
    """`kill -9` of the engine that this process runs, and what is told then."""

    def kill_engine() -> None:
        until(when)
        for child in psutil.Process().children():
            if child.name() == ENGINE:
                child.kill()

    killer = threading.Thread(target=kill_engine)
    killer.start()
    with pytest.raises(LabProblem) as problem:
        yield problem
    killer.join()


def told(operation: str, project: Path) -> str:
    """What an operation says that cannot be done."""
    process = start(operation, project)
    _, said = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 1
    return said


def quiet(lab: Lab, project: str) -> bool:
    """Whether the engine has done all that it can, and waits."""
    state = backend(lab) / ".pulumi" / "stacks" / project / "dev.json"
    return state.exists() and time.time() - state.stat().st_mtime > QUIET_S
