"""Taints, resources and capacity types, each written once, with the spellings that AWS and Kubernetes require."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal, Self, get_args

# Extended resources, as device plugins register them.
GPU_RESOURCE = "nvidia.com/gpu"
NEURON_RESOURCE = "aws.amazon.com/neuron"
NEURON_CORE_RESOURCE = "aws.amazon.com/neuroncore"
EFA_RESOURCE = "vpc.amazonaws.com/efa"
BRANCH_INTERFACE_RESOURCE = "vpc.amazonaws.com/pod-eni"
"""What pods with security groups of their own ask for."""
MIG_RESOURCE = "nvidia.com/mig-"
"""Begins the resource of a slice of a GPU, before its profile, such as `1g.5gb`."""
_SHARED_GPU_RESOURCE = f"{GPU_RESOURCE}.shared"


def device_of(resource: str) -> str:
    """The device that a resource is a share or slice of, by the names of NVIDIA's device plugin; else the resource."""
    return GPU_RESOURCE if resource.startswith((MIG_RESOURCE, _SHARED_GPU_RESOURCE)) else resource


# Tags of an auto scaling group that the cluster autoscaler reads. Source: its AWS README, version 1.35.
AUTOSCALER_TAG = "k8s.io/cluster-autoscaler/"
AUTOSCALER_ENABLED_TAG = f"{AUTOSCALER_TAG}enabled"
AUTOSCALER_TEMPLATE_TAG = f"{AUTOSCALER_TAG}node-template/"
AUTOSCALER_LABEL_TAG = f"{AUTOSCALER_TEMPLATE_TAG}label/"
AUTOSCALER_TAINT_TAG = f"{AUTOSCALER_TEMPLATE_TAG}taint/"
AUTOSCALER_RESOURCE_TAG = f"{AUTOSCALER_TEMPLATE_TAG}resources/"
AUTOSCALER_OPTION_TAG = f"{AUTOSCALER_TEMPLATE_TAG}autoscaling-options/"


def autoscaler_cluster_tag(cluster: str) -> str:
    """Key of the tag that keeps one cluster's autoscaler off another cluster's groups."""
    return f"{AUTOSCALER_TAG}{cluster}"


AUTOSCALER_PRIORITY_CUTOFF = -10
"""The lowest priority for which the cluster autoscaler starts a node, unless its flag expendable-pods-priority-cutoff
says another. Source: Cluster Autoscaler 1.35, config/flags/flags.go.
"""

TaintEffect = Literal["NoSchedule", "PreferNoSchedule", "NoExecute"]
"""What a taint does to pods that do not tolerate it, in Kubernetes' spelling. Source: Kubernetes 1.35, core API."""
TAINT_EFFECTS: tuple[str, ...] = get_args(TaintEffect)
HARD_EFFECTS = ("NoSchedule", "NoExecute")
"""Effects that keep pods off a node; the third only makes it a last resort."""
TolerationOperator = Literal["Exists", "Equal"]
"""How a toleration compares a taint's value. Source: Kubernetes 1.35, core API."""
TOLERATION_OPERATORS: tuple[str, ...] = get_args(TolerationOperator)

_EKS_EFFECTS = {"NoSchedule": "NO_SCHEDULE", "PreferNoSchedule": "PREFER_NO_SCHEDULE", "NoExecute": "NO_EXECUTE"}
_KUBERNETES_EFFECTS = {eks: kubernetes for kubernetes, eks in _EKS_EFFECTS.items()}


@dataclass(frozen=True, slots=True)
class Taint:
    """A node's taint; effect in Kubernetes' spelling. Raises ValueError for an effect that Kubernetes does not have."""

    key: str
    value: str
    effect: str

    def __post_init__(self) -> None:
        if self.effect not in _EKS_EFFECTS:
            raise ValueError(f"effect must be one of {', '.join(_EKS_EFFECTS)}, got {self.effect!r}")

    @classmethod
    def from_kubernetes(cls, taint: Mapping[str, Any]) -> Self:
        """From a Node's or NodePool's taint, where the value may be left out."""
        return cls(taint["key"], taint.get("value") or "", taint["effect"])

    @classmethod
    def from_eks(cls, taint: Mapping[str, Any]) -> Self:
        """From a managed node group's taint. Raises ValueError for Kubernetes' spelling, which EKS refuses."""
        if taint["effect"] not in _KUBERNETES_EFFECTS:
            raise ValueError(f"effect must be one of {', '.join(_KUBERNETES_EFFECTS)}, got {taint['effect']!r}")
        return cls(taint["key"], taint.get("value") or "", _KUBERNETES_EFFECTS[taint["effect"]])

    @classmethod
    def from_autoscaler_tag(cls, key: str, value: str) -> Self | None:
        """The taint that the cluster autoscaler reads from a tag: None for another tag, and for a value that is not
        `value:Effect`.
        """
        if not key.startswith(AUTOSCALER_TAINT_TAG):
            return None
        taint_value, _, effect = value.partition(":")
        if effect not in _EKS_EFFECTS:
            return None  # the autoscaler ignores such a tag without a message
        return cls(key.removeprefix(AUTOSCALER_TAINT_TAG), taint_value, effect)

    def for_kubernetes(self) -> dict[str, str]:
        """`{"key", "value", "effect": "NoSchedule"}`, for Nodes and NodePools, whose schema refuses an empty value."""
        value = {"value": self.value} if self.value else {}
        return {"key": self.key, **value, "effect": self.effect}

    def for_eks(self) -> dict[str, str]:
        """`{"key", "value", "effect": "NO_SCHEDULE"}`, for a managed node group."""
        return {"key": self.key, "value": self.value, "effect": _EKS_EFFECTS[self.effect]}

    def for_autoscaler_tag(self) -> tuple[str, str]:
        """Tag key and value, as `("k8s.io/.../taint/nvidia.com/gpu", "true:NoSchedule")`."""
        return f"{AUTOSCALER_TAINT_TAG}{self.key}", f"{self.value}:{self.effect}"

    def for_kubelet(self) -> str:
        """`key=value:Effect`, for the flag `--register-with-taints`."""
        return f"{self.key}={self.value}:{self.effect}"

    def toleration(self) -> dict[str, str]:
        """Tolerates the key whatever its value, so that a pool with another value stays open to the pod."""
        return {"key": self.key, "operator": "Exists", "effect": self.effect}


# A value, always: the autoscaler skips a managed node group's taint that has none.
GPU_TAINT = Taint(GPU_RESOURCE, "true", "NoSchedule")
NEURON_TAINT = Taint(NEURON_RESOURCE, "true", "NoSchedule")
SYSTEM_TAINT = Taint("CriticalAddonsOnly", "true", "NoSchedule")
SYSTEM_NODE_LABELS = {"eks-gpu-components/role": "system"}
"""Labels that controllers select, so that no controller keeps a Spot or GPU node from being removed."""
SYSTEM_TOLERATIONS = [SYSTEM_TAINT.toleration()]
"""Tolerations of everything that runs on the system nodes, which may be tainted; without the taint they have no effect.
"""


class CapacityType(StrEnum):
    """Capacity type of a node, spelled as in `karpenter.sh/capacity-type`, in Karpenter's order of preference."""

    RESERVED = "reserved"
    SPOT = "spot"
    ON_DEMAND = "on-demand"

    def for_eks(self) -> str:
        """A managed node group's `capacity_type`."""
        return _EKS_CAPACITY_TYPES[self]

    @classmethod
    def from_eks(cls, capacity_type: str) -> "CapacityType":
        """From a managed node group's `capacity_type`. Raises ValueError for one that EKS does not have."""
        ours = {eks: ours for ours, eks in _EKS_CAPACITY_TYPES.items()}
        if capacity_type not in ours:
            raise ValueError(f"capacity_type must be one of {', '.join(ours)}, got {capacity_type!r}")
        return ours[capacity_type]


_EKS_CAPACITY_TYPES = {
    CapacityType.RESERVED: "CAPACITY_BLOCK",
    CapacityType.SPOT: "SPOT",
    CapacityType.ON_DEMAND: "ON_DEMAND",
}
