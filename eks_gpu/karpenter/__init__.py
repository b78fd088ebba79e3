"""Karpenter and EKS Auto Mode as a stack registers them: node pools, node classes, and the queue for interruptions."""
