"""Placeholder pods, as programs keep nodes ready with them."""

from typing import Any

from eks_gpu.graph.graph import Resource
from tests import graphs
from tests.graphs import GPU_TOLERATION, deployment, pod, resource


def placeholders(name: str = "spare", replicas: Any = 2, image: str = "registry.k8s.io/pause:3.10", **spec: Any):
    made = pod({"nvidia.com/gpu": 1}, tolerations=[GPU_TOLERATION], **spec)
    made["containers"][0]["image"] = image
    return deployment(name, made, replicas=replicas)


def priority_class(value: int, name: str = "low", **more: Any) -> Resource:
    given = {"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": name}, "value": value}
    return resource("kubernetes:scheduling.k8s.io/v1:PriorityClass", name, {**given, **more})


def healthy() -> list[Resource]:
    """A stack with one, which any other pod takes the place of and for which the autoscaler starts a node."""
    return [*graphs.healthy(), placeholders(replicas=1, priorityClassName="low"), priority_class(-10)]
