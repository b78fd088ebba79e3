"""Rules of what containers ask for: names, amounts, requests against limits."""

from collections.abc import Iterable, Iterator, Mapping
from math import ceil
from typing import Any

from eks_gpu.api import names
from eks_gpu.api.rules.registry import judges, rule
from eks_gpu.api.said import Finding, Refused, Unjudged
from eks_gpu.pods.quantities import HUGE_PAGES, quantity
from eks_gpu_components.catalog.label_rules import KUBERNETES_DOMAINS
from eks_gpu_components.catalog.nearest import hint

judges("core.v1.ResourceRequirements", "claims limits requests")
judges("core.v1.ResourceClaim", "name~dns_label request~dns_label", "name")
_CORE_RESOURCES = ("cpu", "memory", "ephemeral-storage")


def is_extended(name: str) -> bool:
    """Whether a device or another resource of nodes is meant that is not Kubernetes' own."""
    return "/" in name and f"{KUBERNETES_DOMAINS[0]}/" not in name and not name.startswith("requests.")


def is_whole(name: str) -> bool:
    """Whether a pod must ask for the same in requests and limits."""
    return is_extended(name) or name.startswith(HUGE_PAGES)


@rule("core.v1.ResourceRequirements")
def _resources(given: Mapping[str, Any], path: str) -> Iterator[Finding]:
    limits, requests = given.get("limits") or {}, given.get("requests") or {}
    for kind, amounts in (("limits", limits), ("requests", requests)):
        for name, value in amounts.items():
            yield from is_amount(name, value, f"{path}.{kind}.{name}")
    yield from _against_limits(limits, requests, path)
    for kind, amounts in (("limits", limits), ("requests", requests)):
        yield from lonely_pages(amounts, {*limits, *requests}, f"{path}.{kind}")


def lonely_pages(amounts: Iterable[str], beside: Iterable[str], path: str) -> Iterator[Finding]:
    """Huge pages come beside cpu or memory."""
    pages = [name for name in amounts if name.startswith(HUGE_PAGES)]
    if pages and not {"cpu", "memory"} & {*beside}:
        yield Refused(f"{path}.{pages[0]}", "needs cpu or memory beside it")


def is_resource(name: str, path: str) -> Iterator[Finding]:
    """A resource that a container may ask for."""
    if (why := names.key(name)) and not name.startswith(HUGE_PAGES):
        yield Refused(path, f"is no name of a resource: it {why}")
    elif "/" not in name and name not in _CORE_RESOURCES and not name.startswith(HUGE_PAGES):
        yield Refused(path, f"is no resource of a container{hint(name, _CORE_RESOURCES)}")
    elif "/" in name and not is_extended(name):
        yield Unjudged(path)


def is_amount(name: str, value: Any, path: str) -> Iterator[Finding]:
    """A resource that a container may ask for, and how much of it."""
    yield from is_resource(name, path)
    found = quantity(value)
    if found < 0:
        yield Refused(path, f"must be at least 0, got {value}")
    elif is_extended(name) and ceil(found * 1000) % 1000:
        yield Refused(path, f"must be a whole number, because nobody gets a part of a device, got {value}")
    elif name.startswith(HUGE_PAGES):
        try:
            size = quantity(name.removeprefix(HUGE_PAGES))
        except ValueError:
            yield Refused(path, "must have the size of its pages behind hugepages-, as hugepages-2Mi")
            return
        if size <= 0 or found % size:
            yield Refused(path, f"must be a multiple of its pages' size, got {value}")


def _against_limits(limits: Mapping[str, Any], requests: Mapping[str, Any], path: str) -> Iterator[Finding]:
    for name, value in requests.items():
        at, limit = f"{path}.requests.{name}", limits.get(name)
        if limit is None:
            if is_whole(name):
                yield Refused(f"{path}.limits.{name}", f"is required beside the request of {value}: write {value}")
        elif is_whole(name) and quantity(value) != quantity(limit):
            yield Refused(at, f"must be the limit, {limit}, got {value}")
        elif quantity(value) > quantity(limit):
            yield Refused(at, f"must be at most the limit, {limit}, got {value}")
