"""Who may join the cluster, and what nodes may do then."""

from typing import Any

import pytest

from tests.graphs import analysed, findings, launch_template
from tests.whole_graphs import addon, attached, cluster, entry, failure, healthy, holds, inline, role, user_data

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


def test_policies_of_one_s_own_are_evaluated():
    assert holds(POLICIES, worker=inline("shop-node", "ec2:Describe*"))
    assert failure(POLICIES, worker=inline("shop-node", "s3:*")) == (
        "shop-node",
        "it may not describe the cluster it joins: attach AmazonEKSWorkerNodePolicy",
    )


@pytest.mark.parametrize(
    ("action", "said"),
    [
        ("ecr:*", "it may not pull images from Amazon ECR: Shut denies it: take the Deny away"),
        ("ec2:Describe*", "it may not describe the cluster it joins: Shut denies it: take the Deny away"),
    ],
)
def test_a_deny_beside_the_policies_of_nodes(action, said):
    denying = inline("shop-node", action, Effect="Deny", Sid="Shut")
    worker = attached("shop-node", "AmazonEKSWorkerNodePolicy")
    assert failure(POLICIES, worker=[worker, denying]) == ("shop-node", said)
    elsewhere = inline("shop-node", action, Effect="Deny", Resource="arn:aws:ecr:us-west-2:1:repository/other")
    assert holds(POLICIES, worker=[worker, elsewhere])


def test_a_role_that_no_instance_gets():
    assert failure(POLICIES, node_role=role("shop-node", "ecs.amazonaws.com")) == (
        "shop-node",
        "it does not trust ec2.amazonaws.com, so no instance gets it: trust ec2.amazonaws.com",
    )


def test_a_cni_whose_role_no_pod_gets():
    lambdas = [role("cni", "lambda.amazonaws.com"), attached("cni", "AmazonEKS_CNI_Policy")]
    assert failure(POLICIES, cni_role=lambdas)[1].startswith("no role may give pods addresses of the VPC")


def test_an_entry_for_nodes_of_another_system():
    said = findings(JOIN, *healthy(entry=entry("shop-node", type="EC2_WINDOWS")))
    assert said["gpu"] == (False, "the access entry of role shop-node is of type EC2_WINDOWS: give it type EC2_LINUX")
    assert said["EC2NodeClass gpu"] == said["gpu"]
    readable = launch_template(userData=None)
    said = findings(JOIN, *healthy(entry=entry("shop-node", type="EC2_WINDOWS"), gpu_template=readable))
    assert said["gpu"][0]  # nothing says that its nodes are of Linux


@pytest.mark.parametrize(
    "changed", [{"iamInstanceProfile": {"name": "other"}}, {"iamInstanceProfile": {"arn": "a/other"}}]
)
def test_nodes_with_a_profile_that_the_stack_does_not_have(changed):
    stack = healthy(gpu_template=launch_template(**changed))
    (found,) = [each for each in analysed(*stack).findings if each.id == JOIN and each.failed]
    assert (found.subject, found.severity, found.message) == (
        "gpu",
        "warning",
        "the stack has no instance profile other with a role, and gives access to role shop-node",
    )


def test_a_cluster_that_reads_no_entries():
    by_map = cluster(accessConfig={"authenticationMode": "CONFIG_MAP"})
    assert failure("access-entries-are-read", cluster=by_map) == (
        "shop",
        "its authenticationMode is CONFIG_MAP, and the stack has 1 access entries",
    )
    assert holds("access-entries-are-read")
    assert findings("access-entries-are-read", *healthy(cluster=by_map, entry=None)) == {}
