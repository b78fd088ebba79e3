"""Self-managed node groups: EC2 Auto Scaling groups whose instances join a cluster."""

from collections.abc import Iterator, Mapping
from typing import Any

from eks_gpu.graph.graph import Resource
from eks_gpu.graph.unknown import keys, merged, pairs
from eks_gpu.pools.autoscaler_template import from_tags
from eks_gpu.pools.launch_template import Start, at_most_reserved, nothing_reserved, reserved_only, start
from eks_gpu.pools.lookups import Lookups
from eks_gpu.pools.pool import AUTO_SCALING_GROUP, Pool
from eks_gpu.pools.type_facts import accelerator_kind, has_nvidia
from eks_gpu.pools.upgrade import of_auto_scaling_group
from eks_gpu_components.catalog import CLUSTER_TAG, DEVICE_PLUGINS, CapacityType, brings_plugin
from eks_gpu_components.catalog.label_rules import KUBERNETES_DOMAINS
from eks_gpu_components.catalog.tags import CLUSTER_NAME_TAGS, OTHER_CLUSTER_NAME_TAGS

# Tags by which a group tells that its instances are nodes, with the name of the cluster as value or without.
NAME_TAGS = (*CLUSTER_NAME_TAGS, *OTHER_CLUSTER_NAME_TAGS)
_CLUSTER_TAGS = tuple(f"{domain}/" for domain in KUBERNETES_DOMAINS)


def auto_scaling_group(resource: Resource, lookups: Lookups) -> Iterator[Pool]:
    """From a mixed instances policy or a plain launch template; nothing for a group that joins no cluster."""
    inputs = resource.inputs
    policy = inputs.get("mixedInstancesPolicy") or {}
    mixed = policy.get("launchTemplate") or {}
    started = start(lookups, mixed.get("launchTemplateSpecification") or inputs.get("launchTemplate"))
    name = str(resource["name"] or resource.name)
    tags = merged(pairs(inputs.get("tags")), lookups.group_tags.get(name, {}))
    if started.joins is False and not any(map(_is_of_kubernetes, keys(tags))):
        return
    template = from_tags(tags)
    distribution = policy.get("instancesDistribution") or {}
    percentage = _on_demand_percentage(policy, distribution, started)
    base = int(distribution.get("onDemandBaseCapacity") or 0)
    subnet_ids = list(inputs.get("vpcZoneIdentifiers") or ())
    desired = inputs.get("desiredCapacity")
    instance_types = _instance_types(mixed, started)
    accelerated, kind = has_nvidia(instance_types), accelerator_kind(instance_types)
    image = started.node.image if started.node else ""
    cluster = (started.node.cluster if started.node else "") or next(_clusters_in(tags), "") or lookups.owners.only
    yield Pool(
        name=resource.name if "#" in resource.urn else name,  # in a template its own, and AWS's only without one
        backend=AUTO_SCALING_GROUP,
        urn=resource.urn,
        upgrade=of_auto_scaling_group(resource, lookups.graph),
        cluster=cluster,
        region=lookups.region,
        instance_types=instance_types,
        capacity_types=reserved_only(started) or _capacity_types(base, percentage),
        reservations=started.reservations,
        on_demand_base=base,
        on_demand_percentage=percentage,
        zones=lookups.zones(subnet_ids) or tuple(inputs.get("availabilityZones") or ()),
        subnets=len(subnet_ids),
        min_nodes=int(inputs.get("minSize") or 0),
        desired_nodes=None if desired is None else int(desired),
        max_nodes=at_most_reserved(int(inputs.get("maxSize") or 0), started),
        starts_none=nothing_reserved(started),
        # User data that cannot be read leaves the tags, which are meant to say the same.
        labels=started.node.labels if started.node else template.labels,
        taints=started.node.taints if started.node else template.taints,
        template=template,
        well_known=lookups.labels_of_image(image, accelerated, cluster),
        disks=started.disks,
        parallel_pull=started.node is not None and started.node.parallel_pull,
        # AL2023's images of EKS require version 2 by themselves.
        imds_v2=True if started.imds_v2 is None and image == "al2023" and started.newest_image else started.imds_v2,
        driver=kind in DEVICE_PLUGINS if kind and image == "bottlerocket" else None,
        device_plugin=brings_plugin(image, kind),
        tags=tags,
        suspended_processes=tuple(inputs.get("suspendedProcesses") or ()),
        desired_is_ignored=desired is None or "desiredCapacity" in resource.options.get("ignoreChanges", ()),
    )


def _is_of_kubernetes(tag: str) -> bool:
    return tag.startswith((CLUSTER_TAG, *_CLUSTER_TAGS)) or tag in NAME_TAGS


def _clusters_in(tags: Mapping[str, str]) -> Iterator[str]:
    """Names of clusters that the tags of a group tell."""
    yield from (tag.removeprefix(CLUSTER_TAG) for tag in keys(tags) if tag.startswith(CLUSTER_TAG))
    yield from (tags[tag] for tag in NAME_TAGS if tag in tags)


def _instance_types(mixed: Mapping[str, Any], started: Start) -> tuple[str, ...]:
    overrides = [override["instanceType"] for override in mixed.get("overrides") or () if override.get("instanceType")]
    return tuple(overrides or filter(None, [started.instance_type]))


def _on_demand_percentage(policy: Mapping[str, Any], distribution: Mapping[str, Any], started: Start) -> int:
    if not policy:
        return 0 if started.spot else 100
    stated = distribution.get("onDemandPercentageAboveBaseCapacity")
    return 100 if stated is None else int(stated)  # AWS's default is no Spot at all


def _capacity_types(base: int, percentage: int) -> tuple[str, ...]:
    spot = [CapacityType.SPOT.value] if percentage < 100 else []
    on_demand = [CapacityType.ON_DEMAND.value] if base or percentage else []
    return (*spot, *on_demand)
