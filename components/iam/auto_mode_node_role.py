"""The IAM role of nodes that EKS Auto Mode starts for node classes of one's own."""

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
    """A role for nodes of one's own node classes."""

    arn: Output[str]
    """Whatever uses it waits for `ready`, and on the way down goes before it."""
    ready: tuple[Resource, ...]
    """What nodes need before they can join, and until the last one is gone."""


def create_auto_mode_node_role(name: str, cluster: EksCluster, parent: Resource) -> AutoModeNodeRole:
    """`{name}-role` with its policies and its access to the cluster.

    Apart from the built-in pools' role, whose access entry is EKS's own and stands in the way of a second one.
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
