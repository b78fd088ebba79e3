"""What the catalog knows of the types and zones that a stack names; nothing where it does not know them."""

from collections.abc import Iterable, Sequence

from eks_gpu_components.catalog import (
    DEVICE_RESOURCES,
    InstanceType,
    UnknownInstanceType,
    UnknownRegion,
    instance_type,
    zones,
    zones_offering,
)


def accelerator_kind(instance_types: Iterable[str]) -> str | None:
    """nvidia, neuron, amd or habana, the first that a node of these types may have; None where they have none."""
    kinds = {row.accelerator.kind for row in map(known_type, instance_types) if row and row.accelerator}
    return next((kind for kind in DEVICE_RESOURCES if kind in kinds), None)


def has_nvidia(instance_types: Iterable[str]) -> bool:
    """Whether a node of one of the types has NVIDIA devices that pods can ask for."""
    return any(row.gpus for row in map(known_type, instance_types) if row)


def is_offered(row: InstanceType, region: str, names: Sequence[str]) -> bool:
    """Whether one of the zones, or of the region's zones if none is named, offers the type; True if unknown."""
    try:
        found = {zone.name for zone in zones_offering(row.name, region)}
    except UnknownRegion:
        return True
    return bool(found.intersection(names) if names else found)


def zone_ids(region: str) -> dict[str, str]:
    """Zone name to id, as the catalog has them; empty for a region that it does not know."""
    try:
        return {zone.name: zone.id for zone in zones(region)}
    except UnknownRegion:
        return {}


def known_type(name: str) -> InstanceType | None:
    """The type of this name, None for one that the catalog does not know."""
    try:
        return instance_type(name)
    except UnknownInstanceType:
        return None
