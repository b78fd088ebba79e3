"""LlmInference over several nodes: a group of pods that is one server."""

from typing import Any

import kubernetes_validate
import pytest

from components import LlmInference
from components.catalog.leader_worker_sets import GROUP_KEY_LABEL
from components.observability.monitors import pod_monitors
from components.observability.settings import GpuObservabilitySettings
from components.values.value import BadInput, check
from eks_gpu.graph.kubernetes_objects import kubernetes_objects
from eks_gpu.offline.sdk_schema import problems
from tests.engine import run
from tests.found import every
from tests.given import CLUSTER
from tests.llm import BY_HAND, CLAIM, DEPLOYMENT, POOL, S3, llm

GROUP = "kubernetes:leaderworkerset.x-k8s.io/v1:LeaderWorkerSet"
POLICY = "kubernetes:networking.k8s.io/v1:NetworkPolicy"
KEY = {"name": "llm-keys", "key": "api-key"}
BASE = {"app.kubernetes.io/name": "llm-inference", "app.kubernetes.io/instance": "llm"}
LEADER, WORKER = ({**BASE, "app.kubernetes.io/component": role} for role in ("leader", "worker"))
DNS = {"ports": [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}]}
TWO: dict[str, Any] = {
    "pool": {"instance_types": ["g6.12xlarge"], "max_gpus": 16, "labels": {"team": "language"}},
    "model": {**S3, "name": "meta-llama/Llama-3.3-70B-Instruct"},
    "nodes": 3,
}


def group(**args: Any) -> dict[str, Any]:
    return dict(llm(**{**TWO, **args}).one(GROUP).inputs)


def template(role: str, **args: Any) -> dict[str, Any]:
    return group(**args)["spec"]["leaderWorkerTemplate"][f"{role}Template"]


def server(role: str, **args: Any) -> dict[str, Any]:
    (only,) = template(role, **args)["spec"]["containers"]
    return only


def test_each_pod_runs_vllm_as_one_node_of_so_many():
    leader, worker = server("leader"), server("worker")
    assert leader["command"] == worker["command"] == ["vllm", "serve"]
    assert leader["args"][5:6] + leader["args"][-5:] == [
        "--tensor-parallel-size=4",
        "--pipeline-parallel-size=3",
        "--nnodes=3",
        "--node-rank=$(LWS_WORKER_INDEX)",
        "--master-addr=$(LWS_LEADER_ADDRESS)",
        "--distributed-timeout-seconds=960",
    ]
    assert worker["args"] == [*leader["args"], "--headless"]
    own_address = {"name": "VLLM_HOST_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}
    assert own_address in leader["env"]
    assert worker["env"] == leader["env"]
    assert leader["resources"] == worker["resources"]
    assert leader["resources"]["limits"]["nvidia.com/gpu"] == "4"
    assert group()["spec"]["leaderWorkerTemplate"]["size"] == 3


def test_arguments_of_ones_own_come_last_but_for_the_worker_to_be_one():
    assert server("leader", args=["--enable-lora"])["args"][-1] == "--enable-lora"
    assert server("worker", args=["--enable-lora"])["args"][-2:] == ["--enable-lora", "--headless"]


def test_a_group_starts_and_ends_as_a_whole_in_one_zone():
    spec = group()["spec"]
    assert spec["leaderWorkerTemplate"]["restartPolicy"] == "RecreateGroupOnPodRestart"
    assert spec["startupPolicy"] == "LeaderCreated"
    assert spec["networkConfig"] == {"subdomainPolicy": "UniquePerReplica"}  # else its Service has the name of ours
    term = {
        "topologyKey": "topology.kubernetes.io/zone",
        "labelSelector": {"matchLabels": BASE},
        "matchLabelKeys": ["leaderworkerset.sigs.k8s.io/group-key"],
    }
    for role in ("leader", "worker"):
        affinity = {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}
        assert template(role)["spec"]["affinity"] == affinity
    assert GROUP_KEY_LABEL not in LEADER  # the controller writes it, and Kubernetes refuses it in both
    (spread,) = template("leader")["spec"]["topologySpreadConstraints"]
    assert (spread["labelSelector"], spread["whenUnsatisfiable"]) == ({"matchLabels": LEADER}, "ScheduleAnyway")
    assert "topologySpreadConstraints" not in template("worker")["spec"]


def test_every_pod_keeps_the_contract_of_one():
    for role in ("leader", "worker"):
        pod = template(role)["spec"]
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert server(role)["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert pod["automountServiceAccountToken"] is False
        assert pod["nodeSelector"]["team"] == "language"
        assert pod["tolerations"] == [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}]
        assert pod["serviceAccountName"] == "llm"
        assert pod["volumes"][0] == {"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": "8192Mi"}}
        assert pod["terminationGracePeriodSeconds"] == 105


def test_the_leader_is_asked_and_waits_for_the_nodes_of_the_others():
    leader, worker = server("leader"), server("worker")
    probe = {"httpGet": {"path": "/health", "port": "http"}, "timeoutSeconds": 5}
    assert leader["startupProbe"] == {**probe, "periodSeconds": 10, "failureThreshold": 264}  # 1680 and 960 s
    assert leader["livenessProbe"] == {**probe, "periodSeconds": 10, "failureThreshold": 6}
    assert leader["ports"] == [{"name": "http", "containerPort": 8000}]
    assert not {"startupProbe", "readinessProbe", "livenessProbe", "ports"} & worker.keys()
    assert llm(**TWO).one(GROUP).options["customTimeouts"] == {"create": "68m", "update": "68m"}


def test_workers_live_until_the_streams_of_their_leader_have_ended():
    assert server("leader")["lifecycle"] == {"preStop": {"sleep": {"seconds": 15}}}
    assert server("worker")["lifecycle"] == {"preStop": {"sleep": {"seconds": 90}}}
    longer = {"drain_s": 600}
    assert server("worker", service=longer)["lifecycle"] == {"preStop": {"sleep": {"seconds": 615}}}
    assert template("worker", service=longer)["spec"]["terminationGracePeriodSeconds"] == 630


def test_leaders_alone_are_reached_and_know_the_key():
    found = llm(**TWO)
    assert found.one("kubernetes:core/v1:Service").inputs["spec"]["selector"] == LEADER
    balanced = llm(**TWO, service={"load_balancer": {}})
    assert balanced.one("kubernetes:core/v1:Service").inputs["spec"]["selector"] == LEADER
    assert (template("leader")["metadata"], template("worker")["metadata"]) == ({"labels": LEADER}, {"labels": WORKER})
    keyed: dict[str, Any] = {"api_key": KEY, "service": BY_HAND}
    assert {"name": "VLLM_API_KEY", "valueFrom": {"secretKeyRef": KEY}} in server("leader", **keyed)["env"]
    assert "llm-keys" not in str(server("worker", **keyed))
    (monitor,) = (each for each in pod_monitors(check(GpuObservabilitySettings, {})) if each["name"] == "model-server")
    assert monitor["selector"]["matchLabels"].items() <= LEADER.items()


def test_pods_of_the_server_reach_each_other_on_every_port_and_nobody_else_does():
    fellows = [{"podSelector": {"matchLabels": BASE}}]
    policy = llm(**TWO).one(POLICY).inputs["spec"]
    assert policy["podSelector"] == {"matchLabels": BASE}
    assert policy["ingress"] == [
        {"from": [{"namespaceSelector": {}}], "ports": [{"protocol": "TCP", "port": 8000}]},
        {"from": fellows},
    ]
    assert [policy["egress"].count(each) for each in (DNS, {"to": fellows})] == [1, 1]
    on_a_volume = {"model": {**CLAIM, "name": "meta-llama/Llama-3.3-70B-Instruct"}, "service": BY_HAND}
    assert llm(**{**TWO, **on_a_volume}).one(POLICY).inputs["spec"]["egress"] == [DNS, {"to": fellows}]


def test_one_pod_of_all_groups_is_evicted_at_a_time():
    found = llm(**TWO).one("kubernetes:policy/v1:PodDisruptionBudget").inputs["spec"]
    assert found == {"maxUnavailable": 1, "selector": {"matchLabels": BASE}}


def test_groups_are_as_many_as_the_service_says_and_another_scaler_may_say_it():
    assert group()["spec"]["replicas"] == 1
    assert group()["metadata"]["annotations"] == {"pulumi.com/waitFor": "condition=Available"}
    assert group()["spec"]["rolloutStrategy"]["rollingUpdateConfiguration"] == {"maxSurge": 0, "maxUnavailable": 1}
    large = {**TWO["pool"], "max_gpus": 24}
    update = group(pool=large)["spec"]["rolloutStrategy"]
    assert update == {"type": "RollingUpdate", "rollingUpdateConfiguration": {"maxSurge": 1, "maxUnavailable": 0}}
    scaled = group(pool=large, service={"max_replicas": 2})
    assert "replicas" not in scaled["spec"] and "annotations" not in scaled["metadata"]


def test_one_node_is_a_deployment_and_several_have_its_name():
    small: dict[str, Any] = {"pool": POOL, "tensor_parallel": 1}
    assert llm(**small, nodes=1).one(DEPLOYMENT).inputs == llm(**small).one(DEPLOYMENT).inputs
    assert not [each for each in llm(**TWO).graph if each.type == DEPLOYMENT]
    made = llm(**TWO).one("eks-gpu-components:index:LlmInference").outputs
    assert (made["deployment_name"], made["url"]) == ("llm", "http://llm.models.svc:8000")
    assert llm(**TWO).one("aws:eks/podIdentityAssociation:PodIdentityAssociation").urn in (
        llm(**TWO).one(GROUP).dependencies
    )


@pytest.mark.parametrize("name", ["3b", "Llm", "a" * 51])
def test_a_name_that_groups_cannot_have_is_refused(name):
    given: Any = {"pool": TWO["pool"], "cluster": CLUSTER, "settings": {"model": TWO["model"], "nodes": 3}}
    with pytest.raises(BadInput, match=f"name must be at most 50 of a-z, 0-9 and -, and begin .*, got '{name}'"):
        run(lambda: LlmInference(name, given))


@pytest.mark.parametrize("args", [{}, {"service": {"max_replicas": 1}}, {"service": {"load_balancer": {}}}])
def test_kubernetes_and_the_sdk_take_all_of_it_and_a_preview_plans_the_same(args):
    found = llm(**TWO, **args)
    for _, manifest in every(kubernetes_objects(found.graph)):
        if manifest["kind"] != "LeaderWorkerSet":
            kubernetes_validate.validate(manifest, "1.35", strict=True)
            continue
        for made in ("leaderTemplate", "workerTemplate"):
            pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "llm"}}
            pod["spec"] = manifest["spec"]["leaderWorkerTemplate"][made]["spec"]
            kubernetes_validate.validate(pod, "1.35", strict=True)
    assert [problem for resource in found.graph for problem in problems(resource.type, resource.inputs)] == []
    assert llm(preview=True, **TWO, **args).urns() == found.urns()
