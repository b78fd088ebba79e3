"""Capacity reservations and Capacity Blocks that pools start nodes in: what is known of them, and if they are open.

The stack's own reservations are known by their resources; of others a node class or a launch template carries what its
program says. What nobody says is unknown. Source: EC2 API, CapacityReservation; Karpenter 1.15, EC2NodeClass v1.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from eks_gpu.graph.graph import Graph, Resource
from eks_gpu.graph.unknown import listening
from eks_gpu_components.catalog.tags import RESERVATION_TAG, RESERVATIONS_ANNOTATION

ON_DEMAND, BLOCK = (
    "aws:ec2/capacityReservation:CapacityReservation",
    "aws:ec2/capacityBlockReservation:CapacityBlockReservation",
)

ONLY_RESERVED, CAPACITY_BLOCK = "capacity-reservations-only", "capacity-block"
"""Preference and market type of instances in a launch template. Source: EC2 API."""
RESERVATION_ID = "cr-"
"""Beginning of the id of every reservation. Source: EC2 API."""


@dataclass(frozen=True, slots=True)
class Reservation:
    """Reserved capacity; None and empty where it is not known."""

    named: str
    """Its id, or `with team=ml` for what tags select."""
    block: bool | None = None
    """Whether it is a Capacity Block."""
    instance_type: str = ""
    instances: int | None = None
    zone: str = ""
    start: datetime | None = None
    end: datetime | None = None
    upfront_usd: float | None = None
    region: str = ""
    tags: Mapping[str, str] = field(default_factory=dict, hash=False)
    closed: str = ""
    """Why it holds nothing on the plan's day: `ended on 2026-11-01` or `begins on 2026-12-24`; empty if it is open."""
    over: bool = False
    """Whether it has ended by then."""

    def __str__(self) -> str:
        return f"{'Capacity Block' if self.block else 'reservation'} {self.named}"

    @property
    def hours(self) -> float | None:
        """Hours from start to end; None where one of them is not known."""
        return (self.end - self.start).total_seconds() / 3600 if self.start and self.end else None

    def holds(self, instance_type: str, zone: str) -> bool:
        """Whether it may have an instance of the type in the zone; an empty zone is any."""
        of_type = not self.instance_type or self.instance_type == instance_type
        return of_type and (not zone or not self.zone or self.zone == zone)

    def as_of(self, on: date) -> "Reservation":
        """The same on a day: open if it is open for a part of the day."""
        begins, ends = datetime.combine(on, time(), UTC), datetime.combine(on + timedelta(days=1), time(), UTC)
        if self.end and self.end <= begins:
            return replace(self, closed=f"ended on {self.end:%Y-%m-%d}", over=True)
        return replace(
            self, over=False, closed=f"begins on {self.start:%Y-%m-%d}" if self.start and self.start >= ends else ""
        )

    def as_json(self) -> dict[str, Any]:
        """A row of the pool's `reservations`."""
        return {
            "name": self.named,
            "capacity_block": self.block,
            "instance_type": self.instance_type or None,
            "instances": self.instances,
            "zone": self.zone or None,
            "start": self.start and self.start.isoformat(),
            "end": self.end and self.end.isoformat(),
            "open": not self.closed,
        }


def ceiling(found: Sequence[Reservation]) -> int | None:
    """Instances of all that are open; None if one of them does not say its number."""
    counts = [each.instances for each in found if not each.closed]
    return None if None in counts else sum(count or 0 for count in counts)


def why_none(found: Iterable[Reservation]) -> str:
    """Why a pool that takes nothing else has no node, as a clause."""
    told = ", ".join(f"{each} {each.closed}" for each in found if each.closed)
    return f"{told}, and it takes no other capacity"


# --- from resources --------------------------------------------------------------------------------------------------


def of_stack(graph: Graph, region: str, on: date) -> list[Reservation]:
    """The reservations that the stack makes."""
    return [_of_resource(found, region).as_of(on) for found in graph.of(ON_DEMAND, BLOCK)]


def of_node_class(node_class: Resource | None, graph: Graph, region: str, on: date) -> tuple[Reservation, ...]:
    """Those that the terms of a node class select. An id that only an update will tell leaves the rest known."""
    if node_class is None:
        return ()
    with listening(alone=True):
        return tuple(dict.fromkeys(each.as_of(on) for each in _selected(node_class, graph, region, on)))


def _selected(node_class: Resource, graph: Graph, region: str, on: date) -> Iterator[Reservation]:
    terms = (node_class.inputs.get("spec") or {}).get("capacityReservationSelectorTerms") or ()
    annotations = (node_class.inputs.get("metadata") or {}).get("annotations") or {}
    said = _parsed(annotations.get(RESERVATIONS_ANNOTATION))
    facts = said if isinstance(said, list) and len(said) <= len(terms) else []
    made = of_stack(graph, region, on) if terms else []
    for place, term in enumerate(terms):
        yield from _of_term(term, facts[place] if place < len(facts) else {}, made, region)


def of_template(template: Resource | None, graph: Graph, region: str, on: date) -> tuple[Reservation, ...]:
    """That which a launch template targets, or what a resource group of them has."""
    specification = (template.inputs.get("capacityReservationSpecification") or {}) if template else {}
    target = specification.get("capacityReservationTarget") or {}
    named = target.get("capacityReservationId") or target.get("capacityReservationResourceGroupArn")
    only = target.get("capacityReservationId") or specification.get("capacityReservationPreference") == ONLY_RESERVED
    if template is None or not target or not only:  # a resource group that is full is followed by on demand
        return ()
    market = (template.inputs.get("instanceMarketOptions") or {}).get("marketType")
    facts = _parsed((template.inputs.get("tags") or {}).get(RESERVATION_TAG))
    blank = Reservation(str(named or "that is not known yet"), block=market == CAPACITY_BLOCK, region=region)
    made = next((each for each in of_stack(graph, region, on) if each.named == named), blank)
    return (_with(made, facts if isinstance(facts, Mapping) else {}).as_of(on),)


def _of_term(term: Mapping[str, Any], facts: Any, made: Sequence[Reservation], region: str) -> Iterator[Reservation]:
    """Karpenter looks for the id of a term, and for what is beside it too. Source: Karpenter 1.15, its queries."""
    facts = facts if isinstance(facts, Mapping) else {}
    tags: Mapping[str, Any] = term.get("tags") or {}
    criteria = str(term.get("instanceMatchCriteria") or "")
    if term.get("id") or not (tags or criteria):
        named = str(term.get("id") or "that is not known yet")
        own = next((each for each in made if each.named == named), Reservation(named, region=region))
        yield _with(own, facts)
    if not (tags or criteria):
        return
    selected = [each for each in made if tags and _has(each.tags, tags)]
    if selected and len(facts) <= 1:  # the kind alone
        yield from selected
        return
    told = [f"{key}={value}" for key, value in tags.items()]
    told += [f"instance match criteria {criteria}"] if criteria else []
    yield _with(Reservation(f"with {', '.join(told)}", region=region), facts)


def _has(tags: Mapping[str, str], wanted: Mapping[str, Any]) -> bool:
    return all(key in tags and value in ("*", tags[key]) for key, value in wanted.items())


def _of_resource(found: Resource, region: str) -> Reservation:
    count = found["instanceCount"]
    return Reservation(
        str(found.id or found.name),
        block=found.type == BLOCK,
        instance_type=str(found["instanceType"] or ""),
        instances=int(count) if isinstance(count, int | float | str) and str(count).isdigit() else None,
        zone=str(found["availabilityZone"] or ""),
        start=_moment(found["startDate"]),
        end=_moment(found["endDate"]),
        region=region,
        tags=dict(found.inputs.get("tags") or {}),
    )


def _with(reservation: Reservation, facts: Mapping[str, Any]) -> Reservation:
    """What a person says counts where the stack's own resource says nothing."""
    count, usd = facts.get("instances"), facts.get("upfront_usd")
    said = {CAPACITY_BLOCK: True, "on-demand": False}.get(str(facts.get("kind")))
    return replace(
        reservation,
        block=reservation.block or said if said is not None else reservation.block,
        instance_type=reservation.instance_type or str(facts.get("instance_type") or ""),
        instances=reservation.instances or (count if isinstance(count, int) else None),
        zone=reservation.zone or str(facts.get("zone") or ""),
        start=reservation.start or _moment(facts.get("start")),
        end=reservation.end or _moment(facts.get("end")),
        upfront_usd=float(usd) if isinstance(usd, int | float) else None,
    )


def _parsed(text: Any) -> Any:
    try:
        return json.loads(text) if isinstance(text, str) else None
    except ValueError:
        return None


def _moment(text: Any) -> datetime | None:
    try:
        moment = datetime.fromisoformat(str(text or ""))
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
