"""Versions of Kubernetes that EKS makes and runs, and the age of what this tool knows."""

from collections.abc import Iterator
from datetime import timedelta

from eks_gpu.checks import sources
from eks_gpu.checks.registry import Context, Problem, Said, check, verdict
from eks_gpu.cost.money import Marks, usd
from eks_gpu_components.catalog import (
    EXTENDED_SUPPORT_HOURLY,
    READ_ON,
    SUPPORT_ENDS,
    SUPPORTED,
    kubernetes_support,
)

SOON = timedelta(days=60)
"""Time in which a cluster is updated, or a release of this library taken, without haste."""


@check(
    "kubernetes-version-is-served",
    subject="cluster with a version",
    fix=f"take {SUPPORTED[0]} or later, one minor at a time on a cluster that there is",
    sources=(sources.eks_guide("kubernetes-versions"),),
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


@check(
    "kubernetes-support-lasts",
    subject="cluster with a version",
    severity="warning",
    fix="update the cluster before that day, one minor at a time",
    sources=(sources.eks_guide("kubernetes-versions"),),
)
def lasts(context: Context) -> Iterator[Said]:
    """The cluster soon costs more or is updated by EKS: its standard or extended support ends within 60 days."""
    for cluster in context.clusters:
        support = cluster.support(context.on) if cluster.version else "ended"
        if support == "ended" or cluster.version not in SUPPORT_ENDS:
            continue
        day = SUPPORT_ENDS[cluster.version][support != "standard"]
        left = (day - context.on).days
        after = kubernetes_support(cluster.version, day + timedelta(days=1))
        more = usd(EXTENDED_SUPPORT_HOURLY.monthly, 0, Marks())  # the same everywhere
        dearer = f"the cluster costs {more} USD a month more"
        then = dearer if after == "extended" else "EKS updates it to the next minor by itself"
        ends = f"{support} support of Kubernetes {cluster.version} ends on {day}, in {left} days; then {then}"
        problem = Problem(ends) if timedelta(days=left) <= SOON else None
        yield verdict(cluster.name, problem, f"{support} support lasts until {day}")


@check(
    "catalog-is-recent",
    subject="the catalog of this release",
    severity="warning",
    fix="take the newest release of eks-gpu-components; `eks-gpu prices refresh` renews prices alone",
    each_cluster=False,
)
def recent(context: Context) -> Iterator[Said]:
    """Types, versions, images and rules of AWS change: what a plan says may no longer be so."""
    old = context.on - READ_ON
    age = f"its facts were read on {READ_ON}"
    yield verdict("catalog", Problem(f"{age}, {old.days} days ago") if old > SOON else None, age)
