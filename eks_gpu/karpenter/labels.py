"""Labels that Karpenter and Auto Mode know of an instance type before there is a node.

Source: Karpenter 1.14, pkg/apis/v1/labels.go; EKS User Guide, "Create a Node Pool for EKS Auto Mode".
"""

import re
from collections.abc import Mapping
from functools import cache

from eks_gpu_components.catalog import (
    ARCH_LABEL,
    CAPACITY_TYPE_LABEL,
    INSTANCE_TYPE_LABEL,
    OS_LABEL,
    REGION_LABEL,
    ZONE_ID_LABEL,
    ZONE_LABEL,
    InstanceType,
)
from eks_gpu_components.catalog.auto_mode import COMPUTE_TYPE_LABEL

KARPENTER, AUTO_MODE = "karpenter.k8s.aws", "eks.amazonaws.com"
NODE_POOL_LABEL = "karpenter.sh/nodepool"

PLACE_LABELS = (ZONE_LABEL, ZONE_ID_LABEL, REGION_LABEL)
TYPE_LABELS = (INSTANCE_TYPE_LABEL, ARCH_LABEL, OS_LABEL)

UNKNOWN = frozenset(
    {
        "instance-cpu-sustained-clock-speed-mhz",
        "instance-ebs-bandwidth",
        "instance-encryption-in-transit-supported",
        "instance-network-bandwidth",
        "instance-tenancy",
        "capacity-reservation-id",
        "capacity-reservation-interruptible",
        "capacity-reservation-type",
        "placement-group-id",
        "placement-group-partition",
        "ec2nodeclass",
    }
)
"""Known to Karpenter, but not to the catalog, without their prefix."""
KNOWN = frozenset(
    {
        "instance-accelerator-count",
        "instance-accelerator-manufacturer",
        "instance-accelerator-name",
        "instance-capability-flex",
        "instance-category",
        "instance-cpu",
        "instance-cpu-manufacturer",
        "instance-family",
        "instance-generation",
        "instance-gpu-count",
        "instance-gpu-manufacturer",
        "instance-gpu-memory",
        "instance-gpu-name",
        "instance-hypervisor",
        "instance-local-nvme",
        "instance-memory",
        "instance-size",
    }
)
"""What `of_type` gives, where a type has it."""
CPU_MAKERS = ("intel", "amd", "aws")


@cache
def of_type(row: InstanceType, prefix: str) -> Mapping[str, str]:
    """Labels of every node of the type, the generic ones too; a maker of CPUs that is not known is left out."""
    made = {
        "instance-category": row.category,
        "instance-generation": str(row.generation),
        "instance-family": row.family,
        "instance-size": row.size,
        "instance-cpu": str(row.vcpus),
        "instance-cpu-manufacturer": cpu_maker(row),
        "instance-memory": str(row.memory_mib),
        "instance-hypervisor": row.hypervisor,
        "instance-local-nvme": str(row.instance_store_gb) if row.instance_store_gb else None,
        "instance-capability-flex": str(row.family.endswith("-flex")).lower(),
        **_devices(row),
    }
    generic = {INSTANCE_TYPE_LABEL: row.name, ARCH_LABEL: row.architecture, OS_LABEL: "linux"}
    return {**generic, **{f"{prefix}/{name}": value for name, value in made.items() if value is not None}}


def _devices(row: InstanceType) -> dict[str, str]:
    """Neuron and AI 100 devices are accelerators, and all others GPUs."""
    found = row.accelerator
    if found is None:
        return {}
    if found.maker in ("aws", "qualcomm"):
        word, more = "accelerator", {}
    else:
        word, more = "gpu", {"instance-gpu-memory": str(found.memory_mib)}
    return {
        f"instance-{word}-name": found.name,
        f"instance-{word}-manufacturer": found.maker,
        f"instance-{word}-count": str(found.count),
        **more,
    }


def cpu_maker(row: InstanceType) -> str | None:
    """By the letters after the generation, m7a and m7i; None where a name does not say."""
    if row.architecture == "arm64":
        return "aws"
    letters = (re.match(r"[a-z]+\d+([a-z]*)", row.family) or ["", ""])[1]
    return "amd" if "a" in letters else "intel" if "i" in letters else None


def is_well_known(key: str) -> bool:
    """Whether Karpenter sets the label itself, and nobody may make up another one under the name."""
    prefix, _, name = key.rpartition("/")
    generic = key in (*TYPE_LABELS, *PLACE_LABELS, CAPACITY_TYPE_LABEL, NODE_POOL_LABEL, COMPUTE_TYPE_LABEL)
    return generic or (prefix in (KARPENTER, AUTO_MODE) and name in KNOWN | UNKNOWN)


def is_of_type(key: str) -> bool:
    """Whether `of_type` gives it, under either prefix."""
    prefix, _, name = key.rpartition("/")
    return key in TYPE_LABELS or (prefix in (KARPENTER, AUTO_MODE) and name in KNOWN)


def is_unknown(key: str) -> bool:
    """Whether Karpenter knows the label and the catalog does not."""
    prefix, _, name = key.rpartition("/")
    return prefix in (KARPENTER, AUTO_MODE) and name in UNKNOWN
