"""What a pod names and cannot do without: classes, a service account, claims, ConfigMaps."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Named:
    """An object that a pod names."""

    kind: str
    name: str
    path: str
    """The field in the pod's spec that names it."""
    keys: tuple[str | int, ...]
    """The same as keys and positions."""
    refused: bool
    """Whether the API server refuses the pod if the object is not there; otherwise the pod waits."""

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


def named_by(spec: Mapping[str, Any]) -> Iterator[Named]:
    """Of a pod's spec, without what it calls optional."""
    for field, kind in _FIELDS.items():
        if (name := spec.get(field)) and isinstance(name, str):
            yield Named(kind, name, field, (field,), refused=True)
    for index, volume in enumerate(spec.get("volumes") or ()):
        if not isinstance(volume, Mapping):
            continue
        for source, key, kind in _VOLUMES:
            given = volume.get(source)
            if isinstance(given, Mapping) and given.get(key) and not given.get("optional"):
                at = f"volumes[{index}].{source}.{key}"
                yield Named(kind, str(given[key]), at, ("volumes", index, source, key), refused=False)


_FIELDS = {
    "runtimeClassName": "RuntimeClass",
    "priorityClassName": "PriorityClass",
    "serviceAccountName": "ServiceAccount",
}
_VOLUMES = (("persistentVolumeClaim", "claimName", "PersistentVolumeClaim"), ("configMap", "name", "ConfigMap"))
