"""Images of nodes, as pulumi-eks chooses them: by operating system, GPU and architecture, or by AMI type."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from eks_gpu.offline.remote.construction import Construction
from eks_gpu.offline.wire import UNKNOWN, items, opened
from eks_gpu_components.catalog import (
    AMI_TYPES,
    DEFAULT_KUBERNETES,
    UnknownInstanceType,
    data_device,
    instance_type,
    ssm_parameter,
)

AL2, AL2023, BOTTLEROCKET = "AL2", "AL2023", "Bottlerocket"


@dataclass(frozen=True)
class _Image:
    """An AMI type taken apart."""

    os: str
    gpu: bool
    architecture: str
    al2: str = ""
    """Of Amazon Linux 2, the part of the SSM parameter that names it."""

    def parameter(self, kubernetes: str) -> str:
        """Name of the SSM parameter that holds the id of the newest image."""
        if self.al2:
            return f"/aws/service/eks/optimized-ami/{kubernetes}/{self.al2}/recommended/image_id"
        accelerator = "nvidia" if self.gpu else None
        return ssm_parameter(_FAMILIES[self.os], kubernetes, self.architecture, accelerator)


_FAMILIES = {AL2023: "al2023", BOTTLEROCKET: "bottlerocket"}
# The AMI types that pulumi-eks knows, in the order in which it looks for one. Source: pulumi-eks 4.4.
_TAKEN = (
    *("AL2023_x86_64_STANDARD", "AL2023_ARM_64_STANDARD", "AL2023_x86_64_NVIDIA", "BOTTLEROCKET_ARM_64"),
    *("BOTTLEROCKET_x86_64", "BOTTLEROCKET_ARM_64_NVIDIA", "BOTTLEROCKET_x86_64_NVIDIA"),
)
_IMAGES = {
    "AL2_x86_64": _Image(AL2, False, "amd64", "amazon-linux-2"),
    "AL2_x86_64_GPU": _Image(AL2, True, "amd64", "amazon-linux-2-gpu"),
    "AL2_ARM_64": _Image(AL2, False, "arm64", "amazon-linux-2-arm64"),
    **{
        ami.name: _Image(os, ami.driver, ami.architecture)
        for os, family in _FAMILIES.items()
        for ami in map(AMI_TYPES.__getitem__, _TAKEN)
        if ami.family == family
    },
}
# Names from before AMI types were taken.
_OLDER_NAMES = {
    "amazon-linux-2": "AL2_x86_64",
    "amazon-linux-2-gpu": "AL2_x86_64_GPU",
    "amazon-linux-2-arm": "AL2_ARM_64",
    "amazon-linux-2023/x86_64/standard": "AL2023_x86_64_STANDARD",
    "amazon-linux-2023/arm64/standard": "AL2023_ARM_64_STANDARD",
    "amazon-linux-2023/x86_64/nvidia": "AL2023_x86_64_NVIDIA",
}


def operating_system(args: Any) -> str:
    """AL2, AL2023 or Bottlerocket, of the arguments of a node group."""
    named = str(opened(args.get("amiType")) or "")
    image = _IMAGES.get(_OLDER_NAMES.get(named, named))
    return image.os if image else str(opened(args.get("operatingSystem")) or AL2023)


def ami_type_of(args: Any) -> str | None:
    """The AMI type of the arguments of a node group, named or chosen; None where pulumi-eks has none."""
    named = str(opened(args.get("amiType")) or "")
    if named:
        named = _OLDER_NAMES.get(named, named)
        return named if named in _IMAGES else None
    os, gpu, architecture = operating_system(args), opened(args.get("gpu")) is True, _architecture(_types(args))
    return next((n for n, i in _IMAGES.items() if (i.os, i.gpu, i.architecture) == (os, gpu, architecture)), None)


def device(args: Any) -> str:
    """The name of the disk that container images fill."""
    return data_device(_FAMILIES.get(operating_system(args), "al2023"))


def image_id(it: Construction, args: Any, cluster_version: Any) -> Any:
    """The id of the image: that of the arguments, else what AWS recommends; None where nobody can tell."""
    if args.get("amiId") is not None:
        return args["amiId"]
    name = ami_type_of(args)
    if name is None:
        return None
    version = opened(args.get("version")) or opened(cluster_version) or DEFAULT_KUBERNETES
    if version == UNKNOWN:
        return None
    found = it.ask("aws:ssm/getParameter:getParameter", {"name": _IMAGES[name].parameter(str(version))})
    return found["value"] if found else None


def _types(args: Any) -> list[str]:
    single = opened(args.get("instanceType"))
    return [str(name) for name in ([single] if single else map(opened, items(args.get("instanceTypes"))))]


def _architecture(names: Sequence[str]) -> str:
    try:
        return instance_type(names[0]).architecture if names else "amd64"
    except UnknownInstanceType:
        family = names[0].partition(".")[0]
        return "arm64" if "g" in family.lstrip("abcdefghijklmnopqrstuvwxyz") else "amd64"
