"""The resource graph of a stack, and the Kubernetes objects in it."""
