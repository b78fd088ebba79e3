"""What a file describes, whatever its format: a cluster, pools of nodes, controllers, workloads."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from eks_gpu.importers.fields import Fields, Place
from eks_gpu.importers.findings import Findings, PoolFindings
from eks_gpu.importers.requirements import Requirement
from eks_gpu.pods.pod import Pod
from eks_gpu.pools.overlays import Overlay
from eks_gpu.pools.pool import AUTO_MODE, KARPENTER
from eks_gpu.pools.pool import AUTO_SCALING_GROUP as SELF_MANAGED
from eks_gpu.pools.pool import MANAGED_NODE_GROUP as MANAGED
from eks_gpu.pools.scope import GROUPS
from eks_gpu_components.catalog import DEVICE_PLUGINS

__all__ = [
    "AUTO_MODE",
    "KARPENTER",
    "MANAGED",
    "MAX_POOLS",
    "SELF_MANAGED",
    "Buffer",
    "Cluster",
    "Described",
    "Named",
    "NodeClass",
    "NodeTaint",
    "PluginConfig",
    "Pool",
    "Selection",
    "Stated",
    "Toleration",
    "Workload",
]
MAX_POOLS = 100
"""Of one file."""


@dataclass(frozen=True, slots=True)
class NodeTaint:
    """A taint as it is written; `value` is None where there is none."""

    key: str
    value: str | None
    effect: str
    place: Place


@dataclass(frozen=True, slots=True)
class Named:
    """An instance type that a file names."""

    name: str
    place: Place


@dataclass(frozen=True, slots=True)
class Stated:
    """A value, and where a file says it."""

    value: Any
    place: Place


@dataclass(frozen=True, kw_only=True)
class NodeClass:
    """What Karpenter's and Auto Mode's node classes say of nodes."""

    image: str = "al2023"
    image_version: str | None = None
    disk_gib: int | None = None
    system_gib: int | None = None
    """Size of Bottlerocket's own volume."""
    system_place: Place | None = None
    speed: Mapping[str, Stated] = field(default_factory=dict)
    """Of the volume that images fill, by the field of a pool's `storage`."""
    efa_interfaces: Stated | None = None
    """Number of the interfaces of EFA."""
    placement_group: Place | None = None
    reservation_ids: tuple[str, ...] = ()
    reservations: tuple[Mapping[str, Any], ...] = ()
    """Those that tags select, as a pool's `reservations`."""
    reservations_place: Place | None = None
    cluster_name: str | None = None
    """From its selectors' tags or its role's name."""
    place: Place | None = None
    """None for a Provisioner's own."""
    findings: Findings = field(default_factory=Findings)
    """What was told of its fields."""
    disk_problems: tuple[tuple[Place, str], ...] = ()
    """What is wrong with its disks for nodes with accelerators."""
    shares: int = 1
    """Pods on one GPU, by its user data."""

    @property
    def reserves(self) -> bool:
        """Whether it selects reservations."""
        return bool(self.reservation_ids or self.reservations)


@dataclass(kw_only=True)
class Pool:
    """Nodes of one description. `None` is what the file does not say."""

    name: str
    backend: str
    place: Place
    findings: PoolFindings
    """What was told of it, whatever kind of pool it turns out to be."""
    types: list[Named] = field(default_factory=list)
    types_place: Place
    chosen_by_requirements: bool = False
    """Whether the catalog found the types, and nobody named them."""
    requirements: tuple[Requirement, ...] = ()
    """A node pool's; empty for a group."""
    capacity_types: tuple[str, ...] = ("on-demand",)
    capacity_is_named: bool = True
    """Whether the file says something of them."""
    reserved_is_named: bool = False
    """Whether reserved is one of them because the file names it, and not because nothing forbids it."""
    on_demand_base: int = 0
    on_demand_percentage: int = 100
    zones: tuple[str, ...] = ()
    zones_place: Place | None = None
    labels: dict[str, str] = field(default_factory=dict)
    labels_place: Place
    taints: list[NodeTaint] = field(default_factory=list)
    taints_place: Place
    min_nodes: int = 0
    desired_nodes: int | None = None
    max_nodes: int | None = None
    max_gpus: int | None = None
    limits: dict[str, Fraction] = field(default_factory=dict)
    """Karpenter's, in cores, bytes and ones."""
    limit_places: dict[str, Place] = field(default_factory=dict)
    size_place: Place
    running_place: Place | None = None
    """Of what makes nodes run without work."""
    disk_gib: int | None = None
    disk_place: Place | None = None
    speed: Mapping[str, Stated] = field(default_factory=dict)
    """Of a group's disk, by the field of a pool's `storage`."""
    efa: Place | None = None
    """Where a group asks for EFA."""
    fixed_nodes: Stated | None = None
    """The number of nodes of static capacity."""
    idle_s: int | None = None
    max_age_h: int | None = None
    disruption_budget: str | None = None
    termination_grace_s: int | None = None
    weight: int | None = None
    image: str = "al2023"
    image_place: Place | None = None
    session_manager: bool = False
    """Whether Systems Manager may open sessions on its nodes."""
    node_class: str | None = None
    """Name of the node class it refers to."""
    storage: NodeClass | None = None
    """The node class, where the file has it."""

    @property
    def grouped(self) -> bool:
        """Whether it is an auto scaling group, of either kind."""
        return self.backend in GROUPS

    @property
    def sized_in_nodes(self) -> bool:
        """Whether it was a group in its file, whatever it becomes."""
        return self.max_nodes is not None


@dataclass(kw_only=True)
class Cluster:
    """The cluster that a ClusterConfig describes, or what other objects tell of theirs."""

    name: str | None = None
    name_place: Place | None = None
    region: str | None = None
    zones: tuple[str, ...] = ()
    zones_place: Place | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    """Keys of the section `cluster` beside its name."""
    network: dict[str, Any] = field(default_factory=dict)
    auto_mode: bool = False
    described: bool = False
    """Whether a ClusterConfig describes it."""
    minor: str | None = None
    """Its Kubernetes version, as written."""


@dataclass(frozen=True, slots=True)
class Toleration:
    """Of a pod; `operator` is empty where none is written."""

    key: str
    operator: str
    value: str
    effect: str
    place: Place


@dataclass(frozen=True, slots=True)
class Selection:
    """One label that a pod wants of its node: one of these values, or any where there are none."""

    key: str
    values: tuple[str, ...]
    place: Place


@dataclass(kw_only=True)
class Workload:
    """Pods of one description."""

    name: str
    kind: str
    place: Place
    requests: dict[str, int] = field(default_factory=dict)
    """Accelerators by resource."""
    requests_place: Place
    tolerations: list[Toleration] = field(default_factory=list)
    selections: list[Selection] = field(default_factory=list)
    images: list[Named] = field(default_factory=list)
    spare: bool = False
    """Whether its pods do nothing but hold a place."""
    replicas: Stated | None = None
    pod: Pod = field(default_factory=Pod)
    priority_class: str = ""
    device_plugin: str = ""
    """Kind of accelerators whose device plugin it is, nvidia or neuron; empty for other work."""

    def asks_for(self, kind: str) -> bool:
        """Whether a pod asks for accelerators of the kind, nvidia or neuron."""
        return any(self.requests.get(resource) for resource in DEVICE_PLUGINS[kind].resources)


@dataclass(frozen=True, kw_only=True)
class Buffer:
    """A CapacityBuffer of pods of a template."""

    place: Place
    template: tuple[str, str]
    """Namespace and name of its PodTemplate."""
    replicas: Stated | None
    others: tuple[Stated, ...] = ()
    """What else it says, which no number of accelerators is."""


@dataclass(frozen=True, kw_only=True)
class PluginConfig:
    """How a configuration of the device plugin shares GPUs."""

    sharing: Mapping[str, Any]
    """As a pool's `sharing`; empty where it shares none."""
    place: Place


@dataclass
class Described:
    """All of a file."""

    cluster: Cluster = field(default_factory=Cluster)
    pools: list[Pool] = field(default_factory=list)
    node_classes: dict[tuple[str, str], NodeClass] = field(default_factory=dict)
    """By back end and name."""
    overlays: list[Overlay] = field(default_factory=list)
    overlay_places: dict[str, Fields] = field(default_factory=dict)
    """`spec` of each, by its name."""
    plugin_configs: dict[str, PluginConfig] = field(default_factory=dict)
    """Of the NVIDIA device plugin, by the name that a node's label gives."""
    buffers: list[Buffer] = field(default_factory=list)
    templates: dict[tuple[str, str], tuple[Workload, Place]] = field(default_factory=dict)
    """PodTemplates by namespace and name."""
    priorities: dict[str, Stated] = field(default_factory=dict)
    """PriorityClasses by name."""
    workloads: list[Workload] = field(default_factory=list)
    device_plugins: list[Workload] = field(default_factory=list)
    autoscaler: dict[str, Any] | None = None
    """Its settings, where the file has or needs one."""
    karpenter: Place | None = None
    """Where a ClusterConfig asks for it."""
    load_balancers: bool = False
    """Whether something asks for the load balancer controller."""
