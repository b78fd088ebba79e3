"""What a real Prometheus makes of the rules, dashboards and alerts, on the metrics of the real controllers.

Every query has to answer at some time while nodes come, are full, idle and go, or is known to need a GPU.
"""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from components.catalog.metrics import EXPORTERS
from components.observability.dashboards import dashboards
from components.observability.releases import prometheus_values
from components.observability.rules import rule_groups
from components.observability.settings import GpuObservabilitySettings
from components.values.gpu_pool import GpuPool
from components.values.value import check
from eks_gpu.lab.cluster_api import ClusterApi
from eks_gpu.lab.karpenter import start_karpenter
from eks_gpu.lab.keda import ADAPTER, OPERATOR, start_keda
from eks_gpu.lab.kueue import start_kueue
from eks_gpu.lab.nodes import aws_client
from eks_gpu.lab.problem import LabProblem
from eks_gpu.lab.prometheus import PROMETHEUS, STATE_METRICS, Server, start_prometheus, start_state_metrics
from eks_gpu.lab.state import Lab
from eks_gpu.lab.status import status
from eks_gpu.lab.toolchain import is_built
from tests.e2e.cluster_of_karpenter import DISCOVERY, NODE_ROLE, make_cluster
from tests.e2e.cluster_of_karpenter import NAME as CLUSTER
from tests.e2e.own_lab import own_lab
from tests.promql import series
from tests.waiting import until

FURTHER = (OPERATOR, ADAPTER, "kueue", PROMETHEUS, STATE_METRICS)
pytestmark = [
    pytest.mark.xdist_group("lab_metrics"),
    pytest.mark.minutes(2),
    pytest.mark.skipif(not is_built(*FURTHER), reason=f"{FURTHER} are not all built: `make replays` builds them"),
]
POOLS: Any = {
    "gpu": {"instance_types": ["g4dn.xlarge"], "max_gpus": 2},
    "spare": {"instance_types": ["g5.xlarge"], "max_gpus": 1, "capacity_types": ["spot"]},
}
SETTINGS = check(GpuObservabilitySettings, {"dcgm_exporter": "chart", "planned_hourly_usd": 1.5})
DEPLOYMENTS, JOBS = "/apis/apps/v1/namespaces/default/deployments", "/apis/batch/v1/namespaces/default/jobs"
NODES = "/api/v1/nodes"
QUEUES, SCALED = "/apis/kueue.x-k8s.io/v1beta2", "/apis/keda.sh/v1alpha1/namespaces/default"
TAINT = {"key": "nvidia.com/gpu", "value": "true", "effect": "NoSchedule"}
NEEDS_A_GPU = {name for each in EXPORTERS if each.needs for name in each.metrics}
NOTICE = {
    "version": "0",
    "source": "aws.ec2",
    "detail-type": "EC2 Spot Instance Interruption Warning",
    "detail": {"instance-id": "i-0123456789abcdef0", "instance-action": "terminate"},
}


def manifest(api_version: str, kind: str, name: str, **parts: Any) -> dict[str, Any]:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name, **parts.pop("metadata", {})}, **parts}


def pod(pool: str) -> dict[str, Any]:
    return {
        "nodeSelector": {"karpenter.sh/nodepool": pool},
        "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists"}],
        "containers": [{"name": "c", "image": "train", "resources": {"limits": {"nvidia.com/gpu": "1"}}}],
    }


def deployment(name: str, pool: str, replicas: int) -> dict[str, Any]:
    labels = {"app": name}
    spec = {"metadata": {"labels": labels}, "spec": pod(pool)}
    return manifest(
        "apps/v1",
        "Deployment",
        name,
        spec={"replicas": replicas, "selector": {"matchLabels": labels}, "template": spec},
    )


def groups(region: str) -> list[dict[str, Any]]:
    """The rules of the component. An idle node is worth an alert at once, and the price of Spot is unknown."""
    made = rule_groups({name: check(GpuPool, pool) for name, pool in POOLS.items()}, SETTINGS, region, auto_mode=False)
    for group in made:
        group["rules"] = [rule for rule in group["rules"] if rule.get("labels", {}).get("capacity_type") != "spot"]
        for rule in group["rules"]:
            if rule.get("record") == "eks_gpu:pool:idle_alert_seconds":
                rule["expr"] = "vector(1)"
            rule["expr"] = rule["expr"].replace(f"> {SETTINGS.pending_budget_s}", "> 1")
    return made


def queries(region: str) -> dict[str, str]:
    """Every query of a panel, of an alert, and every metric of the catalog by itself."""
    found = {
        f"{one.uid}: {title} {number}": query.expr
        for one in dashboards(SETTINGS)
        for number, (title, query) in enumerate(one.queries())
    }
    found |= {rule["alert"]: rule["expr"] for group in groups(region) for rule in group["rules"] if "alert" in rule}
    return found | {name: name for each in EXPORTERS for name in each.metrics}


def make_pools(lab: Lab) -> None:
    """The cluster, Karpenter, and its two pools."""
    make_cluster(lab)
    start_karpenter(lab, CLUSTER, CLUSTER)
    terms = [{"tags": DISCOVERY}]
    spec = {
        "role": NODE_ROLE,
        "amiSelectorTerms": [{"alias": "al2023@latest"}],
        "subnetSelectorTerms": terms,
        "securityGroupSelectorTerms": terms,
    }
    api = ClusterApi(lab)
    node_class = manifest("karpenter.k8s.aws/v1", "EC2NodeClass", "gpu", spec=spec)
    api.create("/apis/karpenter.k8s.aws/v1/ec2nodeclasses", node_class)
    for name, pool in POOLS.items():
        wanted = {
            "node.kubernetes.io/instance-type": pool["instance_types"],
            "karpenter.sh/capacity-type": pool.get("capacity_types", ["on-demand"]),
        }
        template = {
            "nodeClassRef": {"group": "karpenter.k8s.aws", "kind": "EC2NodeClass", "name": "gpu"},
            "taints": [TAINT],
            "requirements": [{"key": key, "operator": "In", "values": values} for key, values in wanted.items()],
        }
        limited = {
            "disruption": {"consolidationPolicy": "WhenEmpty", "consolidateAfter": "1h"},
            "limits": {"nvidia.com/gpu": pool["max_gpus"]},
            "template": {"spec": template},
        }
        api.create("/apis/karpenter.sh/v1/nodepools", manifest("karpenter.sh/v1", "NodePool", name, spec=limited))


def make_demand(lab: Lab) -> None:
    """Pods beyond a ceiling, a node that will be idle, gangs in a queue, and a trigger."""
    api = ClusterApi(lab)
    api.create(DEPLOYMENTS, deployment("busy", "gpu", 3))
    api.create(DEPLOYMENTS, deployment("passing", "spare", 1))
    held = manifest(
        "policy/v1",
        "PodDisruptionBudget",
        "busy",
        spec={"maxUnavailable": 0, "selector": {"matchLabels": {"app": "busy"}}},
    )
    api.create("/apis/policy/v1/namespaces/default/poddisruptionbudgets", held)

    kueue = "kueue.x-k8s.io/v1beta2"
    api.create(f"{QUEUES}/resourceflavors", manifest(kueue, "ResourceFlavor", "gpu"))
    quota = {
        "coveredResources": ["nvidia.com/gpu"],
        "flavors": [{"name": "gpu", "resources": [{"name": "nvidia.com/gpu", "nominalQuota": 1}]}],
    }
    spec = {"namespaceSelector": {}, "resourceGroups": [quota]}
    api.create(f"{QUEUES}/clusterqueues", manifest(kueue, "ClusterQueue", "all", spec=spec))
    queue = manifest(kueue, "LocalQueue", "training", spec={"clusterQueue": "all"})
    api.create(f"{QUEUES}/namespaces/default/localqueues", queue)
    for name in ("first", "second"):
        spec = {"suspend": True, "template": {"spec": {**pod("nowhere"), "restartPolicy": "Never"}}}
        labels = {"labels": {"kueue.x-k8s.io/queue-name": "training"}}
        api.create(JOBS, manifest("batch/v1", "Job", name, metadata=labels, spec=spec))

    api.create(DEPLOYMENTS, deployment("llm", "nowhere", 0))
    waking = aws_client(lab, "sqs").create_queue(QueueName="work")["QueueUrl"]
    as_operator = manifest(
        "keda.sh/v1alpha1", "TriggerAuthentication", "aws", spec={"podIdentity": {"provider": "aws"}}
    )
    api.create(f"{SCALED}/triggerauthentications", as_operator)
    trigger = {
        "type": "aws-sqs-queue",
        "authenticationRef": {"name": "aws"},
        "metadata": {"queueURL": waking, "queueLength": "5", "awsRegion": lab.region},
    }
    scaled = {"scaleTargetRef": {"name": "llm"}, "minReplicaCount": 0, "pollingInterval": 2, "triggers": [trigger]}
    api.create(f"{SCALED}/scaledobjects", manifest("keda.sh/v1alpha1", "ScaledObject", "llm", spec=scaled))


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with own_lab(tmp_path_factory.mktemp("lab")) as made:
        yield made


class Watched:
    """Queries, and the labels with which each has answered."""

    def __init__(self, server: Server, asked: dict[str, str]):
        self.server, self.asked = server, asked
        self.answers: dict[str, set[str]] = {}

    def silent(self) -> set[str]:
        """Those that have not answered yet, asked once more."""
        for name, query in self.asked.items():
            if name not in self.answers and (found := self.server.query(query)):
                self.answers[name] = {label for each in found for label in each["metric"]}
        return self.asked.keys() - self.answers.keys()


def idle(server: Server) -> set[tuple[str, str, str]]:
    """Pool, type and capacity type of the nodes that are idle."""
    found = (each["metric"] for each in server.query("eks_gpu:node:idle_since_timestamp_seconds"))
    return {(each["pool"], each["instance_type"], each["capacity_type"]) for each in found}


def test_every_query_answers_or_needs_a_gpu(lab: Lab):
    make_pools(lab)
    start_kueue(lab, {"integrations": {"frameworks": ["batch/job"]}, "metrics": {"enableClusterQueueResources": True}})
    start_keda(lab)
    values = prometheus_values(SETTINGS, "monitoring", {}, "metrics", [])
    start_state_metrics(lab, values["kube-state-metrics"])
    _, server = start_prometheus(lab, groups(lab.region))
    watched = Watched(server, queries(lab.region))
    for_gpus = {name for name, query in watched.asked.items() if series(query) & NEEDS_A_GPU}
    make_demand(lab)
    api = ClusterApi(lab)

    until(lambda: status(lab).running_pods == 3, pause_s=0.5)
    watched.silent()
    api.patch(f"{DEPLOYMENTS}/passing", {"spec": {"replicas": 0}})
    aws_client(lab, "sqs").send_message(
        QueueUrl=aws_client(lab, "sqs").get_queue_url(QueueName=CLUSTER)["QueueUrl"], MessageBody=json.dumps(NOTICE)
    )
    until(
        lambda: idle(server) == {("spare", "g5.xlarge", "spot")} and "GpuNodeWithoutWork" not in watched.silent(), 0.5
    )
    # One is idle and goes; the other is full, and its pod may not be evicted: it is drained for as long as we look.
    for node in api.list(NODES):
        full = node["metadata"]["labels"].get("karpenter.sh/nodepool") == "gpu"
        if not full or node["metadata"]["name"] == min(
            each.name for each in status(lab).nodes if "g4dn" in each.instance_type
        ):
            api.delete(f"{NODES}/{node['metadata']['name']}")
    until(lambda: watched.silent() <= for_gpus, pause_s=0.5)
    assert watched.silent() == for_gpus

    prices = {each["metric"]["pool"]: float(each["value"][1]) for each in server.query("eks_gpu:pool:hourly_usd")}
    assert prices == {"gpu": pytest.approx(2 * 0.526)}  # of Spot nobody knows the price, and it is not 0
    assert {rule["name"]: rule.get("lastError") for rule in server.rules() if rule["health"] == "err"} == {}
    assert server.targets() == dict.fromkeys(("karpenter", "keda", "kueue", "kube-state-metrics"), "up")
    for each in EXPORTERS:
        if not each.needs:
            told = {name: set(labels) - watched.answers[name] for name, labels in each.metrics.items()}
            assert {name: missing for name, missing in told.items() if missing} == {}
    # A name that is not there is no error for Prometheus, and neither is a label.
    assert server.query("sum(kube_node_label)") == []
    with pytest.raises(LabProblem, match="parse error"):
        server.query("sum by pool (kube_node_labels)")
