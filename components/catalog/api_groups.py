"""API groups of the objects that Karpenter and EKS Auto Mode read.

Source: Karpenter 1.15, CRDs; EKS User Guide, "Create a Node Class for Amazon EKS".
"""

KARPENTER_CORE_GROUP = "karpenter.sh"
"""NodePool and NodeClaim, of Karpenter and of Auto Mode alike."""
KARPENTER_GROUP = "karpenter.k8s.aws"
"""EC2NodeClass, and the labels that Karpenter gives nodes by their type."""
AUTO_MODE_GROUP = "eks.amazonaws.com"
"""NodeClass of Auto Mode, and the labels that Auto Mode gives nodes by their type."""
CAPACITY_BUFFER_GROUP = "autoscaling.x-k8s.io"
"""CapacityBuffer, whose definition Karpenter's chart brings, and which the cluster autoscaler can serve as well."""
CAPACITY_BUFFER_API_VERSION = f"{CAPACITY_BUFFER_GROUP}/v1beta1"
"""Version of CapacityBuffer that this library writes. Source: Karpenter 1.15, CRDs."""

KARPENTER_API_VERSION = f"{KARPENTER_CORE_GROUP}/v1"
"""Version of NodePool that this library writes."""

# Types of these objects as Pulumi's Kubernetes provider registers them.
NODE_POOL_TYPE = f"kubernetes:{KARPENTER_API_VERSION}:NodePool"
EC2_NODE_CLASS_TYPE = f"kubernetes:{KARPENTER_GROUP}/v1:EC2NodeClass"
AUTO_MODE_NODE_CLASS_TYPE = f"kubernetes:{AUTO_MODE_GROUP}/v1:NodeClass"
EKS_PRINCIPAL = AUTO_MODE_GROUP
"""Service that takes the roles of clusters and node groups, which has the name of Auto Mode's API group."""
POD_IDENTITY_PRINCIPAL = "pods.eks.amazonaws.com"
"""Service that takes a role for pods. Source: EKS User Guide, "EKS Pod Identity"."""
SERVICE_ACCOUNT_ROLE_ANNOTATION = f"{AUTO_MODE_GROUP}/role-arn"
"""Annotation of a service account whose pods take a role by OpenID Connect. Source: EKS User Guide, IRSA."""
