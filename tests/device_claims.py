"""Stacks whose pods claim devices."""

from eks_gpu.graph.graph import Resource
from tests.karpenter_graphs import auto_mode_cluster, healthy_auto_mode
from tests.whole_graphs import claim_template, claiming


def on_auto_mode(version: str = "1.36") -> list[Resource]:
    """A stack whose nodes Auto Mode brings up for claims, from that Kubernetes version on."""
    cluster = auto_mode_cluster("general-purpose", "system", version=version)
    return [*healthy_auto_mode(cluster=cluster), claim_template(), claiming()]
