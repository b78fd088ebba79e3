"""Which cluster a resource belongs to: what its Kubernetes provider reaches, or what it names itself."""

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from itertools import pairwise
from typing import Any

from eks_gpu.graph.graph import Graph, Resource
from eks_gpu.graph.regions import region_of
from eks_gpu.io.documents import parse_first, plain
from eks_gpu.io.problems import InputError
from eks_gpu.pools.clusters import COMPONENT, Cluster, clusters

_NAME_OPTIONS = ("--cluster-name", "--cluster-id", "-i")
_CLUSTER_ARN = re.compile(r"arn:aws[a-z-]*:eks:[a-z0-9-]*:\d*:cluster/([A-Za-z0-9_-]+)")


def same_cluster(one: str, other: str) -> bool:
    """Whether two resources are of one cluster, as far as is known: an unknown cluster, empty, may be any."""
    return not one or not other or one == other


class Owners:
    """The cluster of each resource of a graph, by name; empty where the stack does not say."""

    def __init__(self, graph: Graph):
        self._graph = graph
        self.made: list[Cluster] = clusters(graph)
        self._names = {cluster.urn: cluster.name for cluster in self.made}
        self._components = [found for found in graph.of(COMPONENT) if found.urn in self._names]
        self._providers: dict[str, str] = {}

    @property
    def only(self) -> str:
        """The name of the stack's cluster if it makes exactly one."""
        names = set(self._names.values())
        return names.pop() if len(names) == 1 else ""

    @cached_property
    def has_provider(self) -> bool:
        """Whether a Kubernetes object has a provider of the program's own, and not the user's current context."""
        references = (found.provider for found in self._graph if found.type.startswith("kubernetes:"))
        return any("::" in found and not _is_default(found) for found in references)

    def region(self, resource: Resource, default: str) -> str:
        """The region of a resource; of a Kubernetes object, and of what names its cluster, the cluster's."""
        if not resource.type.startswith("kubernetes:"):
            return region_of(resource, self._graph.get, default)
        return self.region_of_cluster(self.of(resource), default)

    def region_of_cluster(self, name: str, default: str) -> str:
        """The region of a cluster of the stack by its name; the default for another one."""
        made = next((found for found in self.made if found.name == name), None)
        resource = self._graph.get(made.urn) if made else None
        return region_of(resource, self._graph.get, default) if resource else default

    def at(self, urn: str) -> str:
        """The cluster of a resource by its URN."""
        resource = self._graph.get(urn)
        return self.of(resource) if resource else ""

    def of(self, resource: Resource) -> str:
        """A Kubernetes object's by its provider, a resource of EKS by its clusterName, and a cluster's is itself."""
        if resource.type.startswith("kubernetes:"):
            return self.of_provider(resource.provider)
        named = resource.inputs.get("clusterName")
        if isinstance(named, str) and named:
            return named
        return self._at(resource.urn)

    def of_provider(self, reference: str) -> str:
        """The cluster that a provider, `urn::id`, reaches."""
        urn = reference.rpartition("::")[0]
        if urn not in self._providers:
            self._providers[urn] = self._reached(urn) or self.only
        return self._providers[urn]

    def _reached(self, urn: str) -> str:
        provider = self._graph.get(urn)
        if provider is None:
            return self._at(urn)
        given = provider.inputs
        kubeconfig = given.get("kubeconfig")
        return (
            self._in_text(kubeconfig)
            or next(self._named_in(kubeconfig, given), "")
            or self._before(provider.property_dependencies.get("kubeconfig", ()))
            or self._before(provider.dependencies)
            or self._at(urn)
        )

    def _in_text(self, kubeconfig: Any) -> str:
        """The cluster of this stack whose endpoint is in the kubeconfig."""
        text = str(kubeconfig or "")
        found = {
            self._names[cluster.urn]
            for urn in self._names
            if (cluster := self._graph.get(urn)) and (server := cluster["endpoint"]) and str(server) in text
        }
        return found.pop() if len(found) == 1 else ""

    def _named_in(self, kubeconfig: Any, given: Mapping[str, Any]) -> Iterator[str]:
        """Names that a kubeconfig gives the cluster of its context, the surest first."""
        config = _config(kubeconfig)
        chosen = str(given.get("context") or config.get("current-context") or "")
        context = _entry(config, "contexts", chosen).get("context") or {}
        user = _entry(config, "users", str(context.get("user") or "")).get("user") or {}
        words = [str(word) for word in (user.get("exec") or {}).get("args") or ()]
        yield from (after for word, after in pairwise(words) if word in _NAME_OPTIONS)
        texts = (str(context.get("cluster") or ""), chosen, str(given.get("cluster") or ""))
        yield from (found[1] for text in texts if (found := _CLUSTER_ARN.search(text)))
        known = set(self._names.values())
        yield from (text for text in texts if text in known)

    def _before(self, urns: Iterable[str]) -> str:
        """The nearest cluster among what a provider waits for; empty if several are equally near."""
        ahead, seen = list(urns), set()
        while ahead:
            found = {name for urn in ahead if (name := self._at(urn))}
            if found:
                return found.pop() if len(found) == 1 else ""
            seen |= set(ahead)
            resources = [resource for urn in ahead if (resource := self._graph.get(urn))]
            ahead = [urn for resource in resources for urn in resource.dependencies if urn not in seen]
        return ""

    def _at(self, urn: str) -> str:
        """The cluster that a URN is, or is a part of: the parts of a remote component may be in no graph."""
        here: str = urn
        while here:
            if here in self._names:
                return self._names[here]
            resource = self._graph.get(here)
            here = resource.parent if resource else ""
        within = [found for found in self._components if _is_part(urn, found)]
        nearest = max(within, key=lambda found: len(found.name), default=None)
        return self._names[nearest.urn] if nearest else ""


def _is_default(reference: str) -> bool:
    """Whether the engine makes the provider itself, for a program that names none."""
    return bool(re.search(r":providers:kubernetes::default(?:_[0-9a-z_]+)?::", f"{reference}::"))


def _is_part(urn: str, component: Resource) -> bool:
    """Whether a URN has the component in its chain of types and its name begins as the component's, as pulumi-eks
    names its parts.
    """
    start, _, name = urn.rpartition("::")
    of_component, _, own = component.urn.rpartition("::")
    return start.startswith(f"{of_component}$") and name.startswith(f"{own}-")


def _config(kubeconfig: Any) -> Mapping[str, Any]:
    """The kubeconfig as a map; an empty one for a secret, or for what is none."""
    if isinstance(kubeconfig, Mapping):
        return kubeconfig
    try:
        found = plain(parse_first(kubeconfig)) if isinstance(kubeconfig, str) else None
    except InputError:
        return {}
    return found if isinstance(found, Mapping) else {}


def _entry(config: Mapping[str, Any], key: str, name: str) -> Mapping[str, Any]:
    """The named entry of a kubeconfig's list, else the only one."""
    rows = [row for row in config.get(key) or () if isinstance(row, Mapping)]
    named = [row for row in rows if row.get("name") == name]
    return named[0] if named else rows[0] if len(rows) == 1 else {}
