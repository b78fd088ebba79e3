"""What the cluster autoscaler knows of a group without nodes.

Source: cluster autoscaler 1.35, AWS README and aws_manager.go.
"""

from collections.abc import Mapping

from eks_gpu.graph.unknown import merged, starting_with
from eks_gpu.pools.pool import Template
from eks_gpu_components.catalog import AUTOSCALER_LABEL_TAG, AUTOSCALER_RESOURCE_TAG, AUTOSCALER_TAINT_TAG, Taint


def from_tags(tags: Mapping[str, str]) -> Template:
    """The template as the autoscaler reads it from a group's tags: a taint whose value is not `value:Effect` is
    ignored.
    """
    told = starting_with(tags, AUTOSCALER_TAINT_TAG)
    taints = (Taint.from_autoscaler_tag(f"{AUTOSCALER_TAINT_TAG}{key}", value) for key, value in told.items())
    return Template(
        labels=starting_with(tags, AUTOSCALER_LABEL_TAG),
        taints=tuple(taint for taint in taints if taint),
        resources=starting_with(tags, AUTOSCALER_RESOURCE_TAG),
    )


def from_managed_group(
    tags: Mapping[str, str], labels: Mapping[str, str], taints: tuple[Taint, ...], group_tags: Mapping[str, str]
) -> Template:
    """As it joins what EKS tells of a managed group to the tags of the auto scaling group that EKS made.

    Here a taint without a value is ignored, and the node group's own tags give resources but no labels.
    """
    told = from_tags(tags)
    return Template(
        labels=merged(told.labels, labels),
        taints=tuple(dict.fromkeys((*told.taints, *(taint for taint in taints if taint.value)))),
        resources={**told.resources, **starting_with(group_tags, AUTOSCALER_RESOURCE_TAG)},
    )
