"""Pool: nodes with one description and one maximum, whatever makes them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import ceil
from typing import Any

from eks_gpu.graph.unknown import merged
from eks_gpu.pods.pod import Expression
from eks_gpu.pods.quantities import amount
from eks_gpu.pools.karpenter_node import KarpenterNode
from eks_gpu.pools.limits import Limits
from eks_gpu.pools.overlays import Overlaid
from eks_gpu.pools.reservations import Reservation, ceiling
from eks_gpu.pools.software import CLUSTER_AUTOSCALER
from eks_gpu.pools.software import KARPENTER as KARPENTER_CHART
from eks_gpu.pools.type_facts import accelerator_kind, is_offered, known_type, zone_ids
from eks_gpu_components.catalog import (
    ARCH_LABEL,
    AUTO_MODE_GROUP,
    CAPACITY_TYPE_LABEL,
    DEVICE_PLUGINS,
    HARD_EFFECTS,
    INSTANCE_TYPE_LABEL,
    KARPENTER_GROUP,
    OS_LABEL,
    REGION_LABEL,
    ZONE_ID_LABEL,
    ZONE_LABEL,
    CapacityType,
    InstanceType,
    Taint,
    data_device,
    labels_of_type,
)
from eks_gpu_components.catalog.image_families import DEFAULT_VOLUME_GIB
from eks_gpu_components.catalog.narrowing import Emptied, Place
from eks_gpu_components.catalog.requirements import Required
from eks_gpu_components.catalog.scheduling import device_of

AUTO_SCALING_GROUP, MANAGED_NODE_GROUP = "auto-scaling-group", "managed-node-group"
KARPENTER, AUTO_MODE, FARGATE = "karpenter", "auto-mode", "fargate"
DRAINED, DRIFT, REFRESH, STAYS, UNKNOWN = "drained", "drift", "refresh", "stays", "unknown"


@dataclass(frozen=True, slots=True)
class BackEnd:
    """What makes a pool's nodes."""

    title: str
    """Name of the back end in a sentence."""
    scaled_by: str
    """The chart of the controller that adds and removes nodes; empty if AWS does it."""
    looks_at_pods: bool
    """Whether the node is chosen for a pod; otherwise EC2 chooses type and zone without looking at the pod."""


BACK_ENDS: Mapping[str, BackEnd] = {
    AUTO_SCALING_GROUP: BackEnd("auto scaling group", CLUSTER_AUTOSCALER, looks_at_pods=False),
    MANAGED_NODE_GROUP: BackEnd("managed group", CLUSTER_AUTOSCALER, looks_at_pods=False),
    KARPENTER: BackEnd("Karpenter", KARPENTER_CHART, looks_at_pods=True),
    AUTO_MODE: BackEnd("Auto Mode", "", looks_at_pods=True),
    FARGATE: BackEnd("Fargate profile", "", looks_at_pods=True),
}


@dataclass(frozen=True, slots=True)
class Disk:
    """One EBS volume of every node."""

    gib: int
    volume_type: str = "gp3"
    encrypted: bool = False
    iops: int = 0
    throughput_mib_s: int = 0
    device: str = ""
    """Such as `/dev/xvda`; empty if it is not known."""
    sized: bool = True
    """Whether the stack gives the size, which is the image's otherwise."""
    snapshot: str = ""
    """Id of the snapshot that the disk is made from; empty for an empty disk or an image's own."""
    initialization_mib_s: int = 0
    """Rate at which a snapshot's blocks come; 0 where AWS promises none."""


@dataclass(frozen=True)
class Template:
    """The node that the cluster autoscaler plans with while the group has no node."""

    labels: Mapping[str, str] = field(default_factory=dict)
    taints: tuple[Taint, ...] = ()
    resources: Mapping[str, str] = field(default_factory=dict)
    """Resource to quantity, from tags alone; the rest follows from the first instance type."""
    described: Mapping[str, str] = field(default_factory=dict)
    """Labels that the autoscaler makes of EKS's description of a managed group; nodes may not carry them."""


@dataclass(frozen=True, slots=True)
class Upgrade:
    """What an upgrade of Kubernetes does with the running nodes of a pool."""

    how: str
    """drained: EKS drains and replaces them; drift: Karpenter or Auto Mode does; refresh: EC2 does; stays: nothing
    replaces them; unknown: the stack does not say."""
    why: str
    """What decides that, and how fast it goes; a clause that is true of any pool with the same settings."""

    def as_json(self) -> dict[str, str]:
        """`upgrade` of the plan's row."""
        return {"how": self.how, "why": self.why}


@dataclass(frozen=True, slots=True)
class Selector:
    """Pods that a Fargate profile runs: those of a namespace with all of the labels; `*` and `?` are wildcards."""

    namespace: str
    labels: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        labels = ", ".join(f"{key}={value}" for key, value in sorted(self.labels.items()))
        return f"namespace {self.namespace}" + (f" with {labels}" if labels else "")

    def as_json(self) -> dict[str, Any]:
        """A row of the pool's `selectors`."""
        return {"namespace": self.namespace, "labels": dict(sorted(self.labels.items()))}


@dataclass(frozen=True)
class Candidate:
    """A node that a pool may start: one of its types in one of its zones; the zone is empty if it is not known."""

    instance_type: InstanceType
    zone: str
    labels: dict[str, str]
    capacity_type: str = ""
    """Empty where AWS mixes them within a pool, so that no pod can choose."""
    reservation: str = ""
    """The reservation that pays for it, if the number of its instances is known."""


@dataclass(frozen=True, kw_only=True)
class Pool:
    """A pool of nodes with one description and one maximum."""

    name: str
    backend: str
    """A key of `BACK_ENDS`."""
    urn: str
    cluster: str = ""
    """The cluster its nodes join, empty where the stack does not say."""
    region: str

    instance_types: tuple[str, ...]
    """Instance types in the given order; the autoscaler plans with the first. For a node pool, cheapest first."""
    capacity_types: tuple[str, ...]
    reservations: tuple[Reservation, ...] = ()
    """Those that nodes of the capacity type reserved start in, closed ones too."""
    unreserved: str = ""
    """Why no node is of the capacity type reserved although the pool asks for it, as a clause; empty if some may be."""
    on_demand_base: int = 0
    """Nodes that are on demand before any is Spot."""
    on_demand_percentage: int = 0
    """Percentage of on-demand nodes beyond the base."""
    upgrade: Upgrade
    """What an upgrade of Kubernetes does with the running nodes."""
    zones: tuple[str, ...] = ()
    """Names of the zones; empty if they are not known."""
    subnets: int = 0
    min_nodes: int
    desired_nodes: int | None
    max_nodes: int | None
    """Maximum number of nodes; None without a limit."""
    limits: Limits | None = None
    """Limits of a node pool for all its nodes together. `max_nodes` follows from them."""
    static: bool = False
    """Whether a node pool keeps `min_nodes` whatever the pods: those up to `max_nodes` come to replace others alone."""
    starts_none: str = ""
    """Why the pool never has a node whatever its types and limits are, as a clause; empty if it may have some."""
    weight: int = 0
    """The heavier of two node pools is tried first."""

    labels: Mapping[str, str] = field(default_factory=dict)
    """Labels that the stack gives each node; `well_known` labels are added to them."""
    taints: tuple[Taint, ...] = ()
    template: Template | None = None
    """None for a back end that needs none."""
    well_known: Mapping[str, str] = field(default_factory=dict)
    """Labels that the back end adds, beyond those of `candidates`."""
    late_labels: Mapping[str, str] = field(default_factory=dict)
    """Labels that a node sets after its start: a pod that selects one of them starts no node."""
    chosen_labels: tuple[Expression, ...] = ()
    """Requirements on custom labels: a node gets the value that a pod selects, if the requirements allow it."""
    reserved_labels: tuple[Expression, ...] = ()
    """The same of the labels that a node has of its reservation."""
    min_values: tuple[tuple[str, int], ...] = ()
    """Map from a label to the number of values that a node pool must be able to choose from."""
    requirements: tuple[Required, ...] = ()
    """Requirements of a node pool, each with its place."""
    emptied: Emptied | None = None
    """Why the requirements leave no node; None if they leave some, or if it cannot be told."""
    unknown_requirements: tuple[str, ...] = ()
    """Labels in the pool's requirements that the catalog does not know."""
    disks: tuple[Disk, ...] | None = None
    """None where nothing says."""
    instance_store: bool = False
    """Whether pods' storage is on the instance's own disks, where it has some."""
    node: KarpenterNode | None = None
    """What Karpenter or Auto Mode takes a new node for; None for groups."""
    overlaid: Overlaid = field(default_factory=Overlaid)
    """What NodeOverlays make of its nodes, or would if Karpenter's gate were on. `node` has what they do make of it."""
    parallel_pull: bool = False
    """Whether user data asks for layers of an image to be fetched side by side."""
    image: str = ""
    """al2023 or bottlerocket if nodes start from an image of EKS; empty for any other image."""
    imds_v2: bool | None = None
    driver: bool | None = None
    """Whether the nodes' image brings the accelerator's driver, None where nothing says."""
    device_plugin: bool = False
    """Whether the nodes' image brings the accelerator's device plugin."""
    tags: Mapping[str, str] = field(default_factory=dict)
    """Tags of the auto scaling group."""
    suspended_processes: tuple[str, ...] = ()
    no_claims: str = ""
    """Why no node starts for a claim of devices (DRA), as a clause; empty if one does, or if nothing says."""
    gpu_shares: int = 1
    """How many claims share a GPU; 0 where nobody knows how many."""
    selectors: tuple[Selector, ...] = ()
    """Pods that a Fargate profile runs."""
    given: bool = False
    """Whether the user gives it beside a stack that does not have it."""
    desired_is_ignored: bool = False
    """Whether an update leaves alone how many nodes the autoscaler decided on."""

    @cached_property
    def types(self) -> tuple[InstanceType, ...]:
        """The instance types that the catalog knows, in order."""
        return tuple(row for row in map(known_type, self.instance_types) if row)

    @property
    def images_disk(self) -> Disk | None:
        """The disk that container images and pods' files fill; None if no disk is known.

        It is the image's own if the stack sizes others alone.
        """
        disks = self.disks or ()
        device = self.node.images_device if self.node else data_device(self.image) if self.image else ""
        if named := next((disk for disk in disks if device and disk.device == device), None):
            return named
        if device and disks and all(disk.device for disk in disks):
            return Disk(DEFAULT_VOLUME_GIB, "gp2", device=device, sized=False)
        return max(disks, key=lambda disk: disk.gib, default=None)

    @property
    def accelerator(self) -> str | None:
        """nvidia, neuron, amd, habana, or None."""
        return accelerator_kind(self.instance_types)

    @property
    def gpus_per_node(self) -> int | None:
        """Accelerators of a node, None where types differ."""
        counts = {row.accelerators for row in self.types}
        return counts.pop() if len(counts) == 1 else None

    def devices_of(self, row: InstanceType) -> dict[str, int]:
        """Devices that pods can ask of a node of the type; of shared GPUs each share or slice counts.

        An overlay of Karpenter or a tag for the autoscaler says so.
        """
        if row.accelerator is None:
            return {}
        own = row.accelerator.offered
        if self.node:
            counted = self.node.capacity(row)
            return {name: count for name, count in counted.items() if device_of(name) in own}
        stated = self.template.resources if self.template else {}
        told = {name: _stated(name, text) for name, text in stated.items() if device_of(name) in own}
        return own | {name: count for name, count in told.items() if count is not None}

    @property
    def devices_per_node(self) -> dict[str, int] | None:
        """Devices that pods can ask of a node, None where types differ."""
        found = [{name: count for name, count in self.devices_of(row).items() if count} for row in self.types]
        return found[0] if found and all(each == found[0] for each in found) else None

    @property
    def min_gpus(self) -> int:
        """Accelerators when only the least number of nodes is there and each is of the smallest kind."""
        return self.min_nodes * min((row.accelerators for row in self.types), default=0)

    @property
    def deciding_limits(self) -> Limits | None:
        """Limits by which a mix of types ends; None where a number of nodes ends it."""
        ends_otherwise = self.static or self.is_paid_for or self.starts_none
        return self.limits if self.scales_to_zero and not ends_otherwise else None

    @property
    def max_gpus(self) -> int | None:
        """Accelerators when every node is there and of the largest kind; None without a limit."""
        if limits := self.deciding_limits:
            return limits.accelerators(self._of_its_kind)
        if self.max_nodes is None:
            return None
        return self.max_nodes * max((row.accelerators for row in self.types), default=0)

    @property
    def _of_its_kind(self) -> list[InstanceType]:
        """Its types without those of makers that no image has a driver for, unless the pool is of that maker."""
        counted = {*DEVICE_PLUGINS, self.accelerator}
        return [row for row in self.types if row.accelerator is None or row.accelerator.kind in counted]

    @property
    def scales_to_zero(self) -> bool:
        """Whether it may have no node."""
        return self.min_nodes == 0

    @property
    def starts_empty(self) -> bool:
        """Whether a group has no node at first, so that the autoscaler plans its first one from a template."""
        return self.template is not None and self.scales_to_zero and self.autoscaled and not self.desired_nodes

    @property
    def autoscaled(self) -> bool:
        """Whether its size may follow the pods."""
        return not self.static and not self.is_fixed

    @property
    def is_fixed(self) -> bool:
        """Whether it has one number of nodes at all times."""
        return self.max_nodes == self.min_nodes

    @property
    def max_nodes_for_pods(self) -> int | None:
        """Nodes that pods may count on, at most: without those that only replace others. None without a limit."""
        return self.min_nodes if self.static else self.max_nodes

    @property
    def is_reserved(self) -> bool:
        """Whether its nodes start in reserved capacity and nowhere else."""
        return self.capacity_types == (CapacityType.RESERVED.value,)

    @property
    def is_paid_for(self) -> bool:
        """Whether all of its nodes are of reservations whose number of instances is known."""
        return self.is_reserved and bool(self.reservations) and ceiling(self.reservations) is not None

    @property
    def parts(self) -> tuple["Pool", ...]:
        """The pool as one for each reservation of a known number of instances, then as what starts without these.

        Karpenter takes them in this order. A pool without such reservations, and a group, is one part.
        """
        counted = tuple(each for each in self.reservations if each.instances is not None and not each.closed)
        reserving = CapacityType.RESERVED in self.capacity_types and not self.unreserved
        if not counted or self.chooses_node_itself or not reserving:
            return (self,)
        reserved = (CapacityType.RESERVED.value,)
        rest = tuple(each for each in self.reservations if each not in counted)
        left = tuple(each for each in self.capacity_types if rest or each not in reserved)
        parts = [replace(self, capacity_types=reserved, reservations=(each,)) for each in counted]
        return (*parts, replace(self, capacity_types=left, reservations=rest)) if left else tuple(parts)

    @property
    def made_by(self) -> BackEnd:
        """What makes its nodes."""
        return BACK_ENDS[self.backend]

    @property
    def chooses_node_itself(self) -> bool:
        """Whether EC2 picks type and zone without looking at the pod, so that every choice must suit it."""
        return not self.made_by.looks_at_pods

    @cached_property
    def hard_taints(self) -> tuple[Taint, ...]:
        """Those that keep a pod away."""
        return tuple(taint for taint in self.taints if taint.effect in HARD_EFFECTS)

    @cached_property
    def candidates(self) -> tuple[Candidate, ...]:
        """Every kind of node that the pool may start, with all of its labels that are known before the start."""
        places = [(row, zone) for row in self.types for zone in (self.zones or ("",))]
        if self.chooses_node_itself:
            paid = self.reservations[0].named if self.is_paid_for else ""
            return tuple(Candidate(row, zone, self._labels(row, zone), reservation=paid) for row, zone in places)
        return tuple(
            Candidate(row, zone, self._labels(row, zone) | {CAPACITY_TYPE_LABEL: capacity_type}, capacity_type, paid)
            for row, zone in places
            if is_offered(row, self.region, [zone] if zone else [])
            for capacity_type in self.capacity_types
            if row.spot or capacity_type != CapacityType.SPOT
            for paid in self._payers(row, zone, capacity_type)
        )

    def _payers(self, row: InstanceType, zone: str, capacity_type: str) -> tuple[str, ...]:
        """The reservations that a node can be of, each as a candidate names it; nothing if they hold no such node."""
        if capacity_type != CapacityType.RESERVED:
            return ("",)
        if self.unreserved or not self.reservations:
            return () if self.unreserved else ("",)
        found = (each for each in self.reservations if not each.closed and each.holds(row.name, zone))
        return tuple(dict.fromkeys("" if each.instances is None else each.named for each in found))

    def _labels(self, row: InstanceType, zone: str) -> dict[str, str]:
        labels = merged(self.labels, self.well_known, {REGION_LABEL: self.region})
        if zone:
            labels[ZONE_LABEL] = zone
        if self.chooses_node_itself:
            own = {ARCH_LABEL: row.architecture, INSTANCE_TYPE_LABEL: row.name, OS_LABEL: "linux"}
            return merged(labels, own)
        prefix = AUTO_MODE_GROUP if self.backend == AUTO_MODE else KARPENTER_GROUP
        if zone_id := zone_ids(self.region).get(zone):
            labels[ZONE_ID_LABEL] = zone_id
        return merged(labels, labels_of_type(row, prefix))

    @property
    def narrowed(self) -> Place:
        """What narrows its nodes beside its requirements."""
        group = AUTO_MODE_GROUP if self.backend == AUTO_MODE else KARPENTER_GROUP
        return Place(group, self.region, self.zones)

    def on_demand_nodes(self, nodes: int) -> int:
        """How many of this number of nodes are on demand."""
        base = min(nodes, self.on_demand_base)
        return base + ceil((nodes - base) * self.on_demand_percentage / 100)

    def as_json(self) -> dict[str, Any]:
        """The plan's row."""
        return {
            "name": self.name,
            "backend": self.backend,
            "cluster": self.cluster or None,
            "accelerator": self.accelerator,
            "instance_types": list(self.instance_types),
            "gpus_per_node": self.gpus_per_node,
            "devices_per_node": self.devices_per_node,
            "capacity_types": list(self.capacity_types),
            "zones": list(self.zones),
            "min_nodes": self.min_nodes,
            "desired_nodes": self.desired_nodes,
            "max_nodes": self.max_nodes,
            "max_gpus": self.max_gpus,
            "labels": dict(sorted(self.labels.items())),
            "taints": [taint.for_kubernetes() for taint in self.taints],
            "scales_to_zero": self.scales_to_zero,
            "upgrade": self.upgrade.as_json(),
            **({"selectors": [each.as_json() for each in self.selectors]} if self.backend == FARGATE else {}),
            **({"reservations": [each.as_json() for each in self.reservations]} if self.reservations else {}),
            **({"given": True} if self.given else {}),
        }


def _stated(resource: str, text: str) -> int | None:
    """None for a tag that the autoscaler cannot read: to it that is none."""
    try:
        return amount(resource, text)
    except ValueError:
        return None


def told_apart(pools: Sequence[Pool]) -> list[Pool]:
    """The pools with names that a bill can tell apart: `gpu (north)` if another cluster has a pool of the name."""
    names = Counter(pool.name for pool in pools)
    return [
        replace(each, name=f"{each.name} ({each.cluster})") if names[each.name] > 1 and each.cluster else each
        for each in pools
    ]
