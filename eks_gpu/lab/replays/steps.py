"""A replay in steps: run a project, scale its workloads, delete everything. Each step is compared with what is
expected.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from eks_gpu.cost.quotas import QuotaNeed
from eks_gpu.lab.apply import LabStack, lab_stack
from eks_gpu.lab.cluster_api import ClusterApi
from eks_gpu.lab.control_plane import Note
from eks_gpu.lab.nodes import aws_client
from eks_gpu.lab.outages import Outage, set_outages
from eks_gpu.lab.quotas import refusals, set_quotas
from eks_gpu.lab.replays.alteration import Alteration, transforms
from eks_gpu.lab.replays.events import EVENTS, put_messages
from eks_gpu.lab.replays.result import Result
from eks_gpu.lab.replays.scenario import Scenario, project_folder, refuse_a_lab_in_use
from eks_gpu.lab.replays.timeline import Timeline
from eks_gpu.lab.replays.workload import Workload
from eks_gpu.lab.reservations import LabReservation, set_reservations
from eks_gpu.lab.state import Lab
from eks_gpu.lab.status import NodeRow
from eks_gpu.offline.project import Project
from eks_gpu.plan.plan import make_plan
from eks_gpu_components.catalog import AUTOSCALER_OPTION_TAG
from eks_gpu_components.values.value import Value

POLL_S = 0.5
HOLD_S = 5.0
"""Seconds that an outcome must last: a node that comes too late counts too."""
IDLE_TAG = f"{AUTOSCALER_OPTION_TAG}scaledownunneededtime"


class Outcome(Value):
    """What must be true in the end. Every field counts, but for None."""

    running: Mapping[str, int] = Field(default_factory=dict)
    """Pods that are ready, by workload."""
    pending_pods: int | None = None
    """In the whole cluster."""
    gpu_nodes: Mapping[str, int] | None = None
    """Nodes with accelerators, by instance type."""
    new_gpu_nodes: Mapping[str, int] | None = None
    """Those that the step brought, also when they have gone since: a node too many that was given back counts."""
    capacity_types: Mapping[str, int] | None = None
    """Nodes with accelerators, by capacity type."""
    zones: int | None = None
    """In how many zones the nodes with accelerators are."""
    peak_gpus: int | None = None
    """Most accelerators at any moment of the step."""
    cordoned_gpu_nodes: int | None = None
    """Nodes with accelerators that take no more pods."""
    uninitialized_gpu_nodes: int | None = None
    """Nodes with accelerators that Karpenter started and does not take for ready."""
    lost_pods: int | None = None
    """Pods of the workloads that were on a node when it went: nobody had drained it. In a scenario that asks for them
    such a pod does not count as running, though the API server takes a minute to see it."""
    refused_by: tuple[str, ...] | None = None
    """Codes of the quotas that refused a launch in the step."""
    plan_names: tuple[str, ...] | None = None
    """Codes of the step's quotas that the stack's plan needs more of."""


class Step(Value):
    """One change and what follows from it."""

    name: str
    program: tuple[str, ...] = ()
    """Alterations under which the program is brought up from here on; none is the program as it is."""
    replicas: Mapping[str, int] = Field(default_factory=dict)
    """Given to workloads."""
    pause_s: float = Field(default=0, ge=0)
    """Seconds before anything is done: a call that is under way is let to its end."""
    event: str = ""
    """What AWS does to the first of the Spot nodes with accelerators: with spot-interruption it says that the node will
    go, with spot-end the node goes. With scale-in a group gives back a node."""
    outages: tuple[Outage, ...] | None = None
    """From here on EC2 has no capacity for these and for no others, each an instance type and a zone; None leaves it
    as it is."""
    messages: Mapping[str, int] = Field(default_factory=dict)
    """Messages that wait from here on, by how the name of their queue begins."""
    reservations: tuple[LabReservation, ...] | None = None
    """From here on EC2 has these capacity reservations and no others; None leaves it as it is."""
    quotas: Mapping[str, int] | None = None
    """From here on the account has these vCPUs by quota's code, and of other quotas what it had at the start; None
    leaves it as it is."""
    within_s: float | None = Field(default=None, gt=0)
    """Seconds until it must be so."""
    for_s: float | None = Field(default=None, gt=0)
    """Seconds that it must be so from the start on: nothing may happen."""
    expect: Outcome

    @model_validator(mode="after")
    def _ends(self) -> Self:
        if (self.within_s is None) == (self.for_s is None):
            raise ValueError("a step has either within_s or for_s")
        if self.event and self.event not in EVENTS:
            raise ValueError(f"event must be one of {', '.join(EVENTS)}, got {self.event}")
        return self

    def expected(self) -> dict[str, Any]:
        outcome = self.expect.model_dump(exclude_none=True)
        running = {f"running {name}": count for name, count in outcome.pop("running").items()}
        limit = {"within_s": self.within_s} if self.for_s is None else {"for_s": self.for_s}
        return {**running, **outcome, **limit}


class Steps(Scenario):
    """A project and what is done with it."""

    kind: Literal["steps"] = "steps"
    project: str
    """Folder in the checkout."""
    stack: str = "dev"
    workloads: Mapping[str, Workload]
    """By the names that steps use."""
    alterations: Mapping[str, tuple[Alteration, ...]] = Field(default_factory=dict)
    """By the names that steps use."""
    steps: tuple[Step, ...] = Field(min_length=1)
    autoscaler_arguments: Mapping[str, str] = Field(default_factory=dict)
    """Of the cluster autoscaler, in place of the program's: what would take ten minutes is shortened, and said."""
    idle_s: int | None = Field(default=None, ge=1)
    """Seconds an empty node of an auto scaling group is kept, in place of what its tag says; shortened as well."""

    @model_validator(mode="after")
    def _names_what_it_has(self) -> Self:
        for step in self.steps:
            for kind, named, has in (
                ("alteration", step.program, self.alterations),
                ("workload", [*step.replicas, *step.expect.running], self.workloads),
            ):
                if missing := [name for name in named if name not in has]:
                    raise ValueError(f"step {step.name}: no {kind} is named {', '.join(missing)}")
        return self

    def expected(self) -> dict[str, Any]:
        """By step; and nothing may be left."""
        return {**{step.name: step.expected() for step in self.steps}, "left": []}

    def differs_from_program(self) -> Mapping[str, str]:
        idle = {"idle_s": str(self.idle_s)} if self.idle_s else {}
        return {**self.autoscaler_arguments, **idle}

    def replay(self, lab: Lab, name: str, note: Note = lambda _: None) -> Result:
        refuse_a_lab_in_use(lab)
        stack = lab_stack(lab, project_folder(self.project), self.stack, self.autoscaler_arguments)
        needs = self._quota_needs() if any(step.expect.plan_names is not None for step in self.steps) else []
        with Timeline(lab) as timeline:
            run = _Run(lab, self, stack, timeline, note, needs)
            try:
                measured = {step.name: run.step(step) for step in self.steps}
            finally:  # the project is taken away whatever happened
                run.end()
                left = list(stack.destroy(note).left)
        return Result(name, self.expected(), {**measured, "left": left}, tuple(timeline.moments))

    def _quota_needs(self) -> list[QuotaNeed]:
        project = Project.load(project_folder(self.project))
        return make_plan(project, project.stack(self.stack)).analysis.quotas


class _Run:
    """The steps of one replay, one after the other."""

    def __init__(
        self,
        lab: Lab,
        scenario: Steps,
        stack: LabStack,
        timeline: Timeline,
        note: Note,
        needs: Sequence[QuotaNeed] = (),
    ):
        """`needs` are the plan's rows of quotas."""
        self._lab, self._scenario, self._stack, self._timeline, self._note = lab, scenario, stack, timeline, note
        self._needs, self._quotas, self._refused = needs, dict[str, int](), 0
        self._api = ClusterApi(lab)
        self._before = set[str]()
        """Nodes that there were before the step."""
        self._asks_for_lost = any(step.expect.lost_pods is not None for step in scenario.steps)
        self._lost = set[str]()
        """Pods that went with their nodes in the step."""
        self._program: tuple[str, ...] | None = None
        """Alterations that are up; None before the first step."""

    def step(self, step: Step) -> dict[str, Any]:
        """What is there when the outcome has lasted, or when time is up."""
        self._before, self._timeline.peak_gpus, self._lost = set(self._timeline.seen), 0, set()
        self._refused = len(refusals(self._lab))
        if step.program != self._program:
            self._bring_up(step)
        time.sleep(step.pause_s)
        started = time.monotonic()
        if step.outages is not None:
            set_outages(self._lab, step.outages)
        if step.reservations is not None:
            set_reservations(self._lab, step.reservations)
        if step.quotas is not None:
            self._quotas = dict(step.quotas)
            set_quotas(self._lab, self._quotas)
        for name, replicas in step.replicas.items():
            self._scenario.workloads[name].scale(self._api, replicas)
        for queue, number in step.messages.items():
            put_messages(self._lab, queue, number)
        if step.event:
            EVENTS[step.event](self._lab, self._timeline.look())
        self._note(f"{step.name}: waiting for what is expected")
        if step.for_s is None:
            return self._until(step, started)
        return self._throughout(step, started)

    def end(self) -> None:
        """Takes away what the scenario brought."""
        set_outages(self._lab, ())
        set_reservations(self._lab, ())
        if self._quotas:
            set_quotas(self._lab, {})
        for workload in self._scenario.workloads.values():
            workload.take_away(self._api)

    def _bring_up(self, step: Step) -> None:
        altered = [each for name in step.program for each in self._scenario.alterations[name]]
        self._stack.up(self._note, transforms(altered))
        if self._scenario.idle_s:
            shorten_idle(aws_client(self._lab, "autoscaling"), self._scenario.idle_s)
        if self._program is None:
            for workload in self._scenario.workloads.values():
                workload.bring(self._api)
        self._program = step.program

    def _until(self, step: Step, started: float) -> dict[str, Any]:
        assert step.within_s
        reached = None
        while True:
            found, now = self._measure(step), time.monotonic() - started
            if not _as_expected(step, found):
                reached = None
            elif reached is None:
                reached = now
            elif now - reached >= HOLD_S:
                return {**found, "after_s": round(reached, 1)}
            if now > step.within_s + HOLD_S:
                return {**found, "after_s": round(now, 1)}
            time.sleep(POLL_S)

    def _throughout(self, step: Step, started: float) -> dict[str, Any]:
        assert step.for_s
        while True:
            found, now = self._measure(step), time.monotonic() - started
            if now >= step.for_s or not _as_expected(step, found):
                return {**found, "after_s": round(now, 1)}
            time.sleep(POLL_S)

    def _measure(self, step: Step) -> dict[str, Any]:
        status = self._timeline.look()
        there = [node for node in status.nodes if node.gpus]
        new = [node for name, node in self._timeline.seen.items() if name not in self._before]
        workloads = self._scenario.workloads
        homeless = {name: each.homeless(self._api) for name, each in workloads.items()} if self._asks_for_lost else {}
        self._lost.update(*homeless.values())
        running = {
            name: max(workloads[name].running(self._api) - len(homeless.get(name, ())), 0)
            for name in step.expect.running
        }
        return {
            **{f"running {name}": count for name, count in running.items()},
            "pending_pods": status.pending_pods,
            "gpu_nodes": _counted(there, lambda node: node.instance_type),
            "new_gpu_nodes": _counted(new, lambda node: node.instance_type),
            "capacity_types": _counted(there, lambda node: node.capacity_type),
            "zones": len({node.zone for node in there}),
            "peak_gpus": self._timeline.peak_gpus,
            "cordoned_gpu_nodes": sum(node.cordoned for node in there),
            "uninitialized_gpu_nodes": sum(not node.initialized for node in there),
            "lost_pods": len(self._lost),
            "refused_by": tuple(sorted(set(refusals(self._lab)[self._refused :]))),
            "plan_names": tuple(
                sorted(
                    need.quota.code
                    for need in self._needs
                    if need.quota.code in self._quotas
                    and (need.needed is None or need.needed > self._quotas[need.quota.code])
                )
            ),
        }


def _as_expected(step: Step, found: Mapping[str, Any]) -> bool:
    wanted = step.expected()
    return all(found[name] == value for name, value in wanted.items() if name not in ("within_s", "for_s"))


def _counted(nodes: Iterable[NodeRow], by: Callable[[NodeRow], str]) -> dict[str, int]:
    return dict(sorted(Counter(str(by(node)) for node in nodes).items()))


def shorten_idle(autoscaling: Any, idle_s: int) -> None:
    """For every group whose tag says how long an empty node is kept: the tag counts more than the autoscaler's flag."""
    for group in autoscaling.describe_auto_scaling_groups()["AutoScalingGroups"]:
        for tag in group["Tags"]:
            if tag["Key"] == IDLE_TAG:
                autoscaling.create_or_update_tags(Tags=[{**tag, "Value": f"{idle_s}s"}])
