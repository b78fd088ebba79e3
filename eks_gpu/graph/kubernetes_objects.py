"""Every Kubernetes object of a program as YAML, in the form that is sent to the API server."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from eks_gpu.graph.graph import Graph, Resource
from eks_gpu.io.problems import InputError
from eks_gpu.io.yaml_text import dump


def kubernetes_objects(graph: Graph) -> Iterator[tuple[Resource, dict[str, Any]]]:
    """Each object with its resource, `apiVersion` and `kind` filled in. Helm releases are no objects."""
    for resource in graph:
        package, _, rest = resource.type.partition(":")
        if package != "kubernetes" or not resource.custom or rest.startswith(("helm.sh/", "yaml:", "kustomize")):
            continue
        group_version, _, kind = rest.rpartition(":")
        version = group_version.removeprefix("core/")
        metadata = dict(resource.inputs.get("metadata") or {})
        metadata.setdefault("name", resource.name)
        body = {key: value for key, value in resource.inputs.items() if key not in ("apiVersion", "kind", "metadata")}
        head = {"apiVersion": resource.inputs.get("apiVersion", version), "kind": resource.inputs.get("kind", kind)}
        yield resource, {**head, "metadata": metadata, **body}


def write(graph: Graph, folder: Path) -> int:
    """One file an object, named kind-name.yaml (kind-namespace-name.yaml in a namespace). Returns their number.

    Raises InputError for a folder that cannot be written.
    """
    count = 0
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for _, made in kubernetes_objects(graph):
            (folder / _file_name(made)).write_text(dump(made), encoding="utf-8")
            count += 1
    except OSError as error:
        raise InputError(f"{folder}: cannot be written: {error.strerror}") from None
    return count


def _file_name(made: Mapping[str, Any]) -> str:
    metadata = made["metadata"]
    parts = [made["kind"].lower(), metadata.get("namespace"), metadata["name"]]
    return "-".join(str(part) for part in parts if part).replace("/", "-").replace(":", "-") + ".yaml"
