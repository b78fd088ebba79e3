"""The real Pulumi engine and the real Kubernetes controllers on this machine, without a cloud account."""
