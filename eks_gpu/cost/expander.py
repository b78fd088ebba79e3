"""Expander: which of several groups the cluster autoscaler grows first.

Source: Cluster Autoscaler 1.35, expander/waste and expander/priority; `least-waste` where its flag says nothing.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf
from typing import Any

from eks_gpu.graph.graph import Graph
from eks_gpu.pods.pod import Pod
from eks_gpu.pods.quantities import CPU, MEMORY
from eks_gpu.pools.cluster_of import same_cluster
from eks_gpu.pools.pool import Candidate, Pool
from eks_gpu.pools.software import CLUSTER_AUTOSCALER, software

LEAST_WASTE, PRIORITY = "least-waste", "priority"


@dataclass(frozen=True)
class Expander:
    """How one cluster's autoscaler chooses."""

    kinds: tuple[str, ...] = (LEAST_WASTE,)
    """Names of expanders, the first before the others."""
    priorities: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    """Priority -> patterns of names of groups."""

    def rank(self, pool: Pool, node: Candidate, pod: Pod, left: Mapping[str, int], pods: int) -> tuple[float, ...]:
        """The lower the earlier. Expanders that look at more than groups and pods, as `random`, rank all alike."""
        ranks = {PRIORITY: lambda: -self._priority(pool), LEAST_WASTE: lambda: _waste(node, pod, left, pods)}
        return tuple(ranks[kind]() for kind in self.kinds if kind in ranks)

    def _priority(self, pool: Pool) -> float:
        """The highest of its patterns; EKS puts `eks-` before a managed group's name, and an id behind."""
        names = (pool.name, f"eks-{pool.name}-0")
        found = (
            priority
            for priority, patterns in self.priorities.items()
            if any(_matches(pattern, name) for pattern in patterns for name in names)
        )
        return max(found, default=-inf)


def _matches(pattern: str, name: str) -> bool:
    try:
        return bool(re.search(pattern, name))
    except re.error:
        return False


def _waste(node: Candidate, pod: Pod, left: Mapping[str, int], pods: int) -> float:
    """The parts of CPU and memory that the pods leave of one new node, together."""
    rooms = [left.get(resource, 0) // asked for resource, asked in pod.requests.items() if asked]
    on_it = max(1, min([*rooms, max(pods, 1)]))
    row = node.instance_type
    return sum(
        1 - on_it * pod.requests.get(resource, 0) / has
        for resource, has in ((CPU, row.vcpus * 1000), (MEMORY, row.memory_mib))
    )


def expander_of(graph: Graph, cluster: str) -> Expander:
    """That of the cluster's release of the autoscaler; what the autoscaler does by itself where none is read."""
    for release in software(graph):
        if release.chart == CLUSTER_AUTOSCALER and same_cluster(release.cluster, cluster):
            named = str(release.value("extraArgs", "expander", default=LEAST_WASTE))
            kinds = tuple(kind.strip() for kind in named.split(","))
            return Expander(kinds, _priorities(release.value("expanderPriorities")))
    return Expander()


def _priorities(given: Any) -> dict[int, tuple[str, ...]]:
    if not isinstance(given, Mapping):
        return {}
    return {
        int(str(priority)): tuple(map(str, patterns))
        for priority, patterns in given.items()
        if str(priority).isdigit() and isinstance(patterns, list | tuple)
    }
