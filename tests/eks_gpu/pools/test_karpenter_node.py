"""The node that Karpenter plans with, in numbers; `tests/e2e/test_karpenters_nodes.py` has all types."""

from typing import Any

import pytest

from eks_gpu.graph.graph import Resource
from eks_gpu.pods.pod import Pod, Toleration
from eks_gpu.pools.pool import Pool
from eks_gpu_components.catalog import instance_type
from tests.graphs import analysed, resource
from tests.karpenter_graphs import (
    ARCH,
    AUTO_MODE,
    ON_DEMAND,
    auto_mode_node_class,
    karpenter,
    node_class,
    node_overlay,
    node_pool,
    pool,
    subnet,
    types,
)

BOTTLEROCKET = [{"alias": "bottlerocket@v1.46.0"}]
TOLERATES = Toleration("nvidia.com/gpu", "Exists", effect="NoSchedule")


def volume(device: str, size: str, **more: Any) -> dict[str, Any]:
    return {"deviceName": device, "ebs": {"volumeSize": size, "volumeType": "gp3", "encrypted": True}, **more}


def made(name: str = "g5.2xlarge", *more: Resource, **spec: Any) -> Pool:
    return pool(node_pool(ARCH, ON_DEMAND, types(name)), node_class(**spec), *more)


def allocatable(resource_name: str, name: str = "g5.2xlarge", *more: Resource, **spec: Any) -> int | None:
    found = made(name, *more, **spec)
    assert found.node
    return found.node.allocatable(instance_type(name)).get(resource_name)


@pytest.mark.parametrize(
    ("spec", "mib"),
    [
        ({"blockDeviceMappings": None}, 17408),  # 20 GiB, less 10 % and 1 GiB
        ({"blockDeviceMappings": [volume("/dev/xvda", "100Gi")]}, 91136),
        ({"blockDeviceMappings": [volume("/dev/xvdb", "100Gi")]}, 17408),
        ({"amiSelectorTerms": BOTTLEROCKET, "blockDeviceMappings": [volume("/dev/xvda", "200Gi")]}, 17408),
        ({"amiSelectorTerms": BOTTLEROCKET, "blockDeviceMappings": [volume("/dev/xvdb", "100Gi")]}, 91136),
        ({"blockDeviceMappings": [volume("/dev/xvda", "9Gi"), volume("/dev/sdf", "50Gi", rootVolume=True)]}, 45056),
        ({"instanceStorePolicy": "RAID0", "blockDeviceMappings": None}, 385214),  # 450 GB
        ({"kubelet": {"evictionHard": {"nodefs.available": "50%"}}, "blockDeviceMappings": None}, 9216),
        ({"kubelet": {"evictionHard": {"nodefs.available": "5Gi"}}, "blockDeviceMappings": None}, 14336),
        ({"kubelet": {"kubeReserved": {"ephemeral-storage": "3Gi"}}, "blockDeviceMappings": None}, 15360),
    ],
)
def test_pods_have_the_storage_of_the_volume_that_they_fill(spec, mib):
    assert allocatable("ephemeral-storage", **spec) == mib


@pytest.mark.parametrize(
    ("spec", "pods"),
    [
        ({}, 58),
        ({"kubelet": {"maxPods": 1}}, 1),
        ({"kubelet": {"maxPods": 200}}, 200),
        ({"kubelet": {"podsPerCore": 3}}, 24),
        ({"kubelet": {"podsPerCore": 3, "maxPods": 10}}, 10),
        ({"kubelet": {"podsPerCore": 3}, "amiSelectorTerms": BOTTLEROCKET}, 58),  # it does not count there
        ({"kubelet": {"maxPods": "vcpus * 10"}}, 58),  # an expression needs a feature gate
    ],
)
def test_a_node_has_as_many_pods_as_its_class_or_its_addresses_allow(spec, pods):
    assert allocatable("pods", **spec) == pods


@pytest.mark.parametrize(
    ("name", "resource_name", "count"),
    [
        ("g5.2xlarge", "vpc.amazonaws.com/pod-eni", 17),
        ("t3.large", "vpc.amazonaws.com/pod-eni", 0),
        ("p4d.24xlarge", "vpc.amazonaws.com/efa", 4),
        ("g5.2xlarge", "vpc.amazonaws.com/efa", 0),
        ("inf2.xlarge", "aws.amazon.com/neuroncore", 2),
        ("trn1.32xlarge", "aws.amazon.com/neuron", 16),
    ],
)
def test_devices_and_interfaces_are_the_types(name, resource_name, count):
    assert allocatable(resource_name, name) == count


def test_interfaces_that_the_class_names_count_alone():
    interfaces = [{"networkCardIndex": 0, "deviceIndex": 0, "interfaceType": "interface"}]
    interfaces += [{"networkCardIndex": card, "deviceIndex": 1, "interfaceType": "efa-only"} for card in (0, 1)]
    assert allocatable("vpc.amazonaws.com/efa", "p4d.24xlarge", networkInterfaces=interfaces) == 2
    assert allocatable("pods", "p4d.24xlarge", networkInterfaces=interfaces) == 14 * 49 + 2


def test_memory_is_less_what_the_controller_and_the_class_keep():
    release = {"chart": "oci://public.ecr.aws/karpenter/karpenter", "version": "1.15.0"}
    settings = {"vmMemoryOverheadPercent": 0.1, "reservedENIs": "1"}
    karpenter = resource("kubernetes:helm.sh/v3:Release", "karpenter", {**release, "values": {"settings": settings}})

    assert allocatable("memory") == 32768 - 2458 - (255 + 11 * 58) - 100
    assert allocatable("memory", "g5.2xlarge", karpenter) == 32768 - 3277 - (255 + 11 * 58) - 100
    assert allocatable("pods", "g5.2xlarge", karpenter) == 44
    assert allocatable("memory", "g5g.xlarge", kubelet={"systemReserved": {"memory": "1Gi"}}) == (
        8192 - 64 - 610 - (255 + 11 * 58) - 100 - 1024
    )


def test_a_first_graviton_is_no_node_of_al2023():
    required = node_pool(ON_DEMAND, types("a1.large"))
    assert pool(required, node_class()).instance_types == ()
    assert pool(required, node_class(amiSelectorTerms=BOTTLEROCKET)).instance_types == ("a1.large",)


def test_auto_mode_tells_of_its_disk_and_not_of_branch_interfaces():
    stated = pool(node_pool(types("g5.2xlarge"), template={"nodeClassRef": AUTO_MODE}), auto_mode_node_class())
    assert stated.node
    found = stated.node.allocatable(instance_type("g5.2xlarge"))
    assert found["ephemeral-storage"] == 72704
    assert "vpc.amazonaws.com/pod-eni" not in found


def test_a_class_of_another_stack_says_nothing_of_storage():
    found = pool(node_pool(types("g5.2xlarge")))
    assert found.node
    assert "ephemeral-storage" not in found.node.allocatable(instance_type("g5.2xlarge"))


# --- what a pod hears ------------------------------------------------------------------------------------------------


def rejection(requests: dict[str, int], *more: Resource, **spec: Any) -> str:
    required = node_pool(ARCH, ON_DEMAND, types("g5.2xlarge"))
    (room,) = analysed(subnet("a"), subnet("b"), node_class(**spec), required, *more).rooms
    return str(room.verdict(Pod(requests=requests, tolerations=(TOLERATES,))).reason)


ADDONS = [resource("aws:eks/addon:Addon", name, {"addonName": name}) for name in ("vpc-cni", "eks-pod-identity-agent")]
PLUGIN = resource("kubernetes:helm.sh/v3:Release", "plugin", {"chart": "nvidia-device-plugin", "version": "0.20.0"})


@pytest.mark.parametrize("most", [1, 2, 3, 4])
def test_daemon_sets_of_add_ons_and_of_the_device_plugin_take_pods_of_a_node(most):
    assert rejection({"nvidia.com/gpu": 1}, *ADDONS, PLUGIN, kubelet={"maxPods": most}) == (
        f"of {most} pod{'s' * (most > 1)} that an empty g5.2xlarge takes, DaemonSets take all"
    )
    assert rejection({"nvidia.com/gpu": 1}, *ADDONS, PLUGIN, kubelet={"maxPods": 5}) == ""


def test_a_network_plugin_and_kube_proxy_run_on_every_node_that_eks_starts_without_a_word():
    assert "of 2 pods" in rejection({"nvidia.com/gpu": 1}, kubelet={"maxPods": 2})
    assert rejection({"nvidia.com/gpu": 1}, kubelet={"maxPods": 3}) == ""
    cilium = resource("kubernetes:helm.sh/v3:Release", "cilium", {"chart": "cilium", "version": "1.18.0"})
    assert rejection({"nvidia.com/gpu": 1}, cilium, kubelet={"maxPods": 2}) == ""


def test_a_resource_that_karpenter_does_not_know_starts_no_node_unless_an_overlay_gives_it():
    assert rejection({"example.com/slot": 1}) == (
        "Karpenter knows of no instance type that has example.com/slot, so it starts no node for it; "
        "a NodeOverlay can say that nodes have it"
    )
    stack = [node_overlay("slots", capacity={"example.com/slot": "4"}), karpenter(featureGates={"nodeOverlay": True})]
    assert rejection({"example.com/slot": 4}, *stack) == ""
    assert rejection({"example.com/slot": 5}, *stack) == "pod needs 5 of example.com/slot, an empty g5.2xlarge has 4"
    assert rejection({"nvidia.com/gpu": 2}, *stack) == "pod needs 2 of nvidia.com/gpu, an empty g5.2xlarge has 1"
