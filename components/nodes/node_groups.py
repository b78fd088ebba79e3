"""From groups as data to resources, with either back end; what GpuNodeGroup and SpotNodeGroup share."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pulumi import Input, Output, Resource

from ..iam.node_role import create_node_role
from ..values.eks_cluster import EksCluster
from ..values.value import BadInput
from .auto_scaling_group import create_auto_scaling_groups
from .managed_node_group import create_managed_node_groups
from .node_group import Backend, NodeGroup

# EKS takes 63 characters, and Pulumi puts a hyphen and seven more behind. Source: EKS API, CreateNodegroup.
MAX_GROUP_NAME = 55


def check_names(name: str, groups: Iterable[str]) -> None:
    """Raises BadInput for a component's name that makes the names of its groups too long."""
    longest = max(groups, key=len, default="")
    if len(longest) > MAX_GROUP_NAME:
        most = MAX_GROUP_NAME - (len(longest) - len(name))
        reason = f"its groups are named {longest} and the like, and EKS takes 63 with Pulumi's suffix"
        raise BadInput([f"name must be {most} characters or fewer, got {len(name)}: {reason}"])


@dataclass(frozen=True)
class CreatedNodeGroups:
    """What a component publishes of its groups."""

    names: Output[Sequence[str]]
    role_arn: Output[str]


def create_node_groups(
    name: str,
    backend: Backend,
    groups: Mapping[str, NodeGroup],
    cluster: EksCluster,
    node_policies: Mapping[str, Input[str]],
    parent: Resource,
) -> CreatedNodeGroups:
    """The groups under their own names, and one role of `name` for all of them."""
    node_role = create_node_role(name, cluster["region"], parent, node_policies)
    if backend is Backend.MANAGED_NODE_GROUP:
        names = create_managed_node_groups(groups, cluster, node_role, parent)
    else:
        names = create_auto_scaling_groups(name, groups, cluster, node_role, parent)
    return CreatedNodeGroups(Output.all(*names), node_role.role.arn)
