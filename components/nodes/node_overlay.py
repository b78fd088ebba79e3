"""A pool's NodeOverlay: what Karpenter must count on its nodes in place of whole GPUs."""

from typing import Any

import pulumi_kubernetes as kubernetes
from pulumi import Resource, ResourceOptions

from ..catalog import KARPENTER_CORE_GROUP, NODE_POOL_LABEL
from ..values.gpu_pool import GpuPool
from .node_pool import WAIT_UNTIL_READY

KIND = "NodeOverlay"
API_VERSION = f"{KARPENTER_CORE_GROUP}/v1alpha1"


def node_overlay(pool: GpuPool, node_pool: str) -> dict[str, Any] | None:
    """A NodeOverlay's `spec` for the nodes of this NodePool; None if they offer what Karpenter counts anyway.

    Source: Karpenter 1.15, NodeOverlay v1alpha1.
    """
    if not pool.offers_parts:
        return None
    return {
        "requirements": [{"key": NODE_POOL_LABEL, "operator": "In", "values": [node_pool]}],
        "capacity": {name: str(count) for name, count in pool.resources.items()},
    }


def create_node_overlay(name: str, pool: GpuPool, parent: Resource) -> list[kubernetes.apiextensions.CustomResource]:
    """Creates the NodeOverlay of the NodePool `name`, if it needs one. The NodePool must depend on it: without the
    overlay a pod that wants a share starts a node of its own.
    """
    if (spec := node_overlay(pool, name)) is None:
        return []
    return [
        kubernetes.apiextensions.CustomResource(
            f"{name}-overlay",
            api_version=API_VERSION,
            kind=KIND,
            # Without Karpenter's gate NodeOverlay nothing makes it ready, and the update says so.
            metadata={"name": name, "annotations": WAIT_UNTIL_READY},
            spec=spec,
            opts=ResourceOptions(parent=parent),
        )
    ]
