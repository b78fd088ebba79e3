"""CapacityBuffers: pods that nobody creates, for which an autoscaler keeps nodes ready all the same."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from fractions import Fraction
from math import ceil
from typing import Any

from eks_gpu.graph.graph import Graph
from eks_gpu.graph.kubernetes_objects import kubernetes_objects
from eks_gpu.graph.unknown import listening
from eks_gpu.pods.demand import Objects, Workload
from eks_gpu.pods.made_pods import Find
from eks_gpu.pods.pod import Pod, pod_from_template
from eks_gpu.pods.quantities import quantity
from eks_gpu_components.catalog import CAPACITY_BUFFER_GROUP

KIND = "CapacityBuffer"
ACTIVE = "buffer.x-k8s.io/active-capacity"
"""The strategy by which nodes are started, and the default."""
_NUMBERS = ("spec", "replicas", "percentage", "limits", "podTemplateRef", "scalableRef")
"""Properties that decide how many pods a buffer is of."""
_SCALABLE = ("Deployment", "StatefulSet", "ReplicaSet")


def is_buffer(manifest: Mapping[str, Any]) -> bool:
    """Whether the object is a CapacityBuffer of the autoscalers' API."""
    return manifest["kind"] == KIND and str(manifest["apiVersion"]).partition("/")[0] == CAPACITY_BUFFER_GROUP


def capacity_buffers(graph: Graph) -> list[Workload]:
    """One for each buffer that makes an autoscaler start nodes: its pods, with what they request and not what they
    limit, because nobody fills in requests of a template. One that the API server refuses is left out.
    """
    objects = list(kubernetes_objects(graph))
    others, found = Objects(objects), list[Workload]()
    for resource, manifest in objects:
        if not is_buffer(manifest):
            continue
        try:
            with listening(alone=True) as asked:
                made = _workload(manifest, others.seen_by(resource))
        except (ValueError, TypeError, AttributeError):
            continue
        if made:
            if any(each.path.rpartition(".")[2] in _NUMBERS for each in asked):
                made = replace(made, replicas=None, min_replicas=None, max_replicas=None)
            found.append(replace(made, urn=resource.urn, resource=resource.urn, asked=frozenset(asked)))
    return found


def template_of(manifest: Mapping[str, Any], find: Find) -> tuple[str, Mapping[str, Any] | None, int]:
    """What a buffer names, its pod template, None if it is not of the stack, and how many pods there are of it."""
    spec = manifest.get("spec") or {}
    namespace = str(manifest["metadata"].get("namespace") or "default")
    if name := (spec.get("podTemplateRef") or {}).get("name"):
        found = find("PodTemplate", namespace, str(name))
        return f"PodTemplate {name}", found and (found.get("template") or {}), 0
    target = spec.get("scalableRef") or {}
    kind, name = str(target.get("kind") or ""), str(target.get("name") or "")
    found = find(kind, namespace, name) if kind in _SCALABLE else None
    inner = (found or {}).get("spec") or {}
    replicas = inner.get("replicas")
    return f"{kind} {name}", found and (inner.get("template") or {}), 1 if replicas is None else int(replicas)


def _workload(manifest: Mapping[str, Any], find: Find) -> Workload | None:
    spec, metadata = manifest.get("spec") or {}, manifest["metadata"]
    if (spec.get("provisioningStrategy") or ACTIVE) != ACTIVE:
        return None
    namespace = str(metadata.get("namespace") or "default")
    named, template, there = template_of(manifest, find)
    made = Workload(metadata["name"], namespace, KIND, Pod(), None, None, None, spare=True)
    if template is None:
        return replace(made, uncounted=f"its {named} is not of this stack")
    pod = replace(pod_from_template(_requesting(template), "template.spec"), namespace=namespace)
    count = _count(spec, pod, there)
    return replace(made, pod=pod, replicas=count, min_replicas=count, max_replicas=count)


def _requesting(template: Mapping[str, Any]) -> dict[str, Any]:
    """The template without limits."""
    spec = dict(template.get("spec") or {})
    for group in ("containers", "initContainers"):
        if spec.get(group):
            spec[group] = [
                {**each, "resources": {"requests": (each.get("resources") or {}).get("requests") or {}}}
                for each in spec[group]
            ]
    return {**template, "spec": spec}


def _count(spec: Mapping[str, Any], pod: Pod, there: int) -> int:
    """The larger of `replicas` and the percentage, within the limits. Source: Karpenter 1.15, computeReplicas."""
    wanted = [int(spec["replicas"])] if spec.get("replicas") is not None else []
    if spec.get("percentage") is not None and there > 0:
        share = ceil(there * int(spec["percentage"]) / 100)
        wanted.append(max(share, 1) if int(spec["percentage"]) else 0)
    within = list(_within(spec.get("limits") or {}, pod))
    if wanted:
        return min([max(wanted), *within])
    return min(within, default=0)


_UNITS = {"cpu": Fraction(1, 1000), "memory": Fraction(2**20), "ephemeral-storage": Fraction(2**20)}


def _within(limits: Mapping[str, Any], pod: Pod) -> Iterator[int]:
    """How many pods fit each limit that is about something they request."""
    for resource, limit in limits.items():
        if need := pod.requests.get(str(resource), 0):
            yield int(quantity(limit) / (need * _UNITS.get(str(resource), Fraction(1))))
