"""`eks.ClusterCreationRoleProvider`: a role that may make clusters, and a provider of AWS that takes it."""

import json

from eks_gpu.offline.account import ACCOUNT, Properties
from eks_gpu.offline.remote.construction import Construction


def role_provider(it: Construction) -> Properties:
    """Makes the role, its policy and the provider."""
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"AWS": f"arn:{it.account.partition}:iam::{ACCOUNT}:root"},
                "Action": "sts:AssumeRole",
            }
        ],
    }
    role = it.make(
        "aws:iam/role:Role",
        f"{it.name}-eksClusterCreatorRole",
        {"assumeRolePolicy": json.dumps(trust), "description": f"Admin access to eks-{it.name}"},
    )
    allowed = [{"Effect": "Allow", "Action": action, "Resource": "*"} for action in ("eks:*", "iam:PassRole")]
    it.make(
        "aws:iam/rolePolicy:RolePolicy",
        f"{it.name}-eksClusterCreatorPolicy",
        {"role": role["name"], "policy": json.dumps({"Version": "2012-10-17", "Statement": allowed})},
        parent=role,
    )
    it.make(
        "pulumi:providers:aws",
        f"{it.name}-eksClusterCreatorEntity",
        {
            "region": it.inputs.get("region"),
            "profile": it.inputs.get("profile"),
            "assumeRoles": json.dumps([{"roleArn": role["arn"]}]),
        },
        parent=role,
        needs=[role],
    )
    return {"role": role.reference}
