"""GpuPoolArgs: what a person says of a pool of nodes with accelerators."""

from typing import NotRequired

from typing_extensions import TypedDict

from .arg_words import CapacityTypeArg, DevicesArg, NodeImageArg, SharingStrategyArg
from .gpu_need import GpuNeedArgs
from .labels_and_taints import TaintArgs
from .node_storage import NodeStorageArgs
from .reservation import ReservationArgs


class GpuSharingArgs(TypedDict):
    """How pods share one GPU. With time-slicing the pods' GPU memory is not isolated."""

    strategy: SharingStrategyArg
    """time-slicing, which does not isolate GPU memory, or mps."""
    replicas: int
    """Number of pods on one GPU, 2 or more; with `warm_gpus` a node must have room for a pod on each share."""


class GpuPoolArgs(TypedDict):
    """A pool of nodes with accelerators. Set `instance_types` or `need`."""

    instance_types: NotRequired[list[str]]
    """EC2 instance types with the same accelerator count, the preferred one first: the autoscaler plans with it.
    Default those of `need`.
    """
    need: NotRequired[GpuNeedArgs]
    """What one node must have, instead of `instance_types`. The pool then has the types that cost up to twice as much
    as the cheapest, cheapest first. Default none.
    """
    max_gpus: int
    """Maximum number of accelerators of all nodes together, over zones and capacity types; at least as many as one node
    has.
    """
    warm_gpus: NotRequired[int]
    """Number of accelerators kept ready beside those in use, so that a pod starts without a wait for a node, within
    `max_gpus`; you pay for them while they are idle. Default 0.
    """
    nodes: NotRequired[int]
    """Number of nodes that run at all times, whatever the pods: no more come and none goes. Default none: the number
    follows the pods, from 0.
    """
    capacity_types: NotRequired[list[CapacityTypeArg]]
    """Capacity types spot, on-demand or reserved, the preferred one first. Default on-demand."""
    reservations: NotRequired[list[ReservationArgs]]
    """Capacity reservations and Capacity Blocks, which nodes of the capacity type reserved start in, before any other.
    Default none.
    """
    disk_gib: NotRequired[int]
    """Size of a node's disk for images and pods, in GiB, 30 or more. Default 100."""
    storage: NotRequired[NodeStorageArgs]
    """How fast a node's disk is, and which images lie on it. Default gp3 with 3000 IOPS and 125 MiB/s, and no image."""
    parallel_pull: NotRequired[bool]
    """Whether a node fetches and unpacks the layers of an image side by side (SOCI). It needs a throughput of 600 MiB/s
    or more, or nodes whose images lie on their instance store; Auto Mode decides it itself. Default no.
    """
    zones: NotRequired[list[str]]
    """Names of availability zones. Default every zone that has a subnet."""
    labels: NotRequired[dict[str, str]]
    """More labels for the nodes; keys and values have at most 63 characters. Default none."""
    taint: NotRequired[TaintArgs]
    """Taint that keeps other pods off the nodes. Default nvidia.com/gpu=true:NoSchedule; of Neuron,
    aws.amazon.com/neuron=true:NoSchedule.
    """
    node_image: NotRequired[NodeImageArg]
    """Image of the nodes: al2023 or bottlerocket. Default al2023."""
    idle_s: NotRequired[int]
    """Seconds an empty node is kept, 30 or more. Over 86400 only with `keeps_idle_nodes`. Default 600."""
    keeps_idle_nodes: NotRequired[bool]
    """Whether `idle_s` may be longer than a day; you then pay for nodes while they are idle. Default no."""
    devices: NotRequired[DevicesArg]
    """How pods get GPUs: plugin, where they request a number of nvidia.com/gpu, or claims, where a ResourceClaim (DRA)
    says which GPU they need; not for node groups. Default plugin.
    """
    sharing: NotRequired[GpuSharingArgs]
    """How several pods share one GPU. With Karpenter this needs its feature gate `node_overlay`, or `devices` claims;
    Auto Mode cannot plan with it. Default none.
    """
    mig: NotRequired[str]
    """Profile of the slices (MIG) into which each GPU is cut, such as 1g.10gb; pods then request
    nvidia.com/mig-1g.10gb. It needs `GpuOperator`, and Karpenter's feature gate `node_overlay`; Auto Mode cannot cut
    GPUs. Default none.
    """
    efa: NotRequired[bool]
    """Whether each node has all Elastic Fabric Adapters of its type, for jobs over several nodes. All types must have
    the same number, and `zones` must name one zone. Default no.
    """
    max_age_h: NotRequired[int]
    """Hours after which a node is replaced; not for node groups. Default 720 with Karpenter, 336 on Auto Mode."""
    disruption_budget: NotRequired[str]
    """Number or share of nodes that may be removed at once, such as 2 or 20%; not for node groups. Default all that are
    empty, else a tenth.
    """
    termination_grace_s: NotRequired[int]
    """Seconds after which pods that block a node's removal are terminated, 60 or more; not for node groups. Default
    86400.
    """
    weight: NotRequired[int]
    """Weight, 1 to 100: among pools that fit a pod, the one with the highest weight is used; not for node groups.
    Default none, the lowest.
    """
