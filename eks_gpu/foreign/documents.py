"""The two documents that the engine writes: what `pulumi preview --json` and `pulumi stack export` print."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from eks_gpu.graph.values import Unknown, decoded
from eks_gpu.io.json_files import read_json
from eks_gpu.io.problems import InputError
from eks_gpu_components.values.validation_messages import problems_of, shown


class Registered(BaseModel):
    """A resource as both documents tell it. More keys are there, and not read."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    urn: str = Field(pattern=r"^urn:pulumi:")
    type: str
    custom: bool = False
    id: str = ""
    parent: str = ""
    inputs: Mapping[str, Any] = Field(default_factory=dict)
    outputs: Mapping[str, Any] = Field(default_factory=dict)
    provider: str = ""
    dependencies: tuple[str, ...] = ()
    property_dependencies: Mapping[str, tuple[str, ...] | None] = Field(
        default_factory=dict, alias="propertyDependencies"
    )
    source_position: str = Field(default="", alias="sourcePosition")
    ignore_changes: tuple[str, ...] | None = Field(default=None, alias="ignoreChanges")
    retain_on_delete: bool = Field(default=False, alias="retainOnDelete")
    protect: bool = False
    delete: bool = False
    """It is replaced, and waits to be deleted."""


@dataclass(frozen=True)
class Document:
    """What one file holds."""

    file: Path
    registered: tuple[Registered, ...]
    config: Mapping[str, Any] = field(default_factory=dict)
    created: frozenset[str] = frozenset()
    """URNs of what a preview would create."""
    options_known: bool = True
    """Whether it tells which changes a resource ignores: older engines do not, nor does any where nobody does."""
    left_out: int = 0
    """Resources that a preview only counts, because nothing about them changes."""

    @property
    def project(self) -> str:
        return self._part(2)

    @property
    def stack(self) -> str:
        return self._part(1)

    def _part(self, number: int) -> str:
        parts = self.registered[0].urn.removeprefix("urn:").split(":") if self.registered else []
        return {1: parts[1], 2: parts[3]}[number] if len(parts) > 3 else ""


def preview(file: Path) -> Document:
    """Raises InputError with every problem. What would be deleted is left out: it is judged as it will be."""
    data = _read(file)
    if "steps" not in data:
        raise InputError(f"{file}: must be what `pulumi preview --json` prints, which has steps; {_kind(data)}")
    errors = [
        str(said.get("message", "")).strip().splitlines()[0]
        for said in _list(file, data, "diagnostics")
        if isinstance(said, dict) and said.get("severity") == "error" and str(said.get("message", "")).strip()
    ]
    if errors:
        raise InputError(f"{file}: the preview itself failed, and tells half of the stack: {error}" for error in errors)
    kept: dict[str, Any] = {}
    created: set[str] = set()
    same = 0
    for position, step in enumerate(_list(file, data, "steps")):
        if not isinstance(step, dict):
            raise InputError(f"{file}: steps[{position}] must be an object, got {step!r}")
        if isinstance(step.get("newState"), dict) and step.get("op") not in ("delete", "delete-replaced"):
            urn = str(step["newState"].get("urn"))
            kept[urn] = (f"steps[{position}].newState", step["newState"])
            if step.get("op") in ("create", "create-replacement"):
                created.add(urn)
            same += step.get("op") == "same"
    config = data.get("config")
    found = tuple(_registered(file, kept.values()))
    document = _document(file, found, config if isinstance(config, dict) else {}, created)
    return replace(document, left_out=max(0, _unchanged(data) - same))


def _unchanged(data: Mapping[str, Any]) -> int:
    """How many resources the preview found unchanged: it has a step for each of them if it was asked to."""
    summary = data.get("changeSummary")
    count = summary.get("same") if isinstance(summary, dict) else 0
    return count if isinstance(count, int) else 0


def state(file: Path) -> Document:
    """Raises InputError with every problem."""
    data = _read(file)
    deployment = data.get("deployment")
    if not isinstance(deployment, dict):
        raise InputError(f"{file}: must be what `pulumi stack export` prints, which has a deployment; {_kind(data)}")
    resources = enumerate(_list(file, deployment, "resources"))
    found = tuple(_registered(file, ((f"deployment.resources[{n}]", each) for n, each in resources)))
    return _document(file, tuple(each for each in found if not each.delete), {})


def _document(
    file: Path, found: tuple[Registered, ...], config: Mapping[str, Any], created: Iterable[str] = ()
) -> Document:
    return Document(
        file, found, config, frozenset(created), options_known=any(each.ignore_changes is not None for each in found)
    )


def _registered(file: Path, given: Any) -> Iterator[Registered]:
    wrong: list[str] = []
    for place, value in given:
        try:
            found = Registered.model_validate(value)
        except ValidationError as error:
            wrong += [f"{file}: {problem.at(place)}" for problem in problems_of(error, Registered)]
            continue
        wrong += [f"{file}: {place}.inputs.{problem} ({found.urn.rpartition('::')[2]})" for problem in _misnamed(found)]
        yield found
    if wrong:
        raise InputError(wrong)


def _misnamed(found: Registered) -> Iterator[str]:
    """Names of a Kubernetes object that are no texts; the provider leaves out a namespace that is null, and no name."""
    metadata = decoded(found.inputs.get("metadata")) if found.type.startswith("kubernetes:") and found.custom else {}
    if not isinstance(metadata, Mapping):
        return
    for key in ("name", "namespace"):
        value = metadata.get(key, "")
        if not isinstance(value, str | Unknown) and not (key == "namespace" and value is None):
            yield f"metadata.{key} must be a text, got {shown(value)}"


def _read(file: Path) -> dict[str, Any]:
    data = read_json(file)
    if not isinstance(data, dict):
        raise InputError(f"{file}: must be a JSON object, got {type(data).__name__}")
    return data


def _list(file: Path, data: Mapping[str, Any], key: str) -> list[Any]:
    found = data.get(key)
    if found is None:
        return []
    if not isinstance(found, list):
        raise InputError(f"{file}: {key} must be a list, got {type(found).__name__}")
    return found


def _kind(data: Mapping[str, Any]) -> str:
    """What the file probably is."""
    if "deployment" in data:
        return "this is a state: --state FILE"
    if "steps" in data:
        return "this is a preview: --preview FILE"
    return f"it has {', '.join(list(map(str, data))[:5]) or 'nothing'}"
