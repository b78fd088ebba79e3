"""Capacity that is kept ready, as `warm_gpus` of the pool that has it: CapacityBuffers, and placeholder pods.

Source: Karpenter 1.15, CapacityBuffer v1beta1; Kubernetes documentation, "Node overprovisioning".
"""

from collections.abc import Iterator, Sequence
from fractions import Fraction

from eks_gpu.importers.fields import Fields, Place
from eks_gpu.importers.findings import Findings
from eks_gpu.importers.gpu_pools import Settled
from eks_gpu.importers.judged_pods import tolerates
from eks_gpu.importers.model import AUTO_MODE, KARPENTER, Buffer, Described, Stated, Workload
from eks_gpu.importers.pool_features import take
from eks_gpu.pods.capacity_buffers import ACTIVE
from eks_gpu.pods.quantities import CPU, MEMORY
from eks_gpu_components.catalog import GPU_PRESENT_LABEL, INSTANCE_TYPE_LABEL, NODE_POOL_LABEL
from eks_gpu_components.values.gpu_pool import GpuPool

_NUMBERS = ("percentage", "limits", "scalableRef")
_ROOM = Fraction(3, 4)
"""Part of a node's CPU and memory for pods; the rest is kubelet's and the DaemonSets'."""


def read_buffer(name: str, namespace: str, document: Fields, described: Described) -> None:
    """`spec` of a CapacityBuffer."""
    spec = document.part("spec", required=True)
    replicas = spec.whole("replicas")
    others = [Stated(key, spec.place(key)) for key in _NUMBERS if key in spec]
    spec.replaced(*_NUMBERS)
    strategy = spec.text("provisioningStrategy")
    if strategy not in (None, ACTIVE):
        others.append(Stated(strategy, spec.place("provisioningStrategy")))
    template = spec.part("podTemplateRef").text("name") or ""
    stated = None if replicas is None else Stated(replicas, spec.place("replicas"))
    place = document.part("metadata").place("name")
    described.buffers.append(Buffer(place=place, template=(namespace, template), replicas=stated, others=tuple(others)))


def settle_warm_capacity(described: Described, pools: Sequence[Settled], findings: Findings) -> None:
    """Gives pools their `warm_gpus`; tells of what no number of accelerators of one pool is."""
    used: set[tuple[str, str]] = set()
    for buffer in described.buffers:
        if found := described.templates.get(buffer.template):
            used.add(buffer.template)
        problem = _unlike(buffer, described)
        if problem:
            place, reason = problem
            findings.lose(place, f"a pool's warm_gpus is a number of accelerators: {reason}: keep the file")
        elif found and buffer.replicas:
            _settle(found[0], buffer.replicas, pools, findings, template=True)
    for key, (_, place) in described.templates.items():
        if key not in used:
            findings.lose(place, "import takes no PodTemplate but that of a CapacityBuffer: keep its file")
    classes = set[str]()
    for workload in _placeholders(described):
        if workload.replicas and _settle(workload, workload.replicas, pools, findings):
            classes.add(workload.priority_class)
    for name, priority in described.priorities.items():
        if name not in classes or any(each.priority_class == name for each in described.workloads if not each.spare):
            findings.lose(priority.place, "import takes no PriorityClass but that of placeholder pods: keep its file")


def _unlike(buffer: Buffer, described: Described) -> tuple[Place, str] | None:
    for other in buffer.others:
        named = other.value if other.value in _NUMBERS else "provisioningStrategy"
        return other.place, f"it does not follow {named}"
    if buffer.template not in described.templates:
        return buffer.place, f"the file has no PodTemplate {buffer.template[1] or 'for it'}, which says what is kept"
    if not buffer.replicas or not buffer.replicas.value:
        return buffer.place, "it must have replicas, 1 or more"
    return None


def _placeholders(described: Described) -> Iterator[Workload]:
    return (each for each in described.workloads if each.spare and each.kind == "Deployment" and each.requests)


def _settle(
    workload: Workload, replicas: Stated, pools: Sequence[Settled], findings: Findings, *, template: bool = False
) -> bool:
    """Adds what the pods hold to the `warm_gpus` of the pool that takes them; False, told, where that is not it."""
    if template and not workload.requests:
        message = "it keeps no accelerator ready: of a template its requests count, and its limits do not"
        findings.lose(workload.requests_place, message)
        return False
    takers = [pool for pool in pools if pool.taint and _takes(pool, workload)]
    if len(takers) != 1:
        names = ", ".join(pool.name for pool in takers)
        several = f"{names} take its pods alike, so select one of them by a label"
        reason = several if takers else "no pool of the settings takes its pods"
        findings.lose(workload.place, f"it is no pool's warm_gpus: {reason}")
        return False
    (taker,) = takers
    pool = GpuPool.model_validate(taker.settings["pool"])
    held = workload.requests.get(pool.resource, 0)
    warm, rest = divmod(replicas.value * pool.accelerators_per_node, pool.resources_per_node)
    if held != 1 or rest or len(workload.requests) > 1:
        each = f"one {pool.resource} a pod" if held != 1 or len(workload.requests) > 1 else "whole accelerators"
        message = f"it is no warm_gpus of pool {taker.name}, which is {each}, got {replicas.value} of {held}"
        findings.lose(workload.requests_place, message)
        return False
    if not _is_small(workload, pool):
        message = f"warm_gpus of pool {taker.name} keeps accelerators, and no more CPU and memory than their type has"
        findings.lose(workload.requests_place, message)
        return False
    settings = taker.settings["pool"]
    if not take(settings, "warm_gpus", settings.get("warm_gpus", 0) + warm, replicas.place, findings):
        return False
    taker.notes["warm_gpus"] = f"in place of {workload.place.object}, which you remove"
    return True


def _takes(pool: Settled, workload: Workload) -> bool:
    if pool.taint and not any(tolerates(each, pool.taint) for each in workload.tolerations):
        return False
    if GpuPool.model_validate(pool.settings["pool"]).resource not in workload.requests:
        return False
    made = {NODE_POOL_LABEL: pool.was} if pool.backend in (KARPENTER, AUTO_MODE) else {}
    types = {row.name for row in pool.rows}
    labels = {GPU_PRESENT_LABEL: "true", **GpuPool.model_validate(pool.settings["pool"]).node_labels, **made}
    return all(
        types <= {*each.values}
        if each.key == INSTANCE_TYPE_LABEL
        else each.key in labels and (not each.values or labels[each.key] in each.values)
        for each in workload.selections
    )


def _is_small(workload: Workload, pool: GpuPool) -> bool:
    """Whether as many pods as a node has accelerators fit beside them on the smallest type."""
    pods = pool.resources_per_node
    cpu, memory = workload.pod.requests.get(CPU, 0) * pods, workload.pod.requests.get(MEMORY, 0) * pods
    return all(cpu <= row.vcpus * 1000 * _ROOM and memory <= row.memory_mib * _ROOM for row in pool.instance_types)
