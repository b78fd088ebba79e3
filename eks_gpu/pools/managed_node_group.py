"""EKS managed node groups, and the auto scaling groups that EKS makes for them."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from eks_gpu.graph.graph import Resource
from eks_gpu.graph.unknown import Told, is_unknown, merged, texts
from eks_gpu.pools.autoscaler_template import from_managed_group
from eks_gpu.pools.launch_template import (
    IMAGE_DISK_GIB,
    Start,
    at_most_reserved,
    nothing_reserved,
    reserved_only,
    start,
)
from eks_gpu.pools.lookups import Lookups
from eks_gpu.pools.pool import MANAGED_NODE_GROUP, Disk, Pool
from eks_gpu.pools.type_facts import accelerator_kind, has_nvidia
from eks_gpu.pools.upgrade import of_managed_group
from eks_gpu_components.catalog import (
    AMI_TYPES,
    DEVICE_PLUGINS,
    EKS_CAPACITY_TYPE_LABEL,
    NODE_GROUP_LABEL,
    AmiType,
    CapacityType,
    Taint,
    brings_plugin,
)
from eks_gpu_components.catalog.images import ROOT_DEVICE

_DESCRIBED = {
    EKS_CAPACITY_TYPE_LABEL: "capacityType",
    "amiType": "amiType",
    "diskSize": "diskSize",
    "k8sVersion": "version",
}
"""Label -> field of a node group. Source: cluster autoscaler 1.35, aws_wrapper.go."""

DEFAULT_TYPE = "t3.medium"  # EKS API, CreateNodegroup, instanceTypes


def managed_node_group(resource: Resource, lookups: Lookups) -> Iterator[Pool]:
    """Labels and taints come from the group, and from user data where it brings its own image.

    AL2023's images require IMDSv2 unless a launch template says otherwise. Source: EKS User Guide, al2023.
    """
    inputs = resource.inputs
    started = start(lookups, inputs.get("launchTemplate"))
    name = str(resource["nodeGroupName"] or resource.name)
    scaling = inputs.get("scalingConfig") or {}
    capacity_type = str(inputs.get("capacityType") or "ON_DEMAND")
    subnet_ids = list(inputs.get("subnetIds") or ())
    tags = _group_tags(resource, lookups)
    labels = texts(inputs.get("labels"))
    taints = tuple(taint for item in inputs.get("taints") or () if (taint := _taint(item)))
    joined = started.node
    ami = AMI_TYPES.get(str(resource["amiType"] or ""))
    instance_types = tuple(inputs.get("instanceTypes") or (started.instance_type or DEFAULT_TYPE,))
    image = ami.family if ami else joined.image if joined else ""
    cluster = str(inputs.get("clusterName") or lookups.owners.only)
    chosen = inputs.get("launchTemplate") or re.match("[A-Z]", str(resource["amiType"] or ""))
    default = "" if chosen else lookups.image_of_managed_groups(cluster)
    accelerated, kind = has_nvidia(instance_types), accelerator_kind(instance_types)
    yield Pool(
        name=name,
        backend=MANAGED_NODE_GROUP,
        urn=resource.urn,
        upgrade=of_managed_group(resource, lookups.graph),
        cluster=cluster,
        region=lookups.region,
        instance_types=instance_types,
        capacity_types=reserved_only(started) or (CapacityType.from_eks(capacity_type).value,),
        reservations=started.reservations,
        on_demand_percentage=0 if capacity_type == "SPOT" else 100,
        zones=lookups.zones(subnet_ids),
        subnets=len(subnet_ids),
        min_nodes=int(scaling.get("minSize") or 0),
        desired_nodes=int(scaling.get("desiredSize") or 0),
        max_nodes=at_most_reserved(int(scaling.get("maxSize") or 0), started),
        starts_none=nothing_reserved(started),
        labels=merged(joined.labels if joined else {}, labels),
        taints=tuple(dict.fromkeys((*taints, *(joined.taints if joined else ())))),
        template=from_managed_group(
            tags, labels, taints, inputs.get("tags") or {}, _described(resource, name, cluster)
        ),
        well_known={
            NODE_GROUP_LABEL: name,
            EKS_CAPACITY_TYPE_LABEL: capacity_type,
            **lookups.labels_of_image(image, accelerated and (ami is None or ami.driver), cluster),
        },
        image=ami.family if ami else default,
        disks=_disks(started, inputs, ami.family if ami else default),
        parallel_pull=started.node is not None and started.node.parallel_pull,
        imds_v2=True if started.imds_v2 is None and "al2023" in (image, default) else started.imds_v2,
        driver=_driver(ami, image, kind) if kind else None,
        device_plugin=ami.device_plugin and ami.accelerator == kind if ami else brings_plugin(image, kind),
        tags=tags,
        desired_is_ignored=bool(
            {"scalingConfig", "scalingConfig.desiredSize"} & set(resource.options.get("ignoreChanges", ()))
        ),
    )


def _group_tags(resource: Resource, lookups: Lookups) -> dict[str, str]:
    """Tags on the auto scaling groups that EKS made."""
    tags: dict[str, str] = {}
    for made in resource["resources"] or ():
        for group in made.get("autoscalingGroups") or ():
            tags = merged(tags, lookups.group_tags.get(str(group.get("name")), {}))
    return tags


def _described(resource: Resource, name: str, cluster: str) -> dict[str, str]:
    """Labels that the autoscaler makes of EKS's own description: of the tags that EKS gives the auto scaling group, and
    of the fields that it reads of the node group, as far as the stack says them.
    """
    fields = {
        "cluster-name": cluster,
        "nodegroup-name": name,
        NODE_GROUP_LABEL: name,
        **{label: resource[key] for label, key in _DESCRIBED.items() if not is_unknown(resource.inputs, key)},
    }
    fields[EKS_CAPACITY_TYPE_LABEL] = fields.get(EKS_CAPACITY_TYPE_LABEL) or "ON_DEMAND"
    return {label: str(value) for label, value in fields.items() if value}


def _driver(ami: AmiType | None, image: str, kind: str) -> bool | None:
    """Whether the image brings the accelerator's driver, None for one's own."""
    if ami:
        return ami.drives(kind)
    return kind in DEVICE_PLUGINS if image == "bottlerocket" else None


def _taint(item: Mapping[str, Any]) -> Taint | None:
    if isinstance(item, Told) and item.unknown.keys() & {"key", "effect"}:  # nobody knows which
        return None
    try:
        return Taint.from_eks(item)
    except ValueError:  # EKS refuses the group itself
        return None


def _disks(started: Start, inputs: Mapping[str, Any], image: str) -> tuple[Disk, ...]:
    """The launch template's, else the one disk that EKS gives, which only an account's default encrypts."""
    if started.disks is not None:
        return started.disks
    return (Disk(gib=int(inputs.get("diskSize") or IMAGE_DISK_GIB), device=ROOT_DEVICE if image == "al2023" else ""),)
