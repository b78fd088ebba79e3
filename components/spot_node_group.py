"""SpotNodeGroup: Spot nodes for general workloads, with a minimum and a maximum size."""

from collections.abc import Mapping, Sequence
from typing import NotRequired

from pulumi import ComponentResource, Input, Output, ResourceOptions
from typing_extensions import TypedDict

from .catalog import CAPACITY_TYPE_LABEL
from .nodes.node_group import Backend, Node, NodeGroup
from .nodes.node_groups import NodeGroupsSpec, check_names, create_node_groups
from .nodes.placement import not_offered, subnet_problems, types_by_zone
from .values.arg_words import BackendArg
from .values.eks_cluster import EksCluster
from .values.places import NodeSubnet
from .values.spot_pool import SpotPool, SpotPoolArgs
from .values.value import BadInput, check


class SpotNodeGroupArgs(TypedDict):
    """The arguments of a group of nodes: where the nodes run, and which nodes they are."""

    cluster: EksCluster
    """The cluster the nodes join."""
    subnets: Sequence[NodeSubnet]
    """Private subnets; the more zones, the more Spot capacity to choose from."""
    pool: SpotPoolArgs
    """Description of the nodes."""
    backend: NotRequired[BackendArg]
    """What makes the nodes: auto-scaling-group or managed-node-group, which has only Spot nodes. Default
    auto-scaling-group.
    """
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


class SpotNodeGroupSpec(NodeGroupsSpec):
    """SpotNodeGroupArgs as a checked value."""

    pool: SpotPool
    backend: Backend = Backend.AUTO_SCALING_GROUP


def spot_node_group(pool: SpotPool, subnets: Sequence[NodeSubnet], region: str) -> NodeGroup:
    """One group over all the zones.

    Its nodes have the label `karpenter.sh/capacity-type` only if all are Spot: with on-demand nodes it would be wrong.
    Raises BadInput for types that no zone offers and for zones that offer none.
    """
    names = [row.name for row in pool.instance_types]
    offered = types_by_zone(names, subnets, region)
    problems = subnet_problems(subnets, region)
    if not problems:
        nowhere = [name for name in names if not any(name in types for types in offered.values())]
        without = [zone for zone, types in offered.items() if not types]
        problems += [not_offered(name, list(offered), region) for name in nowhere]
        problems += [f"subnets: {zone} offers none of {', '.join(names)}" for zone in without]
    if problems:
        raise BadInput(problems)
    mixed = pool.on_demand_base or pool.on_demand_percentage
    return NodeGroup(
        node=Node(
            image=pool.node_image,
            architecture=pool.instance_types[0].architecture,
            disk_gib=pool.disk_gib,
            labels=pool.labels if mixed else {CAPACITY_TYPE_LABEL: "spot", **pool.labels},
            taints=tuple(taint.plain() for taint in pool.taints),
            resources={},
        ),
        instance_types=tuple(names),
        subnet_ids=tuple(subnet["subnet_id"] for subnet in subnets),
        min_nodes=pool.min_nodes,
        desired_nodes=pool.min_nodes if pool.desired_nodes is None else pool.desired_nodes,
        max_nodes=pool.max_nodes,
        on_demand_base=pool.on_demand_base,
        on_demand_percentage=pool.on_demand_percentage,
    )


def _backend_problems(spec: SpotNodeGroupSpec) -> list[str]:
    pool, problems = spec.pool, spec.problems(spec.pool.node_image)
    if spec.backend is Backend.MANAGED_NODE_GROUP:
        shares = {"on_demand_base": pool.on_demand_base, "on_demand_percentage": pool.on_demand_percentage}
        problems += [
            f"pool.{field} must be 0 with backend {spec.backend}, whose groups are Spot or on demand, got {share}"
            for field, share in shares.items()
            if share
        ]
    return problems


class SpotNodeGroup(ComponentResource):
    """Nodes on Spot, from `min_nodes` to `max_nodes`, in one group over all its zones.

    Raises BadInput, with every problem, before anything is registered.
    """

    node_group_names: Output[Sequence[str]]
    """Name of the node group in EKS, or of the auto scaling group, as a list of one."""
    role_arn: Output[str]
    """IAM role the nodes run as."""
    labels: dict[str, str]
    """Labels of every node."""
    taints: list[dict[str, str]]
    """Taints of every node, as Kubernetes writes them."""

    def __init__(self, name: str, args: SpotNodeGroupArgs, opts: ResourceOptions | None = None):
        """Makes the node group `name`.

        name: begins the names of all that the component makes; a new name replaces it.
        args: see `SpotNodeGroupArgs`.
        opts: Pulumi's options.
        Raises BadInput, with every problem, before anything is registered.
        """
        spec = check(SpotNodeGroupSpec, args)
        if problems := _backend_problems(spec):
            raise BadInput(problems)
        group = spot_node_group(spec.pool, spec.subnets, spec.cluster["region"])
        check_names(name, [name])
        super().__init__("eks-gpu-components:index:SpotNodeGroup", name, {**args}, opts)

        created = create_node_groups(name, {name: group}, spec, self)

        self.node_group_names, self.role_arn = created.names, created.role_arn
        self.labels = dict(group.node.labels)
        self.taints = [taint.for_kubernetes() for taint in group.node.taints]
        self.register_outputs(
            {
                "node_group_names": self.node_group_names,
                "role_arn": self.role_arn,
                "labels": self.labels,
                "taints": self.taints,
            }
        )
