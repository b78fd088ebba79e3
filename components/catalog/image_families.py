"""Image families of Karpenter: which volume of a node pods fill, and how kubelet counts pods there.

Source: Karpenter 1.15, package amifamily.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from .images import ROOT_DEVICE, data_device

DEFAULT_VOLUME_GIB = 20
"""Size of a volume that nothing sizes."""


@dataclass(frozen=True, slots=True)
class ImageFamily:
    """What Karpenter knows of the nodes of one family of images."""

    name: str
    """As in an alias: al2, al2023, bottlerocket; custom for an image of one's own."""
    pods_device: str | None
    """Device of the volume that holds images and pods' files; None if only the image knows."""
    volumes: Mapping[str, int]
    """Device -> GiB of the volumes that nodes have if the node class names none."""
    reserves_for_all_addresses: bool = True
    """Whether kubelet keeps memory for as many pods as the type has addresses, however many pods it may have."""
    counts_by_core: bool = True
    """Whether `podsPerCore` counts."""


_ROOT_ALONE = {ROOT_DEVICE: DEFAULT_VOLUME_GIB}
_BOTTLEROCKET_SYSTEM_GIB = 6
IMAGE_FAMILIES: Mapping[str, ImageFamily] = {
    family.name: family
    for family in (
        ImageFamily("al2", ROOT_DEVICE, _ROOT_ALONE),
        ImageFamily("al2023", data_device("al2023"), _ROOT_ALONE),
        ImageFamily(
            "bottlerocket",
            data_device("bottlerocket"),
            {ROOT_DEVICE: _BOTTLEROCKET_SYSTEM_GIB, data_device("bottlerocket"): DEFAULT_VOLUME_GIB},
            reserves_for_all_addresses=False,
            counts_by_core=False,
        ),
        ImageFamily("custom", None, {}),
    )
}
"""By name."""
FAMILIES_WITHOUT_A1 = frozenset({"al2023"})
"""Families whose images do not run on the first Graviton, the family a1."""


_AL2023_GIB = 20
_BOTTLEROCKET_GIB, _BOTTLEROCKET_NVIDIA_GIB = 2, 4
_BOTTLEROCKET_NVIDIA_SINCE_1_37_GIB = 6  # the image has two drivers


def least_gib(family: str, device: str, *, nvidia: bool, minor: str) -> int:
    """GiB of a snapshot of an EKS image, below which EC2 refuses the volume of that device; 0 if it is not known.

    `nvidia` is whether nodes have NVIDIA GPUs, whose variant of Bottlerocket is larger; `minor` is Kubernetes', empty
    if it is not known. Source: bottlerocket, os-image-size-gib of each variant; karpenter-provider-aws, pull request
    2400; cilium, pull request 43051.
    """
    if device != ROOT_DEVICE:
        return 0
    if family == "al2023":
        return _AL2023_GIB
    if family != "bottlerocket":
        return 0
    if not nvidia:
        return _BOTTLEROCKET_GIB
    number = tuple(int(part) for part in minor.split(".") if part.isdigit())
    return _BOTTLEROCKET_NVIDIA_SINCE_1_37_GIB if number >= (1, 37) else _BOTTLEROCKET_NVIDIA_GIB


def image_family(spec_name: str) -> ImageFamily:
    """Of an alias's first word or an `amiFamily`, in either case; the custom one for any other."""
    return IMAGE_FAMILIES.get(spec_name.lower(), IMAGE_FAMILIES["custom"])
