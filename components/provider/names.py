"""Names in other languages: `max_gpus` is `maxGpus` there, in keys, in descriptions and in what is told of an error."""

import inspect
import re
from collections.abc import Iterable, Mapping

from pulumi.provider.experimental.analyzer import PropertyDefinition, TypeDefinition
from pulumi.provider.experimental.util import camel_case

_OPTIONS = ("depends_on",)
"""Resource options that descriptions name."""
_SNAKE = re.compile(r"\b[a-z][a-z0-9]*(?:_[a-z0-9]+)+\b")
_OF_PYTHON = re.compile(r"\s*Raises BadInput[^.]*\.")
_PATH = re.compile(r"(?P<path>[^\s:]+):? (?P<rule>.+)", re.DOTALL)
_PART = re.compile(r"[^.\[\]]+|\[\d+\]")

UNKNOWN_KEY = "is not a known key"

Types = Mapping[str, TypeDefinition]


class Names:
    """What Python's names are called in other languages."""

    def __init__(self, known: Iterable[str]):
        self._known = {*known, *_OPTIONS}

    def text(self, text: str) -> str:
        """A text with the keys that it names in camelCase."""
        return _SNAKE.sub(lambda found: camel_case(found[0]) if found[0] in self._known else found[0], text)

    def description(self, text: str | None) -> str | None:
        """A docstring as a description: keys in camelCase, without indentation and without Python's exceptions."""
        return self.text(_OF_PYTHON.sub("", inspect.cleandoc(text)).strip()) if text else text

    def problem(
        self, told: str, properties: Mapping[str, PropertyDefinition], mapping: Mapping[str, str], types: Types
    ) -> tuple[str, str]:
        """The path and the rule of what a component says of its args; no path where it is about something else."""
        found = _PATH.match(told)
        if not found or not (found["rule"].startswith(UNKNOWN_KEY) or _root(found["path"]) in mapping.values()):
            return "", self.text(told)
        path, rule = found["path"], found["rule"]
        if rule.startswith(UNKNOWN_KEY):  # told with the caller's key, and those that are near it
            holder, _, key = path.rpartition(".")
            return f"{_written(holder, properties, mapping, types)}.{key}".removeprefix("."), rule
        return _written(path, properties, mapping, types), self.text(rule)


def _root(path: str) -> str:
    return re.split(r"[.\[]", path)[0]


def type_of(definition: PropertyDefinition, types: Types) -> TypeDefinition | None:
    """The package's own type that a property refers to."""
    ref = definition.ref or ""
    return types.get(ref.rsplit(":", 1)[-1]) if ref.startswith("#/types/") else None


def _written(path: str, properties: Mapping[str, PropertyDefinition], mapping: Mapping[str, str], types: Types) -> str:
    return "".join(_path(path, properties, mapping, types)).removeprefix(".")


def _path(
    path: str, properties: Mapping[str, PropertyDefinition], mapping: Mapping[str, str], types: Types
) -> Iterable[str]:
    """The parts of a path; what the user named himself, as a label, stays as it is."""
    wire = {name: key for key, name in mapping.items()}
    at: PropertyDefinition | None = None
    within = True
    for part in _PART.findall(path):
        if part.startswith("["):
            at = at.items if at else None
            yield part
        elif within:
            key = str(wire.get(part, part))
            at = properties.get(key)
            yield f".{key}"
        else:
            at = at.additional_properties if at else None
            yield f".{part}"
        made = type_of(at, types) if at else None
        if within := made is not None:
            properties, wire = made.properties, {name: key for key, name in made.properties_mapping.items()}
