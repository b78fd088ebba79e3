"""What pods on trial are, how the lab finds out where each runs, and when planner and scheduler are said to differ."""

import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from eks_gpu.cost.admission import Verdict
from eks_gpu.graph.graph import Graph
from eks_gpu.karpenter import schema
from eks_gpu.lab import control_plane
from eks_gpu.lab.cluster_api import ApiRefusal
from eks_gpu.lab.replays import four_backs
from eks_gpu.lab.replays.admission import Admission, Judged, Program, disagreement, judge, tried_twice
from eks_gpu.lab.replays.four_backs import FourBacks, backs_that_run
from eks_gpu.lab.replays.machines import Machine
from eks_gpu.lab.replays.manifests import StrictApi
from eks_gpu.lab.replays.pods import DECISIVE, INDIFFERENT, TrialPod, trial_pods
from eks_gpu.lab.replays.scenario import CHECKOUT
from eks_gpu.lab.replays.trial import Tried, _Lane, copy_of, verdict
from eks_gpu.pods.reasons import Reason
from eks_gpu_components.values.value import BadInput, check
from tests.graphs import cpu_work, kubernetes
from tests.keda_objects import CRON, scaled_object
from tests.programs import PROGRAMS

SCENARIOS = CHECKOUT / "eks_gpu" / "lab" / "scenarios"
POD = {"spec": {"containers": [{"name": "main", "image": "main"}]}}


@pytest.fixture(scope="module")
def found() -> list[Machine]:
    """Nodes of all four back ends."""
    return Program(project="eks_gpu/lab/scenarios/four-backs").planned().machines(each=3)


# --- pods ------------------------------------------------------------------------------------------------------------


def test_a_seed_makes_the_same_pods_each_time_and_another_seed_makes_others(found):
    assert trial_pods(1, 60, found) == trial_pods(1, 60, found)
    assert trial_pods(1, 60, found) != trial_pods(2, 60, found)


def test_every_feature_is_in_a_pod_that_fits_and_in_one_that_does_not(found):
    seen = set()
    for pod in trial_pods(1, 300, found):
        fits = judge(pod, found).alone[pod.aimed_at].admits
        seen |= {(feature, fits) for feature in pod.features}
    assert seen == {(feature, fits) for feature in (*DECISIVE, *INDIFFERENT) for fits in (True, False)}
    assert len(DECISIVE) + len(INDIFFERENT) == 42


def test_no_pod_asks_for_a_label_that_a_node_gets_when_it_is_there(found):
    text = json.dumps([pod.manifest for pod in trial_pods(1, 300, found)])
    assert "kubernetes.io/hostname" not in text
    assert "karpenter.sh/registered" not in text
    assert "topology.k8s.aws/zone-id" not in text
    assert "karpenter.sh/capacity-type" in text


def test_a_taint_without_a_value_is_tolerated_without_one():
    found = Program(project="examples/auto-mode").planned().machines(each=1)
    bare = {machine.name for machine in found if any("value" not in taint for taint in machine.taints)}
    told = {
        (pod.manifest["spec"]["tolerations"][0].get("value"), judge(pod, found).alone[pod.aimed_at].admits)
        for pod in trial_pods(1, 1000, found)
        if pod.aimed_at in bare and pod.features == ("toleration value",)
    }
    assert told == {("", True), ("x", False)}


# --- the trial -------------------------------------------------------------------------------------------------------


def test_a_copy_keeps_all_that_the_pod_has():
    apart = {"topologyKey": "topology.kubernetes.io/zone", "labelSelector": {"matchLabels": {"app": "another"}}}
    spec = {
        "nodeSelector": {"team": "vision"},
        "affinity": {
            "nodeAffinity": {"kept": True},
            "podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [apart]},
        },
    }
    made = copy_of({"metadata": {"labels": {"app": "main"}}, "spec": spec}, "trial-7-0", 2, "7")
    assert made["metadata"] == {
        "name": "trial-7-0",
        "labels": {"app": "main", "lab.eks-gpu/lane": "2", "lab.eks-gpu/trial": "7"},
    }
    assert made["spec"]["nodeSelector"] == {"team": "vision", "lab.eks-gpu/lane": "2"}
    assert made["spec"]["affinity"] == {
        "nodeAffinity": {"kept": True},
        "podAntiAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": [
                apart,
                {
                    "labelSelector": {"matchLabels": {"lab.eks-gpu/trial": "7"}},
                    "topologyKey": "kubernetes.io/hostname",
                },
            ]
        },
    }


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ({"type": "PodScheduled", "status": "True"}, ("node-1", "")),
        ({"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "no"}, ("", "no")),
        ({"type": "PodScheduled", "status": "False", "reason": "SchedulingGated"}, None),
        ({"type": "Ready", "status": "False", "reason": "x"}, None),
    ],
)
def test_only_the_scheduler_says_where_a_pod_runs(condition, expected):
    assert verdict({"spec": {"nodeName": "node-1"}, "status": {"conditions": [condition]}}) == expected


class PlayedApi:
    """An API server with a scheduler that has so many nodes."""

    def __init__(self, nodes: int, refuses: bool = False):
        self._nodes, self._refuses = nodes, refuses
        self.pods: dict[str, dict[str, Any]] = {}
        self.sent: list[str] = []
        self._events: list[tuple[str, dict[str, Any]]] = []

    def create(self, path: str, pod: dict[str, Any]) -> None:
        self.sent.append("create")
        if self._refuses:
            raise ApiRefusal(422, "no such field")
        self._schedule(pod)

    def patch(self, path: str, changes: Any) -> None:
        self.sent.append("patch")

    def delete(self, path: str) -> None:
        self.sent.append("delete")
        self._events += [("DELETED", pod) for pod in self.pods.values()]
        self.pods = {}

    def _schedule(self, pod: dict[str, Any]) -> None:
        taken = sum("nodeName" in other["spec"] for other in self.pods.values())
        condition = {"type": "PodScheduled", "status": "True"}
        if taken < self._nodes:
            pod["spec"]["nodeName"] = f"node-{taken}"
        else:
            condition |= {"status": "False", "reason": "Unschedulable", "message": "0/9 nodes are available"}
        self.pods[pod["metadata"]["name"]] = pod
        self._events += [("ADDED", pod), ("MODIFIED", {**pod, "status": {"conditions": [condition]}})]

    def watch(self, path: str, silent_s: float) -> Iterator[tuple[str, dict[str, Any]]]:
        while True:
            yield self._events.pop(0)


def tried_on(api: Any, guess: int, pod: Any = POD) -> Tried:
    return _Lane(api, 0).try_pod(pod, guess, "7")


@pytest.mark.parametrize("guess", [0, 2, 3, 9])
def test_a_pod_runs_on_the_nodes_that_its_copies_find_whatever_is_guessed(guess):
    api = PlayedApi(nodes=3)
    assert tried_on(api, guess) == Tried(frozenset({"node-0", "node-1", "node-2"}), "0/9 nodes are available")
    assert api.pods == {}
    assert api.sent.count("create") == max(4, guess + 1)


def test_a_pod_that_the_api_server_refuses_is_said_to_be():
    assert tried_on(PlayedApi(3, refuses=True), 1) == Tried(frozenset(), "no such field", refused=True)


def test_a_gate_is_opened():
    gated = {"spec": {**POD["spec"], "schedulingGates": [{"name": "example.com/quota"}]}}
    api = PlayedApi(nodes=1)
    tried_on(api, 1, gated)
    assert api.sent == ["create", "patch", "create", "patch", "delete"]


# --- planner and scheduler -------------------------------------------------------------------------------------------


def judged(machine: Machine, alone: bool, whole: bool | None = None) -> Judged:
    def said(admits: bool) -> dict[str, Verdict]:
        return {machine.name: Verdict(machine.pool, admits, Reason("" if admits else "too small"))}

    pod = TrialPod("pod-1", ("CPU",), machine.name, {"kind": "Pod"})
    return Judged(pod, said(alone), said(alone if whole is None else whole))


def of_backend(found: list[Machine], backend: str) -> Machine:
    return next(machine for machine in found if machine.room.pool.backend == backend)


@pytest.mark.parametrize(("admits", "runs"), [(True, False), (False, True)])
def test_a_verdict_that_the_scheduler_does_not_share_is_a_disagreement(found, admits, runs):
    machine = of_backend(found, "karpenter")
    tried = Tried(frozenset({machine.name} if runs else ()), "0/9 nodes are available")
    differing = disagreement(judged(machine, admits), tried, [machine])
    assert differing
    assert str(differing).splitlines() == [
        "pod-1 (CPU) on four-backs dev karpenter",
        "  planner: it runs" if admits else "  planner: too small",
        "  scheduler: it runs" if runs else "  scheduler: 0/9 nodes are available",
        "kind: Pod",
    ]
    assert disagreement(judged(machine, runs), tried, [machine]) is None


@pytest.mark.parametrize(
    ("backend", "whole", "runs", "differs"),
    [
        ("auto-scaling-group", True, False, True),  # it promises every node
        ("auto-scaling-group", False, True, False),
        ("karpenter", True, False, False),  # one that suits is enough
        ("karpenter", False, True, True),
    ],
)
def test_what_is_said_of_a_whole_pool_holds_for_each_of_its_nodes(found, backend, whole, runs, differs):
    machine = of_backend(found, backend)
    tried = Tried(frozenset({machine.name} if runs else ()), "0/9 nodes are available")
    assert bool(disagreement(judged(machine, runs, whole), tried, [machine])) is differs


def test_a_pod_that_the_api_server_refuses_was_generated_wrong(found):
    (machine, *_) = found
    differing = disagreement(judged(machine, False), Tried(frozenset(), "no such field", refused=True), [machine])
    assert "the API server refuses the pod: no such field" in str(differing)


def test_a_disagreement_counts_when_it_is_there_the_second_time_too(found):
    (machine, *_) = found
    runs, does_not = Tried(frozenset({machine.name}), ""), Tried(frozenset(), "not yet gone")
    answers = [[does_not, runs], [runs]]
    played: Any = SimpleNamespace(run=lambda pods, guesses: answers.pop(0))
    assert tried_twice(played, [judged(machine, True), judged(machine, True)]) == [runs, runs]
    assert answers == []


# --- four back ends --------------------------------------------------------------------------------------------------


def test_a_group_runs_a_pod_when_each_of_its_nodes_does_and_karpenter_when_one_does():
    found = Program(project="eks_gpu/lab/scenarios/four-backs").planned().machines(each=four_backs.EVERY_KIND)
    gpu = [machine for machine in found if machine.room.pool.accelerator]
    first = {machine.pool: machine.name for machine in reversed(gpu)}
    assert backs_that_run(Tried(frozenset(first.values()), ""), gpu) == ["karpenter", "auto-mode"]
    group = {machine.name for machine in gpu if machine.pool.endswith("managed-node-group-us-west-2a-spot")}
    assert len(group) == 2
    assert backs_that_run(Tried(frozenset(group), ""), gpu) == ["managed-node-group"]
    assert backs_that_run(Tried(frozenset(), ""), gpu) == []


def given(name: str) -> dict[str, Any]:
    return yaml.safe_load((SCENARIOS / f"{name}.yaml").read_text(encoding="utf-8"))


def test_the_planner_too_says_that_the_four_run_the_same_pods(found):
    scenario = check(FourBacks, given("four-backs"))
    gpu = [machine for machine in found if machine.room.pool.accelerator]
    for name in (*scenario.run, *scenario.do_not_run):
        pod = TrialPod(name, (), "", scenario.manifest(name))
        admits = judge(pod, gpu).of_pool
        backs = {machine.room.pool.backend for machine in gpu if admits[machine.name].admits}
        assert backs == (set(four_backs.BACKS) if name in scenario.run else set()), name


def test_a_pod_cannot_be_expected_to_run_and_not_to():
    wrong = given("four-backs")
    wrong["do_not_run"]["one GPU"] = {}
    with pytest.raises(BadInput, match="a pod cannot run and not run: one GPU"):
        check(FourBacks, wrong)


def test_the_scenario_of_admission_tries_300_pods_on_every_stack():
    scenario = check(Admission, given("admission"))
    # What claims find on a node, what is kept ready and what is reserved have replays of their own.
    others = {("examples/gpu-claims", "dev"), ("examples/warm-gpus", "dev")}
    others |= {("examples/reserved-training", stack) for stack in ("dev", "groups", "isolated")}
    assert sorted((each.project, each.stack) for each in scenario.programs) == sorted({*PROGRAMS} - others)
    assert scenario.pods == 300


# --- manifests -------------------------------------------------------------------------------------------------------


def test_objects_go_where_their_kind_is_served_and_nothing_is_made_but_namespaces():
    asked: list[str] = []

    def discovered(path: str) -> dict[str, Any]:
        served = {"/apis/apps/v1": ("deployments", "Deployment", True), "/api/v1": ("nodes", "Node", False)}
        if path not in served:
            raise ApiRefusal(404, f"GET {path}: not found")
        name, kind, namespaced = served[path]
        return {"resources": [{"name": name, "kind": kind, "namespaced": namespaced}]}

    api: Any = SimpleNamespace(
        get=discovered,
        ensure=lambda path, manifest: asked.append(f"{path} {manifest['metadata']['name']}"),
        create=lambda path, manifest: asked.append(path),
    )
    work = kubernetes("Deployment", "web", {}, namespace="shop")
    lost = kubernetes("NodePool", "gpu", {}, group="karpenter.sh/v1")
    other = kubernetes("Service", "web", {}, group="core/v1")
    node = kubernetes("Node", "one", {}, group="core/v1")
    of_keda = scaled_object(CRON)
    refused = StrictApi(api).refusals(Graph([cpu_work("api"), work, node, lost, other, of_keda]))
    assert asked == [
        "/api/v1/namespaces shop",
        "/apis/apps/v1/namespaces/default/deployments?fieldValidation=Strict&dryRun=All",
        "/apis/apps/v1/namespaces/shop/deployments?fieldValidation=Strict&dryRun=All",
        "/api/v1/nodes?fieldValidation=Strict&dryRun=All",
    ]
    assert refused == [
        "NodePool gpu: GET /apis/karpenter.sh/v1: not found",
        "Service web: no kind Service is served in v1",
    ]


def test_the_stand_in_for_auto_modes_node_class_has_the_fields_that_the_planner_knows():
    (file,) = control_plane.STAND_INS.glob("*.yaml")
    (version,) = yaml.safe_load(file.read_text(encoding="utf-8"))["spec"]["versions"]
    fields = version["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]
    assert fields.keys() == schema._AUTO_MODE_NODE_CLASS
