"""Capacity: the pools of a stack, read from its resources, for any program."""

from collections.abc import Callable, Iterator
from datetime import date

from eks_gpu.graph.graph import Graph, Resource
from eks_gpu.graph.unknown import listening
from eks_gpu.karpenter import objects
from eks_gpu.pools import clusters
from eks_gpu.pools.auto_scaling_group import auto_scaling_group
from eks_gpu.pools.fargate_profile import fargate_profile
from eks_gpu.pools.lookups import Lookups
from eks_gpu.pools.managed_node_group import managed_node_group
from eks_gpu.pools.node_pool import read_built_in_pools, read_node_pool
from eks_gpu.pools.pool import Pool
from eks_gpu.pools.uncertain import uncertain

READERS: dict[str, Callable[[Resource, Lookups], Iterator[Pool]]] = {
    "aws:autoscaling/group:Group": auto_scaling_group,
    "aws:eks/fargateProfile:FargateProfile": fargate_profile,
    "aws:eks/nodeGroup:NodeGroup": managed_node_group,
    clusters.COMPONENT: read_built_in_pools,
    clusters.RESOURCE: read_built_in_pools,
    objects.NODE_POOL: read_node_pool,
}
"""By type of resource."""


def pools(graph: Graph, region: str, on: date | None = None) -> list[Pool]:
    """Every pool, fixed groups too, in the order of registration. `region` is that of what names no other.

    `on` is the day on which reservations are open or not; today without one.
    """
    of_stack = Lookups(graph, region, on)
    found: list[Pool] = []
    for resource in graph:
        if resource.type in READERS:
            found += _read(resource, of_stack.at(of_stack.owners.region(resource, region)))
    return found


def _read(resource: Resource, lookups: Lookups) -> Iterator[Pool]:
    with listening(alone=True) as asked:
        found = list(READERS[resource.type](resource, lookups))
    yield from (uncertain(pool, asked) if asked else pool for pool in found)
