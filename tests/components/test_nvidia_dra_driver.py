"""NvidiaDraDriver: on the nodes of pools with claims and on no other, with what EKS needs."""

from typing import Any

import pytest

from components.nvidia_dra_driver import NvidiaDraDriver
from components.values.value import BadInput
from eks_gpu.offline.sdk_schema import problems
from tests.documentation import run_example
from tests.engine import run
from tests.given import CLUSTER

NEWEST: Any = {**CLUSTER, "kubernetes_version": "1.36"}
POOL: Any = {"instance_types": ["g6.xlarge"], "max_gpus": 4, "devices": "claims"}
SHARED: Any = {**POOL, "sharing": {"strategy": "time-slicing", "replicas": 4}}


def release(*pools: Any, **args: Any) -> Any:
    given: Any = {"cluster": NEWEST, "pools": pools or [POOL], **args}
    return run(lambda: NvidiaDraDriver("driver", given)).one("kubernetes:helm.sh/v3:Release")


def refusal(*pools: Any, **args: Any) -> list[str]:
    with pytest.raises(BadInput) as refused:
        release(*pools, **args)
    return refused.value.problems


def test_the_chart_is_pinned_and_has_a_namespace_of_its_own():
    asked = release().inputs
    assert asked["chart"] == "oci://registry.k8s.io/dra-driver-nvidia/charts/dra-driver-nvidia-gpu"
    assert asked["version"] == "0.5.0"
    assert (asked["name"], asked["namespace"]) == ("dra-driver-nvidia-gpu", "dra-driver-nvidia-gpu")
    assert asked["createNamespace"] is True
    assert problems(release().type, asked) == []


def test_it_runs_where_pools_ask_for_it_and_leaves_compute_domains_out():
    assert release().inputs["values"] == {
        "gpuResourcesEnabledOverride": True,
        "resources": {"computeDomains": {"enabled": False}},
        "kubeletPlugin": {
            "affinity": {
                "nodeAffinity": {
                    "requiredDuringSchedulingIgnoredDuringExecution": {
                        "nodeSelectorTerms": [
                            {
                                "matchExpressions": [
                                    {"key": "nvidia.com/dra-kubelet-plugin", "operator": "In", "values": ["true"]},
                                    {"key": "eks.amazonaws.com/compute-type", "operator": "NotIn", "values": ["auto"]},
                                ]
                            }
                        ]
                    }
                }
            },
            "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}],
        },
    }


def test_every_taint_of_a_pool_with_claims_is_tolerated():
    dedicated = {**POOL, "taint": {"key": "dedicated", "value": "gpu", "effect": "NoExecute"}}
    other = {"instance_types": ["g5.xlarge"], "max_gpus": 1, "taint": {**dedicated["taint"], "key": "other"}}
    assert release(POOL, dedicated, other).inputs["values"]["kubeletPlugin"]["tolerations"] == [
        {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"},
        {"key": "dedicated", "operator": "Exists", "effect": "NoExecute"},
    ]


def test_shared_gpus_and_partitions_are_features_of_the_driver():
    values = release(SHARED).inputs["values"]
    assert (values["featureGates"], values["consumableShares"]) == ({"ConsumableShares": True}, "4")
    cut = {**POOL, "instance_types": ["p4d.24xlarge"], "max_gpus": 8}
    values = release(cut, settings={"partitions": True}).inputs["values"]
    assert values["featureGates"] == {"DynamicMIG": True}
    assert "consumableShares" not in values


@pytest.mark.parametrize(
    ("pools", "args", "said"),
    [
        ([{**POOL, "devices": "plugin"}], {}, "no pool needs the DRA driver: none has devices claims"),
        (
            [POOL, SHARED],
            {},
            "pools must share alike: the driver has one number of pods on a GPU for all nodes, got 1, 4",
        ),
        (
            [POOL],
            {"settings": {"partitions": True}},
            "settings.partitions: no pool with claims has a GPU that can be cut; these can: "
            "a100, b200, b300, h100, h200, rtx-pro-server-6000",
        ),
        ([POOL], {"namespace": "default"}, "namespace must not be default, which the chart refuses"),
        (
            [POOL],
            {"cluster": {**CLUSTER, "kubernetes_version": "1.33"}},
            "pool.devices: claims need Kubernetes 1.34 or later here, and the cluster has 1.33: take plugin, "
            "or update the cluster",
        ),
        (
            [{**POOL, "instance_types": ["p4d.24xlarge"], "max_gpus": 8}],
            {"cluster": {**CLUSTER, "kubernetes_version": "1.35"}, "settings": {"partitions": True}},
            "settings.partitions: parts of a device need Kubernetes 1.36 or later, and the cluster has 1.35",
        ),
    ],
)
def test_what_cannot_be_is_refused(pools, args, said):
    assert refusal(*pools, **args) == [said]


def test_the_example_of_its_page_runs():
    assert run_example("nvidia_dra_driver").one("eks-gpu-components:index:NvidiaDraDriver")
