"""Stacks whose pods claim devices."""

from eks_gpu.graph.graph import Resource
from tests import karpenter_features, karpenter_graphs
from tests.graphs import release
from tests.karpenter_graphs import auto_mode_cluster, healthy_auto_mode
from tests.whole_graphs import claim_template, claiming


def on_auto_mode(version: str = "1.36") -> list[Resource]:
    """A stack whose nodes Auto Mode brings up for claims, from that Kubernetes version on."""
    cluster = auto_mode_cluster("general-purpose", "system", version=version)
    return [*healthy_auto_mode(cluster=cluster), claim_template(), claiming()]


def driver(**values: object) -> Resource:
    """NVIDIA's DRA driver, under the name of its chart in 2026."""
    return release("dra-driver-nvidia-gpu", **values)


def on_karpenter() -> list[Resource]:
    """A stack whose GPUs four claims share each: Karpenter brings them up, and the driver publishes them."""
    shared = driver(featureGates={"ConsumableShares": True}, consumableShares="4")
    controller, of_nodes = karpenter_graphs.karpenter(enableDRA=True), karpenter_features.sharing_class()
    stack = karpenter_graphs.healthy(karpenter=controller, node_class=of_nodes, device_plugin=shared)
    return [*stack, claim_template(), claiming()]
