"""Placeholder pods: they do nothing but hold a place on a node, until a pod of higher priority takes it."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from eks_gpu.pods.made_pods import Find
from eks_gpu_components.catalog.container_images import PAUSE_NAME

_BUILT_IN = {"system-cluster-critical": 2_000_000_000, "system-node-critical": 2_000_001_000}
_SLEEP = r"(?:\S*/)?sleep\s+[\w.]+"
_SLEEPS = re.compile(
    rf"{_SLEEP}|(?:\S*/)?(?:pause|tail\s+-f\s+/dev/null)|while\s+(?:true|:)\s*;\s*do\s+{_SLEEP}\s*;\s*done"
)
_OF_A_SHELL = re.compile(r"^(?:\S*/)?(?:ba|da)?sh\s+-\w*c\s+|^exec\s+")


def pauses(spec: Mapping[str, Any]) -> bool:
    """Whether the pod's containers are all of the pause image, which does nothing at all."""
    containers = _containers(spec)
    return bool(containers) and all(PAUSE_NAME.fullmatch(str(each.get("image") or "")) for each in containers)


def is_spare(spec: Mapping[str, Any], find: Find | None) -> bool:
    """Whether the pod only holds a place: it pauses, or it sleeps at a priority below that of any other pod."""
    if pauses(spec):
        return True
    containers = _containers(spec)
    below = (priority(spec, find) or 0) < 0
    return below and bool(containers) and all(_sleeps(each) for each in containers)


def _containers(spec: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    found = spec.get("containers")
    return [each for each in found if isinstance(each, Mapping)] if isinstance(found, list | tuple) else []


def _sleeps(container: Mapping[str, Any]) -> bool:
    words = [*_words(container.get("command")), *_words(container.get("args"))]
    said, before = " ".join(words), None
    while said != before:
        before, said = said, _OF_A_SHELL.sub("", said)
    return bool(_SLEEPS.fullmatch(said.strip())) or bool(PAUSE_NAME.fullmatch(str(container.get("image") or "")))


def _words(given: Any) -> Sequence[str]:
    return [str(each) for each in given] if isinstance(given, list | tuple) else ()


def priority(spec: Mapping[str, Any], find: Find | None) -> int | None:
    """The pod's priority: that of its class, 0 without one; None for a class that the stack does not have."""
    name = spec.get("priorityClassName")
    if not name:
        return 0
    if name in _BUILT_IN:
        return _BUILT_IN[name]
    found = find("PriorityClass", "", str(name)) if find else None
    value = found.get("value") if found else None
    return value if isinstance(value, int) else None
