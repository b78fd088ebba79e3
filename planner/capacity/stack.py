"""What readers of pools look up in a graph."""

from collections.abc import Sequence
from functools import cached_property

from eks_gpu_components.catalog import GPU_PRESENT_LABEL, SUPPORTED

from ..clusters import clusters
from ..graph import Graph

LABELLED_SINCE = SUPPORTED[SUPPORTED.index("1.35") :]


class Stack:
    """A graph with what readers look up in it."""

    def __init__(self, graph: Graph, region: str):
        self.graph, self.region = graph, region

    @cached_property
    def group_tags(self) -> dict[str, dict[str, str]]:
        """Auto scaling group -> tags that `aws.autoscaling.Tag` puts on it from outside."""
        tags: dict[str, dict[str, str]] = {}
        for resource in self.graph.of("aws:autoscaling/tag:Tag"):
            tag = resource.inputs.get("tag") or {}
            group = str(resource.inputs.get("autoscalingGroupName"))
            tags.setdefault(group, {})[str(tag.get("key"))] = str(tag.get("value"))
        return tags

    @cached_property
    def _minors(self) -> set[str]:
        return {cluster.version for cluster in clusters(self.graph)}

    def labels_of_image(self, image: str, accelerated: bool) -> dict[str, str]:
        """What an image adds by itself: from 1.35 on, AL2023's kubelet says that there is an NVIDIA GPU.

        Source: amazon-eks-ami, nodeadm, kubelet configuration.
        """
        labels_itself = accelerated and image == "al2023" and self._minors and self._minors <= set(LABELLED_SINCE)
        return {GPU_PRESENT_LABEL: "true"} if labels_itself else {}

    def zones(self, subnet_ids: Sequence[str]) -> tuple[str, ...]:
        """Names of the subnets' zones, in their order; empty when one of them is not of this stack."""
        subnets = [self.graph.by_id(subnet_id, "aws:ec2/subnet:Subnet") for subnet_id in subnet_ids]
        names = [subnet["availabilityZone"] if subnet else None for subnet in subnets]
        return tuple(dict.fromkeys(str(name) for name in names)) if all(names) else ()
