"""The replay of packing: the pods, and what is done with them."""

import random
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
import yaml

from eks_gpu.lab import processes
from eks_gpu.lab.problem import LabProblem
from eks_gpu.lab.replays import packing
from eks_gpu.lab.replays.kinds import SCENARIOS
from eks_gpu.lab.replays.lower_bound import NodeType
from eks_gpu.lab.replays.mixes import Mix, Pod, node_types
from eks_gpu.lab.replays.packing import Packing, paused
from eks_gpu.lab.state import Lab
from eks_gpu_components.values.value import BadInput, check
from tests.waiting import until

FILE = yaml.safe_load((SCENARIOS / "packing.yaml").read_text(encoding="utf-8"))
SCENARIO = check(Packing, FILE)


def test_nodes_have_what_the_kubelet_leaves_to_pods_and_the_price_on_demand():
    assert node_types(["g4dn"], "us-west-2")[-1] == NodeType(
        "g4dn.xlarge", 0.526, {"cpu": 3920, "memory": 14481, "pods": 29, "nvidia.com/gpu": 1}
    )


def test_a_thousand_pods_of_four_sorts_come_and_are_the_same_each_time():
    pods = SCENARIO.pods()

    assert len({pod.name for pod in pods}) == len(pods) == 1000
    assert Counter(pod.needs.get("nvidia.com/gpu") for pod in pods) == {None: 895, 1: 100, 4: 5}
    assert len({str(pod.needs) for pod in pods}) > 100
    assert pods == SCENARIO.pods()
    assert pods != check(Packing, {**FILE, "seed": 2}).pods()


def test_a_size_lies_in_its_limits():
    mix = Mix(name="a", count=1, gpus=2, cpu=(0.5, 0.6), memory_gib=(1, 1.5))
    drawn = [mix.draw(random.Random(seed)) for seed in range(50)]

    assert {size["cpu"] for size in drawn} == {500, 550, 600}
    assert {size["memory"] for size in drawn} == {1024, 1280, 1536}
    assert {size["nvidia.com/gpu"] for size in drawn} == {2}


def test_a_pod_with_gpus_selects_its_pool_and_tolerates_its_taint():
    amounts = {"cpu": "1500m", "memory": "2048Mi", "nvidia.com/gpu": "1"}

    assert Pod("serving-7", {"cpu": 1500, "memory": 2048, "nvidia.com/gpu": 1}, {"gpus-per-node": "1"}).manifest() == {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "serving-7", "labels": {"lab.eks-gpu/mix": "true"}},
        "spec": {
            "nodeSelector": {"gpus-per-node": "1"},
            "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}],
            "terminationGracePeriodSeconds": 0,
            "containers": [{"name": "work", "image": "work", "resources": {"requests": amounts, "limits": amounts}}],
        },
    }


def test_a_pod_without_gpus_tolerates_nothing():
    assert Pod("web-7", {"cpu": 100, "memory": 256}).manifest()["spec"]["tolerations"] == []


def test_the_bound_adds_up_over_pods_that_share_no_nodes():
    scenario = packing_of(
        {"name": "serving", "count": 2, "gpus": 1, "cpu": [1, 1], "memory_gib": [4, 4]},
        {"name": "web", "count": 4, "cpu": [7.95, 7.95], "memory_gib": [1, 1]},
    )
    assert scenario.bound("us-west-2") == pytest.approx(2 * 0.526 + 4 * 7950 / 15890 * 0.768)


def test_a_node_takes_no_more_pods_than_its_addresses():
    one = {"name": "serving", "count": 1, "gpus": 1, "cpu": [1, 1], "memory_gib": [1, 1]}
    many = {"name": "web", "count": 3 * 234, "cpu": [0.05, 0.05], "memory_gib": [0, 0]}
    assert packing_of(one, many).bound("us-west-2") == pytest.approx(0.526 + 3 * 0.768)


def test_the_bound_of_the_scenario():
    assert SCENARIO.bound("us-west-2") == pytest.approx(89.93, abs=0.01)


def packing_of(on_gpus: Mapping[str, Any], without: Mapping[str, Any]) -> Packing:
    demand = [{"families": ["g4dn"], "mix": [on_gpus]}, {"families": ["m6i"], "mix": [without]}]
    return check(Packing, {**FILE, "demand": demand})


@pytest.mark.parametrize(
    ("second", "problem"),
    [
        ({"name": "a"}, "demand has a twice"),
        ({"count": 0}, "demand[1].mix[0].count must be at least 1, got 0"),
    ],
)
def test_pods_that_mean_nothing_are_refused(second, problem):
    first = {"name": "a", "count": 1, "cpu": [1, 2], "memory_gib": [1, 2]}
    with pytest.raises(BadInput) as refused:
        packing_of(first, {**first, "name": "b", **second})
    assert refused.value.problems == [problem]


def test_pods_that_cannot_share_nodes_are_refused():
    mix = [{"name": "a", "count": 1, "gpus": 1, "cpu": [1, 2], "memory_gib": [1, 2]}]
    mix.append({**mix[0], "name": "b", "gpus": 0})
    with pytest.raises(BadInput) as refused:
        check(Packing, {**FILE, "demand": [{"families": ["g4dn"], "mix": mix}]})
    assert refused.value.problems == ["demand[0]: b cannot share nodes with a, which have GPUs"]


def test_the_naive_pools_differ_in_their_requirement_and_in_what_the_lab_needs_for_it():
    pool, node_class = SCENARIO.naive

    assert pool.applied({"spec": {"limits": {"cpu": "8"}, "template": {"spec": {"requirements": ["types"]}}}}) == {
        "spec": {
            "limits": {"cpu": "8"},
            "template": {
                "spec": {
                    "requirements": [
                        {"key": "kubernetes.io/arch", "operator": "In", "values": ["amd64"]},
                        {"key": "karpenter.sh/capacity-type", "operator": "In", "values": ["on-demand"]},
                        {"key": "karpenter.k8s.aws/instance-family", "operator": "In", "values": ["g4dn"]},
                    ]
                }
            },
        }
    }
    assert node_class.applied({"spec": {"role": "gpu"}}) == {"spec": {"role": "gpu", "kubelet": {"maxPods": 110}}}


def test_karpenter_waits_until_it_has_heard_of_all_pods():
    (waits,) = SCENARIO.both

    assert (waits.type, waits.name) == ("kubernetes:helm.sh/v3:Release", "karpenter")
    assert waits.applied({"values": {"replicas": 2}}) == {
        "values": {"replicas": 2, "settings": {"batchIdleDuration": "10s", "batchMaxDuration": "120s"}}
    }


# --- the replay ------------------------------------------------------------------------------------------------------


class FakeCluster:
    """Karpenter buys the types that it is told to; pods run as soon as it looks."""

    def __init__(self):
        self.bought: dict[str, list[str]] = {}
        """By whether the pools are naive."""
        self.runs = True
        self.evicts = False
        self.idle = 0
        """How many of the nodes, the last of them, get no pod."""
        self.did: list[str] = []
        self._pods: dict[str, Any] = {}
        self._asked: set[str] = set()
        self._program = ""
        self._looks = True
        self._counted = 0

    # What the replay calls: of the stack, the API and the process.

    def up(self, note, alterations):
        self._counted = 0
        self.did.append(f"up with {len(alterations)} alterations")
        self._program = "naive" if len(alterations) > len(SCENARIO.both) else "as it is"

    def destroy(self, note):
        self.did.append(f"destroy beside {len(self._pods)} pods")
        return SimpleNamespace(left=[])

    def ensure(self, path, manifest):
        self._pods[manifest["metadata"]["name"]] = manifest

    def delete(self, path):
        assert path == "/api/v1/namespaces/default/pods?labelSelector=lab.eks-gpu/mix&gracePeriodSeconds=0"
        if self._pods:
            self._pods.popitem()

    def list(self, path):
        if path not in self._asked:
            self._asked.add(path)
            raise TimeoutError  # busy at first
        if path == "/apis/karpenter.sh/v1/nodepools":
            return [{"status": {"conditions": [{"type": "Ready", "status": "True"}]}}]
        if path == "/apis/karpenter.sh/v1/nodeclaims":
            types = self.bought[self._program] if self._looks else []
            self._counted += bool(types)
            if self._counted > 2:  # idle for long enough
                types = types[: len(types) - self.idle]
            return [
                {
                    "metadata": {"name": f"claim-{number}", "labels": {"node.kubernetes.io/instance-type": each}},
                    "status": {"nodeName": f"node-{number}"},
                }
                for number, each in enumerate(types)
            ]
        unschedulable = {"conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}]}
        status = {"phase": "Running"} if self._looks and self.runs else unschedulable
        busy = len(self.bought.get(self._program, ())) - self.idle or 1
        placed = (
            {**pod["spec"], "nodeName": f"node-{number % busy}"} for number, pod in enumerate(self._pods.values())
        )
        return [{**pod, "spec": spec, "status": status} for pod, spec in zip(self._pods.values(), placed, strict=True)]

    def suspend(self):
        self._looks = False

    def resume(self):
        self._looks = True
        self.did.append(f"Karpenter looks at {len(self._pods)} pods")
        if self.evicts:
            self._pods.popitem()


@pytest.fixture
def cluster(monkeypatch):
    fake = FakeCluster()
    monkeypatch.setattr(packing, "POLL_S", 0.01)
    monkeypatch.setattr(packing, "lab_stack", lambda *_: fake)
    monkeypatch.setattr(packing, "ClusterApi", lambda _: fake)
    monkeypatch.setattr(packing, "refuse_a_lab_in_use", lambda _: None)
    monkeypatch.setattr(packing, "recorded_lab", lambda: SimpleNamespace(processes=[SimpleNamespace(name="karpenter")]))
    monkeypatch.setattr(processes, "running", lambda _: fake)
    monkeypatch.setattr("eks_gpu.lab.replays.timeline.status", lambda _: (_ for _ in ()).throw(OSError))
    return fake


TWO_PODS = {"name": "serving", "count": 2, "gpus": 1, "cpu": [1, 1], "memory_gib": [4, 4]}


def replay(**changes: Any):
    scenario = check(
        Packing, {**FILE, "demand": [{"families": ["g4dn"], "mix": [TWO_PODS]}], "within_s": 20, **changes}
    )
    return scenario.replay(Lab(Path(), "us-west-2", "", "", "", {}), "packing")


def test_what_was_bought_is_held_against_the_bound(cluster):
    cluster.bought = {"as it is": ["g4dn.xlarge", "g4dn.2xlarge"], "naive": ["g4dn.12xlarge"]}
    result = replay(max_ratio=1.3)

    ours, naive = result.measured["as the program has it"], result.measured["naive pools"]
    assert (ours["nodes"], ours["hourly"]) == ({"g4dn.2xlarge": 1, "g4dn.xlarge": 1}, 1.278)
    assert (ours["cost_by_bound"], naive["cost_by_bound"]) == (1.215, 3.719)
    assert result.measured["bound_hourly"] == 1.052
    assert result.differences == []


def test_a_node_that_nobody_needs_in_the_end_counts_at_first_alone(cluster):
    cluster.bought, cluster.idle = {"as it is": ["g4dn.xlarge"] * 3, "naive": ["g4dn.12xlarge"] * 2}, 1
    ours = replay(max_ratio_at_first=1.4).measured["as the program has it"]

    assert (ours["nodes"], ours["nodes_at_first"]) == ({"g4dn.xlarge": 2}, {"g4dn.xlarge": 3})
    assert (ours["cost_by_bound"], ours["at_first_by_bound"]) == (1, 1.5)


def test_pods_come_while_karpenter_looks_away_and_the_program_goes_after_them(cluster):
    cluster.bought = {"as it is": ["g4dn.xlarge"] * 2, "naive": ["g4dn.12xlarge"]}
    replay()

    assert cluster.did == [
        "up with 1 alterations",
        "Karpenter looks at 2 pods",
        "destroy beside 0 pods",
        "up with 3 alterations",
        "Karpenter looks at 2 pods",
        "destroy beside 0 pods",
    ]


def test_what_costs_too_much_and_naive_pools_that_do_not_are_differences(cluster):
    cluster.bought = {"as it is": ["g4dn.12xlarge"], "naive": ["g4dn.xlarge"] * 2}
    assert replay().differences == [
        "as the program has it: cost_by_bound expected at most 1.15, got 3.719",
        "as the program has it: at_first_by_bound expected at most 1.25, got 3.719",
        "naive pools: cost_by_bound expected at least 1.15, got 1",
    ]


def test_pods_that_never_run_are_a_difference_and_everything_is_taken_away(cluster):
    cluster.bought, cluster.runs = {"as it is": ["g4dn.xlarge"] * 2, "naive": ["g4dn.12xlarge"]}, False
    result = replay(within_s=0.2)

    assert "as the program has it: running expected 2, got 0" in result.differences
    assert result.measured["as the program has it"]["not_running"] == [
        "serving-0: no phase, on node-0",
        "serving-1: no phase, on node-1",
    ]
    assert cluster.did.count("destroy beside 0 pods") == 2


def test_an_evicted_pod_comes_back_as_that_of_a_deployment_does(cluster):
    cluster.bought, cluster.evicts = {"as it is": ["g4dn.xlarge"] * 2, "naive": ["g4dn.12xlarge"]}, True
    assert replay(within_s=5).measured["as the program has it"]["running"] == 2


def test_a_node_that_was_not_launched_costs_nothing_yet(cluster):
    cluster.bought = {"as it is": ["g4dn.xlarge", ""], "naive": ["g4dn.12xlarge"]}
    result = replay(within_s=0.2)

    assert result.measured["as the program has it"]["nodes"] == {"g4dn.xlarge": 1}
    assert result.measured["as the program has it"]["hourly"] == 0.526
    assert "as the program has it: seconds expected at most 0.2, was not reached" in result.differences


def test_the_program_is_taken_away_when_it_does_not_come_up(cluster, monkeypatch):
    monkeypatch.setattr(cluster, "up", lambda *_: (_ for _ in ()).throw(LabProblem("refused")))
    with pytest.raises(LabProblem, match="refused"):
        replay()
    assert cluster.did == ["destroy beside 0 pods"]


def becomes(pid: int, status: str) -> bool:
    return until(lambda: psutil.Process(pid).status() == status)


def test_a_paused_process_stands_still_until_it_goes_on(tmp_path, monkeypatch):
    sleeper = processes.start("karpenter", ("/bin/sleep", "60"), tmp_path / "log")
    monkeypatch.setattr(packing, "recorded_lab", lambda: SimpleNamespace(processes=[sleeper]))
    try:
        with pytest.raises(KeyError), paused("karpenter"):
            assert becomes(sleeper.pid, psutil.STATUS_STOPPED)
            raise KeyError
        assert becomes(sleeper.pid, psutil.STATUS_SLEEPING)
        with pytest.raises(LabProblem, match="cluster-autoscaler does not run"), paused("cluster-autoscaler"):
            pass
    finally:
        processes.end([sleeper])
