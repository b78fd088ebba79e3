"""ResourceQuotas of a stack: of which workloads the API server refuses pods, because their namespace is full."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from fractions import Fraction
from typing import Any

from eks_gpu.graph.graph import Graph
from eks_gpu.graph.kubernetes_objects import kubernetes_objects
from eks_gpu.karpenter.objects import part
from eks_gpu.pods.capacity_buffers import KIND
from eks_gpu.pods.demand import Workload
from eks_gpu.pods.quantities import CPU, MEMORY, quantity, written

_OF_PODS = ("pods", "count/pods")
_SHORT = {"cpu": CPU, "memory": MEMORY, "requests.cpu": CPU, "requests.memory": MEMORY}
_UNITS = {CPU: Fraction(1, 1000), MEMORY: Fraction(2**20)}


def resource_quotas(graph: Graph) -> Iterator[Mapping[str, Any]]:
    """The ResourceQuotas that count every pod of their namespace."""
    for _, manifest in kubernetes_objects(graph):
        scoped = part(manifest, "spec", "scopeSelector") or part(manifest, "spec").get("scopes")
        if manifest["kind"] == "ResourceQuota" and not scoped:
            yield manifest


def namespace_of(manifest: Mapping[str, Any]) -> str:
    """The object's namespace."""
    return str(manifest["metadata"].get("namespace") or "default")


def short_of(hard: Mapping[str, Any], workloads: Iterable[tuple[Workload, int]]) -> Iterator[str]:
    """A sentence for each amount of a quota that so many pods of the workloads exceed."""
    counted = list(workloads)
    for key, value in hard.items():
        allowed = amount(value)
        if allowed is None:
            continue
        if key in _OF_PODS:
            needed, unit = sum(count for _, count in counted), ""
        else:
            unit = _SHORT.get(key, key.removeprefix("requests."))
            if unit == key and key not in _SHORT:
                continue
            needed = sum(count * workload.requests.get(unit, 0) for workload, count in counted)
        if needed > allowed / _UNITS.get(unit, Fraction(1)):
            yield f"{key} is {value}, and its workloads need {written(unit, needed)}"


def refused(graph: Graph, workloads: Iterable[Workload], count: Callable[[Workload], int]) -> list[str]:
    """A note for each quota that refuses pods which a bill of so many pods counts."""
    counted = [each for each in workloads if each.kind != KIND]  # nobody creates the pods of a CapacityBuffer
    notes = []
    for manifest in resource_quotas(graph):
        where = namespace_of(manifest)
        here = [(each, count(each)) for each in counted if each.namespace == where]
        named = f"ResourceQuota {where}/{manifest['metadata']['name']}"
        notes += [
            f"{named} refuses pods whose nodes are counted all the same: {said}"
            for said in short_of(part(manifest, "spec", "hard"), here)
        ]
    return notes


def amount(value: Any) -> Fraction | None:
    """A quantity; None for what is none."""
    try:
        return quantity(value)
    except ValueError:
        return None
