"""Pod templates of a stack, for fields that do not decide where a pod runs."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from eks_gpu.graph.graph import Graph
from eks_gpu.graph.kubernetes_objects import kubernetes_objects
from eks_gpu.graph.unknown import listening, tell
from eks_gpu.karpenter.objects import part
from eks_gpu.pods.demand import Objects, is_number
from eks_gpu.pods.makers import made_pods, templates
from eks_gpu.pods.pod import Pod, node_selector_terms, toleration


@dataclass(frozen=True)
class PodSpec:
    """One workload's pod."""

    urn: str
    """The workload's."""
    kind: str
    namespace: str
    name: str
    labels: Mapping[str, str]
    """Of the pod."""
    spec: Mapping[str, Any]
    template: str = ""
    """Which of its object's pod templates it is; empty if there is one."""

    def __str__(self) -> str:
        return " ".join(filter(None, (f"{self.kind} {self.namespace}/{self.name}", self.template)))

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
    return graph.replayed(_pod_specs)


def _pod_specs(graph: Graph) -> Iterator[PodSpec]:
    objects = list(kubernetes_objects(graph))
    others = Objects(objects)
    for resource, manifest in objects:
        metadata = manifest["metadata"]
        with listening(alone=True) as heard:  # a pod is what it is, however many there are
            made = templates(made_pods(manifest, others.seen_by(resource)))
        tell(each for each in heard if not is_number(each))
        for each in made:
            several = each.role if len(made) > 1 else ""
            yield PodSpec(
                f"{resource.urn}#{several}" if several else resource.urn,
                manifest["kind"],
                str(metadata.get("namespace") or "default"),
                str(metadata["name"]),
                part(each.template, "metadata", "labels"),
                part(each.template, "spec"),
                several,
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
