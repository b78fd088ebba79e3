"""Slices of NVIDIA GPUs (MIG): into which profiles each GPU can be cut, and how many slices of one profile it has.

Source: NVIDIA Multi-Instance GPU User Guide, "Supported GPUs" and "Supported MIG Profiles"; of the B300 and the
RTX PRO 6000, AWS's SageMaker HyperPod CLI, mig-configs. Read 2026-11-30.
"""

from collections.abc import Mapping

from .instance_types import Accelerator

MIG_CONFIG_LABEL = "nvidia.com/mig.config"
"""Label of a node by which the GPU operator's MIG manager cuts its GPUs. Source: NVIDIA GPU Operator, "MIG"."""
_EVEN = "all-"
"""Begins the operator's configurations that cut every GPU into slices of one profile, such as all-1g.10gb."""

_SEVEN = (7, 4, 3, 2, 1, 1)
_FOUR = (4, 2, 1)


def _profiles(names: str, slices: tuple[int, ...]) -> Mapping[str, int]:
    return dict(zip(names.split(), slices, strict=True))


# By GPU and its memory in GiB, rounded: an A100 has two sizes.
_PROFILES: Mapping[tuple[str, int], Mapping[str, int]] = {
    ("a100", 40): _profiles("1g.5gb 1g.10gb 2g.10gb 3g.20gb 4g.20gb 7g.40gb", _SEVEN),
    ("a100", 80): _profiles("1g.10gb 1g.20gb 2g.20gb 3g.40gb 4g.40gb 7g.80gb", _SEVEN),
    ("h100", 80): _profiles("1g.10gb 1g.20gb 2g.20gb 3g.40gb 4g.40gb 7g.80gb", _SEVEN),
    ("h200", 141): _profiles("1g.18gb 1g.35gb 2g.35gb 3g.71gb 4g.71gb 7g.141gb", _SEVEN),
    ("b200", 179): _profiles("1g.23gb 1g.45gb 2g.45gb 3g.90gb 4g.90gb 7g.180gb", _SEVEN),
    ("b300", 269): _profiles("1g.34gb 1g.67gb 2g.67gb 3g.135gb 4g.135gb 7g.269gb", _SEVEN),
    ("rtx-pro-server-6000", 96): _profiles("1g.24gb 2g.48gb 4g.96gb", _FOUR),
}
MIG_GPUS = frozenset(name for name, _ in _PROFILES)
"""Names of the GPUs that can be cut."""


def mig_profiles(device: Accelerator) -> Mapping[str, int]:
    """Profile to the slices of it that one such GPU has; empty for a device that cannot be cut."""
    if device.maker != "nvidia" or device.fraction < 1:
        return {}
    return _PROFILES.get((device.name, round(device.memory_mib / 1024)), {})


def mig_config(profile: str) -> str:
    """Name of the operator's configuration that cuts every GPU into slices of the profile."""
    return f"{_EVEN}{profile}"


def mig_profile(config: str) -> str:
    """The profile of such a configuration; empty for one that cuts GPUs in another way."""
    profile = config.removeprefix(_EVEN)
    known = {name for profiles in _PROFILES.values() for name in profiles}
    return profile if config.startswith(_EVEN) and profile in known else ""
