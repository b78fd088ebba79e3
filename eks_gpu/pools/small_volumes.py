"""Volumes of nodes that are smaller than their image, which EC2 refuses."""

from collections.abc import Iterator
from dataclasses import dataclass

from eks_gpu.pools.pool import Pool
from eks_gpu_components.catalog.image_families import least_gib


@dataclass(frozen=True)
class SizedVolume:
    """A volume of a pool's nodes whose size is stated, and its image's."""

    device: str
    gib: int
    least_gib: int
    """GiB of its image; 0 if it is not known."""

    @property
    def is_small(self) -> bool:
        """Whether EC2 refuses it."""
        return self.gib < self.least_gib

    @property
    def says(self) -> str:
        """Why, as a clause."""
        return (
            f"its volume {self.device} has {self.gib} GiB, and the image for its nodes has {self.least_gib}: EC2 "
            "refuses it, so no node starts"
        )

    @property
    def fix(self) -> str:
        """What to do."""
        return f"set {self.device} to {self.least_gib}Gi or more"


def sized_volumes(pool: Pool, minor: str) -> Iterator[SizedVolume]:
    """Those of the pool's nodes; `minor` is its cluster's Kubernetes, empty if it is not known."""
    nvidia = pool.accelerator == "nvidia"
    for disk in pool.disks or ():
        if disk.sized:
            least = least_gib(pool.image, disk.device, nvidia=nvidia, minor=minor)
            yield SizedVolume(disk.device, disk.gib, least)
