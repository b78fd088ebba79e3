"""GpuNodeGroup: nodes with accelerators that the cluster autoscaler starts from zero; one node group per zone."""

from collections.abc import Mapping, Sequence
from typing import NotRequired

import pulumi
from pulumi import ComponentResource, Input, Output, ResourceOptions
from typing_extensions import TypedDict

from .nodes.node_group import Backend
from .nodes.node_groups import NodeGroupsSpec, check_names, create_node_groups
from .nodes.placement import placement
from .nodes.warm import create_placeholders, warm_problems
from .values.arg_words import BackendArg
from .values.eks_cluster import EksCluster
from .values.gpu_pool import GpuPool
from .values.gpu_pool_args import GpuPoolArgs
from .values.places import NodeSubnet
from .values.value import BadInput, check


class GpuNodeGroupArgs(TypedDict):
    """The arguments of a group of nodes: where the nodes run, and which nodes they are."""

    cluster: EksCluster
    """The cluster the nodes join."""
    subnets: Sequence[NodeSubnet]
    """Private subnets for the nodes, in at least one zone."""
    pool: GpuPoolArgs
    """Description of the nodes; all node groups together have at most its `max_gpus` accelerators."""
    backend: NotRequired[BackendArg]
    """What makes the nodes: managed-node-group or auto-scaling-group. Default managed-node-group."""
    node_policies: NotRequired[Mapping[str, Input[str]]]
    """More IAM policies for the nodes: a map from a name that never changes to an ARN.
    Default none."""
    release_version: NotRequired[str]
    """Release of the node image, such as 1.35.2-20260714; nodes keep it until you set another. Only for
    managed-node-group. Default the newest of the cluster's version: an update with a newer one drains and replaces
    nodes one by one.
    """
    drain_s: NotRequired[int]
    """Seconds that pods have to end when a node is terminated, 30 to 7140: a lifecycle hook delays the termination,
    and `NodeTerminationHandler` drains the node. Only for auto-scaling-group. Default none: nothing drains nodes."""
    session_manager: NotRequired[bool]
    """Whether AWS Systems Manager may open sessions on the nodes, instead of SSH. Default no."""


class GpuNodeGroupSpec(NodeGroupsSpec):
    """GpuNodeGroupArgs as a checked value."""

    pool: GpuPool
    backend: Backend = Backend.MANAGED_NODE_GROUP


class GpuNodeGroup(ComponentResource):
    """Tainted nodes for pods that request an accelerator: no node while idle unless the pool keeps some, at most
    `max_gpus` accelerators.

    Raises BadInput, with every problem, before anything is registered.
    """

    node_group_names: Output[Sequence[str]]
    """Names of the node groups in EKS, or of the auto scaling groups."""
    role_arn: Output[str]
    """IAM role the nodes run as."""
    labels: dict[str, str]
    """Labels of every node, without `karpenter.sh/capacity-type`, which differs between nodes."""
    taints: list[dict[str, str]]
    """Taints of every node, as Kubernetes writes them."""

    def __init__(self, name: str, args: GpuNodeGroupArgs, opts: ResourceOptions | None = None):
        """Makes the node groups, `name-us-west-2a-on-demand` and the like.

        name: begins the names of all that the component makes; a new name replaces it.
        args: see `GpuNodeGroupArgs`.
        opts: Pulumi's options; with `warm_gpus`, with the Kubernetes provider of the cluster.
        Raises BadInput, with every problem, before anything is registered.
        """
        spec = check(GpuNodeGroupSpec, args)
        pool = spec.pool
        if problems := [*spec.problems(pool.node_image), *warm_problems(name, pool)]:
            raise BadInput(problems)
        placed = placement(pool, spec.subnets, spec.cluster["region"])
        groups = {f"{name}-{place}": group for place, group in placed.groups.items()}
        check_names(name, groups)
        super().__init__("eks-gpu-components:index:GpuNodeGroup", name, {**args}, opts)

        for sentence in placed.left_out:
            pulumi.log.info(f"{name}: {sentence}", self)
        created = create_node_groups(name, groups, spec, self)

        if pool.warm_gpus:
            create_placeholders(name, pool, {}, created.groups, self)

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
