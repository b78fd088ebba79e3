"""EC2 instance types: what a node of each has, and which of them satisfy a need."""

import re
from dataclasses import dataclass
from functools import cache

from . import data
from .nearest import hint
from .scheduling import GPU_RESOURCE, NEURON_CORE_RESOURCE, NEURON_RESOURCE

# Which resource the maker's device plugin registers.
RESOURCES = {
    "nvidia": GPU_RESOURCE,
    "amd": "amd.com/gpu",
    "habana": "habana.ai/gaudi",
    "qualcomm": "qualcomm.com/qaic",
    "aws": NEURON_RESOURCE,
}
MAKERS = {"nvidia": "NVIDIA", "amd": "AMD", "habana": "Habana", "qualcomm": "Qualcomm", "aws": "AWS"}
"""Name of a maker in a sentence, by its label's value."""

# NeuronCores of a device by its name; with logical cores of two, as Trainium2 can have them, a node offers half.
# Source: DescribeInstanceTypes, NeuronInfo, CoreInfo.
_NEURON_CORES = {"inferentia": 4, "inferentia2": 2, "trainium": 2, "trainium2": 8}

GENERAL_CATEGORIES = ("c", "m", "r")
"""Categories of types for general work: `InstanceType.category`."""

# Families that programs still name and the catalog lacks, with the reason and what to take instead.
RETIRED_FAMILIES = {
    "g3": ("AWS lists it no longer, and no EKS image has a driver for its M60", "g4dn.xlarge"),
    "g3s": ("AWS lists it no longer, and no EKS image has a driver for its M60", "g4dn.xlarge"),
    "p2": ("AWS lists it no longer, and no EKS image has a driver for its K80", "g4dn.xlarge"),
    "p3": ("AWS lists it no longer", "g5.xlarge"),
}

# EC2's vCPU quotas by the letters a family starts with; every other letter counts as Standard.
# Source: EC2 User Guide, "On-Demand Instance limits".
_QUOTAS = {
    "dl": "DL",
    "f": "F",
    "g": "G and VT",
    "gr": "G and VT",
    "hpc": "HPC",
    "inf": "Inf",
    "p": "P",
    "trn": "Trn",
    "u": "High Memory",
    "vt": "G and VT",
    "x": "X",
}


class UnknownInstanceType(ValueError):
    """A type that the catalog lacks; the message says why where that is known, and names the nearest that it has."""

    def __init__(self, name: str):
        retired = RETIRED_FAMILIES.get(name.partition(".")[0])
        if retired:
            reason, successor = retired
            super().__init__(f"instance type {name} is no longer offered: {reason}; nearest: {successor}")
            return
        super().__init__(f"instance type {name} is not in the catalog{hint(name, _names())}")


@dataclass(frozen=True, slots=True)
class Accelerator:
    """The devices of one node: GPUs, or Neuron, Gaudi and AI 100 devices."""

    maker: str
    """nvidia, amd, habana, qualcomm or aws: Karpenter's `instance-gpu-manufacturer`."""
    name: str
    """Value of Karpenter's label, such as t4, a10g or rtx-pro-server-6000."""
    count: int
    """Whole devices that pods can ask for, 0 where the node has a fraction of one; of Neuron the devices, not cores."""
    memory_mib: int
    """Memory of each device, or of the fraction of a device that the node has."""
    fraction: float = 1.0
    """Under 1 where AWS cuts a GPU into parts (g6f, gr6f)."""

    @property
    def resource(self) -> str:
        """The resource that a pod requests."""
        return RESOURCES[self.maker]

    @property
    def cores(self) -> int:
        """NeuronCores of each device; 0 for a device of another maker."""
        return _NEURON_CORES.get(self.name, 0) if self.maker == "aws" else 0

    @property
    def offered(self) -> dict[str, int]:
        """Every resource that the device plugin registers on a node, with its amount: devices and NeuronCores."""
        cores = {NEURON_CORE_RESOURCE: self.count * self.cores} if self.cores else {}
        return {self.resource: self.count, **cores}

    @property
    def kind(self) -> str:
        """The word that pools and images use: nvidia, neuron, or another maker."""
        return "neuron" if self.maker == "aws" else self.maker


@dataclass(frozen=True, slots=True)
class InstanceType:
    """One row of the catalog. Source: DescribeInstanceTypes."""

    name: str
    architecture: str
    """amd64 or arm64, as Kubernetes says it."""
    vcpus: int
    memory_mib: int
    """All of it; `kubelet.allocatable` says what pods get."""
    accelerator: Accelerator | None
    efa_interfaces: int
    """Interfaces that may be Elastic Fabric Adapters; 0 without EFA."""
    instance_store_gb: int
    """0 where every disk is EBS."""
    nvme: bool
    """Whether the instance store is NVMe; False without one."""
    hypervisor: str
    """nitro, xen, or empty for bare metal."""
    bare_metal: bool
    interfaces: int
    """Network interfaces (ENIs) of the first network card, the only one whose addresses the VPC CNI gives to pods."""
    addresses: int
    """IPv4 addresses of each interface, its own among them."""
    branch_interfaces: int
    """Interfaces for pods with security groups of their own, `vpc.amazonaws.com/pod-eni`; 0 without trunking."""
    spot: bool
    """Whether Spot sells it at all."""
    current: bool
    """False for a type that AWS calls previous generation."""
    cpu_maker: str
    """intel, amd or aws."""

    @property
    def efa(self) -> bool:
        """Whether the type has an Elastic Fabric Adapter."""
        return self.efa_interfaces > 0

    @property
    def max_pods(self) -> int:
        """Addresses that the VPC CNI has for pods, and one for each of two pods with the node's own."""
        return max_pods(self.interfaces, self.addresses)

    @property
    def family(self) -> str:
        """g4dn of g4dn.xlarge."""
        return self.name.partition(".")[0]

    @property
    def size(self) -> str:
        """xlarge of g4dn.xlarge."""
        return self.name.partition(".")[2]

    @property
    def category(self) -> str:
        """The letters a name starts with, g of g4dn.xlarge: Karpenter's `instance-category`."""
        return _letters_and_number(self.name)[0]

    @property
    def generation(self) -> int:
        """The first number in a name, 4 of g4dn.xlarge: Karpenter's `instance-generation`."""
        return _letters_and_number(self.name)[1]

    @property
    def accelerators(self) -> int:
        """Devices of any maker that pods can ask for."""
        return self.accelerator.count if self.accelerator else 0

    @property
    def gpus(self) -> int:
        """NVIDIA devices that pods can ask for."""
        return self.accelerators if self.accelerator and self.accelerator.maker == "nvidia" else 0


def max_pods(interfaces: int, addresses: int) -> int:
    """Pods for which a node with these interfaces has addresses; 0 without an interface.

    Source: amazon-vpc-cni-k8s, eni-max-pods; Karpenter 1.15, package instancetype.
    """
    return interfaces * (addresses - 1) + 2 if interfaces > 0 else 0


def _letters_and_number(name: str) -> tuple[str, int]:
    # u-6tb1.metal has its size in memory before its generation.
    parts = re.match(r"([a-z]+)(?:-\d+tb)?(\d+)", name)
    assert parts, name
    return parts[1], int(parts[2])


COLUMNS = (
    "architecture",
    "vcpus",
    "memory_mib",
    "accelerator",
    "efa_interfaces",
    "instance_store_gb",
    "nvme",
    "hypervisor",
    "bare_metal",
    "interfaces",
    "addresses",
    "branch_interfaces",
    "spot",
    "current",
    "cpu_maker",
    "offers",
)
"""A row of ec2.json: the fields of InstanceType after its name, then the zones as `use1:124 usw2:12`."""


# Types that AWS's recorded answers lack, without their zones. Source of the regions: AWS's announcements, and its price
# list for g4ad. Of the rest: Karpenter 1.15, zz_generated.vpclimits.go; the cluster autoscaler, ec2_instance_types.go;
# EC2 Auto Scaling API, AcceleratorName; read 2026-11-30. Disks and EFA are held against no second source.
_V520, _GAUDI = ("amd", "radeon-pro-v520"), ("habana", "gaudi-hl-205")
_NITRO, _SOLD = ("nitro", False), (True, True)
_UNLISTED: dict[str, list] = {
    "dl1.24xlarge": ["amd64", 96, 786_432, [*_GAUDI, 8, 32_768], 4, 4000, True, *_NITRO, 15, 50, 62, *_SOLD, "intel"],
    "g4ad.xlarge": ["amd64", 4, 16_384, [*_V520, 1, 8192], 0, 150, True, *_NITRO, 2, 4, 12, *_SOLD, "amd"],
    "g4ad.2xlarge": ["amd64", 8, 32_768, [*_V520, 1, 8192], 0, 300, True, *_NITRO, 2, 4, 12, *_SOLD, "amd"],
    "g4ad.4xlarge": ["amd64", 16, 65_536, [*_V520, 1, 8192], 0, 600, True, *_NITRO, 3, 10, 11, *_SOLD, "amd"],
    "g4ad.8xlarge": ["amd64", 32, 131_072, [*_V520, 2, 8192], 0, 1200, True, *_NITRO, 4, 15, 10, *_SOLD, "amd"],
    "g4ad.16xlarge": ["amd64", 64, 262_144, [*_V520, 4, 8192], 0, 2400, True, *_NITRO, 8, 30, 6, *_SOLD, "amd"],
}
_UNLISTED_REGIONS = {
    "dl1": "us-east-1 us-west-2",
    "g4ad": "ap-northeast-1 ca-central-1 eu-central-1 eu-west-1 eu-west-2 us-east-1 us-east-2 us-west-2",
}


def _row(name: str) -> list:
    types = data.ec2()["types"]
    if name in types:
        return types[name]
    if name in _UNLISTED:
        return [*_UNLISTED[name], ""]
    raise UnknownInstanceType(name)


def _names() -> set[str]:
    return {*data.ec2()["types"], *_UNLISTED}


@cache
def instance_type(name: str) -> InstanceType:
    """The type of that name. Raises UnknownInstanceType."""
    architecture, vcpus, memory_mib, devices, *rest, _ = _row(name)
    return InstanceType(name, architecture, vcpus, memory_mib, Accelerator(*devices) if devices else None, *rest)


@cache
def instance_types() -> tuple[InstanceType, ...]:
    """Every type that Linux nodes can have, by name; Mac types are left out."""
    return tuple(map(instance_type, sorted(_names())))


@cache
def offers(name: str) -> frozenset[str]:
    """Ids of the zones that offer the type, in every region of the catalog. Raises UnknownInstanceType.

    Every zone of its regions counts for a type of which only the regions are known: g4ad and dl1.
    """
    if name not in data.ec2()["types"] and name in _UNLISTED:
        regions = _UNLISTED_REGIONS[name.partition(".")[0]].split()
        return frozenset(zone_id for region in regions for zone_id in data.ec2()["zones"].get(region, {}).values())
    places = (place.partition(":") for place in _row(name)[-1].split())
    return frozenset(f"{prefix}-az{number}" for prefix, _, numbers in places for number in numbers)


def quota_family(instance_type: InstanceType) -> str:
    """The EC2 vCPU quota that the type counts against: Standard, P, Inf, Trn, "G and VT" and so on."""
    return _QUOTAS.get(instance_type.category, "Standard")
