"""KarpenterPool: nodes without accelerators that Karpenter starts for any pods, so that a cluster needs no second
autoscaler.
"""

from collections.abc import Sequence
from typing import Any, NotRequired

import pulumi_kubernetes as kubernetes
from pulumi import ComponentResource, Input, Output, Resource, ResourceOptions
from typing_extensions import TypedDict

from .catalog import AMI_RELEASE, ARCH_LABEL, CAPACITY_TYPE_LABEL, INSTANCE_TYPE_LABEL, OS_LABEL, ZONE_LABEL, regions
from .catalog.labels import instance_label
from .nodes.ec2_node_class import image_problems, node_class_spec
from .nodes.node_pool import (
    KARPENTER,
    TERMINATION_GRACE_S,
    WAIT_UNTIL_READY,
    duration,
    make_node_pool,
    name_problems,
    node_template,
)
from .nodes.placement import not_offered, subnet_problems, types_by_zone, zone_problems
from .values.cpu_pool import GIB_PER_VCPU, CpuPool, CpuPoolArgs
from .values.eks_cluster import EksCluster
from .values.places import NodeSubnet
from .values.value import BadInput, Value, check


class KarpenterPoolArgs(TypedDict):
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
    pool: CpuPoolArgs
    """Description of the nodes; together they have at most its `max_vcpus`."""
    image_version: NotRequired[str]
    """Release of the node image. Default v20260714; for Bottlerocket there is no default, and you must set one."""


class KarpenterPoolSpec(Value):
    """KarpenterPoolArgs as a checked value."""

    cluster: Any
    subnets: Any
    node_role_name: Any
    instance_profile: Any = None
    pool: CpuPool
    image_version: str = AMI_RELEASE


class KarpenterPool(ComponentResource):
    """Nodes for pods without accelerators: none while idle, at most `max_vcpus`, of the cheapest types that fit.

    Raises BadInput, with every problem, before anything is registered.
    """

    node_pool_name: Output[str]
    """Name of the NodePool, which its nodes carry as the label `karpenter.sh/nodepool`."""
    labels: dict[str, str]
    """Labels of every node that the pool gives; capacity type, architecture and type differ between nodes."""
    taints: list[dict[str, str]]
    """Taints of every node, as Kubernetes writes them."""

    def __init__(self, name: str, args: KarpenterPoolArgs, opts: ResourceOptions | None = None):
        """Makes the NodePool `name` and its node class.

        name: begins the names of all that the component makes; a new name replaces it.
        args: see `KarpenterPoolArgs`.
        opts: Pulumi's options, with the Kubernetes provider of the cluster.
        Raises BadInput, with every problem, before anything is registered.
        """
        spec = check(KarpenterPoolSpec, args)
        pool: CpuPool = spec.pool
        if problems := pool_problems(name, spec):
            raise BadInput(problems)
        super().__init__("eks-gpu-components:index:KarpenterPool", name, {**args}, opts)

        chosen = [subnet for subnet in spec.subnets if pool.zones is None or subnet["zone"] in pool.zones]
        node_class = _create_node_class(name, spec, [subnet["subnet_id"] for subnet in chosen], self)
        zones = list(dict.fromkeys(subnet["zone"] for subnet in chosen))
        grace_s = TERMINATION_GRACE_S if pool.termination_grace_s is None else pool.termination_grace_s
        make_node_pool(name, cpu_node_pool(pool, name, zones), grace_s, [node_class], self)

        self.node_pool_name = Output.from_input(name)
        self.labels, self.taints = dict(pool.labels), [taint.plain().for_kubernetes() for taint in pool.taints]
        self.register_outputs({"node_pool_name": self.node_pool_name, "labels": self.labels, "taints": self.taints})


def pool_problems(name: str, spec: KarpenterPoolSpec) -> list[str]:
    """A sentence for each thing that Karpenter cannot do with the pool, or that its subnets cannot."""
    pool, region = spec.pool, spec.cluster["region"]
    problems = [*name_problems(name), *subnet_problems(spec.subnets, region), *zone_problems(pool.zones, spec.subnets)]
    if not problems and region in regions():
        chosen = [subnet for subnet in spec.subnets if pool.zones is None or subnet["zone"] in pool.zones]
        offered = types_by_zone([row.name for row in pool.types], chosen, region)
        there = {each for names in offered.values() for each in names}
        nowhere = [row.name for row in pool.instance_types if row.name not in there]
        problems += [not_offered(each, list(offered), region) for each in nowhere]
        if not there and not pool.instance_types:
            problems.append(f"pool: {', '.join(offered)} offer no type of these categories, generation and size")
    given = "image_version" in spec.model_fields_set
    return [*problems, *image_problems(pool.node_image, spec.image_version, is_given=given)]


def cpu_node_pool(pool: CpuPool, node_class: str, zones: Sequence[str]) -> dict[str, Any]:
    """The NodePool's `spec`. Source: Karpenter 1.15, NodePool v1."""
    memory = pool.max_memory_gib or pool.max_vcpus * GIB_PER_VCPU
    spec: dict[str, Any] = {
        "template": node_template(
            KARPENTER,
            node_class,
            labels=pool.labels,
            requirements=_requirements(pool, zones),
            taints=[taint.plain().for_kubernetes() for taint in pool.taints],
            max_age_h=pool.max_age_h,
            grace_s=TERMINATION_GRACE_S if pool.termination_grace_s is None else pool.termination_grace_s,
        ),
        "disruption": {
            "consolidationPolicy": "WhenEmptyOrUnderutilized",
            "consolidateAfter": duration(pool.idle_s),
            "budgets": [{"nodes": pool.disruption_budget}],
        },
        "limits": {"cpu": str(pool.max_vcpus), "memory": f"{memory}Gi"},
    }
    return spec if pool.weight is None else {**spec, "weight": pool.weight}


def _requirements(pool: CpuPool, zones: Sequence[str]) -> list[dict[str, Any]]:
    wanted = [
        _in(ARCH_LABEL, pool.architectures),
        _in(OS_LABEL, ["linux"]),
        _in(CAPACITY_TYPE_LABEL, [str(each) for each in pool.capacity_types]),
        _in(ZONE_LABEL, zones),
    ]
    if pool.instance_types:
        return [*wanted, _in(INSTANCE_TYPE_LABEL, [row.name for row in pool.instance_types])]
    category, generation, vcpus, hypervisor = (
        instance_label(name, KARPENTER.group) for name in ("category", "generation", "cpu", "hypervisor")
    )
    return [
        *wanted,
        _in(category, pool.categories),
        {"key": generation, "operator": "Gt", "values": [str(pool.min_generation - 1)]},
        {"key": vcpus, "operator": "Gt", "values": [str(pool.min_node_vcpus - 1)]},
        {"key": vcpus, "operator": "Lt", "values": [str(pool.max_node_vcpus + 1)]},
        # Bare metal has no hypervisor, takes many minutes to start, and is the dearest of its family.
        _in(hypervisor, ["nitro"]),
    ]


def _in(key: str, values: Sequence[str]) -> dict[str, Any]:
    return {"key": key, "operator": "In", "values": list(values)}


def _create_node_class(
    name: str, spec: KarpenterPoolSpec, subnet_ids: Sequence[Input[str]], parent: Resource
) -> kubernetes.apiextensions.CustomResource:
    node_class = node_class_spec(
        image=spec.pool.node_image,
        image_version=spec.image_version,
        disk_gib=spec.pool.disk_gib,
        node_role_name=spec.node_role_name,
        instance_profile=spec.instance_profile,
        subnet_ids=subnet_ids,
        security_group_id=spec.cluster["security_group_id"],
    )
    return kubernetes.apiextensions.CustomResource(
        f"{name}-node-class",
        api_version=f"{KARPENTER.group}/v1",
        kind=KARPENTER.node_class_kind,
        metadata={"name": name, "annotations": WAIT_UNTIL_READY},
        spec={**node_class, "tags": {"Name": Output.concat(spec.cluster["name"], f"-{name}")}},
        opts=ResourceOptions(parent=parent),
    )
