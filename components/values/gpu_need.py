"""GpuNeed: what one node must have; the catalog finds the instance types."""

from typing import NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from ..catalog import BASE_REGION, MAX_INSTANCE_TYPES, InstanceType, Need, image_supports, on_demand_price, resolve
from .arg_words import AcceleratorArg, ArchitectureArg
from .value import Value
from .words import AcceleratorKind, Architecture

# A need is answered with several types, because Spot needs the choice, but never with a node for the price of two.
MAX_PRICE_RATIO = 2.0


class GpuNeedArgs(TypedDict):
    """Requirements for one node, from which the catalog finds the instance types."""

    gpus: NotRequired[int]
    """Minimum number of accelerators on one node. Default 1."""
    gpu_memory_gib: NotRequired[int]
    """Minimum memory of each accelerator, in GiB. Default 0: any."""
    accelerator: NotRequired[AcceleratorArg]
    """Kind of accelerator: nvidia or neuron. Default nvidia."""
    architecture: NotRequired[ArchitectureArg]
    """CPU architecture: amd64 or arm64. Default amd64."""


class GpuNeed(Value):
    """Requirements for one node, checked."""

    gpus: int = Field(default=1, ge=1)
    gpu_memory_gib: int = Field(default=0, ge=0)
    accelerator: AcceleratorKind = "nvidia"
    architecture: Architecture = "amd64"

    def instance_types(self) -> tuple[InstanceType, ...]:
        """Cheapest first, all with the cheapest's accelerator count and at least its vCPUs and memory.

        The autoscaler plans with the first, so no other may be smaller. Prices are us-east-1's, for their order alone.
        """
        wanted = Need(
            gpus=self.gpus,
            gpu_memory_mib=self.gpu_memory_gib * 1024,
            accelerator=self.accelerator,
            architecture=self.architecture,
            bare_metal=False,
        )
        rows = [row for row in resolve(wanted) if image_supports(row)]
        if not rows:
            return ()
        first = rows[0]
        return tuple(
            row
            for row in rows
            if row.accelerators == first.accelerators
            and row.vcpus >= first.vcpus
            and row.memory_mib >= first.memory_mib
            and _hourly(row) <= MAX_PRICE_RATIO * _hourly(first)
        )[:MAX_INSTANCE_TYPES]

    def __str__(self) -> str:
        memory = f" of {self.gpu_memory_gib} GiB" if self.gpu_memory_gib else ""
        devices = f"{self.gpus} {self.accelerator} accelerators{memory}"
        return f"{devices} on one {self.architecture} node, with a driver in an EKS image"


def _hourly(row: InstanceType) -> float:
    price = on_demand_price(row.name, BASE_REGION)
    return price.hourly if price else float("inf")
