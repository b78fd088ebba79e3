"""Rules of the classes that pods name: RuntimeClass and PriorityClass."""

from collections.abc import Iterator, Mapping
from typing import Any

from eks_gpu.api import names
from eks_gpu.api.rules.common import labels_hold, refused
from eks_gpu.api.rules.registry import judges, rule
from eks_gpu.api.rules.resources import is_amount, lonely_pages
from eks_gpu.api.said import Finding, Refused, Unjudged, joined, maps

judges("node.v1.RuntimeClass", "metadata handler overhead scheduling")
judges("node.v1.Overhead", "podFixed")
judges("node.v1.Scheduling", "nodeSelector tolerations")


@rule("node.v1.RuntimeClass")
def _runtime(given: Mapping[str, Any], path: str) -> Iterator[Finding]:
    yield from refused("handler", names.dns_label(given.get("handler") or ""))


@rule("node.v1.Overhead")
def _overhead(given: Mapping[str, Any], path: str) -> Iterator[Finding]:
    """What a pod may be given beside its own, under the rules of a container's limits."""
    amounts = given.get("podFixed") or {}
    for name, value in amounts.items():
        yield from is_amount(name, value, f"{path}.podFixed.{name}")
    yield from lonely_pages(amounts, amounts, f"{path}.podFixed")


@rule("node.v1.Scheduling")
def _scheduling(given: Mapping[str, Any], path: str) -> Iterator[Finding]:
    yield from labels_hold(given.get("nodeSelector"), joined(path, "nodeSelector"))
    seen = []
    for index, toleration in enumerate(maps(given.get("tolerations"))):
        key = [toleration.get(field) or "" for field in ("key", "operator", "value", "effect")]
        if key in seen:
            yield Refused(f"{path}.tolerations[{index}]", "is the same as another")
        seen.append(key)


judges(
    "scheduling.v1.PriorityClass",
    "description globalDefault metadata preemptionPolicy:Never|PreemptLowerPriority value",
)

_HIGHEST, _SYSTEM = 10**9, "system-"


@rule("scheduling.v1.PriorityClass")
def _priority(given: Mapping[str, Any], path: str) -> Iterator[Finding]:
    name = str((given.get("metadata") or {}).get("name") or "")
    if name.startswith(_SYSTEM):
        yield Unjudged("metadata.name")  # two are Kubernetes' own
    elif (given.get("value") or 0) > _HIGHEST:
        yield Refused("value", f"must be at most {_HIGHEST}, got {given['value']}")
    if given.get("globalDefault"):
        yield Unjudged("globalDefault")  # one class of a cluster is it
