"""Pods tried on nodes by the lab's scheduler: on which of them each would run.

As many copies of a pod are made as find a node of their own, and one more that finds none: nodes with a copy are those
on which it runs, and what the scheduler says of the last copy is why it runs on no other. Every node is there several
times over, a lane of each, so that several pods are tried at once and each meets nodes that are empty.
"""

import secrets
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from queue import SimpleQueue
from typing import Any, Self

from eks_gpu.lab.cluster_api import ApiRefusal, ClusterApi
from eks_gpu.lab.problem import LabProblem
from eks_gpu.lab.replays.machines import Machine
from eks_gpu.lab.state import Lab
from eks_gpu.pods.quantities import PODS, written
from eks_gpu_components.catalog import HOSTNAME_LABEL

LANES = 2
NODES, PODS_PATH = "/api/v1/nodes", "/api/v1/namespaces/default/pods"
SYSTEM_PODS = "/api/v1/namespaces/kube-system/pods"
LANE_LABEL, TRIAL_LABEL = "lab.eks-gpu/lane", "lab.eks-gpu/trial"
READY_S, SILENT_S = 300, 60
"""Seconds until nodes count as broken, and until a scheduler that says nothing does."""

PRIORITY_CLASS = "urgent"
RUNTIME_CLASS, OVERHEAD = "sandboxed", {"cpu": "250m", "memory": "120Mi"}
"""What pods on trial may name; the runtime's pods have this overhead."""
_CLASSES: Mapping[str, Mapping[str, Any]] = {
    "/apis/scheduling.k8s.io/v1/priorityclasses": {
        "apiVersion": "scheduling.k8s.io/v1",
        "kind": "PriorityClass",
        "metadata": {"name": PRIORITY_CLASS},
        "value": 1000,
    },
    "/apis/node.k8s.io/v1/runtimeclasses": {
        "apiVersion": "node.k8s.io/v1",
        "kind": "RuntimeClass",
        "metadata": {"name": RUNTIME_CLASS},
        "handler": RUNTIME_CLASS,
        "overhead": {"podFixed": OVERHEAD},
    },
}


@dataclass(frozen=True)
class Tried:
    """One pod."""

    ran_on: frozenset[str]
    """Names of machines."""
    told: str
    """The scheduler's words for the nodes that it does not run on, or the API server's for a pod that it refuses."""
    refused: bool = False
    """Whether the API server did not take the pod, so that no scheduler saw it."""


class Trial:
    """The nodes are there while it is entered. Raises LabProblem when they do not get ready."""

    def __init__(self, lab: Lab, machines: Sequence[Machine]):
        self._machines, self._api = machines, ClusterApi(lab)
        self._names = {f"{machine.name}-{lane}": machine.name for machine in machines for lane in range(LANES)}
        """Of machines, by their nodes'."""
        self._lanes = [_Lane(self._api, number) for number in range(LANES)]

    def __enter__(self) -> Self:
        try:
            for path, manifest in _CLASSES.items():
                self._api.ensure(path, manifest)
            with ThreadPoolExecutor(len(self._lanes)) as threads:
                list(threads.map(lambda lane: lane.make(self._machines), self._lanes))
            self._wait_for_nodes()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for lane in self._lanes:
            lane.close()
        self._api.delete(f"{PODS_PATH}?labelSelector={TRIAL_LABEL}&gracePeriodSeconds=0")
        self._api.delete(f"{SYSTEM_PODS}?labelSelector={LANE_LABEL}&gracePeriodSeconds=0")
        self._api.delete(f"{NODES}?labelSelector={LANE_LABEL}")
        for path, manifest in _CLASSES.items():
            self._api.delete(f"{path}/{manifest['metadata']['name']}")

    def run(self, pods: Sequence[Mapping[str, Any]], guesses: Sequence[int]) -> list[Tried]:
        """Each pod on all machines, in their order. A guess is on how many it may run: only speed depends on it."""
        free: SimpleQueue[_Lane] = SimpleQueue()
        for lane in self._lanes:
            free.put(lane)

        def work(pod: Mapping[str, Any], guess: int) -> Tried:
            lane = free.get()
            try:
                return lane.try_pod(pod, guess, secrets.token_hex(4))
            finally:
                free.put(lane)

        try:
            with ThreadPoolExecutor(len(self._lanes)) as threads:
                found = list(threads.map(work, pods, guesses))
        except OSError as error:
            raise LabProblem(f"the API server or the scheduler does not answer: {error!r}") from None
        return [replace(each, ran_on=frozenset(self._names[node] for node in each.ran_on)) for each in found]

    def _wait_for_nodes(self) -> None:
        """Until kwok has made them ready, and the controller manager has taken its own taints off them."""
        until = time.monotonic() + READY_S
        own = {machine.name: len(machine.taints) for machine in self._machines}
        while waiting := [
            name
            for node in self._api.list(f"{NODES}?labelSelector={LANE_LABEL}")
            if len(node["spec"].get("taints", [])) != own[self._names[(name := node["metadata"]["name"])]]
        ]:
            if time.monotonic() > until:
                raise LabProblem(f"not ready after {READY_S} s: {', '.join(waiting)}")
            time.sleep(0.2)


def in_lane(machine: Machine, lane: int) -> dict[str, Any]:
    """One copy of a machine's node."""
    name, metadata = f"{machine.name}-{lane}", machine.node["metadata"]
    labels = {**metadata["labels"], LANE_LABEL: str(lane), HOSTNAME_LABEL: name}
    return {**machine.node, "metadata": {**metadata, "name": name, "labels": labels}}


def _add_ons(machine: Machine, node: Mapping[str, Any]) -> dict[str, Any]:
    """What runs on every node of the machine's cluster, in one pod that no other can displace."""
    name, labels = node["metadata"]["name"], node["metadata"]["labels"]
    requests = {resource: written(resource, amount) for resource, amount in machine.taken.items() if resource != PODS}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": f"add-ons-{name}", "labels": {LANE_LABEL: labels[LANE_LABEL]}},
        "spec": {
            "nodeName": name,
            "priorityClassName": "system-node-critical",
            "tolerations": [{"operator": "Exists"}],
            "containers": [{"name": "add-ons", "image": "add-ons", "resources": {"requests": requests}}],
        },
    }


def copy_of(pod: Mapping[str, Any], name: str, lane: int, trial: str) -> dict[str, Any]:
    """The pod, confined to a lane and kept off nodes that have another copy of it; nothing else of it changes."""
    spec, metadata = pod["spec"], pod.get("metadata") or {}
    affinity = spec.get("affinity") or {}
    apart = affinity.get("podAntiAffinity") or {}
    rule = "requiredDuringSchedulingIgnoredDuringExecution"
    one_a_node = {"labelSelector": {"matchLabels": {TRIAL_LABEL: trial}}, "topologyKey": HOSTNAME_LABEL}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "labels": {**(metadata.get("labels") or {}), LANE_LABEL: str(lane), TRIAL_LABEL: trial},
        },
        "spec": {
            **spec,
            "nodeSelector": {**(spec.get("nodeSelector") or {}), LANE_LABEL: str(lane)},
            "affinity": {**affinity, "podAntiAffinity": {**apart, rule: [*(apart.get(rule) or ()), one_a_node]}},
            "terminationGracePeriodSeconds": 0,
        },
    }


def verdict(pod: Mapping[str, Any]) -> tuple[str, str] | None:
    """The node's name, or empty and why there is none; None while the scheduler has not said."""
    for condition in pod.get("status", {}).get("conditions") or ():
        if condition["type"] == "PodScheduled":
            if condition["status"] == "True":
                return pod["spec"]["nodeName"], ""
            if condition["reason"] == "Unschedulable":
                return "", condition.get("message", "")
    return None


class _Lane:
    """One copy of every node, on which one pod is tried at a time."""

    def __init__(self, api: ClusterApi, number: int):
        self._api, self._number = api, number
        self._pods = f"{PODS_PATH}?labelSelector={LANE_LABEL}={number}"
        self._events = self._api.watch(self._pods, SILENT_S)

    def close(self) -> None:
        self._events.close()

    def make(self, machines: Iterable[Machine]) -> None:
        """The lane's nodes, with what runs on each of them."""
        for machine in machines:
            node = in_lane(machine, self._number)
            self._api.create(NODES, node)
            if machine.taken.get(PODS):
                self._api.create(SYSTEM_PODS, _add_ons(machine, node))

    def try_pod(self, pod: Mapping[str, Any], guess: int, trial: str) -> Tried:
        found: dict[str, tuple[str, str]] = {}
        """By the copy's name: its node, or why it has none."""
        made = 0
        try:
            while made == len(found) and all(node for node, _ in found.values()):
                for _ in range(1 if made else guess + 1):
                    self._create(copy_of(pod, f"trial-{trial}-{made}", self._number, trial))
                    made += 1
                while len(found) < made:
                    type_, heard = next(self._events)
                    if type_ != "DELETED" and (said := verdict(heard)):
                        found[heard["metadata"]["name"]] = said
        except ApiRefusal as refusal:
            return Tried(frozenset(), str(refusal), refused=True)
        finally:
            self._clear(made)
        nodes = frozenset(node for node, _ in found.values() if node)
        return Tried(nodes, next(told for node, told in found.values() if not node))

    def _create(self, copy: Mapping[str, Any]) -> None:
        self._api.create(PODS_PATH, copy)
        if copy["spec"].get("schedulingGates"):  # whoever holds a gate opens it sooner or later
            self._api.patch(f"{PODS_PATH}/{copy['metadata']['name']}", {"spec": {"schedulingGates": None}})

    def _clear(self, count: int) -> None:
        """Returns when everybody has been told that the copies are gone."""
        self._api.delete(f"{self._pods}&gracePeriodSeconds=0")
        while count:
            type_, _ = next(self._events)
            count -= type_ == "DELETED"
