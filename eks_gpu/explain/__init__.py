"""Explain: which pools take a pod, or the first rule that rejects it."""
