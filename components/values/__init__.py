"""What users describe, as checked values: pools, needs, labels, taints, clusters, places."""
