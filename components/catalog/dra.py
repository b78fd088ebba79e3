"""Dynamic resource allocation (DRA): who knows which devices of NVIDIA, from which version on."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from .api_groups import KARPENTER_GROUP
from .data import dra

DRA_DRIVER = "gpu.nvidia.com"
"""Name of NVIDIA's DRA driver, which is also the domain of its attributes and its class of whole GPUs."""
GPU_DEVICE_CLASS, MIG_DEVICE_CLASS = DRA_DRIVER, "mig.nvidia.com"
"""Classes that the driver's chart makes: whole GPUs, and MIG devices. Source: its chart 0.5.0, deviceclass-*.yaml."""
SHARES = "shares"
"""Capacity of a GPU that several claims share: one for each pod."""
SHARES_ANNOTATION = f"{KARPENTER_GROUP}/nvidia-consumable-capacity"
"""Annotation of an EC2NodeClass: how many pods share a GPU by DRA. Source: Karpenter 1.15, labels.go."""

DRA_SINCE = (1, 34)
"""Oldest Kubernetes with claims in its stable API. Source: Kubernetes 1.34, resource.k8s.io/v1; EKS User Guide."""
SHARED_DRA_SINCE = (1, 36)
"""Oldest Kubernetes on EKS in which several claims share a device, or get parts of one: its gates are on by default.
Source: Kubernetes 1.36, DRAConsumableCapacity and DRAPartitionableDevices.
"""
AUTO_MODE_DRA_SINCE = (1, 36)
"""Oldest Kubernetes whose Auto Mode nodes have the driver. Source: EKS User Guide, EKS Auto Mode, Dynamic Resource
Allocation.
"""


def minor_of(version: str) -> tuple[int, ...]:
    """The first two numbers of a version, of Kubernetes or of a chart."""
    return tuple(int(piece) for piece in version.removeprefix("v").split(".")[:2] if piece.isdigit())


@dataclass(frozen=True, slots=True)
class DraDevices:
    """The GPUs of one node as NVIDIA's driver publishes them. They differ in nothing but their PCIe roots."""

    product: str
    """Name of the product, such as NVIDIA L4."""
    architecture: str
    compute_capability: str
    brand: str
    memory: str
    """Memory of each GPU as a quantity, such as 23034Mi: a little less than the product's name says."""
    pcie_roots: tuple[str, ...]
    """The PCIe root of each GPU, in the order of the GPUs."""

    @property
    def memory_mib(self) -> int:
        """Memory of each GPU in MiB."""
        return int(self.memory[:-2]) * (1024 if self.memory.endswith("Gi") else 1)

    def attributes(self, number: int) -> dict[str, dict[str, Any]]:
        """`attributes` of the GPU of a number, as a ResourceSlice has them. Source: driver 0.5.0; Karpenter 1.15."""
        return {
            "architecture": {"string": self.architecture},
            "brand": {"string": self.brand},
            "cudaComputeCapability": {"version": self.compute_capability},
            "productName": {"string": self.product},
            "resource.kubernetes.io/pcieRoot": {"string": self.pcie_roots[number]},
            "type": {"string": "gpu"},
        }


@cache
def dra_devices() -> Mapping[str, DraDevices]:
    """By instance type, for those that Karpenter knows: of any other it starts none for a claim.

    Source: Karpenter's AWS provider 1.15, drametadata, which was read from nodes that ran.
    """
    return {
        name: DraDevices(product, architecture, capability, brand, memory, tuple(roots))
        for name, (product, architecture, capability, brand, memory, roots) in dra()["devices"].items()
    }
