"""The launch template of a group: image, disks, user data and metadata options of its nodes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from eks_gpu.graph.graph import Graph, Resource
from eks_gpu.graph.unknown import is_unknown
from eks_gpu.pools.clusters import COMPONENT, RESOURCE
from eks_gpu.pools.lookups import Lookups
from eks_gpu.pools.pool import Disk
from eks_gpu.pools.reservations import Reservation, ceiling, of_template, why_none
from eks_gpu.pools.user_data import JoinedNode, decoded, joined_node
from eks_gpu_components.catalog import CapacityType

LAUNCH_TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"
MASK = "[secret]"
_OF_A_NODE = ("bootstrap", "cloud-config", "eks", "kube", "nodeadm")
ROOT_DEVICES = ("/dev/xvda", "/dev/sda1")
BOTTLEROCKET_DATA_DEVICE = "/dev/xvdb"
# Sizes that images come with. Source: EKS API, CreateNodegroup, diskSize; Bottlerocket's README.
IMAGE_DISK_GIB, BOTTLEROCKET_ROOT_GIB = 20, 2


@dataclass(frozen=True)
class Start:
    """The settings of nodes in a launch template; None for those that it does not have."""

    instance_type: str | None = None
    spot: bool = False
    disks: tuple[Disk, ...] | None = None
    imds_v2: bool | None = None
    node: JoinedNode | None = None
    newest_image: bool = False
    """Whether the image was looked up: then it is one of EKS's own, as far as user data says which."""
    reservations: tuple[Reservation, ...] = ()
    """What its instances start in, and in nothing else."""
    joins: bool | None = None
    """Whether user data lets the nodes join a cluster; None if nobody can tell."""


def start(lookups: Lookups, specification: Mapping[str, Any] | None) -> Start:
    """Of the template that a group names by id or by name; nothing known for one outside the stack."""
    graph = lookups.graph
    template = template_of(graph, specification)
    if template is None:
        return Start()
    inputs = template.inputs
    metadata = inputs.get("metadataOptions") or {}
    market = inputs.get("instanceMarketOptions") or {}
    mappings = inputs.get("blockDeviceMappings") or []
    return Start(
        instance_type=inputs.get("instanceType"),
        spot=market.get("marketType") == "spot",
        disks=_disks(mappings) if mappings else None,
        imds_v2=metadata.get("httpTokens") == "required" if metadata else None,
        newest_image=str(inputs.get("imageId")) in (graph.looked_up or ()),
        reservations=of_template(template, graph, lookups.region, lookups.on),
        node=(node := joined_node(inputs.get("userData"))),
        joins=True if node else None if _may_join(template, graph) else False,
    )


def reserved_only(started: Start) -> tuple[str, ...]:
    """The capacity type of instances that target a reservation; empty for others."""
    return (CapacityType.RESERVED.value,) if started.reservations else ()


def at_most_reserved(nodes: int, started: Start) -> int:
    """So many nodes, or fewer if less is reserved today."""
    there = ceiling(started.reservations) if started.reservations else None
    return nodes if there is None else min(nodes, there)


def nothing_reserved(started: Start) -> str:
    """Why no node starts today in what the template targets, as a clause; empty if some may."""
    return why_none(started.reservations) if started.reservations and at_most_reserved(1, started) == 0 else ""


def _may_join(template: Resource, graph: Graph) -> bool:
    """Whether user data that names no node may let one join all the same: what is unknown, or a script of one's own.

    Without user data an image of one's own may join by itself, if there is a cluster.
    """
    if is_unknown(template.inputs, "userData"):
        return True
    text = decoded(template.inputs.get("userData"))
    if text is None:
        own_image = bool(template.inputs.get("imageId")) and bool(graph.of(COMPONENT, RESOURCE))
        return own_image or bool(template.property_dependencies.get("userData"))
    return text == MASK or any(word in text.lower() for word in _OF_A_NODE)


def template_of(graph: Graph, specification: Mapping[str, Any] | None) -> Resource | None:
    """The template that a group names, where it is of this stack."""
    specification = specification or {}
    for key in ("launchTemplateId", "id"):
        if specification.get(key):
            return graph.by_id(str(specification[key]), LAUNCH_TEMPLATE)
    name = specification.get("launchTemplateName") or specification.get("name")
    return next((found for found in graph.of(LAUNCH_TEMPLATE) if name and found["name"] == name), None)


def _disks(mappings: list[Mapping[str, Any]]) -> tuple[Disk, ...]:
    ebs = [(mapping.get("deviceName"), mapping["ebs"]) for mapping in mappings if mapping.get("ebs")]
    # Two disks are Bottlerocket's way: a small root, and one that container images fill.
    root_gib = BOTTLEROCKET_ROOT_GIB if len(ebs) > 1 else IMAGE_DISK_GIB
    return tuple(
        Disk(
            gib=int(volume.get("volumeSize") or (root_gib if device in ROOT_DEVICES else IMAGE_DISK_GIB)),
            volume_type=str(volume.get("volumeType") or "gp2"),
            encrypted=str(volume.get("encrypted", "")).lower() == "true",
            iops=int(volume.get("iops") or 0),
            throughput_mib_s=int(volume.get("throughput") or 0),
            device=str(device or ""),
            sized=bool(volume.get("volumeSize")),
            snapshot=str(volume.get("snapshotId") or ""),
            initialization_mib_s=int(volume.get("volumeInitializationRate") or 0),
        )
        for device, volume in ebs
    )
