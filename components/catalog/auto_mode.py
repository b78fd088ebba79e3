"""EKS Auto Mode: what AWS runs itself there, and its limits. Source: Amazon EKS User Guide, EKS Auto Mode."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache

from .images import image_supports
from .instance_types import GENERAL_CATEGORIES, InstanceType, instance_types
from .scheduling import SYSTEM_TAINT, Taint


@dataclass(frozen=True)
class BuiltInPool:
    """The requirements of one of Auto Mode's built-in node pools."""

    architectures: tuple[str, ...]
    taints: tuple[Taint, ...] = ()


# Source: "Enable or Disable Built-in NodePools".
BUILT_IN_POOLS: Mapping[str, BuiltInPool] = {
    "general-purpose": BuiltInPool(("amd64",)),
    "system": BuiltInPool(("amd64", "arm64"), (replace(SYSTEM_TAINT, value=""),)),
}
"""Node pools that EKS makes where asked, by name: on demand, and without GPUs."""
BUILT_IN_CATEGORIES = GENERAL_CATEGORIES
BUILT_IN_GENERATION = 5
"""The oldest generation of those categories."""
BUILT_IN_NODE_CLASS = "default"
"""Name of EKS's own node class; your node classes cannot have it."""

DISK_PROVISIONER = "ebs.csi.eks.amazonaws.com"
"""Provisioner of Auto Mode's storage classes; the EBS CSI add-on has another one."""

NETWORK_POLICY_NAMESPACE, NETWORK_POLICY_CONFIG = "kube-system", "amazon-vpc-cni"
"""Namespace and name of the ConfigMap by which its nodes enforce NetworkPolicies; without it none do.
Source: "Use Network Policies with EKS Auto Mode"."""
NETWORK_POLICY_KEY = "enable-network-policy-controller"
"""Key of that ConfigMap, with the text true."""

_TOO_SMALL = ("nano", "micro", "small")
_WITHOUT_DRIVER = frozenset({"g4ad"})
"""Families that Auto Mode starts although EKS's images have no driver for them."""
_LEFT_OUT = frozenset({"p3"})
"""Families that EKS's images have a driver for and Auto Mode does not start; it starts p3dn."""


def starts(row: InstanceType) -> bool:
    """Whether Auto Mode has nodes of the type. Source: "Learn about Amazon EKS Auto Mode Managed instances"."""
    if row.family in _LEFT_OUT or not (image_supports(row) or row.family in _WITHOUT_DRIVER):
        return False
    if row.accelerator and row.accelerator.fraction < 1:
        return False
    return row.vcpus > 1 and row.size not in _TOO_SMALL


@cache
def accelerated_families() -> tuple[str, ...]:
    """Families with accelerators of which Auto Mode has nodes, sorted; its images have the drivers of EKS's own."""
    return tuple(
        sorted({row.family for row in instance_types() if row.accelerator and starts(row) and image_supports(row)})
    )
