"""EKS add-ons by name: which exist, which a `Cluster` installs, and the resources that their pods request on a node.

Source: eksctl 0.230, known_addons.go; Amazon EKS User Guide, "Amazon EKS add-ons".
"""

from collections.abc import Mapping

from .versions import EFA_CHART

VPC_CNI = "vpc-cni"
KUBE_PROXY = "kube-proxy"
POD_IDENTITY_AGENT = "eks-pod-identity-agent"
COREDNS = "coredns"
METRICS_SERVER = "metrics-server"
EBS_CSI_DRIVER = "aws-ebs-csi-driver"
NODE_MONITORING_AGENT = "eks-node-monitoring-agent"

ADDONS_BEFORE_NODES = (VPC_CNI, KUBE_PROXY, POD_IDENTITY_AGENT)
"""Add-ons that a node needs to become ready, in order: the network plugin has no credentials without the agent."""
ADDONS_AFTER_NODES = (COREDNS, METRICS_SERVER, EBS_CSI_DRIVER, NODE_MONITORING_AGENT)
"""Add-ons whose pods need a node: made earlier, they stay DEGRADED until EKS gives up."""
CLUSTER_ADDONS = (*ADDONS_BEFORE_NODES, *ADDONS_AFTER_NODES)
"""Add-ons of a `Cluster` without Auto Mode."""
AUTO_MODE_ADDONS = frozenset(CLUSTER_ADDONS) - {METRICS_SERVER}
"""Add-ons whose work EKS Auto Mode does itself. Source: Amazon EKS User Guide, EKS Auto Mode."""

ADDONS = frozenset(
    {
        *CLUSTER_ADDONS,
        "adot",
        "amazon-cloudwatch-observability",
        "aws-efs-csi-driver",
        "aws-fsx-csi-driver",
        "aws-guardduty-agent",
        "aws-mountpoint-s3-csi-driver",
        "cert-manager",
        "external-dns",
        "kube-state-metrics",
        "prometheus-node-exporter",
        "snapshot-controller",
    }
)
"""Names of EKS add-ons. NVIDIA's software, both autoscalers and the load balancer controller are charts instead."""

VPC_CNI_CHART = "aws-vpc-cni"
"""Helm chart that is the add-on VPC_CNI."""
NETWORK_POLICY_CHARTS = ("cilium", "tigera-operator")
"""Helm charts of other network plugins that enforce NetworkPolicies, by default."""
ADDON_CHARTS: Mapping[str, tuple[str, ...]] = {
    VPC_CNI: (VPC_CNI_CHART, *NETWORK_POLICY_CHARTS),
    KUBE_PROXY: ("cilium",),
    COREDNS: ("coredns",),
    POD_IDENTITY_AGENT: ("eks-pod-identity-agent",),
    EBS_CSI_DRIVER: ("aws-ebs-csi-driver",),
}
"""Add-on -> Helm charts that do its work."""

POD_ENI_SETTING = "ENABLE_POD_ENI"
"""Variable of VPC_CNI, in `env` of its configuration and of the chart's values. Only with true pods may have security
groups of their own. Source: Amazon EKS User Guide, "Configure the VPC CNI plugin for security groups for Pods"."""
EFA_PROGRAMS = (EFA_CHART.name, "aws-dranet")
"""Helm charts that make nodes offer their EFA interfaces: the device plugin, and the driver for claims.
Source: Amazon EKS User Guide, "Manage EFA devices on Amazon EKS"."""

NETWORK_POLICY_SETTING = "enableNetworkPolicy"
"""Key of VPC_CNI's configuration, and of the chart's values. Only with true NetworkPolicies are enforced.
Source: Amazon EKS User Guide, "Limit Pod traffic with Kubernetes network policies"."""

ADDON_POD_REQUESTS: Mapping[str, tuple[int, int]] = {
    VPC_CNI: (50, 0),
    KUBE_PROXY: (100, 0),
    POD_IDENTITY_AGENT: (0, 0),
    EBS_CSI_DRIVER: (30, 120),
    NODE_MONITORING_AGENT: (10, 30),
}
"""Add-on -> millicores and MiB that one pod of its DaemonSet is assumed to request.

Both change with the add-on's version and its configuration, neither of which a plan can ask for.
"""

EBS_PROVISIONER = "ebs.csi.aws.com"
"""Provisioner of storage classes whose disks the add-on EBS_CSI_DRIVER creates."""
