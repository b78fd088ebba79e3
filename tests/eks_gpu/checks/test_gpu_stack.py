"""The GPU stack of a node: one owner of driver and device plugin, and a plugin that reaches it."""

import pytest

from tests.graphs import cluster, device_plugin, findings, managed_group, release
from tests.karpenter_graphs import failure, healthy, healthy_auto_mode, node_class, node_pool

OPERATOR = {"driver": {"enabled": False}, "toolkit": {"enabled": False}}


def test_a_device_plugin_beside_auto_modes():
    stack = healthy_auto_mode()
    assert findings("one-owner-of-the-gpu-stack", *stack, device_plugin())["gpu"] == (
        False,
        "EKS Auto Mode and release nvidia-device-plugin each bring a device plugin, which conflict over its GPUs: keep "
        "the chart off: require eks.amazonaws.com/compute-type NotIn [auto]",
    )


def test_a_device_plugin_that_keeps_off_auto_mode():
    off = {"matchExpressions": [{"key": "eks.amazonaws.com/compute-type", "operator": "NotIn", "values": ["auto"]}]}
    affinity = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [off]}}}
    stack = healthy_auto_mode()
    assert findings("one-owner-of-the-gpu-stack", *stack, device_plugin(affinity=affinity))["gpu"] == (
        True,
        "the device plugin is EKS Auto Mode's",
    )


def test_an_operator_beside_the_device_plugin():
    both = [device_plugin(), release("gpu-operator", **OPERATOR)]
    assert failure("one-owner-of-the-gpu-stack", device_plugin=both) == (
        "gpu",
        "release nvidia-device-plugin and release gpu-operator each bring a device plugin, "
        "which conflict over its GPUs: "
        "remove one of them",
    )


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {},
            "release gpu-operator installs driver and toolkit beside those of the node image: set driver.enabled and "
            "toolkit.enabled to false",
        ),
        (
            {"driver": {"enabled": False}},
            "release gpu-operator installs toolkit beside those of the node image: set toolkit.enabled to false",
        ),
    ],
)
def test_an_operator_that_installs_a_second_driver(values, message):
    operator = release("gpu-operator", **values)
    assert failure("one-owner-of-the-gpu-stack", device_plugin=operator) == ("gpu", message)


@pytest.mark.parametrize(
    ("ami_type", "passes"), [("AL2023_x86_64_NVIDIA", False), ("AL2023_x86_64_STANDARD", True), ("CUSTOM", True)]
)
def test_an_operator_on_a_managed_group_goes_by_the_image(ami_type, passes):
    group = managed_group("gpu", instanceTypes=["g5.xlarge"], amiType=ami_type, launchTemplate=None)
    said = findings("one-owner-of-the-gpu-stack", cluster(), group, release("gpu-operator"))
    assert said["gpu"][0] is passes


def test_an_operator_on_nodes_of_another_image_brings_the_driver():
    own = node_class(amiSelectorTerms=[{"id": "ami-ubuntu"}])
    stack = healthy(device_plugin=release("gpu-operator"), node_class=own)
    assert findings("one-owner-of-the-gpu-stack", *stack)["gpu"] == (
        True,
        "the device plugin is release gpu-operator's",
    )


def test_a_node_may_refuse_the_operators_plugin():
    bottlerocket = node_class(amiSelectorTerms=[{"alias": "bottlerocket@v1.50.0"}])
    operator = release("gpu-operator", **OPERATOR)
    subject, message = failure("one-owner-of-the-gpu-stack", node_class=bottlerocket, device_plugin=operator)
    assert (subject, message.partition(" each")[0]) == ("gpu", "the node image and release gpu-operator")
    refusing = node_pool(labels={"nvidia.com/gpu.deploy.device-plugin": "false"})
    stack = healthy(gpu=refusing, node_class=bottlerocket, device_plugin=operator)
    assert findings("one-owner-of-the-gpu-stack", *stack)["gpu"][0]


def test_a_node_pool_that_the_device_plugin_does_not_reach():
    made = node_pool(template={"taints": [{"key": "team", "value": "ml", "effect": "NoSchedule"}]})
    assert failure("device-plugin-reaches-gpu-pools", gpu=made) == (
        "gpu",
        "the device plugin does not run there, so its nodes offer no GPU. release nvidia-device-plugin: pod does not "
        "tolerate taint team=ml:NoSchedule",
    )


def test_the_plugin_reaches_a_node_by_the_label_that_its_kubelet_adds():
    assert findings("device-plugin-reaches-gpu-pools", *healthy(gpu=node_pool(labels={})))["gpu"][0]
