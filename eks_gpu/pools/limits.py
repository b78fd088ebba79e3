"""Limits of a NodePool: what all of its nodes may have together."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import gcd, inf

from eks_gpu.pools.karpenter_node import KarpenterNode
from eks_gpu_components.catalog import InstanceType

NODES = "nodes"
NOTHING: Mapping[str, int] = {}


@dataclass(frozen=True)
class Limits:
    """Amounts by resource, in the units of `capacity`. A resource without one is not limited."""

    amounts: Mapping[str, int]
    node: KarpenterNode = field(default_factory=KarpenterNode)
    """What each of the nodes counts as."""

    def capacity(self, row: InstanceType) -> dict[str, int]:
        """The resources of a node that count against limits: CPU in millicores, memory and storage in MiB, the rest in
        ones.
        """
        return {**self.node.capacity(row), NODES: 1}

    def nodes_of(self, row: InstanceType, used: Mapping[str, int] = NOTHING) -> float:
        """How many nodes of one type fit into the limits besides what is used; infinite without a limit."""
        return min((self._nodes_by(resource, row, used) for resource in self.amounts), default=inf)

    def blocked_by(self, row: InstanceType) -> str:
        """The resource of which a single node of the type exceeds the limit; empty if a node fits."""
        return next((resource for resource in self.amounts if not self._nodes_by(resource, row)), "")

    def _nodes_by(self, resource: str, row: InstanceType, used: Mapping[str, int] = NOTHING) -> float:
        of_one = self.capacity(row).get(resource, 0)
        left = max(0, self.amounts[resource] - used.get(resource, 0))
        return left // of_one if of_one else inf

    def nodes(self, rows: Iterable[InstanceType]) -> int | None:
        """Nodes of all types together, at most; None where nothing limits them."""
        most = self.most(dict.fromkeys(rows, 1.0))
        return None if most == inf else int(most)

    def accelerators(self, rows: Iterable[InstanceType]) -> int | None:
        """Devices of all nodes together, at most; None where nothing limits them."""
        devices = {row: float(row.accelerators) for row in rows if row.accelerators}
        most = self.most(devices)
        step = gcd(*(row.accelerators for row in devices)) or 1
        return None if most == inf else int(most) // step * step

    def most(self, worth: Mapping[InstanceType, float]) -> float:
        """An upper bound for the total value of any mix of nodes, from the value of a node of each type; infinite
        without a limit.
        """
        starting = {row: value for row, value in worth.items() if not self.blocked_by(row)}
        if not starting:
            return 0
        return min((self._most_by(resource, starting) for resource in self.amounts), default=inf)

    def _most_by(self, resource: str, worth: Mapping[InstanceType, float]) -> float:
        costs = {row: self.capacity(row).get(resource, 0) for row in worth}
        if not all(costs.values()):
            return inf
        step = gcd(*costs.values())  # what is left over under one step starts nothing
        return max(self.amounts[resource] // step * step * worth[row] / cost for row, cost in costs.items())
