"""What a person describes, as checked values: pools, needs, labels, taints, clusters, places."""
