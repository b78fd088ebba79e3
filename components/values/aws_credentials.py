"""Whose credentials the running stack uses, for the AWS CLI that a kubeconfig asks for tokens."""

from typing import NotRequired

import pulumi
from typing_extensions import TypedDict


class KubeconfigCredentials(TypedDict):
    """Keys of pulumi_eks' `provider_credential_opts`; empty where a stack uses what the environment has."""

    profile_name: NotRequired[str]
    """Profile of the AWS CLI."""
    role_arn: NotRequired[str]
    """Role that the AWS CLI assumes."""


def kubeconfig_credentials() -> KubeconfigCredentials:
    """Profile and role of the stack's `aws:profile` and `aws:assumeRoles` (before pulumi_aws 7 `aws:assumeRole`).

    The AWS provider reads this configuration, the AWS CLI does not: without profile and role, tokens would be for
    another principal than the one that created the cluster. Of a chain of roles the AWS CLI assumes only the last, and
    a warning says so.
    """
    config = pulumi.Config("aws")
    roles = config.get_object("assumeRoles") or [config.get_object("assumeRole") or {}]
    arns = [str(role["roleArn"]) for role in roles if role.get("roleArn")]
    if len(arns) > 1:
        pulumi.log.warn(f"aws:assumeRoles is a chain; for tokens of the cluster the AWS CLI takes {arns[-1]} directly")
    found: KubeconfigCredentials = {}
    if profile := config.get("profile"):
        found["profile_name"] = profile
    if arns:
        found["role_arn"] = arns[-1]
    return found
