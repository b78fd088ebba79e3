"""Paths of the fields of the formats that import reads, each with a value that is not its default.

Facts read from eksctl 0.230 (schema of eksctl.io/v1alpha5), Karpenter 1.15 and 1.0 (CRDs), Karpenter 0.31 (v1alpha5,
v1alpha1) and EKS Auto Mode's NodeClass.
"""
