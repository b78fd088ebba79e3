"""What the lab's cluster holds now, and what it would cost an hour on AWS."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from eks_gpu.io.tables import table
from eks_gpu.lab.cluster_api import ClusterApi
from eks_gpu.lab.node_kind import CAPACITY_ANNOTATION
from eks_gpu.lab.state import Lab
from eks_gpu.pools.type_facts import known_type
from eks_gpu_components.catalog import (
    CAPACITY_TYPE_LABEL,
    EKS_CAPACITY_TYPE_LABEL,
    INITIALIZED_LABEL,
    INSTANCE_TYPE_LABEL,
    NODE_POOL_LABEL,
    ZONE_LABEL,
    CapacityType,
    UnknownInstanceType,
    on_demand_price,
    spot_price,
)


@dataclass(frozen=True)
class NodeRow:
    """One node."""

    name: str
    instance_type: str
    capacity_type: CapacityType
    zone: str
    age_s: int
    ready: bool
    gpus: int
    """Accelerators, of any maker."""
    hourly: float | None
    """USD from the catalog, an estimate for Spot; None for a type that it does not price."""
    instance_id: str = ""
    """In EC2."""
    cordoned: bool = False
    """Whether it takes no more pods."""
    initialized: bool = True
    """Whether Karpenter, if it started the node, takes it for ready with all that pods asked for."""


@dataclass(frozen=True)
class Status:
    """The cluster at one moment."""

    nodes: tuple[NodeRow, ...]
    pending_pods: int
    running_pods: int

    @property
    def gpu_nodes(self) -> int:
        return sum(node.gpus > 0 for node in self.nodes)

    @property
    def hourly(self) -> float:
        """USD for all nodes that the catalog prices."""
        return sum(node.hourly or 0 for node in self.nodes)

    def as_json(self) -> dict[str, Any]:
        fields = ("name", "instance_type", "capacity_type", "zone", "age_s", "ready", "gpus", "hourly")
        return {
            "nodes": [{name: getattr(node, name) for name in fields} for node in self.nodes],
            "pods": {"pending": self.pending_pods, "running": self.running_pods},
            "hourly": round(self.hourly, 4),
        }


def status(lab: Lab) -> Status:
    """The cluster now. Raises LabProblem, and OSError when the API server does not answer."""
    api = ClusterApi(lab)
    return read(api.list("/api/v1/nodes"), api.list("/api/v1/pods"), lab.region, datetime.now(UTC))


def read(nodes: Iterable[Mapping[str, Any]], pods: Iterable[Mapping[str, Any]], region: str, now: datetime) -> Status:
    """From the API server's objects."""
    phases = [pod.get("status", {}).get("phase") for pod in pods]
    rows = sorted((_row(node, region, now) for node in nodes), key=lambda row: (-row.age_s, row.name))
    return Status(tuple(rows), phases.count("Pending"), phases.count("Running"))


def _row(node: Mapping[str, Any], region: str, now: datetime) -> NodeRow:
    metadata, labels = node["metadata"], node["metadata"].get("labels", {})
    name, capacity_type = labels.get(INSTANCE_TYPE_LABEL, ""), _capacity_type(metadata)
    conditions = node.get("status", {}).get("conditions", [])
    return NodeRow(
        name=metadata["name"],
        instance_type=name,
        capacity_type=capacity_type,
        zone=labels.get(ZONE_LABEL, ""),
        age_s=int((now - datetime.fromisoformat(metadata["creationTimestamp"])).total_seconds()),
        ready=any(each["type"] == "Ready" and each["status"] == "True" for each in conditions),
        gpus=_accelerators(name),
        hourly=_hourly(name, capacity_type, region),
        instance_id=node.get("spec", {}).get("providerID", "").rpartition("/")[2],
        cordoned=bool(node.get("spec", {}).get("unschedulable")),
        initialized=NODE_POOL_LABEL not in labels or labels.get(INITIALIZED_LABEL) == "true",
    )


def _capacity_type(metadata: Mapping[str, Any]) -> CapacityType:
    labels, annotations = metadata.get("labels", {}), metadata.get("annotations", {})
    if eks := labels.get(EKS_CAPACITY_TYPE_LABEL):
        return CapacityType.from_eks(eks)
    return CapacityType(labels.get(CAPACITY_TYPE_LABEL) or annotations.get(CAPACITY_ANNOTATION) or "on-demand")


def _accelerators(name: str) -> int:
    row = known_type(name)
    return row.accelerators if row else 0


def _hourly(name: str, capacity_type: CapacityType, region: str) -> float | None:
    """Reserved capacity is paid for whether or not a node uses it, and so adds nothing."""
    if capacity_type == CapacityType.RESERVED:
        return 0.0
    try:
        price = (spot_price if capacity_type == CapacityType.SPOT else on_demand_price)(name, region)
    except UnknownInstanceType:
        return None
    return price.hourly if price else None


def render(found: Status) -> RenderableType:
    """For a terminal of 80 columns."""
    if not found.nodes:
        nodes_shown: RenderableType = Text("no nodes", "dim")
    else:
        nodes_shown = _nodes(found.nodes)
    unpriced = sum(node.hourly is None for node in found.nodes)
    pods = f"pods: {found.pending_pods} pending, {found.running_pods} running"
    nodes = f"nodes: {len(found.nodes)}, of them {found.gpu_nodes} with accelerators"
    rate = f"spend rate: {found.hourly:.3f} USD an hour" + (f" and {unpriced} without a price" if unpriced else "")
    return Group(nodes_shown, "", nodes, pods, Text(rate, "bold"))


def _nodes(nodes: Sequence[NodeRow]) -> Table:
    shown = table("node", "type", "capacity", "zone", "age", "USD/h", right=("age", "USD/h"))
    for node in nodes:
        shown.add_row(
            Text(node.name.partition(".")[0], "" if node.ready else "yellow"),
            node.instance_type,
            str(node.capacity_type),
            node.zone,
            age(node.age_s),
            "?" if node.hourly is None else f"{node.hourly:.3f}",
        )
    return shown


def age(seconds: int) -> str:
    """As kubectl has it: 45s, 12m, 3h."""
    for unit, length in (("h", 3600), ("m", 60)):
        if seconds >= 2 * length:
            return f"{seconds // length}{unit}"
    return f"{seconds}s"
