"""Node classes: image, disks, subnets and role of a node pool's nodes.

Source: Karpenter 1.15, EC2NodeClass v1; EKS User Guide, "Create a Node Class for Amazon EKS".
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from eks_gpu.graph.graph import Resource
from eks_gpu.karpenter.objects import NodePool, part
from eks_gpu.pods.quantities import EPHEMERAL_STORAGE, GIB, gib
from eks_gpu.pools.karpenter_node import Controller, KarpenterNode, auto_mode_node, karpenter_node
from eks_gpu.pools.pool import Disk
from eks_gpu.pools.user_data import joined_node
from eks_gpu_components.catalog import DEVICE_PLUGINS, DEVICE_RESOURCES, brings_plugin
from eks_gpu_components.catalog.image_families import DEFAULT_VOLUME_GIB
from eks_gpu_components.catalog.images import EKS_OWNERS, drives_named

AUTO_MODE_GIB = 80
"""Size of the disk of Auto Mode's nodes whose class says nothing."""


@dataclass(frozen=True)
class NodeClass:
    """What is known about nodes before they start; None if it is unknown."""

    subnet_terms: tuple[Mapping[str, Any], ...] = ()
    image: str = ""
    """al2023 or bottlerocket, empty for another one."""
    disks: tuple[Disk, ...] | None = None
    instance_store: bool = False
    parallel_pull: bool = False
    imds_v2: bool | None = None
    drivers: Mapping[str, bool] = field(default_factory=dict)
    """Kind of accelerator, as nvidia -> whether its driver is in the image; a kind is missing if unknown."""
    device_plugins: tuple[str, ...] = ()
    """Kinds of accelerators whose device plugin a node brings: nvidia, neuron."""
    node: KarpenterNode = field(default_factory=KarpenterNode)
    """What a new node has."""


def node_class(pool: NodePool, controller: Controller) -> NodeClass:
    """Of Auto Mode, much is so whatever the class says, and so without it too."""
    spec = part(pool.node_class.inputs, "spec") if pool.node_class else {}
    terms = tuple(spec.get("subnetSelectorTerms") or ())
    if pool.auto_mode:
        plugins = tuple(DEVICE_PLUGINS)
        drivers = dict.fromkeys(plugins, True)
        disk = _auto_mode_disk(spec)
        node = auto_mode_node(disk.gib)
        return NodeClass(terms, disks=(disk,), imds_v2=True, drivers=drivers, device_plugins=plugins, node=node)
    if pool.node_class is None:
        return NodeClass(node=KarpenterNode(controller=controller, unknown=frozenset({EPHEMERAL_STORAGE})))
    image = _image(spec)
    node = karpenter_node(spec, controller)
    told = joined_node(spec.get("userData"))
    return NodeClass(
        terms,
        image,
        disks=_disks(spec.get("blockDeviceMappings") or (), node),
        instance_store=spec.get("instanceStorePolicy") == "RAID0",
        parallel_pull=told is not None and told.parallel_pull,
        imds_v2=part(spec, "metadataOptions").get("httpTokens", "required") == "required",
        drivers={kind: kind in DEVICE_PLUGINS for kind in DEVICE_RESOURCES} if image else dict(_drivers(spec)),
        device_plugins=tuple(kind for kind in DEVICE_PLUGINS if brings_plugin(image, kind)),
        node=node,
    )


def _image(spec: Mapping[str, Any]) -> str:
    aliases = (str(term.get("alias", "")).partition("@")[0] for term in spec.get("amiSelectorTerms") or ())
    family = next(filter(None, aliases), "")
    return family if family in ("al2023", "bottlerocket") else ""


def _drivers(spec: Mapping[str, Any]) -> Iterator[tuple[str, bool]]:
    """Of images that are selected by name or parameter: what all of them have alike, if all are of EKS."""
    terms = spec.get("amiSelectorTerms") or ()
    for kind in DEVICE_RESOURCES:
        found = {_drives(term, kind) for term in terms}
        if found in ({True}, {False}):
            yield kind, True in found


def _drives(term: Mapping[str, Any], kind: str) -> bool | None:
    """Without an owner Karpenter takes images of Amazon and of the account; others may have any name."""
    if term.get("owner", "amazon") not in EKS_OWNERS or term.get("tags"):
        return None
    return drives_named(str(term.get("name") or term.get("ssmParameter") or ""), kind)


def _auto_mode_disk(spec: Mapping[str, Any]) -> Disk:
    storage = part(spec, "ephemeralStorage")
    return Disk(
        gib=_gib(storage.get("size")) or AUTO_MODE_GIB,
        encrypted=True,
        iops=int(storage.get("iops") or 0),
        throughput_mib_s=int(storage.get("throughput") or 0),
    )


def _disks(mappings: Iterable[Mapping[str, Any]], node: KarpenterNode) -> tuple[Disk, ...] | None:
    """The volumes of the class, and the image's own if the class leaves out the one that pods fill. Of a class without
    any, Karpenter's own, which it encrypts.
    """
    stated = [(str(mapping.get("deviceName") or ""), mapping["ebs"]) for mapping in mappings if mapping.get("ebs")]
    default = node.family.volumes
    if not stated:
        return tuple(Disk(size, encrypted=True, device=device) for device, size in default.items()) or None
    known = all(device for device, _ in stated) and not node.has_root
    missing = known and node.family.pods_device not in (None, *(device for device, _ in stated))
    own = [Disk(node.volume_size // GIB, "gp2", device=node.images_device, sized=False)] if missing else []
    return (*_stated_disks(stated), *own)


def _stated_disks(stated: Iterable[tuple[str, Mapping[str, Any]]]) -> tuple[Disk, ...]:
    return tuple(
        Disk(
            gib=_gib(volume.get("volumeSize")) or DEFAULT_VOLUME_GIB,
            volume_type=str(volume.get("volumeType") or "gp3"),
            encrypted=volume.get("encrypted") is True,
            iops=int(volume.get("iops") or 0),
            throughput_mib_s=int(volume.get("throughput") or 0),
            device=device,
            sized=bool(volume.get("volumeSize")),
            snapshot=str(volume.get("snapshotID") or ""),
            initialization_mib_s=int(volume.get("volumeInitializationRate") or 0),
        )
        for device, volume in stated
    )


def _gib(size: Any) -> int:
    try:
        return gib(size)
    except ValueError:
        return 0


def role(resource: Resource) -> str:
    """`spec.role`, empty for a class with an instance profile."""
    return str(part(resource.inputs, "spec").get("role") or "")
