"""What is read of a cluster: its kinds, each with what nobody knows without it. The ClusterRole of the docs is made of
this table.
"""

from collections.abc import Mapping

from eks_gpu.graph.unread import What
from eks_gpu.live.cluster import Kind
from eks_gpu.pods.makers import MAKERS
from eks_gpu_components.catalog import AUTO_MODE_GROUP, CAPACITY_BUFFER_GROUP, KARPENTER_CORE_GROUP, KARPENTER_GROUP

NODE, POD, EVENT = Kind("", "Node"), Kind("", "Pod"), Kind("", "Event")
NAMESPACE, SECRET, CONFIG_MAP = Kind("", "Namespace"), Kind("", "Secret"), Kind("", "ConfigMap")
NODE_POOL, NODE_CLAIM = Kind(KARPENTER_CORE_GROUP, "NodePool"), Kind(KARPENTER_CORE_GROUP, "NodeClaim")
EC2_NODE_CLASS, AUTO_NODE_CLASS = Kind(KARPENTER_GROUP, "EC2NodeClass"), Kind(AUTO_MODE_GROUP, "NodeClass")
CAPACITY_BUFFER, NODE_OVERLAY = Kind(CAPACITY_BUFFER_GROUP, "CapacityBuffer"), Kind(KARPENTER_CORE_GROUP, "NodeOverlay")
DISRUPTION_BUDGET = Kind("policy", "PodDisruptionBudget")
RESOURCE_CLAIM = Kind("resource.k8s.io", "ResourceClaim")

_NODES: tuple[Kind, ...] = (
    NODE,
    NODE_POOL,
    NODE_CLAIM,
    EC2_NODE_CLASS,
    AUTO_NODE_CLASS,
    NODE_OVERLAY,
    CAPACITY_BUFFER,
    Kind(KARPENTER_CORE_GROUP, "Provisioner"),  # of Karpenter before 0.32
    Kind(KARPENTER_GROUP, "AWSNodeTemplate"),
)
_DECIDE_ON_PODS: tuple[Kind, ...] = (
    NAMESPACE,
    DISRUPTION_BUDGET,
    Kind("", "LimitRange"),
    Kind("", "PersistentVolume"),
    Kind("", "PersistentVolumeClaim"),
    Kind("", "ResourceQuota"),
    Kind("", "Service"),
    Kind("", "ServiceAccount"),
    Kind("autoscaling", "HorizontalPodAutoscaler"),
    Kind("keda.sh", "ScaledObject"),
    Kind("kueue.x-k8s.io", "ClusterQueue"),
    Kind("kueue.x-k8s.io", "LocalQueue"),
    Kind("kueue.x-k8s.io", "ResourceFlavor"),
    Kind("networking.k8s.io", "NetworkPolicy"),
    Kind("node.k8s.io", "RuntimeClass"),
    Kind("resource.k8s.io", "DeviceClass"),
    RESOURCE_CLAIM,
    Kind("resource.k8s.io", "ResourceClaimTemplate"),
    Kind("resource.k8s.io", "ResourceSlice"),
    Kind("scheduling.k8s.io", "PriorityClass"),
    Kind("storage.k8s.io", "StorageClass"),
)
_BETWEEN: tuple[Kind, ...] = (
    Kind("serving.knative.dev", "Revision"),
    Kind("nvidia.com", "DynamoComponentDeployment"),
)
"""Made of one kind that makes pods, and making another: by them one knows whose the pods are."""
_LEFT_OUT = (("apps", "ControllerRevision"),)
"""Many, and nothing is made of them."""
_SOFTWARE: tuple[Kind, ...] = (
    Kind("admissionregistration.k8s.io", "MutatingWebhookConfiguration"),
    Kind("admissionregistration.k8s.io", "ValidatingWebhookConfiguration"),
    Kind("nvidia.com", "ClusterPolicy"),
    Kind("nvidia.com", "NVIDIADriver"),
)

NAMED: tuple[tuple[str, str], ...] = (
    ("kube-system", "amazon-vpc-cni"),
    ("kube-system", "cluster-autoscaler-priority-expander"),
)
"""Namespace and name of the ConfigMaps that are read: what enforces policies on Auto Mode, and which groups come first.
"""
AUTOSCALER_STATUS = ("kube-system", "cluster-autoscaler-status")
"""The ConfigMap that Cluster Autoscaler writes at each look, where it is installed as in its chart."""

READ: Mapping[Kind, What] = {
    **dict.fromkeys(_NODES, "nodes"),
    **dict.fromkeys((Kind(*each) for each in MAKERS if each not in _LEFT_OUT and each[0] != "extensions"), "pods"),
    **dict.fromkeys(_BETWEEN, "pods"),
    **dict.fromkeys(_DECIDE_ON_PODS, "pods"),
    **dict.fromkeys(_SOFTWARE, "software"),
}
"""Every kind that is read, by what is unknown where it may not be. Of Secrets, releases of Helm alone are read, and
only if they may be; of ConfigMaps, those that are `NAMED`. What `why` asks besides is of its own modules: events, the
autoscaler's status, and gangs.
"""
