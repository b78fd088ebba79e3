"""Which pools take a pod, and for each other pool the first rule that rejects the pod."""
