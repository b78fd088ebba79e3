"""What an account has for a cluster, as resources of the graph in the AWS provider's terms."""

from typing import Any

from eks_gpu.graph.graph import Resource
from eks_gpu.graph.unread import Unread
from eks_gpu.live.account import AccountReader


def account_resources(account: AccountReader, described: dict[str, Any]) -> tuple[list[Resource], list[Unread]]:
    """The cluster itself, as `DescribeCluster` tells it, and what may not be read of the rest."""
    name = str(described["name"])
    inputs = {"name": name, "version": described["version"], "roleArn": described.get("roleArn", "")}
    cluster = Resource(
        f"urn:pulumi:live::cluster::aws:eks/cluster:Cluster::{name}",
        "aws:eks/cluster:Cluster",
        name,
        id=name,
        inputs=inputs,
        outputs={"arn": described.get("arn", ""), "endpoint": described.get("endpoint", "")},
    )
    return [cluster], []
