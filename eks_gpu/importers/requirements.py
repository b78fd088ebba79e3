"""Requirements of a node pool against the catalog: which instance types meet them.

Source: Karpenter 1.14, pkg/apis/v1/labels.go; EKS User Guide, "Create a Node Pool for EKS Auto Mode".
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from eks_gpu.importers.fields import Fields, Place
from eks_gpu.importers.findings import Findings
from eks_gpu.importers.units_and_names import MAX_NAMES, label_problem
from eks_gpu_components.catalog import (
    ARCH_LABEL,
    CAPACITY_TYPE_LABEL,
    INSTANCE_TYPE_LABEL,
    OS_LABEL,
    REQUIREMENT_OPERATORS,
    ZONE_LABEL,
    InstanceType,
    instance_types,
    requirement_holds,
)

PREFIXES = ("karpenter.k8s.aws", "eks.amazonaws.com")
OLD_LABELS = {
    "beta.kubernetes.io/arch": ARCH_LABEL,
    "beta.kubernetes.io/instance-type": INSTANCE_TYPE_LABEL,
    "beta.kubernetes.io/os": OS_LABEL,
    "failure-domain.beta.kubernetes.io/zone": ZONE_LABEL,
}
"""Label before Kubernetes 1.17 -> label now."""


def _gpu(of: Callable[[InstanceType], str]) -> Callable[[InstanceType], str | None]:
    """Of types with a GPU; Neuron devices are accelerators instead."""
    return lambda row: of(row) if row.accelerator and row.accelerator.maker not in ("aws", "qualcomm") else None


def _accelerator(of: Callable[[InstanceType], str]) -> Callable[[InstanceType], str | None]:
    return lambda row: of(row) if row.accelerator and row.accelerator.maker in ("aws", "qualcomm") else None


def _device(row: InstanceType, field: str) -> str:
    return str(getattr(row.accelerator, field))


_OF_TYPE: dict[str, Callable[[InstanceType], str | None]] = {
    "instance-category": lambda row: row.category,
    "instance-generation": lambda row: str(row.generation),
    "instance-family": lambda row: row.family,
    "instance-size": lambda row: row.size,
    "instance-cpu": lambda row: str(row.vcpus),
    "instance-memory": lambda row: str(row.memory_mib),
    "instance-hypervisor": lambda row: row.hypervisor,
    "instance-local-nvme": lambda row: str(row.instance_store_gb) if row.instance_store_gb else None,
    "instance-gpu-name": _gpu(lambda row: _device(row, "name")),
    "instance-gpu-manufacturer": _gpu(lambda row: _device(row, "maker")),
    "instance-gpu-count": _gpu(lambda row: _device(row, "count")),
    "instance-gpu-memory": _gpu(lambda row: _device(row, "memory_mib")),
    "instance-accelerator-name": _accelerator(lambda row: _device(row, "name")),
    "instance-accelerator-manufacturer": _accelerator(lambda row: _device(row, "maker")),
    "instance-accelerator-count": _accelerator(lambda row: _device(row, "count")),
}
_GENERIC: dict[str, Callable[[InstanceType], str | None]] = {
    INSTANCE_TYPE_LABEL: lambda row: row.name,
    ARCH_LABEL: lambda row: row.architecture,
    OS_LABEL: lambda row: "linux",
}


@dataclass(frozen=True, slots=True)
class Requirement:
    """One of them, under its label's present name."""

    key: str
    operator: str
    values: tuple[str, ...]
    fields: Fields

    @property
    def place(self) -> Place:
        """Of its values, or of the whole where it has none."""
        return self.fields.place("values" if self.values else "key")

    @property
    def of_type(self) -> Callable[[InstanceType], str | None] | None:
        """The type's value of the label; None for a label that says nothing of the type."""
        prefix, _, name = self.key.rpartition("/")
        return _GENERIC.get(self.key) or (_OF_TYPE.get(name) if prefix in PREFIXES else None)

    def holds(self, value: str | None) -> bool:
        """Whether the label with this value meets it; None is no label."""
        return requirement_holds(self.operator, self.values, value)


def read_requirements(
    fields: Fields, findings: Findings, *, required: bool, key: str = "requirements"
) -> list[Requirement]:
    """A pool's list, or the expressions of a pod's node affinity."""
    found = []
    for item in fields.parts(key, required=required):
        label, operator = (
            item.text("key", required=True),
            item.text("operator", required=True, of=REQUIREMENT_OPERATORS),
        )
        values = tuple(item.names("values", most=MAX_NAMES, required=operator == "In"))
        if item.whole("minValues", least=1, most=50) is not None:
            findings.lose(item.place("minValues"), "a pool of the settings names its types, all of which it may use")
        if not label or not operator:
            continue
        if label in OLD_LABELS:
            message = f"{label} is the label's old name: write {OLD_LABELS[label]}"
            findings.tell("labels-are-current", item.place("key"), message)
        found.append(Requirement(OLD_LABELS.get(label, label), operator, values, item))
    return found


def meeting(requirements: Sequence[Requirement]) -> list[InstanceType]:
    """Types that meet all that say something of types; those named stand first, in their order."""
    rows = [row for row in instance_types() if all(_meets(row, found) for found in requirements)]
    named = [value for found in requirements if found.key == INSTANCE_TYPE_LABEL for value in found.values]
    return sorted(rows, key=lambda row: named.index(row.name) if row.name in named else len(named))


def _meets(row: InstanceType, requirement: Requirement) -> bool:
    return requirement.of_type is None or requirement.holds(requirement.of_type(row))


def labels_of(requirements: Sequence[Requirement], findings: Findings, prefix: str) -> dict[str, str]:
    """Labels of one's own that a requirement gives each node; what the settings cannot say is lost."""
    found = {}
    for requirement in requirements:
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
    if given in PREFIXES and given != prefix:
        message = f"{requirement.key} means nothing to this pool's nodes: write {prefix}/{name}, as which it is taken"
        findings.tell("pods-select-what-nodes-have", requirement.fields.place("key"), message)


def allowed(requirements: Sequence[Requirement], key: str, known: Sequence[str]) -> list[str]:
    """Those of the known values of a label that the requirements on it allow."""
    concerned = [found for found in requirements if found.key == key]
    return [value for value in known if all(found.holds(value) for found in concerned)]
