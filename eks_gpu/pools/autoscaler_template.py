"""What the cluster autoscaler knows of a group without nodes.

Source: cluster autoscaler 1.35, AWS README and aws_manager.go.
"""

from collections.abc import Mapping

from eks_gpu.pools.pool import Template
from eks_gpu_components.catalog import AUTOSCALER_LABEL_TAG, AUTOSCALER_RESOURCE_TAG, Taint


def from_tags(tags: Mapping[str, str]) -> Template:
    """The template as the autoscaler reads it from a group's tags: a taint whose value is not `value:Effect` is
    ignored.
    """
    taints = (Taint.from_autoscaler_tag(key, value) for key, value in tags.items())
    return Template(
        labels=_after(AUTOSCALER_LABEL_TAG, tags),
        taints=tuple(taint for taint in taints if taint),
        resources=_after(AUTOSCALER_RESOURCE_TAG, tags),
    )


def from_managed_group(
    tags: Mapping[str, str], labels: Mapping[str, str], taints: tuple[Taint, ...], group_tags: Mapping[str, str]
) -> Template:
    """As it joins what EKS tells of a managed group to the tags of the auto scaling group that EKS made.

    Here a taint without a value is ignored, and the node group's own tags give resources but no labels.
    """
    told = from_tags(tags)
    return Template(
        labels={**told.labels, **labels},
        taints=tuple(dict.fromkeys((*told.taints, *(taint for taint in taints if taint.value)))),
        resources={**told.resources, **_after(AUTOSCALER_RESOURCE_TAG, group_tags)},
    )


def _after(prefix: str, tags: Mapping[str, str]) -> dict[str, str]:
    return {key.removeprefix(prefix): value for key, value in tags.items() if key.startswith(prefix)}
