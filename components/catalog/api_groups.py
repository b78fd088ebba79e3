"""API groups of the objects that Karpenter and EKS Auto Mode read.

Source: Karpenter 1.14, CRDs; EKS User Guide, "Create a Node Class for Amazon EKS".
"""

KARPENTER_CORE_GROUP = "karpenter.sh"
"""NodePool and NodeClaim, of Karpenter and of Auto Mode alike."""
KARPENTER_GROUP = "karpenter.k8s.aws"
"""EC2NodeClass, and the labels that Karpenter gives nodes by their type."""
AUTO_MODE_GROUP = "eks.amazonaws.com"
"""NodeClass of Auto Mode, and the labels that Auto Mode gives nodes by their type."""
