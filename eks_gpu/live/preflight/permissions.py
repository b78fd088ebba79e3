"""What `eks-gpu preflight` asks AWS: a permission for each question, all of them to read."""

from typing import Any

from eks_gpu.live.policies import reading

PERMISSIONS = {
    "who asks": ("sts:GetCallerIdentity",),
    "quotas, and requests for more": (
        "servicequotas:GetServiceQuota",
        "servicequotas:GetAWSDefaultServiceQuota",
        "servicequotas:ListRequestedServiceQuotaChangeHistoryByQuota",
    ),
    "what counts against quotas": (
        "autoscaling:DescribeAutoScalingGroups",
        "ec2:DescribeAddresses",
        "ec2:DescribeInstances",
        "ec2:DescribeInternetGateways",
        "ec2:DescribeNatGateways",
        "ec2:DescribeSecurityGroups",
        "ec2:DescribeSubnets",
        "ec2:DescribeVpcEndpoints",
        "ec2:DescribeVpcs",
        "eks:ListClusters",
        "eks:ListFargateProfiles",
        "eks:ListNodegroups",
        "elasticloadbalancing:DescribeLoadBalancers",
        "iam:GetAccountSummary",
        "iam:ListOpenIDConnectProviders",
    ),
    "roles and policies that are there": ("iam:GetPolicy", "iam:GetRole"),
    "names that are taken": (
        "ec2:DescribeLaunchTemplates",
        "eks:DescribeCluster",
        "iam:GetInstanceProfile",
        "logs:DescribeLogGroups",
        "sqs:ListQueues",
    ),
    "what EKS has on offer": (
        "eks:DescribeAddonVersions",
        "eks:DescribeClusterVersions",
        "eks:ListAccessPolicies",
    ),
    "regions, zones and instance types": (
        "ec2:DescribeAvailabilityZones",
        "ec2:DescribeInstanceTypeOfferings",
        "ec2:DescribeRegions",
    ),
    "images": ("ec2:DescribeImages", "ssm:GetParameter"),
    "other things that the program names": ("ec2:DescribeRouteTables",),
    "Spot": ("ec2:GetSpotPlacementScores",),
    "what the caller may do": ("iam:SimulatePrincipalPolicy",),
}
"""By what it is for; none of them creates or changes anything."""


def policy() -> dict[str, Any]:
    """The least IAM policy with which preflight asks everything."""
    return reading("Preflight", (action for each in PERMISSIONS.values() for action in each))
