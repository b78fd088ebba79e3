"""Deadlines: none ends a workload before the first node for it can be there."""

from collections.abc import Iterator, Mapping
from typing import Any

from eks_gpu.checks.registry import Context, Problem, Said, check, verdict
from eks_gpu.checks.workloads import scheduled
from eks_gpu.graph.kubernetes_objects import kubernetes_objects
from eks_gpu.karpenter.objects import part
from eks_gpu.pools.pool import Pool
from eks_gpu_components.catalog import COLD_START_S, DRIVER_S

_FIELDS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "Deployment": (("spec", "progressDeadlineSeconds"),),
    "Job": (("spec", "activeDeadlineSeconds"), ("spec", "template", "spec", "activeDeadlineSeconds")),
    "CronJob": (
        ("spec", "jobTemplate", "spec", "activeDeadlineSeconds"),
        ("spec", "jobTemplate", "spec", "template", "spec", "activeDeadlineSeconds"),
    ),
    "Pod": (("spec", "activeDeadlineSeconds"),),
}
_WAITS = "pulumi.com/timeoutSeconds"
"""Annotation: how long an update waits for the object."""


@check(
    "deadlines-outlast-a-cold-start",
    subject="workload that states a deadline and has pools from zero",
    severity="warning",
    fix="raise the deadline above the cold start, or keep a node: min_nodes of a group",
)
def outlast(context: Context) -> Iterator[Said]:
    """A deadline counts while a node is bought and the image is pulled: it ends a pod that has never run.

    The cold start is the longest that was measured: launch, image, and the driver where the image has none.
    """
    pools = {pool.name: pool for pool in context.pools}
    workloads = {workload.urn: workload for workload in scheduled(context)}
    for resource, manifest in kubernetes_objects(context.graph):
        workload, stated = workloads.get(resource.urn), list(_deadlines(manifest))
        takers = [pools[each.pool] for each in context.verdicts[resource.urn] if each.admits] if workload else []
        if not stated or not takers or any(pool.min_nodes for pool in takers):
            continue
        needed = max(map(_cold_start_s, takers))
        problems = [
            Problem(f"{field} is {seconds} s, and the first node with its image may take {needed} s")
            for field, seconds in stated
            if seconds < needed
        ]
        yield verdict(str(workload), problems, f"{stated[0][0]} leaves {needed} s for the first node and its image")


def _deadlines(manifest: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
    """Field and seconds."""
    for *path, field in _FIELDS.get(manifest["kind"], ()):
        seconds = part(manifest, *path).get(field)
        if isinstance(seconds, int | float):
            yield field, int(seconds)
    waits = part(manifest, "metadata", "annotations").get(_WAITS)
    if str(waits).isdigit():
        yield _WAITS, int(str(waits))


def _cold_start_s(pool: Pool) -> int:
    return COLD_START_S - DRIVER_S if pool.driver else COLD_START_S
