"""Objects of a running cluster, as a program would have registered them."""

import sys
from datetime import UTC, datetime
from typing import Any

import pytest

from eks_gpu.foreign.judged import judge
from eks_gpu.foreign.stack import Foreign
from eks_gpu.graph.graph import Graph
from eks_gpu.live.cluster import Kind, Manifest
from eks_gpu.live.observed import Observed, kept
from eks_gpu.live.resources import is_over, object_resources, readable, wished
from eks_gpu.pods.demand import workloads
from eks_gpu.pools.unread import unread

CONTAINER = {"name": "a", "image": "b", "resources": {"limits": {"nvidia.com/gpu": 1}}}


def observed(*objects: Manifest) -> Observed:
    found: dict[Kind, list[Manifest]] = {}
    for each in objects:
        group = each["apiVersion"].rpartition("/")[0]
        found.setdefault(Kind(group, each["kind"]), []).append(kept(each))
    return Observed(datetime(2026, 11, 30, tzinfo=UTC), "https://a", found)


def made(kind: str, name: str, version: str = "v1", namespace: str = "", **more: Any) -> Manifest:
    place = {"namespace": namespace} if namespace else {}
    metadata = {"name": name, "uid": f"{kind}-{namespace}-{name}", **place, **more.pop("metadata", {})}
    return {"apiVersion": version, "kind": kind, "metadata": metadata, **more}


def owner(kind: str, name: str, uid: str = "") -> dict[str, Any]:
    version = "example.com/v1"
    return {"ownerReferences": [{"apiVersion": version, "kind": kind, "name": name, "uid": uid, "controller": True}]}


def pod(name: str, metadata: dict[str, Any] | None = None, phase: str = "Running", **spec: Any) -> Manifest:
    given = {"containers": [CONTAINER], "nodeName": f"node-of-{name}", **spec}
    return made("Pod", name, namespace="ml", metadata=metadata or {}, spec=given, status={"phase": phase})


def names(*objects: Manifest, **more: Any) -> list[str]:
    return [found.id for found in object_resources(observed(*objects), **more)]


def test_what_the_api_server_adds_is_left_out():
    metadata = {
        "resourceVersion": "7",
        "generation": 2,
        "creationTimestamp": "2026-11-30T00:00:00Z",
        "finalizers": ["service.kubernetes.io/load-balancer-cleanup"],
        "labels": {"app": "web"},
        "annotations": {"a": "b", "karpenter.sh/nodepool-hash": "1", "deployment.kubernetes.io/revision": "3"},
    }
    spec = {"clusterIP": "10.0.0.1", "clusterIPs": ["10.0.0.1"], "ports": [{"port": 80, "nodePort": 30000}]}
    service = made("Service", "web", namespace="ml", metadata=metadata, spec=spec, status={"loadBalancer": {}})
    assert wished(service) == {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "web", "namespace": "ml", "labels": {"app": "web"}, "annotations": {"a": "b"}},
        "spec": {"ports": [{"port": 80}]},
    }


def test_a_headless_service_stays_one():
    assert wished(made("Service", "a", spec={"clusterIP": "None"}))["spec"] == {"clusterIP": "None"}


def test_a_pod_loses_its_node_its_token_and_what_admission_lets_it_tolerate():
    added = {
        "key": "node.kubernetes.io/not-ready",
        "operator": "Exists",
        "effect": "NoExecute",
        "tolerationSeconds": 300,
    }
    own = {"key": "nvidia.com/gpu", "operator": "Exists"}
    token = {"name": "kube-api-access-x7k2p"}
    container = {**CONTAINER, "volumeMounts": [{**token, "mountPath": "/var/run"}]}
    here = [{"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["n"]}]}]
    affinity = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": here}}}
    given = {"containers": [container], "volumes": [token], "tolerations": [added, own], "affinity": affinity}
    assert wished(pod("a", **given))["spec"] == {"containers": [CONTAINER], "tolerations": [own]}


@pytest.mark.parametrize(
    "found",
    [
        made("Namespace", "kube-system"),
        made("Service", "kubernetes", namespace="default"),
        made("ServiceAccount", "default", namespace="ml"),
        made("ServiceAccount", "job-controller", namespace="kube-system"),
        made("PriorityClass", "system-node-critical", "scheduling.k8s.io/v1"),
        made("StorageClass", "gp2", "storage.k8s.io/v1"),
        made("DaemonSet", "aws-node", "apps/v1", "kube-system"),
        made(
            "Deployment",
            "ebs-csi-controller",
            "apps/v1",
            "kube-system",
            metadata={"managedFields": [{"manager": "eks"}]},
        ),
        made("Node", "n"),
        made("NodeClaim", "n", "karpenter.sh/v1"),
        pod("done", phase="Succeeded"),
    ],
    ids=lambda found: f"{found['kind']}-{found['metadata']['name']}",
)
def test_what_nobody_wished_for_is_no_resource(found):
    assert names(found, made("Namespace", "ml")) == ["ml"]


def test_without_the_account_the_workloads_of_add_ons_are_workloads():
    addon = made(
        "DaemonSet", "ebs-csi-node", "apps/v1", "kube-system", metadata={"managedFields": [{"manager": "eks"}]}
    )
    assert names(addon, addons_known=False) == ["kube-system/ebs-csi-node"]


def test_what_another_object_made_is_told_by_that_one():
    replicas = made("ReplicaSet", "web-1", "apps/v1", "ml", metadata=owner("Deployment", "web", "Deployment-ml-web"))
    ours = pod("web-1-x", metadata=owner("ReplicaSet", "web-1", "ReplicaSet-ml-web-1"))
    assert names(ours, replicas, made("Deployment", "web", "apps/v1", "ml")) == ["ml/web"]


def test_built_in_pools_of_auto_mode_are_those_of_the_cluster():
    def pool(name: str, group: str) -> Manifest:
        spec = {"template": {"spec": {"nodeClassRef": {"group": group, "kind": "NodeClass", "name": "default"}}}}
        return made("NodePool", name, "karpenter.sh/v1", spec=spec)

    both = [pool("system", "eks.amazonaws.com"), pool("gpu", "eks.amazonaws.com")]
    assert names(*both, built_in=["system"]) == ["gpu"]
    assert names(*both) == ["system", "gpu"]


def test_pods_of_an_unknown_controller_are_one_workload_for_each_kind_of_pod():
    of = owner("SomethingJob", "train", "not-read")
    large: Any = {"containers": [{**CONTAINER, "resources": {"limits": {"nvidia.com/gpu": 8}}}]}
    found = workloads(
        Graph(
            object_resources(
                observed(
                    *(pod(f"worker-{index}", of) for index in range(3)),
                    pod("leader", of, **large),
                    pod("ended", of, phase="Failed"),
                )
            )
        )
    )
    rows = [(each.kind, each.name, each.namespace, each.replicas, each.max_replicas) for each in found]
    assert rows == [("SomethingJob", "train", "ml", 3, None), ("SomethingJob", "train", "ml", 1, None)]
    assert [each.requests["nvidia.com/gpu"] for each in found] == [1, 8]
    assert [each.uncounted for each in found] == ["", ""]


def replica(number: int, deployment: str, revision: str, **spec: Any) -> Manifest:
    """A pod of a Deployment, whose ReplicaSet is not read."""
    labels = {"app": deployment, "pod-template-hash": revision}
    return pod(f"{deployment}-{number}", {"labels": labels, **owner("ReplicaSet", f"{deployment}-{revision}")}, **spec)


def test_ten_thousand_pods_of_replica_sets_that_may_not_be_read_are_one_workload_for_each_deployment():
    pods = [replica(number, f"web{number % 3}", f"{number % 50:x}f") for number in range(10_000)]
    found = workloads(Graph(object_resources(observed(*pods))))
    assert [(each.kind, each.name, each.replicas) for each in found] == [
        ("Deployment", "web0", 3334),
        ("Deployment", "web1", 3333),
        ("Deployment", "web2", 3333),
    ]


def test_a_deployment_that_is_read_tells_of_the_pods_of_its_replica_sets_that_are_not():
    assert names(
        made("Deployment", "web", "apps/v1", "ml"), replica(1, "web", "5d4c"), replica(2, "other", "5d4c")
    ) == [
        "ml/web",
        "ml/other",
    ]


def test_a_cron_job_that_is_read_tells_of_the_pods_of_its_jobs_that_are_not():
    runs = [pod(f"{name}-x", owner("Job", name)) for name in ("night-29401920", "train-20261130")]
    assert names(made("CronJob", "night", "batch/v1", "ml"), *runs) == ["ml/night", "ml/train-20261130"]


def test_a_replica_set_whose_name_does_not_end_with_the_label_is_its_own():
    of = {"labels": {"pod-template-hash": "5d4c"}, **owner("ReplicaSet", "web-of-another")}
    assert names(pod("a", of)) == ["ml/web-of-another"]


def test_what_every_cluster_has_is_no_workload_where_its_controller_may_not_be_read():
    both = [replica(1, "coredns", "5d4c"), pod("aws-node-x", owner("DaemonSet", "aws-node"))]
    for each in both:
        each["metadata"]["namespace"] = "kube-system"
    assert names(*both) == []


def test_the_work_of_judging_grows_as_the_kinds_of_pods_do():
    def calls(number: int) -> int:
        """Of functions, to judge so many workloads that have nothing in common."""
        pods = [pod(f"a{index}", containers=[sized(index + 1)]) for index in range(number)]
        count = 0

        def tell(frame: object, event: str, argument: object) -> None:
            nonlocal count
            count += event == "call"

        sys.setprofile(tell)
        try:
            graph = Graph(object_resources(observed(*pods)), options_known=False, running=True)
            judge(Foreign("a", "running", "us-west-2", graph, [], {}, {}))
        finally:
            sys.setprofile(None)
        return count

    def sized(cpu: int) -> dict[str, Any]:
        return {**CONTAINER, "resources": {"limits": {"nvidia.com/gpu": 1, "cpu": f"{cpu}m"}}}

    calls(1)  # what is read once
    assert calls(80) / calls(40) < 2.2


def test_pods_of_a_daemon_set_that_may_not_be_read_start_no_node():
    (found,) = workloads(Graph(object_resources(observed(pod("a", owner("DaemonSet", "agent"))))))
    assert found.daemon


@pytest.mark.parametrize(
    ("kind", "status", "over"),
    [
        ("Job", {"conditions": [{"type": "Complete", "status": "True"}]}, True),
        ("Job", {"conditions": [{"type": "FailureTarget", "status": "True"}]}, False),
        ("Job", {"active": 1}, False),
        ("JobSet", {"conditions": [{"type": "Completed", "status": "True"}]}, True),
        ("RayJob", {"jobDeploymentStatus": "Complete", "jobStatus": "SUCCEEDED"}, True),
        ("Workflow", {"phase": "Error"}, True),
        ("SparkApplication", {"applicationState": {"state": "RUNNING"}}, False),
        ("Deployment", {"conditions": [{"type": "Failed", "status": "True"}]}, False),
    ],
)
def test_what_has_ended_asks_for_nothing(kind, status, over):
    assert is_over(made(kind, "a", status=status)) is over


@pytest.mark.parametrize(("kind", "version"), [("NodePool", "v1beta1"), ("Provisioner", "v1alpha5")])
def test_pools_of_an_older_karpenter_are_named_with_how_to_go_on(kind, version):
    pool = made(kind, "gpu", f"karpenter.sh/{version}", spec={})
    (row,) = unread(Graph(object_resources(observed(pool)), running=True))
    assert (row.subject, row.what) == (f"{kind} gpu", "nodes")
    assert row.why == f"it is of {version}, and node pools are read of karpenter.sh/v1 only"
    assert row.how == "move it to karpenter.sh/v1, whose node pools are read"


@pytest.mark.parametrize(("replicas", "resources"), [(0, []), (2, ["ml/web-1"])])
def test_of_a_replica_set_whose_deployment_may_not_be_read_the_pods_that_it_has_count(replicas, resources):
    of = owner("Deployment", "web", "not-read")
    assert names(made("ReplicaSet", "web-1", "apps/v1", "ml", metadata=of, spec={"replicas": replicas})) == resources


def test_one_object_that_nobody_can_read_hides_no_other():
    template = {"spec": {"containers": [{**CONTAINER, "resources": {"limits": {"cpu": "many"}}}]}}
    spec = {"pytorchReplicaSpecs": {"Worker": {"replicas": 2, "template": template}}}
    broken = made("PyTorchJob", "train", "kubeflow.org/v1", "ml", spec=spec)
    kept_, (row,) = readable(object_resources(observed(broken, pod("web"))))
    assert [each.id for each in kept_] == ["ml/web"]
    assert (row.subject, row.what) == ("PyTorchJob ml/train", "pods")
    assert "resources.limits.cpu" in row.why
