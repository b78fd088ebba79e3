"""Versions that work together: Kubernetes minor versions, charts and images, as of 2026-11-21."""

from dataclasses import dataclass
from datetime import date
from typing import Any


@dataclass(frozen=True, slots=True)
class KubernetesVersion:
    """A Kubernetes minor on EKS. Source: EKS User Guide, "Understand the Kubernetes version lifecycle on EKS"."""

    minor: str
    standard_until: date
    """Last day without surcharge."""
    extended_until: date
    """Last day on which EKS runs this version: 12 months after `standard_until`."""
    autoscaler_image_tag: str
    """Tag of the cluster autoscaler's image for this minor version; the chart's default image is for another one."""
    karpenter_since: str
    """Oldest Karpenter that supports it. Source: Karpenter 1.15, compatibility matrix."""

    def support(self, on: date) -> str:
        """`standard`, `extended` (EXTENDED_SUPPORT_HOURLY more) or `ended`."""
        return kubernetes_support(self.minor, on)


READ_ON = date(2026, 11, 28)
"""Day on which this catalog's versions, types, images and rules were last held against their sources."""

_VERSIONS = (
    KubernetesVersion("1.33", date(2026, 7, 29), date(2027, 7, 29), "v1.33.6", "1.5"),
    KubernetesVersion("1.34", date(2026, 12, 2), date(2027, 12, 2), "v1.34.5", "1.6"),
    KubernetesVersion("1.35", date(2027, 3, 27), date(2028, 3, 27), "v1.35.2", "1.9"),
    # AWS's calendar ends at 1.35: the first date is an article's, the second the rule of 12 months more.
    KubernetesVersion("1.36", date(2027, 8, 2), date(2028, 8, 2), "v1.36.1", "1.13"),
)
KUBERNETES = {version.minor: version for version in _VERSIONS}
"""By minor, oldest first."""
SUPPORTED = tuple(KUBERNETES)
# Last days of standard and of extended support of minors that this library does not support. Source: the same calendar,
# and endoflife.date for those that it no longer lists. Before 1.23 there was no extended support.
_OLDER = {
    "1.23": (date(2023, 10, 11), date(2024, 10, 11)),
    "1.24": (date(2024, 1, 31), date(2025, 1, 31)),
    "1.25": (date(2024, 5, 1), date(2025, 5, 1)),
    "1.26": (date(2024, 6, 11), date(2025, 6, 11)),
    "1.27": (date(2024, 7, 24), date(2025, 7, 24)),
    "1.28": (date(2024, 11, 26), date(2025, 11, 26)),
    "1.29": (date(2025, 3, 23), date(2026, 3, 23)),
    "1.30": (date(2025, 7, 23), date(2026, 7, 23)),
    "1.31": (date(2025, 11, 26), date(2026, 11, 26)),
    "1.32": (date(2026, 3, 23), date(2027, 3, 23)),
}
SUPPORT_ENDS: dict[str, tuple[date, date]] = _OLDER | {
    minor: (version.standard_until, version.extended_until) for minor, version in KUBERNETES.items()
}
"""Last days of standard and of extended support on EKS, by minor, oldest first."""
DEFAULT_KUBERNETES = "1.35"
"""Every chart below supports it."""


def kubernetes_support(minor: str, on: date) -> str:
    """`standard`, `extended` or `ended`; `standard` for a minor newer than the catalog's, or for none."""
    if minor in SUPPORT_ENDS:
        standard_until, extended_until = SUPPORT_ENDS[minor]
        return "standard" if on <= standard_until else "extended" if on <= extended_until else "ended"
    return "ended" if minor and _number(minor) < _number(next(iter(SUPPORT_ENDS))) else "standard"


def _number(minor: str) -> tuple[int, ...]:
    return tuple(int(part) for part in minor.split(".") if part.isdigit())


class UnknownKubernetesVersion(ValueError):
    """A minor that this library does not support; the message names those that it does."""

    def __init__(self, minor: str):
        super().__init__(f"Kubernetes version must be one of {', '.join(SUPPORTED)}, got {minor}")


def kubernetes_version(minor: str) -> KubernetesVersion:
    """The minor's dates and images. Raises UnknownKubernetesVersion."""
    if minor not in KUBERNETES:
        raise UnknownKubernetesVersion(minor)
    return KUBERNETES[minor]


@dataclass(frozen=True, slots=True)
class Chart:
    """A Helm chart, pinned."""

    name: str
    """What a Helm release calls `chart`: a name in `repository`, or the whole oci:// reference."""
    version: str
    repository: str | None
    """Address of the chart repository; None for OCI."""
    app_version: str
    """Version of the software in the chart's default image."""

    @property
    def short_name(self) -> str:
        """The chart's own name: the last part of an OCI reference."""
        return self.name.rpartition("/")[2]

    def for_helm(self) -> dict[str, Any]:
        """The inputs by which a Helm release knows the chart."""
        repository = {"repository_opts": {"repo": self.repository}} if self.repository else {}
        return {"chart": self.name, "version": self.version, **repository}


_EKS_CHARTS = "https://aws.github.io/eks-charts"

# Source of each: the chart's own Chart.yaml, read in August 2026.
CLUSTER_AUTOSCALER_CHART = Chart("cluster-autoscaler", "9.59.0", "https://kubernetes.github.io/autoscaler", "1.35.0")
DRA_DRIVER_CHART = Chart(
    # The first release whose devices several claims can share. Source: its release 0.5.0, September 2026.
    *("oci://registry.k8s.io/dra-driver-nvidia/charts/dra-driver-nvidia-gpu", "0.5.0", None, "0.5.0")
)
DEVICE_PLUGIN_CHART = Chart("nvidia-device-plugin", "0.20.0", "https://nvidia.github.io/k8s-device-plugin", "0.20.0")
# Chart.yaml and templates of the repository's commit 5239609 of 2026-08-03.
EFA_CHART = Chart("aws-efa-k8s-device-plugin", "v0.5.30", _EKS_CHARTS, "v0.5.20")
NEURON_CHART = Chart("oci://public.ecr.aws/neuron/neuron-helm-chart", "1.9.0", None, "2.31.0.0")
GPU_OPERATOR_CHART = Chart("gpu-operator", "v26.7.0", "https://helm.ngc.nvidia.com/nvidia", "v26.7.0")
NFD_CHART = Chart("oci://registry.k8s.io/nfd/charts/node-feature-discovery", "0.19.0", None, "v0.19.0")
DCGM_EXPORTER_CHART = Chart("dcgm-exporter", "4.8.2", "https://nvidia.github.io/dcgm-exporter/helm-charts", "4.8.2")
# Chart.yaml of the repository's commit cf408a2 of 2026-08-22; Grafana 13.2 and kube-state-metrics 2.20 are parts of it.
PROMETHEUS_CHART = Chart(
    "kube-prometheus-stack", "88.5.3", "https://prometheus-community.github.io/helm-charts", "v0.93.1"
)
KARPENTER_CHART = Chart("oci://public.ecr.aws/karpenter/karpenter", "1.15.0", None, "1.15.0")
KARPENTER_CRD_CHART = Chart("oci://public.ecr.aws/karpenter/karpenter-crd", KARPENTER_CHART.version, None, "1.15.0")
LOAD_BALANCER_CONTROLLER_CHART = Chart("aws-load-balancer-controller", "3.5.0", _EKS_CHARTS, "v3.5.0")
TERMINATION_HANDLER_CHART = Chart(
    "oci://public.ecr.aws/aws-ec2/helm/aws-node-termination-handler", "0.27.6", None, "1.25.6"
)
METRICS_SERVER_CHART = Chart("metrics-server", "3.13.1", "https://kubernetes-sigs.github.io/metrics-server", "0.8.1")
KEDA_CHART = Chart("keda", "2.21.0", "https://kedacore.github.io/charts", "2.21.0")
# Source: their own charts/ in the released modules, read in November 2026.
JOBSET_CHART = Chart("oci://registry.k8s.io/jobset/charts/jobset", "0.11.1", None, "v0.11.1")
KUEUE_CHART = Chart("oci://registry.k8s.io/kueue/charts/kueue", "0.17.0", None, "v0.17.0")
LEADER_WORKER_SET_CHART = Chart("oci://registry.k8s.io/lws/charts/lws", "0.8.0", None, "v0.8.0")
KNOWN_CHARTS = frozenset(
    chart.short_name
    for chart in (
        *(CLUSTER_AUTOSCALER_CHART, DCGM_EXPORTER_CHART, DEVICE_PLUGIN_CHART, DRA_DRIVER_CHART, EFA_CHART),
        *(GPU_OPERATOR_CHART, JOBSET_CHART, KARPENTER_CHART, KARPENTER_CRD_CHART, KEDA_CHART, KUEUE_CHART),
        *(LEADER_WORKER_SET_CHART, LOAD_BALANCER_CONTROLLER_CHART, METRICS_SERVER_CHART, NEURON_CHART, NFD_CHART),
        *(PROMETHEUS_CHART, TERMINATION_HANDLER_CHART),
    )
)
"""Charts whose objects are known by their values, by short name."""

# Nodes of the AMI release that Karpenter's alias is pinned to. Source: amazon-eks-ami, CHANGELOG.md.
AMI_RELEASE = "v20260714"
NVIDIA_DRIVER = "580.159.03"
NVIDIA_CONTAINER_TOOLKIT = "1.19.1"

CLUSTER_AUTOSCALER_IMAGE = "registry.k8s.io/autoscaling/cluster-autoscaler"
"""Without its tag, which the Kubernetes minor decides: `autoscaler_image_tag`."""
CUDA_SAMPLE_IMAGE = "nvcr.io/nvidia/k8s/cuda-sample:vectoradd-cuda12.5.0"
"""Adds two vectors on one GPU and ends. Source: NVIDIA device plugin 0.20, README.md."""
NVIDIA_SMI_IMAGE = "public.ecr.aws/amazonlinux/amazonlinux:2023-minimal"
"""Has no CUDA: `nvidia-smi` comes from the node's driver."""
PAUSE_IMAGE = "registry.k8s.io/pause:3.10"
"""Does nothing until it is told to end, for amd64 and arm64. Source: Kubernetes 1.31 to 1.33, kubeadm, constants.go."""
TENSORFLOW_SERVING_IMAGE = "tensorflow/serving:2.20.0-gpu"
"""amd64 alone, CUDA 12.5; holds no model."""
TRITON_IMAGE = "nvcr.io/nvidia/tritonserver:26.07-py3"
VLLM_IMAGE = "vllm/vllm-openai:v0.28.0@sha256:61fc8a896b0a4fbbbdc063bc4b0dbc25ce98e02b5050c24aeb7830ac02039b14"
"""amd64 and arm64; has a user `vllm`, 2000, in group 0. Source: vLLM 0.28, docker/Dockerfile."""
