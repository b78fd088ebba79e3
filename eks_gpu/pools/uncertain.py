"""Pools of which something is unknown: each field knows the unknown properties that it comes from."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import Any

from eks_gpu.graph.unknown import Asked, listening, tell
from eks_gpu.pools.pool import AUTO_SCALING_GROUP, Pool

_BY_TYPE = ("instance_types", "well_known", "driver", "device_plugin")
_BY_MARKET = ("capacity_types", "on_demand_base", "on_demand_percentage")
# Its cluster is empty where nothing says it, which every reader of it expects.
_BY_USER_DATA = ("labels", "taints", "well_known", "driver", "device_plugin")
_BY_TEMPLATE = (*_BY_TYPE, *_BY_MARKET, *_BY_USER_DATA, "disks", "imds_v2")

_FIELDS: Mapping[str, tuple[str, ...]] = {
    # auto scaling groups
    "name": ("tags",),
    "minSize": ("min_nodes",),
    "maxSize": ("max_nodes",),
    "desiredCapacity": ("desired_nodes", "desired_is_ignored"),
    "vpcZoneIdentifiers": ("zones", "subnets"),
    "availabilityZones": ("zones",),
    "suspendedProcesses": ("suspended_processes",),
    "mixedInstancesPolicy": _BY_TEMPLATE,
    "mixedInstancesPolicy.instancesDistribution": _BY_MARKET,
    "mixedInstancesPolicy.launchTemplate.overrides": _BY_TYPE,
    "tags": ("tags", "template"),
    "tags.value": ("template",),
    "tag": ("tags", "template"),
    "autoscalingGroupName": ("tags", "template"),
    # managed node groups
    "nodeGroupName": ("well_known",),
    "clusterName": ("cluster",),
    "amiType": ("well_known", "driver", "device_plugin", "imds_v2"),
    "instanceTypes": _BY_TYPE,
    "capacityType": (*_BY_MARKET, "well_known"),
    "diskSize": ("disks",),
    "labels": ("labels", "template"),
    "taints": ("taints", "template"),
    "subnetIds": ("zones", "subnets"),
    "selectors": ("selectors",),
    "scalingConfig": ("min_nodes", "desired_nodes", "max_nodes"),
    "scalingConfig.minSize": ("min_nodes",),
    "scalingConfig.desiredSize": ("desired_nodes",),
    "scalingConfig.maxSize": ("max_nodes",),
    # their launch templates and subnets
    "launchTemplate": _BY_TEMPLATE,
    "instanceType": _BY_TYPE,
    "imageId": ("well_known", "driver", "device_plugin", "imds_v2"),
    "instanceMarketOptions": _BY_MARKET,
    "capacityReservationSpecification": (*_BY_MARKET, "reservations"),
    "blockDeviceMappings": ("disks",),
    "metadataOptions": ("imds_v2",),
    "userData": _BY_USER_DATA,
    "availabilityZone": ("zones",),
}
"""Property of a group, its launch template or its subnets -> fields of the pool that are read from it."""
_ALL = tuple(each.name for each in fields(Pool) if each.name not in ("name", "backend", "urn", "region"))
_DERIVED = tuple(name for name, value in vars(Pool).items() if isinstance(value, cached_property))
_SIZES = ("instance_types", *_BY_MARKET, "min_nodes", "desired_nodes", "max_nodes", "limits", "disks")


@dataclass(frozen=True, kw_only=True)
class UncertainPool(Pool):
    """A pool with unknown properties: who reads a field is heard to ask for those that it comes from."""

    asked: Mapping[str, frozenset[Asked]] = field(default_factory=dict, compare=False)
    """By field."""

    def __getattribute__(self, name: str) -> Any:
        asked = super().__getattribute__("asked").get(name)
        if asked:
            tell(asked)
        return super().__getattribute__(name)


def uncertain(pool: Pool, asked: Iterable[Asked]) -> Pool:
    """The pool, told from these unknown properties; the pool itself if there are none."""
    by_field: dict[str, set[Asked]] = {}
    for each in asked:
        if each.root == "userData" and _said_elsewhere(pool):
            continue
        for name in _fields_of(each, pool.urn):
            by_field.setdefault(name, set()).add(replace(each, by=pool.name))
    own = {name: frozenset(some) for name, some in by_field.items()}
    found = UncertainPool(**{each.name: getattr(pool, each.name) for each in fields(Pool)}, asked=own)
    for name in _DERIVED:  # computed once, so what it was computed from is kept too
        with listening(alone=True) as heard:
            getattr(found, name)
        if heard:
            object.__setattr__(found, "asked", {**found.asked, name: frozenset(heard)})
    return found


def unknown_sizes(pool: Pool) -> list[Asked]:
    """Unknown properties that decide how many nodes the pool has, or what they cost."""
    by_field = pool.asked if isinstance(pool, UncertainPool) else {}
    return sorted({asked for name in _SIZES for asked in by_field.get(name, ())})


def _said_elsewhere(pool: Pool) -> bool:
    """Whether labels and taints stand beside the user data: in tags for the autoscaler, or in a managed group that has
    them itself or EKS's own image.
    """
    if pool.backend == AUTO_SCALING_GROUP:
        template = pool.template
        return bool(template and (template.labels or template.taints or template.resources))
    return bool(pool.labels or pool.taints) or pool.driver is not None


def _fields_of(asked: Asked, urn: str) -> Iterator[str]:
    parts = re.sub(r"\[\d+\]", "", asked.path).split(".")
    if "kubernetes:" in urn:  # a node pool is read as a whole
        yield from _ALL
        return
    for length in range(len(parts), 0, -1):
        if found := _FIELDS.get(".".join(parts[:length])):
            yield from found
            return
    yield from _ALL
