"""GPUs that a chart's values ask for, where the chart is not rendered: its pods are known by these values alone."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from eks_gpu.graph.graph import Graph
from eks_gpu.graph.unknown import listening
from eks_gpu.graph.unread import Unread
from eks_gpu.pools.software import Software, software
from eks_gpu_components.catalog import KNOWN_CHARTS
from eks_gpu_components.values.validation_messages import written

_RESOURCES = re.compile(
    r"(nvidia\.com/(gpu(\.shared)?|mig-[\w.]+)|aws\.amazon\.com/neuron\w*|amd\.com/gpu|habana\.ai/\w+)"
)
_KEYS = re.compile(
    r"(request|requested|num(ber)?|n)?[-_]?(of[-_]?)?gpus?([-_]?(count|per[-_]?(pod|node|replica|worker)))?",
    re.IGNORECASE,
)
_ELSEWHERE = ("nodeSelector", "tolerations", "labels", "annotations", "matchLabels", "affinity", "env")
"""Keys below which a number is no request."""
_DEEPEST = 40
_HOW = "name a chart in a folder of the project, which helm renders, so that its pods are read"


def asked_in_values(graph: Graph) -> list[Unread]:
    """A row for each value of a release by which a pod asks for accelerators, unless the release is rendered."""
    with listening(alone=True):
        return [row for release in software(graph) for row in _of(release, graph)]


def _of(release: Software, graph: Graph) -> Iterator[Unread]:
    rendered = any(child.type.startswith("kubernetes:") for child in graph.children(release.urn))
    if rendered or release.chart in KNOWN_CHARTS:
        return
    for path, number in _asked(release.values, ()):
        why = (
            f"it asks for {number} of {path[-1]} a pod, and chart {release.chart} is not rendered: how many pods ask "
            "for it, and what else they need, is not known"
        )
        yield Unread(f"value {written(path)} of release {release.name}", "pods", why, _HOW, hides=False)


def _asked(value: Any, path: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Places and numbers of requests; of limits and requests of the same resource the limit."""
    if len(path) > _DEEPEST:
        return
    if isinstance(value, Mapping):
        limits = value.get("limits")
        for key, item in value.items():
            if key in _ELSEWHERE:
                continue
            if key == "requests" and isinstance(limits, Mapping) and isinstance(item, Mapping):
                item = {name: number for name, number in item.items() if name not in limits}
            if (number := _number(item)) and _is_device(str(key)):
                yield (*path, str(key)), number
            else:
                yield from _asked(item, (*path, str(key)))
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _asked(item, (*path, index))


def _is_device(key: str) -> bool:
    return bool(_RESOURCES.fullmatch(key) or _KEYS.fullmatch(key))


def _number(value: Any) -> str:
    """A number above zero, empty for anything else."""
    text = "" if isinstance(value, bool) or not isinstance(value, int | float | str) else str(value)
    return text if re.fullmatch(r"0*[1-9]\d{0,5}(\.0)?", text) else ""
