"""Where a chart's values have the repository of its images, and which one the chart takes without them."""

from collections.abc import Mapping

from .keda import KEDA_IMAGE_REGISTRY
from .versions import CLUSTER_AUTOSCALER_IMAGE

CHART_IMAGES: Mapping[str, tuple[tuple[str, ...], str]] = {
    "aws-efa-k8s-device-plugin": (
        ("image", "repository"),
        "602401143452.dkr.ecr.us-west-2.amazonaws.com/eks/aws-efa-k8s-device-plugin",
    ),
    "aws-load-balancer-controller": (("image", "repository"), "public.ecr.aws/eks/aws-load-balancer-controller"),
    "aws-node-termination-handler": (("image", "repository"), "public.ecr.aws/aws-ec2/aws-node-termination-handler"),
    "cluster-autoscaler": (("image", "repository"), CLUSTER_AUTOSCALER_IMAGE),
    "dra-driver-nvidia-gpu": (("image", "repository"), "registry.k8s.io/dra-driver-nvidia/dra-driver-nvidia-gpu"),
    "jobset": (("image", "repository"), "registry.k8s.io/jobset/jobset"),
    "karpenter": (("controller", "image", "repository"), "public.ecr.aws/karpenter/controller"),
    "kueue": (("controllerManager", "manager", "image", "repository"), "registry.k8s.io/kueue/kueue"),
    "lws": (("image", "manager", "repository"), "registry.k8s.io/lws/lws"),
    "nvidia-device-plugin": (("image", "repository"), "nvcr.io/nvidia/k8s-device-plugin"),
}
"""By the chart's short name: path in the values, and the chart's own. Source: each chart's values.yaml, in the version
of `versions.py`."""
CHARTS_WITHOUT_IMAGES = frozenset({"karpenter-crd"})
CHART_REGISTRIES: Mapping[str, tuple[tuple[str, ...], str]] = {
    "keda": (("global", "image", "registry"), KEDA_IMAGE_REGISTRY),
}
"""The same of charts that put one registry before the names of several images."""
