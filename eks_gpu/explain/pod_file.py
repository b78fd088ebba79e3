"""Pods of a file: every pod and pod template in its YAML documents, with the line of each field."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from eks_gpu.explain.pod_schema import Metadata, PodTemplate, Sizes
from eks_gpu.io.documents import Map, Seq, read
from eks_gpu.io.input_files import STDIN
from eks_gpu.io.problems import InputError
from eks_gpu.pods.demand import KINDS, Workload, workload_from_manifest
from eks_gpu.pods.pod import pod_from_template
from eks_gpu_components.values.validation_messages import problems_of, shown, written

Path_ = tuple[str | int, ...]
"""Keys and positions from a document's root to a field."""

_DEEPEST = 40


@dataclass(frozen=True)
class PodSource:
    """One pod or pod template as it was written."""

    file: str
    document: Map
    """The object that holds it."""
    path: Path_
    """From the object to the pod: empty for a Pod, else where its template stands."""
    workload: Workload

    @property
    def spec(self) -> Mapping[str, Any]:
        """The pod's `spec`."""
        return _at(self.document, self.path).get("spec") or {}

    @property
    def line(self) -> int:
        """The line at which the object begins."""
        return self.document.line

    @property
    def pods(self) -> int:
        """The number of pods that the object states; for a CronJob those of one run, for a DaemonSet 0, because it
        follows the nodes.
        """
        return self.workload.replicas or self.workload.max_replicas or 0

    @property
    def title(self) -> str:
        """`Deployment shop/web`, and of several templates in one object which."""
        roles = [str(key) for key in self.path if key not in ("spec", "template", "jobTemplate")]
        return " ".join([str(self.workload), *([".".join(roles)] if roles else [])])

    def place(self, *path: str | int) -> dict[str, Any]:
        """The place of a field of the pod, or of the nearest field above it: `{file, line, path, key}`."""
        return {"file": self.file, **_place(self.document, (*self.path, *path))}


def read_pods(file: Path) -> tuple[list[PodSource], list[str]]:
    """The pods of a file, and a sentence for each object that has none. Raises InputError with all problems."""
    name = "stdin" if file == STDIN else str(file)
    pods: list[PodSource] = []
    others: list[str] = []
    problems: list[str] = []
    for document, line in _objects(read(file, name)):
        if not isinstance(document, Map):
            problems.append(f"{name}:{line}: every item must be an object of Kubernetes, got {shown(document)}")
            continue
        found = list(_templates(document))
        if not found:
            others.append(f"{name}:{line}: no pod in {_kind(document)}")
        for path in found:
            try:
                pods.append(_read(name, document, path))
            except InputError as error:
                problems += error.problems
    if problems:
        raise InputError(problems)
    if not pods:
        raise InputError(others or f"{name}: must hold a pod or something with a pod template, it is empty")
    return pods, others


def _objects(documents: Iterable[Map]) -> Iterator[tuple[Any, int]]:
    """Each object and its line; a List's one by one."""
    for document in documents:
        items = document.get("items")
        if isinstance(items, Seq) and str(document.get("kind", "")).endswith("List"):
            yield from zip(items, items.lines, strict=True)
        else:
            yield document, document.line


def _templates(document: Mapping[str, Any]) -> Iterator[Path_]:
    """Paths of everything with a pod's spec; of a known kind its one path, be it there or not."""
    match document.get("kind"):
        case "Pod":
            yield ()
        case "CronJob":
            yield ("spec", "jobTemplate", "spec", "template")
        case kind if kind in KINDS:
            yield ("spec", "template")
        case _:
            yield from _holders(document, (), set())


def _holders(value: Any, path: Path_, seen: set[int]) -> Iterator[Path_]:
    """Depth first; an alias is followed once, so that no document is larger than it is written."""
    if id(value) in seen or len(path) > _DEEPEST:
        return
    seen.add(id(value))
    if isinstance(value, Mapping):
        spec = value.get("spec")
        if isinstance(spec, Mapping) and "containers" in spec:
            yield path
            return
        for key, item in value.items():
            yield from _holders(item, (*path, key), seen)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _holders(item, (*path, index), seen)


def _read(name: str, document: Map, path: Path_) -> PodSource:
    """Raises InputError with every field of a wrong type."""
    template, beside = _at(document, path), _at(document, path[:-1])
    problems = [
        *_problems(name, document, ("metadata",), Metadata, document.get("metadata") or {}),
        *(_problems(name, document, path[:-1], Sizes, beside) if path else ()),
        *_problems(name, document, path, PodTemplate, template),
    ]
    if problems:
        raise InputError(problems)
    if document.get("kind") in KINDS:
        workload = workload_from_manifest(document)
    else:
        metadata = document.get("metadata") or {}
        replicas = beside.get("replicas")
        count = 1 if replicas is None else int(replicas)
        workload = Workload(
            name=str(metadata.get("name") or ""),
            namespace=str(metadata.get("namespace") or "default"),
            kind=str(document.get("kind") or "object"),
            pod=pod_from_template(template),
            replicas=count,
            min_replicas=count,
            max_replicas=count,
        )
    return PodSource(name, document, path, workload)


# --- what is wrong ---------------------------------------------------------------------------------------------------


def _problems(name: str, document: Any, base: Path_, model: type[BaseModel], data: Any) -> Iterator[str]:
    try:
        model.model_validate(data)
    except ValidationError as error:
        for problem in problems_of(error, model):
            place = _place(document, (*base, *problem.path))
            yield f"{name}:{place['line']}: {problem.at(written(base))}"


def _kind(document: Mapping[str, Any]) -> str:
    metadata = document.get("metadata")
    name = metadata.get("name") if isinstance(metadata, Mapping) else ""
    return " ".join(str(part) for part in (document.get("kind") or "an object without kind", name) if part)


# --- where it is -----------------------------------------------------------------------------------------------------


def _at(document: Any, path: Path_) -> Any:
    """What stands there, an empty map where nothing does."""
    for key in path:
        if isinstance(document, Mapping):
            document = document.get(key)
        else:
            document = document[key] if isinstance(document, list) and isinstance(key, int) else None
    return {} if document is None else document


def _place(document: Any, path: Path_) -> dict[str, Any]:
    """Line from 1, path and last key of a field, or of the nearest one above it that is there."""
    line, there = document.line, list[str | int]()
    for key in path:
        try:
            line, document = document.lines[key], document[key]
        except (AttributeError, KeyError, IndexError, TypeError):
            break
        there.append(key)
    named = next((at for at in reversed(range(len(there))) if isinstance(there[at], str)), 0)
    return {"line": line, "path": written(there), "key": written(there[named:])}
