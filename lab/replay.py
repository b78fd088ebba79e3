"""A scenario, replayed: the project brought up, its workload scaled, everything taken away, each second recorded."""

import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from http.client import HTTPException
from typing import Any

from eks_gpu_components.catalog import AUTOSCALER_OPTION_TAG
from eks_gpu_planner.problems import InputError

from .apply import lab_stack
from .cluster_api import ClusterApi
from .control_plane import Note
from .nodes import aws_client
from .problem import LabProblem
from .scenario import Scenario, Step
from .state import Lab
from .status import NodeRow, Status, status

EVERY_S = 1.0
IDLE_TAG = f"{AUTOSCALER_OPTION_TAG}scaledownunneededtime"
HOLD_S = 5.0
"""Seconds that an outcome must last: a node that comes too late counts too."""


@dataclass(frozen=True)
class Moment:
    """The cluster at one second."""

    t_s: float
    nodes: int
    gpu_nodes: int
    pending_pods: int
    hourly: float
    """USD, all nodes."""


@dataclass(frozen=True)
class Result:
    """What was expected and what was."""

    scenario: str
    expected: Mapping[str, Any]
    measured: Mapping[str, Any]
    timeline: tuple[Moment, ...]

    @property
    def differences(self) -> list[str]:
        """One for each quantity that is not as expected."""
        return list(_differences(self.expected, self.measured))

    @property
    def passed(self) -> bool:
        return not self.differences

    def as_json(self) -> dict[str, Any]:
        return {
            "scenario": self.scenario,
            "expected": self.expected,
            "measured": self.measured,
            "passed": self.passed,
            "timeline": [asdict(moment) for moment in self.timeline],
        }


def _differences(expected: Mapping[str, Any], measured: Mapping[str, Any]) -> Iterator[str]:
    for name, wanted in expected.items():
        if name not in measured:
            yield f"{name}: expected, and not reached"
        elif not isinstance(wanted, Mapping):
            if measured[name] != wanted:
                yield f"{name}: expected {told(wanted)}, got {told(measured[name])}"
        else:
            for quantity, value in wanted.items():
                got = measured[name]["after_s" if quantity == "within_s" else quantity]
                if got > value if quantity == "within_s" else got != value:
                    yield f"{name}: {quantity} expected {told(value)}, got {told(got)}"


def told(value: Any) -> str:
    """A quantity in words: `5 g4dn.xlarge`."""
    if isinstance(value, Mapping):
        return ", ".join(f"{count} {kind}" for kind, count in value.items()) or "none"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value)) or "nothing"
    return f"{value:g}"


@dataclass
class Record:
    """What was seen, second by second."""

    started: float = field(default_factory=time.monotonic)
    moments: list[Moment] = field(default_factory=list)
    seen: dict[str, NodeRow] = field(default_factory=dict)
    """Every node with accelerators that there ever was, by name."""

    def add(self, found: Status) -> None:
        self.seen |= {node.name: node for node in found.nodes if node.gpus}
        at = round(time.monotonic() - self.started, 1)
        self.moments.append(Moment(at, len(found.nodes), found.gpu_nodes, found.pending_pods, round(found.hourly, 4)))


class Replay:
    """One run of a scenario in a lab that is empty."""

    def __init__(self, lab: Lab, name: str, scenario: Scenario, note: Note = lambda _: None):
        """Raises InputError for a lab that is in use."""
        if status(lab).nodes:
            raise InputError("the lab has nodes already, which a replay would count: `eks-gpu lab destroy` first")
        self._lab, self._name, self._scenario, self._note = lab, name, scenario, note
        self._api, self._record = ClusterApi(lab), Record()
        self._stack = lab_stack(lab, scenario.folder, scenario.stack, scenario.autoscaler_arguments)

    def run(self) -> Result:
        """Takes the project away whatever happened. Raises LabProblem when it does not come up, or not go."""
        measured: dict[str, Any] = {}
        done = threading.Event()
        watch = threading.Thread(target=self._watch, args=(done,), name="timeline", daemon=True)
        watch.start()
        try:
            try:
                before = set(self._record.seen)
                self._stack.up(self._note)
                if self._scenario.idle_s:
                    shorten_idle(aws_client(self._lab, "autoscaling"), self._scenario.idle_s)
                for step in self._scenario.steps:
                    measured[step.name] = self._step(step, before)
                    before = set(self._record.seen)
            finally:
                measured["left"] = list(self._stack.destroy(self._note).left)
        finally:
            done.set()
            watch.join()
        return Result(self._name, self._scenario.expected(), measured, tuple(self._record.moments))

    def _watch(self, done: threading.Event) -> None:
        while not done.wait(EVERY_S):
            try:
                self._record.add(status(self._lab))
            except (OSError, HTTPException, LabProblem):  # a busy moment; the next one counts
                continue

    def _step(self, step: Step, before: set[str]) -> dict[str, Any]:
        """What is there when the outcome has lasted, or when time is up."""
        started = time.monotonic()
        if step.replicas is not None:
            scale(self._api, self._scenario.workload.path, step.replicas)
        self._note(f"{step.name}: waiting for what is expected")
        wanted, reached = step.expect.model_dump(exclude_none=True), None
        while True:
            now = time.monotonic() - started
            found = self._measure(before)
            if all(found[quantity] == value for quantity, value in wanted.items()):
                reached = now if reached is None else reached
                if now - reached >= HOLD_S:
                    return {**found, "after_s": round(reached, 1)}
            else:
                reached = None
            if now > step.within_s + HOLD_S:
                return {**found, "after_s": round(now, 1)}
            time.sleep(EVERY_S / 2)

    def _measure(self, before: set[str]) -> dict[str, Any]:
        found = status(self._lab)
        self._record.seen |= {node.name: node for node in found.nodes if node.gpus}
        there = [node for node in found.nodes if node.gpus]
        new = [node for name, node in self._record.seen.items() if name not in before]
        return {
            "running": self._api.get(self._scenario.workload.path)["status"].get("readyReplicas", 0),
            "gpu_nodes": _by_type(there),
            "new_gpu_nodes": _by_type(new),
            "zones": len({node.zone for node in there}),
        }


def scale(api: ClusterApi, path: str, replicas: int) -> None:
    """As `kubectl scale` does."""
    found = api.get(f"{path}/scale")
    api.replace(f"{path}/scale", {**found, "spec": {"replicas": replicas}})


def shorten_idle(autoscaling: Any, idle_s: int) -> None:
    """For every group whose tag says how long an empty node is kept: the tag counts more than the autoscaler's flag."""
    for group in autoscaling.describe_auto_scaling_groups()["AutoScalingGroups"]:
        for tag in group["Tags"]:
            if tag["Key"] == IDLE_TAG:
                autoscaling.create_or_update_tags(Tags=[{**tag, "Value": f"{idle_s}s"}])


def _by_type(nodes: list[NodeRow]) -> dict[str, int]:
    return dict(sorted(Counter(node.instance_type for node in nodes).items()))


def replay(lab: Lab, name: str, note: Note = lambda _: None) -> Result:
    """Replays a scenario by name. Raises InputError, LabProblem."""
    return Replay(lab, name, Scenario.load(name), note).run()
