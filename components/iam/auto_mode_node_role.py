"""The IAM role of nodes that EKS Auto Mode starts for your own node classes."""

import json
from dataclasses import dataclass

import pulumi_aws as aws
from pulumi import Output, Resource, ResourceOptions

from ..catalog import AUTO_MODE_ACCESS_POLICY, AUTO_MODE_NODE_POLICIES, managed_policy_arn
from ..values.eks_cluster import EksCluster
from .access_entries import grant
from .node_role import role_name, trust_policy


@dataclass(frozen=True)
class AutoModeNodeRole:
    """A role for the nodes of your own node classes."""

    arn: Output[str]
    """ARN of the role. Resources that use it are created after `ready` and deleted before it."""
    ready: tuple[Resource, ...]
    """Resources that must exist before nodes can join, and until the last node is gone."""


def create_auto_mode_node_role(name: str, cluster: EksCluster, parent: Resource) -> AutoModeNodeRole:
    """`{name}-role` with its policies and its access to the cluster.

    This is not the role of the built-in pools: EKS manages that role's access entry, and a second entry is not
    possible.
    """
    role = aws.iam.Role(
        role_name(name),
        assume_role_policy=json.dumps(trust_policy(cluster["region"])),
        opts=ResourceOptions(parent=parent),
    )
    attachments = [
        aws.iam.RolePolicyAttachment(
            f"{name}-{policy}",
            role=role.name,
            policy_arn=managed_policy_arn(policy, cluster["region"]),
            opts=ResourceOptions(parent=parent),
        )
        for policy in AUTO_MODE_NODE_POLICIES
    ]
    access = grant(parent, name, cluster, role.arn, AUTO_MODE_ACCESS_POLICY, type_="EC2")
    ready = (*attachments, access)
    return AutoModeNodeRole(Output.all(role.arn, *(each.urn for each in ready)).apply(lambda known: known[0]), ready)
