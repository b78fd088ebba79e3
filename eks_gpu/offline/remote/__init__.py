"""Remote components: what their providers make of them, so that a plan sees the resources inside.

A component such as `eks.Cluster` reaches the engine as one registration; its provider, a program of its own, registers
the rest. Here each component that the planner knows is a function from its inputs to these resources and its outputs.
"""

from collections.abc import Callable, Mapping
from typing import Any

from eks_gpu.graph.unread import Unread, What
from eks_gpu.offline.account import Properties
from eks_gpu.offline.remote.addon import addon, vpc_cni_addon
from eks_gpu.offline.remote.cluster import cluster
from eks_gpu.offline.remote.construction import Construction
from eks_gpu.offline.remote.default_vpc import default_vpc_component
from eks_gpu.offline.remote.managed_node_group import managed_node_group
from eks_gpu.offline.remote.node_group import node_group
from eks_gpu.offline.remote.node_group_v2 import node_group_v2
from eks_gpu.offline.remote.role_provider import role_provider
from eks_gpu.offline.remote.security_groups import node_group_security_group
from eks_gpu.offline.remote.vpc import vpc
from eks_gpu.offline.sdk_types import outputs
from eks_gpu.offline.wire import UNKNOWN, urn_of

READ: Mapping[str, Callable[[Construction], Properties]] = {
    "awsx:ec2:DefaultVpc": default_vpc_component,
    "awsx:ec2:Vpc": vpc,
    "eks:index:Addon": addon,
    "eks:index:Cluster": cluster,
    "eks:index:ClusterCreationRoleProvider": role_provider,
    "eks:index:ManagedNodeGroup": managed_node_group,
    "eks:index:NodeGroup": node_group,
    "eks:index:NodeGroupSecurityGroup": node_group_security_group,
    "eks:index:NodeGroupV2": node_group_v2,
    "eks:index:VpcCniAddon": vpc_cni_addon,
}
"""Type of a component -> what makes it."""

# Of other components, by a part of their type: what a plan does not know because of them.
_UNREAD: Mapping[str, What] = {
    "awsx:ecr:": "values",
    "awsx:cloudtrail:": "values",
    "awsx:lb:": "network",
    "vpc": "network",
    "network": "network",
    "subnet": "network",
    "helm": "software",
}


def construct(it: Construction) -> Properties:
    """Makes a component. The outputs of one that the planner does not know are unknown, and it is named as unread."""
    type_ = it.component.type
    make = READ.get(type_)
    if make:
        return make(it)
    known: list[What] = [what for word, what in _UNREAD.items() if word in type_.lower()]
    it.engine.not_read(
        Unread(
            f"{type_} {it.name}",
            known[0] if known else "nodes",
            "its provider makes the resources inside, and this planner does not know which",
            "run `pulumi preview --json --show-sames > preview.json` and `eks-gpu check --preview preview.json`",
        )
    )
    return dict.fromkeys(outputs(type_), UNKNOWN)


def home_of(type_: str, inputs: Mapping[str, Any]) -> str:
    """URN of the component that another one is made under, whatever the program says; empty for all others."""
    return urn_of(inputs.get("cluster")) if type_ == "eks:index:Addon" else ""
