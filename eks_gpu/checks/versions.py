"""Versions of Kubernetes: EKS still makes and runs the cluster's."""

from collections.abc import Iterator

from eks_gpu.checks.registry import Context, Problem, Said, check, verdict
from eks_gpu_components.catalog import SUPPORT_ENDS, SUPPORTED


@check(
    "kubernetes-version-is-served",
    subject="cluster with a version",
    fix=f"take {SUPPORTED[0]} or later, one minor at a time on a cluster that there is",
)
def served(context: Context) -> Iterator[Said]:
    """EKS refuses to create the cluster, or updates it to a newer minor by itself: extended support has ended.

    A version in extended support holds, at its surcharge.
    """
    for cluster in context.clusters:
        if not cluster.version:
            continue
        support = cluster.support(context.on)
        day = SUPPORT_ENDS.get(cluster.version, (None, None))[support != "standard"]
        ended = f"extended support of Kubernetes {cluster.version} ended" + (f" on {day}" if day else " years ago")
        holds = f"{cluster.version} has {support} support" + (f" until {day}" if day else "")
        yield verdict(cluster.name, Problem(ended) if support == "ended" else None, holds)
