"""Deadlines: none ends a workload before its first node, or its model, can be there."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from eks_gpu.checks import sources
from eks_gpu.checks.pod_specs import pod_specs
from eks_gpu.checks.registry import Context, Problem, Said, check, verdict
from eks_gpu.checks.workloads import scheduled
from eks_gpu.cost.admission import ACCELERATOR_RESOURCES
from eks_gpu.graph.kubernetes_objects import kubernetes_objects
from eks_gpu.karpenter.objects import part
from eks_gpu.pods.probes import Patience, patience, remedy
from eks_gpu.pods.vllm_start import VllmStart, vllm_start
from eks_gpu.pools.model_load import until_it_answers
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
    subject="workload that states a deadline and has pools from zero, or with a probe that may end it",
    severity="warning",
    fix="raise the deadline above the cold start, or keep a node: min_nodes of a group",
    sources=(
        sources.kubernetes("job"),
        sources.LAB,
    ),
)
def outlast(context: Context) -> Iterator[Said]:
    """A deadline counts while a node is bought and the image is pulled: it ends a pod that has never run.

    The cold start is the longest that was measured: launch, image, and the driver where the image has none. A liveness
    or startup probe that ends a container with GPUs before its model can be loaded is told too: of 2 GiB, or the one
    that vLLM serves, where it is known.
    """
    pools = {pool.name: pool for pool in context.pools}
    workloads = {workload.urn: workload for workload in scheduled(context)}
    specs = {spec.urn: spec for spec in pod_specs(context.graph)}
    for resource, manifest in kubernetes_objects(context.graph):
        workload, spec = workloads.get(resource.urn), specs.get(resource.urn)
        names = [each.pool for each in context.verdicts[resource.urn] if each.admits] if workload else []
        takers = [pools[name] for name in names if name in pools]
        if not takers or len(takers) < len(names):  # a Fargate profile, for whose start no time is known
            continue
        stated = [] if any(pool.min_nodes for pool in takers) else list(_deadlines(manifest))
        needed, load = max(map(_cold_start_s, takers)), _model_load_s(takers, vllm_start(spec.spec) if spec else None)
        probes = list(patience(spec.spec, ACCELERATOR_RESOURCES)) if spec and load else []
        if not stated and not probes:
            continue
        problems = [
            Problem(f"{field} is {seconds} s, and the first node with its image may take {needed} s")
            for field, seconds in stated
            if seconds < needed
        ]
        problems += [_impatient(found, load) for found in probes if found.seconds < load]
        holds = f"{probes[0].probe} lets a model be loaded in {load} s" if probes else ""
        if stated:
            holds = f"{stated[0][0]} leaves {needed} s for the first node and its image"
        yield verdict(str(workload), problems, holds)


def _impatient(found: Patience, load: int) -> Problem:
    said = f"{found.probe} of {found.container} ends it {found.seconds} s after its start"
    return Problem(f"{said}, and a model is loaded after about {load} s", remedy(found, load))


def _model_load_s(takers: Sequence[Pool], start: VllmStart | None) -> int:
    """On the slowest node of the pools; 0 if none has an accelerator."""
    rows = ((pool, row) for pool in takers for row in pool.types if row.accelerators)
    return max((until_it_answers(pool, row, start) for pool, row in rows), default=0)


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
