"""The version and the image's release of a managed node group: both move with the cluster, in place."""

from typing import Annotated, Any

import pulumi_aws as aws
from pulumi import Input, InvokeOptions, Output, Resource

from ..catalog import release_parameter
from ..values.eks_cluster import EksCluster
from ..values.patterns import like
from .node_group import Node

ReleaseVersion = Annotated[
    str,
    like(r"[0-9]+\.[0-9]+\.[0-9]+-[0-9a-z]+", "a release of the node image, as 1.35.2-20260714 or 1.46.0-1a2b3c4d"),
]
"""What `aws eks describe-nodegroup` calls `releaseVersion`."""


def release_problems(release: str, image: str, kubernetes_version: Any) -> list[str]:
    """What EKS would refuse: AL2023's releases begin with the minor that they are for. An Output is not judged."""
    minor = release.rpartition("-")[0].rpartition(".")[0]
    if image != "al2023" or not isinstance(kubernetes_version, str) or minor == kubernetes_version:
        return []
    return [f"release_version must be one of the cluster's version {kubernetes_version}, got {release}"]


def versions(node: Node, cluster: EksCluster, pinned: str | None, parent: Resource) -> dict[str, Input[str]]:
    """`version` and `release_version` of `aws.eks.NodeGroup`: the cluster's minor, and the pin or the newest image.

    Without the first a group stays at the minor that it was made with, without the second at its first image.
    """
    minor = Output.from_input(cluster["kubernetes_version"])
    if pinned:
        return {"version": minor, "release_version": pinned}
    parameter = minor.apply(lambda known: release_parameter(node.image, known, node.architecture, node.accelerator))
    newest = aws.ssm.get_parameter_output(name=parameter, region=cluster["region"], opts=InvokeOptions(parent=parent))
    return {"version": minor, "release_version": newest.insecure_value}
