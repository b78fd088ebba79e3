"""`plan-answers.yaml`: what a user knows of the cloud and the catalog does not, by what a program asks for."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from eks_gpu.graph.graph import Resource
from eks_gpu.io.documents import Map, Seq, plain, read_map, shown
from eks_gpu.io.problems import InputError
from eks_gpu_components.catalog.nearest import hint

RESOURCES, CONFIG = "resources", "config"
_STACK = "stack "
_TOKEN = re.compile(r"[^\s:]+:[^\s:]*:[^\s:]+")
_ENTRY = frozenset({"args", "result"})


class Given:
    """Answers as `plan-answers.yaml` has them. What is null there is not given."""

    def __init__(self, answers: Mapping[str, Any]):
        self._answers = answers

    @property
    def config(self) -> dict[str, Any]:
        """Stand-ins for configuration that is encrypted or kept elsewhere, by full key."""
        return _said(self._answers.get(CONFIG) or {})

    def outputs(self, resource: Resource) -> dict[str, Any]:
        """Outputs of a resource by its type and name, `id` among them."""
        of_type = (self._answers.get(RESOURCES) or {}).get(resource.type) or {}
        return _said(of_type.get(resource.name) or {})

    def state(self, type_: str, id_: str) -> dict[str, Any] | None:
        """Outputs of a resource that exists already, by its type and id."""
        found = self._answers.get(f"{type_} {id_}")
        return None if found is None else _said(found)

    def stack(self, name: str) -> dict[str, Any] | None:
        """Outputs of another stack."""
        found = self._answers.get(f"{_STACK}{name}")
        return None if found is None else _said(found)

    def result(self, token: str, args: Mapping[str, Any]) -> dict[str, Any] | None:
        """Of the answers whose arguments are all among these, the one with the most; None where there is none."""
        found = self._answers.get(token)
        if found is None:
            return None
        fitting = [(wanted, result) for wanted, result in _entries(found) if _among(wanted, args)]
        return _said(max(fitting, key=lambda entry: len(entry[0]))[1]) if fitting else None


def _entries(answer: Any) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """Arguments and result of each answer for a token: a list of them, one of them, or a result alone."""
    for each in answer if isinstance(answer, list) else [answer]:
        if "result" in each and each.keys() <= _ENTRY:
            yield each.get("args") or {}, each["result"]
        else:
            yield {}, each


def _among(wanted: Any, there: Any) -> bool:
    if isinstance(wanted, Mapping):
        return isinstance(there, Mapping) and all(_among(item, there.get(key)) for key, item in wanted.items())
    if isinstance(wanted, list) and isinstance(there, list) and any(isinstance(item, Mapping) for item in wanted):
        return len(wanted) == len(there) and all(map(_among, wanted, there))
    return wanted == there


def _said(value: Any) -> Any:
    """Without what is null."""
    if isinstance(value, Mapping):
        return {key: _said(item) for key, item in value.items() if item is not None}
    return [_said(item) for item in value] if isinstance(value, list) else value


# --- the file --------------------------------------------------------------------------------------------------------


def read(file: Path) -> dict[str, Any]:
    """The answers in a file; none where there is no file. Raises InputError with every problem, each with its line."""
    if not file.exists():
        return {}
    found = read_map(file)
    problems = list(_Reader(file.name).problems(found))
    if problems:
        raise InputError(problems)
    return plain(found)


class _Reader:
    def __init__(self, name: str):
        self._name = name

    def problems(self, answers: Map) -> Iterator[str]:
        for key, value in answers.items():
            line = answers.lines[key]
            if key == RESOURCES:
                yield from self._resources(value, line)
            elif key == CONFIG:
                yield from self._map(value, line, CONFIG, "of keys such as shop:token")
                for name in value if isinstance(value, Map) else ():
                    if ":" not in name:
                        yield f"{self._name}:{value.lines[name]}: {CONFIG}.{name} must be a key such as shop:{name}"
            elif key.startswith(_STACK):
                yield from self._map(value, line, key, "the outputs of that stack")
            elif " " in key and _TOKEN.fullmatch(key.partition(" ")[0]):
                type_ = key.partition(" ")[0]
                yield from self._outputs(value, line, key, _outputs(type_))
            elif _TOKEN.fullmatch(key):
                yield from self._function(key, value, line)
            else:
                rule = f"must be {RESOURCES}, {CONFIG}, `stack NAME`, `TYPE ID`, or a token as aws:ec2/getAmi:getAmi"
                yield f"{self._name}:{line}: {key} {rule}{hint(key, [RESOURCES, CONFIG])}"

    def _map(self, value: Any, line: int, path: str, holds: str) -> Iterator[str]:
        if not isinstance(value, Map):
            yield f"{self._name}:{line}: {path} must be a map, {holds}, got {shown(value)}"

    def _resources(self, value: Any, line: int) -> Iterator[str]:
        yield from self._map(value, line, RESOURCES, "of types of resources")
        for type_, by_name in value.items() if isinstance(value, Map) else ():
            at = value.lines[type_]
            if not _TOKEN.fullmatch(type_):
                yield f"{self._name}:{at}: {RESOURCES}.{type_} must be a type such as aws:ec2/vpc:Vpc"
            yield from self._map(by_name, at, f"{RESOURCES}.{type_}", "of names of resources")
            for name, outputs in by_name.items() if isinstance(by_name, Map) else ():
                path = f"{RESOURCES}.{type_}.{name}"
                known = _outputs(type_)
                yield from self._outputs(outputs, by_name.lines[name], path, known and {"id": str, **known})

    def _function(self, token: str, value: Any, line: int) -> Iterator[str]:
        if not isinstance(value, Map | Seq):
            rule = "must be the result, a map, or a list of args and result"
            yield f"{self._name}:{line}: {token} {rule}, got {shown(value)}"
            return
        known = _results(token)
        if isinstance(value, Map) and not ("result" in value and value.keys() <= _ENTRY):
            yield from self._outputs(value, line, token, known)
            return
        entries = list(zip(value, value.lines, strict=True)) if isinstance(value, Seq) else [(value, line)]
        for number, (entry, at) in enumerate(entries):
            path = f"{token}[{number}]" if isinstance(value, Seq) else token
            if not isinstance(entry, Map) or "result" not in entry or not entry.keys() <= _ENTRY:
                yield f"{self._name}:{at}: {path} must be a map of args and result, got {shown(entry)}"
                continue
            if entry.get("args") is not None:
                yield from self._map(entry["args"], entry.lines["args"], f"{path}.args", "arguments by name")
            yield from self._outputs(entry["result"], entry.lines["result"], f"{path}.result", known)

    def _outputs(self, value: Any, line: int, path: str, known: Mapping[str, Any]) -> Iterator[str]:
        """Values by name, of the types that the provider's SDK declares; `known` is empty without one."""
        yield from self._map(value, line, path, "values by name")
        if not isinstance(value, Map):
            return
        if value and all(_empty(item) for item in value.values()):
            yield f"{self._name}:{line}: {path} is still to be filled in: every value is null"
        for name, item in value.items():
            if known and name not in known:
                yield f"{self._name}:{value.lines[name]}: {path}.{name} is no output{hint(name, known)}"
            elif wanted := _misfits(known.get(name), item):
                yield f"{self._name}:{value.lines[name]}: {path}.{name} must be {wanted}, got {shown(item)}"


def _empty(value: Any) -> bool:
    return value is None or (isinstance(value, Map) and bool(value) and all(map(_empty, value.values())))


def _misfits(tp: Any, value: Any) -> str:
    from eks_gpu.offline.sdk_types import misfits

    return "" if tp is None else misfits(tp, plain(value))


def _outputs(type_: str) -> Mapping[str, Any]:
    from eks_gpu.offline.sdk_types import outputs

    return outputs(type_)


def _results(token: str) -> Mapping[str, Any]:
    from eks_gpu.offline.sdk_types import results

    return results(token)
