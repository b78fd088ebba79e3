"""AWS's own policies by name, those of IAM and those of EKS access entries.

Source: Amazon EKS User Guide, "Amazon EKS node IAM role", "Amazon EKS cluster IAM role", "Review access policy
permissions"; AWS Managed Policy Reference.
"""

from collections.abc import Mapping
from typing import Any


def _only(effect: str, **statement: Any) -> Mapping[str, Any]:
    return {"Version": "2012-10-17", "Statement": [{"Effect": effect, "Resource": "*", **statement}]}


CNI_POLICY = "AmazonEKS_CNI_Policy"
"""IAM: what the VPC CNI calls, with IPv4."""
CNI_POLICIES = (CNI_POLICY, "AmazonEKS_CNI_IPv6_Policy")
"""IAM: either lets the VPC CNI give pods addresses."""
EBS_CSI_POLICY = "AmazonEBSCSIDriverPolicyV2"
"""IAM: what the EBS CSI driver's controller calls, of disks and snapshots that it has made itself.
Source: aws-ebs-csi-driver, issue 2918."""
REGISTRY_PULL_POLICY = "AmazonEC2ContainerRegistryPullOnly"
"""IAM: the least that lets a node pull images."""
REGISTRY_READ_POLICY = "AmazonEC2ContainerRegistryReadOnly"
"""IAM: what older tools give nodes to pull images."""
REGISTRY_WRITE_POLICIES = ("AmazonEC2ContainerRegistryPowerUser", "AmazonEC2ContainerRegistryFullAccess")
"""IAM: each lets a role push images too."""
REGISTRY_POLICIES = (REGISTRY_PULL_POLICY, REGISTRY_READ_POLICY, *REGISTRY_WRITE_POLICIES)
"""IAM: each lets a node pull images."""
WORKER_POLICY = "AmazonEKSWorkerNodePolicy"
"""IAM: what a node calls of EKS and EC2."""
WORKER_MINIMAL_POLICY = "AmazonEKSWorkerNodeMinimalPolicy"
"""IAM: what a node of Auto Mode calls of EKS."""
WORKER_POLICIES = (WORKER_POLICY, WORKER_MINIMAL_POLICY)
"""IAM: either lets a node join its cluster."""
SSM_POLICY = "AmazonSSMManagedInstanceCore"
"""IAM: lets Systems Manager open sessions, instead of SSH."""
OLD_SSM_POLICY = "AmazonEC2RoleforSSM"
"""IAM: what SSM_POLICY replaced."""

NODE_POLICIES = (REGISTRY_PULL_POLICY, WORKER_POLICY)
"""IAM: what a node itself calls. The VPC CNI has a role of its own through Pod Identity."""
AUTO_MODE_NODE_POLICIES = (REGISTRY_PULL_POLICY, WORKER_MINIMAL_POLICY)
"""IAM: what a node of Auto Mode itself calls."""
CLUSTER_POLICIES = ("AmazonEKSClusterPolicy",)
"""IAM: what a control plane calls."""
AUTO_MODE_CLUSTER_POLICIES = (
    "AmazonEKSBlockStoragePolicy",
    "AmazonEKSComputePolicy",
    "AmazonEKSLoadBalancingPolicy",
    "AmazonEKSNetworkingPolicy",
)
"""IAM: what a control plane with Auto Mode calls beside CLUSTER_POLICIES."""

AUTO_MODE_ACCESS_POLICY = "AmazonEKSAutoNodePolicy"
"""EKS access: the policy that the role of your own Auto Mode node class needs, in an access entry of type EC2."""
ADMIN_ACCESS_POLICY = "AmazonEKSClusterAdminPolicy"
"""EKS access: full access to a cluster, like the group system:masters."""
NAMESPACE_ADMIN_POLICY = "AmazonEKSAdminPolicy"
"""EKS access: full access to most of what is in a namespace, or in all of them."""
ADMINISTRATOR_POLICIES = (ADMIN_ACCESS_POLICY, NAMESPACE_ADMIN_POLICY)
"""EKS access: each lets its bearer change what runs."""
ACCESS_POLICIES = (
    NAMESPACE_ADMIN_POLICY,
    "AmazonEKSAdminViewPolicy",
    ADMIN_ACCESS_POLICY,
    "AmazonEKSEditPolicy",
    "AmazonEKSViewPolicy",
)
"""EKS access: what people may be given."""

MANAGED_DOCUMENTS: Mapping[str, Mapping[str, Any]] = {
    "AdministratorAccess": _only("Allow", Action="*"),
    "AWSDenyAll": _only("Deny", Action="*"),
}
"""IAM: policies whose documents are short and do not change."""
_NO_READS = ("Complete", "Create", "Delete", "Pass", "Put", "Receive", "Register", "Run", "Set", "Terminate")
_READS = _only("Allow", NotAction=[f"*:{verb}*" for verb in _NO_READS])
BOUNDARIES: Mapping[str, Mapping[str, Any]] = {
    **MANAGED_DOCUMENTS,
    "PowerUserAccess": _only("Allow", NotAction=["account:*", "iam:Add*", "iam:Attach*", "iam:Pass*", "iam:Put*"]),
    "ReadOnlyAccess": _READS,
    "ViewOnlyAccess": _READS,
}
"""IAM: what these allow at most, so that what is missing here is surely refused within such a boundary."""
