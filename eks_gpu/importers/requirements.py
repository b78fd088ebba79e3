"""Requirements of a node pool against the catalog: which instance types meet them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from eks_gpu.importers.fields import Fields, Place
from eks_gpu.importers.findings import Findings
from eks_gpu_components.catalog import (
    CAPACITY_TYPE_LABEL,
    INSTANCE_TYPE_LABEL,
    OLD_LABELS,
    REQUIREMENT_OPERATORS,
    ZONE_LABEL,
    InstanceType,
    instance_types,
    is_type_label,
    is_well_known_label,
    label_problem,
    requirement_holds,
    type_may_meet,
)
from eks_gpu_components.catalog.labels import INSTANCE_GROUPS
from eks_gpu_components.catalog.narrowing import Place as Where
from eks_gpu_components.catalog.narrowing import Wanted, why_empty
from eks_gpu_components.catalog.requirement_rules import FORM, Fault, requirement_faults
from eks_gpu_components.catalog.requirements import Required


@dataclass(frozen=True, slots=True)
class Requirement:
    """One of them, under its label's present name."""

    key: str
    operator: str
    values: tuple[str, ...]
    fields: Fields

    @property
    def place(self) -> Place:
        """Place of the values, or of the requirement if it has none."""
        return self.fields.place("values" if self.values else "key")

    @property
    def of_type(self) -> bool:
        """Whether it says something of instance types that the catalog knows."""
        return is_type_label(self.key)

    @property
    def required(self) -> Required:
        """As the catalog takes it."""
        least = self.fields.whole("minValues", least=1, most=50) or 0
        return Required(self.key, self.operator, self.values, least, self.fields.place().path)

    @property
    def parts(self) -> tuple[str, str, tuple[str, ...]]:
        """Key, operator and values, as the catalog takes them."""
        return self.key, self.operator, self.values

    def holds(self, value: str | None) -> bool:
        """Whether the label with this value meets it; None is no label."""
        return requirement_holds(self.operator, self.values, value)


def read_requirements(
    fields: Fields,
    findings: Findings,
    *,
    required: bool,
    key: str = "requirements",
    operators: Sequence[str] = REQUIREMENT_OPERATORS,
) -> list[Requirement]:
    """A pool's list, or the expressions of a pod's node affinity."""
    found = []
    for item in fields.parts(key, required=required):
        label, operator = (
            item.text("key", required=True),
            item.text("operator", required=True, of=operators),
        )
        values = tuple(item.texts("values", required=operator == "In"))
        if item.whole("minValues", least=1, most=50) is not None:
            findings.lose(item.place("minValues"), "a pool of the settings names its types, all of which it may use")
        if not label or not operator:
            continue
        if label in OLD_LABELS:
            message = f"{label} is the label's old name: write {OLD_LABELS[label]}"
            findings.tell("labels-are-current", item.place("key"), message)
        found.append(Requirement(OLD_LABELS.get(label, label), operator, values, item))
    return found


def tell_of_faults(requirements: Sequence[Requirement], group: str, region: str, findings: Findings) -> set[str]:
    """Tells of values that no node has and of labels that are none; keys of the latter, which nobody takes.

    Types that do not exist, and labels under the other back end's prefix, are told where they are taken.
    """
    wrong = set()
    for found in requirements:
        for fault in requirement_faults(found.required, group, region):
            taken = fault.field == ".key" and is_well_known_label(found.key)
            named = fault.field == ".values" and found.key == INSTANCE_TYPE_LABEL and found.operator == "In"
            if not taken and not named:
                said = f"{fault}" if found.key in fault.says else f"{found.key}: {fault}"
                findings.tell("requirements-name-what-there-is", _place(found, fault), said)
            if fault.field == ".key" and fault.kind == FORM and not taken:
                wrong.add(found.key)
    return wrong


def _place(found: Requirement, fault: Fault) -> Place:
    if fault.value:
        return found.fields.place("values", found.values.index(fault.value))
    return found.fields.place(fault.field.removeprefix(".") or None)


def why_none(
    requirements: Sequence[Requirement], where: Where, wanted: Wanted | None = None
) -> tuple[Place, str] | None:
    """Place and reason of what leaves no instance type; None if some is left, or nothing can be told."""
    found = why_empty([each.required for each in requirements], where, wanted)
    if found is None:
        return None
    first = next(each for each in requirements if each.required == found.culprits[0])
    return first.place, found.says


def meeting(requirements: Sequence[Requirement]) -> list[InstanceType]:
    """Types that meet all that say something of types; those named stand first, in their order."""
    rows = [row for row in instance_types() if all(_may_meet(row, found) for found in requirements)]
    named = [value for found in requirements if found.key == INSTANCE_TYPE_LABEL for value in found.values]
    places = {name: place for place, name in reversed(list(enumerate(named)))}
    return sorted(rows, key=lambda row: places.get(row.name, len(named)))


def _may_meet(row: InstanceType, requirement: Requirement) -> bool:
    return not requirement.of_type or type_may_meet(row, *requirement.parts)


def labels_of(
    requirements: Sequence[Requirement], findings: Findings, prefix: str, wrong: Collection[str] = ()
) -> dict[str, str]:
    """Labels of one's own that a requirement gives each node; what the settings cannot say is lost.

    `wrong` are keys that no label has, told before.
    """
    found = {}
    for requirement in requirements:
        if requirement.key in wrong:
            continue
        if requirement.of_type or requirement.key in (ZONE_LABEL, CAPACITY_TYPE_LABEL):
            _check_prefix(requirement, findings, prefix)
        elif requirement.operator == "In" and len(requirement.values) == 1 and not _problem(requirement):
            found[requirement.key] = requirement.values[0]
        else:
            message = f"the catalog knows no {requirement.key} of a type, and a pool's label has one value"
            findings.lose(requirement.place, message)
    return found


def _problem(requirement: Requirement) -> str | None:
    return label_problem(requirement.key, requirement.values[0])


def _check_prefix(requirement: Requirement, findings: Findings, prefix: str) -> None:
    given, _, name = requirement.key.rpartition("/")
    if given in INSTANCE_GROUPS and given != prefix:
        message = f"{requirement.key} means nothing to this pool's nodes: write {prefix}/{name}, as which it is taken"
        findings.tell("pods-select-what-nodes-have", requirement.fields.place("key"), message)


def allowed(requirements: Sequence[Requirement], key: str, known: Sequence[str]) -> list[str]:
    """Those of the known values of a label that the requirements on it allow."""
    concerned = [found for found in requirements if found.key == key]
    return [value for value in known if all(found.holds(value) for found in concerned)]
