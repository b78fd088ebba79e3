"""What would make a pod's first node come sooner, and what each change costs.

A change is told where its effect is measured or follows from the steps; one whose price is not known says so.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from eks_gpu.cost.node_cost import disks_price
from eks_gpu.cost.time_to_running import NEW_NODE, Step, on_instance_store
from eks_gpu.pods.vllm_start import S3, VllmStart
from eks_gpu.pools.pool import AUTO_MODE, Disk, Pool
from eks_gpu_components.catalog import InstanceType
from eks_gpu_components.catalog.cold_start import PARALLEL_PULL_DISK_IOPS, PARALLEL_PULL_DISK_MIB_S, pulls_in_parallel
from eks_gpu_components.catalog.pool_bounds import MAX_INITIALIZATION_MIB_S

LEAST_S = 10
"""A change that saves less than this is not told: the steps are estimates."""


@dataclass(frozen=True, slots=True)
class Faster:
    """A change of the pool, the seconds that it saves, and what it adds to the price of a node."""

    change: str
    saves_s: int
    hourly: float | None
    """USD per hour, of each node while it runs, or of one that is kept; None if the price is not known."""
    kept: bool = False
    """Whether the price is paid while nothing runs."""

    def as_json(self) -> dict[str, Any]:
        """A row of `time_to_running.alternatives`."""
        hourly = None if self.hourly is None else round(self.hourly, 6)
        return {"change": self.change, "saves_s": self.saves_s, "hourly": hourly, "while_idle": self.kept}


def faster(
    pool: Pool,
    row: InstanceType,
    hourly: float | None,
    steps: Callable[[Pool, VllmStart | None], Sequence[Step]],
    start: VllmStart | None = None,
) -> tuple[Faster, ...]:
    """The changes that help, the one that saves most first. `steps` has those of a pod on a new node of a pool.

    `hourly` is the price of one node, None if it is not known; `start` is how the pod's server of vLLM starts.
    """
    now = _seconds(steps(pool, start))
    found = [
        Faster(change, now - _seconds(steps(changed, start)), _more(pool, changed) if priced else None)
        for change, changed, priced in _changed(pool, row)
    ]
    found += [Faster(change, now - _seconds(steps(pool, other)), None) for change, other in _started(start)]
    if not pool.min_nodes:
        saved = sum(step.seconds for step in steps(pool, start) if step.name in NEW_NODE)
        found.append(Faster("keep a node", saved, hourly, kept=True))
    return tuple(sorted((each for each in found if each.saves_s >= LEAST_S), key=lambda each: -each.saves_s))


def _changed(pool: Pool, row: InstanceType) -> Iterator[tuple[str, Pool, bool]]:
    """A change in words, the pool with it, and whether what it adds to the price is known."""
    if pool.backend == AUTO_MODE or not pool.image:  # it decides itself, or nobody knows what the image can do
        return
    store, disk = on_instance_store(pool, row), pool.images_disk
    if pulls_in_parallel(row) and store:
        yield "pull images in parallel", replace(pool, parallel_pull=True), True
    elif pulls_in_parallel(row) and disk:
        iops, throughput = max(disk.iops, PARALLEL_PULL_DISK_IOPS), max(disk.throughput_mib_s, PARALLEL_PULL_DISK_MIB_S)
        fast = replace(disk, iops=iops, throughput_mib_s=throughput)
        change = f"pull images in parallel, on a disk of {throughput} MiB/s and {iops} IOPS"
        yield change, replace(pool, parallel_pull=True, disks=_in_place_of(pool, disk, fast)), True
    if pool.image == "bottlerocket" and disk and not store and not disk.snapshot:
        of_snapshot = replace(disk, snapshot="a snapshot", initialization_mib_s=MAX_INITIALIZATION_MIB_S)
        change = f"make the disk from a snapshot that has the image, at {MAX_INITIALIZATION_MIB_S} MiB/s"
        yield change, replace(pool, disks=_in_place_of(pool, disk, of_snapshot)), False


def _started(start: VllmStart | None) -> Iterator[tuple[str, VllmStart]]:
    """A change of the server in words, and how it then starts. S3 and volumes have prices that nothing here tells."""
    if start and start.place != S3:
        yield "load from S3 with a streamer", replace(start, place=S3)
    if start and start.compiles and not start.cached:
        yield "keep vLLM's compile cache on a volume", replace(start, cached=True)


def _in_place_of(pool: Pool, old: Disk, new: Disk) -> tuple[Disk, ...]:
    return tuple(new if disk is old else disk for disk in pool.disks or ())


def _seconds(steps: Sequence[Step]) -> int:
    return sum(step.seconds for step in steps)


def _more(pool: Pool, changed: Pool) -> float:
    """USD per hour that a node's disks cost more."""
    return disks_price(changed.disks or (), pool.region).hourly - disks_price(pool.disks or (), pool.region).hourly
