"""An estimate of how long a server loads its model on a node: CUDA starts, and weights come from the disk."""

from dataclasses import dataclass

from eks_gpu.pools.pool import Pool
from eks_gpu_components.catalog import InstanceType

_CUDA_START_S = 10
_WEIGHTS_MIB = 2048
_GP3_MIB_S = 125  # Source: Amazon EBS User Guide, gp3 without more throughput
_INSTANCE_STORE_MIB_S = 1000


@dataclass(frozen=True, slots=True)
class ModelLoad:
    """The estimate in seconds, with what it assumes."""

    seconds: int
    assumption: str


def model_load(pool: Pool, row: InstanceType) -> ModelLoad:
    """For a model of 2 GiB on a node of the type."""
    speed, disk = _disk(pool, row)
    weights = f"{_WEIGHTS_MIB // 1024} GiB of weights come at {speed} MiB/s from {disk}"
    return ModelLoad(_CUDA_START_S + round(_WEIGHTS_MIB / speed), f"CUDA starts in {_CUDA_START_S} s, {weights}")


def _disk(pool: Pool, row: InstanceType) -> tuple[int, str]:
    """MiB/s of what images and models lie on, and its name."""
    if pool.instance_store and row.instance_store_gb:
        return _INSTANCE_STORE_MIB_S, "the instance store"
    return max((disk.throughput_mib_s for disk in pool.disks or ()), default=0) or _GP3_MIB_S, "EBS"
