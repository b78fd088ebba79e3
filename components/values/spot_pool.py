"""SpotPool: Spot nodes for general workloads, of equal size, described once for both back ends."""

from collections.abc import Sequence
from typing import Annotated, Any, NotRequired

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator
from typing_extensions import TypedDict

from ..catalog import (
    GENERAL_CATEGORIES,
    MAX_DISK_GIB,
    MAX_INSTANCE_TYPES,
    MIN_DISK_GIB,
    MIN_SPOT_TYPES,
    InstanceType,
    instance_type,
    instance_types,
)
from .arg_words import NodeImageArg
from .labels_and_taints import Labels, NodeTaint, TaintArgs
from .validation_messages import refused
from .value import Value
from .words import NodeImage


class SpotPoolArgs(TypedDict):
    """A pool of nodes for general workloads."""

    instance_types: list[str]
    """6 to 20 instance types without accelerators, with equal vCPUs, memory and architecture: the autoscaler plans
    every node with the first.
    """
    max_nodes: int
    """Maximum number of nodes."""
    min_nodes: NotRequired[int]
    """Minimum number of nodes. Default 0."""
    desired_nodes: NotRequired[int]
    """Number of nodes at the start; later the autoscaler decides. Default `min_nodes`."""
    on_demand_base: NotRequired[int]
    """Number of on-demand nodes before any Spot node. Default 0."""
    on_demand_percentage: NotRequired[int]
    """Percentage of on-demand nodes beyond `on_demand_base`. Default 0."""
    disk_gib: NotRequired[int]
    """Size of a node's disk for images and pods, in GiB, 20 or more. Default 50."""
    labels: NotRequired[dict[str, str]]
    """Labels of the nodes, besides the label of the capacity type. Default none."""
    taints: NotRequired[list[TaintArgs]]
    """Taints of the nodes; a taint needs a value, and a key has one taint. Default none."""
    node_image: NotRequired[NodeImageArg]
    """Image of the nodes: al2023 or bottlerocket. Default al2023."""


def _row(name: Any) -> Any:
    return instance_type(name) if isinstance(name, str) else name


class SpotPool(Value):
    """Nodes for general work, checked. A rule that looks at a field sees only the fields above it."""

    instance_types: tuple[Annotated[InstanceType, BeforeValidator(_row, json_schema_input_type=str)], ...]
    max_nodes: int = Field(ge=1)
    min_nodes: int = Field(default=0, ge=0)
    desired_nodes: int | None = None
    on_demand_base: int = Field(default=0, ge=0)
    on_demand_percentage: int = Field(default=0, ge=0, le=100)
    disk_gib: int = Field(default=50, ge=MIN_DISK_GIB, le=MAX_DISK_GIB)
    labels: Labels = Field(default_factory=dict)
    taints: tuple[NodeTaint, ...] = ()
    node_image: NodeImage = "al2023"

    @field_validator("instance_types")
    @classmethod
    def _one_shape(cls, rows: tuple[InstanceType, ...]) -> tuple[InstanceType, ...]:
        problems = [problem for row in rows if (problem := _unsuitable(row))]
        if not MIN_SPOT_TYPES <= len(set(rows)) == len(rows) <= MAX_INSTANCE_TYPES:
            problems.append(f"give {MIN_SPOT_TYPES} to {MAX_INSTANCE_TYPES} different types, got {len(set(rows))}")
        if rows and (others := [row for row in rows if _shape(row) != _shape(rows[0])]):
            differing = ", ".join(f"{row.name} has {_shape(row)}" for row in others)
            reason = "the autoscaler plans every node with the first type"
            problems.append(f"{reason}: {rows[0].name} has {_shape(rows[0])}, but {differing}")
        if problems:
            raise ValueError("; ".join([*problems, *_others_like(rows)]))
        return rows

    @field_validator("min_nodes")
    @classmethod
    def _at_most_max(cls, min_nodes: int, info: ValidationInfo) -> int:
        if min_nodes > info.data.get("max_nodes", min_nodes):
            raise refused(f"must be at most max_nodes {info.data['max_nodes']}")
        return min_nodes

    @field_validator("desired_nodes")
    @classmethod
    def _between(cls, desired_nodes: int | None, info: ValidationInfo) -> int | None:
        if desired_nodes is None or not {"min_nodes", "max_nodes"} <= info.data.keys():
            return desired_nodes
        least, most = info.data["min_nodes"], info.data["max_nodes"]
        if not least <= desired_nodes <= most:
            raise refused(f"must be from {least} to {most}")
        return desired_nodes

    @field_validator("taints")
    @classmethod
    def _one_effect_a_key(cls, taints: tuple[NodeTaint, ...]) -> tuple[NodeTaint, ...]:
        keys = [taint.key for taint in taints]
        if twice := sorted({key for key in keys if keys.count(key) > 1}):
            raise ValueError(f"{', '.join(twice)} is there twice, and the autoscaler can be told of one taint a key")
        return taints


def _shape(row: InstanceType) -> str:
    return f"{row.vcpus} vCPUs, {row.memory_mib / 1024:g} GiB and {row.architecture}"


def _unsuitable(row: InstanceType) -> str | None:
    if row.accelerator:
        return f"{row.name} has an accelerator: that is a GpuNodeGroup's"
    if not row.spot:
        return f"{row.name} is not sold as Spot"
    return None


def _others_like(rows: Sequence[InstanceType]) -> list[str]:
    """A sentence with the newest types that would do beside the first of `rows`."""
    found = [
        row
        for row in instance_types()
        if rows
        and row not in rows
        and _shape(row) == _shape(rows[0])
        and row.current
        and row.category in GENERAL_CATEGORIES
        and _unsuitable(row) is None
    ]
    newest = sorted(found, key=lambda row: (-row.generation, row.name))[:MIN_SPOT_TYPES]
    return [f"types that fit {rows[0].name}: {', '.join(row.name for row in newest)}"] if newest else []
