"""Why a node stays, asked of a cluster with real Karpenter and a real autoscaler; and what the cluster costs."""

import re
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from eks_gpu.lab.apply import lab_stack
from eks_gpu.lab.autoscaler import start_autoscaler
from eks_gpu.lab.cluster_api import ClusterApi
from eks_gpu.lab.control_plane import down, up
from eks_gpu.lab.nodes import aws_client
from eks_gpu.lab.state import Lab
from eks_gpu.lab.status import status
from eks_gpu.live.cluster import LISTED, connect
from eks_gpu.live.kinds import NODE_CLAIM
from eks_gpu.live.observed import kept
from tests.committed import committed
from tests.e2e.lives import COMMAND
from tests.e2e.running import Answer, ask, ask_within, asking
from tests.waiting import until

pytestmark = [pytest.mark.xdist_group("live_why_node"), pytest.mark.minutes(3)]

DEPLOYMENT = "/apis/apps/v1/namespaces/resnet/deployments/resnet"
POOL = "/apis/karpenter.sh/v1/nodepools/gpu"
PODS = "/api/v1/namespaces/default/pods"
BUDGETS = "/apis/policy/v1/namespaces/default/poddisruptionbudgets"
DO_NOT_DISRUPT = "karpenter.sh/do-not-disrupt"
FLAGS = {"scale-down-unneeded-time": "40s", "scale-down-delay-after-add": "1s"}
"""Of the autoscaler, as its pod would have them."""


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("lab")))
        try:
            started = up()
            lab_stack(started, committed() / "examples" / "karpenter-inference", "dev").up()
            yield started
        finally:
            down()


@pytest.fixture(scope="module")
def api(lab: Lab) -> ClusterApi:
    return ClusterApi(lab)


@pytest.fixture(scope="module")
def kept_node(lab: Lab, api: ClusterApi) -> str:
    """The GPU node, whose GPU pod is gone and on which a pod without a GPU runs."""
    node = gpu_nodes(lab)[0]["name"]
    api.create(PODS, web(node))
    until(lambda: api.get(f"{PODS}/web")["status"]["phase"] == "Running")
    api.patch(DEPLOYMENT, {"spec": {"replicas": 0}})
    until(lambda: gpu_nodes(lab)[0]["gpus_used"] == 0, pause_s=0.5)
    return node


def web(node: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "web", "labels": {"app": "web"}},
        "spec": {
            "nodeSelector": {"kubernetes.io/hostname": node},
            "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists"}],
            "terminationGracePeriodSeconds": 1,
            "containers": [{"name": "web", "image": "example/web:1", "resources": {"requests": {"cpu": "100m"}}}],
        },
    }


def why(lab: Lab, *name: str) -> Answer:
    return ask_within(lab, "why", "node", *name, "--json", "-")


def gpu_nodes(lab: Lab) -> list[dict[str, Any]]:
    return why(lab).json["nodes"]


def the_cause(lab: Lab, *name: str) -> str:
    return why(lab, *name).json["nodes"][0]["cause"]["id"]


def test_a_node_whose_gpu_a_pod_uses_is_fine(lab: Lab):
    answer = ask(lab, "why", "node", "--json", "-")
    (node,) = answer.json["nodes"]

    assert answer.code == 0
    assert (node["pool"], node["backend"], node["instance_type"]) == ("gpu", "karpenter", "g4dn.xlarge")
    assert (node["gpus"], node["gpus_used"], node["hourly"], node["monthly"]) == (1, 1, 0.526, 383.98)
    assert node["cause"] == {"id": "in-use", "message": "in use by 1 pod with 1 of 1 GPUs", "fix": None}
    assert answer.json["unread"] == []


def test_the_nodes_cost_what_the_lab_says(lab: Lab, tmp_path: Path):
    answer = ask(lab, "cost", "--cluster", "--json", "-", "--html", str(tmp_path / "now.html"))
    pools = {pool["name"].rpartition("-")[0] or pool["name"]: pool for pool in answer.json["pools"]}

    assert answer.code == 0
    assert answer.json["nodes_hourly"] == pytest.approx(status(lab).hourly)
    assert pools["gpu"]["hourly"] == 0.526
    assert pools["inference-system"]["types"] == {"m5.large on-demand": 3}
    assert answer.json["plan"]["max"]["hourly"] > answer.json["hourly"]
    gpu = '>gpu</th><td role="cell" data-label="nodes">1</td><td role="cell" data-label="accelerators used">1 of 1</td>'
    assert f'{gpu}<td role="cell" data-label="USD an hour now">0.526</td>' in (tmp_path / "now.html").read_text()


def test_a_pod_without_a_gpu_keeps_the_node(lab: Lab, kept_node: str):
    answer = why(lab, kept_node)
    (node,) = answer.json["nodes"]

    assert answer.code == 1
    assert node["cause"]["id"] == "cpu-pod"
    assert "Pod default/web asks for no accelerator" in node["cause"]["message"]
    assert "toleration of nvidia.com/gpu" in node["cause"]["fix"]
    assert (node["gpus_used"], node["idle"]) == (0, True)
    assert node["idle_since"] is not None


@contextmanager
def disruption_budget(api: ClusterApi, node: str) -> Iterator[None]:
    spec = {"minAvailable": 1, "selector": {"matchLabels": {"app": "web"}}}
    api.create(
        BUDGETS,
        {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "web"}} | {"spec": spec},
    )
    until(lambda: "disruptionsAllowed" in api.get(f"{BUDGETS}/web").get("status", {}))
    yield
    api.delete(f"{BUDGETS}/web")


@contextmanager
def annotated_pod(api: ClusterApi, node: str) -> Iterator[None]:
    api.patch(f"{PODS}/web", {"metadata": {"annotations": {DO_NOT_DISRUPT: "true"}}})
    yield
    api.patch(f"{PODS}/web", {"metadata": {"annotations": {DO_NOT_DISRUPT: None}}})


@contextmanager
def annotated_node(api: ClusterApi, node: str) -> Iterator[None]:
    api.patch(f"/api/v1/nodes/{node}", {"metadata": {"annotations": {DO_NOT_DISRUPT: "true"}}})
    yield
    api.patch(f"/api/v1/nodes/{node}", {"metadata": {"annotations": {DO_NOT_DISRUPT: None}}})


@pytest.mark.parametrize(
    "situation, cause, message",
    [
        (disruption_budget, "pdb", "PodDisruptionBudget default/web allows no disruption of pod default/web"),
        (annotated_pod, "do-not-disrupt", "Pod default/web is annotated karpenter.sh/do-not-disrupt: true"),
        (annotated_node, "node-do-not-disrupt", "is annotated karpenter.sh/do-not-disrupt: true"),
    ],
)
def test_what_nobody_may_evict_comes_first(lab: Lab, api: ClusterApi, kept_node: str, situation, cause, message):
    with situation(api, kept_node):
        answer = why(lab, kept_node)
    (node,) = answer.json["nodes"]

    assert answer.code == 1
    assert node["cause"]["id"] == cause
    assert message in node["cause"]["message"]
    assert {"Pod", *({"PodDisruptionBudget"} if cause == "pdb" else ())} <= {row["kind"] for row in node["kept_by"]}


def test_a_budget_of_0_keeps_an_empty_node_and_a_timer_does_not(lab: Lab, api: ClusterApi, kept_node: str):
    api.patch(POOL, {"spec": {"disruption": {"budgets": [{"nodes": "0"}]}}})
    api.delete(f"{PODS}/web")
    until(lambda: the_cause(lab) == "budget", pause_s=0.5)
    closed = why(lab)
    api.patch(POOL, {"spec": {"disruption": {"consolidateAfter": "10m", "budgets": [{"nodes": "100%"}]}}})
    timer = why(lab)
    (node,) = timer.json["nodes"]

    assert closed.code == 1
    assert closed.json["nodes"][0]["goes_in_s"] is None
    assert timer.code == 0
    assert node["cause"]["id"] == "idle-timer"
    assert 500 < node["goes_in_s"] <= 600


def test_a_watch_sees_a_node_go_and_come(lab: Lab, api: ClusterApi, kept_node: str):
    lines: list[str] = []
    command = [str(COMMAND), "cost", "--cluster", "--watch"]
    with subprocess.Popen(command, env=asking(lab), stdout=subprocess.PIPE, text=True) as watching:
        assert watching.stdout
        reading = threading.Thread(target=lambda told: lines.extend(iter(told.readline, "")), args=(watching.stdout,))
        reading.start()

        def says(words: str) -> None:
            until(lambda: words in "".join(lines.copy()) or watching.poll() is not None)
            assert words in "".join(lines), "".join(lines)

        try:
            says(kept_node)
            api.patch(POOL, {"spec": {"disruption": {"consolidateAfter": "1s"}}})
            says(f"node {kept_node} went: pool gpu, g4dn.xlarge on-demand")
            api.patch(DEPLOYMENT, {"spec": {"replicas": 1}})
            says("in use by 1 pod with 1 of 1 GPUs")
            watching.send_signal(signal.SIGINT)
            code = watching.wait()
        except AssertionError as failed:
            failed.add_note("".join(lines))
            raise
        finally:
            watching.kill()  # else the block waits for it
            reading.join()

    said = "".join(lines)
    assert code == 0
    assert "4 nodes, 0 pending pods, 0.814 USD an hour" in lines[0]
    assert re.search("went: .*; now 3 nodes, 0 pending pods, 0.288 USD an hour", said)
    assert re.search(r"node \S+ came: pool gpu", said)
    assert "1 pending pod: resnet/resnet-" in said


def test_a_watch_from_before_what_the_server_remembers_begins_anew(lab: Lab):
    happened = connect(lab.kubeconfig).watch(NODE_CLAIM, kept, since="1")

    what, objects = next(happened)

    assert what == LISTED
    assert [each["metadata"]["labels"]["karpenter.sh/nodepool"] for each in objects] == ["gpu"]


def test_an_unknown_name_is_wrong_input_with_the_nearest(lab: Lab):
    name = gpu_nodes(lab)[0]["name"]

    answer = why(lab, f"{name}x")

    assert answer.code == 2
    assert f"nearest: {name}" in answer.err


def test_the_least_size_of_a_group_keeps_its_nodes_and_the_autoscaler_removes_the_others(lab: Lab, api: ClusterApi):
    groups = aws_client(lab, "autoscaling")
    (group,) = groups.describe_auto_scaling_groups()["AutoScalingGroups"]
    name = group["Instances"][0]["InstanceId"]
    kept_by_size = why(lab, name)
    groups.update_auto_scaling_group(AutoScalingGroupName=group["AutoScalingGroupName"], MinSize=2)
    nothing_scales = why(lab, name)
    arguments = [f"--{flag}={value}" for flag, value in FLAGS.items()]
    start_autoscaler(lab, "inference", FLAGS)
    api.create("/api/v1/namespaces/kube-system/pods", autoscaler_pod(arguments))
    timer = until(lambda: found if "unneeded" in (found := why(lab, name)).out else None, pause_s=0.5)
    left = until(lambda: found if len(found := system_nodes(api)) == 2 else None, pause_s=0.5)
    assert timer and left
    until(lambda: the_cause(lab, left[0]) == "minimum-size", pause_s=0.5)

    assert (kept_by_size.code, kept_by_size.json["nodes"][0]["cause"]["id"]) == (1, "minimum-size")
    assert "minimum 3, size 3" in kept_by_size.json["nodes"][0]["cause"]["message"]
    assert (nothing_scales.code, nothing_scales.json["nodes"][0]["cause"]["id"]) == (1, "nothing-scales")
    assert (timer.code, timer.json["nodes"][0]["cause"]["id"]) == (0, "idle-timer")
    assert "scale-down-unneeded-time 40s" in timer.json["nodes"][0]["cause"]["message"]
    assert 0 < timer.json["nodes"][0]["goes_in_s"] <= 40
    assert all(the_cause(lab, each) == "minimum-size" for each in left)


def autoscaler_pod(arguments: list[str]) -> dict[str, Any]:
    """The autoscaler as a cluster has it, whose process runs beside the lab's API server."""
    container = {
        "name": "autoscaler",
        "image": "registry.k8s.io/autoscaling/cluster-autoscaler:v1.33.0",
        "command": ["./cluster-autoscaler", *arguments],
    }
    spec = {"containers": [container], "nodeSelector": {"nobody": "runs-it"}}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "autoscaler"}, "spec": spec}


def system_nodes(api: ClusterApi) -> list[str]:
    nodes = api.list("/api/v1/nodes")
    return [each["metadata"]["name"] for each in nodes if "eks.amazonaws.com/nodegroup" in each["metadata"]["labels"]]
