"""Objects whose pods start together."""

from eks_gpu.graph.graph import Resource
from tests.graphs import GPU_TOLERATION, kubernetes, pod

TEMPLATE = {"spec": pod({"nvidia.com/gpu": 1}, tolerations=[GPU_TOLERATION])}
GROUP = "leaderworkerset.x-k8s.io/v1"


def group(size: int, replicas: int = 1) -> Resource:
    """A LeaderWorkerSet of groups of so many pods with one GPU each."""
    spec = {"leaderWorkerTemplate": {"size": size, "leaderTemplate": TEMPLATE, "workerTemplate": TEMPLATE}}
    return kubernetes("LeaderWorkerSet", "big", {"replicas": replicas, **spec}, GROUP)
