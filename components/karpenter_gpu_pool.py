"""KarpenterGpuPool: nodes with accelerators that Karpenter starts one by one and keeps as long as pods need them."""

import re
from collections.abc import Sequence
from typing import Any, NotRequired

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi import ComponentResource, Input, Output, Resource, ResourceOptions
from typing_extensions import TypedDict

from .catalog import AMI_RELEASE, ROOT_DEVICE, data_device
from .nodes.node_pool import (
    KARPENTER,
    WAIT_UNTIL_READY,
    create_node_pool,
    name_problems,
    node_pool_problems,
    reservation_problems,
    reservation_terms,
)
from .nodes.placement import places
from .nodes.user_data import pull_settings
from .values.eks_cluster import EksCluster
from .values.gpu_pool import GpuPool, GpuPoolArgs
from .values.node_storage import NodeStorage
from .values.places import NodeSubnet
from .values.value import Value, check

BOTTLEROCKET_ROOT_GIB = 4  # what its image needs; Karpenter asks for a size where AWS would take the image's own


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
    """Ids of capacity reservations to use first; required with the capacity type reserved, refused without it. Default
    none.
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
    """Tainted nodes for pods that request an accelerator: no node while idle, at most `max_gpus` accelerators.

    Raises BadInput, with every problem, before anything is registered.
    """

    node_pool_name: Output[str]
    """Name of the NodePool, which its nodes carry as the label `karpenter.sh/nodepool`."""
    labels: dict[str, str]
    """Labels of every node, without `karpenter.sh/capacity-type`, which differs between nodes."""
    taints: list[dict[str, str]]
    """Taints of every node, as Kubernetes writes them."""

    def __init__(self, name: str, args: KarpenterGpuPoolArgs, opts: ResourceOptions | None = None):
        """Makes the NodePool `name` and its node class.

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
        create_node_pool(name, pool, KARPENTER, node_class, list(placed.types), self)

        self.node_pool_name = Output.from_input(name)
        self.labels, self.taints = pool.node_labels, [taint.for_kubernetes() for taint in pool.taints]
        self.register_outputs({"node_pool_name": self.node_pool_name, "labels": self.labels, "taints": self.taints})


def karpenter_problems(name: str, spec: KarpenterGpuPoolSpec) -> list[str]:
    """A sentence for each thing that Karpenter cannot do with the pool or with these arguments."""
    pool = spec.pool
    problems = [*name_problems(name), *node_pool_problems(pool, KARPENTER)]
    problems += reservation_problems(pool, spec.capacity_reservation_ids)
    problems += pool.pull_problems(on_instance_store=_uses_instance_store(pool))
    if pool.storage and _uses_instance_store(pool):
        reason = "images and pods' files lie on the instance store of these types, which is faster"
        problems.append(f"pool.storage: {reason}, so it would be paid for nothing: leave it out")
    if not re.fullmatch(r"v[0-9][0-9.]*", spec.image_version):
        rule = "must be a release, as v20260714 or v1.46.0, or nodes change with each new one"
        problems.append(f"image_version: {rule}, got {spec.image_version!r}")
    if pool.node_image == "bottlerocket" and "image_version" not in spec.model_fields_set:
        problems.append("image_version: name a release of Bottlerocket, as v1.46.0, or its nodes change without notice")
    return problems


def ec2_node_class(
    pool: GpuPool,
    *,
    image_version: str,
    node_role_name: Input[str],
    instance_profile: Input[str] | None = None,
    subnet_ids: Sequence[Input[str]],
    security_group_id: Input[str],
    capacity_reservation_ids: Sequence[Input[str]] = (),
) -> dict[str, Any]:
    """An EC2NodeClass's `spec`, without tags. Source: Karpenter 1.15, EC2NodeClass v1."""
    spec: dict[str, Any] = {
        # Of an alias Karpenter takes the variant with the driver that the instance type needs.
        "amiSelectorTerms": [{"alias": f"{pool.node_image}@{image_version}"}],
        **({"role": node_role_name} if instance_profile is None else {"instanceProfile": instance_profile}),
        # By id: what the program names and nothing else, whether or not somebody tagged it.
        "subnetSelectorTerms": [{"id": subnet_id} for subnet_id in subnet_ids],
        "securityGroupSelectorTerms": [{"id": security_group_id}],
        "blockDeviceMappings": _block_devices(pool),
        "metadataOptions": {
            "httpEndpoint": "enabled",
            "httpProtocolIPv6": "disabled",
            "httpTokens": "required",
            # One hop ends on the node: pods have Pod Identity, and must not take the node's own role.
            "httpPutResponseHopLimit": 1,
        },
    }
    if _uses_instance_store(pool):
        spec["instanceStorePolicy"] = "RAID0"
    if pool.parallel_pull:
        spec["userData"] = pull_settings(pool.node_image)
    return spec | reservation_terms(capacity_reservation_ids)


def _block_devices(pool: GpuPool) -> list[dict[str, Any]]:
    data = data_device(pool.node_image)
    return [
        {
            "deviceName": device,
            "ebs": {
                "volumeSize": f"{pool.disk_gib if device == data else BOTTLEROCKET_ROOT_GIB}Gi",
                "volumeType": "gp3",
                "encrypted": True,
                "deleteOnTermination": True,
                **(_speed(pool.storage) if device == data else {}),
            },
        }
        for device in dict.fromkeys((ROOT_DEVICE, data))
    ]


def _speed(storage: NodeStorage | None) -> dict[str, Any]:
    if storage is None:
        return {}
    fields = {
        "iops": storage.iops,
        "throughput": storage.throughput_mib_s,
        "snapshotID": storage.snapshot_id,
        "volumeInitializationRate": storage.initialization_mib_s,
    }
    return {name: value for name, value in fields.items() if value is not None}


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
    )
    return kubernetes.apiextensions.CustomResource(
        f"{name}-node-class",
        api_version=f"{KARPENTER.group}/v1",
        kind=KARPENTER.node_class_kind,
        metadata={"name": name, "annotations": WAIT_UNTIL_READY},
        spec={**node_class, "tags": {"Name": Output.concat(spec.cluster["name"], f"-{name}")}},
        opts=ResourceOptions(parent=parent),
    )
