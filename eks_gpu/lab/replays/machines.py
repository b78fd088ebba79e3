"""The nodes that the pools of a plan would register, whatever makes them: Kubernetes objects for the lab.

Labels, taints and disks come from what the program gives AWS or Karpenter, resources from the catalog; what the planner
makes of them is what is on trial, and so left aside.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from typing import Any

import botocore.session
from botocore.model import ServiceModel

from eks_gpu.cost.admission import Room, rooms
from eks_gpu.graph.graph import Graph, Resource
from eks_gpu.karpenter.objects import NODE_POOL, NodePool, node_pool, part
from eks_gpu.lab.aws.shapes import parameter
from eks_gpu.lab.node_kind import NodeKind, managed_kind, node, self_managed_kind
from eks_gpu.pods.quantities import amount, gib
from eks_gpu.pools.launch_template import LAUNCH_TEMPLATE
from eks_gpu.pools.pool import Candidate
from eks_gpu.pools.readers import pools as read_pools
from eks_gpu.pools.software import addon_requests
from eks_gpu_components.catalog import (
    AUTO_MODE_GROUP,
    CAPACITY_TYPE_LABEL,
    COMPUTE_TYPE_LABEL,
    INITIALIZED_LABEL,
    NODE_CLASS_LABEL,
    NODE_POOL_LABEL,
    REGISTERED_LABEL,
    InstanceType,
    Taint,
    labels_of_type,
)
from eks_gpu_components.catalog.auto_mode import BUILT_IN_POOLS

AUTO_SCALING_GROUP, MANAGED_NODE_GROUP = "aws:autoscaling/group:Group", "aws:eks/nodeGroup:NodeGroup"

# Disks in GiB of a node whose class names none. Source: Karpenter 1.15, EC2NodeClass; EKS User Guide, NodeClass.
_KARPENTER_DISK_GIB, _AUTO_MODE_DISK_GIB = 20, 80


@dataclass(frozen=True)
class Machine:
    """One node that a pool may bring."""

    pool: str
    """Its name, with the program's before it where several are on trial: `examples/auto-mode dev gpu`."""
    room: Room
    """The pool as the planner sees it."""
    candidate: Candidate
    """Which of the pool's nodes it is: type, zone, capacity type."""
    node: Mapping[str, Any]
    """As it registers, with nothing on it."""
    taken: Mapping[str, int]
    """What add-ons run on it: millicores, MiB, number of pods."""

    @property
    def name(self) -> str:
        return self.node["metadata"]["name"]

    @property
    def labels(self) -> Mapping[str, str]:
        return self.node["metadata"]["labels"]

    @property
    def taints(self) -> list[Mapping[str, str]]:
        return self.node["spec"]["taints"]

    @cached_property
    def free(self) -> Mapping[str, int]:
        """What it has for pods beside the add-ons, in the planner's units."""
        has = Counter({name: amount(name, text) for name, text in self.node["status"]["allocatable"].items()})
        has.subtract(self.taken)
        return has

    @cached_property
    def alone(self) -> Room:
        """The room of a pool that brings this kind of node and no other."""
        row, zone = self.candidate.instance_type, self.candidate.zone
        kind = replace(
            self.room.pool,
            instance_types=(row.name,),
            zones=(zone,) if zone else (),
            capacity_types=(self.candidate.capacity_type,) if self.candidate.capacity_type else (),
            min_values=(),  # how many kinds there are to choose among is Karpenter's concern
        )
        return replace(self.room, pool=kind)


def machines(graph: Graph, region: str, each: int, program: str = "") -> list[Machine]:
    """Up to `each` nodes of every pool that may have one, as unlike in type, zone and capacity type as they can be."""
    there = [replace(pool, desired_nodes=max(pool.desired_nodes or 0, 1)) for pool in read_pools(graph, region)]
    found = rooms(there, (), addon_requests(graph))
    return [
        _machine(graph, room, candidate, f"{program} {room.pool.name}".strip(), number)
        for place, room in enumerate(found)
        if room.pool.max_nodes != 0
        for number, candidate in enumerate(_unlike(room.pool.candidates, each, place))
    ]


def _unlike(candidates: tuple[Candidate, ...], count: int, place: int) -> Sequence[Candidate]:
    """So many of them, evenly apart; each pool starts at another place, so that not all show their first type."""
    total = len(candidates)
    if total <= count:
        return candidates
    return [candidates[(7 * place + number * total // count) % total] for number in range(count)]


def _machine(graph: Graph, room: Room, candidate: Candidate, pool: str, number: int) -> Machine:
    kind = node_kind(graph, room.pool.urn, candidate.instance_type, candidate.capacity_type)
    zone = candidate.zone or f"{room.pool.region}a"
    made = node(replace(kind, instance_type=candidate.instance_type.name), "", zone, number)
    name = "-".join([*pool.replace("/", "-").split(), str(number)])
    made["metadata"]["name"] = name
    made["spec"].pop("providerID")  # no instance of AWS is behind it, and the lab would take it away again
    return Machine(pool, room, candidate, made, room.taken or {})


def node_kind(graph: Graph, urn: str, row: InstanceType, capacity_type: str) -> NodeKind:
    """What a pool's nodes register with, from the resource that makes them."""
    owner, _, built_in = urn.partition("#")
    if built_in:
        return built_in_kind(built_in, row, capacity_type)
    resource = graph.get(owner)
    assert resource, urn
    if resource.type == AUTO_SCALING_GROUP:
        return auto_scaling_kind(resource, graph)
    if resource.type == MANAGED_NODE_GROUP:
        return managed_group_kind(resource, graph)
    assert resource.type == NODE_POOL, resource.type
    return node_pool_kind(node_pool(resource, graph), row, capacity_type)


# --- groups ----------------------------------------------------------------------------------------------------------


def auto_scaling_kind(resource: Resource, graph: Graph) -> NodeKind:
    """By the way that the lab's instances become nodes, from what CreateAutoScalingGroup would be sent."""
    policy = _wire("autoscaling", "MixedInstancesPolicy", resource.inputs.get("mixedInstancesPolicy") or {})
    mixed = (resource.inputs.get("mixedInstancesPolicy") or {}).get("launchTemplate") or {}
    named = mixed.get("launchTemplateSpecification") or resource.inputs.get("launchTemplate") or {}
    return self_managed_kind(policy, _template(named, graph))


def managed_group_kind(resource: Resource, graph: Graph) -> NodeKind:
    """By the way that the lab's managed groups make nodes, from what CreateNodegroup would be sent."""
    group = _wire("eks", "CreateNodegroupRequest", {**resource.inputs, "nodegroupName": resource["nodeGroupName"]})
    return managed_kind(group, _template(resource.inputs.get("launchTemplate") or {}, graph))


def _template(named: Mapping[str, Any], graph: Graph) -> dict[str, Any]:
    template = graph.by_id(str(named.get("launchTemplateId") or named.get("id")), LAUNCH_TEMPLATE)
    return _wire("ec2", "RequestLaunchTemplateData", template.inputs if template else {})


def _wire(service: str, shape: str, value: Mapping[str, Any]) -> dict[str, Any]:
    """A resource's inputs as the lab's stand-in provider sends them."""
    return parameter(_model(service).shape_for(shape), dict(value), shape, [])


@cache
def _model(service: str) -> ServiceModel:
    return botocore.session.get_session().get_service_model(service)


# --- node pools ------------------------------------------------------------------------------------------------------


def node_pool_kind(pool: NodePool, row: InstanceType, capacity_type: str) -> NodeKind:
    """What Karpenter, or Auto Mode, gives a node of the type. Source: Karpenter 1.15, well-known labels."""
    node_class = str(part(pool.template, "nodeClassRef").get("name"))
    own = {COMPUTE_TYPE_LABEL: "auto"} if pool.auto_mode else {NODE_CLASS_LABEL: node_class}
    spec = part(pool.node_class.inputs, "spec") if pool.node_class else {}
    return NodeKind(
        instance_type=row.name,
        labels={**pool.labels, **own, **_karpenter_labels(pool.name, pool.prefix, row, capacity_type)},
        taints=tuple(map(Taint.from_kubernetes, pool.template.get("taints") or ())),
        disk_gib=_auto_mode_disk_gib(spec) if pool.auto_mode else _karpenter_disk_gib(spec, row),
    )


def built_in_kind(name: str, row: InstanceType, capacity_type: str) -> NodeKind:
    """Of a pool that EKS makes. Source: EKS User Guide, "Enable or Disable Built-in NodePools"."""
    taints = BUILT_IN_POOLS[name].taints
    labels = _karpenter_labels(name, AUTO_MODE_GROUP, row, capacity_type)
    return NodeKind(row.name, {COMPUTE_TYPE_LABEL: "auto", **labels}, taints, _AUTO_MODE_DISK_GIB)


def _karpenter_labels(pool: str, prefix: str, row: InstanceType, capacity_type: str) -> dict[str, str]:
    return {
        **labels_of_type(row, prefix),
        CAPACITY_TYPE_LABEL: capacity_type,
        NODE_POOL_LABEL: pool,
        INITIALIZED_LABEL: "true",
        REGISTERED_LABEL: "true",
    }


def _karpenter_disk_gib(spec: Mapping[str, Any], row: InstanceType) -> int:
    """The instance's own disks as one, where the class asks for that; else the largest volume."""
    if spec.get("instanceStorePolicy") == "RAID0" and row.instance_store_gb:
        return int(row.instance_store_gb * 10**9 // 2**30)
    sizes = [part(disk, "ebs").get("volumeSize") for disk in spec.get("blockDeviceMappings") or ()]
    return max((gib(size) for size in sizes if size), default=_KARPENTER_DISK_GIB)


def _auto_mode_disk_gib(spec: Mapping[str, Any]) -> int:
    return gib(part(spec, "ephemeralStorage").get("size") or f"{_AUTO_MODE_DISK_GIB}Gi")
