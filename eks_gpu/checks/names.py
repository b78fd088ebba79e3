"""How findings name Kubernetes objects."""

from collections.abc import Mapping
from typing import Any

from eks_gpu.graph.kubernetes_objects import OF_THE_CLUSTER


def subject(manifest: Mapping[str, Any]) -> str:
    """`Service resnet/resnet`; `NodePool gpu` of what has no namespace."""
    metadata, kind = manifest["metadata"], manifest["kind"]
    place = "" if kind in OF_THE_CLUSTER else f"{metadata.get('namespace') or 'default'}/"
    return f"{kind} {place}{metadata['name']}"
