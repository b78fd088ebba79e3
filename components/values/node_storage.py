"""NodeStorage: how fast a node's disk is, and what lies on it before the first pod."""

from typing import Annotated, Any, NotRequired, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator
from typing_extensions import TypedDict

from ..catalog import MAX_IOPS, MAX_THROUGHPUT_MIB_S, MIN_IOPS, MIN_THROUGHPUT_MIB_S
from ..catalog.pool_bounds import MAX_INITIALIZATION_MIB_S, MIN_INITIALIZATION_MIB_S
from .patterns import like
from .validation_messages import refused
from .value import Value

# gp3's bounds. Source: Amazon EBS User Guide, "General Purpose SSD volumes".
MAX_IOPS_PER_GIB = 500
MAX_THROUGHPUT_PER_IOPS = 0.25


class NodeStorageArgs(TypedDict):
    """How fast a node's disk is, and which images lie on it. Its size is `disk_gib` of the pool."""

    iops: NotRequired[int]
    """I/O operations per second (IOPS), 3000 to 80000, on Auto Mode to 16000. Default 3000."""
    throughput_mib_s: NotRequired[int]
    """Throughput in MiB per second, 125 to 2000, on Auto Mode to 1000. Default 125."""
    snapshot_id: NotRequired[str]
    """EBS snapshot from which the disk for images is made, such as snap-0123456789abcdef0, so that its images need no
    pull. Only with node_image bottlerocket, whose images have a disk of their own; not on Auto Mode. Default none.
    """
    initialization_mib_s: NotRequired[int]
    """Rate in MiB per second at which a snapshot's blocks come from S3, 100 to 300; AWS charges for it. Only with
    `snapshot_id`. Default none: the rate fluctuates.
    """


SnapshotId = Annotated[str, like(r"snap-[0-9a-f]{8,17}", "a snapshot's id, as snap-0123456789abcdef0")]


class NodeStorage(Value):
    """How fast a node's disk is, checked."""

    iops: int = Field(default=MIN_IOPS, ge=MIN_IOPS, le=MAX_IOPS)
    throughput_mib_s: int = Field(default=MIN_THROUGHPUT_MIB_S, ge=MIN_THROUGHPUT_MIB_S, le=MAX_THROUGHPUT_MIB_S)
    snapshot_id: SnapshotId | None = None
    initialization_mib_s: int | None = Field(default=None, ge=MIN_INITIALIZATION_MIB_S, le=MAX_INITIALIZATION_MIB_S)

    @field_validator("initialization_mib_s")
    @classmethod
    def _of_a_snapshot(cls, rate: int | None, info: ValidationInfo) -> int | None:
        if rate is not None and info.data.get("snapshot_id", "wrong") is None:
            raise refused("needs snapshot_id, whose blocks come at this rate")
        return rate

    @model_validator(mode="after")
    def _throughput_has_its_operations(self) -> Self:
        if self.throughput_mib_s > (most := int(self.iops * MAX_THROUGHPUT_PER_IOPS)):
            given = self.throughput_mib_s
            raise ValueError(f"throughput_mib_s must be at most {most} with iops {self.iops}, got {given}")
        return self

    def for_ebs(
        self, snapshot: str = "snapshot_id", initialization: str = "volume_initialization_rate"
    ) -> dict[str, Any]:
        """The fields of an EBS volume in a launch template; another kind has its own names of two of them."""
        fields = {
            "iops": self.iops,
            "throughput": self.throughput_mib_s,
            snapshot: self.snapshot_id,
            initialization: self.initialization_mib_s,
        }
        return {name: value for name, value in fields.items() if value is not None}

    def problems(self, disk_gib: int) -> list[str]:
        """A clause if the storage asks for more operations than AWS gives a disk of this size."""
        if self.iops <= (most := MAX_IOPS_PER_GIB * disk_gib):
            return []
        return [f"iops must be at most {most} with pool.disk_gib {disk_gib}, got {self.iops}"]
