"""Which pool takes which pod, how many nodes that needs, and what they cost."""
