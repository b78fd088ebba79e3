"""What pods get of a pool's GPUs in place of whole ones by number: shares, slices, claims; and which pools can.

Each rule reads the pool's other fields from a map, which has them as far as they are right.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import Field

from ..catalog import InstanceType, dra_devices
from ..catalog.mig import MIG_GPUS, mig_profiles
from .pool_types import accelerator_of
from .validation_messages import refused
from .value import Value
from .words import SharingStrategy

CUTTABLE = ", ".join(sorted(MIG_GPUS))
"""Names of the GPUs that can be cut into slices."""
_PODS_OF_DAEMON_SETS = 10
"""Room that a node keeps for DaemonSets: network, proxy, EKS's agents, device plugin, exporters."""


class GpuSharing(Value):
    """How pods share one GPU."""

    strategy: SharingStrategy
    replicas: int = Field(ge=2)

    @property
    def config(self) -> str:
        """Name of the device plugin's configuration, as `time-slicing-4`."""
        return f"{self.strategy}-{self.replicas}"


def check_claims(pool: Mapping[str, Any]) -> None:
    """Raises ValueError where pods cannot claim the pool's devices."""
    if pool.get("warm_gpus"):
        raise ValueError("GPUs are kept ready by pods that request them by number: leave out warm_gpus")
    rows: tuple[InstanceType, ...] = pool.get("instance_types") or ()
    if rows and (device := accelerator_of(rows[0])).kind != "nvidia":
        raise ValueError(f"claims are for NVIDIA GPUs, and {rows[0].name} has {device.name}")
    if unknown := [row.name for row in rows if row.name not in dra_devices()]:
        raise ValueError(f"claims need types whose GPUs Karpenter knows before the start, not {', '.join(unknown)}")
    if pool.get("node_image") == "bottlerocket":
        reason = "Bottlerocket starts its own device plugin, and a GPU must not have both"
        raise ValueError(f"claims need node_image al2023: {reason}")


def check_sharing(sharing: GpuSharing, pool: Mapping[str, Any]) -> None:
    """Raises ValueError where pods cannot share the pool's GPUs in this way."""
    rows = pool.get("instance_types")
    if rows and (device := accelerator_of(rows[0])).kind != "nvidia":
        raise ValueError(f"only NVIDIA GPUs can be shared, and {rows[0].name} has {device.name}")
    if pool.get("node_image") == "bottlerocket":
        raise ValueError("needs node_image al2023: Bottlerocket's own device plugin reads no configuration of ours")
    if sharing.strategy == "mps" and pool.get("devices") == "claims":
        raise ValueError("strategy must be time-slicing with devices claims: where claims share a GPU, MPS is off")
    if rows and pool.get("warm_gpus") and (problem := _crowded(sharing, rows)):
        raise ValueError(problem)


def check_slices(profile: str, pool: Mapping[str, Any]) -> None:
    """Raises ValueError where the pool's GPUs cannot be cut into slices of the profile."""
    if pool.get("sharing"):
        raise ValueError("GPUs are cut into slices or shared whole: leave out mig or sharing")
    rows = pool.get("instance_types")
    if not rows:
        return
    if pool.get("devices") == "claims":
        raise ValueError("slices of claimed GPUs are cut by the driver: leave out mig, and claim with partitions")
    if pool.get("node_image") == "bottlerocket":
        raise ValueError("needs node_image al2023: the GPU operator, which cuts GPUs, does not run on Bottlerocket")
    for row in rows:
        profiles = mig_profiles(accelerator_of(row))
        if not profiles:
            raise ValueError(f"{row.name} has {accelerator_of(row).name}, which cannot be cut; these can: {CUTTABLE}")
        if profile not in profiles:
            of_type = f"for {accelerator_of(row).name} of {row.name}"
            raise refused(f"must be one of {', '.join(profiles)} {of_type}")
    slices = {row.name: mig_profiles(accelerator_of(row))[profile] for row in rows}
    if len(set(slices.values())) > 1:
        each = ", ".join(f"{name} has {count} a GPU" for name, count in slices.items())
        raise refused(f"must give all types one number of slices: {each}")


def _crowded(sharing: GpuSharing, rows: Iterable[InstanceType]) -> str | None:
    """Why no node has room for a pod on each share, which is what keeps shared GPUs ready, or None."""
    row = min(rows, key=lambda row: (row.max_pods - _PODS_OF_DAEMON_SETS) // row.accelerators)
    most = (row.max_pods - _PODS_OF_DAEMON_SETS) // row.accelerators
    if sharing.replicas <= most:
        return None
    gpus = f"{row.accelerators} GPU{'s' if row.accelerators > 1 else ''}"
    pods = f"{row.name} runs {row.max_pods} pods, some of DaemonSets, for {gpus}"
    rule = f"replicas must be at most {most} with warm_gpus, which takes a pod for each share: {pods}"
    return f"{rule}, got {sharing.replicas}; nearest: {most}"
