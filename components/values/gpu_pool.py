"""GpuPool: nodes with accelerators, described once for all components that make them. The size is in accelerators,
`max_gpus`.
"""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator

from ..catalog import (
    ACCELERATOR_LABEL,
    DEPLOY_DEVICE_PLUGIN_LABEL,
    DEVICE_PLUGIN_CONFIG_LABEL,
    DRA_DRIVER_LABEL,
    GPU_PRESENT_LABEL,
    GPU_TAINT,
    MAX_DISK_GIB,
    MAX_INSTANCE_TYPES,
    MAX_POOL_WEIGHT,
    MIN_GPU_DISK_GIB,
    MIN_IDLE_S,
    MIN_TERMINATION_GRACE_S,
    MIN_THROUGHPUT_MIB_S,
    MPS_CAPABLE_LABEL,
    NEURON_TAINT,
    CapacityType,
    InstanceType,
    Taint,
    brings_plugin,
)
from ..catalog.cold_start import PARALLEL_PULL_THROUGHPUT_MIB_S
from ..catalog.mig import MIG_CONFIG_LABEL, MIG_GPUS, mig_config, mig_profiles
from ..catalog.scheduling import MIG_RESOURCE
from .gpu_need import GpuNeed
from .gpu_parts import GpuSharing, check_claims, check_sharing, check_slices
from .labels_and_taints import Labels, NodeTaint
from .node_storage import NodeStorage
from .patterns import like
from .pool_types import accelerator_of, differing, known_type, unusable
from .reservation import Reservation
from .validation_messages import refused
from .value import Value
from .words import Devices, NodeImage

LONGEST_IDLE_S = 86_400
"""A day, after which an idle node is more likely forgotten than kept."""

# It has 17 network cards and 16 EFA interfaces. Source: Karpenter 1.15, zz_generated.vpclimits.go.
_EFA_ON_OTHER_CARDS = frozenset({"p6-b300.48xlarge"})

# The spelling that the autoscaler's list of known GPUs has for the first data-centre cards.
_TESLA = frozenset({"t4", "v100", "a100", "p100", "k80"})


class GpuPool(Value):
    """A pool of nodes with accelerators, checked. A rule that looks at a field sees only the fields above it."""

    need: GpuNeed | None = None
    node_image: NodeImage = "al2023"
    instance_types: tuple[Annotated[InstanceType, BeforeValidator(known_type, json_schema_input_type=str)], ...] = ()
    """The types given, or those that satisfy the need."""
    max_gpus: int = Field(ge=1)
    warm_gpus: int = Field(default=0, ge=0)
    nodes: int | None = Field(default=None, ge=1)
    capacity_types: tuple[CapacityType, ...] = (CapacityType.ON_DEMAND,)
    disk_gib: int = Field(default=100, ge=MIN_GPU_DISK_GIB, le=MAX_DISK_GIB)
    storage: NodeStorage | None = None
    parallel_pull: bool = False
    zones: tuple[str, ...] | None = None
    reservations: tuple[Reservation, ...] = ()
    labels: Labels = Field(default_factory=dict)
    taint: NodeTaint | None = None
    keeps_idle_nodes: bool = False
    idle_s: int = Field(default=600, ge=MIN_IDLE_S)
    devices: Devices = "plugin"
    sharing: GpuSharing | None = None
    mig: str | None = None
    efa: bool = False
    max_age_h: int | None = Field(default=None, ge=1)
    # None at a time would keep every idle node.
    disruption_budget: Annotated[str, like(r"(100|[1-9]\d?)%|[1-9]\d*", "nodes, as 20% or 2")] | None = None
    termination_grace_s: int | None = Field(default=None, ge=MIN_TERMINATION_GRACE_S)
    weight: int | None = Field(default=None, ge=1, le=MAX_POOL_WEIGHT)

    @field_validator("instance_types", mode="before")
    @classmethod
    def _types_or_need(cls, names: Any, info: ValidationInfo) -> Any:
        need = info.data.get("need")
        if need is None:
            if not names and "need" in info.data:
                raise ValueError("give instance_types, or a need that they must satisfy")
            return names
        if names:
            raise ValueError("give instance_types or need, not both")
        rows = need.instance_types()
        if not rows:
            raise ValueError(f"no instance type has what is needed: {need}")
        return rows

    @field_validator("instance_types")
    @classmethod
    def _one_kind_of_node(cls, rows: tuple[InstanceType, ...]) -> tuple[InstanceType, ...]:
        if len(rows) > MAX_INSTANCE_TYPES:
            raise ValueError(f"a node group takes at most {MAX_INSTANCE_TYPES} types, got {len(rows)}")
        problems = [problem for row in rows if (problem := unusable(row))]
        problems += [f"{row.name} is there twice" for row in dict.fromkeys(rows) if rows.count(row) > 1]
        if not problems:
            problems = [*differing(rows)]
        if problems:
            raise ValueError("; ".join(problems))
        return rows

    @field_validator("max_gpus")
    @classmethod
    def _room_for_a_node(cls, max_gpus: int, info: ValidationInfo) -> int:
        rows = info.data.get("instance_types")
        if rows and max_gpus < rows[0].accelerators:
            raise refused(f"must be at least {rows[0].accelerators}")
        return max_gpus

    @field_validator("warm_gpus")
    @classmethod
    def _within_the_pool(cls, warm_gpus: int, info: ValidationInfo) -> int:
        if (most := _most_nodes(info)) is not None and warm_gpus > (
            room := most * info.data["instance_types"][0].accelerators
        ):
            raise refused(f"must be at most {room}, all that the nodes under max_gpus have")
        return warm_gpus

    @field_validator("nodes")
    @classmethod
    def _no_more_than_max_gpus(cls, nodes: int | None, info: ValidationInfo) -> int | None:
        if nodes is None:
            return None
        if info.data.get("warm_gpus"):
            reason = "a pool of a fixed number of nodes starts none for a pod"
            raise ValueError(f"give nodes or warm_gpus, not both: {reason}")
        if (most := _most_nodes(info)) is not None and nodes > most:
            raise refused(f"must be at most {most}, the nodes that max_gpus allows")
        return nodes

    @field_validator("capacity_types", "zones")
    @classmethod
    def _once_each(cls, words: tuple[str, ...] | None) -> tuple[str, ...] | None:
        if words is not None and (not words or len(set(words)) < len(words)):
            raise refused("must have one entry or more, none of them twice")
        return words

    @field_validator("reservations")
    @classmethod
    def _of_this_pool(cls, reservations: tuple[Reservation, ...], info: ValidationInfo) -> tuple[Reservation, ...]:
        problems = [problem for each in reservations for problem in _strange(each, info.data)]
        named = [each.named for each in reservations]
        problems += [f"{name} is there twice" for name in dict.fromkeys(named) if named.count(name) > 1]
        kinds = info.data.get("capacity_types", ())
        if reservations and kinds and CapacityType.RESERVED not in kinds:
            nearest = ", ".join([CapacityType.RESERVED, *kinds])
            problems.append(f"capacity_types must have reserved, got {', '.join(kinds)}; nearest: {nearest}")
        if problems:
            raise ValueError("; ".join(problems))
        return reservations

    @field_validator("idle_s")
    @classmethod
    def _ends_within_a_day(cls, idle_s: int, info: ValidationInfo) -> int:
        if info.data.get("nodes") and idle_s != cls.model_fields["idle_s"].default:
            raise ValueError(f"with nodes an idle node is kept for ever, got {idle_s}: leave idle_s out")
        if idle_s > LONGEST_IDLE_S and not info.data.get("keeps_idle_nodes"):
            rule = f"must be at most {LONGEST_IDLE_S} unless keeps_idle_nodes is true"
            raise refused(f"{rule}, because idle nodes cost as busy ones do")
        return idle_s

    @field_validator("storage")
    @classmethod
    def _fits_the_disk(cls, storage: NodeStorage | None, info: ValidationInfo) -> NodeStorage | None:
        if storage is None:
            return None
        problems = storage.problems(info.data["disk_gib"]) if "disk_gib" in info.data else []
        if storage.snapshot_id and info.data.get("node_image") == "al2023":
            reason = "images lie beside the system on the one disk of al2023"
            problems.append(f"snapshot_id needs node_image bottlerocket: {reason}")
        if problems:
            raise ValueError("; ".join(problems))
        return storage

    @field_validator("devices")
    @classmethod
    def _claimable(cls, devices: Devices, info: ValidationInfo) -> Devices:
        if devices == "claims":
            check_claims(info.data)
        return devices

    @field_validator("sharing")
    @classmethod
    def _shareable(cls, sharing: GpuSharing | None, info: ValidationInfo) -> GpuSharing | None:
        if sharing:
            check_sharing(sharing, info.data)
        return sharing

    @field_validator("mig")
    @classmethod
    def _cuttable(cls, profile: str | None, info: ValidationInfo) -> str | None:
        if profile is not None:
            check_slices(profile, info.data)
        return profile

    @field_validator("efa")
    @classmethod
    def _near_each_other(cls, efa: bool, info: ValidationInfo) -> bool:
        rows = info.data.get("instance_types")
        if not efa or not rows:
            return efa
        if without := [row.name for row in rows if not row.efa]:
            raise ValueError(f"{', '.join(without)} has no EFA: name types that have it, see eks-gpu types --efa")
        if unknown := [row.name for row in rows if row.name in _EFA_ON_OTHER_CARDS]:
            raise ValueError(f"{', '.join(unknown)} has EFA on some of its network cards, and which is not known")
        if len(counts := {row.name: row.efa_interfaces for row in rows}) and len(set(counts.values())) > 1:
            each = ", ".join(f"{name} has {count}" for name, count in counts.items())
            raise ValueError(f"types must have one number of EFA interfaces, which one launch template names: {each}")
        if "zones" in info.data and len(info.data["zones"] or ()) != 1:
            raise ValueError("zones must name one zone: EFA does not reach over zones")
        return efa

    @property
    def efa_interfaces(self) -> int:
        """EFA interfaces of a node; 0 without `efa`."""
        return self.instance_types[0].efa_interfaces if self.efa else 0

    @field_validator("weight")
    @classmethod
    def _chosen_among_growing_pools(cls, weight: int | None, info: ValidationInfo) -> int | None:
        if weight is not None and info.data.get("nodes"):
            raise ValueError(f"with nodes the pool starts no node for a pod, so it is never chosen, got {weight}")
        return weight

    @property
    def accelerator(self) -> str:
        """nvidia or neuron."""
        return accelerator_of(self.instance_types[0]).kind

    @property
    def architecture(self) -> str:
        """amd64 or arm64."""
        return self.instance_types[0].architecture

    @property
    def resource(self) -> str:
        """Name of the resource that pods request: nvidia.com/gpu, that of a slice, or aws.amazon.com/neuron."""
        if self.mig:
            return f"{MIG_RESOURCE}{self.mig}"
        return accelerator_of(self.instance_types[0]).resource

    @property
    def accelerators_per_node(self) -> int:
        """Devices of one node, however many pods share each."""
        return self.instance_types[0].accelerators

    @property
    def resources_per_node(self) -> int:
        """How many of `resource` one node offers: shared devices count once for each pod that can have them."""
        return self.accelerators_per_node * self.pods_per_accelerator

    @property
    def pods_per_accelerator(self) -> int:
        """How many of `resource` one device is: its shares or its slices."""
        if self.mig:
            return mig_profiles(accelerator_of(self.instance_types[0]))[self.mig]
        return self.sharing.replicas if self.sharing and not self.claims else 1

    @property
    def resources(self) -> dict[str, int]:
        """Every resource that a node offers, with the least that a node of any of the types has of it."""
        offers = [accelerator_of(row).offered for row in self.instance_types]
        least = {name: min(offer.get(name, 0) for offer in offers) for name in offers[0]}
        if self.mig:
            least = dict.fromkeys(least, 0)  # a GPU in slices is none that a pod gets whole
        return {**least, self.resource: self.resources_per_node}

    @property
    def max_nodes(self) -> int:
        """Whole nodes under `max_gpus`."""
        return self.max_gpus // self.accelerators_per_node

    @property
    def max_nodes_for_pods(self) -> int:
        """Nodes that pods may count on, at most: of a fixed number, none of those that only come to replace others."""
        return self.max_nodes if self.nodes is None else self.nodes

    @property
    def stated_size(self) -> str:
        """What a message calls the size that `max_nodes_for_pods` follows from: `max_gpus 8`, or `nodes 2`."""
        return f"max_gpus {self.max_gpus}" if self.nodes is None else f"nodes {self.nodes}"

    def pull_problems(self, *, on_instance_store: bool = False) -> list[str]:
        """A sentence if pulling in parallel would make pulls slower, where `on_instance_store` says what images lie on.

        Source: AWS Containers Blog, SOCI parallel pull mode.
        """
        throughput = self.storage.throughput_mib_s if self.storage else MIN_THROUGHPUT_MIB_S
        if not self.parallel_pull or on_instance_store or throughput >= PARALLEL_PULL_THROUGHPUT_MIB_S:
            return []
        rule = f"needs storage.throughput_mib_s {PARALLEL_PULL_THROUGHPUT_MIB_S} or more, or it makes pulls slower"
        return [f"pool.parallel_pull {rule}, got {throughput}"]

    @property
    def can_be_cut(self) -> bool:
        """Whether one of the types has a GPU that can be cut into slices."""
        return any(accelerator_of(row).name in MIG_GPUS for row in self.instance_types)

    @property
    def offers_parts(self) -> bool:
        """Whether a node offers more of `resource` than it has devices, which Karpenter must be told by an overlay."""
        return bool(self.sharing or self.mig) and not self.claims

    @property
    def warm_resources(self) -> int:
        """How many of `resource` are kept ready."""
        return self.warm_gpus * self.resources_per_node // self.accelerators_per_node

    def needs_plugin(self, kind: str) -> bool:
        """Whether nodes of your own need the device plugin of `kind`, nvidia or neuron: no image of theirs has it."""
        return self.accelerator == kind and not brings_plugin(self.node_image, kind) and not self.claims

    @property
    def claims(self) -> bool:
        """Whether pods get the devices by claims (DRA)."""
        return self.devices == "claims"

    @property
    def node_labels(self) -> dict[str, str]:
        """Labels of every node; the label of the capacity type differs between nodes of a pool and is added."""
        return {**self._accelerator_labels(), **self.labels}

    def _accelerator_labels(self) -> dict[str, str]:
        # The autoscaler holds a node with the accelerator label for unready until it has a GPU, which Neuron never has.
        if self.accelerator != "nvidia":
            return {}
        if self.claims:  # without the accelerator label: with the DRA driver a node never has that resource
            return {GPU_PRESENT_LABEL: "true", DEPLOY_DEVICE_PLUGIN_LABEL: "false", DRA_DRIVER_LABEL: "true"}
        names = {accelerator_of(row).name for row in self.instance_types}
        labels = {GPU_PRESENT_LABEL: "true", ACCELERATOR_LABEL: _label_value(names)}
        if self.mig:
            # With the accelerator label the autoscaler waits for a whole GPU, which the node will never have.
            labels = {GPU_PRESENT_LABEL: "true", MIG_CONFIG_LABEL: mig_config(self.mig)}
        if self.node_image == "bottlerocket":
            labels[DEPLOY_DEVICE_PLUGIN_LABEL] = "false"
        if self.sharing:
            labels[DEVICE_PLUGIN_CONFIG_LABEL] = self.sharing.config
            if self.sharing.strategy == "mps":
                labels[MPS_CAPABLE_LABEL] = "true"
        return labels

    @property
    def taints(self) -> tuple[Taint, ...]:
        """The taint given, or the accelerator's own."""
        if self.taint:
            return (self.taint.plain(),)
        return (GPU_TAINT,) if self.accelerator == "nvidia" else (NEURON_TAINT,)


def plugin_problem(pool: GpuPool) -> str:
    """Why no node of the pool takes a pod that requests its accelerators by number; empty if there is no reason."""
    reason = f"its pods request {pool.resource}, which a node of a pool with claims never offers"
    return f"pool.devices must be plugin: {reason}, got claims" if pool.claims else ""


def _strange(reservation: Reservation, pool: Mapping[str, Any]) -> Iterator[str]:
    """In what the reservation is not one of the pool's, whose fields `pool` has as far as they are right."""
    types = [row.name for row in pool.get("instance_types", ())]
    if types and reservation.instance_type and reservation.instance_type not in types:
        yield f"{reservation.named} is of {reservation.instance_type}, and the pool's types are {', '.join(types)}"
    zones = pool.get("zones")
    if zones and reservation.zone and reservation.zone not in zones:
        yield f"{reservation.named} is in {reservation.zone}, and the pool's zones are {', '.join(zones)}"


def _most_nodes(info: ValidationInfo) -> int | None:
    """Whole nodes under `max_gpus`; None where a rule on it or on the types is broken."""
    rows, most = info.data.get("instance_types"), info.data.get("max_gpus")
    return most // rows[0].accelerators if rows and most else None


def _label_value(accelerators: set[str]) -> str:
    """As the autoscaler's own list spells it; the maker alone where the types differ."""
    if len(accelerators) > 1:
        return "nvidia"
    (name,) = accelerators
    return f"nvidia-tesla-{name}" if name in _TESLA else f"nvidia-{name}"
