"""What pods get of a node: its resources less what kubelet, eviction and the hypervisor keep."""

from math import ceil

from .instance_types import InstanceType

MIB = 2**20

# What kubelet keeps of each core, in ten-thousandths of it: the first four, then every one after them.
# Source: amazon-eks-ami, nodeadm, kubelet configuration.
_CPU_SHARES, _CPU_SHARE_BEYOND = (600, 100, 50, 50), 25
MEMORY_RESERVE_MIB = 255
MEMORY_RESERVE_MIB_PER_POD = 11
EVICTION_MIB = 100

VM_MEMORY_OVERHEAD = 0.075
"""Share of the listed memory that the hypervisor keeps. Source: Karpenter 1.15, VM_MEMORY_OVERHEAD_PERCENT."""


GRAVITON_MIB = 64
"""Memory of an arm64 machine that its kernel keeps for devices. Source: Karpenter 1.15, package instancetype."""


def usable_mib(instance_type: InstanceType, overhead: float = VM_MEMORY_OVERHEAD) -> int:
    """Memory of a node, which is the listed memory less what the hypervisor and an arm64 kernel keep."""
    listed = instance_type.memory_mib - (GRAVITON_MIB if instance_type.architecture == "arm64" else 0)
    return listed - ceil(listed * MIB * overhead / 1024 / 1024)  # in Karpenter's order, as floats round


def reserved_millicores(vcpus: int) -> int:
    """CPU that kubelet keeps, in thousandths of a core."""
    beyond = max(0, vcpus - len(_CPU_SHARES)) * _CPU_SHARE_BEYOND
    return (sum(_CPU_SHARES[:vcpus]) + beyond) // 10


def reserved_mib(max_pods: int) -> int:
    """Memory that kubelet keeps, without the eviction threshold."""
    return MEMORY_RESERVE_MIB + MEMORY_RESERVE_MIB_PER_POD * max_pods


def allocatable(instance_type: InstanceType) -> dict[str, int]:
    """Resource to amount: `cpu` in millicores, `memory` in MiB, `pods`, and what the device plugin offers."""
    kept_mib = reserved_mib(instance_type.max_pods) + EVICTION_MIB
    resources = {
        "cpu": 1000 * instance_type.vcpus - reserved_millicores(instance_type.vcpus),
        "memory": max(0, usable_mib(instance_type) - kept_mib),
        "pods": instance_type.max_pods,
    }
    if instance_type.accelerator and instance_type.accelerators:
        resources |= instance_type.accelerator.offered
    return resources
