"""Kueue: what an object that waits in a queue gets with its quota, as far as the queue is known.

Source: Kueue 0.17.0, pkg/podset, pkg/scheduler/flavorassigner and pkg/controller/jobs.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from eks_gpu.pods.made_pods import Manifest, PodTemplate
from eks_gpu.pods.pod import Expression, Pod, Term, Toleration, toleration
from eks_gpu.pods.quantities import quantity
from eks_gpu_components.catalog import QUEUE_LABEL

ONE_BY_ONE = ("Pod", "Deployment", "StatefulSet", "ReplicaSet", "LeaderWorkerSet")
"""Kinds whose pods, or whose groups of pods, wait each for itself."""
LEAST_ANNOTATION = "kueue.x-k8s.io/job-min-parallelism"
"""Annotation of a Job that starts with fewer pods if there is no quota for all."""


@dataclass(frozen=True, slots=True)
class Flavor:
    """Nodes that a queue has quota of."""

    name: str
    labels: tuple[tuple[str, str], ...] = ()
    """Labels that pods select when they get this flavor."""
    tolerations: tuple[Toleration, ...] = ()
    """Tolerations that pods get with it."""
    empty: frozenset[str] = frozenset()
    """Resources that it is there for and has none of."""


def queue_of(found: Manifest) -> str:
    """Name of the LocalQueue that an object waits in; empty without one."""
    return found.text("metadata", "labels", QUEUE_LABEL)


def flavors(found: Manifest) -> list[Flavor]:
    """Those of the ClusterQueue behind an object's queue, in their order; none where a part of the way is unknown."""
    queue = queue_of(found)
    local = found.find("LocalQueue", found.namespace, queue) if queue else None
    shared = found.find("ClusterQueue", "", Manifest(local).text("spec", "clusterQueue")) if local else None
    return list(_flavors(found, Manifest(shared))) if shared else []


def _flavors(found: Manifest, shared: Manifest) -> Iterator[Flavor]:
    borrows = bool(shared.text("spec", "cohortName") or shared.text("spec", "cohort"))
    for group in shared.each("spec", "resourceGroups"):
        for path in shared.each(*group, "flavors"):
            name = shared.text(*path, "name")
            given = found.find("ResourceFlavor", "", name)
            if given is None:
                continue
            flavor = Manifest(given)
            labels = flavor.map("spec", "nodeLabels")
            yield Flavor(
                name,
                tuple(sorted((str(key), str(value)) for key, value in labels.items())),
                tuple(toleration(flavor.map(*each)) for each in flavor.each("spec", "tolerations")),
                frozenset(() if borrows else _empty(shared, path)),
            )


def _empty(shared: Manifest, flavor: tuple[str | int, ...]) -> Iterator[str]:
    for path in shared.each(*flavor, "resources"):
        if _is_nothing(shared.text(*path, "nominalQuota")):
            yield shared.text(*path, "name")


def _is_nothing(text: str) -> bool:
    try:
        return quantity(text) == 0
    except ValueError:
        return False


def with_flavor(pod: Pod, offered: list[Flavor]) -> Pod:
    """The pod as it runs: on nodes of a flavor, whose taints it tolerates. It may get any that has what it asks for."""
    asked = {name for name, amount in pod.requests.items() if amount}
    given = [flavor for flavor in offered if not asked & flavor.empty]
    if not given:
        return pod
    more = [each for flavor in given for each in flavor.tolerations]
    tolerations = tuple(dict.fromkeys((*pod.tolerations, *more)))
    if not any(flavor.labels for flavor in given):
        return replace(pod, tolerations=tolerations)
    if len(given) == 1 and all(pod.node_selector.get(key, value) == value for key, value in given[0].labels):
        selector = dict(sorted({**pod.node_selector, **dict(given[0].labels)}.items()))
        return replace(pod, tolerations=tolerations, node_selector=selector)
    terms = tuple(
        Term((*term.expressions, *(Expression(key, "In", (value,)) for key, value in flavor.labels)), term.fields)
        for term in pod.node_affinity or (Term(),)
        for flavor in given
    )
    return replace(pod, tolerations=tolerations, node_affinity=terms)


def as_gang(found: Manifest, made: PodTemplate) -> PodTemplate:
    """The template, whose pods are a gang if the queue starts all of them together."""
    kind, most = found.text("kind"), made.count.most
    if made.gang or kind in ONE_BY_ONE or not most or not found.waits_in_a_queue:
        return made
    least = Manifest({"least": found.map("metadata", "annotations").get(LEAST_ANNOTATION)}).whole("least", default=most)
    return replace(made, gang=min(least, most))
