"""EKS Auto Mode for a cluster: AWS runs nodes, network, DNS, disks and load balancers."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, NotRequired

import pulumi_aws as aws
from pulumi import Output, Resource, ResourceOptions
from pydantic import field_validator
from typing_extensions import TypedDict

from .. import catalog
from ..catalog import auto_mode as facts
from ..iam.access_entries import grant
from ..iam.node_role import trust_policy
from ..values.eks_cluster import EksCluster
from ..values.value import Value
from .addons import AFTER_NODES, AddOn, managed_policy_arn


class AutoModeArgs(TypedDict):
    """How AWS runs the nodes."""

    built_in_pools: NotRequired[Sequence[str]]
    """general-purpose, system, both (default) or, for a cluster whose every node is of your own pools, neither."""


class AutoMode(Value):
    """How AWS runs the nodes, checked."""

    built_in_pools: tuple[Literal["general-purpose", "system"], ...] = ("general-purpose", "system")

    @field_validator("built_in_pools")
    @classmethod
    def _once_each(cls, pools: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(pools)) < len(pools):
            raise ValueError(f"must have none of them twice, got {', '.join(pools)}")
        return pools

    @property
    def add_ons(self) -> tuple[AddOn, ...]:
        """Those that Auto Mode leaves to us, and for which it has nodes without a pool of ours."""
        if not self.built_in_pools:
            return ()  # without a node they stay DEGRADED until EKS gives up
        configuration: dict[str, Any] = {}
        if "system" in self.built_in_pools:
            configuration = {
                "nodeSelector": {"karpenter.sh/nodepool": "system"},
                "tolerations": [catalog.SYSTEM_TAINT.toleration()],
            }
        return tuple(AddOn(addon.name, configuration) for addon in AFTER_NODES if addon.name not in facts.ADDONS)


def auto_mode_options(auto_mode: AutoMode) -> dict[str, Any]:
    """What pulumi_eks is asked for. Without built-in pools EKS refuses a node role."""
    return {
        "enabled": True,
        "compute_config": {"node_pools": list(auto_mode.built_in_pools)},
        "create_node_role": bool(auto_mode.built_in_pools),
    }


@dataclass(frozen=True)
class AutoModeNodeRole:
    """A role for nodes of one's own node classes."""

    arn: Output[str]
    """Whatever uses it waits for `ready`, and on the way down goes before it."""
    ready: tuple[Resource, ...]
    """What nodes need before they can join, and until the last one is gone."""


def create_auto_mode_node_role(name: str, cluster: EksCluster, parent: Resource) -> AutoModeNodeRole:
    """`{name}-role` with its policies and its access to the cluster.

    Apart from the built-in pools' role, whose access entry is EKS's own and stands in the way of a second one.
    """
    role = aws.iam.Role(
        f"{name}-role",
        assume_role_policy=json.dumps(trust_policy(cluster["region"])),
        opts=ResourceOptions(parent=parent),
    )
    attachments = [
        aws.iam.RolePolicyAttachment(
            f"{name}-{policy}",
            role=role.name,
            policy_arn=managed_policy_arn(policy, cluster["region"]),
            opts=ResourceOptions(parent=parent),
        )
        for policy in facts.NODE_POLICIES
    ]
    access = grant(parent, name, cluster, role.arn, facts.CLUSTER_ACCESS_POLICY, type_="EC2")
    ready = (*attachments, access)
    return AutoModeNodeRole(Output.all(role.arn, *(each.urn for each in ready)).apply(lambda known: known[0]), ready)
