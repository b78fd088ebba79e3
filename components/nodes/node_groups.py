"""From groups as data to resources, with either back end; what GpuNodeGroup and SpotNodeGroup share."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pulumi import Output, Resource
from pydantic import Field

from ..catalog import MAX_DRAIN_S, MIN_DRAIN_S
from ..catalog.name_limits import NODE_GROUPS, ROLES
from ..iam.node_role import NodeRole, create_node_role, role_name
from ..values.eks_cluster import EksCluster
from ..values.names import check_name
from ..values.value import Value
from .auto_scaling_group import create_auto_scaling_groups
from .managed_node_group import create_managed_node_groups
from .node_group import Backend, NodeGroup
from .node_release import ReleaseVersion, release_problems


def check_names(name: str, groups: Iterable[str]) -> None:
    """Raises BadInput for a component's name that makes the names of its groups or its role too long."""
    check_name(name, {NODE_GROUPS: groups, ROLES: [role_name(name)]})


@dataclass(frozen=True)
class CreatedNodeGroups:
    """What a component publishes of its groups."""

    names: Output[Sequence[str]]
    role_arn: Output[str]
    groups: Sequence[Resource]


class NodeGroupsSpec(Value):
    """What the args of node groups of either back end have in common, checked."""

    cluster: Any
    subnets: Any
    backend: Backend
    node_policies: Mapping[str, Any] = Field(default_factory=dict)
    session_manager: bool = False
    release_version: ReleaseVersion | None = None
    drain_s: int | None = Field(default=None, ge=MIN_DRAIN_S, le=MAX_DRAIN_S)

    def problems(self, image: str) -> list[str]:
        """What is wrong with release and drain, for nodes of this image."""
        return [*self._release_problems(image), *self._drain_problems()]

    def _drain_problems(self) -> list[str]:
        if self.drain_s is None or self.backend is Backend.AUTO_SCALING_GROUP:
            return []
        return [f"drain_s: EKS itself drains groups of backend {self.backend}, got {self.drain_s}: leave it out"]

    def _release_problems(self, image: str) -> list[str]:
        if self.release_version is None:
            return []
        if self.backend is not Backend.MANAGED_NODE_GROUP:
            reason = f"groups of backend {self.backend} take the newest image of the cluster's version"
            return [f"release_version: {reason}, got {self.release_version}: leave it out"]
        return release_problems(self.release_version, image, self.cluster["kubernetes_version"])


def create_node_groups(
    name: str, groups: Mapping[str, NodeGroup], spec: NodeGroupsSpec, parent: Resource
) -> CreatedNodeGroups:
    """The groups under their own names, and one role of `name` for all of them."""
    cluster: EksCluster = spec.cluster
    node_role = create_node_role(
        name, cluster["region"], parent, spec.node_policies, session_manager=spec.session_manager
    )
    if spec.backend is Backend.MANAGED_NODE_GROUP:
        managed = create_managed_node_groups(groups, cluster, node_role, spec.release_version, parent)
        return _created([group.node_group_name for group in managed], node_role, managed)
    own = create_auto_scaling_groups(name, groups, cluster, node_role, spec.drain_s, parent)
    return _created([group.name for group in own], node_role, own)


def _created(names: Sequence[Output[str]], node_role: NodeRole, groups: Sequence[Resource]) -> CreatedNodeGroups:
    return CreatedNodeGroups(Output.all(*names), node_role.role.arn, groups)
