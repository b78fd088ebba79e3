"""How long the first pod of a pool waits for its container: in the usual case, and at most.

`eks-gpu explain` estimates with the usual times. Every deadline of a workload must allow the longest: it counts from
the pod's start or the object's creation, so a shorter one kills what it waits for.
"""

from dataclasses import dataclass

from .instance_types import InstanceType


@dataclass(frozen=True, slots=True)
class Wait:
    """One part of the wait, in seconds."""

    usual_s: int
    longest_s: int
    source: str


_LAUNCHES = "aws/karpenter-provider-aws issue 3102"

PLAIN_LAUNCH = Wait(usual_s=60, longest_s=100, source=_LAUNCHES)
"""Until a bought node without an accelerator is Ready: 40 to 100 seconds measured."""
ACCELERATED_LAUNCH = Wait(usual_s=90, longest_s=300, source=f"awslabs/amazon-eks-ami issue 1099, {_LAUNCHES}")
"""Until a bought node with an accelerator is Ready: it boots longer than the others."""
BARE_METAL_LAUNCH = Wait(usual_s=1200, longest_s=1200, source="EC2 User Guide, Nitro-based bare metal")
"""Until a bare-metal node is Ready; no deadline counts with it."""
DRIVER_INSTALLATION = Wait(usual_s=240, longest_s=300, source="NVIDIA/gpu-operator issue 707")
"""Until a node offers its GPUs where the GPU operator installs the driver: 180 to 300 seconds measured."""
LARGE_IMAGE = Wait(
    usual_s=300,
    longest_s=360,
    source="AWS Machine Learning Blog, SOCI index on DLAMI and DLC: 15 to 20 GB in 4 to 6 minutes",
)
"""For an image of 15 to 20 GB: 240 to 360 seconds measured."""
PULL_MB_S = 60
"""Speed at which an image comes and is unpacked, in MB/s: 15 to 20 GB in the time of a large image."""

PARALLEL_PULL_MB_S = 183
"""The same where layers are fetched and unpacked side by side: 8.8 GB in 48 seconds."""
PARALLEL_PULL_DISK_IOPS, PARALLEL_PULL_DISK_MIB_S = 16_000, 1000
"""The volume that it was measured on. Source: as below."""
PARALLEL_PULL_SOURCE = "Amazon EKS Best Practices, AI/ML; AWS Containers Blog, SOCI parallel pull mode"
PARALLEL_PULL_THROUGHPUT_MIB_S = 600
"""Throughput of the volume below which pulling side by side is slower than one after another."""
PARALLEL_PULL_VCPUS, PARALLEL_PULL_MEMORY_MIB = 4, 7168
"""A node with less ignores the setting. Source: amazon-eks-ami, nodeadm, UseSOCISnapshotter."""
STREAMER_MB_S = 2080
"""Speed at which a streamer reads weights from S3 into the GPU, in MB/s: 10.4 GB in 5 seconds."""
COMPILE = Wait(usual_s=65, longest_s=80, source="Amazon EKS Best Practices, AI/ML")
"""For vLLM to compile a model: 50 to 80 seconds measured."""
COMPILED_S = 6
"""The same with what an earlier server compiled, kept on a volume."""
INITIALIZATION_SOURCE = "Amazon EBS User Guide, provisioned rate for volume initialization"


def pulls_in_parallel(row: InstanceType) -> bool:
    """Whether a node of the type is large enough to fetch layers side by side."""
    return row.vcpus >= PARALLEL_PULL_VCPUS and row.memory_mib >= PARALLEL_PULL_MEMORY_MIB


LAUNCH_S = ACCELERATED_LAUNCH.longest_s
"""Seconds until a bought node is Ready, at most."""
DRIVER_S = DRIVER_INSTALLATION.longest_s
"""Seconds until a node offers its GPUs where the GPU operator installs the driver, at most."""
IMAGE_S = LARGE_IMAGE.longest_s
"""Seconds for a large image, at most."""
COLD_START_S = LAUNCH_S + DRIVER_S + IMAGE_S
"""Seconds from a Pending pod to its container's start, on a node that does not exist yet, at most."""
