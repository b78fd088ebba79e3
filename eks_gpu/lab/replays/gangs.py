"""A replay of gangs: jobs whose pods end only when all of them run, with and without a queue."""

import json
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from eks_gpu.lab.apply import lab_stack
from eks_gpu.lab.cluster_api import ApiRefusal, ClusterApi
from eks_gpu.lab.control_plane import Note
from eks_gpu.lab.problem import LabProblem
from eks_gpu.lab.replays.events import spot_interruption
from eks_gpu.lab.replays.result import Result
from eks_gpu.lab.replays.scenario import Scenario, project_folder, refuse_a_lab_in_use
from eks_gpu.lab.replays.timeline import Timeline
from eks_gpu.lab.state import Lab
from eks_gpu.lab.toolchain import toolchain
from eks_gpu_components.catalog import GPU_RESOURCE, KUEUE_API_VERSION, QUEUE_LABEL

GANG_LABEL = "lab.eks-gpu/gang"
HOLDS = "pod-complete.stage.kwok.x-k8s.io/delay"
"""Annotation of a pod: how long kwok lets a Job's pod run."""
POLL_S, STALLED_S, PATIENCE_S = 0.3, 2.0, 240
"""Seconds between looks; seconds that gangs must hold each other up to count as stalled; seconds until all is given up.
"""
WITHOUT, BEHIND = "without the queue", "behind the queue"
NOTICE, LONE_NOTICE, LEADER = "a Spot notice", "a Spot notice without the queue", "a LeaderWorkerSet first"
_PODS = f"/api/v1/namespaces/default/pods?labelSelector={GANG_LABEL}"
_POD = "/api/v1/namespaces/default/pods/{}"
_KINDS = {
    "Job": "/apis/batch/v1/namespaces/default/jobs",
    "JobSet": "/apis/jobset.x-k8s.io/v1alpha2/namespaces/default/jobsets",
    "LeaderWorkerSet": "/apis/leaderworkerset.x-k8s.io/v1/namespaces/default/leaderworkersets",
}
_WORKLOADS = f"/apis/{KUEUE_API_VERSION}/namespaces/default/workloads"
_OVER = ("Succeeded", "Failed")


class Gangs(Scenario):
    """A project with a queue over one pool, and how often two gangs meet there."""

    kind: Literal["gangs"] = "gangs"
    project: str
    """Folder in the checkout."""
    stack: str = "dev"
    queue: str
    """Name of the LocalQueue."""
    size: int = Field(ge=2)
    """Pods of a gang, with a GPU each: as many as the pool has."""
    runs: Mapping[str, int]
    """How often two gangs meet, without the queue and behind it."""
    expect: Mapping[str, Mapping[str, Any]]

    @model_validator(mode="after")
    def _names_its_parts(self) -> Self:
        others = (NOTICE, LONE_NOTICE, LEADER)
        if self.runs.keys() != {WITHOUT, BEHIND} or self.expect.keys() != {WITHOUT, BEHIND, *others}:
            raise ValueError(f"runs are {WITHOUT} and {BEHIND}; expect has also {', '.join(others)}")
        return self

    def expected(self) -> dict[str, Any]:
        """By part; and nothing may be left."""
        return {**self.expect, "left": []}

    def replay(self, lab: Lab, name: str, note: Note = lambda _: None) -> Result:
        refuse_a_lab_in_use(lab)
        stack = lab_stack(lab, project_folder(self.project), self.stack)
        with Timeline(lab) as timeline:
            run = _Run(lab, self, timeline, note)
            try:
                stack.up(note)
                measured = {
                    WITHOUT: run.meetings(WITHOUT),
                    BEHIND: run.meetings(BEHIND, self.queue),
                    NOTICE: run.notice(NOTICE, self.queue),
                    LONE_NOTICE: run.notice(LONE_NOTICE),
                    LEADER: run.leader_first(),
                }
            finally:  # the project is taken away whatever happened
                run.clear()
                left = list(stack.destroy(note).left)
        return Result(name, self.expected(), {**measured, "left": left}, tuple(timeline.moments))


@dataclass
class _Run:
    """What is done with the project."""

    lab: Lab
    scenario: Gangs
    timeline: Timeline
    note: Note
    most_at_once: int = 0
    """Gangs that had pods at the same time, since it was last set to 0."""
    _file: Path = field(init=False)

    def __post_init__(self) -> None:
        self._file = self.lab.folder / "gangs.json"

    @cached_property
    def _api(self) -> ClusterApi:
        return ClusterApi(self.lab)

    def meetings(self, part: str, queue: str = "") -> dict[str, Any]:
        """How many meetings of two gangs ended in a stall."""
        runs, stalled, at_once = self.scenario.runs[part], 0, 0
        for number in range(1, runs + 1):
            self.note(f"{part}: {number} of {runs}, {stalled} stalled")
            self._apply(self._job(name, queue) for name in ("first", "second"))
            stalled += not self._ends(2)
            at_once = max(at_once, self.most_at_once)
            self.clear()
        return {"runs": runs, "stalled": stalled, "gangs_at_once": at_once}

    def notice(self, part: str, queue: str = "") -> dict[str, Any]:
        """A Spot node goes in the middle of a gang: which of its pods are new when all run again."""
        self.note(f"{part}: waiting for the gang")
        self._apply([self._job_set("gang", queue)])
        before = self._until(self._all_run)
        if queue:
            self._until(self._has_been_ready)  # what was never whole is no gang that lost a pod
        self.note(f"{part}: waiting for the gang again")
        spot_interruption(self.lab, self.timeline.look())

        def again() -> set[str] | None:
            found = self._all_run()
            return found if found and found != before else None

        after = self._until(again)
        done = self._ends(1)
        self.clear()
        return {"pods_of_the_gang_that_started_again": len(after - before), "done": int(done)}

    def leader_first(self) -> dict[str, Any]:
        """A LeaderWorkerSet has the quota, and a job of the same queue waits until it is gone."""
        self.note(f"{LEADER}: waiting for its pods")
        self._apply([self._leader_worker_set("serving", self.scenario.queue)])
        pods = self._until(self._all_run)
        self._apply([self._job("after", self.scenario.queue)])
        time.sleep(STALLED_S)  # a job that nobody held back would have pods by now
        self.most_at_once = 0
        self._look()
        at_once = self.most_at_once
        self._api.delete(f"{_KINDS['LeaderWorkerSet']}/serving")
        done = self._ends(1)
        self.clear()
        return {"pods": len(pods), "gangs_at_once": at_once, "done": int(done)}

    def clear(self) -> None:
        """Takes every gang away, and returns when no pod is left."""
        for path in _KINDS.values():
            try:
                for found in self._api.list(path):
                    self._api.delete(f"{path}/{found['metadata']['name']}?propagationPolicy=Background")
            except ApiRefusal as refusal:  # its kind is not there any more, or was never
                if refusal.status != 404:
                    raise
        self._until(lambda: not self._api.list(_PODS))
        self.most_at_once = 0

    def _ends(self, gangs: int) -> bool:
        """Ends the pods of each gang that runs whole, until so many gangs are done; False once they stall."""
        since, done = None, set[str]()
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            running = self._look()
            whole = {gang for gang, pods in running.items() if len(pods) == self.scenario.size}
            for gang in whole:
                for pod in running[gang]:
                    self._finish(pod)
            done |= whole
            if len(done) == gangs:
                self._until(lambda: not self._look())
                return True
            held = Counter({gang: len(pods) for gang, pods in running.items()})
            if whole or held.total() < self.scenario.size:
                since = None
            elif since is None:
                since = time.monotonic()
            elif time.monotonic() - since > STALLED_S:
                return False
            time.sleep(POLL_S)
        raise LabProblem(f"after {PATIENCE_S} s gangs neither run nor stall: {self._told()}")

    def _look(self) -> dict[str, list[Mapping[str, Any]]]:
        """Pods that run, by gang."""
        pods = [pod for pod in self._api.list(_PODS) if pod["status"].get("phase") not in _OVER]
        self.most_at_once = max(self.most_at_once, len({_gang(pod) for pod in pods}))
        running: dict[str, list[Mapping[str, Any]]] = {}
        for pod in pods:
            if pod["status"].get("phase") == "Running" and "deletionTimestamp" not in pod["metadata"]:
                running.setdefault(_gang(pod), []).append(pod)
        return running

    def _all_run(self) -> set[str] | None:
        """Identities of the pods of the one gang, if all of them run."""
        running = self._look()
        pods = next(iter(running.values()), [])
        return {pod["metadata"]["uid"] for pod in pods} if len(pods) == self.scenario.size else None

    def _has_been_ready(self) -> bool:
        """Whether Kueue has seen the one gang with all of its pods."""
        conditions = [each for found in self._api.list(_WORKLOADS) for each in found["status"].get("conditions", ())]
        return any((each["type"], each["status"]) == ("PodsReady", "True") for each in conditions)

    def _finish(self, pod: Mapping[str, Any]) -> None:
        try:
            self._api.patch(f"{_POD.format(pod['metadata']['name'])}/status", {"status": {"phase": "Succeeded"}})
        except ApiRefusal as refusal:
            if refusal.status != 404:
                raise

    def _until(self, reached: Callable[[], Any]) -> Any:
        until = time.monotonic() + PATIENCE_S
        while not (found := reached()):
            if time.monotonic() > until:
                raise LabProblem(f"not reached after {PATIENCE_S} s: {self._told()}")
            time.sleep(POLL_S)
        return found

    def _told(self) -> str:
        pods = self._api.list(_PODS)
        return ", ".join(f"{pod['metadata']['name']} {pod['status'].get('phase')}" for pod in pods) or "no pod is there"

    # --- what is brought ---------------------------------------------------------------------------------------------

    def _apply(self, manifests: Iterable[Mapping[str, Any]]) -> None:
        """All in one call of kubectl, as a person or a pipeline does it."""
        whole = {"apiVersion": "v1", "kind": "List", "items": list(manifests)}
        self._file.write_text(json.dumps(whole), encoding="utf-8")
        kubectl = toolchain(["kubectl"])["kubectl"]
        command = [kubectl, f"--kubeconfig={self.lab.kubeconfig}", "create", "--filename", self._file]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise LabProblem(f"kubectl create: {done.stderr.strip()}")

    def _job(self, name: str, queue: str) -> dict[str, Any]:
        return _object("batch/v1", "Job", name, queue, _job_spec(name, self.scenario.size))

    def _job_set(self, name: str, queue: str) -> dict[str, Any]:
        """A leader and its workers."""
        parts = {"leader": 1, "workers": self.scenario.size - 1}
        jobs = [{"name": part, "template": {"spec": _job_spec(name, pods)}} for part, pods in parts.items()]
        return _object("jobset.x-k8s.io/v1alpha2", "JobSet", name, queue, {"replicatedJobs": jobs})

    def _leader_worker_set(self, name: str, queue: str) -> dict[str, Any]:
        group = {"size": self.scenario.size, "workerTemplate": _template(name)}
        spec = {"replicas": 1, "leaderWorkerTemplate": group}
        return _object("leaderworkerset.x-k8s.io/v1", "LeaderWorkerSet", name, queue, spec)


def _gang(pod: Mapping[str, Any]) -> str:
    return pod["metadata"]["labels"][GANG_LABEL]


def _object(api_version: str, kind: str, name: str, queue: str, spec: Mapping[str, Any]) -> dict[str, Any]:
    labels = {QUEUE_LABEL: queue} if queue else {}
    metadata = {"name": name, "namespace": "default", "labels": labels}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, "spec": spec}


def _job_spec(gang: str, pods: int) -> dict[str, Any]:
    template = _template(gang)
    template["spec"]["restartPolicy"] = "Never"
    return {"parallelism": pods, "completions": pods, "completionMode": "Indexed", "template": template}


def _template(gang: str) -> dict[str, Any]:
    """A pod that uses one GPU and runs until somebody ends it."""
    resources = {"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {GPU_RESOURCE: "1"}}
    return {
        "metadata": {"labels": {GANG_LABEL: gang}, "annotations": {HOLDS: "1h"}},
        "spec": {
            "terminationGracePeriodSeconds": 1,
            "tolerations": [{"key": GPU_RESOURCE, "operator": "Exists", "effect": "NoSchedule"}],
            "containers": [{"name": "work", "image": "work", "resources": resources}],
        },
    }
