"""The IAM role that nodes run as."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi_aws as aws
from pulumi import Input, Resource, ResourceOptions

from ..catalog import NODE_POLICIES, SSM_POLICY, managed_policy_arn, partition


@dataclass(frozen=True)
class NodeRole:
    """A role and what must be attached before a node starts, and until the last one is gone."""

    role: aws.iam.Role
    attachments: tuple[aws.iam.RolePolicyAttachment, ...]


def trust_policy(region: str) -> dict[str, Any]:
    """The trust policy: EC2 may assume the role, under its service name in the region's partition."""
    suffix = ".cn" if partition(region) == "aws-cn" else ""
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": f"ec2.amazonaws.com{suffix}"},
                "Action": "sts:AssumeRole",
            }
        ],
    }


def role_name(name: str) -> str:
    """The role's name in Pulumi, for a group or component of nodes."""
    return f"{name}-role"


def create_node_role(
    name: str,
    region: str,
    parent: Resource,
    extra_policies: Mapping[str, Input[str]] | None = None,
    *,
    session_manager: bool,
) -> NodeRole:
    """`{name}-role` with the node policies and `extra_policies`, which are ARNs by a name of the caller's.

    session_manager: whether Systems Manager may open sessions on the nodes.
    """
    role = aws.iam.Role(
        role_name(name), assume_role_policy=json.dumps(trust_policy(region)), opts=ResourceOptions(parent=parent)
    )
    own = {policy: managed_policy_arn(policy, region) for policy in (*NODE_POLICIES, *[SSM_POLICY] * session_manager)}
    attachments = tuple(
        aws.iam.RolePolicyAttachment(
            f"{name}-{policy}", role=role.name, policy_arn=arn, opts=ResourceOptions(parent=parent)
        )
        for policy, arn in {**own, **(extra_policies or {})}.items()
    )
    return NodeRole(role, attachments)
