"""The Fargate profile of `eks.Cluster`."""

import re
from typing import Any

from eks_gpu.offline.account import Properties
from eks_gpu.offline.registered import Made
from eks_gpu.offline.remote.construction import Construction
from eks_gpu.offline.remote.self_managed import choose_later
from eks_gpu.offline.remote.service_role import service_role
from eks_gpu.offline.wire import items, opened, part

_NAMESPACES = ("default", "kube-system")


def fargate_profile(it: Construction, cluster: Made, subnet_ids: Any, config_map: Made | None) -> Made | None:
    """Makes the profile for the argument `fargate`, with a role if it names none; None where it is not set."""
    given = opened(it.inputs.get("fargate"))
    if not given:
        return None
    options: Properties = part(given)
    role = options.get("podExecutionRoleArn")
    if role is None:
        role = service_role(
            it,
            f"{it.name}-podExecutionRole",
            "eks-fargate-pods.amazonaws.com",
            ["AmazonEKSFargatePodExecutionRolePolicy"],
            tags=it.inputs.get("tags"),
        ).role["arn"]
    own = items(options.get("subnetIds"))
    subnets = own or items(subnet_ids)
    made = it.make(
        "aws:eks/fargateProfile:FargateProfile",
        _name(it.name),
        {
            "clusterName": cluster["name"],
            "podExecutionRoleArn": role,
            "selectors": options.get("selectors") or [{"namespace": name} for name in _NAMESPACES],
            "subnetIds": subnets,
        },
        needs=[config_map],
    )
    choose_later(it, made.urn, "subnetIds", subnets)
    return made


def _name(name: str) -> str:
    """EKS keeps the prefix eks for itself."""
    if name == "eks" or re.match("eks-", name, re.IGNORECASE):
        return f"{name.replace('-', '_', 1)}fargateProfile"
    return f"{name}-fargateProfile"
