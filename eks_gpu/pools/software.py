"""Software: the Helm releases of a stack, and the EKS add-ons, as far as planning needs them."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import reduce
from typing import Any

from eks_gpu.graph.graph import Graph, Resource
from eks_gpu.graph.kubernetes_objects import kubernetes_objects
from eks_gpu.io.documents import parse_first
from eks_gpu.io.problems import InputError
from eks_gpu.pods.pod import Expression, Pod, Term, node_selector_terms, toleration
from eks_gpu.pods.quantities import amount
from eks_gpu_components.catalog import (
    ADDON_CHARTS,
    ADDON_POD_REQUESTS,
    CLUSTER_AUTOSCALER_CHART,
    COMPUTE_TYPE_LABEL,
    DCGM_EXPORTER_CHART,
    DEPLOY_DEVICE_PLUGIN_LABEL,
    DEPLOY_OPERANDS_LABEL,
    DEVICE_PLUGIN_CHART,
    DEVICE_PLUGIN_CONFIG_LABEL,
    DEVICE_PLUGINS,
    DRA_DRIVER_CHART,
    DRA_DRIVER_TOLERATIONS,
    EFA_CHART,
    GPU_OPERATOR_CHART,
    GPU_OPERATOR_TOLERATIONS,
    GPU_RESOURCE,
    INSTANCE_TYPE_LABEL,
    KARPENTER_CHART,
    KARPENTER_CRD_CHART,
    KEDA_CHART,
    KUBE_PROXY,
    LOAD_BALANCER_CONTROLLER_CHART,
    SYSTEM_TAINT,
    TERMINATION_HANDLER_CHART,
    VPC_CNI,
    DevicePlugin,
    InstanceType,
)
from eks_gpu_components.catalog.chart_defaults import DEVICE_PLUGIN_NODES, EXPORTER_REQUESTS, EXPORTER_TOLERATIONS
from eks_gpu_components.catalog.mig import MIG_CONFIG_LABEL, mig_profile, mig_profiles
from eks_gpu_components.catalog.scheduling import MIG_RESOURCE

CHART_V3 = "kubernetes:helm.sh/v3:Chart"
RELEASES = ("kubernetes:helm.sh/v3:Release", CHART_V3, "kubernetes:helm.sh/v4:Chart")
ADDON = "aws:eks/addon:Addon"

DEVICE_PLUGIN, GPU_OPERATOR = DEVICE_PLUGIN_CHART.short_name, GPU_OPERATOR_CHART.short_name
_CONFIG_AT = {DEVICE_PLUGIN: ("config",), GPU_OPERATOR: ("devicePlugin", "config")}
"""Where charts say how the device plugin shares GPUs. Source: charts 0.20.0 and 26.7."""
CLUSTER_AUTOSCALER, LOAD_BALANCER_CONTROLLER = (
    CLUSTER_AUTOSCALER_CHART.short_name,
    LOAD_BALANCER_CONTROLLER_CHART.short_name,
)
TERMINATION_HANDLER = TERMINATION_HANDLER_CHART.short_name
KARPENTER, KARPENTER_CRDS = KARPENTER_CHART.short_name, KARPENTER_CRD_CHART.short_name
KEDA = KEDA_CHART.short_name
DRA_DRIVERS = (DRA_DRIVER_CHART.short_name, "nvidia-dra-driver-gpu")
"""NVIDIA's DRA driver under the names of its charts, the second before 2026. Source: driver, release 0.4."""
DRA_DRIVER_IMAGES = ("dra-driver-nvidia-gpu", "k8s-dra-driver-gpu")
"""Last part of the names of its image."""
# By the value false of one of these labels a node refuses all pods of the operator, or the plugin's.
_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
_REFUSE_ALL, _REFUSE_PLUGIN = DEPLOY_OPERANDS_LABEL, (DEPLOY_DEVICE_PLUGIN_LABEL,)


@dataclass(frozen=True)
class Software:
    """One Helm release."""

    name: str
    namespace: str
    chart: str
    """The chart's own name: the last part of an OCI reference."""
    version: str
    values: Mapping[str, Any] = field(default_factory=dict)
    urn: str = ""
    cluster: str = ""
    """Name of the cluster it runs in; empty where the stack does not say."""
    config_map: Mapping[str, Any] | None = None
    """Data of the ConfigMap that its device plugin reads; None if it reads none, or the stack does not make it."""

    def is_at_least(self, version: tuple[int, int]) -> bool:
        """Whether the chart has this version or a newer one; True for a version that is not known, as the newest."""
        numbers = [int(part) for part in self.version.removeprefix("v").split(".")[:2] if part.isdigit()]
        return not numbers or tuple(numbers) >= version

    def value(self, *path: str, default: Any = None) -> Any:
        """A value by its path, as `value("image", "tag")`."""
        found = reduce(lambda values, key: values.get(key) if isinstance(values, Mapping) else None, path, self.values)
        return default if found is None else found


def software(graph: Graph) -> list[Software]:
    """Helm releases and charts that say what they are, in the order of registration."""
    found = [
        Software(
            name=str(resource["name"] or resource.name),
            namespace=str(resource.inputs.get("namespace") or "default"),
            chart=str(resource.inputs.get("chart", "")).rstrip("/").rpartition("/")[2],
            version=str(resource.inputs.get("version") or ""),
            values=_values(resource),
            urn=resource.urn,
        )
        for resource in graph.of(*RELEASES)
        # In a state, helm.v3.Chart has its objects as children and says no more.
        if resource.type != CHART_V3 or resource.inputs.get("chart")
    ]
    return [replace(each, config_map=_config_map(each, graph)) if config_named(each) else each for each in found]


def config_named(release: Software) -> str:
    """Name of the ConfigMap that a release's device plugin reads, which its chart does not make; else empty."""
    path = _CONFIG_AT.get(release.chart)
    if path is None or (release.chart == GPU_OPERATOR and release.value(*path, "create", default=False) is True):
        return ""
    return str(release.value(*path, "name") or "")


def _config_map(release: Software, graph: Graph) -> Mapping[str, Any] | None:
    for _, manifest in kubernetes_objects(graph):
        metadata = manifest["metadata"]
        place = (manifest["kind"], str(metadata.get("namespace") or "default"), metadata["name"])
        if place == ("ConfigMap", release.namespace, config_named(release)):
            found = manifest.get("data")
            return found if isinstance(found, Mapping) else {}
    return None


def _values(resource: Resource) -> Mapping[str, Any]:
    """The values of a release's files and its own, which the provider hands out together; none that are secret."""
    own = resource.inputs.get("values")
    both = resource.outputs.get("values") if resource.inputs.get("valueYamlFiles") else own
    found = both or own
    return found if isinstance(found, Mapping) else {}


def device_plugin_pod(release: Software, plugin: DevicePlugin) -> Pod | None:
    """Where the device plugin runs that a release brings; None for a release without it."""
    if release.chart == GPU_OPERATOR and plugin.chart.short_name == DEVICE_PLUGIN:
        if release.value("devicePlugin", "enabled", default=True) is False:
            return None
        return operator_pod(release, *_REFUSE_PLUGIN)
    if release.chart != plugin.chart.short_name:
        return None
    given: Mapping[str, Any] = release.value(plugin.values_at, default={}) if plugin.values_at else release.values
    if plugin.values_at and given.get("enabled") is False:
        return None
    return _placed(given, {"nodeSelector": {}, "tolerations": plugin.tolerations, "affinity": plugin.affinity})


def _placed(given: Mapping[str, Any], defaults: Mapping[str, Any]) -> Pod:
    """Where a pod runs by a chart's values, and by its defaults where they say nothing."""
    values = {**defaults, **{key: value for key, value in given.items() if value is not None}}
    required = ((values["affinity"] or {}).get("nodeAffinity") or {}).get(_REQUIRED)
    return Pod(
        node_selector=values["nodeSelector"] or {},
        node_affinity=node_selector_terms(required) if required else None,
        tolerations=tuple(map(toleration, values["tolerations"] or ())),
    )


def dra_driver_pod(release: Software) -> Pod | None:
    """Where the DRA driver runs that a release brings; None for a release without GPUs of it."""
    if release.chart not in DRA_DRIVERS or release.value("resources", "gpus", "enabled", default=True) is False:
        return None
    given = release.value("kubeletPlugin", default={})
    affinity = given.get("affinity") or {"nodeAffinity": {_REQUIRED: {"nodeSelectorTerms": _dra_driver_nodes()}}}
    required = (affinity.get("nodeAffinity") or {}).get(_REQUIRED)
    return Pod(
        node_selector=given.get("nodeSelector") or {},
        node_affinity=node_selector_terms(required) if required else None,
        tolerations=tuple(map(toleration, given.get("tolerations") or DRA_DRIVER_TOLERATIONS)),
    )


def _dra_driver_nodes() -> list[dict[str, Any]]:
    """One of these labels a node has for the driver where the values say nothing. Source: its chart 0.5.0."""
    return [
        {"matchExpressions": [{"key": key, "operator": "In", "values": [value]}]} for key, value in DEVICE_PLUGIN_NODES
    ]


def gpu_shares(release: Software) -> str:
    """How a release of the DRA driver lets claims share a GPU: a number, memory, unlimited, or disabled."""
    gate = release.value("featureGates", "ConsumableShares", default=False)
    return (
        str(release.value("consumableShares", default="") or "disabled") if str(gate).lower() == "true" else "disabled"
    )


def efa_plugin_pod(release: Software) -> Pod | None:
    """Where EFA's device plugin runs that a release brings; None for another chart. Source: its chart 0.5.30."""
    if release.chart != EFA_CHART.short_name:
        return None
    told = release.value("supportedInstanceLabels", "values", default=())
    keys = release.value("supportedInstanceLabels", "keys", default=(INSTANCE_TYPE_LABEL,))
    of_own = Expression(COMPUTE_TYPE_LABEL, "NotIn", ("auto",))
    types = [Term((Expression(str(key), "In", tuple(map(str, told))), of_own)) for key in keys if told]
    tolerations = [{"key": SYSTEM_TAINT.key, "operator": "Exists"}, *release.value("tolerations", default=())]
    return Pod(
        node_selector=release.value("nodeSelector", default={}),
        node_affinity=tuple(types) or (Term((of_own,)),),
        tolerations=tuple(map(toleration, tolerations)),
    )


def device_plugin_pods(graph: Graph) -> Iterator[tuple[str, Pod]]:
    """URN of a release, and the pod that its device plugin or DRA driver runs on each node."""
    for release in software(graph):
        for plugin in DEVICE_PLUGINS.values():
            if pod := device_plugin_pod(release, plugin):
                yield release.urn, pod
        if pod := dra_driver_pod(release):
            yield release.urn, pod


def exporter_pods(graph: Graph) -> Iterator[tuple[str, Pod]]:
    """URN of a release of the DCGM exporter, and the pod that it runs on each GPU node."""
    for release in software(graph):
        if release.chart == DCGM_EXPORTER_CHART.short_name:
            pod = _placed(release.values, {"nodeSelector": {}, "tolerations": EXPORTER_TOLERATIONS, "affinity": {}})
            yield release.urn, replace(pod, requests=_exporter_requests(release))


def _exporter_requests(release: Software) -> dict[str, int]:
    """By the release's values, and by the chart for what is left out, or is no quantity and refused by Kubernetes."""
    found = {name: amount(name, value) for name, value in EXPORTER_REQUESTS.items()}
    given = release.value("resources", "requests", default={})
    for name in found:
        if isinstance(given, Mapping) and name in given:
            with suppress(ValueError):
                found[name] = amount(name, given[name])
    return found


def operator_pod(release: Software, *refused_by: str) -> Pod:
    """Where the GPU operator's DaemonSets run, those that a node refuses by the labels too."""
    given = release.value("daemonsets", "tolerations", default=GPU_OPERATOR_TOLERATIONS)
    refused = tuple(Expression(key, "NotIn", ("false",)) for key in (_REFUSE_ALL, *refused_by))
    return Pod(node_affinity=(Term(refused),), tolerations=tuple(map(toleration, given)))


def finds_its_own_nodes(release: Software) -> bool:
    """Whether the chart labels GPU nodes by itself, so that it reaches no others."""
    return release.chart == GPU_OPERATOR


def reads_a_queue(release: Software) -> bool:
    """Whether a release is a termination handler that hears of all nodes, and not one on each node."""
    told = release.value("enableSqsTerminationDraining", default=False)
    return release.chart == TERMINATION_HANDLER and str(told).lower() == "true"


@dataclass(frozen=True, slots=True)
class Sharing:
    """How many pods share one GPU, and the resource they ask for."""

    replicas: int = 1
    resource: str = GPU_RESOURCE


def sharing_replicas(release: Software, labels: Mapping[str, str]) -> int:
    """Pods that share one GPU on a node with these labels, 1 without sharing. Raises ValueError for broken YAML."""
    return sharing(release, labels).replicas


def sharing(release: Software, labels: Mapping[str, str]) -> Sharing:
    """How a release's device plugin shares the GPUs of a node with these labels. Raises ValueError for broken YAML."""
    path = _CONFIG_AT.get(release.chart)
    if path is None:
        return Sharing()
    operator = release.chart == GPU_OPERATOR
    own = release.value(*path, "data" if operator else "map", default={})
    configurations = (release.config_map or {}) if config_named(release) else own if isinstance(own, Mapping) else {}
    chosen = labels.get(DEVICE_PLUGIN_CONFIG_LABEL) or release.value(*path, "default")
    if not chosen and not operator:  # the chart's fallbacks: the one of this name, then a single one
        chosen = "default" if "default" in configurations or len(configurations) != 1 else next(iter(configurations))
    try:
        configuration = parse_first(str(configurations.get(chosen) or "")) or {}
    except InputError:
        raise ValueError(f"configuration {chosen} of {release.name}'s device plugin is not YAML") from None
    given = configuration.get("sharing") if isinstance(configuration, Mapping) else None
    for strategy in ("timeSlicing", "mps"):
        rules = given.get(strategy) if isinstance(given, Mapping) else None
        if not isinstance(rules, Mapping):
            continue
        for resource in rules.get("resources") or ():
            if resource.get("name") == GPU_RESOURCE:
                default = f"{GPU_RESOURCE}.shared" if rules.get("renameByDefault") is True else GPU_RESOURCE
                return Sharing(int(resource.get("replicas", 1)), str(resource.get("rename") or default))
    return Sharing()


def configuration(addon: Resource) -> Mapping[str, Any] | None:
    """The configuration of an EKS add-on, in JSON or YAML. None if it cannot be read, for example a secret."""
    given = addon.inputs.get("configurationValues")
    try:
        told = parse_first(given) if isinstance(given, str) else given
    except InputError:
        return None
    return {} if told is None else told if isinstance(told, Mapping) else None


def pods_of_eks(graph: Graph, cluster: str = "") -> int:
    """Pods of a network plugin and of kube-proxy on each node that no add-on of the stack counts.

    EKS installs both itself if nobody does, and a chart that replaces them has pods of its own. Source: EKS User Guide,
    "Amazon EKS add-ons".
    """
    addons = [found for found in graph.of(ADDON) if str(found.inputs.get("clusterName") or cluster) in ("", cluster)]
    counted = {found.inputs.get("addonName") for found in addons}
    charts = {release.chart for release in software(graph)}
    return (VPC_CNI not in counted) + (KUBE_PROXY not in counted and not charts & {*ADDON_CHARTS[KUBE_PROXY]})


def addon_requests(graph: Graph, cluster: str = "") -> Iterator[Mapping[str, int]]:
    """What the DaemonSets of a cluster's EKS add-ons are assumed to take of every node; empty for any cluster."""
    for addon in graph.of(ADDON):
        if cluster and str(addon.inputs.get("clusterName") or cluster) != cluster:
            continue
        if addon.inputs.get("addonName") in ADDON_POD_REQUESTS:
            cpu, memory = ADDON_POD_REQUESTS[addon.inputs["addonName"]]
            yield {"cpu": cpu, "memory": memory}


def cuts_gpus(release: Software) -> bool:
    """Whether it is a GPU operator with a MIG manager. Source: NVIDIA GPU operator 26.7, Helm chart, values.yaml."""
    return release.chart == GPU_OPERATOR and release.value("migManager", "enabled", default=True) is not False


def slices_of(releases: Iterable[Software], labels: Mapping[str, str], types: Iterable[InstanceType]) -> dict[str, int]:
    """Resource to the least amount on a node with these labels whose GPUs the GPU operator cuts into slices of one
    profile: no whole GPU is left. Empty where nothing cuts them so.
    """
    profile = mig_profile(labels.get(MIG_CONFIG_LABEL, ""))
    mixed = any(one.value("mig", "strategy") == "mixed" and cuts_gpus(one) for one in releases)
    devices = [row.accelerator for row in types if row.accelerator]
    counts = [device.count * mig_profiles(device).get(profile, 0) for device in devices]
    if not profile or not mixed or not counts or not all(counts):
        return {}
    return {GPU_RESOURCE: 0, f"{MIG_RESOURCE}{profile}": min(counts)}
