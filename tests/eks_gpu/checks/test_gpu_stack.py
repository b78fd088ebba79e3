"""The GPU stack of a node: one owner of driver and device plugin, and a plugin that reaches it."""

from dataclasses import replace

import pytest

from eks_gpu.graph.graph import Graph
from eks_gpu.graph.unread import Unread
from eks_gpu.plan.analysis import analyse
from tests.graphs import TODAY, cluster, device_plugin, findings, kubernetes, managed_group, release
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


FILE = Unread("file https://example.org/plugin.yml of ConfigFile plugin", "pods", "it is on another machine", "save it")
IN_A_FOLDER = Unread("chart ./charts/base of Chart base", "software", "no helm is here", "put helm on PATH")
NAMED_SO = Unread("chart company-gpu-base of Release base", "software", "it is in a repository", "name a folder")
OTHER = Unread("chart prometheus of Release metrics", "software", "it is in a repository", "name a folder")


@pytest.mark.parametrize(("row", "passed"), [(FILE, None), (IN_A_FOLDER, None), (NAMED_SO, None), (OTHER, False)])
def test_what_was_not_read_may_be_the_device_plugin(row, passed):
    group = managed_group("gpu", instanceTypes=["g5.xlarge"], amiType="AL2023_x86_64_NVIDIA")
    found = analyse(Graph([cluster(), group], unread=[row]), "us-west-2", TODAY).findings
    (said,) = [finding for finding in found if finding.id == "device-plugin-reaches-gpu-pools"]

    assert (said.passed, said.severity) == (passed, "error")
    assert (row.subject in said.message) is (passed is None)


def test_a_rendered_chart_of_the_device_plugin_is_one_owner():
    chart = release("nvidia-device-plugin")
    container = {"name": "plugin", "image": "nvcr.io/nvidia/k8s-device-plugin:v0.20.0"}
    toleration = {"key": "nvidia.com/gpu", "operator": "Exists"}
    daemon = kubernetes(
        "DaemonSet", "plugin", {"template": {"spec": {"containers": [container], "tolerations": [toleration]}}}
    )
    stack = healthy(device_plugin=chart)

    assert findings("one-owner-of-the-gpu-stack", *stack, replace(daemon, parent=chart.urn))["gpu"] == (
        True,
        "the device plugin is release nvidia-device-plugin's",
    )
