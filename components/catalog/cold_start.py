"""The longest time that the first pod of a pool waits for its container. Every deadline of a workload must allow it.

`eks-gpu explain` estimates the usual case; these are the upper ends of what was measured. A deadline counts from the
pod's start or the object's creation, so a shorter one kills what it waits for. A bare-metal type takes longer.
"""

LAUNCH_S = 300
"""Seconds until a bought node is Ready: 40 to 100 measured without an accelerator, which takes longer to boot.
Source: aws/karpenter-provider-aws issue 3102."""
DRIVER_S = 300
"""Seconds until a node offers its GPUs where the GPU operator installs the driver: 180 to 300 measured.
Source: NVIDIA/gpu-operator issue 707."""
IMAGE_S = 360
"""Seconds for an image of 15 to 20 GB: 240 to 360 measured.
Source: AWS Machine Learning Blog, SOCI index on DLAMI and DLC."""
COLD_START_S = LAUNCH_S + DRIVER_S + IMAGE_S
"""Seconds from a Pending pod to its container's start, on a node that does not exist yet."""
