"""An inference service: its settings, and its Kubernetes objects as plain data."""
