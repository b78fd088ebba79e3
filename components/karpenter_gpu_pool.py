"""KarpenterGpuPool: nodes with accelerators that Karpenter starts one by one and keeps as long as pods need them."""

from collections.abc import Sequence
from typing import Any, NotRequired

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi import ComponentResource, Input, Output, Resource, ResourceOptions
from typing_extensions import TypedDict

from .catalog import AMI_RELEASE, NODE_POOL_LABEL, SHARES_ANNOTATION
from .nodes.device_claims import claim_problems, create_device_class
from .nodes.ec2_node_class import image_problems, node_class_spec
from .nodes.launch_template import create_placement_group, efa_interfaces
from .nodes.node_overlay import create_node_overlay
from .nodes.node_pool import (
    KARPENTER,
    create_node_pool,
    name_problems,
    node_class_annotations,
    node_pool_problems,
    reservation_problems,
    reservation_terms,
)
from .nodes.placement import places
from .nodes.user_data import pull_settings
from .nodes.warm import create_capacity_buffer, warm_problems
from .values.eks_cluster import EksCluster
from .values.gpu_pool import GpuPool
from .values.gpu_pool_args import GpuPoolArgs
from .values.places import NodeSubnet
from .values.value import Value, check


class KarpenterGpuPoolArgs(TypedDict):
    """The arguments of a group of nodes: where the nodes run, and which nodes they are."""

    cluster: EksCluster
    """The cluster the nodes join."""
    subnets: Sequence[NodeSubnet]
    """Private subnets for the nodes, in at least one zone."""
    node_role_name: Input[str]
    """Name, not ARN, of the IAM role that the nodes run as: `node_role_name` of the cluster's `Karpenter`."""
    instance_profile: NotRequired[Input[str]]
    """Instance profile to use instead of the role, for a VPC without internet access: `node_instance_profile` of the
    cluster's `Karpenter`. Default none.
    """
    pool: GpuPoolArgs
    """Description of the nodes; together they have at most its `max_gpus` accelerators."""
    capacity_reservation_ids: NotRequired[Sequence[Input[str]]]
    """Ids of capacity reservations to use first, which may be outputs of the program; `reservations` of the pool say
    more. Required with the capacity type reserved unless the pool has those, refused without it. Default none.
    """
    image_version: NotRequired[str]
    """Release of the node image. Default v20260714; for Bottlerocket there is no default, and you must set one."""


class KarpenterGpuPoolSpec(Value):
    """KarpenterGpuPoolArgs as a checked value."""

    cluster: Any
    subnets: Any
    node_role_name: Any
    instance_profile: Any = None
    pool: GpuPool
    capacity_reservation_ids: tuple[Any, ...] = ()
    image_version: str = AMI_RELEASE


class KarpenterGpuPool(ComponentResource):
    """Tainted nodes for pods that request an accelerator: no node while idle unless the pool keeps some, at most
    `max_gpus` accelerators.

    Raises BadInput, with every problem, before anything is registered.
    """

    node_pool_name: Output[str]
    """Name of the NodePool, which its nodes carry as the label `karpenter.sh/nodepool`."""
    labels: dict[str, str]
    """Labels of every node, without `karpenter.sh/capacity-type`, which differs between nodes."""
    taints: list[dict[str, str]]
    """Taints of every node, as Kubernetes writes them."""

    def __init__(self, name: str, args: KarpenterGpuPoolArgs, opts: ResourceOptions | None = None):
        """Makes the NodePool `name`, its node class, and a NodeOverlay of the same name if pods share GPUs.

        name: begins the names of all that the component makes; a new name replaces it.
        args: see `KarpenterGpuPoolArgs`.
        opts: Pulumi's options, with the Kubernetes provider of the cluster.
        Raises BadInput, with every problem, before anything is registered.
        """
        spec = check(KarpenterGpuPoolSpec, args)
        pool = spec.pool
        placed = places(pool, spec.subnets, spec.cluster["region"], karpenter_problems(name, spec))
        super().__init__("eks-gpu-components:index:KarpenterGpuPool", name, {**args}, opts)

        for sentence in placed.left_out:
            pulumi.log.info(f"{name}: {sentence}", self)
        node_class = _create_node_class(name, spec, [subnet["subnet_id"] for subnet in placed.subnets], self)
        overlays = create_node_overlay(name, pool, self)
        node_pool = create_node_pool(name, pool, KARPENTER, node_class, list(placed.types), self, overlays)
        create_device_class(name, pool, self)
        if pool.warm_gpus:
            create_capacity_buffer(name, pool, {NODE_POOL_LABEL: name}, node_pool, self)

        self.node_pool_name = Output.from_input(name)
        self.labels, self.taints = pool.node_labels, [taint.for_kubernetes() for taint in pool.taints]
        self.register_outputs({"node_pool_name": self.node_pool_name, "labels": self.labels, "taints": self.taints})


def karpenter_problems(name: str, spec: KarpenterGpuPoolSpec) -> list[str]:
    """A sentence for each thing that Karpenter cannot do with the pool or with these arguments."""
    pool = spec.pool
    problems = [*name_problems(name), *node_pool_problems(pool, KARPENTER), *warm_problems(name, pool)]
    problems += reservation_problems(pool, spec.capacity_reservation_ids)
    problems += claim_problems(pool, spec.cluster["kubernetes_version"])
    problems += pool.pull_problems(on_instance_store=_uses_instance_store(pool))
    if pool.storage and _uses_instance_store(pool):
        reason = "images and pods' files lie on the instance store of these types, which is faster"
        problems.append(f"pool.storage: {reason}, so it would be paid for nothing: leave it out")
    given = "image_version" in spec.model_fields_set
    return [*problems, *image_problems(pool.node_image, spec.image_version, is_given=given)]


def ec2_node_class(
    pool: GpuPool,
    *,
    image_version: str,
    node_role_name: Input[str],
    instance_profile: Input[str] | None = None,
    subnet_ids: Sequence[Input[str]],
    security_group_id: Input[str],
    capacity_reservation_ids: Sequence[Input[str]] = (),
    placement_group: Input[str] | None = None,
) -> dict[str, Any]:
    """An EC2NodeClass's `spec`, without tags. Source: Karpenter 1.15, EC2NodeClass v1."""
    spec = node_class_spec(
        image=pool.node_image,
        image_version=image_version,
        disk_gib=pool.disk_gib,
        storage=pool.storage,
        node_role_name=node_role_name,
        instance_profile=instance_profile,
        subnet_ids=subnet_ids,
        security_group_id=security_group_id,
    )
    if _uses_instance_store(pool):
        spec["instanceStorePolicy"] = "RAID0"
    if pool.parallel_pull:
        spec["userData"] = pull_settings(pool.node_image)
    if pool.efa:
        # Not named, Karpenter would make every interface one with addresses, which pods then lack.
        spec["networkInterfaces"] = [
            {
                "networkCardIndex": each["network_card_index"],
                "deviceIndex": each["device_index"],
                "interfaceType": each["interface_type"],
            }
            for each in efa_interfaces(pool.efa_interfaces, primary="interface")
        ]
    if placement_group is not None:
        spec["placementGroupSelector"] = {"name": placement_group}
    return spec | reservation_terms(pool, KARPENTER, capacity_reservation_ids)


def _uses_instance_store(pool: GpuPool) -> bool:
    """Whether the instance store of every type, which is faster and costs nothing extra, has at least `disk_gib`.

    Not for a disk from a snapshot: what lies on it would not be used.
    """
    if pool.storage and pool.storage.snapshot_id:
        return False
    return all(row.instance_store_gb * 10**9 >= pool.disk_gib * 2**30 for row in pool.instance_types)


def _create_node_class(
    name: str, spec: KarpenterGpuPoolSpec, subnet_ids: Sequence[Input[str]], parent: Resource
) -> kubernetes.apiextensions.CustomResource:
    node_class = ec2_node_class(
        spec.pool,
        image_version=spec.image_version,
        node_role_name=spec.node_role_name,
        instance_profile=spec.instance_profile,
        subnet_ids=subnet_ids,
        security_group_id=spec.cluster["security_group_id"],
        capacity_reservation_ids=spec.capacity_reservation_ids,
        placement_group=create_placement_group(name, parent).name if spec.pool.efa else None,
    )
    return kubernetes.apiextensions.CustomResource(
        f"{name}-node-class",
        api_version=f"{KARPENTER.group}/v1",
        kind=KARPENTER.node_class_kind,
        metadata={"name": name, "annotations": {**node_class_annotations(spec.pool), **_shares(spec.pool)}},
        spec={**node_class, "tags": {"Name": Output.concat(spec.cluster["name"], f"-{name}")}},
        opts=ResourceOptions(parent=parent),
    )


def _shares(pool: GpuPool) -> dict[str, str]:
    """The annotation by which Karpenter plans with claims that share a GPU. Source: Karpenter 1.15, nvidiadra."""
    return {SHARES_ANNOTATION: str(pool.sharing.replicas)} if pool.claims and pool.sharing else {}
