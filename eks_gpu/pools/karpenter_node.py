"""The node that Karpenter plans with: what it has, by instance type, node class and the controller's settings.

Source: Karpenter 1.15, package instancetype. `tests/e2e/test_karpenters_nodes.py` compares every type of the catalog
with what that package itself answers.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cached_property
from math import ceil, floor
from typing import Any

from eks_gpu.karpenter.objects import part
from eks_gpu.pods.quantities import CPU, EPHEMERAL_STORAGE, GIB, HUGE_PAGES, MEMORY, MIB, PODS, quantity
from eks_gpu_components.catalog import GPU_RESOURCE, NEURON_CORE_RESOURCE, NEURON_RESOURCE, InstanceType
from eks_gpu_components.catalog.image_families import (
    DEFAULT_VOLUME_GIB,
    FAMILIES_WITHOUT_A1,
    IMAGE_FAMILIES,
    ImageFamily,
    image_family,
)
from eks_gpu_components.catalog.instance_types import RESOURCES, max_pods
from eks_gpu_components.catalog.kubelet import (
    EVICTION_MIB,
    VM_MEMORY_OVERHEAD,
    reserved_mib,
    reserved_millicores,
    usable_mib,
)
from eks_gpu_components.catalog.scheduling import BRANCH_INTERFACE_RESOURCE, EFA_RESOURCE

DEVICES = (GPU_RESOURCE, RESOURCES["amd"], NEURON_RESOURCE, NEURON_CORE_RESOURCE, RESOURCES["habana"])
"""Devices that Karpenter counts by instance type."""
KNOWN_RESOURCES = frozenset({CPU, MEMORY, EPHEMERAL_STORAGE, PODS, *DEVICES, EFA_RESOURCE, BRANCH_INTERFACE_RESOURCE})
"""Everything that Karpenter knows a node to have; of any other resource a node has none until it is there."""
_UNITS = {CPU: Fraction(1), MEMORY: Fraction(MIB), EPHEMERAL_STORAGE: Fraction(MIB)}
_EVICTED_BELOW = {"memory.available": MEMORY, "nodefs.available": EPHEMERAL_STORAGE}
_FREE_STORAGE_PERCENT = 10
_KEPT_STORAGE = GIB
_EFA_ONLY = "efa-only"


@dataclass(frozen=True, slots=True)
class Volume:
    """One entry of `blockDeviceMappings`."""

    device: str
    size: int | None
    """Bytes; None where it is not told."""
    root: bool = False


@dataclass(frozen=True)
class Kubelet:
    """`spec.kubelet` of an EC2NodeClass, as far as it decides what pods get; quantities as written."""

    max_pods: int | None = None
    pods_per_core: int = 0
    kube_reserved: Mapping[str, str] = field(default_factory=dict)
    system_reserved: Mapping[str, str] = field(default_factory=dict)
    eviction_hard: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Controller:
    """Settings of Karpenter itself that change what it takes a node for."""

    memory_overhead: float = VM_MEMORY_OVERHEAD
    """`settings.vmMemoryOverheadPercent`: the share of the listed memory that it leaves to the hypervisor."""
    reserved_interfaces: int = 0
    """`settings.reservedENIs`: interfaces whose addresses no pod gets."""
    node_overlays: bool | None = None
    """Whether the gate NodeOverlay is on; None if nothing says."""
    static_capacity: bool | None = None
    """Whether the gate StaticCapacity is on; None if nothing says."""
    reserved_capacity: bool | None = None
    """Whether the gate ReservedCapacity is on, as it is by default; None if nothing says."""
    no_claims: str = ""
    """Why it starts no node for a claim of NVIDIA GPUs, as a clause; empty if it does, or if nothing says."""


@dataclass(frozen=True)
class KarpenterNode:
    """A new node of a node class, whatever its instance type."""

    family: ImageFamily = IMAGE_FAMILIES["al2023"]
    volumes: tuple[Volume, ...] = ()
    raid0: bool = False
    """Whether all disks of the instance's own are one, which pods fill."""
    kubelet: Kubelet = Kubelet()
    efa_only: int | None = None
    """EFA interfaces that the node class asks for; None if it names no interfaces, and pods decide."""
    efa_only_of_first_card: int = 0
    """Those of them that are on the network card that pods' addresses come from."""
    controller: Controller = Controller()
    unknown: frozenset[str] = frozenset()
    """Resources of which nobody says how many such a node has."""
    overlaid: Mapping[str, Mapping[str, Fraction]] = field(default_factory=dict)
    """Instance type -> resource -> the amount that NodeOverlays give it in place of its own."""

    def starts(self, row: InstanceType) -> bool:
        """Whether the image runs on the type."""
        return not (self.family.name in FAMILIES_WITHOUT_A1 and row.family == "a1")

    def exact_capacity(self, row: InstanceType) -> dict[str, Fraction]:
        """What the node has: CPU in millicores, memory and storage in bytes, everything else in ones."""
        own = {name: Fraction(amount) for name, amount in self._all(row).items() if name not in self.unknown}
        return own | dict(self.overlaid.get(row.name, {}))

    def _all(self, row: InstanceType) -> dict[str, int]:
        return {
            CPU: row.vcpus * 1000,
            MEMORY: usable_mib(row, self.controller.memory_overhead) * MIB,
            EPHEMERAL_STORAGE: self.storage(row),
            PODS: self.pods(row),
            **dict.fromkeys(DEVICES, 0),
            **{name: count for name, count in _devices(row).items() if name in DEVICES},
            EFA_RESOURCE: row.efa_interfaces if self.efa_only is None else self.efa_only,
            BRANCH_INTERFACE_RESOURCE: row.branch_interfaces,
        }

    def exact_allocatable(self, row: InstanceType) -> dict[str, Fraction]:
        """What pods get of it, in the units of `exact_capacity`. It may be less than nothing."""
        capacity = self.exact_capacity(row)
        pages = sum(amount for name, amount in capacity.items() if name.startswith(HUGE_PAGES))
        kept = (
            self._kube_reserved(row),
            _amounts(self.kubelet.system_reserved),
            self._evicted_below(row),
            {MEMORY: pages},
        )
        return {name: amount - sum(each.get(name, 0) for each in kept) for name, amount in capacity.items()}

    def capacity(self, row: InstanceType) -> Mapping[str, int]:
        """The same as `exact_capacity` in the planner's units, MiB for memory and storage, rounded down."""
        if row.name not in self._capacities:
            self._capacities[row.name] = _in_units(self.exact_capacity(row))
        return self._capacities[row.name]

    def allocatable(self, row: InstanceType) -> Mapping[str, int]:
        """The same as `exact_allocatable` in the planner's units, rounded down, and nothing less than 0."""
        if row.name not in self._allocatables:
            amounts = _in_units(self.exact_allocatable(row))
            self._allocatables[row.name] = {name: max(0, amount) for name, amount in amounts.items()}
        return self._allocatables[row.name]

    @cached_property
    def _capacities(self) -> dict[str, Mapping[str, int]]:
        return {}

    @cached_property
    def _allocatables(self) -> dict[str, Mapping[str, int]]:
        return {}

    def pods(self, row: InstanceType) -> int:
        """Pods that the node may have."""
        stated, most_by_core = self.kubelet.max_pods, self.kubelet.pods_per_core
        count = self._addressed(row, self.controller.reserved_interfaces) if stated is None else stated
        return min(count, most_by_core * row.vcpus) if most_by_core and self.family.counts_by_core else count

    def is_bound_by_cores(self, row: InstanceType) -> bool:
        """Whether `podsPerCore` is what allows no more pods."""
        return self.pods(row) < replace(self, kubelet=replace(self.kubelet, pods_per_core=0)).pods(row)

    def _addressed(self, row: InstanceType, reserved: int) -> int:
        """Pods that the node has addresses for; an EFA-only interface has none."""
        return max_pods(row.interfaces - reserved - self.efa_only_of_first_card, row.addresses)

    def storage(self, row: InstanceType) -> int:
        """Bytes of the file system that pods and images fill."""
        if self.raid0 and row.instance_store_gb:
            return row.instance_store_gb * 10**9
        return self.volume_size

    @property
    def has_root(self) -> bool:
        """Whether the class says which volume is the root."""
        return any(volume.root for volume in self.volumes)

    @property
    def images_device(self) -> str:
        """Device of the volume that pods fill; empty if it is not known."""
        if root := next((volume.device for volume in self.volumes if volume.root), ""):
            return root
        return self.family.pods_device or (self.volumes[-1].device if self.volumes else "")

    @property
    def volume_size(self) -> int:
        """Bytes of the volume that pods fill where they do not fill the instance's own disks."""
        if root := next((volume.size for volume in self.volumes if volume.root), None):
            return root
        if self.family.pods_device is None:
            return (self.volumes[-1].size if self.volumes else None) or DEFAULT_VOLUME_GIB * GIB
        there = next((volume for volume in self.volumes if volume.device == self.family.pods_device), None)
        return (there.size if there else None) or self.family.volumes[self.family.pods_device] * GIB

    def _kube_reserved(self, row: InstanceType) -> Mapping[str, Fraction]:
        pods = self._addressed(row, 0) if self.family.reserves_for_all_addresses else self.pods(row)
        default = {
            CPU: Fraction(reserved_millicores(row.vcpus)),
            MEMORY: Fraction(reserved_mib(pods) * MIB),
            EPHEMERAL_STORAGE: Fraction(_KEPT_STORAGE),
        }
        return {**default, **_amounts(self.kubelet.kube_reserved)}

    def _evicted_below(self, row: InstanceType) -> Mapping[str, Fraction]:
        """What must stay free, or kubelet evicts pods at once. A soft threshold takes nothing from pods."""
        capacity = self._all(row)
        free = {
            MEMORY: Fraction(EVICTION_MIB * MIB),
            EPHEMERAL_STORAGE: _threshold(f"{_FREE_STORAGE_PERCENT}%", capacity[EPHEMERAL_STORAGE]),
        }
        for signal, resource in _EVICTED_BELOW.items():
            if (stated := self.kubelet.eviction_hard.get(signal)) is not None:
                free[resource] = _threshold(stated, capacity[resource])
        return free


def karpenter_node(spec: Mapping[str, Any], controller: Controller) -> KarpenterNode:
    """Of an EC2NodeClass."""
    interfaces = spec.get("networkInterfaces")
    efa_only = [one for one in interfaces or () if one.get("interfaceType") == _EFA_ONLY]
    return KarpenterNode(
        family=family_of(spec),
        volumes=tuple(_volumes(spec.get("blockDeviceMappings") or ())),
        raid0=spec.get("instanceStorePolicy") == "RAID0",
        kubelet=_kubelet(part(spec, "kubelet")),
        efa_only=None if interfaces is None else len(efa_only),
        efa_only_of_first_card=sum(not int(one.get("networkCardIndex") or 0) for one in efa_only),
        controller=controller,
    )


def family_of(spec: Mapping[str, Any]) -> ImageFamily:
    """The family that an EC2NodeClass names, else that of its alias."""
    aliases = (str(term.get("alias") or "").partition("@")[0] for term in spec.get("amiSelectorTerms") or ())
    return image_family(str(spec.get("amiFamily") or "") or next(filter(None, aliases), ""))


def auto_mode_node(disk_gib: int) -> KarpenterNode:
    """A node of Auto Mode, which runs Karpenter with images of its own."""
    family = IMAGE_FAMILIES["bottlerocket"]
    volumes = (Volume(str(family.pods_device), disk_gib * GIB),)
    return KarpenterNode(family, volumes, unknown=frozenset({BRANCH_INTERFACE_RESOURCE}))


def _volumes(mappings: Sequence[Mapping[str, Any]]) -> Iterator[Volume]:
    for mapping in mappings:
        size = part(mapping, "ebs").get("volumeSize")
        yield Volume(
            str(mapping.get("deviceName") or ""),
            None if size is None else _bytes(size),
            mapping.get("rootVolume") is True,
        )


def _bytes(size: Any) -> int | None:
    try:
        return ceil(quantity(size))
    except ValueError:  # the API server refuses it
        return None


def _kubelet(given: Mapping[str, Any]) -> Kubelet:
    """A text in place of maxPods is an expression, which Karpenter passes over unless a feature gate is open."""
    stated = given.get("maxPods")
    return Kubelet(
        max_pods=int(stated) if isinstance(stated, int | float) else None,
        pods_per_core=int(given.get("podsPerCore") or 0),
        kube_reserved=_texts(part(given, "kubeReserved")),
        system_reserved=_texts(part(given, "systemReserved")),
        eviction_hard=_texts(part(given, "evictionHard")),
    )


def _texts(given: Mapping[str, Any]) -> dict[str, str]:
    return {str(name): str(value) for name, value in given.items()}


def _devices(row: InstanceType) -> Mapping[str, int]:
    return row.accelerator.offered if row.accelerator else {}


def _amounts(written: Mapping[str, str]) -> dict[str, Fraction]:
    """Millicores, bytes and ones; an expression in place of a quantity is passed over, as by Karpenter."""
    found = {}
    for name, text in written.items():
        try:
            found[name] = quantity(text) * (1000 if name == CPU else 1)
        except ValueError:
            continue
    return found


def _threshold(text: str, capacity: int) -> Fraction:
    """A quantity, or a percentage of the capacity; 100% switches the threshold off."""
    try:
        if not text.endswith("%"):
            return quantity(text)
        percentage = float(text.strip("%"))
    except ValueError:  # the API server refuses it
        return Fraction(0)
    return Fraction(0 if percentage == 100 else ceil(float(capacity) / 100 * percentage))


def _in_units(amounts: Mapping[str, Fraction]) -> dict[str, int]:
    return {name: floor(amount / _UNITS.get(name, 1)) for name, amount in amounts.items()}
