"""Tags of an auto scaling group that describe its nodes to the cluster autoscaler before the first node exists.

For an empty group the autoscaler has no node to look at, so it knows only what the tags say.
Source: cluster autoscaler 1.35, AWS README.
"""

from ..catalog import AUTOSCALER_LABEL_TAG, AUTOSCALER_OPTION_TAG, AUTOSCALER_RESOURCE_TAG
from .node_group import Node

# Limits of an auto scaling group's tags. Source: EC2 Auto Scaling API, Tag.
MAX_KEY, MAX_VALUE = 128, 256


def autoscaler_tags(node: Node) -> dict[str, str]:
    """Tag key to value, from what the node carries. Raises ValueError where AWS would not take one."""
    tags = {
        **{f"{AUTOSCALER_LABEL_TAG}{key}": value for key, value in node.labels.items()},
        **dict(taint.for_autoscaler_tag() for taint in node.taints),
        **{f"{AUTOSCALER_RESOURCE_TAG}{resource}": str(count) for resource, count in node.resources.items()},
        # Not told, a pod that asks for ephemeral storage would never bring up the first node.
        f"{AUTOSCALER_RESOURCE_TAG}ephemeral-storage": f"{ephemeral_storage_gib(node.disk_gib)}Gi",
    }
    if node.idle_s is not None:
        tags[f"{AUTOSCALER_OPTION_TAG}scaledownunneededtime"] = f"{node.idle_s}s"
    problems = [problem for item in tags.items() if (problem := _too_long(*item))]
    if problems:
        raise ValueError("; ".join(problems))
    return tags


def ephemeral_storage_gib(disk_gib: int) -> int:
    """GiB of a disk that pods can use: kubelet evicts at 10 % free and keeps 1 GiB. Source: amazon-eks-ami, nodeadm."""
    return disk_gib * 9 // 10 - 1


def _too_long(key: str, value: str) -> str | None:
    if len(key) > MAX_KEY:
        return f"tag key {key} must have at most {MAX_KEY} characters, got {len(key)}"
    if len(value) > MAX_VALUE:
        return f"the value of tag {key} must have at most {MAX_VALUE} characters, got {len(value)}"
    return None
