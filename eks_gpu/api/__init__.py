"""What the API server refuses: the types of Kubernetes and Karpenter, and the rules between their fields."""

from pathlib import Path

KUBERNETES_FILE, KARPENTER_FILE = (Path(__file__).parent / name for name in ("kubernetes.json", "karpenter.json"))
