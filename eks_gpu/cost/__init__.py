"""Which pool takes which pod, how many nodes the pods need, and what the nodes cost."""
