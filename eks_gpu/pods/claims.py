"""Claims: the devices that a pod gets by DRA, from its claims, their templates and the classes that these name."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from eks_gpu.pods.made_pods import Find
from eks_gpu_components.catalog import DRA_DRIVER, GPU_DEVICE_CLASS, MIG_DEVICE_CLASS, SHARES

DEVICES = "gpu.nvidia.com/devices"
"""What whole GPUs by claim count as among a pod's requests; of a GPU that claims share, each share counts."""
_KNOWN_CLASSES = {
    GPU_DEVICE_CLASS: ("device.driver == 'gpu.nvidia.com' && device.attributes['gpu.nvidia.com'].type == 'gpu'",),
    MIG_DEVICE_CLASS: ("device.driver == 'gpu.nvidia.com' && device.attributes['gpu.nvidia.com'].type == 'mig'",),
}
"""Selectors of the classes that the driver's chart makes. Source: its chart 0.5.0, deviceclass-gpu.yaml."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Devices of one kind that a request takes, or one of the kinds that are each enough."""

    device_class: str
    selectors: tuple[str, ...]
    """Conditions in CEL, those of the class first: a device meets all of them."""
    count: int = 1
    every: bool = False
    """Whether it takes all devices that meet the conditions."""
    shares: int = 0
    """Shares of a GPU that it takes of each, 0 where it does not say."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request of a claim: the first of these that there is."""

    name: str
    any_of: tuple[Wanted, ...]


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim of a pod."""

    name: str
    """Its name in the pod."""
    requests: tuple[Request, ...] = ()
    alike: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """Attributes that are the same for all devices of these requests; without requests of all."""
    shared: bool = False
    """Whether other pods may have the same claim, and so the same devices."""
    unknown: str = ""
    """Why nobody knows what it claims."""
    lacks: str = ""
    """Name of a DeviceClass that it asks for and nothing here makes; empty if there is none."""


def claims(spec: Mapping[str, Any], namespace: str, find: Find | None) -> tuple[Claim, ...]:
    """The claims of a pod's `spec`. `find` finds what they name."""
    return tuple(_claim(each, namespace, find) for each in maps(spec, "resourceClaims"))


def devices(found: tuple[Claim, ...]) -> int:
    """What a pod takes of `DEVICES`, at least."""
    return sum(
        min(wanted.count * (wanted.shares or 1) for wanted in request.any_of)
        for claim in found
        if not claim.shared
        for request in claim.requests
        if request.any_of and all(wanted.device_class != MIG_DEVICE_CLASS for wanted in request.any_of)
    )


def _claim(given: Mapping[str, Any], namespace: str, find: Find | None) -> Claim:
    name = str(given.get("name") or "")
    template = given.get("resourceClaimTemplateName")
    kind = "ResourceClaimTemplate" if template else "ResourceClaim"
    wanted = str(template or given.get("resourceClaimName") or "")
    found = find(kind, namespace, wanted) if find else None
    if found is None:
        return Claim(name, shared=not template, unknown=f"nothing here makes {kind} {namespace}/{wanted}")
    spec = _part(_part(found, "spec"), "spec") if template else _part(found, "spec")
    asked, unknown, lacks = [], "", ""
    for request in maps(_part(spec, "devices"), "requests"):
        try:
            asked.append(Request(str(request.get("name") or ""), tuple(_any_of(request, find))))
        except LookupError as error:
            unknown = str(error.args[0])
            lacks = error.name if isinstance(error, _NoClass) else lacks
    constraints = maps(_part(spec, "devices"), "constraints")
    alike = tuple(
        (str(each["matchAttribute"]), tuple(map(str, _list(each, "requests"))))
        for each in constraints
        if each.get("matchAttribute")
    )
    return Claim(name, tuple(asked), alike, shared=not template, unknown=unknown, lacks=lacks)


class _NoClass(LookupError):
    """A device class that nothing makes."""

    def __init__(self, name: str):
        super().__init__(f"nothing here makes DeviceClass {name}")
        self.name = name


def _any_of(request: Mapping[str, Any], find: Find | None) -> Iterator[Wanted]:
    """In any version of resource.k8s.io. Raises LookupError with a clause for a class that nobody knows."""
    exactly = _part(request, "exactly")
    one = [exactly] if exactly else [request] if request.get("deviceClassName") else []
    for each in (*one, *maps(request, "firstAvailable")):
        if each.get("adminAccess"):  # it sees devices and takes none
            continue
        device_class = str(each.get("deviceClassName") or "")
        capacity = _part(_part(each, "capacity"), "requests").get(SHARES)
        yield Wanted(
            device_class,
            (*_of_class(device_class, find), *_selectors(each)),
            count if isinstance(count := each.get("count"), int) and count > 0 else 1,
            each.get("allocationMode") == "All",
            int(str(capacity)) if str(capacity).isdigit() else 0,
        )


def _of_class(name: str, find: Find | None) -> tuple[str, ...]:
    found = find("DeviceClass", "", name) if find else None
    if found is not None:
        selectors = tuple(_selectors(_part(found, "spec")))
        if not any(DRA_DRIVER in each for each in selectors):
            raise LookupError(f"DeviceClass {name} is of a driver whose devices nobody here knows")
        return selectors
    if name not in _KNOWN_CLASSES:
        raise _NoClass(name)
    return _KNOWN_CLASSES[name]


def _selectors(holder: Mapping[str, Any]) -> Iterator[str]:
    for each in maps(holder, "selectors"):
        yield str(_part(each, "cel").get("expression") or "")


def _list(holder: Mapping[str, Any], key: str) -> list[Any]:
    found = holder.get(key)
    return list(found) if isinstance(found, list | tuple) else []


def maps(holder: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    """The maps of a list, none where there is no list."""
    return [each for each in _list(holder, key) if isinstance(each, Mapping)]


def _part(holder: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = holder.get(key)
    return found if isinstance(found, Mapping) else {}
