"""Who may join the cluster, and what nodes may do then."""

from typing import Any

import pytest

from tests.graphs import findings, launch_template
from tests.whole_graphs import addon, attached, cluster, entry, failure, healthy, holds, inline, user_data

JOIN, POLICIES = "nodes-may-join-the-cluster", "node-roles-have-their-policies"


@pytest.mark.parametrize("instead", [None, entry("shop-node", type="STANDARD"), entry("other")])
def test_a_role_that_the_cluster_does_not_know(instead):
    said = findings(JOIN, *healthy(entry=instead))
    assert said == {
        "gpu": (False, "role shop-node has no access entry"),
        "fast": (False, "role shop-node has no access entry"),
        "EC2NodeClass gpu": (False, "role shop-node has no access entry"),
    }


def test_a_config_map_may_let_nodes_in():
    both = cluster(accessConfig={"authenticationMode": "API_AND_CONFIG_MAP"})
    assert holds(JOIN, entry=None, cluster=both)


def test_a_role_of_another_stack_is_not_judged():
    assert holds(JOIN, entry=None, node_role=None)


@pytest.mark.parametrize(
    ("left_out", "said"),
    [
        ("imageId", "its launch template names no image: set imageId"),
        ("iamInstanceProfile", "its launch template names no instance profile: set iamInstanceProfile"),
        (
            "vpcSecurityGroupIds",
            "its launch template names no security group, so nodes get the VPC's default, which no cluster trusts: "
            "add the cluster's security group",
        ),
    ],
)
def test_what_a_self_managed_node_needs(left_out, said):
    given: Any = {"userData": user_data(), left_out: None}
    template = launch_template(**given)
    assert failure(JOIN, gpu_template=template) == ("gpu", said)


@pytest.mark.parametrize(
    ("instead", "said"),
    [
        ({"worker": None}, "it may not describe the cluster it joins: attach AmazonEKSWorkerNodePolicy"),
        ({"images": None}, "it may not pull images from Amazon ECR: attach AmazonEC2ContainerRegistryPullOnly"),
        ({"cni": addon("vpc-cni")}, "no role may give pods addresses of the VPC: give vpc-cni AmazonEKS_CNI_Policy"),
    ],
)
def test_a_policy_that_is_missing(instead, said):
    assert failure(POLICIES, **instead) == ("shop-node", said)


def test_the_node_role_may_have_the_cni_s_policy():
    assert holds(POLICIES, cni=addon("vpc-cni"), cni_role=attached("shop-node", "AmazonEKS_CNI_Policy"))


def test_a_cni_that_the_stack_does_not_bring_is_not_judged():
    assert holds(POLICIES, cni=None)


def test_policies_of_one_s_own_are_not_judged():
    assert holds(POLICIES, worker=inline("shop-node", "ec2:Describe*"))
