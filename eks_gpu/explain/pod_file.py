"""Pods of a file: every pod and pod template in its YAML documents, with the line of each field."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from reprlib import repr as shortened
from typing import Any

from pydantic import BaseModel, ValidationError

from eks_gpu.explain.pod_schema import MOST_PODS, Metadata, PodTemplate, Spec
from eks_gpu.io.documents import Map, kubernetes_objects, read
from eks_gpu.io.input_files import STDIN
from eks_gpu.io.problems import InputError
from eks_gpu.pods.claims import claims
from eks_gpu.pods.demand import Workload, workload_from
from eks_gpu.pods.made_pods import Find, Manifest
from eks_gpu.pods.made_pods import Path as Path_
from eks_gpu.pods.made_pods import PodTemplate as Made
from eks_gpu.pods.makers import made_pods, templates
from eks_gpu_components.values.validation_messages import problems_of, shown, written


@dataclass(frozen=True)
class PodSource:
    """One pod or pod template as it was written."""

    file: str
    document: Map
    """The object that holds it."""
    made: Made
    """The pod template, and where it stands in the object."""
    workload: Workload

    @property
    def spec(self) -> Mapping[str, Any]:
        """The pod's `spec`."""
        found = self.made.template.get("spec")
        return found if isinstance(found, Mapping) else {}

    @property
    def line(self) -> int:
        """The line at which the object begins."""
        return self.document.line

    @property
    def pods(self) -> int | None:
        """The number of pods that the object states, None if it is unknown; for a CronJob those of one run, for a
        DaemonSet 0, because it follows the nodes.
        """
        if not self.workload.is_counted:
            return None
        return self.workload.replicas or self.workload.max_replicas or 0

    @property
    def title(self) -> str:
        """`Deployment shop/web`, and which of the object's templates, unless it can have one alone."""
        own = f"{self.workload.kind} {self.workload.namespace}/{self.workload.name}"
        return " ".join(filter(None, (own, self.made.role)))

    def place(self, *path: str | int) -> dict[str, Any]:
        """The place of a field of the pod, or of the nearest field above it: `{file, line, path, key}`."""
        whole = (*self.made.spec_path, *path[1:]) if path[:1] == ("spec",) else (*self.made.path, *path)
        return {"file": self.file, **_place(self.document, whole)}


def read_pods(file: Path) -> tuple[list[PodSource], list[str]]:
    """The pods of a file, and a sentence for each object that has none. Raises InputError with all problems."""
    name = "stdin" if file == STDIN else str(file)
    pods: list[PodSource] = []
    others: list[str] = []
    problems: list[str] = []
    objects = list(kubernetes_objects(read(file, name)))
    find = _finder([document for document, _ in objects])
    for document, line in objects:
        if not isinstance(document, Map):
            problems.append(f"{name}:{line}: every item must be an object of Kubernetes, got {shown(document)}")
            continue
        wrong, found = _read(name, document, find)
        problems += wrong
        pods += found
        if not found and not wrong:
            others.append(f"{name}:{line}: no pod in {_kind(document)}")
    if problems:
        raise InputError(problems)
    if not pods:
        raise InputError(others or f"{name}: must hold a pod or something with a pod template, it is empty")
    return pods, others


def completed(sources: Sequence[PodSource], find: Find) -> list[PodSource]:
    """The same pods, with what stands elsewhere and an object names, as a TrainJob its runtime and a job its queue."""
    found: list[PodSource] = []
    read: set[int] = set()
    for source in sources:
        if not (source.workload.partly or source.workload.queue):
            found.append(_with_claims(source, find))
        elif id(source.document) not in read:
            read.add(id(source.document))
            _, again = _read(source.file, source.document, find)
            found += again or [each for each in sources if each.document is source.document]
    return found


def _with_claims(source: PodSource, find: Find) -> PodSource:
    """The pod with the claims whose templates stand elsewhere; one that the file has goes before another's."""
    workload = source.workload
    known = claims(source.spec, workload.namespace, find) if workload.pod.claims else ()
    both = [
        there if own.unknown and not there.unknown else own
        for own, there in zip(workload.pod.claims, known, strict=True)
    ]
    return replace(source, workload=replace(workload, pod=workload.pod.with_claims(tuple(both)))) if both else source


def _finder(documents: Sequence[Any]) -> Find:
    """Finds an object of the file that another one names; one without a namespace is anywhere."""
    known = [document for document in documents if isinstance(document, Mapping)]

    def find(kind: str, namespace: str, name: str) -> Mapping[str, Any] | None:
        for document in known:
            given = Manifest(document)
            if (given.text("kind"), given.name) == (kind, name) and namespace in ("", given.namespace):
                return document
        return None

    return find


def _read(name: str, document: Map, find: Find) -> tuple[list[str], list[PodSource]]:
    """A sentence for every field that is wrong, and without any the pods of the object."""
    found = made_pods(document, find, strict=True)
    made = templates(found)
    problems = [
        *(_problems(name, document, ("metadata",), Metadata, document.get("metadata") or {}) if made else ()),
        *(
            f"{name}:{_place(document, path)['line']}: {written(path)} must be a whole number from 0 to {MOST_PODS}, "
            f"got {shortened(value)}"
            for path, value in dict(found.wrong).items()
        ),
        *(problem for each in made for problem in _of_template(name, document, each)),
    ]
    if problems:
        return problems, []
    several = len(made) > 1
    return [], [PodSource(name, document, each, workload_from(each, found, several=several)) for each in made]


def _of_template(name: str, document: Map, made: Made) -> Iterator[str]:
    if made.spec_path == (*made.path, "spec") and not made.composed:
        yield from _problems(name, document, made.path, PodTemplate, _at(document, made.path))
    else:  # fields of its own stand for those of a pod, and have their names
        yield from _problems(name, document, made.spec_path, Spec, made.template.get("spec"))


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


def keys_of(document: Any, path: str) -> Path_:
    """Keys and positions of a field that is written as `spec.containers[0].resources`; a key may have dots itself."""
    keys: list[str | int] = []
    while path:
        if path.startswith("["):
            index, _, path = path[1:].partition("]")
            keys.append(int(index))
        else:
            known = (
                [key for key in document if path == key or path.startswith((f"{key}.", f"{key}["))]
                if isinstance(document, Mapping)
                else []
            )
            key = max(known, key=len, default=path)
            keys.append(key)
            path = path[len(key) :]
        document = _at(document, (keys[-1],))
        path = path.removeprefix(".")
    return tuple(keys)
