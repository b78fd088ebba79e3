"""Bounds of pools and their nodes: what AWS takes, and below what a pool does not work as it should."""

MAX_INSTANCE_TYPES = 20
"""Instance types of one node group. Source: EKS API, CreateNodegroup."""
MIN_SPOT_TYPES = 6
"""Instance types of a Spot pool: Spot takes back one type in one zone at a time, so a few nodes go and not all."""
MIN_GPU_DISK_GIB = 30
"""Disk of a GPU node. EKS gives 20 GiB; an image with CUDA in it takes several."""
MIN_DISK_GIB = 20
"""Disk of any other node: what EKS's images are made for. Source: EKS API, CreateNodegroup, diskSize."""
MAX_DISK_GIB = 65_536
"""Size of a gp3 volume. Source: EC2 API, EbsBlockDevice."""
MIN_IDLE_S = 30
"""Seconds that an empty node is kept; one that goes earlier is bought again for the next pod."""
MIN_TERMINATION_GRACE_S = 60
"""Seconds until a pod that holds a leaving node is ended with it."""
MIN_SYSTEM_NODES = 2
"""System nodes, so that controllers outlive one of them."""
MAX_POOL_WEIGHT = 100
"""Weight of a node pool, from 1. Source: Karpenter 1.15, NodePool v1."""
MIN_IOPS, MAX_IOPS = 3000, 80_000
"""Operations a second of a gp3 volume. Source: EC2 API, EbsBlockDevice."""
MIN_THROUGHPUT_MIB_S, MAX_THROUGHPUT_MIB_S = 125, 2000
"""MiB a second of a gp3 volume. Source: EC2 API, EbsBlockDevice."""
AUTO_MODE_MAX_DISK_GIB, AUTO_MODE_MAX_IOPS, AUTO_MODE_MAX_THROUGHPUT_MIB_S = 59_000, 16_000, 1000
"""The same of an Auto Mode node's volume. Source: EKS User Guide, "Create a Node Class for Amazon EKS"."""
MIN_INITIALIZATION_MIB_S, MAX_INITIALIZATION_MIB_S = 100, 300
"""MiB a second at which a volume's blocks come from its snapshot. Source: EC2 API, EbsBlockDevice."""

KARPENTER_AGE_H = 720
"""Hours until Karpenter replaces a node where a pool does not say. Source: Karpenter 1.15, NodePool v1, expireAfter."""
AUTO_MODE_MAX_AGE_H = 336
"""Hours until Auto Mode replaces a node, at most; 21 days after its start AWS ends it whatever runs there.

Source: EKS User Guide, "Create a Node Pool for EKS Auto Mode".
"""
