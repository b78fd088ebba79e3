"""Every Kubernetes object of a program, in the form that is sent to the API server."""

from collections.abc import Iterator
from typing import Any

from eks_gpu.graph.graph import Graph, Resource


def kubernetes_objects(graph: Graph) -> Iterator[tuple[Resource, dict[str, Any]]]:
    """Each object with its resource; its `apiVersion`, `kind`, name and namespace are texts. Releases are no objects.

    Raises AttributeError, TypeError or ValueError for metadata that is no map.
    """
    for resource in graph:
        package, _, rest = resource.type.partition(":")
        if package != "kubernetes" or not resource.custom or rest.startswith(("helm.sh/", "yaml:", "kustomize")):
            continue
        group_version, _, kind = rest.rpartition(":")
        version = group_version.removeprefix("core/")
        metadata = dict(resource.inputs.get("metadata") or {})
        metadata["name"] = str(metadata.get("name") or resource.name)
        if metadata.get("namespace") is not None:
            metadata["namespace"] = str(metadata["namespace"])
        body = {key: value for key, value in resource.inputs.items() if key not in ("apiVersion", "kind", "metadata")}
        told = (("apiVersion", version), ("kind", kind))
        head = {key: str(resource.inputs.get(key) or default) for key, default in told}
        yield resource, {**head, "metadata": metadata, **body}
