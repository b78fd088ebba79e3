"""How findings name Kubernetes objects."""

from collections.abc import Mapping
from typing import Any

_OF_THE_CLUSTER = frozenset(
    {"AWSNodeTemplate", "ClusterPolicy", "EC2NodeClass", "Namespace", "NodeClass", "NodeOverlay", "NodePool"}
    | {"Provisioner", "StorageClass"}
)


def subject(manifest: Mapping[str, Any]) -> str:
    """`Service resnet/resnet`; `NodePool gpu` of what has no namespace."""
    metadata, kind = manifest["metadata"], manifest["kind"]
    place = "" if kind in _OF_THE_CLUSTER else f"{metadata.get('namespace') or 'default'}/"
    return f"{kind} {place}{metadata['name']}"
