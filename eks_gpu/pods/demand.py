"""Demand: the workloads of a stack, how many pods each has and may have, and what a pod of each needs."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from eks_gpu.graph.graph import Graph, Resource
from eks_gpu.graph.kubernetes_objects import kubernetes_objects
from eks_gpu.graph.unknown import Asked, listening
from eks_gpu.io.problems import InputError
from eks_gpu.pods import quantities
from eks_gpu.pods.claims import claims
from eks_gpu.pods.made_pods import Find, Manifest, PodTemplate, places
from eks_gpu.pods.makers import made_pods, templates
from eks_gpu.pods.pod import Pod, pod_from_template
from eks_gpu.pods.queued import flavors, queue_of, with_flavor
from eks_gpu.pods.spare import is_spare
from eks_gpu_components.catalog.keda import KEDA_MAX_REPLICAS, KEDA_MIN_REPLICAS, PAUSED_REPLICAS
from eks_gpu_components.values.validation_messages import written

SCALABLE = ("Deployment", "ReplicaSet", "ReplicationController", "StatefulSet")
"""Kubernetes' own kinds with a number of replicas."""
KINDS = (*SCALABLE, "DaemonSet", "Job", "CronJob", "Pod")
"""Kubernetes' own kinds with pods."""

_NUMBERS = (
    *("replicas", "parallelism", "completions", "suspend", "size", "numNodes", "numOfHosts", "minReplicas"),
    *("maxReplicas", "instances", "minAvailable", "enableInTreeAutoscaling", "nodeCount", "pipeline"),
)


def is_number(asked: Asked) -> bool:
    """Whether an unknown property says how many pods there are, and nothing of what they are."""
    return asked.path.rpartition(".")[2] in _NUMBERS


@dataclass(frozen=True)
class Workload:
    """A workload: pods of one template. A DaemonSet has one pod on each node that it runs on, so its numbers are 0, 0
    and None.
    """

    name: str
    namespace: str
    kind: str
    pod: Pod
    replicas: int | None
    """Stated number of pods, which run in the steady state; None if it is unknown. For a CronJob it is 0, as between
    its runs.
    """
    min_replicas: int | None
    max_replicas: int | None
    urn: str = ""
    """Identifies it in the stack: the URN of its resource, and of several templates `#` and the template."""
    cluster: str = ""
    """Name of the cluster it runs in; empty where the stack does not say."""
    template: str = ""
    """Which of its object's pod templates it is, as `tasks.0`; empty if there is one."""
    resource: str = ""
    """URN of its resource."""
    gang: int = 0
    """Number of its pods that run together with those of the object's other templates, or not at all; 0 if its pods
    start one by one.
    """
    gang_of: int = 0
    """Which of the object's gangs it is of."""
    uncounted: str = ""
    """Why nobody knows how many pods it has; empty where the number is known."""
    partly: str = ""
    """What of its pods the object does not say; empty if it says all."""
    queue: str = ""
    """Name of the LocalQueue of its namespace that it waits in; empty if it waits in none."""
    spare: bool = False
    """Whether its pods hold a place on a node and do nothing: the nodes that they keep are idle."""
    asked: frozenset[Asked] = field(default=frozenset(), compare=False)
    """Unknown properties that it was read from."""

    @property
    def unknown_numbers(self) -> list[Asked]:
        """Those that say how many pods it has; a Pod is one, whatever its spec is."""
        names = () if self.kind == "Pod" else (*_NUMBERS, "spec")
        return sorted(each for each in self.asked if each.path.rpartition(".")[2] in names)

    @property
    def unknown_pod(self) -> frozenset[Asked]:
        """Those that say what its pods are."""
        return frozenset(each for each in self.asked if not is_number(each))

    @property
    def requests(self) -> Mapping[str, int]:
        """Requests of one pod: CPU in millicores, memory in MiB, extended resources in ones."""
        return self.pod.requests

    @property
    def daemon(self) -> bool:
        """Whether it runs once on each node, and so neither starts a node nor keeps one."""
        return self.kind == "DaemonSet"

    @property
    def is_counted(self) -> bool:
        """Whether the number of its pods is known."""
        return self.replicas is not None

    def __str__(self) -> str:
        return " ".join(filter(None, (f"{self.kind} {self.namespace}/{self.name}", self.template)))

    def as_json(self, admitted_by: Iterable[str]) -> dict[str, Any]:
        """The plan's row."""
        return {
            "name": self.name,
            "namespace": self.namespace,
            "kind": self.kind,
            "template": self.template or None,
            "cluster": self.cluster or None,
            "replicas": self.replicas,
            "min_replicas": self.min_replicas,
            "max_replicas": self.max_replicas,
            "requests": quantities.as_json(self.requests),
            "admitted_by": list(admitted_by),
        }


def workloads(graph: Graph) -> list[Workload]:
    """Every workload of the program, widened by its autoscaler. Raises InputError with all bad quantities."""
    found: list[tuple[Workload, str, int]] = []
    ranges: dict[tuple[str, Target], tuple[int, int]] = {}
    problems: list[str] = []
    objects = list(kubernetes_objects(graph))
    others = Objects(objects)
    for resource, manifest in objects:
        try:
            if scaled := _scaler(manifest):
                target, low, high = scaled
                ranges[resource.provider, target] = (low, high)
                continue
            with listening(alone=True) as asked:
                made = _of_object(manifest, others.seen_by(resource))
        except ValueError as error:
            problems.append(str(error))
            continue
        for workload, template in made:
            urn = f"{resource.urn}#{workload.template}" if workload.template else resource.urn
            spare = not workload.daemon and is_spare(template.template.get("spec") or {}, others.seen_by(resource))
            known = replace(workload, urn=urn, resource=resource.urn, spare=spare, asked=frozenset(asked))
            found.append((_counted(known), resource.provider, template.per_replica))
    if problems:
        raise InputError(problems)
    return [
        _widened(workload, ranges.get((provider, (workload.namespace, workload.kind, workload.name))), per_replica)
        for workload, provider, per_replica in found
    ]


class Objects:
    """Kubernetes objects of a stack, which others refer to by their names."""

    def __init__(self, objects: Iterable[tuple[Resource, Mapping[str, Any]]]):
        self._found = {
            (resource.provider, manifest["kind"], _namespace(manifest), manifest["metadata"]["name"]): manifest
            for resource, manifest in objects
        }

    def seen_by(self, resource: Resource) -> Find:
        """Finds what is in the resource's cluster; of a kind without namespaces the namespace is empty."""

        def find(kind: str, namespace: str, name: str) -> Mapping[str, Any] | None:
            return self._found.get((resource.provider, kind, namespace or "default", name))

        return find

    def find(self, kind: str, namespace: str, name: str) -> Mapping[str, Any] | None:
        """Finds what is in any cluster."""
        wanted = (kind, namespace or "default", name)
        return next((manifest for (_, *key), manifest in self._found.items() if tuple(key) == wanted), None)


def _namespace(manifest: Mapping[str, Any]) -> str:
    return str((manifest.get("metadata") or {}).get("namespace") or "default")


def workloads_of(manifest: Mapping[str, Any], find: Find | None = None) -> list[Workload]:
    """One for each pod template of an object. Raises ValueError for a bad number or quantity, with its path."""
    return [workload for workload, _ in _of_object(manifest, find)]


def _of_object(manifest: Mapping[str, Any], find: Find | None) -> list[tuple[Workload, PodTemplate]]:
    found = made_pods(manifest, find)
    made = templates(found)
    if not made:
        return []
    kind, metadata = str(manifest.get("kind")), manifest.get("metadata") or {}
    name, namespace = metadata.get("name", ""), metadata.get("namespace") or "default"
    try:
        for path, value in places(found.wrong):
            raise ValueError(f"{path} must be a whole number, got {value!r}")
        return [(workload_from(template, found, several=len(made) > 1), template) for template in made]
    except ValueError as error:
        raise ValueError(f"{kind} {namespace}/{name}: {error}") from None


def workload_from(made: PodTemplate, found: Manifest, *, several: bool) -> Workload:
    """The workload of one pod template of an object. Raises ValueError for a bad quantity, with its path."""
    kind, namespace = found.text("kind") or "object", found.namespace
    pod = with_flavor(pod_from_template(made.template, written(made.spec_path)), flavors(found))
    claimed = claims(made.template.get("spec") or {}, namespace, found.find)
    return Workload(
        name=found.name,
        namespace=namespace,
        kind=kind,
        pod=replace(pod, namespace=namespace, daemon=kind == "DaemonSet").with_claims(claimed),
        replicas=made.count.stated,
        min_replicas=made.count.least,
        max_replicas=made.count.most,
        template=made.role if several else "",
        gang=made.gang,
        gang_of=made.gang_of,
        uncounted=made.uncounted,
        partly=made.partly,
        queue=queue_of(found),
    )


def pod_from_manifest(manifest: Mapping[str, Any]) -> Pod:
    """The pod of an object of Kubernetes' own kinds. Raises ValueError with the path of a bad quantity."""
    (made,) = templates(made_pods(manifest))
    return pod_from_template(made.template, written(made.spec_path))


def _whole(spec: Mapping[str, Any], key: str, default: int, at: str = "spec") -> int:
    value = spec.get(key)
    if value is None:
        return default
    try:
        return int(value)
    except (TypeError, ValueError):
        raise ValueError(f"{at}.{key} must be a whole number, got {value!r}") from None


Target = tuple[str, str, str]
"""Namespace, kind and name of what an autoscaler scales."""


def _scaler(manifest: Mapping[str, Any]) -> tuple[Target, int, int] | None:
    """What an autoscaler scales, and between which numbers. Raises ValueError that names the object."""
    metadata = manifest["metadata"]
    try:
        return _scaled(manifest)
    except ValueError as error:
        where = f"{metadata.get('namespace') or 'default'}/{metadata['name']}"
        raise ValueError(f"{manifest['kind']} {where}: {error}") from None


def _scaled(manifest: Mapping[str, Any]) -> tuple[Target, int, int] | None:
    spec = manifest.get("spec") or {}
    target = spec.get("scaleTargetRef") or {}
    match manifest["kind"]:
        case "HorizontalPodAutoscaler":
            low, high = _whole(spec, "minReplicas", 1), _whole(spec, "maxReplicas", 1)
        case "ScaledObject":
            low = _whole(spec, "minReplicaCount", KEDA_MIN_REPLICAS)
            high = _whole(spec, "maxReplicaCount", KEDA_MAX_REPLICAS)
            low = _whole(spec, "idleReplicaCount", low)  # while nothing is to do
            annotations = manifest["metadata"].get("annotations")
            if isinstance(annotations, Mapping) and annotations.get(PAUSED_REPLICAS) is not None:
                low = high = _whole(annotations, PAUSED_REPLICAS, low, "metadata.annotations")
        case _:
            return None
    namespace = manifest["metadata"].get("namespace") or "default"
    return (namespace, target.get("kind", "Deployment"), target.get("name", "")), low, high


def _counted(workload: Workload) -> Workload:
    """The workload without numbers of pods where an unknown property says them. A CronJob has none between its runs."""
    if workload.daemon or not workload.unknown_numbers:
        return workload
    stated = 0 if workload.kind == "CronJob" else None
    return replace(workload, replicas=stated, min_replicas=stated, max_replicas=None)


def _widened(workload: Workload, between: tuple[int, int] | None, per_replica: int) -> Workload:
    """The workload with the autoscaler's bounds; its stated replicas are only the start. `per_replica` are the pods of
    each replica, 0 if nothing scales it by a number of replicas.
    """
    if between is None or not per_replica:
        return workload
    low, high = (bound * per_replica for bound in between)
    stated = low if workload.replicas is None else min(max(workload.replicas, low), high)
    return replace(workload, replicas=stated, min_replicas=low, max_replicas=high)
