"""Which nodes the software for NVIDIA GPUs runs on."""

from typing import Any

from .. import catalog


def gpu_nodes() -> dict[str, Any]:
    """A node affinity for nodes with GPUs and without another device plugin. The label comes from the pools, so it
    works from zero nodes.
    """
    return {
        "nodeSelectorTerms": [
            {
                "matchExpressions": [
                    {"key": catalog.GPU_PRESENT_LABEL, "operator": "In", "values": ["true"]},
                    {"key": catalog.DEPLOY_DEVICE_PLUGIN_LABEL, "operator": "NotIn", "values": ["false"]},
                    {"key": catalog.COMPUTE_TYPE_LABEL, "operator": "NotIn", "values": ["auto"]},
                ]
            }
        ]
    }
