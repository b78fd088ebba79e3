"""Groups of nodes: shape, place, floor, metadata and disks."""

from dataclasses import replace
from typing import Any

import pytest

from eks_gpu.graph.graph import Graph
from eks_gpu.graph.unread import Unread
from eks_gpu.plan.analysis import analyse
from tests.graphs import (
    TODAY,
    autoscaler,
    cluster,
    failure,
    findings,
    gpu_group,
    healthy,
    launch_template,
    managed_group,
    managed_template,
    overrides,
    resource,
    user_data,
)


def test_gpu_nodes_without_taint():
    template = launch_template(userData=user_data(taints=""))
    assert failure("gpu-nodes-are-tainted", gpu_template=template) == (
        "gpu",
        "nodes have no taint, so any pod may land there and keep a GPU node running: "
        "add nvidia.com/gpu=true:NoSchedule",
    )


def test_a_soft_taint_is_none():
    template = launch_template(userData=user_data(taints="nvidia.com/gpu=true:PreferNoSchedule"))
    assert failure("gpu-nodes-are-tainted", gpu_template=template)[0] == "gpu"


def test_types_that_differ_in_gpus():
    group = gpu_group(mixedInstancesPolicy=overrides("g4dn.xlarge", "g4dn.12xlarge"))
    assert failure("one-gpu-count-a-group", gpu=group) == (
        "gpu",
        "types differ in GPUs (g4dn.xlarge 1, g4dn.12xlarge 4), but the autoscaler plans every node with the first",
    )


@pytest.mark.parametrize(
    ("subnets", "places"),
    [(["subnet-a", "subnet-b"], "us-west-2a, us-west-2b"), (["subnet-a", "subnet-elsewhere"], "2 subnets")],
)
def test_a_gpu_group_over_several_zones(subnets, places):
    assert failure("one-zone-a-gpu-group", gpu=gpu_group(vpcZoneIdentifiers=subnets)) == (
        "gpu",
        f"it spans {places}, but the autoscaler plans with one zone and EC2 picks another",
    )


def test_a_type_that_the_zone_does_not_sell():
    policy = overrides("g4dn.xlarge", "p5en.48xlarge")
    group = gpu_group(mixedInstancesPolicy=policy, vpcZoneIdentifiers=["subnet-b"])
    assert failure("instance-types-offered-in-zones", gpu=group) == (
        "gpu",
        "p5en.48xlarge is not offered in us-west-2b: it is in us-west-2a, us-west-2c, us-west-2d",
    )


def test_a_zone_that_sells_none_of_the_types():
    policy = overrides("p5en.48xlarge")
    group = gpu_group(mixedInstancesPolicy=policy, vpcZoneIdentifiers=["subnet-a", "subnet-b"])
    assert failure("instance-types-offered-in-zones", gpu=group) == (
        "gpu",
        "us-west-2b offers none of p5en.48xlarge: leave the zone out or add a type that it has",
    )


def test_a_type_that_is_misspelt_or_gone():
    group = gpu_group(mixedInstancesPolicy=overrides("g4dn.xlrge", "p2.xlarge"))
    assert failure("instance-types-offered-in-zones", gpu=group) == (
        "gpu",
        "instance type g4dn.xlrge is not in the catalog; nearest: g4dn.xlarge; "
        "instance type p2.xlarge is no longer offered: AWS lists it no longer, and no EKS image has a driver for its "
        "K80; nearest: g4dn.xlarge",
    )


@pytest.mark.parametrize(
    ("sizes", "said"),
    [
        ({"minSize": 1}, "1 GPU nodes run while nothing asks for them (minimum 1, desired 0): set both to 0"),
        ({"desiredCapacity": 2}, "2 GPU nodes run while nothing asks for them (minimum 0, desired 2): set both to 0"),
    ],
)
def test_gpu_nodes_that_run_without_work(sizes, said):
    assert failure("gpu-pools-start-at-zero", gpu=gpu_group(**sizes)) == ("gpu", said)


def test_rebalancing_over_zones():
    group = gpu_group(suspendedProcesses=[], vpcZoneIdentifiers=["subnet-a", "subnet-b"])
    assert failure("azrebalance-suspended-on-gpu-groups", gpu=group) == (
        "gpu",
        "EC2 may end a working GPU node to balance zones, without notice to its pods",
    )


def test_one_zone_has_nothing_to_rebalance():
    found = findings("azrebalance-suspended-on-gpu-groups", *healthy(gpu=gpu_group(suspendedProcesses=[])))
    assert found == {"gpu": (True, "one zone has nothing to balance")}


def test_a_size_that_an_update_sets_back():
    assert failure("desired-size-belongs-to-the-autoscaler", gpu=gpu_group(ignore=())) == (
        "gpu",
        "every update sets the size back to 0: add ignore_changes=['desiredCapacity']",
    )
    managed = managed_group(scalingConfig={"minSize": 1, "desiredSize": 3, "maxSize": 5})
    assert failure("desired-size-belongs-to-the-autoscaler", system=managed) == (
        "system",
        "every update sets the size back to 3: add ignore_changes=['scalingConfig.desiredSize']",
    )


def test_a_fixed_group_is_nobodys_but_the_programs():
    assert "system" not in findings("desired-size-belongs-to-the-autoscaler", *healthy())


def test_nodes_that_leave_imdsv1_open():
    template = launch_template(metadataOptions={"httpTokens": "optional"})
    assert failure("nodes-require-imdsv2", gpu_template=template) == (
        "gpu",
        'its launch template leaves IMDSv1 open: set metadata_options http_tokens="required"',
    )
    older = managed_group(launchTemplate=None, amiType="AL2_x86_64")
    assert failure("nodes-require-imdsv2", system=older) == (
        "system",
        'nothing in the stack requires IMDSv2: give it a launch template with metadata_options http_tokens="required"',
    )


OPTIONAL = launch_template("lt-system", userData="", metadataOptions={"httpTokens": "optional"})
SILENT = launch_template("lt-system", userData="", metadataOptions=None)
NO_TEMPLATE: dict[str, Any] = {"launchTemplate": None}


@pytest.mark.parametrize(
    ("group", "template", "passes"),
    [
        (managed_group(**NO_TEMPLATE), SILENT, True),
        (managed_group(), SILENT, True),
        (managed_group(), OPTIONAL, False),
        (managed_group(amiType="AL2_x86_64"), SILENT, False),
        (managed_group(amiType="BOTTLEROCKET_x86_64"), SILENT, False),
        (replace(managed_group(amiType=None), outputs={"amiType": "AL2023_x86_64_STANDARD"}), SILENT, True),
        (managed_group(amiType=None, **NO_TEMPLATE), SILENT, True),  # EKS takes AL2023 from 1.30 on
        (managed_group(amiType=None, clusterName="far", **NO_TEMPLATE), SILENT, True),
        (replace(managed_group(amiType=None, **NO_TEMPLATE), outputs={"amiType": "AL2_x86_64"}), SILENT, False),
    ],
)
def test_al2023_requires_imdsv2_by_itself(group, template, passes):
    found = findings("nodes-require-imdsv2", *healthy(system=group, system_template=template))

    assert found["system"][0] is passes


NOBODY = [
    "desired-size-belongs-to-the-autoscaler",
    "groups-are-discovered-by-this-cluster",
    "autoscaler-plans-with-the-smallest-type",
    "autoscaled-gpu-nodes-have-the-accelerator-label",
    "one-gpu-count-a-group",
    "one-zone-a-gpu-group",
    "scale-from-zero-labels-match-node",
    "scale-from-zero-taints-match-node",
    "scale-from-zero-resources-match-node",
]
POLICY = resource("aws:autoscaling/policy:Policy", "busy", {"autoscalingGroupName": "gpu"})


@pytest.mark.parametrize("check", NOBODY)
@pytest.mark.parametrize(
    ("stack", "speaks"),
    [
        ([cluster(), launch_template(), gpu_group()], False),
        ([cluster(), launch_template(), gpu_group(), autoscaler()], True),
        ([cluster(), launch_template(), gpu_group(), POLICY], True),
        ([launch_template(), gpu_group()], True),  # another stack has the cluster, and may have the autoscaler
    ],
)
def test_what_only_the_autoscaler_needs_is_not_asked_of_a_group_that_nothing_scales(check, stack, speaks):
    assert bool(findings(check, *stack)) is speaks


def test_an_unread_file_may_bring_the_autoscaler():
    row = Unread("file https://example.org/all.yml of ConfigFile all", "pods", "it is on another machine", "save it")
    group = managed_group("work", scalingConfig={"minSize": 1, "desiredSize": 3, "maxSize": 9})
    found = analyse(Graph([cluster(), group], unread=[row]), "us-west-2", TODAY)

    assert [each for each in found.findings if each.id == "desired-size-belongs-to-the-autoscaler"] == []
    assert [item.quantity for item in found.cost.idle.items if "m7i.large" in item.name] == [1]


def test_disks_that_are_not_encrypted():
    mappings = [{"deviceName": "/dev/xvda", "ebs": {"volumeSize": 100}}]
    assert failure("node-disks-are-encrypted", gpu_template=launch_template(blockDeviceMappings=mappings)) == (
        "gpu",
        'its disk of 100 GiB is not encrypted: set encrypted="true" in the launch template',
    )
    assert failure("node-disks-are-encrypted", gpu_template=launch_template(blockDeviceMappings=[])) == (
        "gpu",
        "nothing in the stack says that its disks are encrypted: give it block device mappings that do",
    )


FITS = "managed-groups-fit-their-launch-template"
BESIDE = "beside a launch template with an image"


@pytest.mark.parametrize(
    ("group", "template", "said"),
    [
        (
            {"instanceTypes": ["m7a.large"]},
            {"instanceType": "m6i.large"},
            "instanceTypes beside a launch template with instanceType m6i.large: leave the type out of the template",
        ),
        (
            {"diskSize": 60},
            {},
            "diskSize 60 beside a launch template: size the disk in blockDeviceMappings of the template",
        ),
        (
            {"remoteAccess": {"ec2SshKey": "ops"}},
            {},
            "remoteAccess beside a launch template: set keyName and security groups in the template",
        ),
        (
            {"amiType": "AL2023_x86_64_NVIDIA", "instanceTypes": None},
            {"imageId": "ami-7", "instanceType": "g5.xlarge"},
            f"amiType AL2023_x86_64_NVIDIA {BESIDE}: leave it out of the group, because image ami-7 decides it",
        ),
        (
            {"amiType": "CUSTOM", "version": "1.34", "releaseVersion": "1.34.2-20260714"},
            {"imageId": "ami-8"},
            f"version 1.34 {BESIDE}; releaseVersion 1.34.2-20260714 {BESIDE}: leave it out of the group, because image "
            "ami-8 decides it",
        ),
        (
            {},
            {"iamInstanceProfile": {"name": "nodes"}},
            "iamInstanceProfile in its launch template: leave it out: nodeRoleArn of the group gives the nodes their "
            "role",
        ),
        (
            {},
            {"instanceMarketOptions": {"marketType": "spot"}},
            "instanceMarketOptions in its launch template: leave it out: capacityType of the group asks for Spot",
        ),
        (
            {"capacityType": "CAPACITY_BLOCK"},
            {},
            "capacityType CAPACITY_BLOCK with market type none in its launch template: give both or neither: "
            "CAPACITY_BLOCK and capacity-block",
        ),
        (
            {"capacityType": None},
            {"instanceMarketOptions": {"marketType": "capacity-block"}},
            "capacityType ON_DEMAND with market type capacity-block in its launch template: give both or neither: "
            "CAPACITY_BLOCK and capacity-block",
        ),
        (
            {},
            {"hibernationOptions": {"configured": True}, "instanceInitiatedShutdownBehavior": "terminate"},
            "instanceInitiatedShutdownBehavior in its launch template; hibernationOptions in its launch template: "
            "leave it out: EKS ends the nodes itself",
        ),
        (
            {},
            {"networkInterfaces": [{"deviceIndex": 0}, {"deviceIndex": 1, "subnetId": "subnet-a"}]},
            "a subnet in its launch template: leave it out: subnetIds of the group decides",
        ),
    ],
)
def test_what_eks_refuses_in_a_managed_group_with_a_launch_template(group, template, said):
    made = {"system": managed_group(**group), "system_template": managed_template(**template)}
    assert findings(FITS, *healthy(**made))["system"] == (False, said)


@pytest.mark.parametrize(
    ("group", "template"),
    [
        ({}, {}),
        ({"amiType": None, "instanceTypes": ["g5.xlarge", "g6.xlarge"]}, {"imageId": "ami-9"}),
        ({"amiType": "CUSTOM"}, {"imageId": "ami-9"}),
        ({"version": "1.35", "releaseVersion": "1.35.2-20260714"}, {"keyName": "ops"}),
        ({"capacityType": "CAPACITY_BLOCK"}, {"instanceMarketOptions": {"marketType": "capacity-block"}}),
        ({"instanceTypes": None}, {"instanceType": "m6i.large", "hibernationOptions": {"configured": False}}),
        ({"diskSize": 60, "launchTemplate": None}, {"instanceType": "m6i.large"}),
        ({}, {"iamInstanceProfile": {"name": "nodes"}, "tags": {"eks:nodegroup-name": "system"}}),
    ],
)
def test_what_eks_takes_in_a_managed_group_with_a_launch_template(group, template):
    made = {"system": managed_group(**group), "system_template": managed_template(**template)}
    assert [one for one in findings(FITS, *healthy(**made)).values() if not one[0]] == []


def test_of_a_group_that_exists_eks_itself_tells_a_version():
    told: Any = {"amiType": "CUSTOM", "version": "1.35", "releaseVersion": "ami-9"}
    stack = healthy(system=managed_group(**told), system_template=managed_template(imageId="ami-9"))

    def problems(created: Any) -> list[str]:
        found = analyse(Graph(stack, created=created), "us-west-2", TODAY).findings
        return [one.message for one in found if one.id == FITS and not one.passed]

    assert problems(frozenset()) == []
    assert problems({managed_group().urn}) == [f"version 1.35 {BESIDE}; releaseVersion ami-9 {BESIDE}"]
