"""Default tolerations and node affinities of Helm charts.

Helm replaces lists, so values that add to a list must repeat its default items.
"""

from typing import Any

from .labels import COMPUTE_TYPE_LABEL, GPU_PRESENT_LABEL, INSTANCE_TYPE_LABEL
from .scheduling import GPU_TAINT, NEURON_TAINT, SYSTEM_TAINT

_SYSTEM = {"key": SYSTEM_TAINT.key, "operator": "Exists"}

DEVICE_PLUGIN_TOLERATIONS = (_SYSTEM, GPU_TAINT.toleration())
"""Tolerations of NVIDIA's device plugin. Source: chart 0.20.0, values.yaml."""
DRA_DRIVER_TOLERATIONS = (GPU_TAINT.toleration(),)
"""Tolerations of NVIDIA's DRA driver on GPU nodes. Source: chart 0.5.0, values.yaml, `kubeletPlugin`."""
DEVICE_PLUGIN_NODES = (
    ("feature.node.kubernetes.io/pci-10de.present", "true"),
    ("feature.node.kubernetes.io/cpu-model.vendor_id", "NVIDIA"),
    (GPU_PRESENT_LABEL, "true"),
)
"""Label and value, one of which a node must have for NVIDIA's device plugin. Source: chart 0.20.0, values.yaml."""
DEVICE_PLUGIN_AFFINITY: dict[str, Any] = {
    "nodeAffinity": {
        "requiredDuringSchedulingIgnoredDuringExecution": {
            "nodeSelectorTerms": [
                {"matchExpressions": [{"key": key, "operator": "In", "values": [value]}]}
                for key, value in DEVICE_PLUGIN_NODES
            ]
        }
    }
}
"""DEVICE_PLUGIN_NODES as the chart writes them."""
NEURON_PLUGIN_TOLERATIONS = (
    _SYSTEM,
    NEURON_TAINT.toleration(),
    {
        "key": "sagemaker.amazonaws.com/node-health-status",
        "operator": "Equal",
        "value": "Unschedulable",
        "effect": "NoSchedule",
    },
)
"""Tolerations of the Neuron device plugin. Source: chart 1.9.0, values.yaml, `devicePlugin`."""
NEURON_PLUGIN_TYPES = (
    *("inf1.xlarge", "inf1.2xlarge", "inf1.6xlarge", "inf1.24xlarge"),
    *("inf2.xlarge", "inf2.8xlarge", "inf2.24xlarge", "inf2.48xlarge"),
    *("trn1.2xlarge", "trn1.32xlarge", "trn1n.32xlarge", "trn2.3xlarge", "trn2.48xlarge", "trn2u.48xlarge"),
    *("trn3.48xlarge", "trn3e.24xlarge"),
)
"""Instance types on whose nodes the Neuron device plugin runs, of EC2. Source: chart 1.9.0, `neuronInstances`."""
NEURON_PLUGIN_AFFINITY: dict[str, Any] = {
    "nodeAffinity": {
        "requiredDuringSchedulingIgnoredDuringExecution": {
            "nodeSelectorTerms": [
                {
                    "matchExpressions": [
                        {"key": INSTANCE_TYPE_LABEL, "operator": "In", "values": list(NEURON_PLUGIN_TYPES)},
                        {"key": COMPUTE_TYPE_LABEL, "operator": "NotIn", "values": ["fargate", "hybrid", "auto"]},
                    ]
                }
            ]
        }
    }
}
"""Affinity of the Neuron device plugin. Source: chart 1.9.0, values.yaml, `devicePlugin`."""
GPU_OPERATOR_TOLERATIONS = (GPU_TAINT.toleration(),)
"""Tolerations of the GPU operator's DaemonSets. Source: chart v26.7.0, values.yaml, `daemonsets`."""
GPU_OPERATOR_RUNTIME_CLASSES = ("nvidia", "nvidia-cdi", "nvidia-legacy")
"""RuntimeClasses that the GPU operator makes."""
EXPORTER_TOLERATIONS = ({"key": "node-role.kubernetes.io/control-plane", "operator": "Exists", "effect": "NoSchedule"},)
"""Tolerations of the DCGM exporter. Source: chart 4.8.2, values.yaml."""
EXPORTER_REQUESTS = {"cpu": "100m", "memory": "128Mi"}
"""What a pod of the DCGM exporter asks for. Source: chart 4.8.2, values.yaml."""
FEATURE_DISCOVERY_TOLERATIONS = (GPU_TAINT.toleration(),)
"""Tolerations of node feature discovery's workers in the GPU operator. Source: chart v26.7.0, values.yaml."""
KARPENTER_TOLERATIONS = (_SYSTEM,)
"""Tolerations of Karpenter's controller. Source: chart 1.15.0, values.yaml."""
TERMINATION_HANDLER_TAG = "aws-node-termination-handler/managed"
"""Tag of the nodes that AWS Node Termination Handler drains. Source: chart 0.27.6, values.yaml, `managedTag`."""
TERMINATION_HANDLER_TOLERATIONS = ({"operator": "Exists"},)
"""Tolerations of the handler where it runs on every node. Source: chart 0.27.6, values.yaml, `daemonsetTolerations`."""
