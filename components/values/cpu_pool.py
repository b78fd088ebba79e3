"""CpuPool: nodes without accelerators, whose type Karpenter chooses for the pods that wait."""

from typing import Annotated, Any, NotRequired

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator, model_validator
from typing_extensions import TypedDict

from ..catalog import (
    GENERAL_CATEGORIES,
    MAX_DISK_GIB,
    MAX_POOL_WEIGHT,
    MIN_DISK_GIB,
    MIN_IDLE_S,
    MIN_TERMINATION_GRACE_S,
    CapacityType,
    InstanceType,
    instance_type,
    instance_types,
)
from .arg_words import ArchitectureArg, CapacityTypeArg, NodeImageArg
from .labels_and_taints import Labels, NodeTaint, TaintArgs
from .patterns import like
from .validation_messages import refused
from .value import Value
from .words import Architecture, NodeImage

GIB_PER_VCPU = 8
"""Memory of the types with most of it, those of category r: with it the limit of vCPUs is reached first."""


class CpuPoolArgs(TypedDict):
    """A pool of nodes without accelerators. Karpenter chooses the cheapest type that holds the pods that wait."""

    max_vcpus: int
    """Maximum number of vCPUs of all nodes together; at least as many as the smallest node has."""
    max_memory_gib: NotRequired[int]
    """Maximum memory of all nodes together, in GiB. Default 8 for each of `max_vcpus`."""
    instance_types: NotRequired[list[str]]
    """EC2 instance types, instead of categories, generation and size. Default none: by those."""
    categories: NotRequired[list[str]]
    """Categories of instance types: c, m or r. Default c, m, r."""
    min_generation: NotRequired[int]
    """Oldest generation of instance types. Default 6."""
    min_node_vcpus: NotRequired[int]
    """Minimum number of vCPUs of one node. Default 2."""
    max_node_vcpus: NotRequired[int]
    """Maximum number of vCPUs of one node. Default 32."""
    architectures: NotRequired[list[ArchitectureArg]]
    """CPU architectures amd64 and arm64, which is Graviton. With both, a pod that does not select one may run on
    either, so its images must be built for both. Default amd64.
    """
    capacity_types: NotRequired[list[CapacityTypeArg]]
    """Capacity types spot and on-demand, in this order. Default on-demand."""
    disk_gib: NotRequired[int]
    """Size of a node's disk for images and pods, in GiB, 20 or more. Default 50."""
    zones: NotRequired[list[str]]
    """Names of availability zones. Default every zone that has a subnet."""
    labels: NotRequired[dict[str, str]]
    """Labels of the nodes. Default none."""
    taints: NotRequired[list[TaintArgs]]
    """Taints of the nodes. Default none: any pod may run there that the pool's nodes fit."""
    node_image: NotRequired[NodeImageArg]
    """Image of the nodes: al2023 or bottlerocket. Default al2023."""
    idle_s: NotRequired[int]
    """Seconds without a new or ended pod after which Karpenter removes a node that is empty, and moves the pods of one
    that is not needed, 30 or more. Default 60.
    """
    max_age_h: NotRequired[int]
    """Hours after which a node is replaced. Default 720."""
    disruption_budget: NotRequired[str]
    """Number or share of nodes that may be removed at once, such as 2 or 20%. Default 10%."""
    termination_grace_s: NotRequired[int]
    """Seconds after which pods that block a node's removal are terminated, 60 or more. Default 86400."""
    weight: NotRequired[int]
    """Weight, 1 to 100: among pools that fit a pod, the one with the highest weight is used. Default none, the lowest.
    """


def _row(name: Any) -> Any:
    return instance_type(name) if isinstance(name, str) else name


def _category(name: str) -> str:
    if name not in GENERAL_CATEGORIES:
        raise refused(f"must be one of {', '.join(GENERAL_CATEGORIES)}")
    return name


class CpuPool(Value):
    """A pool of nodes without accelerators, checked. A rule that looks at a field sees only the fields above it."""

    max_vcpus: int = Field(ge=1)
    max_memory_gib: int | None = Field(default=None, ge=1)
    instance_types: tuple[Annotated[InstanceType, BeforeValidator(_row, json_schema_input_type=str)], ...] = ()
    """The types given; none where categories, generation and size decide."""
    categories: tuple[Annotated[str, BeforeValidator(_category)], ...] = GENERAL_CATEGORIES
    min_generation: int = Field(default=6, ge=1)
    min_node_vcpus: int = Field(default=2, ge=1)
    max_node_vcpus: int = Field(default=32, ge=1)
    architectures: tuple[Architecture, ...] = ("amd64",)
    capacity_types: tuple[CapacityType, ...] = (CapacityType.ON_DEMAND,)
    disk_gib: int = Field(default=50, ge=MIN_DISK_GIB, le=MAX_DISK_GIB)
    zones: tuple[str, ...] | None = None
    labels: Labels = Field(default_factory=dict)
    taints: tuple[NodeTaint, ...] = ()
    node_image: NodeImage = "al2023"
    idle_s: int = Field(default=60, ge=MIN_IDLE_S)
    max_age_h: int | None = Field(default=None, ge=1)
    # None at a time would keep every idle node.
    disruption_budget: Annotated[str, like(r"(100|[1-9]\d?)%|[1-9]\d*", "nodes, as 20% or 2")] = "10%"
    termination_grace_s: int | None = Field(default=None, ge=MIN_TERMINATION_GRACE_S)
    weight: int | None = Field(default=None, ge=1, le=MAX_POOL_WEIGHT)

    @field_validator("instance_types")
    @classmethod
    def _plain(cls, rows: tuple[InstanceType, ...]) -> tuple[InstanceType, ...]:
        problems = [f"{row.name} has an accelerator: that is a KarpenterGpuPool's" for row in rows if row.accelerator]
        problems += [f"{row.name} is there twice" for row in dict.fromkeys(rows) if rows.count(row) > 1]
        if problems:
            raise ValueError("; ".join(problems))
        return rows

    @field_validator("categories", "architectures", "capacity_types", "zones")
    @classmethod
    def _once_each(cls, words: tuple[str, ...] | None) -> tuple[str, ...] | None:
        if words is not None and (not words or len(set(words)) < len(words)):
            raise refused("must have one entry or more, none of them twice")
        return words

    @field_validator("architectures")
    @classmethod
    def _of_its_types(cls, given: tuple[Architecture, ...], info: ValidationInfo) -> tuple[Architecture, ...]:
        rows: tuple[InstanceType, ...] = info.data.get("instance_types", ())
        if others := [f"{row.name} is {row.architecture}" for row in rows if row.architecture not in given]:
            nearest = f"[{', '.join(sorted({row.architecture for row in rows}))}]"
            raise refused(f"must be those of instance_types, and {', '.join(others)}", nearest=nearest)
        return given

    @field_validator("capacity_types")
    @classmethod
    def _in_karpenter_s_order(cls, given: tuple[CapacityType, ...]) -> tuple[CapacityType, ...]:
        order = tuple(each for each in (CapacityType.SPOT, CapacityType.ON_DEMAND) if each in given)
        if given != order:
            raise refused("must be spot, on-demand or both in this order")
        return given

    @field_validator("max_node_vcpus")
    @classmethod
    def _at_least_the_minimum(cls, most: int, info: ValidationInfo) -> int:
        if most < info.data.get("min_node_vcpus", most):
            raise refused(f"must be at least min_node_vcpus {info.data['min_node_vcpus']}")
        return most

    @model_validator(mode="after")
    def _leaves_a_node(self) -> "CpuPool":
        by_choice = {"categories", "min_generation", "min_node_vcpus", "max_node_vcpus"} & self.model_fields_set
        if self.instance_types and by_choice:
            raise ValueError(f"give instance_types or {' and '.join(sorted(by_choice))}, not both")
        rows = self.types
        if not rows:
            raise ValueError("no instance type has these categories, generation, size and architectures")
        if self.max_vcpus < (least := min(row.vcpus for row in rows)):
            raise ValueError(f"max_vcpus must be at least {least}, what the smallest node has, got {self.max_vcpus}")
        return self

    @property
    def types(self) -> tuple[InstanceType, ...]:
        """Every type that a node may have, by name."""
        if self.instance_types:
            return self.instance_types
        return tuple(row for row in instance_types() if self._takes(row))

    def _takes(self, row: InstanceType) -> bool:
        return (
            row.category in self.categories
            and row.generation >= self.min_generation
            and self.min_node_vcpus <= row.vcpus <= self.max_node_vcpus
            and row.architecture in self.architectures
            and not row.bare_metal
            and row.accelerator is None
        )
