"""Look-ups of the pool readers in a graph."""

from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from dataclasses import replace
from datetime import date
from functools import cached_property
from typing import Any

from eks_gpu.graph.graph import Graph
from eks_gpu.graph.kubernetes_objects import kubernetes_objects
from eks_gpu.graph.unknown import is_unknown, listening, merged, pairs
from eks_gpu.io.today import today
from eks_gpu.karpenter.objects import part
from eks_gpu.karpenter.settings import DRA_SINCE, NVIDIA_DRA, dra, runs_with
from eks_gpu.pools.cluster_of import Owners, same_cluster
from eks_gpu.pools.karpenter_node import Controller
from eks_gpu.pools.overlays import Overlay, read_overlay
from eks_gpu.pools.software import KARPENTER, Software, software
from eks_gpu_components.catalog import AUTO_MODE_DRA_SINCE, DRA_DRIVER, GPU_PRESENT_LABEL, SUPPORTED, minor_of

_AL2023_SINCE = (1, 30)
LABELLED_SINCE = SUPPORTED[SUPPORTED.index("1.35") :]


class Lookups:
    """A graph with what readers look up in it."""

    def __init__(self, graph: Graph, region: str, on: date | None = None):
        self.graph, self.region = graph, region
        self.on = on or today()
        self.owners = Owners(graph)

    def at(self, region: str) -> "Lookups":
        """The same graph, looked at in another region."""
        if region == self.region:
            return self
        other = copy(self)
        other.region = region
        return other

    @cached_property
    def group_tags(self) -> dict[str, dict[str, str]]:
        """Auto scaling group -> tags that `aws.autoscaling.Tag` puts on it from outside."""
        tags: dict[str, dict[str, str]] = {}
        for resource in self.graph.of("aws:autoscaling/tag:Tag"):
            tag = resource.inputs.get("tag") or {}
            group = str(resource.inputs.get("autoscalingGroupName"))
            tags[group] = merged(tags.get(group, {}), pairs([tag]))
        return tags

    @cached_property
    def _controllers(self) -> list[tuple[str, Controller]]:
        """Cluster -> the settings of its Karpenter."""
        releases = (release for release in software(self.graph) if release.chart == KARPENTER)
        return [(self.owners.at(release.urn), self._controller(release)) for release in releases]

    def _controller(self, release: Software) -> Controller:
        """From the chart's settings; a broken value is passed over, which Karpenter does not start with."""
        default = Controller()
        resource = self.graph.get(release.urn)
        told = not resource or not is_unknown(resource.inputs, "values")
        overlays, static = (_gate(release.values, name) if told else None for name in ("nodeOverlay", "staticCapacity"))
        reserving = _gate(release.values, "reservedCapacity", default=True) if told else None
        made = replace(default, node_overlays=overlays, static_capacity=static, reserved_capacity=reserving)
        made = replace(made, no_claims=_no_claims(release, told))
        try:
            overhead = float(release.value("settings", "vmMemoryOverheadPercent", default=default.memory_overhead))
            reserved = int(release.value("settings", "reservedENIs", default=default.reserved_interfaces))
        except (TypeError, ValueError):
            return made
        return replace(made, memory_overhead=overhead, reserved_interfaces=reserved)

    def controller(self, cluster: str) -> Controller:
        """The settings of a cluster's Karpenter that decide what it takes a node for; its defaults if it has no release
        here.
        """
        return next((found for owner, found in self._controllers if same_cluster(owner, cluster)), Controller())

    @cached_property
    def _overlays(self) -> list[tuple[str, Overlay]]:
        """Cluster -> a NodeOverlay of it."""
        bodies = (
            (self.owners.of(resource), str(body["metadata"]["name"]), part(body, "spec"))
            for resource, body in kubernetes_objects(self.graph)
            if body["kind"] == "NodeOverlay"
        )
        return [(cluster, found) for cluster, name, spec in bodies if (found := read_overlay(name, spec))]

    def overlays(self, cluster: str) -> list[Overlay]:
        """The NodeOverlays of a cluster."""
        return [found for owner, found in self._overlays if same_cluster(owner, cluster)]

    @cached_property
    def _minors(self) -> Mapping[str, str]:
        return {cluster.name: cluster.version for cluster in self.owners.made}

    def no_claims_of_auto_mode(self, cluster: str) -> str:
        """Why Auto Mode of a cluster starts no node for a claim; empty if it does, or if the version is unknown."""
        own = self._minors.get(cluster, "")
        if not own or minor_of(own) >= AUTO_MODE_DRA_SINCE:
            return ""
        since = ".".join(map(str, AUTO_MODE_DRA_SINCE))
        return f"Auto Mode starts nodes for claims from Kubernetes {since} on, and the cluster has {own}"

    def labels_of_image(self, image: str, accelerated: bool, cluster: str) -> dict[str, str]:
        """What an image adds by itself: from 1.35 on, AL2023's kubelet says that there is an NVIDIA GPU.

        Source: amazon-eks-ami, nodeadm, kubelet configuration.
        """
        own = self._minors.get(cluster)
        minors = {own} if own else set(self._minors.values())
        labels_itself = accelerated and image == "al2023" and minors and minors <= set(LABELLED_SINCE)
        return {GPU_PRESENT_LABEL: "true"} if labels_itself else {}

    def image_of_managed_groups(self, cluster: str) -> str:
        """The image that EKS gives a group without a type of image; empty on a cluster older than all that EKS runs.

        Source: EKS User Guide, release notes of 1.30.
        """
        minor = tuple(int(part) for part in self._minors.get(cluster, "").split(".") if part.isdigit())
        return "" if minor and minor < _AL2023_SINCE else "al2023"

    def zones(self, subnet_ids: Sequence[str]) -> tuple[str, ...]:
        """Names of the subnets' zones, in their order; empty when one of them is not of this stack."""
        subnets = [self.graph.by_id(subnet_id, "aws:ec2/subnet:Subnet") for subnet_id in subnet_ids]
        names = [subnet["availabilityZone"] if subnet else None for subnet in subnets]
        return tuple(dict.fromkeys(str(name) for name in names)) if all(names) else ()

    @cached_property
    def _subnet_tags(self) -> list[tuple[str, Mapping[str, str]]]:
        """Subnet id -> its tags, with those that `aws.ec2.Tag` adds from outside."""
        added: dict[str, dict[str, str]] = {}
        for tag in self.graph.of("aws:ec2/tag:Tag"):
            place = added.setdefault(str(tag.inputs.get("resourceId")), {})
            place[str(tag.inputs.get("key"))] = str(tag.inputs.get("value"))
        subnets = self.graph.of("aws:ec2/subnet:Subnet")
        return [(found.id, {**(found.inputs.get("tags") or {}), **added.get(found.id, {})}) for found in subnets]

    def selected_subnets(self, terms: Iterable[Mapping[str, Any]]) -> list[str]:
        """Ids of the stack's subnets that one of a node class's `subnetSelectorTerms` selects."""
        terms = list(terms)
        return [id_ for id_, tags in self._subnet_tags if any(_selects(term, id_, tags) for term in terms)]


def _no_claims(release: Software, told: bool) -> str:
    """Why a release of Karpenter starts no node for a claim of GPUs; empty if it does, or if its values are unknown."""
    if not release.is_at_least(DRA_SINCE):
        return f"Karpenter {release.version} starts no node for a claim"
    if not told or DRA_DRIVER in dra(release.value("settings", default={})).drivers:
        return ""
    return f"Karpenter starts no node for a claim: settings.awsFeatureGates.{NVIDIA_DRA} is off"


def _gate(values: Mapping[str, Any], name: str, default: bool = False) -> bool | None:
    """Whether a gate is on; None where only an update will tell."""
    with listening() as asked:
        found = runs_with(values, name, default)
    return None if asked else found


def _selects(term: Mapping[str, Any], id_: str, tags: Mapping[str, str]) -> bool:
    """All tags of a term must be there; the value * stands for any."""
    if term.get("id"):
        return term["id"] == id_
    wanted: Mapping[str, Any] = term.get("tags") or {}
    return bool(wanted) and all(key in tags and value in ("*", tags[key]) for key, value in wanted.items())
