"""Tags of AWS resources, by which controllers find the resources of their cluster.

Source: EKS User Guide, "View Amazon EKS networking requirements for VPC and subnets"; Karpenter 1.15, getting started.
"""

CLUSTER_TAG = "kubernetes.io/cluster/"
"""Prefix of the tag `owned` or `shared`; the cluster's name follows."""
AUTO_MODE_CLUSTER_TAG = "eks:eks-cluster-name"
"""The only tag with the cluster's name on instances that EKS Auto Mode and Karpenter start."""
CLUSTER_NAME_TAGS = ("eks:cluster-name", "aws:eks:cluster-name", AUTO_MODE_CLUSTER_TAG)
"""Tags that EKS, its auto scaling groups and its controllers write; the value is the cluster's name."""
OTHER_CLUSTER_NAME_TAGS = ("alpha.eksctl.io/cluster-name", "KubernetesCluster")
"""Tags that eksctl and older tools write; the value is the cluster's name."""
NODE_GROUP_TAG = "eks:nodegroup-name"
"""Tag that EKS puts on the auto scaling group and the launch template of a managed node group."""
BALANCERS_CLUSTER_TAG = "elbv2.k8s.aws/cluster"
"""Tag that the AWS Load Balancer Controller puts on what it makes; the value is the cluster's name."""
RESERVATION_TAG = "eks-gpu-components/reservation"
"""Tag of a launch template: what the plan is told of the reservation that its instances start in, as JSON."""
RESERVATIONS_ANNOTATION = "eks-gpu-components/reservations"
"""Annotation of a node class: the same of its reservations, a list in the order of its terms."""
DISCOVERY_TAG = "karpenter.sh/discovery"
"""Tag by which Karpenter finds subnets and security groups; the value is the cluster's name."""
INTERNAL_LOAD_BALANCER_TAG = "kubernetes.io/role/internal-elb"
"""Tag of private subnets, for load balancers that only the VPC reaches."""
PUBLIC_LOAD_BALANCER_TAG = "kubernetes.io/role/elb"
"""Public subnets, for load balancers that the internet reaches."""
STATIC_TAG = "eks-gpu-components/static"
"""Tag of a group whose pool asks for a number of nodes that run at all times, so that nobody takes it for a mistake."""


def drained_tag(cluster: str) -> str:
    """Key of the tag on nodes that a cluster's `NodeTerminationHandler` drains: every handler hears of all nodes."""
    return f"node-termination-handler/{cluster}"
