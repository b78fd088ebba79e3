"""Why the requirements of a node pool leave nothing: the one among them, or the pair, without which a node is left."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations

from .auto_mode import starts
from .images import image_supports
from .instance_types import MAKERS, InstanceType, instance_types
from .labels import (
    CAPACITY_TYPE_LABEL,
    KARPENTER_GROUP,
    REGION_LABEL,
    ZONE_ID_LABEL,
    ZONE_LABEL,
    is_type_label,
    type_may_meet,
)
from .nearest import nearest
from .regions import UnknownRegion, zones, zones_offering
from .requirement_rules import FORM, requirement_faults
from .requirements import Required, requirement_holds
from .scheduling import CapacityType

_MOST_NAMED = 4


@dataclass(frozen=True)
class Wanted:
    """What a node must have beside the requirements."""

    words: str
    """After `no instance type`, such as `with nvidia.com/gpu`."""
    holds: Callable[[InstanceType], bool]
    why_not: Callable[[InstanceType], str]
    """What the type has instead, as a clause."""


@dataclass(frozen=True, slots=True)
class Emptied:
    """Requirements that leave nothing, and why."""

    culprits: tuple[Required, ...]
    says: str
    """A clause with the place of each culprit."""


@dataclass(frozen=True)
class Place:
    """Where nodes of a pool may start, and what runs the pool."""

    group: str = KARPENTER_GROUP
    """Prefix of the labels of types: Karpenter's, or Auto Mode's."""
    region: str = ""
    zones: tuple[str, ...] = ()
    """Zones of its subnets, empty where they are not known: then every zone of the region counts."""


def offering(resource: str) -> Wanted:
    """A node that offers the resource of an accelerator."""

    def holds(row: InstanceType) -> bool:
        return bool(row.accelerator and row.accelerator.offered.get(resource))

    return Wanted(f"with {resource}", holds, lambda row: _has_instead(row, resource))


def _has_instead(row: InstanceType, resource: str) -> str:
    device = row.accelerator
    if device is None:
        return f"{row.family} has no accelerator"
    if device.resource == resource:
        return f"{row.family} has {device.fraction:g} of a GPU, which no pod can request"
    return f"{row.family}'s {_device(row)} is {MAKERS[device.maker]}'s, so its nodes never offer {resource}"


def _device(row: InstanceType) -> str:
    return "accelerator" if row.accelerator and row.accelerator.maker in ("aws", "qualcomm", "habana") else "GPU"


def with_a_driver() -> Wanted:
    """A node whose accelerator an image of EKS has a driver for."""

    def holds(row: InstanceType) -> bool:
        return bool(row.accelerator) and image_supports(row) and row.accelerators > 0

    def why_not(row: InstanceType) -> str:
        if row.accelerator is None or row.accelerator.fraction < 1:
            return _has_instead(row, row.accelerator.resource if row.accelerator else "")
        return f"no image of EKS has a driver for {row.family}'s {row.accelerator.name}"

    return Wanted("with an accelerator that an image of EKS has a driver for", holds, why_not)


def why_empty(requirements: Sequence[Required], place: Place, wanted: Wanted | None = None) -> Emptied | None:
    """The requirements that leave no node, or none as it is wanted; None if some node is left.

    A requirement that nothing meets is named first, then the single one without which something is left, then a pair.
    """
    found = _Narrowing(requirements, place, wanted)
    if found.left(requirements):
        return None
    if dead := [each for each in found.judged if not found.left([each])]:
        return Emptied(tuple(dead), "; ".join(map(found.says_of_one, dead)))
    single = [each for each in found.judged if found.left([other for other in requirements if other is not each])]
    if len(single) == 1:
        return Emptied(tuple(single), found.says_of_one(single[0]))
    if single:
        return Emptied(tuple(single), found.says_of_several(single))
    for pair in combinations(found.judged, 2):
        if found.left([other for other in requirements if other not in pair]):
            return Emptied(pair, found.says_of_several(pair, every=True))
    return Emptied(tuple(found.judged), found.says_of_several(found.judged, every=True)) if found.judged else None


class _Narrowing:
    def __init__(self, requirements: Sequence[Required], place: Place, wanted: Wanted | None):
        self.place, self.wanted = place, wanted
        self.judged = [each for each in requirements if is_type_label(each.key) or each.key in _OF_PLACES]
        self._types = {row.name: row for row in instance_types() if place.group == KARPENTER_GROUP or starts(row)}
        self._zones = self._every_zone()

    def _every_zone(self) -> dict[str, dict[str, str]]:
        """Name of a zone -> its labels; empty where the catalog does not know the region."""
        try:
            known = zones(self.place.region)
        except UnknownRegion:
            return {}
        return {
            zone.name: {ZONE_LABEL: zone.name, ZONE_ID_LABEL: zone.id, REGION_LABEL: self.place.region}
            for zone in known
            if not self.place.zones or zone.name in self.place.zones
        }

    def _meets(self, required: Required) -> frozenset[str]:
        return _types_meeting(required.key, required.operator, required.values)

    def rows(self, requirements: Iterable[Required], *, as_wanted: bool = True) -> Iterator[InstanceType]:
        """Types that some zone and capacity type has a node of."""
        requirements = [*requirements]
        of_types = [self._meets(each) for each in requirements if is_type_label(each.key)]
        where = self._left_zones(requirements)
        kinds = _left_capacity_types(requirements)
        if where == [] or not kinds:
            return
        for name in sorted(frozenset(self._types).intersection(*of_types)):
            row = self._types[name]
            if as_wanted and self.wanted and not self.wanted.holds(row):
                continue
            if kinds == {CapacityType.SPOT} and not row.spot:
                continue
            if where is None or {zone.name for zone in zones_offering(name, self.place.region)} & {*where}:
                yield row

    def _left_zones(self, requirements: Iterable[Required]) -> list[str] | None:
        """None where nobody knows the zones."""
        if not self._zones:
            return None
        asked = [each for each in requirements if each.key in (ZONE_LABEL, ZONE_ID_LABEL, REGION_LABEL)]
        return [
            name
            for name, labels in self._zones.items()
            if all(requirement_holds(each.operator, each.values, labels[each.key]) for each in asked)
        ]

    def left(self, requirements: Iterable[Required]) -> bool:
        """Whether some node meets these."""
        return next(self.rows(requirements), None) is not None

    def says_of_one(self, required: Required) -> str:
        """Why one requirement leaves nothing."""
        faults = requirement_faults(required, self.place.group, self.place.region)
        named = [str(fault) for fault in faults if fault.kind != FORM or fault.field == ".values"]
        reason = "; ".join(named[:_MOST_NAMED]) or self._reason(required)
        return f"{required} leaves {self._nothing(required)}{f': {reason}' if reason else ''}"

    def _nothing(self, required: Required) -> str:
        if required.key == CAPACITY_TYPE_LABEL and not _left_capacity_types([required]):
            return "no capacity type"
        if required.key in (ZONE_LABEL, ZONE_ID_LABEL, REGION_LABEL) and self._left_zones([required]) == []:
            return "no zone of the pool"
        return f"no instance type{f' {self.wanted.words}' if self.wanted else ''}"

    def _reason(self, required: Required) -> str:
        """What the types that meet the requirement have instead, and what is near."""
        others = [each for each in self.judged if each is not required]
        kept = [*self.rows([required], as_wanted=False)] if self.wanted else []
        if self.wanted and kept and not any(map(self.wanted.holds, kept)):
            if len({row.family for row in kept}) > 1 and not any(row.accelerator for row in kept):
                return "none of its types has an accelerator"
            whys = list(dict.fromkeys(map(self.wanted.why_not, kept)))
            near = self._near(required, [*self.rows(others)] or [*self.rows([])])
            more = f" and {len(whys) - _MOST_NAMED} more" if len(whys) > _MOST_NAMED else ""
            return f"{', '.join(whys[:_MOST_NAMED])}{more}{f'; nearest: {near}' if near else ''}"
        alike_first = sorted(others, key=lambda each: each.key != required.key)
        if other := next((each for each in alike_first if not self.left([each, required])), None):
            return f"it excludes {other}"
        left = [*self.rows(others)]
        return f"without it {_some(left)} would be left" if left and self.left([required]) else "no type has that"

    def _near(self, required: Required, rows: Sequence[InstanceType]) -> str:
        """The family, or another value of the requirement's label, that is nearest to what it says."""
        name = required.key.rpartition("/")[2]
        if required.operator != "In" or not required.values:
            return ""
        if name == "instance-family":
            return nearest(required.values[0], {row.family for row in rows}) or ""
        if name == "instance-type":
            return nearest(required.values[0], {row.name for row in rows}) or ""
        return ""

    def says_of_several(self, requirements: Sequence[Required], *, every: bool = False) -> str:
        """Why several leave nothing together."""
        named = _listed(map(str, requirements))
        nothing = f"no instance type{f' {self.wanted.words}' if self.wanted else ''}"
        dropped = requirements if every else requirements[-1:]
        example = next(self.rows(each for each in self.judged if each not in dropped), None)
        without = "without them" if every else "without the last"
        left = f": {without}, {example.name} would be left" if example else ""
        return f"{named} leave {nothing}{'' if every else ' together'}{left}"


@lru_cache(maxsize=1000)
def _types_meeting(key: str, operator: str, values: tuple[str, ...]) -> frozenset[str]:
    return frozenset(row.name for row in instance_types() if type_may_meet(row, key, operator, values))


_OF_PLACES = (ZONE_LABEL, ZONE_ID_LABEL, REGION_LABEL, CAPACITY_TYPE_LABEL)


def _left_capacity_types(requirements: Iterable[Required]) -> set[CapacityType]:
    asked = [each for each in requirements if each.key == CAPACITY_TYPE_LABEL]
    return {
        kind for kind in CapacityType if all(requirement_holds(each.operator, each.values, str(kind)) for each in asked)
    }


def _some(rows: Sequence[InstanceType]) -> str:
    more = f" and {len(rows) - 3} more" if len(rows) > 3 else ""
    return f"{', '.join(row.name for row in rows[:3])}{more}"


def _listed(words: Iterable[str]) -> str:
    *shown, last = words
    return f"{', '.join(shown)} and {last}" if shown else last
