"""Permissions in a cluster: EKS access entries, each with an EKS access policy."""

from collections.abc import Sequence

import pulumi_aws as aws
from pulumi import Input, Resource, ResourceOptions

from ..catalog import partition
from ..values.eks_cluster import EksCluster


def access_policy_arn(policy: str, region: str) -> str:
    """ARN of one of EKS's access policies by its name."""
    return f"arn:{partition(region)}:eks::aws:cluster-access-policy/{policy}"


def grant(
    parent: Resource,
    name: str,
    cluster: EksCluster,
    principal_arn: Input[str],
    policy: str,
    *,
    type_: str = "STANDARD",
    namespaces: Sequence[str] = (),
) -> aws.eks.AccessPolicyAssociation:
    """The policy for one principal, everywhere or in some namespaces. type_: EC2 for nodes of Auto Mode."""
    principal = aws.eks.AccessEntry(
        name,
        cluster_name=cluster["name"],
        principal_arn=principal_arn,
        type=type_,
        opts=ResourceOptions(parent=parent),
    )
    scope = {"type": "namespace", "namespaces": list(namespaces)} if namespaces else {"type": "cluster"}
    return aws.eks.AccessPolicyAssociation(
        name,
        cluster_name=cluster["name"],
        principal_arn=principal.principal_arn,
        policy_arn=access_policy_arn(policy, cluster["region"]),
        access_scope=aws.eks.AccessPolicyAssociationAccessScopeArgs(**scope),
        opts=ResourceOptions(parent=parent),
    )
