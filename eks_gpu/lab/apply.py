"""A project's own program, unchanged, on the real Pulumi engine against the lab; and back.

What it asks of AWS goes to stand-in providers and into moto, what it asks of Kubernetes through the real provider into
the real API server. The engine's state lives and dies with the lab.
"""

import json
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pulumi
from pulumi import automation

from eks_gpu.io.documents import PULUMI, read_map
from eks_gpu.io.problems import InputError
from eks_gpu.io.yaml_text import dump
from eks_gpu.lab import processes
from eks_gpu.lab.auto_mode import auto_mode_clusters
from eks_gpu.lab.auto_mode_terms import ProgramTranslation
from eks_gpu.lab.charts import (
    PLAYED,
    Controllers,
    Release,
    after_controllers,
    followed,
    releases,
    without_templates,
)
from eks_gpu.lab.cluster_api import ClusterApi
from eks_gpu.lab.control_plane import Note
from eks_gpu.lab.engine import backend, ctrl_c_for_the_engine, interrupt, variables
from eks_gpu.lab.interrupted import Lock, has_stack, locks, mend, names, orphans, settled
from eks_gpu.lab.isolation import alone_with
from eks_gpu.lab.leftovers import end_with_cluster, leftovers
from eks_gpu.lab.nodes import aws_client
from eks_gpu.lab.outcomes import Applied, Cancelled, Destroyed, Step
from eks_gpu.lab.problem import LabProblem
from eks_gpu.lab.relayed import run_beside
from eks_gpu.lab.state import Lab
from eks_gpu.offline.project import PYTHON, Project, StackConfig
from eks_gpu_components.catalog import API_CIDRS_KEY

UPDATES_COME_FROM = "192.88.99.1/32"
"""Address of the machine that updates a stack in the lab, for clusters that name none: nobody's since RFC 7526, and in
no table of private or reserved ranges, so EKS takes it."""
_OF_PROGRAMS = ("main", "packages", "plugins", "resources", "variables", "outputs", "components", "options")
"""Keys of Pulumi.yaml that are of the program; the engine runs the lab's own."""
SECRET = "[secret]"
"""In place of a stack's secrets: what opens them is not the lab's to have."""
_AFTER_AN_END = ("exited prematurely", "the client connection is closing")
"""What the engine says of those that it has ended itself."""
HINTS = {
    "Kubernetes cluster is unreachable": "A cluster with a private endpoint alone is reached from inside its VPC: from "
    "there `--from inside`; or open the endpoint to the machine that updates it",
    "because it is protected": "Nothing is gone. Turn protection off first: `deletion_protection: false` among the "
    "cluster's settings, then apply, then destroy",
    "Deletion protection is enabled": "Turn it off first: `deletion_protection: false` among the cluster's settings, "
    "then apply, then destroy. What was in the cluster is gone already; apply brings it back",
}
"""What a person can do, by what AWS says."""


class LabStack:
    """A stack of a project in the lab."""

    def __init__(
        self,
        lab: Lab,
        project: Project,
        stack: StackConfig,
        autoscaler_arguments: Mapping[str, str] | None = None,
        update_from: str = "inside",
    ):
        """`update_from` says whether the engine runs `inside` the VPC of the stack's clusters or `outside` of it.

        Raises InputError for a stack of another region than the lab plays.
        """
        if stack.region != lab.region:
            raise InputError(
                f"{stack.place('aws:region')}: aws:region must be the lab's, {lab.region}, got {stack.region}; "
                f"or `eks-gpu lab up --region {stack.region}`"
            )
        self._lab, self._project, self._stack, self._from = lab, project, stack, update_from
        self._controllers = Controllers(lab, autoscaler_arguments)
        self._folder = lab.folder / "projects" / project.name
        root = project.root
        place = root.relative_to(Path.cwd()) if root.is_relative_to(Path.cwd()) else root
        self._cancel = f"`eks-gpu lab cancel {place} --stack {stack.name}`"
        self.log = lab.log(f"pulumi-{project.name}-{stack.name}")

    def up(self, note: Note = lambda _: None, transforms: Sequence[pulumi.ResourceTransform] = ()) -> Applied:
        """Brings it up, or up to date, with its resources changed by the transforms.

        Raises LabProblem with the engine's errors, and InputError.
        """
        started = time.monotonic()
        words = self._translation()
        transforms = (*transforms, words.transform)
        with (
            self._project.entered(),
            words.complete(),
            followed(self._controllers, interrupt),
            self._engine(transforms) as engine,
        ):
            result, steps = self._run(engine.up, note)
        found = tuple(releases(ClusterApi(self._lab)))
        outputs = {name: SECRET if output.secret else output.value for name, output in result.outputs.items()}
        changes = result.summary.resource_changes or {}
        return Applied(changes, time.monotonic() - started, found, outputs, steps, words.told())

    def preview(self, note: Note = lambda _: None) -> tuple[Step, ...]:
        """What `up` would do to each resource, in the lab as it is now. Makes nothing.

        Raises LabProblem with the engine's errors, and InputError.
        """
        words = self._translation()
        there = has_stack(backend(self._lab), self._project.name, self._stack.name)
        with self._project.entered(), words.complete(), self._engine((words.transform,)) as engine:
            try:
                return tuple(dict.fromkeys(self._run(engine.preview, note)[1]))  # a component is told twice
            finally:
                if not there:
                    engine.workspace.remove_stack(self._stack.name)

    def preview_document(self) -> dict[str, Any]:
        """What `pulumi preview --json` prints of it, in the lab as it is now. Raises LabProblem, and InputError."""
        words = self._translation()
        told = list[str]()
        with self._project.entered(), words.complete(), self._engine((words.transform,)) as engine:
            engine.preview(json=True, on_output=told.append, color="never")
        return dict(json.loads("\n".join(told)))

    def state_document(self) -> dict[str, Any]:
        """What `pulumi stack export` prints of it. Raises LabProblem."""
        self._demand()
        with self._engine() as engine:
            state = engine.export_stack()
        return {"version": state.version, "deployment": state.deployment}

    def destroy(self, note: Note = lambda _: None) -> Destroyed:
        """Takes it away. Raises LabProblem with the engine's errors."""
        started = time.monotonic()
        with followed(self._controllers, interrupt), self._engine() as engine:
            result, steps = self._run(engine.destroy, note)
            engine.workspace.remove_stack(self._stack.name)
            ended = tuple(end_with_cluster(self._lab))
        deleted = (result.summary.resource_changes or {}).get("delete", 0)
        return Destroyed(deleted, time.monotonic() - started, tuple(leftovers(self._lab)), steps, ended)

    def refresh(self, note: Note = lambda _: None) -> tuple[Step, ...]:
        """Makes the state say what there is: same, update or delete for each resource. Raises LabProblem."""
        self._demand()
        with self._engine() as engine:
            return self._run(engine.refresh, note)[1]

    def cancel(self, note: Note = lambda _: None) -> Cancelled:
        """The way back after the engine was killed: unlocks the stack, and finds out what there is of it.

        Raises LabProblem while an engine is at work on it, and when the lab does not have it.
        """
        left = self._locks()
        if any(lock.held for lock in left):
            raise LabProblem(self._locked())
        processes.end(orphans(self._lab.folder, self._project.name))
        self._demand()
        with self._engine() as engine:
            engine.cancel()
            state = engine.export_stack()
            found = settled(state.deployment or {})
            engine.import_stack(automation.Deployment(state.version, found.deployment))
            result, _ = self._run(engine.refresh, note)
            there = {resource["urn"] for resource in (engine.export_stack().deployment or {})["resources"]}
        return Cancelled(
            tuple(lock.pid for lock in left),
            result.summary.resource_changes or {},
            tuple(names(urn for urn in found.asked if urn in there)),
            tuple(names(found.unknown)),
        )

    def _translation(self) -> ProgramTranslation:
        """Of Auto Mode's words, where the lab has a cluster with it."""
        eks = aws_client(self._lab, "eks")
        return ProgramTranslation(lambda: bool(auto_mode_clusters(eks)), interrupt)

    def _locks(self) -> list[Lock]:
        return locks(backend(self._lab), self._project.name, self._stack.name)

    def _demand(self) -> None:
        """Raises LabProblem when the lab does not have the stack."""
        if not has_stack(backend(self._lab), self._project.name, self._stack.name):
            raise LabProblem(f"{self._name} is not in the lab: `eks-gpu lab apply` brings it up")

    @property
    def _name(self) -> str:
        return f"stack {self._stack.name} of {self._project.name}"

    def _locked(self) -> str:
        """Who has the stack, and what to do."""
        left = self._locks()
        if not left or any(lock.held for lock in left):
            by = ", ".join(f"pid {lock.pid}" for lock in left if lock.held) or "which is done by now"
            return f"{self._name} is being changed by another engine ({by}): wait, then try again"
        return (
            f"{self._name} is locked by an engine that was killed (pid {left[0].pid}): {self._cancel} unlocks it "
            "and finds out what there is; then apply or destroy it again"
        )

    def _program(self, transforms: Sequence[pulumi.ResourceTransform] = ()) -> Awaitable[None] | None:
        own = (without_templates(self._lab.folder / "charts"), after_controllers(self._lab))
        for transform in (*own, *transforms):
            pulumi.runtime.register_resource_transform(transform)
        if self._project.runtime != PYTHON:
            return run_beside(self._project, self._stack.name)
        self._project.main()
        return None

    @contextmanager
    def _engine(self, transforms: Sequence[pulumi.ResourceTransform] = ()) -> Iterator[automation.Stack]:
        self._write_settings()
        mend(backend(self._lab), self._project.name, self._stack.name)
        program = partial(self._program, transforms)
        with alone_with(variables(self._lab, self._from)):
            options = automation.LocalWorkspaceOptions(work_dir=str(self._folder))
            try:
                stack = automation.create_or_select_stack(
                    self._stack.name, project_name=self._project.name, program=program, opts=options
                )
            except automation.CommandError as error:
                refused = str(error).partition("stderr:")[2].strip()
                raise LabProblem(
                    f"the engine does not take {self._project.name}, {self._stack.file.name}: {refused}"
                ) from None
            yield stack

    def _write_settings(self) -> None:
        """What the engine reads of a project. It writes there too, which is why it does not get the project itself."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        source = next(self._project.root / name for name in ("Pulumi.yaml", "Pulumi.yml") if self._has(name))
        project = read_map(source, PULUMI)
        project = {key: value for key, value in project.items() if key not in _OF_PROGRAMS} | {"runtime": PYTHON}
        stack = read_map(self._stack.file, PULUMI)
        values = {key: SECRET if _sealed(value) else value for key, value in (stack.get("config") or {}).items()}
        values = {API_CIDRS_KEY: [UPDATES_COME_FROM], **values}
        _write_yaml(self._folder / "Pulumi.yaml", project)
        _write_yaml(self._folder / f"Pulumi.{self._stack.name}.yaml", {"config": values})

    def _has(self, name: str) -> bool:
        return (self._project.root / name).exists()

    def _run(self, operation: Callable[..., Any], note: Note) -> tuple[Any, tuple[Step, ...]]:
        """The engine's result and steps; all that it says goes to a log, its last line to `note`."""
        errors, steps = list[str](), list[Step]()

        def hear(event: automation.EngineEvent) -> None:
            said, done = event.diagnostic_event, event.res_outputs_event
            if said and said.severity == "error":
                errors.append(f"{_short(said.urn)}{_brief(said.message)}")
            if done:
                of = done.metadata
                steps.append(Step(of.op.value, of.urn, tuple(sorted(of.detailed_diff or of.diffs or ()))))

        self.log.parent.mkdir(exist_ok=True)
        with self.log.open("a", encoding="utf-8") as log:

            def say(line: str) -> None:
                log.write(f"{line}\n")
                log.flush()
                if line.strip():
                    note(line.strip()[:100])

            try:
                with ctrl_c_for_the_engine():
                    return operation(on_output=say, on_event=hear, color="never"), tuple(steps)
            except automation.ConcurrentUpdateError:
                raise LabProblem(self._locked()) from None
            except automation.CommandError as error:
                told = [self._locked()] if self._locks() else _causes(errors) or [str(error).strip()]
                told += [hint for sign, hint in HINTS.items() if sign in "\n".join(errors)]
                raise LabProblem("\n".join([*told, f"The engine's words are in {self.log}"])) from None


def lab_stack(
    lab: Lab,
    project: Path,
    stack: str,
    autoscaler_arguments: Mapping[str, str] | None = None,
    update_from: str = "inside",
) -> LabStack:
    """Raises InputError for a folder without a project, and for a stack without a file or with a wrong one."""
    loaded = Project.load(project)
    chosen = loaded.stack(stack)
    if chosen.problems:
        raise InputError(chosen.problems)
    return LabStack(lab, loaded, chosen, autoscaler_arguments, update_from)


def played(charts: tuple[Release, ...]) -> tuple[list[Release], list[Release]]:
    """Those whose controllers the lab runs itself, and those of which nothing runs here."""
    return [each for each in charts if each.chart in PLAYED], [each for each in charts if each.chart not in PLAYED]


def _sealed(value: Any) -> bool:
    return isinstance(value, dict) and set(value) == {"secure"}


def _short(urn: str | None) -> str:
    return f"{urn.rpartition('::')[2]}: " if urn else ""


def _brief(message: str) -> str:
    """An error of the engine; of one that the program raised, what it says."""
    told = message.strip().partition("\nTraceback ")[0].rpartition("python inline source runtime error: ")[2]
    return told.removeprefix("an unhandled error occurred: ")


def _causes(errors: Iterable[str]) -> list[str]:
    """The errors, each once, without those that follow from them: providers are ended when one has failed."""
    told = [*dict.fromkeys(errors)]
    return [each for each in told if not any(sign in each for sign in _AFTER_AN_END)] or told


def _write_yaml(file: Path, content: Mapping[str, Any]) -> None:
    file.write_text(dump(content), encoding="utf-8")
    file.chmod(0o600)
