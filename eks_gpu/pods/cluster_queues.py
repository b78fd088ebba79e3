"""Kueue's queues of a stack: what each has of its own, and what it may borrow.

Source: Kueue 0.17.0, apis/kueue/v1beta1 and v1beta2, and pkg/cache.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from eks_gpu.graph.graph import Resource
from eks_gpu.graph.kubernetes_objects import kubernetes_objects
from eks_gpu.pods.made_pods import Manifest, Path
from eks_gpu.pods.quantities import quantity, whole_units
from eks_gpu_components.catalog import HARD_EFFECTS, KUEUE_GROUP, NAMESPACE_NAME_LABEL, Taint


@dataclass(frozen=True, slots=True)
class Quota:
    """What a queue has of one resource of one flavor, in the resource's unit."""

    nominal: int
    borrows: int | None = None
    """What it may borrow at most; None without a limit."""
    lends: int | None = None
    """What others may borrow of it at most; None without a limit."""

    @property
    def lent(self) -> int:
        """What others may have of it."""
        return self.nominal if self.lends is None else min(self.lends, self.nominal)


@dataclass(frozen=True)
class ClusterQueue:
    """A ClusterQueue."""

    name: str
    cohort: str
    """Queues of one cohort borrow from each other; empty for a queue alone."""
    quotas: Mapping[str, Mapping[str, Quota]]
    """By flavor and resource."""
    groups: tuple[tuple[frozenset[str], tuple[str, ...]], ...]
    """Resources that have their flavors in common, and these flavors."""
    selector: Mapping[str, Any] | None
    """Namespaces whose jobs it takes; an empty one takes all, None takes none."""

    @property
    def covered(self) -> set[str]:
        """Resources that it has flavors for."""
        return {resource for resources, _ in self.groups for resource in resources}

    def takes_from(self, namespace: str) -> bool | None:
        """Whether it takes jobs of a namespace; None if labels that are not read decide."""
        if self.selector is None:
            return False
        labels = {NAMESPACE_NAME_LABEL: namespace}
        given = Manifest(self.selector)
        known = [given.text(*path, "key") == NAMESPACE_NAME_LABEL for path in given.each("matchExpressions")]
        if set(given.map("matchLabels")) - {NAMESPACE_NAME_LABEL} or not all(known):
            return None
        if any(labels[key] != value for key, value in given.map("matchLabels").items()):
            return False
        return all(_matches(given.map(*path), namespace) for path in given.each("matchExpressions"))


def _matches(expression: Mapping[str, Any], namespace: str) -> bool:
    there = namespace in (expression.get("values") or ())
    return {"In": there, "NotIn": not there, "Exists": True}.get(str(expression.get("operator")), False)


@dataclass(frozen=True)
class Queues:
    """Kueue's objects of a cluster, by name."""

    local: Mapping[tuple[str, str], str]
    """ClusterQueue of each LocalQueue, by namespace and name."""
    shared: Mapping[str, ClusterQueue]
    flavors: Mapping[str, Mapping[str, str]]
    """Labels of each ResourceFlavor's nodes."""
    taints: Mapping[str, tuple[Taint, ...]] = field(default_factory=dict)
    """Taints of each ResourceFlavor's nodes that keep pods off. Source: Kueue 0.17.0, pkg/scheduler/flavorassigner."""
    _cohorts: dict[str, list[ClusterQueue]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for queue in self.shared.values():
            if queue.cohort:
                self._cohorts.setdefault(queue.cohort, []).append(queue)

    def of(self, namespace: str, name: str) -> ClusterQueue | None:
        """The ClusterQueue behind a LocalQueue; None if one of them is not known."""
        return self.shared.get(self.local.get((namespace, name), ""))

    def most(self, queue: ClusterQueue, flavor: str, resource: str) -> int:
        """What jobs of a queue may have at most, with all that others lend."""
        own = queue.quotas.get(flavor, {}).get(resource, Quota(0))
        others = (each for each in self._cohorts.get(queue.cohort, ()) if each.name != queue.name)
        lent = sum(each.quotas.get(flavor, {}).get(resource, Quota(0)).lent for each in others)
        return own.nominal + (lent if own.borrows is None else min(lent, own.borrows))


def queues(graph: Iterable[Resource]) -> Queues:
    """Kueue's objects of a stack. An amount that is none counts as nothing: the API server refuses it."""
    local: dict[tuple[str, str], str] = {}
    shared: dict[str, ClusterQueue] = {}
    flavors: dict[str, Mapping[str, str]] = {}
    taints: dict[str, tuple[Taint, ...]] = {}
    for _, given in kubernetes_objects(graph):
        if not given["apiVersion"].startswith(f"{KUEUE_GROUP}/"):
            continue
        found = Manifest(given)
        match given["kind"]:
            case "LocalQueue":
                local[found.namespace, found.name] = found.text("spec", "clusterQueue")
            case "ClusterQueue":
                shared[found.name] = _cluster_queue(found)
            case "ResourceFlavor":
                labels = found.map("spec", "nodeLabels")
                flavors[found.name] = {str(key): str(value) for key, value in labels.items()}
                taints[found.name] = tuple(_taints(found))
            case _:
                pass
    return Queues(local, shared, flavors, taints)


def _taints(found: Manifest) -> Iterator[Taint]:
    for path in found.each("spec", "nodeTaints"):
        try:
            taint = Taint.from_kubernetes(found.map(*path))
        except (KeyError, ValueError):
            continue  # the API server refuses it
        if taint.effect in HARD_EFFECTS:
            yield taint


def _cluster_queue(found: Manifest) -> ClusterQueue:
    groups, quotas = [], dict[str, Mapping[str, Quota]]()
    for group in found.each("spec", "resourceGroups"):
        named = []
        for flavor in found.each(*group, "flavors"):
            named.append(found.text(*flavor, "name"))
            quotas[named[-1]] = dict(_quotas(found, flavor))
        covered = found.at(*group, "coveredResources")
        groups.append((frozenset(map(str, covered if isinstance(covered, list) else ())), tuple(named)))
    selector = found.at("spec", "namespaceSelector")
    return ClusterQueue(
        found.name,
        found.text("spec", "cohortName") or found.text("spec", "cohort"),
        quotas,
        tuple(groups),
        selector if isinstance(selector, Mapping) else None,
    )


def _quotas(found: Manifest, flavor: Path) -> Iterator[tuple[str, Quota]]:
    for path in found.each(*flavor, "resources"):
        resource = found.text(*path, "name")
        nominal, borrows, lends = (
            _amount(resource, found.at(*path, key)) for key in ("nominalQuota", "borrowingLimit", "lendingLimit")
        )
        yield resource, Quota(nominal or 0, borrows, lends)


def _amount(resource: str, given: Any) -> int | None:
    try:
        return None if given is None else whole_units(resource, quantity(given))
    except ValueError:
        return 0
