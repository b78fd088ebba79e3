"""Architectures: an image runs on every node that its pod may come to."""

from collections.abc import Iterator

from eks_gpu.checks import sources
from eks_gpu.checks.pod_specs import PodSpec, pod_specs
from eks_gpu.checks.registry import Context, Problem, Said, check, verdict
from eks_gpu.checks.workloads import scheduled
from eks_gpu.pods.demand import Workload
from eks_gpu_components.catalog import ARCH_LABEL
from eks_gpu_components.catalog.container_images import image_architecture


@check(
    "images-run-on-their-nodes",
    subject="workload with an image that is known to be for one architecture",
    fix=f"select {ARCH_LABEL} in the pods, or use an image that is built for both",
    sources=(sources.kubernetes("assign-pod-node"),),
)
def run_on_their_nodes(context: Context) -> Iterator[Said]:
    """A pool that takes the pods may start nodes of another architecture: the container ends with an exec format error.

    The architecture of an image is known where its name or tag says it, such as `app:1-arm64`, or its makers do.
    """
    specs = {spec.urn: spec for spec in pod_specs(context.graph)}
    for workload in scheduled(context):
        spec = specs.get(workload.urn)
        built = {image: kind for image in _images(spec) if (kind := image_architecture(image))} if spec else {}
        if not built:
            continue
        problems = [
            Problem(f"{image} is for {kind}, and {pool} may start {name}, which is {other}")
            for pool, nodes in _nodes(context, workload)
            for image, kind in built.items()
            for other, name in nodes.items()
            if other != kind
        ]
        named = ", ".join(f"{image} is for {kind}" for image, kind in built.items())
        yield verdict(str(workload), problems, f"{named}, as all nodes are that it may come to")


def _images(spec: PodSpec) -> list[str]:
    return list(dict.fromkeys(str(container.get("image") or "") for container in spec.all_containers))


def _nodes(context: Context, workload: Workload) -> Iterator[tuple[str, dict[str, str]]]:
    """Each pool that takes it: architecture -> a type of it that the pod may come to."""
    for room, said in zip(context.rooms, context.verdicts[workload.urn], strict=True):
        if said.admits:
            suiting = [each.instance_type for each in room.pool.candidates if room.suits(each, workload.pod)]
            yield room.pool.name, {row.architecture: row.name for row in reversed(suiting)}
