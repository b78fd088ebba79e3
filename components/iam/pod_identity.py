"""IAM roles that pods assume through EKS Pod Identity, without access keys and without an OIDC provider."""

import json
from collections.abc import Mapping
from typing import Any

import pulumi_aws as aws
from pulumi import Input, Output, Resource, ResourceOptions

from ..catalog import POD_IDENTITY_PRINCIPAL
from ..values.eks_cluster import EksCluster

# TagSession too: EKS marks each session with cluster, namespace and service account.
POD_IDENTITY_TRUST: dict[str, Any] = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": POD_IDENTITY_PRINCIPAL},
            "Action": ["sts:AssumeRole", "sts:TagSession"],
        }
    ],
}


def pod_role(
    parent: Resource,
    name: str,
    managed_policies: Mapping[str, str] | None = None,
    policy: Input[str] | None = None,
) -> tuple[aws.iam.Role, list[Resource]]:
    """A role for pods, and its permissions to wait for.

    managed_policies: ARNs by name; the name becomes part of the resource's. policy: a policy document as JSON.
    """
    opts = ResourceOptions(parent=parent)
    role = aws.iam.Role(name, assume_role_policy=json.dumps(POD_IDENTITY_TRUST), opts=opts)
    permissions: list[Resource] = [
        aws.iam.RolePolicyAttachment(f"{name}-{policy_name}", role=role.name, policy_arn=arn, opts=opts)
        for policy_name, arn in (managed_policies or {}).items()
    ]
    if policy is not None:
        permissions.append(aws.iam.RolePolicy(name, role=role.name, policy=policy, opts=opts))
    return role, permissions


def pod_identity(
    parent: Resource,
    name: str,
    cluster: EksCluster,
    namespace: str,
    service_account: str,
    policy: Output[str] | None,
) -> tuple[aws.iam.Role, list[Resource]]:
    """A role for one service account, and everything that its pods must wait for, because they get credentials at their
    start.
    """
    role, permissions = pod_role(parent, name, policy=policy)
    association = aws.eks.PodIdentityAssociation(
        name,
        cluster_name=cluster["name"],
        namespace=namespace,
        service_account=service_account,
        role_arn=role.arn,
        opts=ResourceOptions(parent=parent),
    )
    return role, [*permissions, association]
