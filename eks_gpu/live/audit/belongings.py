"""By what an account's objects are known to be of a stack: names that its program gives, tags, names of clusters."""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from eks_gpu.graph.graph import Graph, Resource
from eks_gpu.pools.clusters import clusters
from eks_gpu_components.catalog import CLUSTER_NAME_TAGS, CLUSTER_TAG, EBS_PROVISIONER, KARPENTER_GROUP
from eks_gpu_components.catalog.scheduling import AUTOSCALER_TAG
from eks_gpu_components.catalog.tags import BALANCERS_CLUSTER_TAG, OTHER_CLUSTER_NAME_TAGS

OWNED = "owned"
"""Value of a cluster's tag on what goes with it; what is `shared` was there before, and stays."""
_OF_A_CLUSTER = (CLUSTER_TAG, AUTOSCALER_TAG, f"{KARPENTER_GROUP}/cluster/")
"""How keys of tags begin that end with the cluster's name."""
_NAMES_A_CLUSTER = (
    *(*CLUSTER_NAME_TAGS, *OTHER_CLUSTER_NAME_TAGS),
    *(BALANCERS_CLUSTER_TAG, "ingress.k8s.aws/cluster", "cluster.k8s.amazonaws.com/name"),
    *(f"{EBS_PROVISIONER}/cluster-name", "efs.csi.aws.com/cluster-name"),
)
"""Keys of tags whose value is the cluster's name: of EKS, its controllers and its storage drivers."""
_RANDOM = r"-[0-9a-f]{7}"
"""What Pulumi adds to a logical name where the program gives none."""
_NAME_INPUTS = ("name", "roleName", "bucket")


@dataclass(frozen=True)
class Belongings:
    """What one stack calls its own."""

    graph: Graph = field(repr=False)
    clusters: frozenset[str]

    @classmethod
    def of(cls, graph: Graph) -> "Belongings":
        """Those of a plan's graph."""
        return cls(graph, frozenset(cluster.name for cluster in clusters(graph) if cluster.name))

    def by_cluster(self, tags: Mapping[str, str]) -> str:
        """The tag by which something is of one of the clusters; empty if none says so."""
        for name in sorted(self.clusters):
            for key in (f"{prefix}{name}" for prefix in _OF_A_CLUSTER):
                if tags.get(key) == OWNED:
                    return f"tag {key}={OWNED}"
            for key in _NAMES_A_CLUSTER:
                if tags.get(key) == name:
                    return f"tag {key}={name}"
        return ""

    def by_name(self, name: str, types: Collection[str]) -> str:
        """How the program comes to make something of this name; empty if it does not."""
        for resource in self.graph.of(*types):
            given = _given_name(resource)
            if name == given:
                return f"the program's {resource.name} has this name"
            if not given and is_named_after(name, resource.name):
                return f"named after the program's {resource.name}"
        return ""

    def by_tags(self, tags: Mapping[str, str], types: Collection[str]) -> str:
        """The program's resource whose tags, `Name` among them, something has; empty if there is none."""
        for wanted, resource in self._tagged:
            if resource.type in types and all(tags.get(key) == value for key, value in wanted.items()):
                return f"the tags of the program's {resource.name}"
        return ""

    @cached_property
    def _tagged(self) -> list[tuple[Mapping[str, str], Resource]]:
        found = ((_tags(resource), resource) for resource in self.graph)
        return [(tags, resource) for tags, resource in found if "Name" in tags]

    def makes(self, types: Iterable[str]) -> bool:
        """Whether the program makes any of these."""
        return bool(self.graph.of(*types))


def is_named_after(name: str, logical: str) -> bool:
    """Whether Pulumi makes this name for a resource that the program calls so."""
    return bool(re.fullmatch(re.escape(logical) + _RANDOM, name))


def _given_name(resource: Resource) -> str:
    """The name that the program gives itself; empty where Pulumi makes one, or a part of one."""
    return next((str(given) for key in _NAME_INPUTS if isinstance(given := resource.inputs.get(key), str)), "")


def _tags(resource: Resource) -> Mapping[str, str]:
    given = resource.inputs.get("tags")
    if not isinstance(given, Mapping):
        return {}
    return {str(key): str(value) for key, value in given.items()}
