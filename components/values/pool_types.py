"""The instance types of one pool: known, of use to its pods, and alike enough for one group."""

from typing import Any

from ..catalog import Accelerator, InstanceType, image_supports, instance_type, instance_types


def known_type(name: Any) -> Any:
    """The type of this name; what is no text is left to its model. Raises ValueError for a family or another name."""
    if not isinstance(name, str):
        return name
    if "." not in name and (family := [row for row in instance_types() if row.family == name]):
        nearest = min(family, key=lambda row: (row.accelerators, row.vcpus))
        reason = "pods packed on one of its larger types can cost more than a small node for each"
        raise ValueError(f"{name} is a family, and {reason}: name the types; nearest: {nearest.name}")
    return instance_type(name)


def accelerator_of(row: InstanceType) -> Accelerator:
    """The accelerator of a type that a pool has, which the rules on its types make sure of."""
    assert row.accelerator, row.name
    return row.accelerator


def unusable(row: InstanceType) -> str | None:
    """Why no pod could use a node's accelerators, or None."""
    if row.accelerator is None:
        return f"{row.name} has no accelerator"
    if row.accelerator.fraction < 1:
        part = f"{row.accelerator.fraction:g} of a GPU"
        return f"{row.name} has {part}, which no pod can request: {row.accelerator.resource} counts whole devices"
    if not image_supports(row):
        return f"{row.name}: EKS makes no image with a driver for its {row.accelerator.maker} {row.accelerator.name}"
    return None


def differing(rows: tuple[InstanceType, ...]) -> list[str]:
    """In what the types of one group differ though they must not."""
    facts = (
        ("architecture", "one image boots them all", lambda row: row.architecture),
        ("maker of accelerators", "one image has one driver", lambda row: accelerator_of(row).maker),
        ("accelerator count", "the autoscaler plans every node with the first type", lambda row: row.accelerators),
    )
    return [
        f"types must have one {fact}, because {reason}: {', '.join(f'{row.name} has {of(row)}' for row in rows)}"
        for fact, reason, of in facts
        if len({of(row) for row in rows}) > 1
    ]
