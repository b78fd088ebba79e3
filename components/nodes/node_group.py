"""NodeGroup: one group of nodes as plain data, before EKS or EC2 Auto Scaling is asked for it."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pulumi import Input

from ..catalog import CapacityType, Taint
from ..catalog.tags import RESERVATION_TAG
from ..values.node_storage import NodeStorage
from ..values.reservation import CAPACITY_BLOCK, Reservation, as_text


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
    efa_interfaces: int = 0
    """Interfaces that are Elastic Fabric Adapters, one on each network card; 0 for ordinary interfaces alone."""
    idle_s: int | None = None
    """Seconds an empty one is kept; None leaves it to the autoscaler's own setting."""


@dataclass(frozen=True, slots=True)
class Target:
    """The reservation, or the resource group of reservations, that all nodes of a group start in."""

    reservation: Reservation

    def template(self, instance_type: str) -> dict[str, Any]:
        """Arguments of `aws.ec2.LaunchTemplate`. EC2 starts on demand what a resource group has no room for, unless it
        is told not to. Source: EC2 API, CapacityReservationSpecification.
        """
        asked = self.reservation
        if asked.id:
            specification: dict[str, Any] = {"capacity_reservation_target": {"capacity_reservation_id": asked.id}}
        else:
            specification = {
                "capacity_reservation_preference": "capacity-reservations-only",
                "capacity_reservation_target": {"capacity_reservation_resource_group_arn": asked.resource_group_arn},
            }
        return {
            "instance_type": instance_type,
            "capacity_reservation_specification": specification,
            **({"instance_market_options": {"market_type": CAPACITY_BLOCK}} if asked.is_block else {}),
            "tags": {RESERVATION_TAG: as_text(asked.facts())},
        }


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
    target: Target | None = None
    """Where all of its nodes start, of one type then; None for a group that starts them wherever EC2 has room."""
    on_demand_base: int = 0
    """Nodes that are on demand before any is Spot."""
    on_demand_percentage: int = 0
    """Percentage of on-demand nodes beyond the base: 0 means only Spot, 100 means no Spot."""
    static: bool = False
    """Whether it has one number of nodes at all times, because somebody asked for it: nothing scales it."""

    @property
    def template(self) -> dict[str, Any]:
        """What its launch template says of the instances' type and market; empty where the group itself says it."""
        return self.target.template(self.instance_types[0]) if self.target else {}

    @property
    def spot(self) -> bool:
        """Whether any node is Spot."""
        return self.target is None and self.on_demand_percentage < 100

    @property
    def capacity_type(self) -> CapacityType | None:
        """Capacity type of every node; None if the group mixes both."""
        if self.target:
            return CapacityType.RESERVED
        if not self.spot:
            return CapacityType.ON_DEMAND
        mixed = self.on_demand_base or self.on_demand_percentage
        return None if mixed else CapacityType.SPOT
