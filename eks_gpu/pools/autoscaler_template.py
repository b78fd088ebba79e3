"""What the cluster autoscaler knows of a group without nodes.

Source: cluster autoscaler 1.35, AWS README, aws_manager.go and aws_wrapper.go.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from eks_gpu.graph.unknown import after, keys, merged, without
from eks_gpu.pods.quantities import CPU, MEMORY, MIB, PODS, quantity
from eks_gpu.pools.pool import Pool, Template
from eks_gpu_components.catalog import (
    ARCH_LABEL,
    AUTOSCALER_LABEL_TAG,
    AUTOSCALER_RESOURCE_TAG,
    AUTOSCALER_TAINT_TAG,
    EBS_ZONE_LABEL,
    GPU_RESOURCE,
    INSTANCE_TYPE_LABEL,
    OS_LABEL,
    REGION_LABEL,
    ZONE_LABEL,
    InstanceType,
    Taint,
)

PODS_AT_ZERO = 110
"""Pods that the autoscaler expects of every new node, whatever its type."""
_EKS_TAG = "eks:"
"""What follows it in a tag's key is a label to the autoscaler: so it sees whose managed group it is."""


@dataclass(frozen=True)
class NodeAtZero:
    """The node that the autoscaler expects an empty group to start; all that it has is for pods."""

    labels: Mapping[str, str]
    taints: tuple[Taint, ...]
    resources: Mapping[str, Fraction]
    """Resource to amount: whole cores, bytes, or ones."""


def from_tags(tags: Mapping[str, str]) -> Template:
    """The template as the autoscaler reads it from a group's tags: a taint whose value is not `value:Effect` is
    ignored.
    """
    told = after(tags, AUTOSCALER_TAINT_TAG)
    taints = (Taint.from_autoscaler_tag(f"{AUTOSCALER_TAINT_TAG}{key}", value) for key, value in told.items())
    return Template(
        labels=_without_empty(after(tags, AUTOSCALER_LABEL_TAG)),
        taints=tuple(taint for taint in taints if taint),
        resources=_without_empty(after(tags, AUTOSCALER_RESOURCE_TAG)),
        described=_without_empty(after(without(tags, *(key for key in keys(tags) if _is_label(key))), _EKS_TAG)),
    )


def from_managed_group(
    tags: Mapping[str, str],
    labels: Mapping[str, str],
    taints: tuple[Taint, ...],
    group_tags: Mapping[str, str],
    described: Mapping[str, str],
) -> Template:
    """As it joins what EKS tells of a managed group to the tags of the auto scaling group that EKS made.

    Here a taint without a value is ignored, and the node group's own tags give resources but no labels.
    """
    told = from_tags(tags)
    return Template(
        labels=merged(without(told.labels, *described), labels),
        taints=tuple(dict.fromkeys((*told.taints, *(taint for taint in taints if taint.value)))),
        resources={**told.resources, **_readable(_without_empty(after(group_tags, AUTOSCALER_RESOURCE_TAG)))},
        described={**told.described, **described},
    )


def node_at_zero(pool: Pool) -> NodeAtZero | None:
    """The node that the autoscaler plans with while the group has none; None if the catalog lacks its first type.

    The first zone is the group's, if it is known. A tag tells more than a type, and EKS more than a tag.
    """
    first = next(iter(pool.types), None)
    if pool.template is None or first is None or first.name != pool.instance_types[0]:
        return None
    zone = pool.zones[0] if pool.zones else ""
    places = {REGION_LABEL: zone[:-1], ZONE_LABEL: zone, EBS_ZONE_LABEL: zone} if zone else {REGION_LABEL: pool.region}
    generic = {ARCH_LABEL: first.architecture, OS_LABEL: "linux", INSTANCE_TYPE_LABEL: first.name, **places}
    capacity = {
        PODS: Fraction(PODS_AT_ZERO),
        CPU: Fraction(first.vcpus),
        MEMORY: Fraction(first.memory_mib * MIB),
        GPU_RESOURCE: Fraction(_gpus(first)),
    }
    stated = {name: quantity(text) for name, text in _readable(pool.template.resources).items()}
    return NodeAtZero(
        labels=merged(generic, pool.template.described, pool.template.labels),
        taints=pool.template.taints,
        resources={**capacity, **stated},
    )


def _gpus(row: InstanceType) -> int:
    """What EC2 calls GPUs, of whatever maker: the autoscaler takes them all for NVIDIA's."""
    return row.accelerators if row.accelerator and row.accelerator.kind != "neuron" else 0


def _is_label(tag: str) -> bool:
    return AUTOSCALER_LABEL_TAG in tag


def _without_empty(told: Mapping[str, str]) -> dict[str, str]:
    return {key: value for key, value in told.items() if key}


def _readable(resources: Mapping[str, str]) -> dict[str, str]:
    """Without quantities that the autoscaler cannot read: then it is as if there were no tag."""
    return {name: text for name, text in resources.items() if _is_quantity(text)}


def _is_quantity(text: str) -> bool:
    """The API server passes over spaces around a quantity; the autoscaler does not."""
    try:
        quantity(text)
    except ValueError:
        return False
    return text == text.strip(" ")
