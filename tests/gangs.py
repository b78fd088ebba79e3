"""Objects whose pods start together."""

from dataclasses import replace
from typing import Any

from eks_gpu.graph.graph import Resource
from tests.graphs import GPU_TOLERATION, kubernetes, pod, release

TEMPLATE = {"spec": pod({"nvidia.com/gpu": 1}, tolerations=[GPU_TOLERATION])}
GROUP = "leaderworkerset.x-k8s.io/v1"


def group(size: int, replicas: int = 1, **limits: int) -> Resource:
    """A LeaderWorkerSet of groups of so many pods with these limits, or with one GPU each."""
    template = {"spec": pod(limits, tolerations=[GPU_TOLERATION])} if limits else TEMPLATE
    spec = {"leaderWorkerTemplate": {"size": size, "leaderTemplate": template, "workerTemplate": template}}
    return kubernetes("LeaderWorkerSet", "big", {"replicas": replicas, **spec}, GROUP)


def controlled(work: Resource, **values: Any) -> list[Resource]:
    """The object after the chart of its controller."""
    controller = release("lws", **values)
    return [controller, replace(work, dependencies=frozenset({controller.urn}))]
