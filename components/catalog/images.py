"""Amazon machine images: which one a node needs, which software it contains, and which volume holds its data."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from .instance_types import InstanceType


@dataclass(frozen=True, slots=True)
class AmiType:
    """A managed node group's `ami_type` taken apart. Source: EKS API, AMITypes."""

    name: str
    family: str
    """al2023 or bottlerocket."""
    architecture: str
    accelerator: str | None
    """nvidia or neuron where the image is a variant for it."""
    device_plugin: bool
    """Whether the image contains the accelerator's device plugin; a second one would conflict with it."""

    @property
    def driver(self) -> bool:
        """Whether the image brings the accelerator's driver."""
        return self.accelerator is not None

    def drives(self, kind: str) -> bool:
        """Whether the image brings the driver of `kind`, nvidia or neuron."""
        return self.accelerator == _variant(self.family, kind)


def _variant(family: str, accelerator: str | None) -> str | None:
    """Which variant of the image a node with the accelerator boots from, None for the standard one."""
    # Bottlerocket's standard image carries what Neuron devices need.
    return None if (family, accelerator) == ("bottlerocket", "neuron") else accelerator


def _ami_types() -> Iterator[AmiType]:
    yield AmiType("AL2023_x86_64_STANDARD", "al2023", "amd64", None, False)
    yield AmiType("AL2023_ARM_64_STANDARD", "al2023", "arm64", None, False)
    yield AmiType("AL2023_x86_64_NVIDIA", "al2023", "amd64", "nvidia", False)
    yield AmiType("AL2023_ARM_64_NVIDIA", "al2023", "arm64", "nvidia", False)
    yield AmiType("AL2023_x86_64_NEURON", "al2023", "amd64", "neuron", False)
    for fips in ("", "_FIPS"):
        yield AmiType(f"BOTTLEROCKET_x86_64{fips}", "bottlerocket", "amd64", None, False)
        yield AmiType(f"BOTTLEROCKET_ARM_64{fips}", "bottlerocket", "arm64", None, False)
        yield AmiType(f"BOTTLEROCKET_x86_64_NVIDIA{fips}", "bottlerocket", "amd64", "nvidia", True)
        yield AmiType(f"BOTTLEROCKET_ARM_64_NVIDIA{fips}", "bottlerocket", "arm64", "nvidia", True)


AMI_TYPES = {ami.name: ami for ami in _ami_types()}
"""Linux AMI types that Kubernetes 1.33 and later can use, by name; Amazon Linux 2 ended with 1.32."""

# The images have driver 580, and this GPU needs 595. Source: Amazon EKS User Guide, "EKS-optimized accelerated AMIs";
# NVIDIA, supported GPUs of each driver.
GPUS_WITHOUT_DRIVER = frozenset({"rtx-pro-4500"})
"""NVIDIA's GPUs, by name, that instance types have and the driver of EKS's images does not know."""


def ami_type(family: str, architecture: str, accelerator: str | None = None) -> str:
    """`AL2023_x86_64_NVIDIA` of ("al2023", "amd64", "nvidia"). Raises ValueError where EKS makes no such image."""
    variant = _variant(family, accelerator)
    for ami in AMI_TYPES.values():  # the first of equals: FIPS comes after
        if (ami.family, ami.architecture, ami.accelerator) == (family, architecture, variant):
            return ami.name
    made = ", ".join(" ".join(filter(None, (a.family, a.architecture, a.accelerator))) for a in _without_fips())
    asked = " ".join(filter(None, (family, architecture, accelerator)))
    raise ValueError(f"EKS makes no image for {asked}; it makes them for {made}")


def _without_fips() -> Iterator[AmiType]:
    return (ami for ami in AMI_TYPES.values() if not ami.name.endswith("_FIPS"))


# Names, and parameters of AWS Systems Manager, of the images that EKS makes. Source: amazon-eks-ami, CHANGELOG.md;
# Bottlerocket, QUICKSTART-EKS.md; Amazon EKS User Guide, "Retrieve recommended ... AMI IDs".
EKS_OWNERS = ("amazon", "602401143452")
"""Owners of the images that EKS makes, in a search for images."""
_NAMES = (
    re.compile(r"(?P<al2023>amazon-eks-node-al2023)-(?:x86_64|arm64|\*)-(?P<variant>standard|nvidia|neuron)-"),
    re.compile(r"/aws/service/eks/optimized-ami/[^/]+/(?P<al2023>amazon-linux-2023)/[^/]+/(?P<variant>[a-z]+)/"),
    re.compile(r"bottlerocket-aws-k8s-[0-9.]+(?:-(?P<variant>nvidia))?(?:-fips)?-(?:x86_64|aarch64)-"),
    re.compile(r"/aws/service/bottlerocket/aws-k8s-[0-9.]+(?:-(?P<variant>nvidia))?(?:-fips)?/"),
)


def drives_named(image: str, kind: str) -> bool | None:
    """Whether an image of EKS, by its name or parameter, brings the driver of `kind`, nvidia or neuron.

    The name may end in a wildcard. None for any other image, and for a name that matches several variants.
    """
    found = next(filter(None, (pattern.match(image) for pattern in _NAMES)), None)
    if found is None:
        return None
    variant = None if found["variant"] in ("standard", None) else found["variant"]
    family = "al2023" if "al2023" in found.re.groupindex else "bottlerocket"
    return variant == _variant(family, kind)


def has_device_plugin(ami_type: str) -> bool:
    """Whether the image brings a device plugin; False for an AMI type outside the catalog, such as CUSTOM."""
    return ami_type in AMI_TYPES and AMI_TYPES[ami_type].device_plugin


def brings_plugin(family: str, kind: str | None) -> bool:
    """Whether a family's image for accelerators of `kind`, nvidia or neuron, brings their device plugin."""
    return any(ami.device_plugin and ami.family == family and ami.accelerator == kind for ami in AMI_TYPES.values())


def has_driver(ami_type: str) -> bool:
    """Whether the image brings an accelerator's driver; False for an AMI type outside the catalog, such as CUSTOM."""
    return ami_type in AMI_TYPES and AMI_TYPES[ami_type].driver


def image_supports(instance_type: InstanceType) -> bool:
    """Whether an EKS image has a driver for the type's accelerator; True without one."""
    accelerator = instance_type.accelerator
    if accelerator is None:
        return True
    if accelerator.kind == "nvidia":
        return accelerator.name not in GPUS_WITHOUT_DRIVER
    return accelerator.kind == "neuron"


def ssm_parameter(family: str, kubernetes: str, architecture: str, accelerator: str | None = None) -> str:
    """Name of the SSM parameter that holds the newest image's id. Raises ValueError as ami_type."""
    return f"{_parameters(family, kubernetes, architecture, accelerator)}/image_id"


def release_parameter(family: str, kubernetes: str, architecture: str, accelerator: str | None = None) -> str:
    """Name of the SSM parameter that holds the newest image's release, as a managed node group takes it.

    Raises ValueError as ami_type. Source: Amazon EKS User Guide, "Retrieve recommended Amazon Linux AMI IDs";
    terraform-aws-eks, eks-managed-node-group.
    """
    name = "release_version" if family == "al2023" else "image_version"
    return f"{_parameters(family, kubernetes, architecture, accelerator)}/{name}"


def _parameters(family: str, kubernetes: str, architecture: str, accelerator: str | None) -> str:
    ami = AMI_TYPES[ami_type(family, architecture, accelerator)]
    machine = "x86_64" if architecture == "amd64" else architecture
    if family == "al2023":
        variant = ami.accelerator or "standard"
        folder = f"eks/optimized-ami/{kubernetes}/amazon-linux-2023/{machine}/{variant}/recommended"
    else:
        variant = f"-{ami.accelerator}" if ami.accelerator else ""
        folder = f"bottlerocket/aws-k8s-{kubernetes}{variant}/{machine}/latest"
    return f"/aws/service/{folder}"


ROOT_DEVICE = "/dev/xvda"
"""Device name of the root volume of every image."""


def data_device(family: str) -> str:
    """The volume that container images fill, and so the one to make large: Bottlerocket keeps them off its root."""
    return {"al2023": ROOT_DEVICE, "bottlerocket": "/dev/xvdb"}[family]
