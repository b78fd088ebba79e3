"""Admission: what the planner says about a pod, compared with what the lab's scheduler does with it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import Field

from eks_gpu.cost.admission import Verdict
from eks_gpu.graph.graph import Graph
from eks_gpu.graph.kubernetes_objects import kubernetes_objects
from eks_gpu.io.yaml_text import dump
from eks_gpu.lab.cluster_api import ClusterApi
from eks_gpu.lab.control_plane import Note
from eks_gpu.lab.replays.machines import Machine, machines
from eks_gpu.lab.replays.manifests import StrictApi
from eks_gpu.lab.replays.pods import TrialPod, trial_pods
from eks_gpu.lab.replays.result import Result
from eks_gpu.lab.replays.scenario import Scenario, project_folder, refuse_a_lab_in_use
from eks_gpu.lab.replays.timeline import Timeline
from eks_gpu.lab.replays.trial import Trial, Tried
from eks_gpu.lab.state import Lab
from eks_gpu.offline.project import Project
from eks_gpu.offline.run import record
from eks_gpu.pods.demand import pod_from_manifest
from eks_gpu.pods.pod import Pod
from eks_gpu_components.values.value import Value


@dataclass(frozen=True)
class Planned:
    """A stack that was run offline."""

    name: str
    """Of the project and the stack."""
    region: str
    graph: Graph

    def machines(self, each: int) -> list[Machine]:
        """Nodes of its pools, so many of each at most."""
        return machines(self.graph, self.region, each, self.name)


class Program(Value):
    """One stack of a project."""

    project: str
    """Folder in the checkout."""
    stack: str = "dev"

    def planned(self) -> Planned:
        """Runs it offline. Raises InputError."""
        project = Project.load(project_folder(self.project))
        stack = project.stack(self.stack)
        recording, _ = record(project, stack)
        return Planned(f"{project.name} {stack.name}", recording.region, recording.graph)


class Admission(Scenario):
    """Generated pods against every pool of several programs, and the programs' own objects against the API server."""

    kind: Literal["admission"] = "admission"
    programs: tuple[Program, ...] = Field(min_length=1)
    pods: int = Field(ge=1)
    seed: int
    """Another one makes other pods."""
    expect: Mapping[str, Any]
    """Of `pools`, `verdicts`, `ran`, `did_not_run`, `disagreements`, `manifests` and `manifests_refused`."""

    def replay(self, lab: Lab, name: str, note: Note = lambda _: None) -> Result:
        refuse_a_lab_in_use(lab)
        note("running the programs offline")
        plans = [program.planned() for program in self.programs]
        found = [machine for plan in plans for machine in plan.machines(1)]
        judged = [judge(pod, found) for pod in trial_pods(self.seed, self.pods, found)]
        note("showing the programs' objects to the API server")
        strict = StrictApi(ClusterApi(lab))
        refused = [f"{plan.name}: {refusal}" for plan in plans for refusal in strict.refusals(plan.graph)]
        with Timeline(lab) as timeline:
            note(f"starting nodes of {len(found)} kinds")
            with Trial(lab, found) as trial:
                note(f"trying {len(judged)} pods on each of them")
                results = tried_twice(trial, judged)
        ran, verdicts = sum(len(result.ran_on) for result in results), len(judged) * len(found)
        measured = {
            "pools": len({machine.pool for machine in found}),
            "verdicts": verdicts,
            "ran": ran,
            "did_not_run": verdicts - ran,
            "disagreements": [
                str(each)
                for one, result in zip(judged, results, strict=True)
                if (each := disagreement(one, result, found))
            ],
            "manifests": sum(1 for plan in plans for _ in kubernetes_objects(plan.graph)),
            "manifests_refused": refused,
        }
        return Result(name, self.expect, measured, tuple(timeline.moments))


@dataclass(frozen=True)
class Judged:
    """A pod and the planner's verdicts, by the machine's name: of that kind of node alone, and of its whole pool."""

    pod: TrialPod
    alone: Mapping[str, Verdict]
    of_pool: Mapping[str, Verdict]

    @property
    def admitted(self) -> frozenset[str]:
        return frozenset(name for name, verdict in self.alone.items() if verdict.admits)


def judge(tried: TrialPod, found: Sequence[Machine]) -> Judged:
    """As `eks-gpu explain` would."""
    pod: Pod = pod_from_manifest(tried.manifest)
    return Judged(
        tried,
        {machine.name: machine.alone.verdict(pod) for machine in found},
        {machine.name: machine.room.verdict(pod) for machine in found},
    )


def tried_twice(trial: Trial, judged: Sequence[Judged]) -> list[Tried]:
    """What the scheduler does; of a pod with which the planner does not agree, what it does with the pod alone.

    A node is taken to be empty a moment before the scheduler knows that the pod before it has gone.
    """
    results = trial.run([one.pod.manifest for one in judged], [len(one.admitted) for one in judged])
    for index, one in enumerate(judged):
        if results[index].ran_on != one.admitted:
            results[index] = trial.run([one.pod.manifest], [len(one.admitted)])[0]
    return results


@dataclass(frozen=True)
class Disagreement:
    """A pod of which planner and scheduler say different things, or one that the API server refuses."""

    pod: TrialPod
    pools: Sequence[str]
    planner: str
    """Of the first of the pools, as what follows."""
    scheduler: str

    def __str__(self) -> str:
        features = ", ".join(self.pod.features)
        return (
            f"{self.pod.name} ({features}) on {', '.join(self.pools) or 'any pool'}\n"
            f"  planner: {self.planner}\n  scheduler: {self.scheduler}\n{dump(self.pod.manifest)}"
        )


def disagreement(one: Judged, result: Tried, found: Sequence[Machine]) -> Disagreement | None:
    """None when the planner was right on every machine."""
    if result.refused:
        return Disagreement(one.pod, (), "was not asked", f"the API server refuses the pod: {result.told}")
    wrong = {machine.pool: said for machine in found if (said := _wrong(one, machine, machine.name in result.ran_on))}
    if not wrong:
        return None
    said = next(iter(wrong.values()))
    return Disagreement(one.pod, tuple(wrong), said, result.told if said.endswith(RUNS) else RUNS)


RUNS = "it runs"


def _wrong(one: Judged, machine: Machine, runs: bool) -> str:
    """What the planner says though it is not so; empty when it is."""
    alone, whole = one.alone[machine.name], one.of_pool[machine.name]
    if alone.admits != runs:
        return alone.reason or RUNS
    # What EC2 brings must suit whatever it is; of what Karpenter may bring, one is enough.
    promised = whole.admits if machine.room.pool.chooses_node_itself else not whole.admits
    return f"of the whole pool: {whole.reason or RUNS}" if promised and whole.admits != runs else ""
