"""A cluster with Auto Mode: what pulumi_eks is asked for, who its nodes are, and what is left to EKS."""

import json
from typing import Any

import pytest

from components.cluster import Cluster
from components.values.value import BadInput
from eks_gpu.offline.sdk_schema import problems
from tests.documentation import run_example
from tests.engine import run
from tests.given import subnets

ADDON = "aws:eks/addon:Addon"
CONTROL_PLANE = "eks:index:Cluster"
ACCESS = "aws:eks/accessEntry:AccessEntry"
ASSOCIATION = "aws:eks/accessPolicyAssociation:AccessPolicyAssociation"


def cluster(auto_mode: Any = None, preview: bool = False, region: str = "us-west-2", **settings: Any):
    auto_mode = {} if auto_mode is None else auto_mode
    given: Any = {
        "region": region,
        "vpc_id": "vpc-1",
        "subnets": subnets("abc"),
        "settings": {"name": "gaia", "auto_mode": auto_mode, **settings},
    }
    return run(lambda: Cluster("main", given), preview=preview, region=region)


def refusal(**settings: Any) -> list[str]:
    with pytest.raises(BadInput) as refused:
        cluster(**settings)
    return refused.value.problems


def test_pulumi_eks_is_asked_for_both_built_in_pools_and_their_role():
    assert cluster().one(CONTROL_PLANE).inputs["autoMode"] == {
        "enabled": True,
        "computeConfig": {"nodePools": ["general-purpose", "system"]},
        "createNodeRole": True,
    }


def test_without_built_in_pools_it_makes_no_role_since_eks_refuses_one():
    assert cluster({"built_in_pools": []}).one(CONTROL_PLANE).inputs["autoMode"] == {
        "enabled": True,
        "computeConfig": {"nodePools": []},
        "createNodeRole": False,
    }


def test_only_the_pools_asked_for_are_built_in():
    asked = cluster({"built_in_pools": ["system"]}).one(CONTROL_PLANE).inputs["autoMode"]
    assert asked["computeConfig"] == {"nodePools": ["system"]}


def test_the_rest_of_the_control_plane_is_as_in_every_cluster():
    asked = {key: value for key, value in cluster().one(CONTROL_PLANE).inputs.items() if key != "autoMode"}
    given: Any = {"region": "us-west-2", "vpc_id": "vpc-1", "subnets": subnets("abc"), "settings": {"name": "gaia"}}
    assert asked == run(lambda: Cluster("main", given)).one(CONTROL_PLANE).inputs
    assert asked["authenticationMode"] == "API"


def test_there_are_no_system_nodes():
    found = cluster()
    assert found.of("aws:eks/nodeGroup:NodeGroup") == []
    assert found.of("aws:ec2/launchTemplate:LaunchTemplate") == []


@pytest.mark.parametrize(
    ("pools", "configuration"),
    [
        (
            ["general-purpose", "system"],
            {
                "nodeSelector": {"karpenter.sh/nodepool": "system"},
                "tolerations": [{"key": "CriticalAddonsOnly", "operator": "Exists", "effect": "NoSchedule"}],
            },
        ),
        (["general-purpose"], None),
    ],
)
def test_metrics_server_is_the_only_addon_and_runs_on_the_system_pool_where_there_is_one(pools, configuration):
    (addon,) = cluster({"built_in_pools": pools}).of(ADDON)
    assert addon.inputs["addonName"] == "metrics-server"
    given = addon.inputs.get("configurationValues")
    assert (json.loads(given) if given else None) == configuration


def test_without_nodes_there_is_no_addon_that_would_wait_for_one():
    assert cluster({"built_in_pools": []}).of(ADDON) == []


def test_the_role_of_custom_node_classes_may_join_the_cluster():
    found = cluster()
    role = found.one("aws:iam/role:Role", "main-nodes-role")
    assert json.loads(role.inputs["assumeRolePolicy"])["Statement"] == [
        {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
    ]
    attached = found.of("aws:iam/rolePolicyAttachment:RolePolicyAttachment")
    assert {each.inputs["policyArn"] for each in attached if not each.expanded_from} == {
        "arn:aws:iam::aws:policy/AmazonEKSWorkerNodeMinimalPolicy",
        "arn:aws:iam::aws:policy/AmazonEC2ContainerRegistryPullOnly",
    }
    assert found.one(ACCESS).inputs == {
        "clusterName": "gaia",
        "principalArn": role.outputs["arn"],
        "type": "EC2",
    }
    assert found.one(ASSOCIATION).inputs == {
        "clusterName": "gaia",
        "principalArn": role.outputs["arn"],
        "policyArn": "arn:aws:eks::aws:cluster-access-policy/AmazonEKSAutoNodePolicy",
        "accessScope": {"type": "cluster"},
    }


def test_other_components_get_that_role():
    found = cluster()
    reference = found.one("eks-gpu-components:index:Cluster").outputs["reference"]
    assert reference["node_role_arn"] == found.one("aws:iam/role:Role", "main-nodes-role").outputs["arn"]
    assert reference["auto_mode"] is True


def test_nodes_keep_their_way_into_the_cluster_until_every_object_in_it_is_gone():
    found = cluster()
    provider = found.one("pulumi:providers:kubernetes", "main")
    names = {(each.type, each.name) for each in found.graph if each.urn in provider.dependencies}
    assert {
        (ASSOCIATION, "main-nodes"),
        ("aws:iam/rolePolicyAttachment:RolePolicyAttachment", "main-nodes-AmazonEKSWorkerNodeMinimalPolicy"),
        ("aws:iam/rolePolicyAttachment:RolePolicyAttachment", "main-nodes-AmazonEC2ContainerRegistryPullOnly"),
        (ADDON, "main-metrics-server"),
    } <= names


def test_people_keep_their_access():
    ops = {"principal_arn": "arn:aws:iam::123456789012:role/ops", "policy": "AmazonEKSViewPolicy"}
    found = cluster(access_entries={"ops": ops})
    assert {entry.name: entry.inputs["type"] for entry in found.of(ACCESS)} == {
        "main-nodes": "EC2",
        "main-ops": "STANDARD",
    }


def test_its_nodes_enforce_network_policies():
    config = cluster().one("kubernetes:core/v1:ConfigMap", "main-network-policy")
    assert config.inputs["metadata"] == {"name": "amazon-vpc-cni", "namespace": "kube-system"}
    assert config.inputs["data"] == {"enable-network-policy-controller": "true"}


def test_disks_come_from_auto_modes_own_provisioner():
    assert cluster().one("kubernetes:storage.k8s.io/v1:StorageClass").inputs["provisioner"] == (
        "ebs.csi.eks.amazonaws.com"
    )


@pytest.mark.parametrize("pools", [["general-purpose", "system"], []])
def test_a_preview_plans_what_an_update_makes_and_all_of_it_is_valid(pools):
    found = cluster({"built_in_pools": pools})
    assert cluster({"built_in_pools": pools}, preview=True).urns() == found.urns()
    assert [problem for resource in found.graph for problem in problems(resource.type, resource.inputs)] == []
    component = found.one("eks-gpu-components:index:Cluster").urn
    ours = [resource for resource in found.graph if resource.urn != component and not resource.expanded_from]
    assert {resource.parent for resource in ours} == {component}


@pytest.mark.parametrize(
    ("settings", "found"),
    [
        (
            {"auto_mode": {"built_in_pools": ["gpu"]}},
            ["settings.auto_mode.built_in_pools[0] must be one of general-purpose, system, got 'gpu'"],
        ),
        (
            {"auto_mode": {"built_in_pools": ["system", "system"]}},
            ["settings.auto_mode.built_in_pools must have none of them twice, got system, system"],
        ),
        (
            {"system_nodes": {"nodes": 3}},
            ["settings: system_nodes and auto_mode exclude each other: AWS runs the nodes for controllers too"],
        ),
        (
            {"addon_versions": {"coredns": "v1", "metrics-server": "v1", "vpc-cni": "v1"}},
            [
                f"settings: addon_versions.{name}: under auto_mode EKS does its work itself, and a second one is in "
                "the way, so leave it out"
                for name in ("coredns", "vpc-cni")
            ],
        ),
        (
            {"auto_mode": {"built_in_pools": []}, "addon_versions": {"metrics-server": "v1"}},
            [
                "settings: addon_versions.metrics-server: under auto_mode it has no node to run on without "
                "built_in_pools, so leave it out"
            ],
        ),
    ],
)
def test_what_auto_mode_does_itself_is_refused_with_the_reason(settings, found):
    assert refusal(**settings) == found


def test_system_nodes_that_no_zone_offers_do_not_matter_where_there_are_none():
    zones = {"b": ("us-east-1b", "use1-az1"), "c": ("us-east-1c", "use1-az2"), "e": ("us-east-1e", "use1-az3")}
    given: Any = {
        "region": "us-east-1",
        "vpc_id": "vpc-1",
        "subnets": [{"zone": name, "zone_id": id_, "subnet_id": f"subnet-{x}"} for x, (name, id_) in zones.items()],
        "settings": {"name": "gaia", "auto_mode": {}},
    }
    found = run(lambda: Cluster("main", given), region="us-east-1")
    assert found.one(CONTROL_PLANE).inputs["subnetIds"] == ["subnet-b", "subnet-c"]


def test_the_page_has_an_example_that_runs():
    assert "autoMode" in run_example("auto_mode").one(CONTROL_PLANE).inputs
