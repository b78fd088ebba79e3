"""NodeGroup: one group of nodes as plain data, before EKS or EC2 Auto Scaling is asked for it."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from pulumi import Input

from ..catalog import CapacityType, Taint
from ..values.node_storage import NodeStorage


class Backend(StrEnum):
    """The service that makes a group's nodes."""

    MANAGED_NODE_GROUP = "managed-node-group"
    AUTO_SCALING_GROUP = "auto-scaling-group"


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """What all nodes of a group have in common, whatever their instance type."""

    image: str
    """al2023 or bottlerocket."""
    architecture: str
    """amd64 or arm64."""
    accelerator: str | None = None
    """nvidia or neuron."""
    disk_gib: int
    storage: NodeStorage | None = None
    """How fast the disk for images is; None for gp3 as it comes."""
    parallel_pull: bool = False
    """Whether it fetches the layers of an image side by side."""
    labels: Mapping[str, str]
    taints: tuple[Taint, ...] = ()
    resources: Mapping[str, int]
    """Resources that the node's device plugin registers, such as `{"nvidia.com/gpu": 4}`."""
    idle_s: int | None = None
    """Seconds an empty one is kept; None leaves it to the autoscaler's own setting."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeGroup:
    """Nodes of one shape, from `min_nodes` to `max_nodes`. The autoscaler plans all of them with the first type."""

    node: Node
    instance_types: tuple[str, ...]
    subnet_ids: tuple[Input[str], ...]
    min_nodes: int = 0
    desired_nodes: int = 0
    """Number of nodes at the start; later the autoscaler decides."""
    max_nodes: int
    on_demand_base: int = 0
    """Nodes that are on demand before any is Spot."""
    on_demand_percentage: int = 0
    """Percentage of on-demand nodes beyond the base: 0 means only Spot, 100 means no Spot."""

    @property
    def spot(self) -> bool:
        """Whether any node is Spot."""
        return self.on_demand_percentage < 100

    @property
    def capacity_type(self) -> CapacityType | None:
        """Capacity type of every node; None if the group mixes both."""
        if not self.spot:
            return CapacityType.ON_DEMAND
        mixed = self.on_demand_base or self.on_demand_percentage
        return None if mixed else CapacityType.SPOT
