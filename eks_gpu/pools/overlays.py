"""NodeOverlays of Karpenter: resources and prices of instance types with which it counts in place of AWS's.

Source: Karpenter 1.15, package nodeoverlay and its CRD; the AWS provider's labels.go and CreateFleet input.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, NamedTuple

from eks_gpu.karpenter.objects import part
from eks_gpu.pods.pod import Expression
from eks_gpu.pods.quantities import CPU, EPHEMERAL_STORAGE, MEMORY, PODS, quantity, whole_units, written
from eks_gpu_components.catalog import (
    CAPACITY_TYPE_LABEL,
    KARPENTER_GROUP,
    NEURON_CORE_RESOURCE,
    NEURON_RESOURCE,
    NODE_POOL_LABEL,
    OLD_LABELS,
    REGION_LABEL,
    ZONE_ID_LABEL,
    ZONE_LABEL,
    CapacityType,
    InstanceType,
    instance_types,
    is_unjudged_label,
    labels_of_type,
    requirement_holds,
)
from eks_gpu_components.catalog.instance_types import RESOURCES
from eks_gpu_components.catalog.scheduling import BRANCH_INTERFACE_RESOURCE, EFA_RESOURCE

FIXED_RESOURCES = frozenset(
    {CPU, MEMORY, EPHEMERAL_STORAGE, PODS, NEURON_RESOURCE, NEURON_CORE_RESOURCE, RESOURCES["habana"], EFA_RESOURCE}
    | {BRANCH_INTERFACE_RESOURCE}
)
"""Resources that no overlay changes: Karpenter passes over the whole of one that names them. GPUs are not among them.
"""
_MOST_WEIGHT = 10_000
_GATE = "NodeOverlay"


class Offering(NamedTuple):
    """A way to buy an instance type."""

    type: str
    capacity_type: str
    zone: str
    """Empty if the zones are not known; a requirement on zones may hold then."""


class Given(NamedTuple):
    """An amount of a resource, and the overlay that gives it."""

    amount: Fraction
    by: str


@dataclass(frozen=True)
class Overlay:
    """One NodeOverlay."""

    name: str
    requirements: tuple[Expression, ...] = ()
    capacity: Mapping[str, Fraction] = field(default_factory=dict)
    """Resource to what each node offers in place of its own, in cores, bytes and ones."""
    price: str = ""
    """The price of an hour, or with a sign what is added to it, such as `0.5`, `+0.1` or `-15%`; empty for none."""
    weight: int = 0

    @property
    def is_refused(self) -> bool:
        """Whether Karpenter passes over the whole overlay."""
        return not FIXED_RESOURCES.isdisjoint(self.capacity) or not 0 <= self.weight <= _MOST_WEIGHT

    def selects(self, offering: Offering, labels: Mapping[str, str]) -> bool:
        """Whether it is for nodes with these labels that are bought so; a label whose values nobody knows may fit."""
        return all(
            requirement_holds(each.operator, each.values, labels.get(OLD_LABELS.get(each.key, each.key)))
            for each in self.requirements
            if not is_unjudged_label(each.key)
            and not (OLD_LABELS.get(each.key, each.key) in (ZONE_LABEL, ZONE_ID_LABEL) and not offering.zone)
        )

    def clashes(self, other: "Overlay") -> bool:
        """Whether both say something of one resource or of prices with the same weight."""
        both = bool(self.price and other.price) or not self.capacity.keys().isdisjoint(other.capacity)
        return both and self.weight == other.weight


@dataclass(frozen=True)
class Nodes:
    """Nodes of a node pool, as far as overlays look at them: the requirements of the pool do not count."""

    pool: str
    region: str
    labels: Mapping[str, str] = field(default_factory=dict)
    """Labels of the pool's template."""
    zones: Mapping[str, str] = field(default_factory=dict)
    """Name to id of the zones in which the node class has subnets; empty if they are not known."""
    capacity_types: tuple[str, ...] = (CapacityType.SPOT, CapacityType.ON_DEMAND)

    def offerings(self, row: InstanceType) -> Iterator[tuple[Offering, Mapping[str, str]]]:
        """Every way to buy the type, with the labels of its nodes."""
        own = {**labels_of_type(row, KARPENTER_GROUP), NODE_POOL_LABEL: self.pool, REGION_LABEL: self.region}
        for capacity_type in self.capacity_types:
            if capacity_type == CapacityType.SPOT and not row.spot:
                continue
            for zone, zone_id in (self.zones or {"": ""}).items():
                places = {ZONE_LABEL: zone, **({ZONE_ID_LABEL: zone_id} if zone_id else {})} if zone else {}
                bought = {CAPACITY_TYPE_LABEL: capacity_type, **places}
                yield Offering(row.name, capacity_type, zone), {**self.labels, **own, **bought}


@dataclass(frozen=True)
class Overlaid:
    """What overlays make of a pool's nodes."""

    capacity: Mapping[str, Mapping[str, Given]] = field(default_factory=dict)
    """Instance type -> resource -> what its nodes offer. One offering that an overlay selects is enough."""
    prices: Mapping[Offering, str] = field(default_factory=dict)
    """Offering -> `Overlay.price`."""
    elsewhere: Mapping[str, str] = field(default_factory=dict)
    """Resource that no overlay gives the pool's nodes -> why one that names it does not, as a clause."""
    passed_over: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """Overlay that Karpenter passes over -> why, as a clause, and what to do."""
    gate: bool | None = None
    """Whether Karpenter looks at overlays; None if the stack does not say."""

    @property
    def applied(self) -> "Overlaid":
        """What Karpenter counts with: nothing unless the gate is known to be on."""
        return self if self.gate else Overlaid(gate=self.gate)

    def least(self, name: str, hourly: float) -> float:
        """Least price of a type on demand in any zone, from AWS's; its own if no overlay changes that one."""
        prices = [
            adjusted(hourly, price)
            for offering, price in self.prices.items()
            if (offering.type, offering.capacity_type) == (name, CapacityType.ON_DEMAND)
        ]
        return min(prices, default=hourly)

    def amounts(self) -> dict[str, dict[str, Fraction]]:
        """Instance type -> resource -> amount."""
        return {
            name: {resource: found.amount for resource, found in given.items()} for name, given in self.capacity.items()
        }

    def why_not(self, resource: str, wanted: int) -> str:
        """Why an overlay gives no node of the pool what a pod wants, as a clause; empty if none names it."""
        if self.gate:
            return self.elsewhere.get(resource, "")
        given = (of_type[resource].amount for of_type in self.capacity.values() if resource in of_type)
        if not any(amount >= wanted for amount in given):
            return ""
        return f"a NodeOverlay would give it, and {self._off}"

    def uncounted(self, resource: str) -> str:
        """What an overlay says of the pool's nodes and Karpenter does not count, as a clause; empty for nothing."""
        if self.gate:
            return ""
        given = ((name, of_type[resource]) for name, of_type in self.capacity.items() if resource in of_type)
        name, found = next(given, ("", None))
        if found is None:
            return ""
        amount = written(resource, whole_units(resource, found.amount))
        return f"NodeOverlay {found.by} says that a {name} has {amount} {resource}, and {self._off}"

    @property
    def _off(self) -> str:
        return f"the gate {_GATE} is off" if self.gate is False else f"nothing says that the gate {_GATE} is on"


def read_overlay(name: str, spec: Mapping[str, Any]) -> Overlay | None:
    """A NodeOverlay from its `spec`; None for one that the API server refuses."""
    try:
        capacity = {str(resource): quantity(value) for resource, value in part(spec, "capacity").items()}
        weight = int(spec.get("weight") or 0)
        price = _price(spec)
    except (TypeError, ValueError):
        return None
    requirements = (
        Expression(str(item.get("key")), str(item.get("operator")), tuple(map(str, item.get("values") or ())))
        for item in spec.get("requirements") or ()
        if isinstance(item, Mapping)
    )
    return Overlay(name, tuple(requirements), capacity, price, weight)


def _price(spec: Mapping[str, Any]) -> str:
    """Raises ValueError for a text that is no price, and for a price beside an adjustment."""
    stated = [str(value) for key in ("price", "priceAdjustment") if (value := spec.get(key)) is not None]
    if len(stated) > 1:
        raise ValueError(stated)
    for text in stated:
        adjusted(1.0, text)
    return stated[0] if stated else ""


def adjusted(hourly: float, price: str) -> float:
    """The price with which Karpenter compares types, from AWS's: what an `Overlay.price` makes of it, not below 0.

    AWS bills its own price. Raises ValueError for a text that is no price.
    """
    if not price.startswith(("+", "-")):
        return float(price)
    if price.endswith("%"):
        return max(0.0, hourly * (1 + float(price[:-1]) / 100))
    return max(0.0, hourly + float(price))


def overlaid(
    overlays: Iterable[Overlay],
    nodes: Nodes,
    rows: Sequence[InstanceType],
    gate: bool | None = None,
    beside: Sequence[Nodes] = (),
) -> Overlaid:
    """What the overlays of a cluster make of the types of one of its pools.

    The heaviest overlay comes first, and among equal ones that whose name sorts last. Each lighter one adds what no
    heavier one says, and is passed over as a whole if it contradicts another one of its weight on some type, in this
    pool or in those `beside` it.
    """
    stated = list(overlays)
    kept, passed_over = _kept(stated, (nodes, *beside))
    capacity: dict[str, dict[str, Given]] = {}
    prices: dict[Offering, str] = {}
    for row in rows:
        offerings = list(nodes.offerings(row))
        for overlay in kept:
            selected = [offering for offering, labels in offerings if overlay.selects(offering, labels)]
            if not selected:
                continue
            for resource, amount in overlay.capacity.items():
                capacity.setdefault(row.name, {}).setdefault(resource, Given(amount, overlay.name))
            for offering in selected if overlay.price else ():
                prices.setdefault(offering, overlay.price)
    given = {resource for of_type in capacity.values() for resource in of_type}
    elsewhere = {
        resource: f"NodeOverlay {each.name} gives it to other nodes"
        if each in kept
        else f"Karpenter passes over NodeOverlay {each.name}, which gives it"
        for each in stated
        for resource in each.capacity
        if resource not in given
    }
    return Overlaid(capacity, prices, elsewhere, passed_over, gate)


def _kept(overlays: Iterable[Overlay], pools: Sequence[Nodes]) -> tuple[list[Overlay], dict[str, tuple[str, str]]]:
    """Those that Karpenter does not pass over, the first to count first; and why it passes over the others."""
    by_name = sorted(overlays, key=lambda each: each.name, reverse=True)
    kept: list[Overlay] = []
    passed_over: dict[str, tuple[str, str]] = {}
    for overlay in sorted(by_name, key=lambda each: -each.weight):
        fixed = sorted(FIXED_RESOURCES & overlay.capacity.keys())
        rival = next((each for each in kept if each.clashes(overlay) and _meet(overlay, each, pools)), None)
        if fixed:
            passed_over[overlay.name] = (
                f"no NodeOverlay changes {' or '.join(fixed)}",
                "leave it out of spec.capacity",
            )
        elif overlay.is_refused:
            passed_over[overlay.name] = (f"its weight is {overlay.weight}", f"take one from 0 to {_MOST_WEIGHT}")
        elif rival:
            said = f"NodeOverlay {rival.name} has its weight and says the same of the same nodes"
            passed_over[overlay.name] = (said, "give one of the two another weight, or other nodes")
        else:
            kept.append(overlay)
    return kept, passed_over


def _meet(one: Overlay, other: Overlay, pools: Sequence[Nodes]) -> bool:
    """Whether both are for one type of some pool, whether or not the pool's requirements allow the type."""
    by_offering = one.capacity.keys().isdisjoint(other.capacity)  # prices alone
    for nodes in pools:
        for row in instance_types():
            mine, others = (
                {offering for offering, labels in nodes.offerings(row) if each.selects(offering, labels)}
                for each in (one, other)
            )
            if mine & others if by_offering else mine and others:
                return True
    return False
