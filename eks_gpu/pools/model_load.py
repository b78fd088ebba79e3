"""An estimate of how long a server loads its model on a node: CUDA starts, and weights come from the disk."""

from dataclasses import dataclass

from eks_gpu.pods.vllm_start import FOLDER, S3, VllmStart
from eks_gpu.pools.pool import Pool
from eks_gpu_components.catalog import InstanceType
from eks_gpu_components.catalog.cold_start import COMPILE, COMPILED_S, STREAMER_MB_S

_CUDA_START_S = 10
_WEIGHTS_MIB = 2048
_GP3_MIB_S = 125  # Source: Amazon EBS User Guide, gp3 without more throughput
_INSTANCE_STORE_MIB_S = 1000


@dataclass(frozen=True, slots=True)
class ModelLoad:
    """The estimate in seconds, with what it assumes, and where a figure is from; empty for an assumption."""

    seconds: int
    assumption: str
    source: str = ""


def model_load(pool: Pool, row: InstanceType, start: VllmStart | None = None) -> ModelLoad:
    """For a server of vLLM, or for a model of 2 GiB, on a node of the type."""
    starts = f"CUDA starts in {_CUDA_START_S} s, "
    speed, disk = _disk(pool, row)
    if start is None:
        weights = f"{_WEIGHTS_MIB // 1024} GiB of weights come at {speed} MiB/s from {disk}"
        return ModelLoad(_CUDA_START_S + round(_WEIGHTS_MIB / speed), starts + weights)
    weights = f"{start.weights_mib / 1024:.1f} GiB of weights come at"
    if start.place == S3:
        seconds = round(start.weights_mib * 2**20 / 10**6 / STREAMER_MB_S)
        said = f"{weights} {STREAMER_MB_S} MB/s from S3 by a streamer, if the node's network carries that"
        return ModelLoad(_CUDA_START_S + seconds, starts + said, COMPILE.source)
    as_disk = "" if start.place == FOLDER else f"{start.place}, taken to be as fast as "
    said = f"{weights} {speed} MiB/s from {as_disk}{disk}"
    return ModelLoad(_CUDA_START_S + round(start.weights_mib / speed), starts + said)


def compilation(start: VllmStart) -> ModelLoad:
    """What vLLM compiles before it answers."""
    if not start.compiles:
        return ModelLoad(0, "--enforce-eager: nothing is compiled")
    if start.cached:
        return ModelLoad(COMPILED_S, "an earlier server has left on a volume what vLLM compiles", COMPILE.source)
    return ModelLoad(COMPILE.usual_s, "vLLM compiles the model: 50 to 80 s measured", COMPILE.source)


def until_it_answers(pool: Pool, row: InstanceType, start: VllmStart | None) -> int:
    """Seconds from a server's start, an estimate: its model is loaded and, by vLLM, compiled."""
    return model_load(pool, row, start).seconds + (compilation(start).seconds if start else 0)


def _disk(pool: Pool, row: InstanceType) -> tuple[int, str]:
    """MiB/s of what images and models lie on, and its name."""
    if pool.instance_store and row.instance_store_gb:
        return _INSTANCE_STORE_MIB_S, "the instance store"
    return max((disk.throughput_mib_s for disk in pool.disks or ()), default=0) or _GP3_MIB_S, "EBS"
