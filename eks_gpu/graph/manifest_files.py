"""Every Kubernetes object of a program in a YAML file of its own, and none of an older run."""

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from eks_gpu.graph.graph import Graph, Resource
from eks_gpu.graph.kubernetes_objects import shown_objects
from eks_gpu.io.output import write
from eks_gpu.io.problems import InputError
from eks_gpu.io.yaml_text import dump

WRITTEN = ".eks-gpu-manifests"
"""File with the names of those that the last run wrote, a line each: what the next one does not write, it removes."""
_LONGEST = 200
"""Letters of a file's name; file systems take 255 bytes."""

Object = tuple[Resource, dict[str, Any]]


def write_manifests(graph: Graph, folder: Path) -> int:
    """One file an object, named kind-name.yaml (kind-namespace-name.yaml in a namespace). Returns their number.

    Secrets are masked. Objects whose names would be equal have a part of their identity's hash in them. Raises
    InputError for two resources that are one object, for links, and for a folder that cannot be written; nothing has
    been changed in the first two cases.
    """
    files = _named(list(shown_objects(graph)))
    try:
        before = _before(folder)
        paths = [folder, *(folder / name for name in sorted({*files, *before, WRITTEN}))]
        if links := [path for path in paths if path.is_symlink()]:
            raise InputError(f"{path}: must not be a link, which leads out of the folder" for path in links)
        folder.mkdir(parents=True, exist_ok=True)
        write(folder / WRITTEN, "".join(f"{name}\n" for name in sorted({*files, *before})))  # a kill leaves none behind
        for name, made in files.items():
            write(folder / name, dump(made))
        for name in before - files.keys():
            (folder / name).unlink(missing_ok=True)
        write(folder / WRITTEN, "".join(f"{name}\n" for name in sorted(files)))
    except OSError as error:
        raise InputError(f"{folder}: cannot be written: {error.strerror}") from None
    return len(files)


def _before(folder: Path) -> set[str]:
    """What the last run wrote there: names alone, whatever somebody wrote into the list."""
    listed = folder / WRITTEN
    if listed.is_symlink() or not listed.is_file():
        return set()
    names = listed.read_text(encoding="utf-8", errors="replace").splitlines()
    return {name for name in names if re.fullmatch(r"[^/\0]+\.yaml", name)}


def _named(objects: list[Object]) -> dict[str, dict[str, Any]]:
    """Each object by the name of its file."""
    by_name: dict[str, list[Object]] = {}
    for resource, made in objects:
        by_name.setdefault(_name(made).lower(), []).append((resource, made))
    twice = list(_twice(objects))
    if twice:
        raise InputError(twice)
    files: dict[str, dict[str, Any]] = {}
    for name, alike in by_name.items():
        for resource, made in alike:
            whole = len(alike) == 1 and len(name) <= _LONGEST
            files[f"{name}.yaml" if whole else f"{name[:_LONGEST]}-{_digest(_identity(resource, made))}.yaml"] = made
    return files


def _twice(objects: Iterable[Object]) -> Iterator[str]:
    """Resources that are one and the same object in a cluster."""
    first: dict[tuple[str, ...], Resource] = {}
    for resource, made in objects:
        identity = _identity(resource, made)
        other = first.setdefault(identity, resource)
        if other is not resource:
            kind, namespace, name = identity[1:4]
            within = f" in namespace {namespace}" if namespace else ""
            yield f"{other.name} and {resource.name}: both are {kind} {name}{within}, of one cluster: remove one"


def _identity(resource: Resource, made: Mapping[str, Any]) -> tuple[str, ...]:
    metadata = made["metadata"]
    group = str(made["apiVersion"]).rpartition("/")[0]
    return group, str(made["kind"]), str(metadata.get("namespace") or ""), str(metadata["name"]), resource.provider


def _name(made: Mapping[str, Any]) -> str:
    metadata = made["metadata"]
    parts = [made["kind"], metadata.get("namespace"), metadata["name"]]
    return re.sub(r"[^\w.-]", "-", "-".join(str(part) for part in parts if part), flags=re.ASCII)


def _digest(identity: tuple[str, ...]) -> str:
    return hashlib.sha256("\0".join(identity).encode("utf-8", "surrogatepass")).hexdigest()[:8]
