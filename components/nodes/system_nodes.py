"""The system nodes: a fixed number of on-demand nodes for CoreDNS and controllers, which no autoscaler may remove."""

from collections.abc import Sequence
from typing import Annotated, Any, NotRequired, Self

import pulumi_aws as aws
from pulumi import Input, Resource, ResourceOptions
from pydantic import AfterValidator, Field, model_validator
from typing_extensions import TypedDict

from .. import catalog
from ..iam.node_role import create_node_role
from ..values.eks_cluster import EksCluster
from ..values.value import Value
from .launch_template import create_launch_template
from .node_group import Node
from .node_release import ReleaseVersion, versions

DEFAULT_TYPES = ("m7i.large", "m7a.large", "m6i.large")


class SystemNodesArgs(TypedDict):
    """Nodes for CoreDNS and controllers."""

    instance_types: NotRequired[list[str]]
    """Instance types without accelerators, of one architecture, the preferred one first. Default m7i.large, m7a.large,
    m6i.large.
    """
    nodes: NotRequired[int]
    """Fixed number of nodes, 2 or more. Default 2."""
    disk_gib: NotRequired[int]
    """Disk of one node, in GiB, 20 or more. Default 50."""
    taint: NotRequired[bool]
    """Whether the taint CriticalAddonsOnly keeps other pods off these nodes. Default no: other pods may use the spare
    capacity.
    """
    release_version: NotRequired[str]
    """Release of the node image, such as 1.35.2-20260714; nodes keep it until you set another. Default the newest of
    the cluster's version: an update with a newer one drains and replaces nodes one by one.
    """
    session_manager: NotRequired[bool]
    """Whether AWS Systems Manager may open sessions on the nodes, instead of SSH. Default no."""


def _known(name: str) -> str:
    return catalog.instance_type(name).name


class SystemNodes(Value):
    """The system nodes, checked."""

    instance_types: tuple[Annotated[str, AfterValidator(_known)], ...] = DEFAULT_TYPES
    nodes: int = Field(default=catalog.MIN_SYSTEM_NODES, ge=catalog.MIN_SYSTEM_NODES)
    disk_gib: int = Field(default=50, ge=catalog.MIN_DISK_GIB)
    taint: bool = False
    release_version: ReleaseVersion | None = None
    session_manager: bool = False

    @model_validator(mode="after")
    def _are_plain_machines_of_one_architecture(self) -> Self:
        rows = [catalog.instance_type(name) for name in self.instance_types]
        problems = [] if rows else ["instance_types must name a type"]
        problems += [
            f"instance_types must have no accelerator, got {row.name} with {row.accelerator.name}"
            for row in rows
            if row.accelerator
        ]
        if len({row.architecture for row in rows}) > 1:
            shown = ", ".join(f"{row.name} {row.architecture}" for row in rows)
            problems.append(f"instance_types must have one architecture, because one image boots them all, got {shown}")
        if problems:
            raise ValueError("; ".join(problems))
        return self


SYSTEM_NODE_IMAGE = "al2023"


def _node(nodes: SystemNodes) -> Node:
    return Node(
        image=SYSTEM_NODE_IMAGE,
        architecture=catalog.instance_type(nodes.instance_types[0]).architecture,
        disk_gib=nodes.disk_gib,
        labels=catalog.SYSTEM_NODE_LABELS,
        taints=(catalog.SYSTEM_TAINT,) if nodes.taint else (),
        resources={},
    )


def system_node_group(nodes: SystemNodes) -> dict[str, Any]:
    """The node group as data: a fixed number of on-demand nodes."""
    node, size = _node(nodes), nodes.nodes
    return {
        "ami_type": catalog.ami_type(node.image, node.architecture),
        "capacity_type": "ON_DEMAND",
        "instance_types": list(nodes.instance_types),
        "labels": dict(node.labels),
        "scaling_config": {"min_size": size, "desired_size": size, "max_size": size},
        "taints": [taint.for_eks() for taint in node.taints],
        "update_config": {"max_unavailable": 1},
        "node_repair_config": {"enabled": True},
    }


def create_system_nodes(
    name: str,
    cluster: EksCluster,
    parent: Resource,
    nodes: SystemNodes,
    subnet_ids: Sequence[Input[str]],
    depends_on: Sequence[Resource],
) -> aws.eks.NodeGroup:
    """`{name}`, spread over the subnets' zones, with its role and launch template."""
    node = _node(nodes)
    node_role = create_node_role(name, cluster["region"], parent, session_manager=nodes.session_manager)
    template = create_launch_template(name, cluster, node, parent)
    return aws.eks.NodeGroup(
        name,
        cluster_name=cluster["name"],
        node_role_arn=node_role.role.arn,
        subnet_ids=subnet_ids,
        launch_template={"id": template.id, "version": template.latest_version.apply(str)},
        **versions(node, cluster, nodes.release_version, parent),
        **system_node_group(nodes),
        opts=ResourceOptions(parent=parent, depends_on=[*depends_on, *node_role.attachments]),
    )
