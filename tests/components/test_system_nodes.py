"""The system nodes: a fixed number of on-demand machines that controllers find by label."""

from typing import Any

import pytest

from components.cluster import Cluster
from components.nodes.system_nodes import SystemNodes, system_node_group
from components.values.value import BadInput, check
from tests.engine import run
from tests.given import released, subnets


def group(**wish: Any) -> dict[str, Any]:
    return system_node_group(check(SystemNodes, wish))


def refusal(**wish: Any) -> list[str]:
    with pytest.raises(BadInput) as refused:
        check(SystemNodes, wish)
    return refused.value.problems


def cluster(**system_nodes: Any):
    given: Any = {
        "region": "us-west-2",
        "vpc_id": "vpc-1",
        "subnets": subnets("abc"),
        "settings": {"name": "gaia", "system_nodes": system_nodes},
    }
    return run(lambda: Cluster("main", given))


def test_two_plain_machines_stay_whatever_the_load():
    assert group() == {
        "ami_type": "AL2023_x86_64_STANDARD",
        "capacity_type": "ON_DEMAND",
        "instance_types": ["m7i.large", "m7a.large", "m6i.large"],
        "labels": {"eks-gpu-components/role": "system"},
        "scaling_config": {"min_size": 2, "desired_size": 2, "max_size": 2},
        "taints": [],
        "update_config": {"max_unavailable": 1},
        "node_repair_config": {"enabled": True},
    }


def test_other_pods_are_kept_off_where_asked():
    assert group(taint=True)["taints"] == [{"key": "CriticalAddonsOnly", "value": "true", "effect": "NO_SCHEDULE"}]


def test_arm_machines_get_the_arm_image():
    assert group(instance_types=["m7g.large"])["ami_type"] == "AL2023_ARM_64_STANDARD"


def test_the_size_is_as_asked_and_never_left_to_an_autoscaler():
    nodes = cluster(nodes=3).one("aws:eks/nodeGroup:NodeGroup")
    assert nodes.inputs["scalingConfig"] == {"minSize": 3, "desiredSize": 3, "maxSize": 3}
    assert "ignoreChanges" not in nodes.options


def test_the_nodes_are_spread_over_every_subnet():
    assert cluster().one("aws:eks/nodeGroup:NodeGroup").inputs["subnetIds"] == ["subnet-a", "subnet-b", "subnet-c"]


def test_disks_are_encrypted_and_pods_cannot_reach_the_node_role():
    template = cluster(disk_gib=80).one("aws:ec2/launchTemplate:LaunchTemplate").inputs
    (disk,) = template["blockDeviceMappings"]
    assert disk["ebs"]["volumeSize"] == 80
    assert (disk["ebs"]["volumeType"], disk["ebs"]["encrypted"]) == ("gp3", "true")
    assert template["metadataOptions"]["httpTokens"] == "required"
    assert template["metadataOptions"]["httpPutResponseHopLimit"] == 1
    assert "userData" not in template


def test_the_role_has_its_policies_before_a_node_starts():
    found = cluster()
    nodes = found.one("aws:eks/nodeGroup:NodeGroup")
    attached = {
        attachment.inputs["policyArn"]
        for attachment in found.of("aws:iam/rolePolicyAttachment:RolePolicyAttachment")
        if attachment.urn in nodes.dependencies
    }
    assert attached == {
        "arn:aws:iam::aws:policy/AmazonEC2ContainerRegistryPullOnly",
        "arn:aws:iam::aws:policy/AmazonEKSWorkerNodePolicy",
    }


def test_sessions_on_nodes_are_a_setting():
    attached = cluster(session_manager=True).of("aws:iam/rolePolicyAttachment:RolePolicyAttachment")
    assert "main-system-AmazonSSMManagedInstanceCore" in {each.name for each in attached}


def test_the_nodes_follow_the_clusters_version_and_take_its_newest_image():
    nodes = cluster().one("aws:eks/nodeGroup:NodeGroup").inputs
    assert nodes["version"] == "1.35"
    assert nodes["releaseVersion"] == released("1.35", "standard")


def test_a_pin_holds_the_image():
    nodes = cluster(release_version="1.35.2-20260714").one("aws:eks/nodeGroup:NodeGroup").inputs
    assert (nodes["version"], nodes["releaseVersion"]) == ("1.35", "1.35.2-20260714")


@pytest.mark.parametrize(
    ("release", "problem"),
    [
        (
            "1.34.2-20260714",
            "settings: system_nodes.release_version must be one of the cluster's version 1.35, got 1.34.2-20260714",
        ),
        (
            "v20260714",
            "settings.system_nodes.release_version must be a release of the node image, "
            "as 1.35.2-20260714 or 1.46.0-1a2b3c4d, got 'v20260714'",
        ),
    ],
)
def test_a_pin_that_eks_would_refuse(release, problem):
    with pytest.raises(BadInput) as refused:
        cluster(release_version=release)
    assert refused.value.problems == [problem]


@pytest.mark.parametrize(
    ("wish", "problem"),
    [
        ({"nodes": 1}, "nodes must be at least 2, got 1"),
        ({"disk_gib": 8}, "disk_gib must be at least 20, got 8"),
        (
            {"instance_types": ["m7i.lrage"]},
            "instance_types[0]: instance type m7i.lrage is not in the catalog; nearest: m7i.large",
        ),
        ({"instance_types": []}, "instance_types must name a type"),
        ({"instance_types": ["g5.xlarge"]}, "instance_types must have no accelerator, got g5.xlarge with a10g"),
        (
            {"instance_types": ["m7i.large", "m7g.large"]},
            "instance_types must have one architecture, because one image boots them all, "
            "got m7i.large amd64, m7g.large arm64",
        ),
    ],
)
def test_bad_wishes_are_refused_with_the_reason(wish, problem):
    assert refusal(**wish) == [problem]


def test_a_zone_that_offers_none_of_the_types_is_refused():
    zones = [("us-east-1a", "use1-az4"), ("us-east-1b", "use1-az6"), ("us-east-1e", "use1-az3")]
    given: Any = {
        "region": "us-east-1",
        "vpc_id": "vpc-1",
        "subnets": [{"zone": zone, "zone_id": zone_id, "subnet_id": zone} for zone, zone_id in zones],
        "settings": {"name": "gaia", "system_nodes": {"instance_types": ["m7i.large"]}},
    }
    with pytest.raises(BadInput) as refused:
        run(lambda: Cluster("main", given), region="us-east-1")
    assert refused.value.problems == [
        "settings.system_nodes.instance_types must have a type that us-east-1e offers, got m7i.large"
    ]
