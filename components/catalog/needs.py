"""Finds the instance types that meet a pod's need, cheapest first."""

from collections.abc import Collection
from dataclasses import dataclass
from math import inf

from .instance_types import InstanceType, instance_types
from .prices import BASE_REGION, on_demand_price, spot_price
from .regions import zones, zones_offering


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """What one node must have. The default is one whole NVIDIA GPU on amd64. Raises ValueError, all at once."""

    gpus: int = 1
    """Minimum number of accelerators on one node."""
    gpu_memory_mib: int = 0
    """Minimum memory of each accelerator, in MiB."""
    accelerator: str = "nvidia"
    """nvidia or neuron."""
    architecture: str = "amd64"
    fractional: bool = False
    """Whether a fraction of a GPU (g6f, gr6f) is enough; pods cannot request a fraction as `nvidia.com/gpu`."""
    vcpus: int = 0
    memory_mib: int = 0
    efa: bool = False
    """Whether the node must have an Elastic Fabric Adapter."""
    bare_metal: bool = True
    """Whether a bare-metal node is acceptable: it starts more slowly and costs no less."""
    spot: bool = False
    """Whether the type must be available as Spot; types are then ordered by the Spot estimate."""
    max_hourly: float = inf
    """Maximum price in USD per hour; a type without a known price does not meet it."""

    def __post_init__(self) -> None:
        problems = [
            f"{field} must be {rule}, got {getattr(self, field)!r}"
            for field, rule, holds in (
                ("gpus", "at least 1", self.gpus >= 1),
                ("gpu_memory_mib", "at least 0", self.gpu_memory_mib >= 0),
                ("accelerator", "nvidia or neuron", self.accelerator in ("nvidia", "neuron")),
                ("architecture", "amd64 or arm64", self.architecture in ("amd64", "arm64")),
            )
            if not holds
        ]
        if problems:
            raise ValueError("; ".join(problems))

    def admits(self, row: InstanceType) -> bool:
        """Whether the type has what is needed; price and place aside."""
        accelerator = row.accelerator
        if accelerator is None or accelerator.kind != self.accelerator:
            return False
        fraction = accelerator.fraction < 1
        devices = 1 if fraction and self.fractional else accelerator.count
        return (
            devices >= self.gpus
            and accelerator.memory_mib >= self.gpu_memory_mib
            and row.architecture == self.architecture
            and row.vcpus >= self.vcpus
            and row.memory_mib >= self.memory_mib
            and (row.efa or not self.efa)
            and (self.bare_metal or not row.bare_metal)
            and (row.spot or not self.spot)
        )


def resolve(need: Need, region: str | None = None, zone_ids: Collection[str] | None = None) -> list[InstanceType]:
    """Types that satisfy the need and that a zone of the region offers, cheapest first, unpriced last, ties by name.

    `zone_ids` narrows the region's zones; without a region every type counts, at its us-east-1 price. Raises
    UnknownRegion, and ValueError for a zone that the region does not have.
    """
    if zone_ids is not None and region is None:
        raise ValueError("zone_ids need a region")
    wanted = _zone_ids(region, zone_ids) if region else frozenset()

    def hourly(row: InstanceType) -> float:
        price = (spot_price if need.spot else on_demand_price)(row.name, region or BASE_REGION)
        return price.hourly if price else inf

    def fits(row: InstanceType) -> bool:
        offered = region is None or any(zone.id in wanted for zone in zones_offering(row.name, region))
        return offered and need.admits(row) and (need.max_hourly == inf or hourly(row) <= need.max_hourly)

    return sorted(filter(fits, instance_types()), key=hourly)  # stable, so ties stay by name


def _zone_ids(region: str, zone_ids: Collection[str] | None) -> frozenset[str]:
    known = frozenset(zone.id for zone in zones(region))
    if zone_ids is None:
        return known
    unknown = sorted(set(zone_ids) - known)
    if unknown:
        raise ValueError(f"region {region} has no zone {', '.join(unknown)}; it has {', '.join(sorted(known))}")
    return frozenset(zone_ids)
