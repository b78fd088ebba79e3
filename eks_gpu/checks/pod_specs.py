"""Pod templates of a stack, for fields that do not decide where a pod runs."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from eks_gpu.graph.graph import Graph
from eks_gpu.graph.kubernetes_objects import kubernetes_objects
from eks_gpu.karpenter.objects import part
from eks_gpu.pods.demand import KINDS
from eks_gpu.pods.pod import Pod, node_selector_terms, toleration

_TEMPLATES = {"Pod": (), "CronJob": ("spec", "jobTemplate", "spec", "template")}


@dataclass(frozen=True)
class PodSpec:
    """One workload's pod."""

    urn: str
    kind: str
    namespace: str
    name: str
    labels: Mapping[str, str]
    """Of the pod."""
    spec: Mapping[str, Any]

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}"

    @property
    def containers(self) -> Sequence[Mapping[str, Any]]:
        """Those that run as long as the pod."""
        return self.spec.get("containers") or ()

    @property
    def all_containers(self) -> Sequence[Mapping[str, Any]]:
        """With those that run before."""
        return [*(self.spec.get("initContainers") or ()), *self.containers]


def pod_specs(graph: Graph) -> Iterator[PodSpec]:
    """Of every workload, in the order of registration."""
    for resource, manifest in kubernetes_objects(graph):
        if manifest["kind"] in KINDS:
            metadata = manifest["metadata"]
            template = part(manifest, *_TEMPLATES.get(manifest["kind"], ("spec", "template")))
            yield PodSpec(
                resource.urn,
                manifest["kind"],
                str(metadata.get("namespace") or "default"),
                str(metadata["name"]),
                part(template, "metadata", "labels"),
                part(template, "spec"),
            )


def pod_of_values(values: Mapping[str, Any]) -> Pod:
    """Where a chart's or an add-on's pods run, by the usual keys: nodeSelector, affinity, tolerations.

    What has not the shape of its key is not there: the chart, or EKS, refuses it.
    """
    required = part(values, "affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution")
    tolerations = values.get("tolerations")
    return Pod(
        node_selector={str(key): str(value) for key, value in part(values, "nodeSelector").items()},
        node_affinity=node_selector_terms(required) if required else None,
        tolerations=tuple(
            toleration(each)
            for each in (tolerations if isinstance(tolerations, list | tuple) else ())
            if isinstance(each, Mapping)
        ),
    )
