"""Pools with `devices: claims`: what they render, what a pod claims, and where they are refused."""

from typing import Any

import pytest

from components import pool_claim
from components.auto_mode_gpu_pool import AutoModeGpuPool
from components.cuda_vector_add import CudaVectorAdd
from components.gpu_node_group import GpuNodeGroup
from components.gpu_operator import GpuOperator
from components.gpu_smoke_test import GpuSmokeTest
from components.karpenter_gpu_pool import KarpenterGpuPool
from components.nvidia_device_plugin import NvidiaDevicePlugin
from components.resnet_inference import ResnetInference
from components.values.gpu_pool import GpuPool
from components.values.value import BadInput, check
from eks_gpu.offline.sdk_schema import problems
from tests.engine import run
from tests.given import CLUSTER, subnets

POOL: Any = {"instance_types": ["g6.xlarge"], "max_gpus": 4, "devices": "claims"}
SHARED: Any = {**POOL, "sharing": {"strategy": "time-slicing", "replicas": 4}}
NEWEST: Any = {**CLUSTER, "kubernetes_version": "1.36"}
AUTO: Any = {**NEWEST, "node_role_arn": "arn:aws:iam::123456789012:role/gaia-nodes-1a2b"}
DEVICE_CLASS = "kubernetes:resource.k8s.io/v1:DeviceClass"
NODE_CLASS = "kubernetes:karpenter.k8s.aws/v1:EC2NodeClass"


def karpenter(pool: Any = POOL, cluster: Any = NEWEST):
    args: Any = {"cluster": cluster, "subnets": subnets("ab"), "node_role_name": "nodes", "pool": pool}
    return run(lambda: KarpenterGpuPool("gpu", args))


def auto_mode(pool: Any = POOL, cluster: Any = AUTO):
    args: Any = {"cluster": cluster, "subnets": subnets("ab"), "pool": pool}
    return run(lambda: AutoModeGpuPool("gpu", args))


def refusal(make: Any, *given: Any) -> list[str]:
    with pytest.raises(BadInput) as refused:
        make(*given)
    return refused.value.problems


@pytest.mark.parametrize("make", [karpenter, auto_mode])
def test_a_pool_has_a_class_of_the_devices_that_its_types_have(make):
    found = make({**POOL, "instance_types": ["g6e.xlarge", "g6.xlarge"]}).one(DEVICE_CLASS)

    assert found.inputs == {
        "apiVersion": "resource.k8s.io/v1",
        "kind": "DeviceClass",
        "metadata": {"name": "gpu"},
        "spec": {
            "selectors": [
                {
                    "cel": {
                        "expression": "device.driver == 'gpu.nvidia.com' "
                        "&& device.attributes['gpu.nvidia.com'].type == 'gpu' "
                        "&& device.attributes['gpu.nvidia.com'].productName in ['NVIDIA L4', 'NVIDIA L40S']"
                    }
                }
            ]
        },
    }


@pytest.mark.parametrize("make", [karpenter, auto_mode])
def test_a_pool_with_the_plugin_has_no_class_and_no_annotation(make):
    assert make({**POOL, "devices": "plugin"}).of(DEVICE_CLASS) == []


def test_its_nodes_ask_for_the_driver_and_keep_the_plugin_off():
    assert check(GpuPool, POOL).node_labels == {
        "nvidia.com/gpu.present": "true",
        "nvidia.com/gpu.deploy.device-plugin": "false",
        "nvidia.com/dra-kubelet-plugin": "true",
    }


def test_karpenter_is_told_how_many_claims_share_a_gpu():
    waits = {"pulumi.com/waitFor": "condition=Ready"}
    annotations = {**waits, "karpenter.k8s.aws/nvidia-consumable-capacity": "4"}

    assert karpenter(SHARED).one(NODE_CLASS).inputs["metadata"]["annotations"] == annotations
    assert karpenter(POOL).one(NODE_CLASS).inputs["metadata"]["annotations"] == waits


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        ({"instance_types": ["inf2.xlarge"]}, "devices: claims are for NVIDIA GPUs, and inf2.xlarge has inferentia2"),
        (
            {"node_image": "bottlerocket"},
            "devices: claims need node_image al2023: Bottlerocket starts its own device plugin, "
            "and a GPU must not have both",
        ),
        (
            {"sharing": {"strategy": "mps", "replicas": 2}},
            "sharing: strategy must be time-slicing with devices claims: where claims share a GPU, MPS is off",
        ),
        ({"devices": "claim"}, "devices must be one of plugin, claims, got 'claim'; nearest: claims"),
    ],
)
def test_a_pool_refuses_what_claims_cannot_have(wish, said):
    assert refusal(check, GpuPool, {**POOL, **wish}) == [said]


def test_a_version_that_has_no_claims_is_refused():
    old = "claims need Kubernetes 1.34 or later here, and the cluster has 1.33: take plugin, or update the cluster"
    assert refusal(karpenter, POOL, {**CLUSTER, "kubernetes_version": "1.33"}) == [f"pool.devices: {old}"]
    newer = "claims need Kubernetes 1.36 or later here, and the cluster has 1.35: take plugin, or update the cluster"
    assert refusal(auto_mode, POOL, {**AUTO, "kubernetes_version": "1.35"}) == [f"pool.devices: {newer}"]
    shared = "claims share a GPU from Kubernetes 1.36 on, and the cluster has 1.35: leave it out"
    assert refusal(karpenter, SHARED, {**CLUSTER, "kubernetes_version": "1.35"}) == [f"pool.sharing: {shared}"]


def test_auto_mode_shares_no_gpu_by_claims():
    said = "pool.sharing: Auto Mode counts whole GPUs, so it would buy a node for each pod, got time-slicing-4: "
    assert refusal(auto_mode, SHARED) == [f"{said}leave it out, or use a node group or Karpenter"]


def test_a_node_group_refuses_claims_and_names_what_takes_them():
    args: Any = {"cluster": NEWEST, "subnets": subnets("ab"), "pool": POOL}
    assert refusal(lambda: run(lambda: GpuNodeGroup("gpu", args))) == [
        "pool.devices: the cluster autoscaler knows the devices of nodes that run, and none of an empty group's, "
        "so no claim starts one, got claims: take plugin, or KarpenterGpuPool, or AutoModeGpuPool from Kubernetes 1.36 "
        "on"
    ]


def test_the_plugin_leaves_such_a_pool_alone():
    assert refusal(lambda: run(lambda: NvidiaDevicePlugin("plugin", {"pools": [POOL]}))) == [
        "no pool needs the device plugin: with devices claims its GPUs are those of the DRA driver"
    ]
    args: Any = {"pools": [SHARED]}
    values = run(lambda: GpuOperator("operator", args)).one("kubernetes:helm.sh/v3:Release").inputs["values"]
    assert "devicePlugin" not in values


@pytest.mark.parametrize(
    ("component", "more"),
    [(CudaVectorAdd, {}), (GpuSmokeTest, {"backend": "karpenter"}), (ResnetInference, {"cluster": NEWEST})],
)
def test_workloads_that_count_gpus_are_refused_on_it(component, more):
    given: Any = {
        "pool": POOL,
        **more,
        **(
            {"settings": {"model": {"from_image": True}, "image": "registry.example/resnet:1"}}
            if component is ResnetInference
            else {}
        ),
    }
    said = refusal(lambda: run(lambda: component("work", given)))
    wanted = "pool.devices must be plugin: its pods request nvidia.com/gpu, which a node of a pool with claims never "
    assert any(f"{wanted}offers, got claims" in each for each in said), said


# What a pod claims


def test_a_pod_claims_from_the_class_of_the_pool():
    assert pool_claim("gpu", POOL) == {
        "spec": {
            "devices": {
                "requests": [
                    {
                        "name": "gpu",
                        "exactly": {"deviceClassName": "gpu", "allocationMode": "ExactCount", "count": 1},
                    }
                ]
            }
        }
    }


def test_a_claim_says_memory_shares_and_a_condition_of_its_own():
    made: Any = pool_claim("gpu", SHARED, gpu_memory_gib=20, shares=2, expression="has(device.attributes['x'])")
    (request,) = made["spec"]["devices"]["requests"]
    assert request["exactly"]["selectors"] == [
        {"cel": {"expression": "device.capacity['gpu.nvidia.com'].memory.compareTo(quantity('20Gi')) >= 0"}},
        {"cel": {"expression": "has(device.attributes['x'])"}},
    ]
    assert request["exactly"]["capacity"] == {"requests": {"shares": "2"}}


@pytest.mark.parametrize(
    ("pool", "wish", "said"),
    [
        (POOL, {"gpus": 2}, "gpus must be 1 to 1, as many as a node of the pool has, got 2"),
        (
            POOL,
            {"gpu_memory_gib": 24},
            "gpu_memory_gib must be at most 22, as much as a GPU of the pool has for pods, got 24",
        ),
        (POOL, {"shares": 1}, "shares needs a pool with sharing, got 1"),
        (SHARED, {"shares": 5}, "shares must be 0 to 4, got 5"),
        (
            {**POOL, "devices": "plugin"},
            {},
            "pool.devices must be claims: the nodes' driver makes no devices otherwise, got plugin",
        ),
    ],
)
def test_a_claim_that_no_node_of_the_pool_satisfies_is_refused(pool, wish, said):
    with pytest.raises(BadInput) as refused:
        pool_claim("gpu", pool, **wish)
    assert refused.value.problems == [said]


def test_the_class_is_one_that_the_provider_takes():
    made = karpenter().one(DEVICE_CLASS)
    assert problems(made.type, made.inputs) == []
