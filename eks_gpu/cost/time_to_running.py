"""An estimate of the time from Pending to Ready, step by step, each with its assumption.

Nothing here is measured in the account: the figures are published measurements, or marked as assumptions.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from eks_gpu.cost.devices import devices_claimed
from eks_gpu.pods.pod import Pod
from eks_gpu.pods.vllm_start import VllmStart, vllm_start
from eks_gpu.pools.model_load import compilation, model_load
from eks_gpu.pools.pool import AUTO_MODE, Pool
from eks_gpu_components.catalog import InstanceType, image_supports
from eks_gpu_components.catalog.cold_start import (
    ACCELERATED_LAUNCH,
    BARE_METAL_LAUNCH,
    DRIVER_INSTALLATION,
    INITIALIZATION_SOURCE,
    LARGE_IMAGE,
    PARALLEL_PULL_MB_S,
    PARALLEL_PULL_SOURCE,
    PARALLEL_PULL_THROUGHPUT_MIB_S,
    PLAIN_LAUNCH,
    PULL_MB_S,
    pulls_in_parallel,
)
from eks_gpu_components.catalog.container_images import image_gb, repository

GB, MIB = 10**9, 2**20
PULL = "image pull"
NEW_NODE = ("noticed", "launch", "driver")
"""Steps that only a new node needs."""


@dataclass(frozen=True, slots=True)
class Step:
    """One part of the wait, in seconds. `source` says where the figure comes from; it is empty for an assumption."""

    name: str
    seconds: int
    assumption: str
    source: str = ""

    def as_json(self) -> dict[str, Any]:
        """A row of `explain`."""
        return {
            "step": self.name,
            "seconds": self.seconds,
            "assumption": self.assumption,
            "source": self.source or None,
        }


_BATCH = Step("noticed", 2, "Karpenter waits 1 s for more pods, 10 at most", "Karpenter, settings, BATCH_IDLE_DURATION")
_SCAN = Step("noticed", 10, "the cluster autoscaler looks every 10 s", "Cluster Autoscaler, FAQ, scan-interval")

_PLAIN = Step(
    "launch",
    PLAIN_LAUNCH.usual_s,
    "EC2 starts it and kubelet is Ready: 40 to 100 s measured without an accelerator",
    PLAIN_LAUNCH.source,
)
_ACCELERATED = Step(
    "launch",
    ACCELERATED_LAUNCH.usual_s,
    "an accelerated type boots longer than the 40 to 100 s of others",
    ACCELERATED_LAUNCH.source,
)
_BARE_METAL = Step(
    "launch",
    BARE_METAL_LAUNCH.usual_s,
    "bare metal can take 20 minutes until it is there",
    BARE_METAL_LAUNCH.source,
)

_BUILT_IN = Step("driver", 5, "driver and device plugin are in the image")
_PLUGIN = Step("driver", 30, "the driver is in the image; the device plugin's pod starts and reports the devices")
_BUILT_IN_DRA = Step("driver", 5, "driver and DRA driver are in the image")
_DRA_DRIVER = Step("driver", 30, "the driver is in the image; the DRA driver's pod starts and publishes the devices")
_UNKNOWN_IMAGE = Step("driver", 30, "nothing says whether the image has the driver; taken to have it")
_INSTALLED = Step(
    "driver",
    DRIVER_INSTALLATION.usual_s,
    "the GPU operator installs driver and toolkit: 3 to 5 minutes",
    DRIVER_INSTALLATION.source,
)
_INSTALLED_ELSEWHERE = Step(
    "driver",
    DRIVER_INSTALLATION.usual_s,
    "nothing in this stack installs the driver; 3 to 5 minutes if a GPU operator from elsewhere does",
    DRIVER_INSTALLATION.source,
)
_NOT_INSTALLED = Step("driver", 0, "nothing installs the driver, which the image lacks: the node never offers its GPU")
_NO_DRIVER = Step("driver", 0, "no image of EKS is known to have its driver: the node may never offer it")
_NO_DEVICE = Step("driver", 0, "the pod asks for no accelerator")

_ACCELERATED_GB, _OTHER_GB = 8.0, 0.5


def steps(
    pool: Pool,
    row: InstanceType,
    pod: Pod,
    spec: Mapping[str, Any],
    *,
    installs: bool | None,
    start: VllmStart | None = None,
) -> list[Step]:
    """For a pod on a new node of the type; `spec` is the pod's own, as written.

    `installs` says whether a GPU operator installs the driver where the image has none, None if one from elsewhere may.
    `start` is how its server of vLLM would start instead.
    """
    claims = bool(row.gpus) and devices_claimed(pod)
    accelerated = claims or bool(row.accelerator and pod.requests_any(row.accelerator.offered))
    return [
        _BATCH if pool.made_by.looks_at_pods else _SCAN,
        _BARE_METAL if row.bare_metal else _ACCELERATED if row.accelerator else _PLAIN,
        _claimed(pool) if claims else _driver(pool, row, installs) if accelerated else _NO_DEVICE,
        _pull(pool, row, pod, accelerated),
        *_server(pool, row, accelerated, spec, start or vllm_start(spec)),
    ]


def _driver(pool: Pool, row: InstanceType, installs: bool | None) -> Step:
    if pool.driver is not None and not image_supports(row):
        return _NO_DRIVER
    if pool.device_plugin:
        return _BUILT_IN
    if pool.driver is not False:
        return _PLUGIN if pool.driver else _UNKNOWN_IMAGE
    if pool.accelerator != "nvidia":
        return _NOT_INSTALLED
    return {True: _INSTALLED, False: _NOT_INSTALLED, None: _INSTALLED_ELSEWHERE}[installs]


def _claimed(pool: Pool) -> Step:
    return _BUILT_IN_DRA if pool.backend == AUTO_MODE else _DRA_DRIVER


def _pull(pool: Pool, row: InstanceType, pod: Pod, accelerated: bool) -> Step:
    sizes = {repository(image): image_gb(image) for image in pod.images}
    assumed = list(sizes.values()).count(None) * (_ACCELERATED_GB if accelerated else _OTHER_GB)
    gb = sum(size for size in sizes.values() if size) + assumed
    told = _amount(gb)
    known = f", of which {_amount(assumed)} are assumed" if assumed else ""
    known = ", a size that is assumed" if not sizes or assumed == gb else known
    disk = None if on_instance_store(pool, row) else pool.images_disk
    if disk and disk.snapshot and disk.initialization_mib_s:
        said = f"its blocks come at {disk.initialization_mib_s} MiB/s from {disk.snapshot}, if the image is on it"
        seconds = round(gb * GB / MIB / disk.initialization_mib_s)
        return Step(PULL, seconds, f"{told}{known}: {said}", INITIALIZATION_SOURCE)
    if not pool.parallel_pull or not pulls_in_parallel(row):
        return Step(PULL, round(gb * 1000 / PULL_MB_S), f"{told} at {PULL_MB_S} MB/s{known}", LARGE_IMAGE.source)
    if not fast_enough(pool, row):
        least = f"under {PARALLEL_PULL_THROUGHPUT_MIB_S} MiB/s of disk a parallel pull is no faster"
        said = f"{told} at {PULL_MB_S} MB/s{known}; {least}"
        return Step(PULL, round(gb * 1000 / PULL_MB_S), said, PARALLEL_PULL_SOURCE)
    said = f"{told} at {PARALLEL_PULL_MB_S} MB/s, pulled in parallel{known}"
    return Step(PULL, round(gb * 1000 / PARALLEL_PULL_MB_S), said, PARALLEL_PULL_SOURCE)


def _amount(gb: float) -> str:
    return f"{gb:.3g} GB" if gb >= 0.1 or not gb else f"{gb * 1000:.2g} MB"


def on_instance_store(pool: Pool, row: InstanceType) -> bool:
    """Whether images lie on the instance's own disks, and not on a volume."""
    return pool.instance_store and bool(row.instance_store_gb)


def fast_enough(pool: Pool, row: InstanceType) -> bool:
    """Whether what images lie on takes a parallel pull."""
    throughput = pool.images_disk.throughput_mib_s if pool.images_disk else 0
    return on_instance_store(pool, row) or throughput >= PARALLEL_PULL_THROUGHPUT_MIB_S


def _server(
    pool: Pool, row: InstanceType, accelerated: bool, spec: Mapping[str, Any], start: VllmStart | None
) -> Iterator[Step]:
    if not accelerated:
        yield Step("model load", 0, "no accelerator, so no model is assumed")
    elif not any(_probes(spec)):
        yield Step("model load", 0, "no startup or readiness probe waits for a model")
    else:
        load = model_load(pool, row, start)
        yield Step("model load", load.seconds, load.assumption, load.source)
        if start:
            compiled = compilation(start)
            yield Step("compile", compiled.seconds, compiled.assumption, compiled.source)


def _probes(spec: Mapping[str, Any]) -> Iterator[Any]:
    for container in spec.get("containers") or ():
        yield container.get("startupProbe") or container.get("readinessProbe")
