"""Labels of nodes: their keys, and what Karpenter and EKS Auto Mode write there for each instance type.

Source: Kubernetes, "Well-Known Labels, Annotations and Taints"; Karpenter 1.15, pkg/apis/v1/labels.go; EKS User Guide,
"Create a Node Pool for EKS Auto Mode". Auto Mode's labels are Karpenter's under another prefix.
"""

from collections.abc import Mapping, Sequence
from functools import cache

from .api_groups import AUTO_MODE_GROUP, KARPENTER_GROUP
from .instance_types import InstanceType
from .requirements import requirement_holds

# The device plugin's chart schedules on the first; the autoscaler waits for a GPU on nodes with the second.
GPU_PRESENT_LABEL = "nvidia.com/gpu.present"
ACCELERATOR_LABEL = "k8s.amazonaws.com/accelerator"

# Labels by which nodes tell NVIDIA's software what to do. Source: NVIDIA device plugin 0.20, README.md and Helm chart.
DEVICE_PLUGIN_CONFIG_LABEL = "nvidia.com/device-plugin.config"
"""Names the entry of the device plugin's `config.map` for the node."""
DEPLOY_DEVICE_PLUGIN_LABEL = "nvidia.com/gpu.deploy.device-plugin"
"""`false` keeps a device plugin off a node whose image brings one."""
DEPLOY_OPERANDS_LABEL = "nvidia.com/gpu.deploy.operands"
"""`false` keeps all pods of the GPU operator off a node."""
MPS_CAPABLE_LABEL = "nvidia.com/mps.capable"
"""`true` brings the daemon that MPS needs to the node."""

DRA_DRIVER_LABEL = "nvidia.com/dra-kubelet-plugin"
"""`true` brings the DRA driver to a node. Source: NVIDIA GPU Operator 26.7, "DRA Driver for NVIDIA GPUs"."""

# Labels that kubelet or the cloud provider sets on every node.
ARCH_LABEL = "kubernetes.io/arch"
HOSTNAME_LABEL = "kubernetes.io/hostname"
OS_LABEL = "kubernetes.io/os"
INSTANCE_TYPE_LABEL = "node.kubernetes.io/instance-type"
REGION_LABEL = "topology.kubernetes.io/region"
ZONE_LABEL = "topology.kubernetes.io/zone"
ZONE_ID_LABEL = "topology.k8s.aws/zone-id"
EBS_ZONE_LABEL = "topology.ebs.csi.aws.com/zone"

NAMESPACE_NAME_LABEL = "kubernetes.io/metadata.name"
"""What every namespace has, by the API server."""
MIRROR_ANNOTATION = "kubernetes.io/config.mirror"
"""What the pods of kubelet's own files have."""
SERVICE_NAME_TAG = "kubernetes.io/service-name"
"""Tag of a Service's load balancer, which has its namespace and name."""
INGRESS_CLASS_ANNOTATION = "kubernetes.io/ingress.class"
"""Class of an Ingress, before there was a field for it."""

# Labels of Karpenter's nodes, and so of Auto Mode's.
CAPACITY_TYPE_LABEL = "karpenter.sh/capacity-type"
NODE_POOL_LABEL = "karpenter.sh/nodepool"
NODE_CLASS_LABEL = f"{KARPENTER_GROUP}/ec2nodeclass"
COMPUTE_TYPE_LABEL = f"{AUTO_MODE_GROUP}/compute-type"
"""`auto` on each node of Auto Mode."""
INITIALIZED_LABEL, REGISTERED_LABEL = "karpenter.sh/initialized", "karpenter.sh/registered"
"""`true` once a node is ready for pods, and once Karpenter knows it for its own."""

# Labels that EKS gives the nodes of managed groups. Source: EKS User Guide, "Managed node groups".
EKS_COMPONENT_LABEL = f"{AUTO_MODE_GROUP}/component"
"""What the objects of EKS's own software have."""
NODE_GROUP_LABEL = f"{AUTO_MODE_GROUP}/nodegroup"
EKS_CAPACITY_TYPE_LABEL = f"{AUTO_MODE_GROUP}/capacityType"
MANAGED_GROUP_LABELS = frozenset(
    {
        NODE_GROUP_LABEL,
        EKS_CAPACITY_TYPE_LABEL,
        f"{AUTO_MODE_GROUP}/nodegroup-image",
        f"{AUTO_MODE_GROUP}/sourceLaunchTemplateId",
        f"{AUTO_MODE_GROUP}/sourceLaunchTemplateVersion",
    }
)

OLD_LABELS: Mapping[str, str] = {
    "beta.kubernetes.io/arch": ARCH_LABEL,
    "beta.kubernetes.io/instance-type": INSTANCE_TYPE_LABEL,
    "beta.kubernetes.io/os": OS_LABEL,
    "failure-domain.beta.kubernetes.io/zone": ZONE_LABEL,
}
"""Label before Kubernetes 1.17 -> label now."""

INSTANCE_GROUPS = (KARPENTER_GROUP, AUTO_MODE_GROUP)
"""Prefixes of the labels that say what an instance type is: Karpenter's, and Auto Mode's."""
INSTANCE_LABELS = frozenset(
    {
        "instance-accelerator-count",
        "instance-accelerator-manufacturer",
        "instance-accelerator-name",
        "instance-capability-flex",
        "instance-category",
        "instance-cpu",
        "instance-cpu-manufacturer",
        "instance-family",
        "instance-generation",
        "instance-gpu-count",
        "instance-gpu-manufacturer",
        "instance-gpu-memory",
        "instance-gpu-name",
        "instance-hypervisor",
        "instance-local-nvme",
        "instance-memory",
        "instance-size",
    }
)
"""Names, without prefix, of the labels that `labels_of_type` gives to a type that has the property."""
UNJUDGED_INSTANCE_LABELS = frozenset(
    {
        "instance-cpu-sustained-clock-speed-mhz",
        "instance-ebs-bandwidth",
        "instance-encryption-in-transit-supported",
        "instance-network-bandwidth",
        "instance-tenancy",
    }
)
"""Names, without prefix, of the labels of a type whose values the catalog does not have."""
RESERVATION_ID_NAME, RESERVATION_TYPE_NAME = "capacity-reservation-id", "capacity-reservation-type"
"""Names, without prefix, of the labels that say which reservation a node is of."""
_OF_PLACEMENT = frozenset(
    {
        RESERVATION_ID_NAME,
        "capacity-reservation-interruptible",
        RESERVATION_TYPE_NAME,
        "placement-group-id",
        "placement-group-partition",
        NODE_CLASS_LABEL.rpartition("/")[2],
    }
)
_GENERIC = (INSTANCE_TYPE_LABEL, ARCH_LABEL, OS_LABEL)
_PLACES = (ZONE_LABEL, ZONE_ID_LABEL, REGION_LABEL)


@cache
def labels_of_type(row: InstanceType, group: str) -> Mapping[str, str]:
    """Labels of every node of the type, the generic ones too, with the prefix `karpenter.k8s.aws` or Auto Mode's."""
    made = {
        "instance-category": row.category,
        "instance-generation": str(row.generation),
        "instance-family": row.family,
        "instance-size": row.size,
        "instance-cpu": str(row.vcpus),
        "instance-cpu-manufacturer": row.cpu_maker,
        "instance-memory": str(row.memory_mib),
        "instance-hypervisor": row.hypervisor,
        "instance-local-nvme": str(row.instance_store_gb) if row.nvme else None,
        "instance-capability-flex": str(row.family.endswith("-flex")).lower(),
        **_device_labels(row),
    }
    generic = {INSTANCE_TYPE_LABEL: row.name, ARCH_LABEL: row.architecture, OS_LABEL: "linux"}
    return {**generic, **{f"{group}/{name}": value for name, value in made.items() if value is not None}}


def _device_labels(row: InstanceType) -> dict[str, str]:
    """Neuron and AI 100 devices are accelerators, and all others GPUs."""
    found = row.accelerator
    if found is None:
        return {}
    if found.maker in ("aws", "qualcomm"):
        word, more = "accelerator", {}
    else:
        word, more = "gpu", {"instance-gpu-memory": str(found.memory_mib)}
    return {
        f"instance-{word}-name": found.name,
        f"instance-{word}-manufacturer": found.maker,
        f"instance-{word}-count": str(found.count),
        **more,
    }


def instance_label(name: str, group: str) -> str:
    """Key of a label of the type by its last words, as `gpu-name`. Raises KeyError for one that no node gets."""
    if f"instance-{name}" not in INSTANCE_LABELS | UNJUDGED_INSTANCE_LABELS:
        raise KeyError(name)
    return f"{group}/instance-{name}"


def type_may_meet(row: InstanceType, key: str, operator: str, values: Sequence[str]) -> bool:
    """Whether a requirement on a label of the type holds, under either prefix.

    Raises KeyError for a label that says nothing of a type.
    """
    if not is_type_label(key):
        raise KeyError(key)
    return requirement_holds(operator, values, labels_of_type(row, key.rpartition("/")[0]).get(key))


def is_type_label(key: str) -> bool:
    """Whether the label says something of an instance type that the catalog knows, under either prefix."""
    group, _, name = key.rpartition("/")
    return key in _GENERIC or (group in INSTANCE_GROUPS and name in INSTANCE_LABELS)


def is_unjudged_label(key: str) -> bool:
    """Whether Karpenter sets the label by itself and the catalog does not have its values."""
    group, _, name = key.rpartition("/")
    return group in INSTANCE_GROUPS and name in UNJUDGED_INSTANCE_LABELS | _OF_PLACEMENT


def is_well_known_label(key: str) -> bool:
    """Whether Karpenter sets the label by itself, so that nobody may give it to nodes."""
    others = (*_PLACES, CAPACITY_TYPE_LABEL, NODE_POOL_LABEL, COMPUTE_TYPE_LABEL)
    return key in others or is_type_label(key) or is_unjudged_label(key)
