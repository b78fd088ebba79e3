"""`why pod` against a cluster whose pods wait, each for a reason of its own, as its real controllers say."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from eks_gpu.lab import control_plane
from eks_gpu.lab.apply import lab_stack
from eks_gpu.lab.cluster_api import ClusterApi
from eks_gpu.lab.state import Lab
from eks_gpu.live.kinds import READ
from tests.committed import committed
from tests.e2e.lives import COMMAND
from tests.e2e.running import Answer, ask, ask_within
from tests.e2e.waiting_pods import image_is_pulled, set_up

pytestmark = [pytest.mark.xdist_group("why pod"), pytest.mark.minutes(1.5)]

TRUE_CAUSES = {
    "limit": ("limit-reached", "NodePool small is at its limit: it has 1 of 1 nvidia.com/gpu", "spec.limits"),
    "taint": ("no-pool-takes-it", "does not tolerate taint nvidia.com/gpu=true:NoSchedule", "tolerate the taint"),
    "label": ("no-pool-takes-it", "selects example.com/pool=nobody-has-it", "leave example.com/pool out"),
    "large": ("no-pool-takes-it", "pod needs 200000m of CPU", "ask for at most"),
    "quota": (
        "quota",
        "Running On-Demand P instances (L-417A185B) is reached: it allows 0 vCPUs in all, one p4d.24xlarge takes 96",
        "aws service-quotas request-service-quota-increase --region us-west-2 "
        "--service-code ec2 --quota-code L-417A185B --desired-value 96",
    ),
    "outage": ("no-capacity", "g6.xlarge in us-west-2a, us-west-2b, us-west-2c", "add instance types or zones"),
    "broken": ("node-class-not-ready", "SubnetsNotFound", "spec.subnetSelectorTerms"),
    "image": ("image-pull", "registry.example/server:1", "correct the image of Deployment web"),
    "starting": ("launch-in-progress", "its containers are being started; about", "wait"),
    "gated": ("scheduling-gated", "example.com/approval", "spec.schedulingGates"),
    "volume": ("volume", "StorageClass nobody-has-it, which is not there", "there are: gp3"),
    "full": ("namespace-quota", "0 of 0 requests.nvidia.com/gpu, one pod asks for 1", "ResourceQuota gpus"),
    "refused": ("admission-refused", "violates PodSecurity", "securityContext of Deployment web"),
}
"""Namespace -> cause, a part of its message, and a part of what to do."""


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A lab with an example of Karpenter that is healthy, and beside it every situation."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("why-pod") / "state"))
        try:
            found = control_plane.up()
            lab_stack(found, committed() / "examples" / "karpenter-inference", "dev").up()
            set_up(found)
            yield found
        finally:
            control_plane.down()


@pytest.fixture(scope="module")
def answer(lab: Lab) -> Answer:
    return ask(lab, "why", "pod", "--json", "-")


@pytest.fixture(scope="module")
def pods(answer: Answer) -> dict[str, dict[str, Any]]:
    """The rows by namespace: each situation has one."""
    rows = {row["namespace"]: row for row in answer.json["pods"]}
    assert len(rows) == len(answer.json["pods"])
    return rows


@pytest.mark.parametrize("situation", TRUE_CAUSES)
def test_the_true_cause_is_named_with_what_to_do(pods: dict[str, dict[str, Any]], situation: str):
    id_, message, fix = TRUE_CAUSES[situation]
    found = pods[situation]["cause"]
    assert found["id"] == id_
    assert message in found["message"]
    assert fix in found["fix"]


def test_pods_that_run_are_not_in_the_answer(answer: Answer, pods: dict[str, dict[str, Any]]):
    assert pods.keys() == TRUE_CAUSES.keys()
    assert answer.code == 1
    assert answer.json["cluster"] == "inference"
    assert answer.json["unread"] == []


def test_each_pool_says_whether_it_takes_the_pod_and_what_to_change(pods: dict[str, dict[str, Any]]):
    rows = {row["pool"]: row for row in pods["taint"]["pools"]}
    of_karpenter = {name for name in rows if not name.startswith("inference-system")}
    assert of_karpenter == {"gpu", "small", "quota", "outage", "broken"}
    assert not any(row["admits"] for row in rows.values())
    assert rows["gpu"]["fix"].endswith("or change NodePool gpu: spec.template.spec.taints[0]")
    taking = {row["pool"]: row["reason"] for row in pods["outage"]["pools"] if row["admits"]}
    assert taking.keys() == {"outage"}


def test_what_controllers_said_is_told(pods: dict[str, dict[str, Any]]):
    by = {(row["by"], row["reason"]) for row in pods["quota"]["said"]}
    assert {("karpenter", "InsufficientCapacityError"), ("default-scheduler", "FailedScheduling")} <= by
    assert {row["object"] for row in pods["broken"]["said"]} >= {"EC2NodeClass broken"}
    assert pods["full"]["name"] is None
    assert (pods["full"]["owner"], pods["full"]["missing"]) == ("Deployment web", 1)


def test_in_a_terminal_the_cause_comes_first(lab: Lab):
    found = ask(lab, "why", "pod", "--namespace", "limit")
    lines = [line.rstrip() for line in found.out.splitlines()]
    assert found.code == 1
    assert "of Deployment web in namespace limit, for" in lines[1]
    assert lines[2] == "cause  limit-reached: NodePool small is at its limit: it has 1 of 1"
    assert max(map(len, lines)) <= 80


def test_one_pod_by_its_name_its_owners_or_a_wrong_one(lab: Lab, pods: dict[str, dict[str, Any]]):
    named = ask_within(lab, "why", "pod", f"taint/{pods['taint']['name']}")
    assert (named.code, "tolerate the taint" in named.out) == (1, True)
    assert ask_within(lab, "why", "pod", "taint/web").out.split(", for")[0] == named.out.split(", for")[0]
    running = ask_within(lab, "why", "pod", "resnet/resnet")
    assert (running.code, "does not wait: it is Running" in running.out) == (0, True)
    wrong = ask_within(lab, "why", "pod", "taint/wib")
    assert (wrong.code, wrong.err.strip()) == (2, "error: no pod taint/wib; nearest: web")


def test_a_launch_in_progress_is_no_finding(lab: Lab):
    image_is_pulled(ClusterApi(lab))
    found = ask_within(lab, "why", "pod", "--namespace", "starting", "--json", "-")
    assert [row["cause"]["id"] for row in found.json["pods"]] == ["launch-in-progress"]
    assert found.code == 0


@pytest.mark.parametrize("hidden", ["events", "nodeclaims"])
def test_what_may_not_be_read_is_named_with_its_permission(lab: Lab, tmp_path: Path, hidden: str):
    found = ask_within(lab, "why", "pod", "--json", "-", "--kubeconfig", str(_reader(lab, tmp_path, hidden)))
    assert found.code == 1
    assert any(f"allow `list` of {hidden} in API group" in row["how"] for row in found.json["unread"])
    causes = {row["namespace"]: row["cause"]["id"] for row in found.json["pods"]}
    assert causes["limit"] == "limit-reached"
    if hidden == "nodeclaims":
        expected = {name: id_ for name, (id_, _, _) in TRUE_CAUSES.items()}
        assert causes == {**expected, "starting": causes["starting"]}  # its time may be over by now


def _reader(lab: Lab, folder: Path, hidden: str) -> Path:
    """Kubeconfig of one who may list what is read but one kind."""
    api, name = ClusterApi(lab), f"without-{hidden}"
    groups = sorted({kind.group for kind in READ})
    rules: list[dict[str, Any]] = []
    for group in groups:
        prefix = f"/apis/{group}" if group else "/api"
        rules.append(
            {"apiGroups": [group], "resources": _plurals(api, prefix, group, hidden), "verbs": ["get", "list"]}
        )
    api.ensure("/api/v1/namespaces/default/serviceaccounts", {"metadata": {"name": name}})
    of = "/apis/rbac.authorization.k8s.io/v1"
    api.ensure(
        f"{of}/clusterroles", {"metadata": {"name": name}, "rules": [each for each in rules if each["resources"]]}
    )
    subject = {"kind": "ServiceAccount", "name": name, "namespace": "default"}
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name}
    api.ensure(f"{of}/clusterrolebindings", {"metadata": {"name": name}, "roleRef": role, "subjects": [subject]})
    config = yaml.safe_load(lab.kubeconfig.read_text())
    kubectl = [str(COMMAND.parent / "kubectl"), "--kubeconfig", str(lab.kubeconfig), "create", "token", name]
    token = subprocess.run(kubectl, capture_output=True, text=True, check=True).stdout.strip()
    config["users"][0]["user"] = {"token": token}
    file = folder / "kubeconfig"
    file.write_text(yaml.safe_dump(config))
    return file


def _plurals(api: ClusterApi, prefix: str, group: str, hidden: str) -> list[str]:
    """Every listed resource of a group but the hidden one."""
    if group:
        known = {each["name"]: each for each in api.get("/apis")["groups"]}
        if group not in known:
            return []
        version = known[group]["preferredVersion"]["version"]
    else:
        version = "v1"
    rows = api.get(f"{prefix}/{version}")["resources"]
    return sorted(row["name"] for row in rows if "/" not in row["name"] and row["name"] not in (hidden, "secrets"))
