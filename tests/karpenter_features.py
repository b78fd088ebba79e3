"""Stacks with objects of Karpenter's optional features."""

from typing import Any

from eks_gpu.graph.graph import Resource
from tests import karpenter_graphs
from tests.graphs import GPU_TOLERATION, kubernetes, resource
from tests.karpenter_graphs import ARCH, ON_DEMAND, after_karpenter, node_pool, requirement

GATES = {"staticCapacity": True, "nodeOverlay": True, "capacityBuffer": True}
ON: dict[str, Any] = {"featureGates": GATES, "enableDRA": True}
"""Settings with which Karpenter has all of them."""
BUFFER = "autoscaling.x-k8s.io/v1beta1"
SHARES = "karpenter.k8s.aws/nvidia-consumable-capacity"


def static_pool() -> Resource:
    types = requirement("node.kubernetes.io/instance-type", "m5.large", "m6i.large", "m7i.large")
    return node_pool(ARCH, ON_DEMAND, types, name="fixed", replicas=2, limits={"nodes": "4"}, labels={})


def overlay() -> Resource:
    general = requirement("node.kubernetes.io/instance-type", "m5.large")
    spec = {"requirements": [general], "capacity": {"example.com/slot": "4"}}
    return after_karpenter(kubernetes("NodeOverlay", "slots", spec, group="karpenter.sh/v1alpha1"))


def buffer() -> Resource:
    spec = {"podTemplateRef": {"name": "spare"}, "replicas": 2}
    return after_karpenter(kubernetes("CapacityBuffer", "spare", spec, group=BUFFER))


def buffer_template(*also: str) -> Resource:
    """A pod with one GPU; `also` are further resources of it that it limits and does not request."""
    limits = {"nvidia.com/gpu": "1", **dict.fromkeys(also, "1")}
    container = {"name": "main", "resources": {"limits": limits, "requests": {"nvidia.com/gpu": "1"}}}
    spec = {"tolerations": [GPU_TOLERATION], "containers": [container]}
    inputs = {"metadata": {"name": "spare"}, "template": {"spec": spec}}
    return resource("kubernetes:core/v1:PodTemplate", "spare", inputs)


def sharing_class(shares: str = "4") -> Resource:
    made = karpenter_graphs.node_class()
    made.inputs["metadata"]["annotations"] = {SHARES: shares}
    return made


def objects() -> list[Resource]:
    return [static_pool(), overlay(), buffer(), buffer_template()]


def healthy(*instead: Resource, **settings: Any) -> list[Resource]:
    """A stack that has all of them, and Karpenter with those settings; `instead` are other objects of theirs."""
    controller = karpenter_graphs.karpenter(**(settings or ON))
    stack = karpenter_graphs.healthy(karpenter=controller, node_class=sharing_class())
    return [*stack, *(instead or objects())]
