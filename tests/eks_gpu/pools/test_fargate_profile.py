"""Fargate profiles: which pods they run, with which size, and what that costs."""

from typing import Any

import pytest
import yaml

from eks_gpu.explain.explain import explain
from eks_gpu.explain.pod_file import read_pods
from eks_gpu.explain.stack_rooms import stack_rooms
from eks_gpu.graph.graph import Graph
from eks_gpu.graph.values import UNKNOWN, replaced
from eks_gpu.pods.pod import Pod
from eks_gpu.pools.fargate_profile import SIZES, size
from eks_gpu.pools.pool import Selector
from tests.graphs import analysed, cluster, findings, gpu_group, launch_template, resource, subnet

PROFILE = "aws:eks/fargateProfile:FargateProfile"
WEB = {"namespace": "web"}


def profile(*selectors: Any, name: str = "web", **inputs: Any):
    given = {"clusterName": "shop", "subnetIds": ["subnet-a"], "selectors": list(selectors or (WEB,))}
    return resource(PROFILE, name, given | inputs)


def work(name: str = "web", kind: str = "Deployment", namespace: str = "web", replicas: int = 2, **more: Any):
    spec = {"containers": [{"name": "c", "image": "x", **more.pop("container", {})}], **more.pop("pod", {})}
    template = {"metadata": {"labels": {"app": name} | more.pop("labels", {})}, "spec": spec}
    inputs = {"metadata": {"name": name, "namespace": namespace}, "spec": {"replicas": replicas, "template": template}}
    return resource(f"kubernetes:apps/v1:{kind}", name, inputs)


def asks(**requests: Any) -> dict[str, Any]:
    return {"container": {"resources": {"requests": requests}}}


def verdicts(*resources: Any) -> list[tuple[str, str, str]]:
    """Pool, rule and reason, for the only workload; all empty where the pool takes it."""
    found = analysed(cluster(), *resources)
    (said,) = found.verdicts.values()
    return [(each.pool, str(each.reason.rule or ""), str(each.reason)) for each in said]


def test_a_profile_is_a_pool_without_instances_that_scales_by_itself():
    (pool,) = analysed(cluster(), subnet("a"), profile({"namespace": "web", "labels": {"tier": "front"}})).pools
    assert pool.as_json() == {
        "name": "web",
        "backend": "fargate",
        "cluster": "shop",
        "accelerator": None,
        "instance_types": [],
        "gpus_per_node": None,
        "devices_per_node": None,
        "capacity_types": ["on-demand"],
        "zones": ["us-west-2a"],
        "min_nodes": 0,
        "desired_nodes": None,
        "max_nodes": None,
        "max_gpus": None,
        "labels": {},
        "taints": [],
        "scales_to_zero": True,
        "upgrade": {"how": "stays", "why": "a pod on Fargate keeps the kubelet of its start until it is made again"},
        "selectors": [{"namespace": "web", "labels": {"tier": "front"}}],
    }


def test_a_profile_is_read_and_nothing_of_nodes_is_left():
    found = analysed(cluster(), profile())
    assert not found.nodes_are_unread
    assert [each.passed for each in found.findings if each.id == "nodes-are-all-read"] == [True]


@pytest.mark.parametrize(
    ("selector", "taken"),
    [
        ({"namespace": "web"}, True),
        ({"namespace": "w*"}, True),
        ({"namespace": "*"}, True),
        ({"namespace": "we?"}, True),
        ({"namespace": "web?"}, False),
        ({"namespace": "w[a-z]b"}, False),
        ({"namespace": "default"}, False),
        ({"namespace": "web", "labels": {"app": "web"}}, True),
        ({"namespace": "web", "labels": {"app": "w*", "tier": "front"}}, True),
        ({"namespace": "web", "labels": {"t?er": "*"}}, True),
        ({"namespace": "web", "labels": {"app": "web", "tier": "back"}}, False),
        ({"namespace": "web", "labels": {"zone": "*"}}, False),
    ],
)
def test_a_selector_names_pods_by_namespace_and_all_of_its_labels(selector, taken):
    ((_, rule, _),) = verdicts(profile(selector), work(labels={"tier": "front"}))
    assert rule == ("" if taken else "profile-selects-the-pod")


def test_any_selector_is_enough_and_the_reason_names_all():
    other = {"namespace": "jobs", "labels": {"tier": "back"}}
    assert verdicts(profile(other, WEB), work()) == [("web", "", "")]
    assert verdicts(profile(other, {"namespace": "a*"}), work()) == [
        (
            "web",
            "profile-selects-the-pod",
            "pod is of namespace web with app=web, and the profile selects namespace jobs with tier=back or "
            "namespace a*",
        )
    ]


def test_a_pod_may_name_its_profile():
    labels = {"eks.amazonaws.com/fargate-profile": "b"}
    assert verdicts(profile(name="a"), profile(name="b"), work(labels=labels)) == [
        (
            "a",
            "profile-selects-the-pod",
            "the pod names profile b in its label eks.amazonaws.com/fargate-profile",
        ),
        ("b", "", ""),
    ]


@pytest.mark.parametrize(
    ("made", "rule", "reason"),
    [
        (work(kind="DaemonSet"), "fargate-runs-the-pod", "Fargate runs no DaemonSets"),
        (
            work(container={"securityContext": {"privileged": True}}),
            "fargate-runs-the-pod",
            "Fargate runs no pod with privileged",
        ),
        (
            work(pod={"initContainers": [{"name": "i", "securityContext": {"privileged": True}}]}),
            "fargate-runs-the-pod",
            "Fargate runs no pod with privileged",
        ),
        (work(pod={"hostNetwork": True}), "fargate-runs-the-pod", "Fargate runs no pod with hostNetwork"),
        (
            work(container={"ports": [{"containerPort": 80, "hostPort": 80}]}),
            "fargate-runs-the-pod",
            "Fargate runs no pod with hostPort",
        ),
        (
            work(container={"resources": {"limits": {"nvidia.com/gpu": 1}}}),
            "resources-suffice",
            "pod needs 1 of nvidia.com/gpu, and Fargate has none",
        ),
        (
            work(container={"resources": {"limits": {"aws.amazon.com/neuron": 1}}}),
            "resources-suffice",
            "pod needs 1 of aws.amazon.com/neuron, and Fargate has none",
        ),
        (
            work(**asks(cpu="17", memory="1Gi")),
            "resources-suffice",
            "pod needs 17000m of CPU and 1024Mi of memory, and Fargate has at most 16 vCPU and 120 GiB, of which "
            "Kubernetes takes 256 MiB",
        ),
        (
            work(**asks(memory="120Gi")),
            "resources-suffice",
            "pod needs 0m of CPU and 122880Mi of memory, and Fargate has at most 16 vCPU and 120 GiB, of which "
            "Kubernetes takes 256 MiB",
        ),
        (
            work(**asks(**{"ephemeral-storage": "200Gi"})),
            "resources-suffice",
            "pod needs 204800Mi of ephemeral-storage, and Fargate has at most 175Gi",
        ),
        (work(pod={"nodeName": "a"}), "node-name-is-open", "the pod names its node itself, a"),
    ],
)
def test_what_fargate_does_not_run_is_told_with_the_first_rule(made, rule, reason):
    assert verdicts(profile(), made) == [("web", rule, reason)]


def test_another_clusters_profile_takes_no_pod_and_nothing_of_selection_by_nodes_counts():
    elsewhere = {"tolerations": [{"operator": "Exists"}], "nodeSelector": {"disk": "ssd"}}
    assert verdicts(profile(), work(pod=elsewhere)) == [("web", "", "")]


@pytest.mark.parametrize(
    ("cpu", "memory_mib", "expected"),
    [
        (0, 0, (0.25, 0.5)),
        (250, 256, (0.25, 0.5)),
        (250, 257, (0.25, 1)),
        (251, 0, (0.5, 1)),
        (500, 4096, (1, 5)),
        (1000, 7936, (1, 8)),
        (1000, 7937, (2, 9)),
        (3000, 9216, (4, 10)),
        (4001, 0, (8, 16)),
        (8000, 17 * 1024, (8, 20)),
        (9000, 33 * 1024, (16, 40)),
        (16000, 120 * 1024 - 256, (16, 120)),
    ],
)
def test_a_pod_gets_the_smallest_size_that_holds_it_and_kubernetes(cpu, memory_mib, expected):
    found = size(Pod(requests={"cpu": cpu, "memory": memory_mib}))
    assert found and (found.vcpus, found.memory_gib) == expected


def test_the_sizes_are_those_of_the_user_guide():
    by_vcpus = {each.vcpus: [other.memory_gib for other in SIZES if other.vcpus == each.vcpus] for each in SIZES}
    assert {vcpus: (found[0], found[-1], len(found)) for vcpus, found in by_vcpus.items()} == {
        0.25: (0.5, 2, 3),
        0.5: (1, 4, 4),
        1: (2, 8, 7),
        2: (4, 16, 13),
        4: (8, 30, 23),
        8: (16, 60, 12),
        16: (32, 120, 12),
    }


def test_pods_on_fargate_are_paid_by_their_size_and_need_no_node():
    everyone = gpu_group(minSize=0, maxSize=4)
    found = analysed(
        cluster(), launch_template(), subnet("a"), everyone, profile(), work(**asks(cpu="1", memory="2Gi"))
    )
    steady = {item.name: item for item in found.cost.steady.items}
    line = steady["pool web: Fargate pods of 1 vCPU and 3 GiB"]
    assert (line.quantity, round(line.hourly, 6)) == (2, 0.10763)  # 2 x (0.04048 + 3 x 0.004445)
    assert not any(name.startswith("pool gpu") for name in steady)
    assert not any("Fargate" in item.name for item in found.cost.idle.items)
    assert found.cost.steady.borrowed_from == ("us-east-1",)
    assert "pool web has no ceiling and is left out" in found.cost.max.notes


def test_a_workload_on_fargate_is_admitted_and_one_that_no_profile_takes_is_pending():
    found = analysed(cluster(), profile(), work(), work("batch", namespace="default"))
    assert [found.admitted_by(each) for each in found.workloads] == [["web"], []]
    said = findings("workloads-are-admitted", cluster(), profile(), work(), work("batch", namespace="default"))
    assert {subject: passed for subject, (passed, _) in said.items()} == {
        "Deployment web/web": True,
        "Deployment default/batch": False,
    }


def test_no_check_of_nodes_is_about_a_profile():
    found = analysed(cluster(), profile(), work())
    assert [each.id for each in found.findings if each.subject == "web"] == []


def test_karpenter_may_run_on_fargate():
    release = {"chart": "karpenter", "name": "karpenter", "namespace": "karpenter", "version": "1.15.0"}
    karpenter = resource("kubernetes:helm.sh/v3:Release", "karpenter", release)

    def standing(*selectors: Any) -> dict[str, Any]:
        made = cluster(), karpenter, profile(*selectors, name="karpenter")
        return {subject: passed for subject, (passed, _) in findings("controllers-have-standing-nodes", *made).items()}

    assert standing({"namespace": "karpenter"}) == {"release karpenter": True}
    assert standing({"namespace": "karpenter", "labels": {"app.kubernetes.io/name": "karpenter"}}) == {
        "release karpenter": True
    }
    assert standing({"namespace": "kube-system"}) == {"release karpenter": False}


def test_an_unknown_selector_gives_no_verdict():
    urn = f"urn:pulumi:dev::shop::{PROFILE}::web"
    told = replaced({"clusterName": "shop", "selectors": [{"namespace": UNKNOWN}]}, {}, urn)
    made = resource(PROFILE, "web", told, unknown=("selectors[0].namespace",))
    said = findings("workloads-are-admitted", cluster(), made, work())
    assert said["Deployment web/web"][0] is None


def test_a_profile_of_aws_native_is_read_too():
    native = {
        "clusterName": "shop",
        "subnets": ["subnet-a"],
        "selectors": [{"namespace": "web", "labels": [{"key": "app", "value": "web"}]}],
    }
    (pool,) = analysed(cluster(), subnet("a"), resource("aws-native:eks:FargateProfile", "web", native)).pools
    assert (pool.selectors, pool.zones) == ((Selector("web", {"app": "web"}),), ("us-west-2a",))


def test_explain_tells_the_size_or_the_selectors(tmp_path):
    file = tmp_path / "pods.yaml"
    spec = {"containers": [{"name": "c", "image": "x", "resources": {"requests": {"cpu": "3", "memory": "9Gi"}}}]}
    pods = [
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": ns}, "spec": spec} for ns in "ab"
    ]
    file.write_text(yaml.safe_dump_all(pods))
    stack = stack_rooms(Graph([cluster(), profile({"namespace": "a"})]), "us-west-2")
    taken, rejected = (found.as_json()["pools"][0] for found in explain(stack, read_pods(file)[0]))
    assert (taken["admits"], taken["fargate"], taken["launch"]) == (True, {"vcpus": 4, "memory_gib": 10}, None)
    assert rejected["rule"] == "profile-selects-the-pod"
    assert rejected["in_pool"]["field"] == "selectors"
