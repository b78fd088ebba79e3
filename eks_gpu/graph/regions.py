"""Region of a resource: what it says itself, what its provider says, or that of the stack."""

from collections.abc import Callable
from typing import Any

from eks_gpu.graph.graph import Resource
from eks_gpu_components.catalog import regions


def region_of(resource: Resource, get: Callable[[str], Resource | None], default: str) -> str:
    """The region of a resource of AWS, by its argument, its provider, or the providers of its parents.

    `get` finds resources by URN; `default` is the stack's region.
    """
    here: Resource | None = resource
    own = resource.inputs.get("region") if resource.type.startswith("aws:") else None
    if _is_region(own):
        return str(own)
    while here:
        providers = here.options.get("providers") or {}
        for reference in (here.provider, providers.get("aws") or ""):
            if ":providers:aws::" in reference and (told := provider_region(reference, get)):
                return told
        here = get(here.parent)
    return default


def provider_region(reference: str, get: Callable[[str], Resource | None]) -> str:
    """The region of a provider, `urn::id`; empty if it says none that AWS has."""
    provider = get(reference.rpartition("::")[0])
    found = provider.inputs.get("region") if provider else None
    return str(found) if _is_region(found) else ""


def _is_region(value: Any) -> bool:
    return isinstance(value, str) and value in regions()
