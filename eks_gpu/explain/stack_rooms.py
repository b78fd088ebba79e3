"""The pools of a stack as pods are compared with them: each node's free resources, and the nodes that are kept."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from eks_gpu.cost.admission import Room, rooms_of_clusters
from eks_gpu.cost.kept_ready import kept_fleet
from eks_gpu.cost.packing import Node
from eks_gpu.graph.graph import Graph, Resource
from eks_gpu.graph.unread import Unread
from eks_gpu.pods.demand import workloads
from eks_gpu.pools.cloudformation import in_provider_terms
from eks_gpu.pools.cluster_of import Owners
from eks_gpu.pools.given import pools_of
from eks_gpu.pools.pool import told_apart
from eks_gpu.pools.readers import pools as read_pools
from eks_gpu.pools.unread import unread


@dataclass(frozen=True)
class StackRooms:
    """The pools that pods are compared with. `settings` has the place of a pool's settings by its URN, where known."""

    graph: Graph
    region: str
    rooms: list[Room]
    settings: Mapping[str, str] = field(default_factory=dict)
    unread: Sequence[Unread] = ()
    """What may hold nodes and is not read."""
    kept: Mapping[str, Sequence[Node]] = field(default_factory=dict)
    """Nodes that are there while nothing runs, by the pool's URN."""


def stack_rooms(graph: Graph, region: str, given: Sequence[Resource] = ()) -> StackRooms:
    """The stack's pools and given ones, each with the resources of its nodes that DaemonSets and add-ons leave free."""
    left = [row for row in unread(graph) if row.what == "nodes"]
    graph = in_provider_terms(graph)
    owners = Owners(graph)
    demand = [replace(work, cluster=owners.at(work.resource)) for work in workloads(graph)]
    found = [*read_pools(graph, region), *pools_of(given, graph, region, owners.only)]
    rooms = rooms_of_clusters(told_apart(found), demand, graph)
    return StackRooms(graph, region, rooms, unread=left, kept=kept_fleet(graph, demand, rooms, owners).there)
