"""Kueue and KEDA for real, on a node that is there: gangs that take turns, and pods that messages wake."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from typing import Any

import pytest

from eks_gpu.lab.cluster_api import ApiRefusal, ClusterApi
from eks_gpu.lab.gangs import TRAINER, start_gang_controller, start_gang_controllers
from eks_gpu.lab.keda import ADAPTER, OPERATOR, remove_keda, start_keda
from eks_gpu.lab.kueue import remove_kueue, start_kueue
from eks_gpu.lab.nodes import aws_client
from eks_gpu.lab.state import Lab
from eks_gpu.lab.toolchain import is_built
from tests.e2e.own_lab import own_lab
from tests.waiting import until

FURTHER = (OPERATOR, ADAPTER, "jobset", "kueue", "lws", TRAINER)
pytestmark = [
    pytest.mark.xdist_group("lab_queues"),
    pytest.mark.minutes(2),
    pytest.mark.skipif(not is_built(*FURTHER), reason=f"{FURTHER} are not all built: `make replays` builds them"),
]
JOBS = "/apis/batch/v1/namespaces/default/jobs"
PODS = "/api/v1/namespaces/default/pods"
DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"
TRAIN_JOBS = "/apis/trainer.kubeflow.org/v1alpha1/namespaces/default/trainjobs"
QUEUED = {"kueue.x-k8s.io/queue-name": "training"}
QUEUES = "/apis/kueue.x-k8s.io/v1beta2"
SCALED = "/apis/keda.sh/v1alpha1/namespaces/default"
ALL = {"cpu": "32", "memory": "100Gi", "pods": "110", "nvidia.com/gpu": "8"}
ONE_GPU = {"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {"nvidia.com/gpu": "1"}}


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with own_lab(tmp_path_factory.mktemp("lab")) as made:
        node = {"name": "gpus", "annotations": {"kwok.x-k8s.io/node": "fake"}}
        status = {"allocatable": ALL, "capacity": ALL}
        ClusterApi(made).create(
            "/api/v1/nodes", {"apiVersion": "v1", "kind": "Node", "metadata": node, "status": status}
        )
        yield made


@pytest.fixture
def api(lab: Lab) -> ClusterApi:
    return ClusterApi(lab)


def manifest(api_version: str, kind: str, name: str, spec: Any, labels: Any = None) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "default", "labels": labels or {}}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, "spec": spec}


def test_a_gang_waits_for_quota_as_a_whole_and_runs_after_the_other(lab, api):
    start_kueue(start_gang_controller(start_gang_controllers(lab), TRAINER))
    quota = [
        {"name": "cpu", "nominalQuota": 100},
        {"name": "memory", "nominalQuota": "100Gi"},
        {"name": "nvidia.com/gpu", "nominalQuota": 4},
    ]
    covered = {"coveredResources": [each["name"] for each in quota], "flavors": [{"name": "gpu", "resources": quota}]}
    kueue = {"apiVersion": "kueue.x-k8s.io/v1beta2"}
    api.create(f"{QUEUES}/resourceflavors", {**kueue, "kind": "ResourceFlavor", "metadata": {"name": "gpu"}})
    spec = {"namespaceSelector": {}, "resourceGroups": [covered]}
    api.create(f"{QUEUES}/clusterqueues", {**kueue, "kind": "ClusterQueue", "metadata": {"name": "all"}, "spec": spec})
    queue = manifest("kueue.x-k8s.io/v1beta2", "LocalQueue", "training", {"clusterQueue": "all"})
    api.create(f"{QUEUES}/namespaces/default/localqueues", queue)
    pod = {"restartPolicy": "Never", "containers": [{"name": "main", "image": "train", "resources": ONE_GPU}]}
    for name in ("first", "second"):
        job = {"suspend": True, "parallelism": 4, "completions": 4, "template": {"spec": pod}}
        api.create(JOBS, manifest("batch/v1", "Job", name, job, QUEUED))
    nodes = {"numNodes": 4, "resourcesPerNode": ONE_GPU}
    spec = {"runtimeRef": {"name": "torch-distributed"}, "trainer": nodes}
    api.create(TRAIN_JOBS, manifest("trainer.kubeflow.org/v1alpha1", "TrainJob", "third", spec, QUEUED))

    def all_done() -> list[dict[str, Any]] | None:
        """Their status, the TrainJob's in that of its Job. A gang starts when it has quota: Kueue resumes its job."""
        found = [job["status"] for job in api.list(JOBS)]
        return found if len(found) == 3 and all("completionTime" in status for status in found) else None

    in_turn = sorted(until(all_done, pause_s=0.2) or [], key=lambda status: status["startTime"])
    assert [status["succeeded"] for status in in_turn] == [4, 4, 4]
    for earlier, later in pairwise(in_turn):
        assert earlier["completionTime"] <= later["startTime"]
    trained = api.get(f"{TRAIN_JOBS}/third")["status"]["conditions"]
    assert {each["type"]: each["status"] for each in trained}["Complete"] == "True"
    remove_kueue(api)
    with pytest.raises(ApiRefusal):
        api.list(f"{QUEUES}/clusterqueues")


class NoPodServesIt(BaseHTTPRequestHandler):
    """Prometheus, asked for a metric that pods serve while there is none: a vector without a value."""

    asked = 0

    def do_GET(self) -> None:
        type(self).asked += 1
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps({"status": "success", "data": {"resultType": "vector", "result": []}}).encode())

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


@contextmanager
def prometheus() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), NoPodServesIt) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_messages_wake_pods_from_zero_and_without_them_none_is_left(lab, api):
    start_keda(lab)
    sqs = aws_client(lab, "sqs")
    queue = sqs.create_queue(QueueName="work")["QueueUrl"]
    for each in range(23):
        sqs.send_message(QueueUrl=queue, MessageBody=str(each))
    pod = {"containers": [{"name": "main", "image": "llm", "resources": ONE_GPU}]}
    template = {"metadata": {"labels": {"app": "llm"}}, "spec": pod}
    spec = {"replicas": 0, "selector": {"matchLabels": {"app": "llm"}}, "template": template}
    api.create(DEPLOYMENTS, manifest("apps/v1", "Deployment", "llm", spec))
    as_operator = manifest("keda.sh/v1alpha1", "TriggerAuthentication", "aws", {"podIdentity": {"provider": "aws"}})
    api.create(f"{SCALED}/triggerauthentications", as_operator)
    trigger = {
        "type": "aws-sqs-queue",
        "authenticationRef": {"name": "aws"},
        "metadata": {"queueURL": queue, "queueLength": "5", "awsRegion": lab.region},
    }
    scaled = {
        "scaleTargetRef": {"name": "llm"},
        "minReplicaCount": 0,
        "maxReplicaCount": 10,
        "cooldownPeriod": 5,
        "pollingInterval": 2,
    }

    def ready() -> int:
        return api.get(f"{DEPLOYMENTS}/llm")["status"].get("readyReplicas", 0)

    with prometheus() as server:  # a query that counts inside the pods is heard, and never starts the first
        inside = {"serverAddress": server, "query": "sum(vllm:num_requests_waiting)", "threshold": "4"}
        first = {**scaled, "triggers": [{"type": "prometheus", "metadata": inside}]}
        api.create(f"{SCALED}/scaledobjects", manifest("keda.sh/v1alpha1", "ScaledObject", "llm", first))
        until(lambda: NoPodServesIt.asked >= 3, pause_s=0.5)
        assert api.get(f"{DEPLOYMENTS}/llm")["spec"]["replicas"] == 0
    api.patch(f"{SCALED}/scaledobjects/llm", {"spec": {"triggers": [trigger]}})
    until(lambda: ready() == 5, pause_s=0.5)  # 23 messages, 5 each: the operator wakes one, the metrics API the rest
    sqs.purge_queue(QueueUrl=queue)
    until(lambda: ready() == 0, pause_s=0.5)
    remove_keda(api)
    with pytest.raises(ApiRefusal):
        api.list(f"{SCALED}/scaledobjects")
