"""What a requirement of a node pool may say: operators, values of each label that nodes get, and labels of a back end.

Source: Karpenter 1.15, NodePool v1 and pkg/apis/v1, nodeclaim_validation.go and labels.go; EKS User Guide, "Create a
Node Pool for EKS Auto Mode". A requirement that the API server takes may still name what no node has.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache

from .api_groups import AUTO_MODE_GROUP, KARPENTER_CORE_GROUP, KARPENTER_GROUP
from .instance_types import RETIRED_FAMILIES, instance_types
from .label_rules import key_problem, value_problem
from .labels import (
    ARCH_LABEL,
    CAPACITY_TYPE_LABEL,
    COMPUTE_TYPE_LABEL,
    HOSTNAME_LABEL,
    INSTANCE_GROUPS,
    INSTANCE_LABELS,
    INSTANCE_TYPE_LABEL,
    NODE_POOL_LABEL,
    OLD_LABELS,
    OS_LABEL,
    REGION_LABEL,
    RESERVATION_TYPE_NAME,
    UNJUDGED_INSTANCE_LABELS,
    ZONE_ID_LABEL,
    ZONE_LABEL,
    is_well_known_label,
    labels_of_type,
)
from .nearest import MOST, nearest
from .regions import UnknownRegion, regions, zones
from .requirements import NUMBER_OPERATORS, REQUIREMENT_OPERATORS, Required
from .scheduling import CapacityType

FORM, VALUE = "form", "value"


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a requirement, as a clause that follows its place."""

    kind: str
    """form: the API server or the controller refuses it; value: it names what no node has."""
    field: str
    """Part of the requirement: `.key`, `.operator`, `.values`, `.minValues`, or empty for all of it."""
    says: str
    nearest: str = ""
    """What to write instead; empty where nothing is near."""
    sure: bool = True
    """Whether the set of values is closed; False where AWS may have more than the catalog."""
    value: str = ""
    """The value that is wrong, where it is one of several."""

    def __str__(self) -> str:
        return f"{self.says}; nearest: {self.nearest}" if self.nearest else self.says


@dataclass(frozen=True, slots=True)
class Values:
    """The values that nodes have of a label."""

    noun: str
    """One of them in a sentence, such as `instance family`."""
    known: frozenset[str]
    closed: bool = False
    """Whether there are no others; AWS adds types and families."""


_NOUNS: Mapping[str, str] = {
    "instance-accelerator-count": "number of accelerators",
    "instance-accelerator-manufacturer": "maker of accelerators",
    "instance-accelerator-name": "accelerator",
    "instance-category": "instance category",
    "instance-cpu": "number of vCPUs",
    "instance-cpu-manufacturer": "maker of CPUs",
    "instance-family": "instance family",
    "instance-generation": "generation",
    "instance-gpu-count": "number of GPUs",
    "instance-gpu-manufacturer": "maker of GPUs",
    "instance-gpu-memory": "GPU memory in MiB",
    "instance-gpu-name": "GPU",
    "instance-hypervisor": "hypervisor",
    "instance-local-nvme": "size of local disks in GB",
    "instance-memory": "memory in MiB",
    "instance-size": "instance size",
}
"""A label that says what an instance type is, without prefix -> one value of it in a sentence."""
_BOOLEANS = ("instance-capability-flex", "instance-encryption-in-transit-supported")
_NUMBERS = frozenset(
    {
        "instance-accelerator-count",
        "instance-cpu",
        "instance-cpu-sustained-clock-speed-mhz",
        "instance-ebs-bandwidth",
        "instance-generation",
        "instance-gpu-count",
        "instance-gpu-memory",
        "instance-local-nvme",
        "instance-memory",
        "instance-network-bandwidth",
        "placement-group-partition",
    }
)
_IN_MIB = ("instance-gpu-memory", "instance-memory")
_CPU_MAKERS = ("amd", "aws", "intel")
_TENANCIES = ("dedicated", "default")
_RESERVATIONS = ("capacity-block", "default")
_BY_OTHER_NAMES: Mapping[str, str] = {
    "aarch64": "arm64",
    "arm": "arm64",
    "arm64v8": "arm64",
    "x64": "amd64",
    "x86": "amd64",
    "x86-64": "amd64",
    "x86_64": "amd64",
    "capacity-block": "reserved",
    "normal": "on-demand",
}
_MAKERS_BEFORE_NAMES = ("nvidia-", "amd-", "tesla-", "nvidia-tesla-")


def requirement_faults(required: Required, group: str, region: str = "") -> tuple[Fault, ...]:
    """Everything that is wrong with a requirement in a pool whose labels of types have the prefix `group`.

    Without a region, or in one that the catalog lacks, zones are not judged.
    """
    form = tuple(_form(required, group))
    return (*form, *(() if any(fault.field == ".key" for fault in form) else _of_values(required, region)))


# --- what the API server and the controllers refuse ------------------------------------------------------------------


def _form(required: Required, group: str) -> Iterator[Fault]:
    operator, values = required.operator, required.values
    if operator not in REQUIREMENT_OPERATORS:
        says = f"must be one of {', '.join(REQUIREMENT_OPERATORS)}, got {operator}"
        yield Fault(FORM, ".operator", says)
    if operator == "In" and not values:
        yield Fault(FORM, "", "must name values, because its operator is In")
    if operator in NUMBER_OPERATORS and not (len(values) == 1 and values[0].isascii() and values[0].isdigit()):
        says = f"must have one whole number, because its operator is {operator}, got {list(values)}"
        yield Fault(FORM, "", says)
    if operator == "In" and required.min_values > len(values):
        says = f"must be at most its number of values, {len(values)}, got {required.min_values}"
        yield Fault(FORM, ".minValues", says)
    yield from _of_key(required, group)
    for value in values:
        if problem := value_problem(value):
            yield Fault(FORM, ".values", problem, value=value)


def _of_key(required: Required, group: str) -> Iterator[Fault]:
    key = OLD_LABELS.get(required.key, required.key)
    domain, _, name = key.rpartition("/")
    if label := _label_of_value(key):
        says = f"{key} is no label that nodes get, but a value of {label}"
        yield Fault(FORM, ".key", says, label)
    elif problem := key_problem(key):
        yield Fault(FORM, ".key", problem)
    elif domain in INSTANCE_GROUPS and name.startswith("instance-") and not is_well_known_label(key):
        near = nearest(name, INSTANCE_LABELS | UNJUDGED_INSTANCE_LABELS)
        yield Fault(FORM, ".key", f"{key} is a label that no node gets", f"{group}/{near}" if near else "")
    elif domain in INSTANCE_GROUPS and domain != group and name.startswith("instance-"):
        whose = "Auto Mode" if group == AUTO_MODE_GROUP else "Karpenter"
        yield Fault(FORM, ".key", f"{key} means nothing to {whose}: write {group}/{name}")
    elif key in (HOSTNAME_LABEL, NODE_POOL_LABEL):
        yield Fault(FORM, ".key", f"{key} is refused in a requirement, because each node has its own")
    elif _is_below(domain, KARPENTER_CORE_GROUP, KARPENTER_GROUP) and not is_well_known_label(key):
        near = nearest(key, (CAPACITY_TYPE_LABEL, *(f"{KARPENTER_GROUP}/{each}" for each in INSTANCE_LABELS)))
        yield Fault(
            FORM, ".key", f"{key} is refused: it is in a domain of Karpenter's, which has no such label", near or ""
        )
    elif label := _label_meant(required, group):
        says = f"{key} is a label of your own, by which no instance type is chosen"
        yield Fault(VALUE, ".key", says, label, sure=False)


def _label_of_value(key: str) -> str | None:
    """The label of which a key is a value, as `spot`: then key and values are mixed up."""
    labels = {CAPACITY_TYPE_LABEL: _closed()[CAPACITY_TYPE_LABEL], ARCH_LABEL: _closed()[ARCH_LABEL]}
    return next((label for label, values in labels.items() if key in values.known), None)


def _label_meant(required: Required, group: str) -> str | None:
    """The label of nodes whose last words and values a label of one's own has: `arch In [amd64]`."""
    if is_well_known_label(required.key) or required.operator != "In" or not required.values:
        return None
    name = required.key.rpartition("/")[2].replace("_", "-").lower()
    for label in (INSTANCE_TYPE_LABEL, ARCH_LABEL, OS_LABEL, CAPACITY_TYPE_LABEL, *_instance_labels(group)):
        last = label.rpartition("/")[2]
        values = known_values(label)
        if name in (last, last.removeprefix("instance-")) and values and {*required.values} & values.known:
            return label
    return None


def _instance_labels(group: str) -> list[str]:
    return [f"{group}/{name}" for name in sorted(_NOUNS)]


def _is_below(domain: str, *parents: str) -> bool:
    return any(domain == parent or domain.endswith(f".{parent}") for parent in parents)


# --- values that no node has -----------------------------------------------------------------------------------------


def known_values(key: str, region: str = "") -> Values | None:
    """The values that nodes have of a label; None for one whose values the catalog does not have."""
    domain, _, name = key.rpartition("/")
    if key in (ZONE_LABEL, ZONE_ID_LABEL, REGION_LABEL):
        return _places(key, region)
    if key in _closed():
        return _closed()[key]
    if key == INSTANCE_TYPE_LABEL:
        return Values("instance type", frozenset(row.name for row in instance_types()))
    return _of_types().get(name) if domain in INSTANCE_GROUPS else None


@cache
def _closed() -> Mapping[str, Values]:
    return {
        ARCH_LABEL: Values("architecture", frozenset({"amd64", "arm64"}), closed=True),
        OS_LABEL: Values("operating system", frozenset({"linux", "windows"}), closed=True),
        CAPACITY_TYPE_LABEL: Values("capacity type", frozenset(map(str, CapacityType)), closed=True),
        COMPUTE_TYPE_LABEL: Values("kind of compute", frozenset({"auto"}), closed=True),
    }


@cache
def _of_types() -> Mapping[str, Values]:
    """By the label's name without prefix."""
    labels = [labels_of_type(row, AUTO_MODE_GROUP) for row in instance_types()]
    found = {
        name: Values(noun, frozenset(row[key] for row in labels if row.get(key := f"{AUTO_MODE_GROUP}/{name}")))
        for name, noun in _NOUNS.items()
    }
    found["instance-cpu-manufacturer"] = Values(_NOUNS["instance-cpu-manufacturer"], frozenset(_CPU_MAKERS))
    found |= {name: Values("truth value", frozenset({"true", "false"}), closed=True) for name in _BOOLEANS}
    found["instance-tenancy"] = Values("tenancy", frozenset(_TENANCIES), closed=True)
    found[RESERVATION_TYPE_NAME] = Values("type of reservation", frozenset(_RESERVATIONS), closed=True)
    found["capacity-reservation-interruptible"] = Values("truth value", frozenset({"true", "false"}), closed=True)
    return found


def _places(key: str, region: str) -> Values | None:
    try:
        found = zones(region)
    except UnknownRegion:
        return None
    if key == REGION_LABEL:
        return Values("region of the cluster", frozenset({region}), closed=True)
    if key == ZONE_ID_LABEL:
        return Values(f"zone id of {region}", frozenset(zone.id for zone in found), closed=True)
    return Values(f"zone of {region}", frozenset(zone.name for zone in found), closed=True)


def _of_values(required: Required, region: str) -> Iterator[Fault]:
    key = OLD_LABELS.get(required.key, required.key)
    name = key.rpartition("/")[2]
    numeric = key.rpartition("/")[0] in INSTANCE_GROUPS and name in _NUMBERS
    values = known_values(key, region)
    if required.operator in ("Exists", "DoesNotExist") and required.values:
        says = f"its values {', '.join(required.values)} are ignored, because its operator is {required.operator}"
        yield Fault(
            VALUE, ".values", says, "operator In" if required.operator == "Exists" else "operator NotIn", sure=False
        )
    if required.operator in NUMBER_OPERATORS and values and not numeric:
        says = f"{required.operator} compares numbers, and {_a(values.noun)} is a text, so no type meets it"
        yield Fault(VALUE, ".operator", says, "operator In")
    if name in _IN_MIB and numeric:
        yield from _in_gib(required)
    if required.operator not in ("In", "NotIn"):
        return
    for value in required.values:
        if value_problem(value):
            continue
        if numeric and not (value.isascii() and value.isdigit()):
            yield Fault(VALUE, ".values", f"{value} is no whole number, as {name} is", value=value)
        elif values and value not in values.known:
            yield _unknown(required, value, values, key, region)


def _in_gib(required: Required) -> Iterator[Fault]:
    """Memory is in MiB: a number of GiB is met by every type or by none."""
    for value in required.values:
        if value.isascii() and value.isdigit() and 0 < int(value) < 400:
            says = f"{value} MiB is less than any type has"
            yield Fault(VALUE, ".values", says, f"{int(value) * 1024}, which is {value} GiB", sure=False, value=value)


def _unknown(required: Required, value: str, values: Values, key: str, region: str) -> Fault:
    beside = ", and rules nothing out" if required.operator == "NotIn" else ""
    family = value.partition(".")[0]
    if key.endswith("instance-family") and value in RETIRED_FAMILIES:
        reason, successor = RETIRED_FAMILIES[value]
        says = f"{value} is no longer offered: {reason}{beside}"
        return Fault(VALUE, ".values", says, successor.partition(".")[0], sure=False, value=value)
    if key == INSTANCE_TYPE_LABEL and family in RETIRED_FAMILIES:
        reason, successor = RETIRED_FAMILIES[family]
        return Fault(VALUE, ".values", f"{value} is no longer offered: {reason}{beside}", successor, False, value)
    elsewhere = _elsewhere(value, key, region)
    near = _near(value, values.known, key, region)
    says = f"{value} is no {values.noun}{elsewhere}{beside}"
    if not near and not elsewhere and len(values.known) <= MOST:
        says += f"; there are: {', '.join(sorted(values.known))}"
    return Fault(VALUE, ".values", says, near, values.closed, value)


def _near(value: str, known: Iterable[str], key: str, region: str) -> str:
    known = [*known]
    plain = value.casefold()
    if key in (ZONE_LABEL, ZONE_ID_LABEL):  # the same letter, or number, of the right region
        last = value[-1:] if key == ZONE_LABEL else value.rpartition("-")[2]
        if same := [one for one in known if one.endswith(last) and last]:
            return same[0]
    if key == REGION_LABEL:
        return region
    if all(one.isdigit() for one in known):
        return min(known, key=lambda one: (abs(int(one) - int(value)), int(one))) if value.isdigit() else ""
    other = _BY_OTHER_NAMES.get(plain, "")
    if other in known:
        return other
    for maker in _MAKERS_BEFORE_NAMES:
        if plain.removeprefix(maker) in known:
            return plain.removeprefix(maker)
    return nearest(plain.replace("_", "-"), known) or ""


def _elsewhere(value: str, key: str, region: str) -> str:
    """What the value is instead, of another label or another region."""
    if key in (ZONE_LABEL, ZONE_ID_LABEL):
        for other in regions():
            for zone in zones(other):
                if value in (zone.name, zone.id):
                    own = value == (zone.name if key == ZONE_LABEL else zone.id)
                    if other != region:
                        return f", but of {other}"
                    label = ZONE_LABEL if key == ZONE_ID_LABEL else ZONE_ID_LABEL
                    return "" if own else f": it is one of {label}"
        return ""
    domain = key.rpartition("/")[0] if key.rpartition("/")[0] in INSTANCE_GROUPS else ""
    names = [
        *("instance-family", "instance-size", "instance-category", "instance-gpu-name"),
        *("instance-accelerator-name", "instance-gpu-manufacturer"),
    ]
    others = [INSTANCE_TYPE_LABEL, ARCH_LABEL, CAPACITY_TYPE_LABEL, *(f"{domain}/{name}" for name in names if domain)]
    for label in others:
        found = known_values(label)
        if label != key and found and value.casefold() in found.known:
            return f", but {_a(found.noun)}, which {label} says"
    return ""


def _a(noun: str) -> str:
    return f"an {noun}" if noun[0] in "aeio" else f"a {noun}"
