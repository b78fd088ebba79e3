"""What Karpenter's controller may do: every statement, literally, and no more."""

import json
from typing import Any

import pytest

from components.iam.karpenter_policy import POLICIES, ControllerScope, controller_policy
from components.karpenter import Karpenter
from tests.engine import run
from tests.given import CLUSTER

NODE_ROLE = "arn:aws:iam::123456789012:role/nodes"
QUEUE = "arn:aws:sqs:us-west-2:123456789012:gaia"
PROFILES = "arn:aws:iam::123456789012:instance-profile/*"
MADE = [
    "arn:aws:ec2:us-west-2:*:fleet/*",
    "arn:aws:ec2:us-west-2:*:instance/*",
    "arn:aws:ec2:us-west-2:*:volume/*",
    "arn:aws:ec2:us-west-2:*:network-interface/*",
    "arn:aws:ec2:us-west-2:*:launch-template/*",
    "arn:aws:ec2:us-west-2:*:spot-instances-request/*",
]
ITS_OWN = {
    "StringEquals": {"aws:ResourceTag/kubernetes.io/cluster/gaia": "owned"},
    "StringLike": {"aws:ResourceTag/karpenter.sh/nodepool": "*"},
}
ASKED = {"aws:RequestTag/kubernetes.io/cluster/gaia": "owned", "aws:RequestTag/eks:eks-cluster-name": "gaia"}
ASKED_POOL = {"aws:RequestTag/karpenter.sh/nodepool": "*"}

# Sid -> actions, resources, conditions.
STATEMENTS: dict[str, tuple[str, str | list[str], dict[str, Any] | None]] = {
    "AllowScopedEC2InstanceAccessActions": (
        "ec2:RunInstances ec2:CreateFleet",
        [
            "arn:aws:ec2:us-west-2::image/*",
            "arn:aws:ec2:us-west-2::snapshot/*",
            "arn:aws:ec2:us-west-2:*:security-group/*",
            "arn:aws:ec2:us-west-2:*:subnet/*",
            "arn:aws:ec2:us-west-2:*:capacity-reservation/*",
            "arn:aws:ec2:us-west-2:*:placement-group/*",
        ],
        None,
    ),
    "AllowScopedEC2LaunchTemplateAccessActions": (
        "ec2:RunInstances ec2:CreateFleet",
        ["arn:aws:ec2:us-west-2:*:launch-template/*"],
        ITS_OWN,
    ),
    "AllowScopedEC2InstanceActionsWithTags": (
        "ec2:RunInstances ec2:CreateFleet ec2:CreateLaunchTemplate",
        MADE,
        {"StringEquals": ASKED, "StringLike": ASKED_POOL},
    ),
    "AllowScopedResourceCreationTagging": (
        "ec2:CreateTags",
        MADE,
        {
            "StringEquals": {
                **ASKED,
                "ec2:CreateAction": ["RunInstances", "CreateFleet", "CreateLaunchTemplate"],
            },
            "StringLike": ASKED_POOL,
        },
    ),
    "AllowScopedResourceTagging": (
        "ec2:CreateTags",
        ["arn:aws:ec2:us-west-2:*:instance/*"],
        {
            **ITS_OWN,
            "StringEqualsIfExists": {"aws:RequestTag/eks:eks-cluster-name": "gaia"},
            "ForAllValues:StringEquals": {"aws:TagKeys": ["eks:eks-cluster-name", "karpenter.sh/nodeclaim", "Name"]},
        },
    ),
    "AllowScopedDeletion": (
        "ec2:TerminateInstances ec2:RebootInstances ec2:DeleteLaunchTemplate",
        ["arn:aws:ec2:us-west-2:*:instance/*", "arn:aws:ec2:us-west-2:*:launch-template/*"],
        ITS_OWN,
    ),
    "AllowPassingInstanceRole": (
        "iam:PassRole",
        NODE_ROLE,
        {"StringEquals": {"iam:PassedToService": ["ec2.amazonaws.com", "ec2.amazonaws.com.cn"]}},
    ),
    "AllowScopedInstanceProfileCreationActions": (
        "iam:CreateInstanceProfile",
        PROFILES,
        {
            "StringEquals": {**ASKED, "aws:RequestTag/topology.kubernetes.io/region": "us-west-2"},
            "StringLike": {"aws:RequestTag/karpenter.k8s.aws/ec2nodeclass": "*"},
        },
    ),
    "AllowScopedInstanceProfileTagActions": (
        "iam:TagInstanceProfile",
        PROFILES,
        {
            "StringEquals": {
                **ASKED,
                "aws:ResourceTag/kubernetes.io/cluster/gaia": "owned",
                "aws:ResourceTag/topology.kubernetes.io/region": "us-west-2",
                "aws:RequestTag/topology.kubernetes.io/region": "us-west-2",
            },
            "StringLike": {
                "aws:ResourceTag/karpenter.k8s.aws/ec2nodeclass": "*",
                "aws:RequestTag/karpenter.k8s.aws/ec2nodeclass": "*",
            },
        },
    ),
    "AllowScopedInstanceProfileActions": (
        "iam:AddRoleToInstanceProfile iam:RemoveRoleFromInstanceProfile iam:DeleteInstanceProfile",
        PROFILES,
        {
            "StringEquals": {
                "aws:ResourceTag/kubernetes.io/cluster/gaia": "owned",
                "aws:ResourceTag/topology.kubernetes.io/region": "us-west-2",
            },
            "StringLike": {"aws:ResourceTag/karpenter.k8s.aws/ec2nodeclass": "*"},
        },
    ),
    "AllowSpotServiceLinkedRoleCreation": (
        "iam:CreateServiceLinkedRole",
        "arn:aws:iam::123456789012:role/aws-service-role/spot.amazonaws.com/AWSServiceRoleForEC2Spot",
        {"StringEquals": {"iam:AWSServiceName": "spot.amazonaws.com"}},
    ),
    "AllowAPIServerEndpointDiscovery": (
        "eks:DescribeCluster",
        "arn:aws:eks:us-west-2:123456789012:cluster/gaia",
        None,
    ),
    "AllowInterruptionQueueActions": ("sqs:DeleteMessage sqs:GetQueueUrl sqs:ReceiveMessage", QUEUE, None),
    "AllowZonalShiftStatusReadOnly": (
        "arc-zonal-shift:GetManagedResource",
        "*",
        {
            "StringEquals": {
                "arc-zonal-shift:ResourceIdentifier": "arn:aws:eks:us-west-2:123456789012:cluster/gaia",
            }
        },
    ),
    "AllowRegionalReadActions": (
        """ec2:DescribeCapacityReservations ec2:DescribeImages ec2:DescribeInstances ec2:DescribeInstanceStatus
        ec2:DescribeInstanceTypeOfferings ec2:DescribeInstanceTypes ec2:DescribeLaunchTemplates
        ec2:DescribePlacementGroups ec2:DescribeSecurityGroups ec2:DescribeSpotPriceHistory ec2:DescribeSubnets""",
        "*",
        {"StringEquals": {"aws:RequestedRegion": "us-west-2"}},
    ),
    "AllowSSMReadActions": ("ssm:GetParameter", "arn:aws:ssm:us-west-2::parameter/aws/service/*", None),
    "AllowPricingReadActions": ("pricing:GetProducts", "*", None),
    "AllowUnscopedInstanceProfileListAction": ("iam:ListInstanceProfiles", "*", None),
    "AllowInstanceProfileReadActions": ("iam:GetInstanceProfile", PROFILES, None),
}


def documents(cluster_name: str = "gaia", region: str = "us-west-2") -> dict[str, dict[str, Any]]:
    scope = ControllerScope(cluster_name, region, "123456789012", NODE_ROLE, QUEUE)
    return {policy: controller_policy(policy, scope) for policy in POLICIES}


FOUND = {statement["Sid"]: statement for document in documents().values() for statement in document["Statement"]}


def test_there_are_nineteen_statements_in_six_policies():
    assert len(documents()) == 6
    assert {document["Version"] for document in documents().values()} == {"2012-10-17"}
    assert list(FOUND) == list(STATEMENTS)


@pytest.mark.parametrize("sid", STATEMENTS)
def test_a_statement_allows_what_it_must_and_no_more(sid):
    actions, resources, conditions = STATEMENTS[sid]

    expected = {"Sid": sid, "Effect": "Allow", "Action": actions.split(), "Resource": resources}
    assert FOUND[sid] == (expected if conditions is None else {**expected, "Condition": conditions})


def test_whatever_changes_something_is_limited_to_the_cluster_or_to_one_resource():
    reads = ("Describe", "Get", "List")
    changing = {
        sid for sid, found in FOUND.items() if not all(a.partition(":")[2].startswith(reads) for a in found["Action"])
    }
    unlimited = {
        sid for sid in changing if "gaia" not in json.dumps(FOUND[sid]) and FOUND[sid]["Resource"] != NODE_ROLE
    }

    # What it launches with, while the fleet and the instances themselves are limited by the statement after it; and the
    # one role that all clusters of an account share.
    assert unlimited == {"AllowScopedEC2InstanceAccessActions", "AllowSpotServiceLinkedRoleCreation"}


@pytest.mark.parametrize(("region", "partition"), [("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov")])
def test_arns_are_of_the_region_s_partition(region, partition):
    text = json.dumps(documents(region=region)).replace(NODE_ROLE, "").replace(QUEUE, "")

    assert f"arn:{partition}:" in text
    assert "arn:aws:" not in text


def test_the_policies_fit_one_role_even_with_the_longest_name():
    found = documents(cluster_name="a" * 100, region="ap-southeast-2").values()

    # IAM counts no white space; 10,240 is its limit for all inline policies of a role.
    assert sum(len(json.dumps(document, separators=(",", ":"))) for document in found) < 10_240


def test_the_component_gives_its_controller_these_policies():
    ran = run(lambda: Karpenter("karpenter", {"cluster": CLUSTER}))
    role = ran.one("aws:iam/role:Role", "karpenter")
    scope = ControllerScope(
        "gaia",
        "us-west-2",
        "123456789012",
        ran.one("aws:iam/role:Role", "karpenter-node-role")["arn"],
        ran.one("aws:sqs/queue:Queue")["arn"],
    )

    policies = ran.of("aws:iam/rolePolicy:RolePolicy")
    assert {each.inputs["role"] for each in policies} == {role["name"]}
    assert {each.name: json.loads(each.inputs["policy"]) for each in policies} == {
        f"karpenter-{policy}": controller_policy(policy, scope) for policy in POLICIES
    }
