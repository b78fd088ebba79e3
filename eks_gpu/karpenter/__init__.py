"""Karpenter and EKS Auto Mode in a stack: node pools, node classes, and the queue for interruptions."""
