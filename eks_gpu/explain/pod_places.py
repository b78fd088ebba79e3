"""Where a pod's file says what a rule rejects."""

from collections.abc import Mapping
from typing import Any

from eks_gpu.explain.pod_file import PodSource
from eks_gpu.pods.claims import DEVICES
from eks_gpu.pods.reasons import Reason, Rule


def pod_place(source: PodSource, reason: Reason) -> Mapping[str, Any] | None:
    """`{file, line, path}` of the pod's field that a rule rejects; None where the pool alone decides."""
    match reason.rule:
        case Rule.TAINT:
            return source.place("spec", "tolerations", *_item(source.spec.get("tolerations"), reason.subject))
        case Rule.LABEL:
            return source.place("spec", *_selector(source.spec, reason.subject))
        case Rule.RESOURCE:
            return source.place("spec", *_request(source.spec, reason.subject))
        case Rule.NODE_NAME:
            return source.place("spec", "nodeName")
        case Rule.TEMPLATE:
            asked = _request(source.spec, reason.subject)
            return source.place("spec", *(asked if len(asked) > 1 else _selector(source.spec, reason.subject)))
        case _:
            return None


def _item(rows: Any, key: str) -> tuple[int, ...]:
    """The position of the row with this key, which comes nearest to what is wanted."""
    return next(((index,) for index, row in enumerate(rows or ()) if row.get("key") == key), ())


def _selector(spec: Mapping[str, Any], key: str) -> tuple[str | int, ...]:
    if key in (spec.get("nodeSelector") or {}):
        return "nodeSelector", key
    affinity = ("affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution", "nodeSelectorTerms")
    terms: Any = spec
    for part in affinity:
        terms = (terms or {}).get(part)
    for index, term in enumerate(terms or ()):
        for kind in ("matchExpressions", "matchFields"):
            if found := _item(term.get(kind), key):
                return *affinity, index, kind, *found
    return affinity


def _request(spec: Mapping[str, Any], resource: str) -> tuple[str | int, ...]:
    """The container that asks for most of it cannot be told from a sum; the first that asks is shown."""
    if resource == DEVICES:
        return ("resourceClaims",)
    for group in ("containers", "initContainers"):
        for index, container in enumerate(spec.get(group) or ()):
            for kind in ("requests", "limits"):
                if resource in ((container.get("resources") or {}).get(kind) or {}):
                    return group, index, "resources", kind, resource
    return ("containers",)
