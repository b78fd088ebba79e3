"""GpuOperator: what each node image needs of NVIDIA's stack, where each part runs, and what is refused."""

import json
from typing import Any

import pytest

from components.gpu_operator import GpuOperator
from components.values.value import BadInput
from eks_gpu.offline.sdk_schema import problems
from tests.documentation import run_example
from tests.engine import run

RELEASE = "kubernetes:helm.sh/v3:Release"
NAMESPACE = "kubernetes:core/v1:Namespace"
POOL: Any = {"instance_types": ["g5.xlarge"], "max_gpus": 2}
A100: Any = {"instance_types": ["p4d.24xlarge"], "max_gpus": 8}
GPU = {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}
ON_SYSTEM_NODES = {
    "nodeSelector": {"eks-gpu-components/role": "system"},
    "tolerations": [{"key": "CriticalAddonsOnly", "operator": "Exists", "effect": "NoSchedule"}],
}


def operator(*pools: Any, preview: bool = False, namespace: str | None = None, **settings: Any):
    given: Any = {"pools": pools or [POOL], "settings": settings}
    if namespace:
        given["namespace"] = namespace
    return run(lambda: GpuOperator("gpu", given), preview=preview)


def values(*pools: Any, **settings: Any) -> dict[str, Any]:
    return operator(*pools, **settings).one(RELEASE).inputs["values"]


def refusal(*pools: Any, **settings: Any) -> list[str]:
    with pytest.raises(BadInput) as refused:
        operator(*pools, **settings)
    return refused.value.problems


def test_the_chart_is_pinned():
    asked = operator().one(RELEASE).inputs
    assert (asked["chart"], asked["version"]) == ("gpu-operator", "v26.7.0")
    assert asked["repositoryOpts"] == {"repo": "https://helm.ngc.nvidia.com/nvidia"}


def test_on_eks_nvidia_images_driver_and_toolkit_are_there_already():
    assert values() == {
        "operator": ON_SYSTEM_NODES,
        "node-feature-discovery": {
            "master": ON_SYSTEM_NODES,
            "gc": ON_SYSTEM_NODES,
            "worker": {"tolerations": [GPU]},
        },
        "daemonsets": {"tolerations": [GPU]},
        "driver": {"enabled": False},
        "toolkit": {"enabled": False},
        "dcgmExporter": {"enabled": True},
        "mig": {"strategy": "none"},
        "migManager": {"enabled": False},
    }


def test_on_ubuntu_the_operator_installs_both_and_nothing_else_differs():
    own, ubuntu = values(), values(node_image="ubuntu")
    assert (ubuntu.pop("driver"), ubuntu.pop("toolkit")) == ({"enabled": True}, {"enabled": True})
    del own["driver"], own["toolkit"]
    assert ubuntu == own


@pytest.mark.parametrize(
    ("settings", "path", "value"),
    [
        ({"dcgm_exporter": False}, ("dcgmExporter", "enabled"), False),
        ({"node_labels": {"role": "infra"}}, ("operator", "nodeSelector"), {"role": "infra"}),
        ({"node_labels": {"role": "infra"}}, ("node-feature-discovery", "gc", "nodeSelector"), {"role": "infra"}),
        ({"mig_strategy": "mixed"}, ("mig", "strategy"), "mixed"),
        ({"mig_strategy": "single"}, ("migManager", "enabled"), True),
    ],
)
def test_what_an_environment_says_reaches_the_chart(settings, path, value):
    found: Any = values(A100, **settings)
    for key in path:
        found = found[key]
    assert found == value


def test_a_pool_of_slices_has_its_gpus_cut():
    cut = {**A100, "mig": "1g.5gb"}
    assert values(A100, cut)["mig"] == {"strategy": "mixed"}
    assert values(A100, cut)["migManager"] == {"enabled": True}
    assert values(cut, mig_strategy="mixed") == values(cut)


def test_discovery_and_daemonsets_tolerate_every_taint_of_every_pool_once():
    dedicated = {**POOL, "taint": {"key": "dedicated", "value": "gpu", "effect": "NoExecute"}}
    found = values(POOL, dedicated, dedicated)
    tolerations = [GPU, {"key": "dedicated", "operator": "Exists", "effect": "NoExecute"}]
    assert found["daemonsets"]["tolerations"] == tolerations
    assert found["node-feature-discovery"]["worker"]["tolerations"] == tolerations


def test_no_affinity_keeps_discovery_off_a_node_since_the_operator_would_take_its_gpu_label_away():
    assert values()["node-feature-discovery"]["worker"].keys() == {"tolerations"}


def test_pools_that_share_gpus_configure_the_operators_device_plugin():
    shared = {**POOL, "sharing": {"strategy": "time-slicing", "replicas": 4}}
    config = values(POOL, shared)["devicePlugin"]["config"]
    assert (config["create"], config["name"], config["default"]) == (True, "nvidia-device-plugin", "default")
    assert {name: json.loads(text).get("sharing") for name, text in config["data"].items()} == {
        "default": None,
        "time-slicing-4": {
            "timeSlicing": {
                "renameByDefault": False,
                "resources": [{"name": "nvidia.com/gpu", "replicas": 4}],
                "failRequestsGreaterThanOne": True,
            }
        },
    }


def test_its_pods_may_touch_the_node():
    ran = operator()
    assert ran.one(NAMESPACE).inputs["metadata"] == {
        "name": "gpu-operator",
        "labels": {
            "pod-security.kubernetes.io/enforce": "privileged",
            "pod-security.kubernetes.io/audit": "privileged",
            "pod-security.kubernetes.io/warn": "privileged",
        },
    }
    assert ran.one(RELEASE).inputs["namespace"] == "gpu-operator"
    assert ran.one(NAMESPACE).urn in ran.one(RELEASE).dependencies


def test_the_namespace_is_the_one_asked_for():
    ran = operator(namespace="nvidia")
    assert (ran.one(NAMESPACE).inputs["metadata"]["name"], ran.one(RELEASE).inputs["namespace"]) == ("nvidia", "nvidia")


@pytest.mark.parametrize(
    ("pools", "settings", "found"),
    [
        (
            [POOL],
            {"node_image": "bottlerocket"},
            "settings: node_image: bottlerocket brings driver, toolkit and device plugin, and lets nobody replace "
            "them: it needs no operator",
        ),
        (
            [POOL],
            {"node_image": "auto-mode"},
            "settings: node_image: auto-mode brings driver, toolkit and device plugin, and a second one breaks them: "
            "it needs no operator",
        ),
        ([POOL], {"node_image": "al2"}, "settings: node_image must be one of eks-nvidia, ubuntu, got 'al2'"),
        (
            [POOL, {**POOL, "node_image": "bottlerocket"}],
            {},
            "pools[1]: bottlerocket brings driver, toolkit and device plugin, and lets nobody replace them: it needs "
            "no operator",
        ),
        (
            [{"instance_types": ["inf2.xlarge"], "max_gpus": 1}],
            {},
            "pools[0]: the operator is for NVIDIA GPUs, and inf2.xlarge has neuron devices",
        ),
        (
            [POOL],
            {"mig_strategy": "single"},
            "settings.mig_strategy single: no pool has a GPU that can be cut; these can: a100, b200, b300, h100, "
            "h200, rtx-pro-server-6000",
        ),
        (
            [{**A100, "mig": "1g.5gb"}],
            {"mig_strategy": "single"},
            "pools[0].mig: pods ask for its slices by their profile, which needs settings.mig_strategy mixed, "
            "got single",
        ),
        (
            [A100, {**POOL, "sharing": {"strategy": "mps", "replicas": 2}}],
            {"mig_strategy": "mixed"},
            "pools[1].sharing: settings.mig_strategy must be none where pods share whole GPUs, got mixed",
        ),
    ],
)
def test_a_stack_that_would_break_nodes_is_refused_with_the_reason(pools, settings, found):
    assert refusal(*pools, **settings) == [found]


def test_an_operator_without_pools_is_refused():
    with pytest.raises(BadInput, match="pools must name one or more: the operator has nothing to serve"):
        run(lambda: GpuOperator("gpu", {"pools": []}))


def test_a_preview_plans_what_an_update_makes_and_all_of_it_is_valid():
    found = operator()
    assert operator(preview=True).urns() == found.urns()
    assert [problem for resource in found.graph for problem in problems(resource.type, resource.inputs)] == []


def test_the_page_has_an_example_that_runs():
    assert run_example("gpu_operator").one(RELEASE).inputs["version"] == "v26.7.0"
