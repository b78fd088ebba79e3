"""Self-managed node groups: EC2 Auto Scaling groups whose instances join a cluster."""

from collections.abc import Iterator, Mapping
from typing import Any

from eks_gpu.graph.graph import Resource
from eks_gpu.graph.unknown import merged, pairs
from eks_gpu.pools.autoscaler_template import from_tags
from eks_gpu.pools.launch_template import Start, start
from eks_gpu.pools.lookups import Lookups
from eks_gpu.pools.pool import AUTO_SCALING_GROUP, Pool, accelerator_kind, has_nvidia
from eks_gpu.pools.upgrade import of_auto_scaling_group
from eks_gpu_components.catalog import CapacityType, brings_plugin


def auto_scaling_group(resource: Resource, lookups: Lookups) -> Iterator[Pool]:
    """From a mixed instances policy or a plain launch template."""
    inputs = resource.inputs
    policy = inputs.get("mixedInstancesPolicy") or {}
    mixed = policy.get("launchTemplate") or {}
    started = start(lookups.graph, mixed.get("launchTemplateSpecification") or inputs.get("launchTemplate"))
    name = str(resource["name"] or resource.name)
    tags = merged(pairs(inputs.get("tags")), lookups.group_tags.get(name, {}))
    template = from_tags(tags)
    distribution = policy.get("instancesDistribution") or {}
    percentage = _on_demand_percentage(policy, distribution, started)
    base = int(distribution.get("onDemandBaseCapacity") or 0)
    subnet_ids = list(inputs.get("vpcZoneIdentifiers") or ())
    desired = inputs.get("desiredCapacity")
    instance_types = _instance_types(mixed, started)
    accelerated, kind = has_nvidia(instance_types), accelerator_kind(instance_types)
    image = started.node.image if started.node else ""
    yield Pool(
        name=name,
        backend=AUTO_SCALING_GROUP,
        urn=resource.urn,
        upgrade=of_auto_scaling_group(resource, lookups.graph),
        cluster=started.node.cluster if started.node else "",
        region=lookups.region,
        instance_types=instance_types,
        capacity_types=_capacity_types(base, percentage),
        on_demand_base=base,
        on_demand_percentage=percentage,
        zones=lookups.zones(subnet_ids) or tuple(inputs.get("availabilityZones") or ()),
        subnets=len(subnet_ids),
        min_nodes=int(inputs.get("minSize") or 0),
        desired_nodes=None if desired is None else int(desired),
        max_nodes=int(inputs.get("maxSize") or 0),
        # User data that cannot be read leaves the tags, which are meant to say the same.
        labels=started.node.labels if started.node else template.labels,
        taints=started.node.taints if started.node else template.taints,
        template=template,
        well_known=lookups.labels_of_image(image, accelerated),
        disks=started.disks,
        imds_v2=started.imds_v2,
        driver=True if kind and image == "bottlerocket" else None,
        device_plugin=brings_plugin(image, kind),
        tags=tags,
        suspended_processes=tuple(inputs.get("suspendedProcesses") or ()),
        desired_is_ignored=desired is None or "desiredCapacity" in resource.options.get("ignoreChanges", ()),
    )


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
