"""Where the rules of checks are from, when they were read there, and how sure that makes them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any


@dataclass(frozen=True, slots=True)
class Source:
    """One place that says so."""

    title: str
    """Such as `Karpenter 1.15.0, package instancetype`."""
    read: date
    """The day on which it was read, or measured."""
    sure: bool = True
    """Whether it is the program itself, its maker's reference, or was measured; False for a single word of somebody."""

    def as_json(self) -> dict[str, Any]:
        """The row in a plan's JSON."""
        return {"title": self.title, "read": self.read.isoformat(), "sure": self.sure}

    def __str__(self) -> str:
        return f"{self.title} ({'' if self.sure else 'one source, '}read {self.read})"


def is_sure(sources: Sequence[Source]) -> bool:
    """Whether a rule may fail a plan: one sure source, or two that say the same. Without sources it may."""
    return not sources or any(source.sure for source in sources) or len(sources) > 1


DRIVER_OF_G7 = Source(
    "NVIDIA/aicr pull 2743: G7 needs driver 595, EKS's images have 580", date(2026, 11, 28), sure=False
)
"""Why EKS's images have no driver for an RTX PRO 4500."""
API_SERVER = Source("kube-apiserver 1.36, package validation, run", date(2026, 11, 29))
RUNTIME_CLASS_ADMISSION = Source("Kubernetes 1.36, plugin/pkg/admission, RuntimeClass and Priority", date(2026, 11, 29))
CLUSTER_AUTOSCALER = Source("cluster autoscaler 1.33, aws_manager.go, buildNodeFromTemplate, run", date(2026, 11, 29))
_TODAY = date(2026, 11, 29)
EKS_ACCESS_ENTRIES = Source(
    'Amazon EKS User Guide, "Grant IAM users access to Kubernetes with EKS access entries"', _TODAY
)
AUTOSCALER_FLAGS = Source("cluster autoscaler 1.35, config/flags/flags.go", _TODAY)
AUTOSCALER_PRIORITIES = Source("cluster autoscaler 1.35, expander/priority/priority.go", _TODAY)
KARPENTER_DISRUPTION = Source("Karpenter 1.15, concepts, disruption", _TODAY)
EVENTBRIDGE_TARGETS = Source(
    'Amazon EventBridge User Guide, "Using resource-based policies" and "Troubleshooting Amazon EventBridge"', _TODAY
)
LIFECYCLE_HOOKS = Source("Amazon EC2 Auto Scaling API, PutLifecycleHook", _TODAY)
KARPENTER_SETTINGS = Source("Karpenter 1.15, charts/karpenter/values.yaml and package instancetype", _TODAY)
KARPENTER_NODE_CLASSES = Source("Karpenter 1.15, concepts, nodeclasses", _TODAY)
STARTUP_TAINTS = Source("Karpenter 1.15, concepts, nodepools, startupTaints", _TODAY)
ASG_PROCESSES = Source(
    'Amazon EC2 Auto Scaling User Guide, "Suspend and resume Amazon EC2 Auto Scaling processes"', _TODAY
)
NODEADM = Source("amazon-eks-ami, nodeadm, NodeConfig v1alpha1", _TODAY)
EKS_IMAGES = Source('Amazon EKS User Guide, "Guide to EKS AL2 & AL2-Accelerated AMIs transition features"', _TODAY)
ECR_ENDPOINTS = Source('Amazon ECR User Guide, "Amazon ECR interface VPC endpoints (AWS PrivateLink)"', _TODAY)
EKS_NETWORK = Source('Amazon EKS User Guide, "View Amazon EKS networking requirements for VPC and subnets"', _TODAY)
EKS_SECURITY_GROUPS = Source(
    'Amazon EKS User Guide, "View Amazon EKS security group requirements for clusters"', _TODAY
)
EKS_REMOTE_ACCESS = Source("AWS CDK reference, NodegroupRemoteAccess", _TODAY)
BALANCER_ANNOTATIONS = Source("AWS Load Balancer Controller, annotations of Services and Ingresses", _TODAY)
POD_SECURITY = Source("Kubernetes, Pod Security Standards", _TODAY)


def eks_guide(page: str, read: date = date(2026, 11, 21)) -> Source:
    """A page of the Amazon EKS User Guide by its name in the address."""
    return Source(f"Amazon EKS User Guide, {page}", read)


def kubernetes(page: str) -> Source:
    """A page of the documentation of Kubernetes 1.36."""
    return Source(f"Kubernetes documentation, {page}", date(2026, 11, 21))


KARPENTER = Source("Karpenter 1.15.0, its code and its CRDs", date(2026, 11, 28))
KARPENTER_TYPES = Source("Karpenter 1.15.0, package instancetype", date(2026, 11, 28))
KARPENTER_GUIDE = Source("Karpenter documentation", date(2026, 11, 28))
KARPENTER_CHART = Source("Karpenter's Helm chart 1.15.0", date(2026, 11, 28))
AUTOSCALER = Source("Cluster Autoscaler, its code and README for AWS", date(2026, 11, 21))
LOAD_BALANCER_CONTROLLER = Source("AWS Load Balancer Controller 3.5.0, its guide and chart", date(2026, 11, 21))
TERMINATION_HANDLER = Source("AWS Node Termination Handler 1.25.6, its code and chart", date(2026, 11, 28))
DEVICE_PLUGIN = Source("NVIDIA k8s-device-plugin 0.20.0, its chart", date(2026, 11, 21))
GPU_OPERATOR = Source("NVIDIA GPU operator v26.7.0, its chart", date(2026, 11, 21))
DRA_DRIVER = Source("DRA driver for NVIDIA GPUs 0.5.0, its chart and pages", date(2026, 11, 30))
KARPENTER_DRA = Source("Karpenter 1.15.0, its AWS provider, packages nvidiadra and drametadata", date(2026, 11, 30))
DCGM_EXPORTER = Source("NVIDIA dcgm-exporter 4.8.2, its chart", date(2026, 11, 30))
PROMETHEUS_STACK = Source("kube-prometheus-stack 88.5.3, its chart", date(2026, 11, 30))
NEURON_CHARTS = Source("AWS Neuron's Helm charts", date(2026, 11, 21))
NODE_IMAGES = Source("awslabs/amazon-eks-ami and the EKS user guide", date(2026, 11, 21))
EKS_API = Source("EKS API, its service model", date(2026, 11, 21))
EC2_API = Source("EC2 API, its service model", date(2026, 11, 21))
EC2_GUIDE = Source("Amazon EC2 User Guide", date(2026, 11, 21))
AUTO_SCALING_GUIDE = Source("Amazon EC2 Auto Scaling User Guide", date(2026, 11, 28))
VPC_GUIDE = Source("Amazon VPC User Guide", date(2026, 11, 21))
IAM_GUIDE = Source("AWS IAM User Guide", date(2026, 11, 28))
INSTANCE_TYPES = Source("EC2 instance types and offerings, the catalog's table", date(2026, 11, 21))
PULUMI = Source("Pulumi's documentation and engine", date(2026, 11, 28))
HELM = Source("Helm's documentation", date(2026, 11, 21))
LAB = Source("measured with the real programs in the lab", date(2026, 11, 28))
SQS_GUIDE = Source("Amazon SQS Developer Guide, policies", date(2026, 11, 29))
