"""GpuNodeGroup: accelerated nodes that the cluster autoscaler brings up from zero, one group a zone."""

from collections.abc import Mapping, Sequence
from typing import NotRequired

import pulumi
from pulumi import ComponentResource, Input, Output, ResourceOptions
from typing_extensions import TypedDict

from .nodes.node_group import Backend
from .nodes.node_groups import NodeGroupsSpec, check_names, create_node_groups
from .nodes.placement import placement
from .values.eks_cluster import EksCluster
from .values.gpu_pool import GpuPool, GpuPoolArgs
from .values.places import NodeSubnet
from .values.value import BadInput, check


class GpuNodeGroupArgs(TypedDict):
    """Where the nodes run, and what they are."""

    cluster: EksCluster
    """The cluster the nodes join."""
    subnets: Sequence[NodeSubnet]
    """Private subnets, in one zone or more."""
    pool: GpuPoolArgs
    """The nodes; all groups together stay under its `max_gpus`."""
    backend: NotRequired[str]
    """managed-node-group or auto-scaling-group. Default managed-node-group."""
    node_policies: NotRequired[Mapping[str, Input[str]]]
    """IAM policies of the nodes beside those that every node needs: ARNs by a name that stays the same.
    Default none."""
    release_version: NotRequired[str]
    """Release of the node image, held until another one is named, as 1.35.2-20260714; for managed-node-group alone.
    Default the newest of the cluster's version: an update with a newer one replaces nodes one by one, drained."""
    session_manager: NotRequired[bool]
    """Whether AWS Systems Manager may open sessions on the nodes, in place of SSH. Default no."""


class GpuNodeGroupSpec(NodeGroupsSpec):
    """What GpuNodeGroupArgs become."""

    pool: GpuPool
    backend: Backend = Backend.MANAGED_NODE_GROUP


class GpuNodeGroup(ComponentResource):
    """Tainted nodes for pods that ask for an accelerator: none while idle, `max_gpus` accelerators at most.

    Raises BadInput, with every problem, before anything is registered.
    """

    node_group_names: Output[Sequence[str]]
    """Names in EKS, or of the auto scaling groups."""
    role_arn: Output[str]
    """IAM role the nodes run as."""
    labels: dict[str, str]
    """Labels of every node; its `karpenter.sh/capacity-type` comes on top."""
    taints: list[dict[str, str]]
    """Taints of every node, as Kubernetes writes them."""

    def __init__(self, name: str, args: GpuNodeGroupArgs, opts: ResourceOptions | None = None):
        spec = check(GpuNodeGroupSpec, args)
        pool = spec.pool
        if problems := spec.problems(pool.node_image):
            raise BadInput(problems)
        placed = placement(pool, spec.subnets, spec.cluster["region"])
        groups = {f"{name}-{place}": group for place, group in placed.groups.items()}
        check_names(name, groups)
        super().__init__("eks-gpu-components:index:GpuNodeGroup", name, {**args}, opts)

        for sentence in placed.left_out:
            pulumi.log.info(f"{name}: {sentence}", self)
        created = create_node_groups(name, groups, spec, self)

        self.node_group_names, self.role_arn = created.names, created.role_arn
        self.labels, self.taints = pool.node_labels, [taint.for_kubernetes() for taint in pool.taints]
        self.register_outputs(
            {
                "node_group_names": self.node_group_names,
                "role_arn": self.role_arn,
                "labels": self.labels,
                "taints": self.taints,
            }
        )
