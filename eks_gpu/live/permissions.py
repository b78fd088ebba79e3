"""What an account must allow for all of it to be read: each permission, and what stays unknown without it.

The policy of the docs is made of this table.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from eks_gpu.graph.unread import Unread, What
from eks_gpu.live.policies import reading


@dataclass(frozen=True)
class Permission:
    """One action of IAM."""

    action: str
    """As `eks:DescribeNodegroup`."""
    subject: str
    """What is not read without it."""
    what: What
    """What nobody knows then."""

    def unread(self) -> Unread:
        """The row of an answer that lacks it."""
        return Unread(self.subject, self.what, f"AWS refuses {self.action}", f"allow {self.action}")


WAY_IN = (
    Permission("eks:ListClusters", "the cluster", "nodes"),
    Permission("eks:DescribeCluster", "the cluster", "nodes"),
)
"""Without these no cluster is found, and nothing is answered."""

READ: tuple[Permission, ...] = (
    Permission("eks:ListNodegroups", "managed node groups", "nodes"),
    Permission("eks:DescribeNodegroup", "managed node groups", "nodes"),
    Permission("eks:ListFargateProfiles", "Fargate profiles", "nodes"),
    Permission("eks:DescribeFargateProfile", "Fargate profiles", "nodes"),
    Permission("autoscaling:DescribeAutoScalingGroups", "auto scaling groups", "nodes"),
    Permission("autoscaling:DescribePolicies", "scaling policies of auto scaling groups", "nodes"),
    Permission("autoscaling:DescribeScheduledActions", "schedules of auto scaling groups", "nodes"),
    Permission("autoscaling:DescribeLifecycleHooks", "lifecycle hooks of auto scaling groups", "values"),
    Permission("ec2:DescribeLaunchTemplateVersions", "launch templates", "nodes"),
    Permission("eks:ListAddons", "EKS add-ons", "software"),
    Permission("eks:DescribeAddon", "EKS add-ons", "software"),
    Permission("eks:ListAccessEntries", "access entries", "values"),
    Permission("eks:DescribeAccessEntry", "access entries", "values"),
    Permission("eks:ListAssociatedAccessPolicies", "policies of access entries", "values"),
    Permission("eks:ListPodIdentityAssociations", "pod identity associations", "values"),
    Permission("eks:DescribePodIdentityAssociation", "pod identity associations", "values"),
    Permission("iam:GetRole", "IAM roles", "values"),
    Permission("iam:ListRolePolicies", "inline policies of roles", "values"),
    Permission("iam:GetRolePolicy", "inline policies of roles", "values"),
    Permission("iam:ListAttachedRolePolicies", "managed policies of roles", "values"),
    Permission("iam:GetPolicy", "managed policies of roles", "values"),
    Permission("iam:GetPolicyVersion", "managed policies of roles", "values"),
    Permission("iam:GetInstanceProfile", "instance profiles", "values"),
    Permission("iam:GetOpenIDConnectProvider", "the cluster's OIDC provider", "values"),
    Permission("ec2:DescribeVpcs", "the cluster's VPC", "network"),
    Permission("ec2:DescribeVpcAttribute", "DNS of the cluster's VPC", "network"),
    Permission("ec2:DescribeSubnets", "subnets", "network"),
    Permission("ec2:DescribeRouteTables", "route tables", "network"),
    Permission("ec2:DescribeInternetGateways", "internet gateways", "network"),
    Permission("ec2:DescribeNatGateways", "NAT gateways", "network"),
    Permission("ec2:DescribeAddresses", "Elastic IPs of NAT gateways", "network"),
    Permission("ec2:DescribeNetworkAcls", "network ACLs", "network"),
    Permission("ec2:DescribeSecurityGroups", "security groups", "network"),
    Permission("ec2:DescribeVpcEndpoints", "VPC endpoints", "network"),
    Permission("elasticloadbalancing:DescribeLoadBalancers", "load balancers", "network"),
    Permission("elasticloadbalancing:DescribeTags", "tags of load balancers", "network"),
    Permission("kms:DescribeKey", "encryption keys", "values"),
    Permission("kms:GetKeyPolicy", "policies of encryption keys", "values"),
    Permission("sqs:GetQueueUrl", "queues of interruption notices", "values"),
    Permission("sqs:GetQueueAttributes", "queues of interruption notices", "values"),
    Permission("events:ListRuleNamesByTarget", "rules of EventBridge", "values"),
    Permission("events:DescribeRule", "rules of EventBridge", "values"),
    Permission("events:ListTargetsByRule", "targets of EventBridge's rules", "values"),
)
"""What an answer can do without: it then says what is missing."""

OF_MACHINES: tuple[Permission, ...] = (
    Permission("ec2:DescribeInstances", "instances of the cluster", "nodes"),
    Permission("autoscaling:DescribeScalingActivities", "what AWS says of groups", "nodes"),
)
"""What `why` and `cost` ask besides of the machines that run."""

ALL = (*WAY_IN, *READ, *OF_MACHINES)

BY_ACTION: Mapping[str, Permission] = {each.action: each for each in ALL}

_THE_WHOLE = "check, why pod, cost, drift"
_COMMANDS = {
    "autoscaling:DescribeAutoScalingGroups": "check, why pod, why node, cost, drift",
    "ec2:DescribeInstances": "why node, cost",
    "autoscaling:DescribeScalingActivities": "why pod",
}


def commands(permission: Permission) -> str:
    """The commands on a running cluster that ask for it."""
    return _COMMANDS.get(permission.action, _THE_WHOLE)


def policy(permissions: Iterable[Permission] = ALL) -> dict[str, Any]:
    """The policy document that allows these and nothing else; none of them changes anything."""
    return reading("ReadCluster", (each.action for each in permissions))
