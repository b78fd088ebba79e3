"""The pools that take a pod, or for each the first rule that rejects it."""
