"""Four back ends: one description of a pool, made by each of them, and the same pods run on what each makes."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from eks_gpu.lab.control_plane import Note
from eks_gpu.lab.problem import LabProblem
from eks_gpu.lab.replays.admission import Program
from eks_gpu.lab.replays.machines import Machine
from eks_gpu.lab.replays.result import Result
from eks_gpu.lab.replays.scenario import Scenario, refuse_a_lab_in_use
from eks_gpu.lab.replays.timeline import Timeline
from eks_gpu.lab.replays.trial import Trial, Tried
from eks_gpu.lab.state import Lab
from eks_gpu.pools.pool import AUTO_MODE, AUTO_SCALING_GROUP, KARPENTER, MANAGED_NODE_GROUP

BACKS = (MANAGED_NODE_GROUP, AUTO_SCALING_GROUP, KARPENTER, AUTO_MODE)
EVERY_KIND = 1000
"""More nodes than a pool has kinds of."""


class FourBacks(Scenario):
    """A program that makes one pool four times, and pods that are tried on each."""

    kind: Literal["four-backs"] = "four-backs"
    program: Program
    given: Mapping[str, Any]
    """What every pod's `spec` has that does not say otherwise."""
    run: Mapping[str, Mapping[str, Any]] = Field(min_length=1)
    """Pods that must run, each with the rest of its `spec`; one without containers asks for nothing."""
    do_not_run: Mapping[str, Mapping[str, Any]] = Field(min_length=1)
    """Pods that must not."""

    @model_validator(mode="after")
    def _every_name_once(self) -> Self:
        if twice := sorted(self.run.keys() & self.do_not_run.keys()):
            raise ValueError(f"a pod cannot run and not run: {', '.join(twice)}")
        return self

    def manifest(self, pod: str) -> dict[str, Any]:
        """The pod of that name."""
        spec = {**self.given, **{**self.run, **self.do_not_run}[pod]}
        containers = [{"name": "main", "image": "main", **each} for each in spec.get("containers", [{}])]
        return {"apiVersion": "v1", "kind": "Pod", "spec": {**spec, "containers": containers}}

    def expected(self) -> dict[str, Any]:
        """How many pods run on each back end, and that no pod does otherwise than it must."""
        return {"pods that run": dict.fromkeys(BACKS, len(self.run)), "otherwise": []}

    def replay(self, lab: Lab, name: str, note: Note = lambda _: None) -> Result:
        refuse_a_lab_in_use(lab)
        note("running the program offline")
        found = [machine for machine in self.program.planned().machines(EVERY_KIND) if machine.room.pool.accelerator]
        if missing := set(BACKS) - {machine.room.pool.backend for machine in found}:
            raise LabProblem(f"the program makes no pool by {', '.join(sorted(missing))}")
        pods = [*self.run, *self.do_not_run]
        with Timeline(lab) as timeline:
            note(f"starting nodes of {len(found)} kinds")
            with Trial(lab, found) as trial:
                note(f"trying {len(pods)} pods on each of them")
                tried = trial.run([self.manifest(pod) for pod in pods], [len(found) // 2] * len(pods))
        results = dict(zip(pods, tried, strict=True))
        ran_on = {pod: backs_that_run(result, found) for pod, result in results.items()}
        measured = {
            "pods that run": {back: sum(back in backs for backs in ran_on.values()) for back in BACKS},
            "otherwise": [
                f"{pod} on {back}: {results[pod].told if pod in self.run else 'it runs'}"
                for pod in pods
                for back in BACKS
                if (back in ran_on[pod]) is not (pod in self.run)
            ],
            "ran_on": ran_on,
        }
        return Result(name, self.expected(), measured, tuple(timeline.moments))


def backs_that_run(result: Tried, found: Sequence[Machine]) -> list[str]:
    """Back ends of which one pool at least runs the pod, whatever node it brings.

    EC2 chooses a group's node without looking at the pod, so it must run on every kind; of Karpenter's, one will do.
    """
    running = set()
    for _, group in groupby(found, key=lambda machine: machine.pool):
        kinds = list(group)
        pool = kinds[0].room.pool
        suits = (machine.name in result.ran_on for machine in kinds)
        if all(suits) if pool.chooses_node_itself else any(suits):
            running.add(pool.backend)
    return [back for back in BACKS if back in running]
