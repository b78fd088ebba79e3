"""AutoModeGpuPool: GPU or Neuron nodes that EKS Auto Mode starts for pods, drivers and device plugin included."""

from collections.abc import Sequence
from typing import Any, NotRequired

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi import ComponentResource, Input, Output, ResourceOptions
from typing_extensions import TypedDict

from .catalog import (
    AUTO_MODE_DRA_SINCE,
    AUTO_MODE_MAX_AGE_H,
    NODE_POOL_LABEL,
)
from .catalog.auto_mode import BUILT_IN_NODE_CLASS, BUILT_IN_POOLS, accelerated_families, starts
from .catalog.name_limits import ROLES
from .catalog.pool_bounds import AUTO_MODE_MAX_DISK_GIB, AUTO_MODE_MAX_IOPS, AUTO_MODE_MAX_THROUGHPUT_MIB_S
from .iam.auto_mode_node_role import create_auto_mode_node_role
from .iam.node_role import role_name
from .nodes.device_claims import claim_problems, create_device_class
from .nodes.node_pool import (
    AUTO_MODE,
    create_node_pool,
    name_problems,
    node_class_annotations,
    node_pool_problems,
    reservation_problems,
    reservation_terms,
)
from .nodes.placement import places
from .nodes.warm import create_placeholders, warm_problems
from .values.eks_cluster import EksCluster
from .values.gpu_pool import GpuPool
from .values.gpu_pool_args import GpuPoolArgs
from .values.names import check_name
from .values.node_storage import NodeStorage, NodeStorageArgs
from .values.places import NodeSubnet
from .values.value import Value, check


class AutoModeGpuPoolArgs(TypedDict):
    """The arguments of a group of nodes: where the nodes run, and which nodes they are."""

    cluster: EksCluster
    """A cluster with Auto Mode. Its `node_role_arn` is the nodes' role; without one, the component makes a role."""
    subnets: Sequence[NodeSubnet]
    """Private subnets for the nodes, in at least one zone."""
    pool: GpuPoolArgs
    """Description of the nodes; together they have at most its `max_gpus` accelerators."""
    storage: NotRequired[NodeStorageArgs]
    """How fast a node's disk is, where `storage` of the pool does not say it. Default that of the pool."""
    capacity_reservation_ids: NotRequired[Sequence[Input[str]]]
    """Ids of capacity reservations to use first, which may be outputs of the program; `reservations` of the pool say
    more. Required with the capacity type reserved unless the pool has those, refused without it. Default none.
    """


class AutoModeGpuPoolSpec(Value):
    """AutoModeGpuPoolArgs as a checked value."""

    cluster: Any
    subnets: Any
    pool: GpuPool
    storage: NodeStorage | None = None
    capacity_reservation_ids: tuple[Any, ...] = ()


class AutoModeGpuPool(ComponentResource):
    """Tainted nodes for pods that request an accelerator: no node while idle unless the pool keeps some, at most
    `max_gpus` accelerators.

    Raises BadInput, with every problem, before anything is registered.
    """

    node_pool_name: Output[str]
    """Name of the NodePool, which its nodes carry as the label `karpenter.sh/nodepool`."""
    labels: dict[str, str]
    """Labels of every node. Auto Mode adds labels of the instance type, such as eks.amazonaws.com/instance-gpu-name."""
    taints: list[dict[str, str]]
    """Taints of every node, as Kubernetes writes them."""

    def __init__(self, name: str, args: AutoModeGpuPoolArgs, opts: ResourceOptions | None = None):
        """Makes the NodePool `name` and its node class.

        name: begins the names of all that the component makes; a new name replaces it.
        args: see `AutoModeGpuPoolArgs`.
        opts: Pulumi's options, with the Kubernetes provider of the cluster.
        Raises BadInput, with every problem, before anything is registered.
        """
        spec = check(AutoModeGpuPoolSpec, args)
        cluster, pool = spec.cluster, spec.pool
        if cluster.get("node_role_arn") is None:
            check_name(name, {ROLES: [role_name(name)]})
        problems = [*auto_mode_problems(name, pool), *storage_problems(spec)]
        problems += reservation_problems(pool, spec.capacity_reservation_ids)
        problems += claim_problems(pool, cluster["kubernetes_version"], AUTO_MODE_DRA_SINCE)
        placed = places(pool, spec.subnets, cluster["region"], problems)
        super().__init__("eks-gpu-components:index:AutoModeGpuPool", name, {**args}, opts)

        for sentence in placed.left_out:
            pulumi.log.info(f"{name}: {sentence}", self)
        nodes = kubernetes.apiextensions.CustomResource(
            f"{name}-node-class",
            api_version=f"{AUTO_MODE.group}/v1",
            kind=AUTO_MODE.node_class_kind,
            metadata={"name": name, "annotations": node_class_annotations(pool)},
            spec=node_class(
                pool,
                spec.storage or pool.storage or NodeStorage(),
                node_role_name=_node_role_name(self, name, cluster),
                subnet_ids=[subnet["subnet_id"] for subnet in placed.subnets],
                security_group_id=cluster["security_group_id"],
                capacity_reservation_ids=spec.capacity_reservation_ids,
            ),
            opts=ResourceOptions(parent=self),
        )
        node_pool = create_node_pool(name, pool, AUTO_MODE, nodes, list(placed.types), self)
        create_device_class(name, pool, self)
        if pool.warm_gpus:
            create_placeholders(name, pool, {NODE_POOL_LABEL: name}, [node_pool], self)

        self.node_pool_name = Output.from_input(name)
        self.labels, self.taints = pool.node_labels, [taint.for_kubernetes() for taint in pool.taints]
        self.register_outputs({"node_pool_name": self.node_pool_name, "labels": self.labels, "taints": self.taints})


def node_class(
    pool: GpuPool,
    storage: NodeStorage,
    *,
    node_role_name: Input[str],
    subnet_ids: Sequence[Input[str]],
    security_group_id: Input[str],
    capacity_reservation_ids: Sequence[Input[str]] = (),
) -> dict[str, Any]:
    """A NodeClass's `spec`. AWS itself sets image, user data, volume encryption and IMDSv2 with one hop.

    Source: EKS User Guide, "Create a Node Class for Amazon EKS".
    """
    return {
        "role": node_role_name,
        # By id: what the program names and nothing else, whether or not somebody tagged it.
        "subnetSelectorTerms": [{"id": subnet_id} for subnet_id in subnet_ids],
        "securityGroupSelectorTerms": [{"id": security_group_id}],
        "ephemeralStorage": {
            "size": f"{pool.disk_gib}Gi",
            "iops": storage.iops,
            "throughput": storage.throughput_mib_s,
        },
        **reservation_terms(pool, AUTO_MODE, capacity_reservation_ids),
    }


def auto_mode_problems(name: str, pool: GpuPool) -> list[str]:
    """A sentence, with the reason, for each setting that Auto Mode cannot express, and for a reserved name."""
    problems = node_pool_problems(pool, AUTO_MODE)
    if name in (own := (*BUILT_IN_POOLS, BUILT_IN_NODE_CLASS)):
        problems.append(f"the component's name must not be one of EKS's own objects, {', '.join(own)}, got {name!r}")
    problems += [*name_problems(name), *warm_problems(name, pool)]
    if pool.max_age_h and pool.max_age_h > AUTO_MODE_MAX_AGE_H:
        reason = "Auto Mode lets no node grow older"
        problems.append(f"pool.max_age_h must be at most {AUTO_MODE_MAX_AGE_H}: {reason}, got {pool.max_age_h}")
    if pool.node_image != "al2023":
        problems.append(f"pool.node_image: Auto Mode chooses the image itself, got {pool.node_image}: leave it out")
    known = ", ".join(accelerated_families())
    return problems + [
        f"pool.instance_types: Auto Mode starts no {row.family}, got {row.name}; of accelerated families it has {known}"
        for row in pool.instance_types
        if not starts(row)
    ]


def storage_problems(spec: AutoModeGpuPoolSpec) -> list[str]:
    """A sentence for each thing about the disk that is said twice, or that Auto Mode cannot do."""
    pool, storage = spec.pool, spec.storage or spec.pool.storage
    problems = [f"storage.{each}" for each in spec.storage.problems(pool.disk_gib)] if spec.storage else []
    if spec.storage and pool.storage:
        problems.append("storage: pool.storage says it too: leave one of them out")
    if storage:
        named = "storage" if spec.storage else "pool.storage"
        problems += [
            f"{named}.{key} must be at most {most} on Auto Mode, got {given}"
            for key, most in (("iops", AUTO_MODE_MAX_IOPS), ("throughput_mib_s", AUTO_MODE_MAX_THROUGHPUT_MIB_S))
            if (given := getattr(storage, key)) > most
        ]
    if pool.disk_gib > AUTO_MODE_MAX_DISK_GIB:
        problems.append(f"pool.disk_gib must be at most {AUTO_MODE_MAX_DISK_GIB} on Auto Mode, got {pool.disk_gib}")
    if storage and storage.snapshot_id:
        reason = f"a NodeClass has no field for it, got {storage.snapshot_id}"
        problems.append(f"storage.snapshot_id: {reason}: leave it out, or use KarpenterGpuPool")
    if pool.parallel_pull:
        problems.append("pool.parallel_pull: Auto Mode decides itself how a node pulls images, got true: leave it out")
    return problems


def _node_role_name(parent: AutoModeGpuPool, name: str, cluster: EksCluster) -> Output[str]:
    """Name of the cluster's role for such nodes, or of the role that this component makes."""
    given = cluster.get("node_role_arn")
    arn = given if given is not None else create_auto_mode_node_role(name, cluster, parent).arn
    return Output.from_input(arn).apply(lambda known: known.rpartition("/")[2])
