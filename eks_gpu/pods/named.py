"""What a pod names and cannot do without: classes, a service account, claims, ConfigMaps, Secrets."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

Keys = tuple[str | int, ...]


class Without(Enum):
    """What happens where an object is not there."""

    REFUSED = "the API server refuses the pod"
    WAITS = "the pod waits for it"
    PULLS = "its images are pulled without it"


@dataclass(frozen=True, slots=True)
class Named:
    """An object that a pod names."""

    kind: str
    name: str
    path: str
    """The field in the pod's spec that names it."""
    keys: Keys
    """The same as keys and positions."""
    without: Without

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


def named_by(spec: Mapping[str, Any]) -> Iterator[Named]:
    """Of a pod's spec, without what it calls optional."""
    for field, kind in _FIELDS.items():
        if (name := spec.get(field)) and isinstance(name, str):
            yield Named(kind, name, field, (field,), Without.REFUSED)
    for index, secret in _each(spec, "imagePullSecrets"):
        yield from _reference(secret, "name", "Secret", ("imagePullSecrets", index), Without.PULLS)
    for index, claim in _each(spec, "resourceClaims"):
        for key, kind in _CLAIMS.items():
            yield from _reference(claim, key, kind, ("resourceClaims", index))
    for index, volume in _each(spec, "volumes"):
        at = ("volumes", index)
        for source, key, kind in _VOLUMES:
            yield from _reference(volume.get(source), key, kind, (*at, source))
        projected = volume.get("projected")
        for number, part in _each(projected if isinstance(projected, Mapping) else {}, "sources"):
            for source, kind in (("configMap", "ConfigMap"), ("secret", "Secret")):
                yield from _reference(part.get(source), "name", kind, (*at, "projected", "sources", number, source))
    for group in ("initContainers", "containers"):
        for index, container in _each(spec, group):
            yield from _of_environment(container, (group, index))


def _of_environment(container: Mapping[str, Any], at: Keys) -> Iterator[Named]:
    for index, variable in _each(container, "env"):
        given = variable.get("valueFrom")
        for source, kind in (("configMapKeyRef", "ConfigMap"), ("secretKeyRef", "Secret")):
            if isinstance(given, Mapping):
                yield from _reference(given.get(source), "name", kind, (*at, "env", index, "valueFrom", source))
    for index, given in _each(container, "envFrom"):
        for source, kind in (("configMapRef", "ConfigMap"), ("secretRef", "Secret")):
            yield from _reference(given.get(source), "name", kind, (*at, "envFrom", index, source))


def _each(given: Mapping[str, Any], key: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    for index, found in enumerate(given.get(key) or ()):
        if isinstance(found, Mapping):
            yield index, found


def _reference(given: Any, key: str, kind: str, at: Keys, without: Without = Without.WAITS) -> Iterator[Named]:
    if isinstance(given, Mapping) and given.get(key) and not given.get("optional"):
        keys = (*at, key)
        yield Named(kind, str(given[key]), _path(keys), keys, without)


def _path(keys: Keys) -> str:
    return "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in keys).removeprefix(".")


_FIELDS = {
    "runtimeClassName": "RuntimeClass",
    "priorityClassName": "PriorityClass",
    "serviceAccountName": "ServiceAccount",
}
_CLAIMS = {"resourceClaimTemplateName": "ResourceClaimTemplate", "resourceClaimName": "ResourceClaim"}
_VOLUMES = (
    ("persistentVolumeClaim", "claimName", "PersistentVolumeClaim"),
    ("configMap", "name", "ConfigMap"),
    ("secret", "secretName", "Secret"),
)
