"""EKS Auto Mode: what AWS runs itself there, and within which bounds. Source: Amazon EKS User Guide, EKS Auto Mode."""

from collections.abc import Mapping
from dataclasses import dataclass

from .scheduling import Taint


@dataclass(frozen=True)
class BuiltInPool:
    """What one of its own node pools requires of nodes."""

    architectures: tuple[str, ...]
    taints: tuple[Taint, ...] = ()


# Source: "Enable or Disable Built-in NodePools".
BUILT_IN_POOLS: Mapping[str, BuiltInPool] = {
    "general-purpose": BuiltInPool(("amd64",)),
    "system": BuiltInPool(("amd64", "arm64"), (Taint("CriticalAddonsOnly", "", "NoSchedule"),)),
}
"""Node pools that EKS makes where asked, by name: on demand, and without GPUs."""
BUILT_IN_CATEGORIES = ("c", "m", "r")
BUILT_IN_GENERATION = 5
"""The oldest generation of those categories."""
BUILT_IN_NODE_CLASS = "default"
"""Name that a node class of one's own cannot have."""

ADDONS = frozenset(
    {"aws-ebs-csi-driver", "coredns", "eks-node-monitoring-agent", "eks-pod-identity-agent", "kube-proxy", "vpc-cni"}
)
"""EKS add-ons whose work it does itself."""
DISK_PROVISIONER = "ebs.csi.eks.amazonaws.com"
"""Of its storage classes; the add-on's is another one."""
CLUSTER_ACCESS_POLICY = "AmazonEKSAutoNodePolicy"
"""What the role of a node class of one's own needs, in an access entry of type EC2."""
NODE_POLICIES = ("AmazonEC2ContainerRegistryPullOnly", "AmazonEKSWorkerNodeMinimalPolicy")
"""What a node itself calls."""

MAX_AGE_H = 336
"""Hours until a node is replaced, at most; 21 days after its start AWS ends it whatever runs there."""

# Source: "Learn about Amazon EKS Auto Mode Managed instances".
ACCELERATED_FAMILIES = frozenset(
    {"g4ad", "g4dn", "g5", "g5g", "g6", "g6e", "g7e", "gr6"}
    | {"p3dn", "p4d", "p4de", "p5", "p5e", "p5en", "p6-b200", "p6-b300"}
    | {"inf1", "inf2", "trn1", "trn1n", "trn2"}
)
"""Instance families with accelerators that it can start."""
