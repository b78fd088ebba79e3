"""Idle nodes of Karpenter and Auto Mode, and what pins a node of any back end: annotations and long times."""

from collections.abc import Iterator, Mapping
from typing import Any

from eks_gpu.checks.autoscaler_flags import IDLE_S, too_long
from eks_gpu.checks.registry import Context, Problem, Said, check, verdict
from eks_gpu.checks.sources import KARPENTER_DISRUPTION
from eks_gpu.graph.kubernetes_objects import kubernetes_objects
from eks_gpu.karpenter.budgets import keeps_empty_nodes
from eks_gpu.karpenter.objects import node_pools, part
from eks_gpu.pods.durations import NEVER
from eks_gpu.pools.pool import AUTO_MODE, KARPENTER
from eks_gpu.pools.software import KARPENTER as CHART
from eks_gpu_components.catalog import KARPENTER_CORE_GROUP

DO_NOT_DISRUPT = f"{KARPENTER_CORE_GROUP}/do-not-disrupt"
SAFE_TO_EVICT = "cluster-autoscaler.kubernetes.io/safe-to-evict"
_DRAIN_S, _AGE_S, _BATCH_S = 24 * IDLE_S, 90 * 24 * IDLE_S, 60
_STAYS = ("DaemonSet", "Deployment", "StatefulSet", "ReplicaSet")
"""Kinds whose pods never end by themselves."""


@check(
    "node-pools-end-idle-nodes-soon",
    subject="node pool",
    severity="warning",
    fix="set a shorter time",
    sources=(KARPENTER_DISRUPTION,),
)
def end_soon(context: Context) -> Iterator[Said]:
    """Idle or old nodes stay for hours, days or for ever: they cost money, or run an image that is never renewed.

    Up to an hour of idle time is short, 24 hours of drain, and 90 days of age. GPU pools that keep empty nodes for ever
    fail another check.
    """
    read = {pool.urn: pool for pool in context.pools}
    for found in node_pools(context.graph):
        if found.replicas is not None:
            continue
        pool, problems = read[found.resource.urn], []
        if long := too_long(found.consolidate_after, IDLE_S):
            problems.append(Problem(f"an idle node stays for {long}", "set consolidateAfter to 1h or less"))
        if not pool.accelerator and (found.consolidate_after == NEVER or keeps_empty_nodes(found.budgets)):
            problems.append(Problem("an empty node is never removed", "set consolidateAfter, and a budget above 0"))
        age = found.template.get("expireAfter")
        if age == NEVER or too_long(age, _AGE_S):
            told = "never" if age == NEVER else f"after {age} alone"
            problems.append(Problem(f"a node ends by its age {told}", "set expireAfter to 720h"))
        if long := too_long(found.template.get("terminationGracePeriod"), _DRAIN_S):
            problems.append(Problem(f"a node that has to go may stay for {long}", "lower terminationGracePeriod"))
        yield verdict(pool.name, problems, f"an idle node goes after {found.consolidate_after}")


@check(
    "karpenter-acts-at-once",
    subject="Karpenter release",
    severity="warning",
    fix="remove the setting",
    sources=(KARPENTER_DISRUPTION,),
)
def at_once(context: Context) -> Iterator[Said]:
    """Pods wait for minutes or hours before Karpenter starts a node for them."""
    for release in context.charts(CHART):
        problems = [
            Problem(f"settings.{key} is {value}: Karpenter collects pods for {long} before it starts a node")
            for key in ("batchIdleDuration", "batchMaxDuration")
            if (value := release.value("settings", key)) and (long := too_long(value, _BATCH_S))
        ]
        yield verdict(release.name, problems, "it starts nodes within a minute")


@check(
    "nodes-are-not-pinned",
    subject="node pool, workload that never ends",
    severity="warning",
    fix="remove the annotation",
    sources=(KARPENTER_DISRUPTION,),
)
def not_pinned(context: Context) -> Iterator[Said]:
    """An annotation keeps the node: it is never consolidated, renewed or scaled in while the pod is there.

    Pods of Jobs end, and may ask for it. An annotation of all nodes of a pool, or of the pods of a DaemonSet, keeps
    every node for ever and is an error.
    """
    disrupts = any(pool.backend in (KARPENTER, AUTO_MODE) for pool in context.pools)
    evicts = any(pool.autoscaled for pool in context.scaled_groups)
    for _, manifest in kubernetes_objects(context.graph):
        kind, name = manifest["kind"], manifest["metadata"]["name"]
        given = part(manifest, "spec", "template", "metadata", "annotations")
        if kind == "NodePool":
            problem = Problem(f"its nodes are annotated {DO_NOT_DISRUPT}, so none is ever disrupted")
            yield verdict(name, problem if _is(given, DO_NOT_DISRUPT, "true") else None, "its nodes may go", "error")
        elif kind in _STAYS:
            pins = list(_pins(given, disrupts, evicts))
            subject = f"{kind} {manifest['metadata'].get('namespace') or 'default'}/{name}"
            if pins:
                yield verdict(subject, pins, "", "error" if kind == "DaemonSet" else "")


def _pins(annotations: Mapping[str, Any], disrupts: bool, evicts: bool) -> Iterator[Problem]:
    if disrupts and _is(annotations, DO_NOT_DISRUPT, "true"):
        yield Problem(f"its pods are annotated {DO_NOT_DISRUPT}, so their nodes are never consolidated or renewed")
    if evicts and _is(annotations, SAFE_TO_EVICT, "false"):
        yield Problem(f"its pods are annotated {SAFE_TO_EVICT}: false, so the autoscaler never ends their nodes")


def _is(annotations: Mapping[str, Any], key: str, value: str) -> bool:
    return str(annotations.get(key)).lower() == value
