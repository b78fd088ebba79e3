"""Demand: the workloads of a stack, how many pods each has and may have, and what a pod of each needs."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from eks_gpu.graph.graph import Graph
from eks_gpu.graph.kubernetes_objects import kubernetes_objects
from eks_gpu.graph.unknown import Asked, listening
from eks_gpu.io.problems import InputError
from eks_gpu.pods import quantities
from eks_gpu.pods.pod import Pod, pod_from_template

SCALABLE = ("Deployment", "ReplicaSet", "ReplicationController", "StatefulSet")
KINDS = (*SCALABLE, "DaemonSet", "Job", "CronJob", "Pod")

_NUMBERS = ("replicas", "parallelism", "completions", "suspend")
# What a ScaledObject has where it does not say. Source: KEDA 2.20, ScaledObject specification.
_KEDA_MIN, _KEDA_MAX = 0, 100


@dataclass(frozen=True)
class Workload:
    """A workload: pods of one template. A DaemonSet has one pod on each node that it runs on, so its numbers are 0, 0
    and None.
    """

    name: str
    namespace: str
    kind: str
    pod: Pod
    replicas: int
    """Stated number of pods, which run in the steady state. For a CronJob it is 0, as between its runs."""
    min_replicas: int
    max_replicas: int | None
    urn: str = ""
    cluster: str = ""
    """Name of the cluster it runs in; empty where the stack does not say."""
    asked: frozenset[Asked] = field(default=frozenset(), compare=False)
    """Unknown properties that it was read from."""

    @property
    def unknown_numbers(self) -> list[Asked]:
        """Those that say how many pods it has."""
        return sorted(each for each in self.asked if each.path.rpartition(".")[2] in (*_NUMBERS, "spec"))

    @property
    def unknown_pod(self) -> frozenset[Asked]:
        """Those that say what its pods are."""
        return frozenset(each for each in self.asked if each.path.rpartition(".")[2] not in _NUMBERS)

    @property
    def requests(self) -> Mapping[str, int]:
        """Requests of one pod: CPU in millicores, memory in MiB, extended resources in ones."""
        return self.pod.requests

    @property
    def daemon(self) -> bool:
        """Whether it runs once on each node, and so neither starts a node nor keeps one."""
        return self.kind == "DaemonSet"

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}"

    def as_json(self, admitted_by: Iterable[str]) -> dict[str, Any]:
        """The plan's row."""
        return {
            "name": self.name,
            "namespace": self.namespace,
            "kind": self.kind,
            "cluster": self.cluster or None,
            "replicas": self.replicas,
            "min_replicas": self.min_replicas,
            "max_replicas": self.max_replicas,
            "requests": quantities.as_json(self.requests),
            "admitted_by": list(admitted_by),
        }


def workloads(graph: Graph) -> list[Workload]:
    """Every workload of the program, widened by its autoscaler. Raises InputError with all bad quantities."""
    found: list[Workload] = []
    ranges: dict[tuple[str, str, str, str], tuple[int, int]] = {}
    providers: list[str] = []
    problems: list[str] = []
    for resource, manifest in kubernetes_objects(graph):
        try:
            if scaled := _scaled(manifest):
                target, low, high = scaled
                ranges[(resource.provider, *target)] = (low, high)
            elif manifest["kind"] in KINDS:
                with listening(alone=True) as asked:
                    workload = workload_from_manifest(manifest)
                found.append(replace(workload, urn=resource.urn, asked=frozenset(asked)))
                providers.append(resource.provider)
        except ValueError as error:
            problems.append(str(error))
    if problems:
        raise InputError(problems)
    return [
        _widened(workload, ranges.get((provider, workload.namespace, workload.kind, workload.name)))
        for workload, provider in zip(found, providers, strict=True)
    ]


def workload_from_manifest(manifest: Mapping[str, Any]) -> Workload:
    """One object, from YAML too. Raises ValueError for a kind without pods and for a bad quantity, with its path."""
    kind = manifest.get("kind")
    if kind not in KINDS:
        raise ValueError(f"kind must be one of {', '.join(KINDS)}, got {kind}")
    metadata, spec = manifest.get("metadata") or {}, manifest.get("spec") or {}
    name, namespace = metadata.get("name", ""), metadata.get("namespace") or "default"
    try:
        replicas, least, most = _replicas(kind, spec)
        pod = pod_from_manifest(manifest)
    except ValueError as error:
        raise ValueError(f"{kind} {namespace}/{name}: {error}") from None
    return Workload(name, namespace, kind, pod, replicas, least, most)


def pod_from_manifest(manifest: Mapping[str, Any]) -> Pod:
    """The pod of a Pod or of anything with a pod template. Raises ValueError with the path of a bad quantity."""
    spec = manifest.get("spec") or {}
    match manifest.get("kind"):
        case "Pod":
            return pod_from_template(manifest)
        case "CronJob":
            job = (spec.get("jobTemplate") or {}).get("spec") or {}
            return pod_from_template(job.get("template") or {}, "spec.jobTemplate.spec.template.")
        case _:
            return pod_from_template(spec.get("template") or {}, "spec.template.")


def _replicas(kind: str, spec: Mapping[str, Any]) -> tuple[int, int, int | None]:
    """Stated, least and most, before an autoscaler has a say."""
    match kind:
        case "DaemonSet":
            return 0, 0, None
        case "Pod":
            return 1, 1, 1
        case "CronJob":
            return 0, 0, _parallel((spec.get("jobTemplate") or {}).get("spec") or {})
        case "Job":
            at_once = _parallel(spec)
            return at_once, 0, at_once
        case _:
            stated = _whole(spec, "replicas", 1)
            return stated, stated, stated


def _parallel(spec: Mapping[str, Any]) -> int:
    """Pods of a Job at the same time, at most."""
    if spec.get("suspend"):
        return 0
    at_once = _whole(spec, "parallelism", 1)
    return min(at_once, _whole(spec, "completions", at_once))


def _whole(spec: Mapping[str, Any], key: str, default: int) -> int:
    value = spec.get(key)
    if value is None:
        return default
    try:
        return int(value)
    except (TypeError, ValueError):
        raise ValueError(f"spec.{key} must be a whole number, got {value!r}") from None


def _scaled(manifest: Mapping[str, Any]) -> tuple[tuple[str, str, str], int, int] | None:
    """What an autoscaler scales, as (namespace, kind, name), and between which numbers."""
    spec = manifest.get("spec") or {}
    target = spec.get("scaleTargetRef") or {}
    match manifest["kind"]:
        case "HorizontalPodAutoscaler":
            low, high = _whole(spec, "minReplicas", 1), _whole(spec, "maxReplicas", 1)
        case "ScaledObject":
            low, high = _whole(spec, "minReplicaCount", _KEDA_MIN), _whole(spec, "maxReplicaCount", _KEDA_MAX)
        case _:
            return None
    namespace = manifest["metadata"].get("namespace") or "default"
    return (namespace, target.get("kind", "Deployment"), target.get("name", "")), low, high


def _widened(workload: Workload, between: tuple[int, int] | None) -> Workload:
    """The workload with the autoscaler's bounds; its stated replicas are only the start."""
    if between is None:
        return workload
    low, high = between
    return replace(workload, replicas=min(max(workload.replicas, low), high), min_replicas=low, max_replicas=high)
