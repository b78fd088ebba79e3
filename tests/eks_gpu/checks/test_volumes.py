"""Checks of nodes' volumes and of network interfaces that pods ask for."""

from typing import Any

import pytest

from eks_gpu.graph.graph import Resource
from tests.graphs import analysed, cluster, gpu_work, managed_group, managed_template, resource
from tests.karpenter_graphs import ARCH, ON_DEMAND, node_class, node_pool, subnet, types

BOTTLEROCKET = [{"alias": "bottlerocket@v1.46.0"}]
HELD, OFFERED, LARGE = (
    "node-volumes-hold-their-image",
    "network-interfaces-are-offered",
    "gpu-node-disks-hold-large-images",
)


def volumes(**sizes: str) -> list[dict[str, Any]]:
    return [
        {"deviceName": f"/dev/{name}", "ebs": {"volumeSize": size, "encrypted": True}} for name, size in sizes.items()
    ]


def told(check: str, *more: Resource, kind: str = "g5.2xlarge", **spec: Any) -> dict[str, Any]:
    graph = [
        subnet("a"),
        subnet("b"),
        node_class(**spec),
        node_pool(ARCH, ON_DEMAND, types(kind), limits={"nvidia.com/gpu": "8"}),
        *more,
    ]
    (found,) = [row for row in analysed(*graph).findings if row.id == check and row.subject != "system"] or [None]
    return found.as_json() if found else {}


@pytest.mark.parametrize(
    ("kind", "minor", "size", "least"),
    [
        ("g5.2xlarge", "1.35", "2Gi", 4),
        ("g5.2xlarge", "1.36", "3G", 4),
        ("g5.2xlarge", "1.36", "4Gi", 0),
        ("g5.2xlarge", "1.37", "4Gi", 6),
        ("inf2.xlarge", "1.36", "2Gi", 0),
        ("m7i.large", "1.36", "1Gi", 2),
    ],
)
def test_a_system_volume_is_as_large_as_bottlerockets(kind, minor, size, least):
    found = told(
        HELD,
        cluster(version=minor),
        kind=kind,
        amiSelectorTerms=BOTTLEROCKET,
        blockDeviceMappings=volumes(xvda=size, xvdb="100Gi"),
    )
    assert found["passed"] is (not least)
    if least:
        assert found["severity"] == "error"
        assert found["fix"] == f"set /dev/xvda to {least}Gi or more"
        assert f"the image for its nodes has {least}: EC2 refuses it, so no node starts" in found["message"]


def test_a_root_volume_of_al2023_has_20_gib_or_more():
    assert told(HELD, blockDeviceMappings=volumes(xvda="10Gi"))["fix"] == "set /dev/xvda to 20Gi or more"
    assert told(HELD, blockDeviceMappings=volumes(xvda="20Gi"))["passed"]
    assert told(HELD, blockDeviceMappings=None)["passed"]


def test_an_image_of_ones_own_is_not_judged():
    own = {"amiFamily": "AL2023", "amiSelectorTerms": [{"id": "ami-0123456789abcdef0"}]}
    assert told(HELD, **own, blockDeviceMappings=volumes(xvda="8Gi")) == {}


def test_images_fill_bottlerockets_second_volume():
    found = told(LARGE, amiSelectorTerms=BOTTLEROCKET, blockDeviceMappings=volumes(xvda="200Gi"))
    assert found["message"].startswith("its disk /dev/xvdb has 20 GiB, and images with CUDA take several each")
    assert found["fix"].startswith("give /dev/xvdb 40 GiB or more")
    assert told(LARGE, amiSelectorTerms=BOTTLEROCKET, blockDeviceMappings=volumes(xvda="4Gi", xvdb="100Gi"))["passed"]


def test_a_volume_that_the_class_leaves_to_the_image_is_not_encrypted():
    found = told("node-disks-are-encrypted", amiSelectorTerms=BOTTLEROCKET, blockDeviceMappings=volumes(xvda="200Gi"))
    assert found["message"] == "its disk of 20 GiB is not encrypted"


def efa_work(count: int = 1) -> Resource:
    made = gpu_work("train")
    (container,) = made.inputs["spec"]["template"]["spec"]["containers"]
    container["resources"]["limits"]["vpc.amazonaws.com/efa"] = count
    return made


def test_work_that_asks_for_efa_needs_its_device_plugin():
    found = told(OFFERED, efa_work(), kind="p4d.24xlarge")
    assert (found["passed"], found["severity"]) == (False, "warning")
    assert found["message"] == "nothing in the stack makes its nodes offer vpc.amazonaws.com/efa"
    values = {"tolerations": [{"operator": "Exists"}]}
    plugin = resource("kubernetes:helm.sh/v3:Release", "efa", {"chart": "aws-efa-k8s-device-plugin", "values": values})
    assert told(OFFERED, efa_work(), plugin, kind="p4d.24xlarge")["passed"]
    assert told(OFFERED, gpu_work("train"), kind="p4d.24xlarge") == {}


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({}, "pod does not tolerate taint nvidia.com/gpu=true:NoSchedule"),
        ({"tolerations": [{"operator": "Exists"}]}, ""),
        ({"tolerations": [{"operator": "Exists"}], "supportedInstanceLabels": {"values": ["p4d.24xlarge"]}}, ""),
        (
            {"tolerations": [{"operator": "Exists"}], "supportedInstanceLabels": {"values": ["p5.48xlarge"]}},
            "pod requires node.kubernetes.io/instance-type In [p5.48xlarge]",
        ),
        (
            {"tolerations": [{"operator": "Exists"}], "nodeSelector": {"efa": "present"}},
            "pod selects efa=present",
        ),
    ],
)
def test_efas_device_plugin_must_run_where_the_pods_do(values, reason):
    chart = {"chart": "aws-efa-k8s-device-plugin", "name": "efa", "values": values}
    found = told(OFFERED, efa_work(), resource("kubernetes:helm.sh/v3:Release", "efa", chart), kind="p4d.24xlarge")
    assert found["passed"] is (not reason)
    if reason:
        begins = f"its nodes offer no vpc.amazonaws.com/efa: release efa does not run there: {reason}"
        assert found["message"].startswith(begins)
        assert (
            found["fix"] == "let the device plugin of EFA tolerate the taints of the pool, and name its instance types"
        )


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"xvda": 200}, "its disk /dev/xvdb has 20 GiB"),
        ({"xvda": 4, "xvdb": 30}, "its disk /dev/xvdb has 30 GiB"),
        ({"xvda": 4, "xvdb": 100}, "100 GiB of gp3"),
    ],
)
def test_images_fill_the_second_volume_of_a_groups_bottlerocket_too(sizes, message):
    mappings = [
        {"deviceName": f"/dev/{name}", "ebs": {"volumeSize": size, "volumeType": "gp3", "encrypted": "true"}}
        for name, size in sizes.items()
    ]
    group = managed_group("gpu", amiType="BOTTLEROCKET_x86_64_NVIDIA", instanceTypes=["g5.xlarge"])
    found = analysed(cluster(), managed_template(blockDeviceMappings=mappings), group).findings
    (large,) = [row for row in found if row.id == LARGE]
    assert message in large.message


def test_a_groups_volumes_hold_their_image():
    mappings = [{"deviceName": "/dev/xvda", "ebs": {"volumeSize": 3, "volumeType": "gp3", "encrypted": "true"}}]
    group = managed_group("gpu", amiType="BOTTLEROCKET_x86_64_NVIDIA", instanceTypes=["g5.xlarge"])
    found = analysed(cluster(), managed_template(blockDeviceMappings=mappings), group).findings
    assert [(row.subject, row.fix) for row in found if row.id == HELD and row.failed] == [
        ("gpu", "set /dev/xvda to 4Gi or more")
    ]
