"""The shape of a pod template: a map, a list or neither where one is read.

Kubernetes' own kinds are held to their types before. A custom resource may hold anything, and so may a file.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from eks_gpu.graph.unknown import Told

Shape = dict[str, Any] | list[Any]
"""A map with the shapes of its fields, or a list with that of its items; a field that is not named may be anything."""

_RESOURCES: Shape = {"limits": {}, "requests": {}, "claims": [{}]}
_REQUIREMENT: Shape = {"values": []}
_REQUIREMENTS: Shape = [_REQUIREMENT]
_CONTAINERS: Shape = [
    {
        "resources": _RESOURCES,
        "securityContext": {},
        "ports": [{}],
        "env": [{"valueFrom": {"configMapKeyRef": {}, "secretKeyRef": {}, "fieldRef": {}, "resourceFieldRef": {}}}],
        "envFrom": [{"configMapRef": {}, "secretRef": {}}],
        "volumeMounts": [{}],
        "lifecycle": {},
        "startupProbe": {},
        "livenessProbe": {},
        "readinessProbe": {},
    }
]
_TEMPLATE: Mapping[str, Shape] = {
    "metadata": {"labels": {}, "annotations": {}},
    "spec": {
        "nodeSelector": {},
        "affinity": {
            "nodeAffinity": {
                "requiredDuringSchedulingIgnoredDuringExecution": {
                    "nodeSelectorTerms": [{"matchExpressions": _REQUIREMENTS, "matchFields": _REQUIREMENTS}]
                }
            },
            "podAffinity": {},
            "podAntiAffinity": {},
        },
        "tolerations": [{}],
        "topologySpreadConstraints": [{}],
        "containers": _CONTAINERS,
        "initContainers": _CONTAINERS,
        "resources": _RESOURCES,
        "overhead": {},
        "securityContext": {},
        "volumes": [{"persistentVolumeClaim": {}, "configMap": {}, "secret": {}, "emptyDir": {}, "projected": {}}],
        "imagePullSecrets": [{}],
        "resourceClaims": [{}],
    },
}


def misshapen(template: Mapping[str, Any], path: str) -> Iterator[str]:
    """Fields of a pod template that are no map or no list, each as a sentence; the path is that of its `spec`."""
    beside = path.removesuffix("spec")
    yield from _of(_TEMPLATE["metadata"], template.get("metadata"), f"{beside}metadata")
    yield from _of(_TEMPLATE["spec"], template.get("spec"), path)


def _of(shape: Shape, value: Any, path: str) -> Iterator[str]:
    """What is absent or null has every shape, but as an item of a list."""
    if value is None:
        return
    if isinstance(shape, Mapping):
        if not isinstance(value, Mapping):
            yield f"{path} must be a map, got {value!r}"
            return
        if shape is _REQUIREMENT and not _is_asked(value):
            yield f"{path} must have key and operator, got {dict(value)!r}"
        for field, inner in shape.items():
            yield from _of(inner, value.get(field), f"{path}.{field}")
    elif not isinstance(value, list | tuple):
        yield f"{path} must be a list, got {value!r}"
    elif shape:
        for index, item in enumerate(value):
            if item is None:
                yield f"{path}[{index}] must be a map, got nothing"
            yield from _of(shape[0], item, f"{path}[{index}]")


def _is_asked(requirement: Mapping[str, Any]) -> bool:
    """Whether a requirement says for what it asks, or an update will."""
    later = requirement.unknown.keys() if isinstance(requirement, Told) else ()
    return all(isinstance(requirement.get(key), str) or key in later for key in ("key", "operator"))
