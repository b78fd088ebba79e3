"""What the nodes of an auto scaling group are, from what the group's program wrote; pure data in and out."""

import json
import tomllib
from base64 import b64decode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from email import message_from_bytes
from typing import Any

from eks_gpu_components.catalog import (
    AMI_TYPES,
    ARCH_LABEL,
    EKS_CAPACITY_TYPE_LABEL,
    HOSTNAME_LABEL,
    INSTANCE_TYPE_LABEL,
    NODE_GROUP_LABEL,
    OS_LABEL,
    REGION_LABEL,
    ZONE_ID_LABEL,
    ZONE_LABEL,
    CapacityType,
    InstanceType,
    Taint,
    allocatable,
    instance_type,
    zones,
)

CAPACITY_ANNOTATION = "lab.eks-gpu/capacity-type"
"""How the instance was bought; a self-managed node has no label that says it."""
PROVIDER = "aws:///"
"""How the provider id of such a node starts; Karpenter's nodes have another."""


@dataclass(frozen=True)
class NodeKind:
    """Every node of a group."""

    instance_type: str
    labels: Mapping[str, str] = field(default_factory=dict)
    taints: tuple[Taint, ...] = ()
    disk_gib: int = 20
    on_demand_base: int = 0
    """Nodes that are on demand before any is Spot."""
    on_demand_percentage: int = 100
    """Share of the nodes beyond the base that is on demand."""
    driver: bool = True
    """Whether the image can drive an accelerator; its device plugin is taken to run then."""

    def capacity_type(self, position: int) -> CapacityType:
        """Of the node at this place in its group, the first being 0."""
        beyond = position - self.on_demand_base
        shares = [(nodes * self.on_demand_percentage) // 100 for nodes in (beyond, beyond + 1)]
        return CapacityType.ON_DEMAND if beyond < 0 or shares[0] < shares[1] else CapacityType.SPOT


def managed_kind(group: Mapping[str, Any], template: Mapping[str, Any]) -> NodeKind:
    """Of a managed node group as DescribeNodegroup tells it; `template` is its LaunchTemplateData."""
    capacity_type = group.get("capacityType", "ON_DEMAND")
    image = AMI_TYPES.get(group.get("amiType", ""))
    return NodeKind(
        instance_type=(group.get("instanceTypes") or [template.get("InstanceType", "t3.medium")])[0],
        labels={
            **group.get("labels", {}),
            NODE_GROUP_LABEL: group["nodegroupName"],
            EKS_CAPACITY_TYPE_LABEL: capacity_type,
        },
        taints=tuple(Taint.from_eks(taint) for taint in group.get("taints", [])),
        disk_gib=_disk_gib(template) or group.get("diskSize") or 20,
        on_demand_percentage=0 if capacity_type == "SPOT" else 100,
        driver=image is None or image.driver,
    )


def self_managed_kind(policy: Mapping[str, Any], template: Mapping[str, Any]) -> NodeKind:
    """Of a group with a launch template of the program's own; `policy` is its MixedInstancesPolicy, maybe empty."""
    overrides = policy.get("LaunchTemplate", {}).get("Overrides", [])
    distribution = policy.get("InstancesDistribution", {})
    labels, taints = registration(b64decode(template.get("UserData", "")))
    return NodeKind(
        instance_type=overrides[0]["InstanceType"] if overrides else template["InstanceType"],
        labels=labels,
        taints=taints,
        disk_gib=_disk_gib(template) or 20,
        on_demand_base=int(distribution.get("OnDemandBaseCapacity", 0)),
        on_demand_percentage=int(distribution.get("OnDemandPercentageAboveBaseCapacity", 100)),
    )


def registration(user_data: bytes) -> tuple[dict[str, str], tuple[Taint, ...]]:
    """The labels and taints a node registers with, from nodeadm's NodeConfig in MIME or from Bottlerocket's TOML.

    Nothing for user data that is neither.
    """
    for part in message_from_bytes(user_data).walk():
        if part.get_content_type() == "application/node.eks.aws":
            config = json.loads(str(part.get_payload()))  # the library writes JSON, which is YAML
            return _kubelet_flags(config["spec"].get("kubelet", {}).get("flags", []))
    try:
        settings = tomllib.loads(user_data.decode()).get("settings", {}).get("kubernetes", {})
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        return {}, ()
    values = [(key, value) for key, values in settings.get("node-taints", {}).items() for value in values]
    taints = tuple(Taint(key, *value.rsplit(":", 1)) for key, value in values)
    return dict(settings.get("node-labels", {})), taints


def _kubelet_flags(flags: Sequence[str]) -> tuple[dict[str, str], tuple[Taint, ...]]:
    given = dict(flag.split("=", 1) for flag in flags)
    labels = dict(pair.split("=", 1) for pair in given.get("--node-labels", "").split(",") if pair)
    taints = []
    for text in filter(None, given.get("--register-with-taints", "").split(",")):
        body, effect = text.rsplit(":", 1)
        key, _, value = body.partition("=")
        taints.append(Taint(key, value, effect))
    return labels, tuple(taints)


def _disk_gib(template: Mapping[str, Any]) -> int:
    """Of the largest disk: the one for container images."""
    disks = template.get("BlockDeviceMappings", [])
    return max((int(disk.get("Ebs", {}).get("VolumeSize") or 0) for disk in disks), default=0)


def node_name(instance_id: str, zone: str) -> str:
    """As EC2 names a machine by its id."""
    return f"{instance_id}.{_region(zone)}.compute.internal"


def node(kind: NodeKind, instance_id: str, zone: str, position: int) -> dict[str, Any]:
    """The Node that kubelet would register for an instance; kwok makes it Ready. Raises UnknownInstanceType."""
    row, name, region = instance_type(kind.instance_type), node_name(instance_id, zone), _region(zone)
    zone_id = next((known.id for known in zones(region) if known.name == zone), "")
    capacity, free = _resources(kind, row)
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "annotations": {CAPACITY_ANNOTATION: str(kind.capacity_type(position))},
            "labels": {
                **kind.labels,
                ARCH_LABEL: row.architecture,
                HOSTNAME_LABEL: name,
                INSTANCE_TYPE_LABEL: row.name,
                OS_LABEL: "linux",
                REGION_LABEL: region,
                ZONE_LABEL: zone,
                **({ZONE_ID_LABEL: zone_id} if zone_id else {}),
            },
        },
        "spec": {
            "providerID": f"{PROVIDER}{zone}/{instance_id}",
            "taints": [taint.for_kubernetes() for taint in kind.taints],
        },
        "status": {
            "capacity": capacity,
            "allocatable": free,
            "nodeInfo": {"architecture": row.architecture, "operatingSystem": "linux"},
        },
    }


def _region(zone: str) -> str:
    return zone[:-1]


def _resources(kind: NodeKind, row: InstanceType) -> tuple[dict[str, str], dict[str, str]]:
    """Capacity, and what of it pods get."""
    free = allocatable(row)
    devices = {name: str(count) for name, count in free.items() if name not in ("cpu", "memory", "pods")}
    pods = {"pods": str(free["pods"]), **(devices if kind.driver else {})}
    # kubelet evicts at 10 % free and keeps 1 GiB. Source: amazon-eks-ami, nodeadm.
    disk_gib = max(kind.disk_gib * 9 // 10 - 1, 0)
    return (
        {"cpu": str(row.vcpus), "memory": f"{row.memory_mib}Mi", "ephemeral-storage": f"{kind.disk_gib}Gi", **pods},
        {"cpu": f"{free['cpu']}m", "memory": f"{free['memory']}Mi", "ephemeral-storage": f"{disk_gib}Gi", **pods},
    )
