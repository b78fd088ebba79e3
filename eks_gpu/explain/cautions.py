"""Cautions: what may go wrong on a pool although it takes the pod, or beside the rule that rejects it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from eks_gpu.checks.sources import DRIVER_OF_G7
from eks_gpu.checks.volumes import unoffered
from eks_gpu.cost.admission import ACCELERATOR_RESOURCES, node_resources
from eks_gpu.cost.node_cost import KINDS
from eks_gpu.explain.pod_file import PodSource
from eks_gpu.graph.graph import Graph
from eks_gpu.pods.pod import Pod
from eks_gpu.pods.probes import patience, remedy
from eks_gpu.pods.quantities import HUGE_PAGES
from eks_gpu.pods.vllm import served_models
from eks_gpu.pods.vllm_start import vllm_start
from eks_gpu.pools.clusters import clusters
from eks_gpu.pools.huge_pages import to_be_known
from eks_gpu.pools.model_load import until_it_answers
from eks_gpu.pools.pool import Candidate, Pool
from eks_gpu.pools.small_volumes import sized_volumes
from eks_gpu_components.catalog import CapacityType, image_supports
from eks_gpu_components.catalog.container_images import image_architecture
from eks_gpu_components.catalog.model_memory import visible_gib
from eks_gpu_components.catalog.requirement_rules import requirement_faults


@dataclass(frozen=True)
class Caution:
    """One of them, as a sentence, with the place of the pod's field that it is about, if it is about one."""

    text: str
    pod_place: Mapping[str, Any] | None = None

    def as_json(self) -> dict[str, Any]:
        """A part of `explain`'s row."""
        return {"text": self.text, "in_pod": self.pod_place}


def of_requirements(pool: Pool) -> Iterator[Caution]:
    """Requirements of the pool that name what no node has, but for those that the rejection itself names."""
    told = pool.emptied.culprits if pool.emptied else ()
    for required in pool.requirements:
        for fault in requirement_faults(required, pool.narrowed.group, pool.region) if required not in told else ():
            key = "" if required.key in fault.says else f"{required.key}: "
            yield Caution(f"{required.path} {key}{fault}")


def of_reservations(pool: Pool) -> Iterator[Caution]:
    """Reservations that hold nothing today, and those of which nobody says how far they reach."""
    others = [KINDS[CapacityType(each)] for each in pool.capacity_types if each != CapacityType.RESERVED]
    then = f"nodes are {' or '.join(others)}" if others else "no node starts"
    for each in () if pool.starts_none else pool.reservations:
        if each.closed:
            yield Caution(f"{each} {each.closed}, so it is no capacity")
        elif each.instances is None:
            yield Caution(f"how many instances {each} has is not known: once it is full, {then}")


def of_resources(graph: Graph, pool: Pool, pod: Pod) -> Iterator[Caution]:
    """What the pod asks for and nothing in the stack makes nodes offer though the controller counts it, and what the
    controller does not count though a NodeOverlay says it.
    """
    for found in unoffered(graph, pool, pod):
        yield Caution(f"{found.says}: {found.fix}" if found.fix else found.says)
    yield from (Caution(said) for resource in pod.requests if (said := pool.overlaid.uncounted(resource)))
    for resource in pod.requests:
        if resource.startswith(HUGE_PAGES) and not any(node_resources(pool, row).get(resource) for row in pool.types):
            yield Caution(f"no controller knows of {resource} before a node is there: {to_be_known(pool, resource)}")


def of_volumes(graph: Graph, pool: Pool) -> Iterator[Caution]:
    """Volumes that are smaller than the image, so that the pool starts no node."""
    minor = next((cluster.version for cluster in clusters(graph) if cluster.name == pool.cluster), "")
    for volume in sized_volumes(pool, minor):
        if volume.is_small:
            yield Caution(f"{volume.says}: {volume.fix}")


def of_node(pool: Pool, node: Candidate, source: PodSource) -> Iterator[Caution]:
    """What may go wrong on the node that the pool starts: no driver, another architecture, an impatient probe."""
    yield from _of_driver(pool, node, source)
    yield from _of_model(node, source)
    yield from _of_architecture(node, source)
    yield from _of_probes(pool, node, source)


def _of_driver(pool: Pool, node: Candidate, source: PodSource) -> Iterator[Caution]:
    device = node.instance_type.accelerator
    if device is None or not source.workload.pod.requests_any(device.offered) or image_supports(node.instance_type):
        return
    if device.kind == "nvidia" and pool.driver:
        yield Caution(f"EKS's images have no driver for {node.instance_type.family} ({device.name}): {DRIVER_OF_G7}")
    elif pool.driver is False:
        yield Caution(f"no image of EKS has a driver for {node.instance_type.family} ({device.name})")


def _of_model(node: Candidate, source: PodSource) -> Iterator[Caution]:
    device = node.instance_type.accelerator
    for found in served_models(source.spec):
        if device is None or found.need is None or found.serving is None:
            continue
        usable = visible_gib(device) * found.serving.utilization
        if found.need.gib > usable:
            text = f"{found}, and {node.instance_type.name} has {usable:.1f} GiB"
            yield Caution(text, source.place("spec", "containers", found.index, "args"))


def _of_architecture(node: Candidate, source: PodSource) -> Iterator[Caution]:
    runs = node.instance_type.architecture
    for group in ("initContainers", "containers"):
        for index, container in enumerate(source.spec.get(group) or ()):
            image = str(container.get("image") or "")
            built = image_architecture(image)
            if built and built != runs:
                text = f"image {image} is for {built}, and {node.instance_type.name} is {runs}: it ends with an exec "
                yield Caution(f"{text}format error", source.place("spec", group, index, "image"))


def _of_probes(pool: Pool, node: Candidate, source: PodSource) -> Iterator[Caution]:
    load = until_it_answers(pool, node.instance_type, vllm_start(source.spec))
    for found in patience(source.spec, ACCELERATOR_RESOURCES):
        if found.seconds < load:
            text = f"{found.probe} of {found.container} ends the container {found.seconds} s after its start, and a "
            text += f"model is loaded after about {load} s: {remedy(found, load)}"
            yield Caution(text, source.place("spec", *found.path))
