"""Software that runs without a release of Helm that could be read: known by labels, images, arguments and variables."""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any

from eks_gpu.live.cluster import Kind, Manifest
from eks_gpu.live.observed import Observed
from eks_gpu.live.releases import JUDGED_CHARTS, Release
from eks_gpu.live.resources import owner_of, release_of
from eks_gpu.pools.software import (
    CLUSTER_AUTOSCALER,
    DEVICE_PLUGIN,
    GPU_OPERATOR,
    KARPENTER,
    LOAD_BALANCER_CONTROLLER,
    TERMINATION_HANDLER,
)
from eks_gpu_components.catalog import (
    DCGM_EXPORTER_CHART,
    DEVICE_PLUGINS,
    EBS_CSI_DRIVER,
    EFA_CHART,
    KEDA_CHART,
    METRICS_SERVER,
    METRICS_SERVER_CHART,
    NEURON_CHART,
    NFD_CHART,
    POD_IDENTITY_AGENT,
    VPC_CNI_CHART,
)

Values = dict[str, Any]

_DEPLOYED = (Kind("apps", "Deployment"), Kind("apps", "DaemonSet"), Kind("apps", "StatefulSet"))
_CLUSTER_POLICY = Kind("nvidia.com", "ClusterPolicy")
_CHART = re.compile(r"(.+?)-v?(\d+\.\d+.*)")
"""The label helm.sh/chart: a chart's name and its version."""
_IMAGES: tuple[tuple[re.Pattern[str], str, bool], ...] = tuple(
    (re.compile(rf"(?:.*/)?{name}"), chart, same)
    for name, chart, same in (
        (r"karpenter/controller", KARPENTER, True),
        (r"cluster-autoscaler(-amd64|-arm64)?", CLUSTER_AUTOSCALER, False),
        (r"aws-load-balancer-controller", LOAD_BALANCER_CONTROLLER, False),
        (r"(amazon/)?aws-alb-ingress-controller", LOAD_BALANCER_CONTROLLER, False),
        (r"aws-node-termination-handler", TERMINATION_HANDLER, False),
        (r"k8s-device-plugin", DEVICE_PLUGIN, True),
        (r"neuron-device-plugin", NEURON_CHART.short_name, False),
        (EFA_CHART.short_name, EFA_CHART.short_name, False),
        (r"gpu-operator", GPU_OPERATOR, True),
        (METRICS_SERVER, METRICS_SERVER_CHART.short_name, False),
        (r"kedacore/keda", KEDA_CHART.short_name, True),
        (r"node-feature-discovery", NFD_CHART.short_name, False),
        (r"dcgm-exporter", DCGM_EXPORTER_CHART.short_name, False),
        (EBS_CSI_DRIVER, EBS_CSI_DRIVER, False),
        (r"amazon-k8s-cni", VPC_CNI_CHART, False),
        (POD_IDENTITY_AGENT, POD_IDENTITY_AGENT, False),
        (r"cilium/cilium|(?<=cilium/)cilium", "cilium", True),
    )
)
"""Name of an image without registry and tag -> the chart of the same software, and whether both share their version."""
_DISCOVERY = "node-group-auto-discovery"
_TAGGED = re.compile(r"k8s\.io/cluster-autoscaler/(?!enabled$|node-template/)([^=/]+)")


def recognised(observed: Observed, known: Collection[Release]) -> tuple[list[Release], set[str]]:
    """Software of charts that the planner knows, as releases, and the uids of the objects that they are known by.

    What belongs to a `known` release is not looked at: its values say more.
    """
    told = {(each.namespace, each.name) for each in known}
    found: dict[tuple[str, str, str], Release] = {}
    uids: set[str] = set()
    for manifest in _candidates(observed):
        if release_of(manifest) in told or (chart := chart_of(manifest)) is None:
            continue
        release = _release(manifest, *chart, observed)
        key = (release.namespace, release.name, release.chart)
        found[key] = _together(found[key], release) if key in found else release
        uids.add(str(manifest["metadata"].get("uid")))
    return sorted(found.values()), uids


def _candidates(observed: Observed) -> Iterator[Manifest]:
    """Deployments first, which tell more of a controller than its DaemonSets do."""
    for kind in _DEPLOYED:
        yield from (each for each in observed.of(kind) if owner_of(each) is None)


def chart_of(manifest: Manifest) -> tuple[str, str] | None:
    """Chart and version of the software in a workload, version empty if nothing tells; None for any other."""
    labels = manifest["metadata"].get("labels") or {}
    by_label = _CHART.fullmatch(str(labels.get("helm.sh/chart") or ""))
    if by_label and by_label[1] in JUDGED_CHARTS:
        return by_label[1], by_label[2].replace("_", "+")
    for container in _containers(manifest):
        image, tag = _image(container)
        for pattern, chart, same in _IMAGES:
            if pattern.fullmatch(image):
                version = tag or str(labels.get("app.kubernetes.io/version") or "")
                return chart, version.removeprefix("v") if same else ""
    return None


def _containers(manifest: Manifest) -> list[Mapping[str, Any]]:
    return [each for each in _pod(manifest).get("containers") or () if isinstance(each, Mapping)]


def _pod(manifest: Manifest) -> Mapping[str, Any]:
    return ((manifest.get("spec") or {}).get("template") or {}).get("spec") or {}


def _image(container: Mapping[str, Any]) -> tuple[str, str]:
    """Name and tag of an image, which may have a digest too and a port in its registry."""
    name = str(container.get("image") or "").partition("@")[0]
    head, slash, last = name.rpartition("/")
    last, _, tag = last.partition(":")
    return f"{head}{slash}{last}", tag


def _release(manifest: Manifest, chart: str, version: str, observed: Observed) -> Release:
    metadata = manifest["metadata"]
    namespace, name = str(metadata.get("namespace") or "default"), str(metadata["name"])
    if by_helm := release_of(manifest):
        namespace, name = by_helm
    elif chart in (KARPENTER, GPU_OPERATOR):  # several Deployments of one installation
        name = str((metadata.get("labels") or {}).get("app.kubernetes.io/instance") or name)
    read = _VALUES.get(chart)
    values = _common(manifest, chart)
    if read:
        values = _merged(values, read(manifest))
    if chart == GPU_OPERATOR:
        values = _merged(values, _of_policy(observed.of(_CLUSTER_POLICY)))
    return Release(namespace, name, chart, version, values)


def _together(one: Release, other: Release) -> Release:
    """Two objects of one release; what the first says is kept."""
    return Release(
        one.namespace, one.name, one.chart, one.version or other.version, _merged(dict(other.values), one.values)
    )


def _merged(under: Mapping[str, Any], over: Mapping[str, Any]) -> Values:
    both = {
        key: _merged(under[key], over[key])
        for key in over
        if isinstance(under.get(key), Mapping) and isinstance(over[key], Mapping)
    }
    return {**under, **over, **both}


def _common(manifest: Manifest, chart: str) -> Values:
    """What most charts call alike."""
    pod, spec = _pod(manifest), manifest.get("spec") or {}
    account = {"name": str(pod.get("serviceAccountName") or "default")}
    found: Values = (
        {"rbac": {"serviceAccount": account}} if chart == CLUSTER_AUTOSCALER else {"serviceAccount": account}
    )
    if "replicas" in spec:
        found["replicaCount" if chart in (CLUSTER_AUTOSCALER, LOAD_BALANCER_CONTROLLER) else "replicas"] = spec[
            "replicas"
        ]
    placed = {key: pod[key] for key in ("nodeSelector", "tolerations", "affinity") if pod.get(key)}
    containers = _containers(manifest)
    if chart == KARPENTER:
        controller = {"resources": containers[0].get("resources") or {}} if containers else {}
        return {**found, **placed, "controller": controller}
    for plugin in DEVICE_PLUGINS.values():
        if chart == plugin.chart.short_name:
            own = {"nodeSelector": {}, "tolerations": [], "affinity": {}, **placed}
            return {**found, plugin.values_at: own} if plugin.values_at else {**found, **own}
    resources = {"resources": containers[0]["resources"]} if containers and containers[0].get("resources") else {}
    tag = next((tag for each in containers if (tag := _image(each)[1])), "")
    image = {"image": {"tag": tag}} if tag and chart in _TAGS else {}
    return {**found, **placed, **resources, **image}


_TAGS = (CLUSTER_AUTOSCALER, LOAD_BALANCER_CONTROLLER, TERMINATION_HANDLER)
"""Charts whose version says nothing of the controller's."""


def _variables(manifest: Manifest) -> dict[str, str]:
    """Variables of the containers that have a plain value."""
    return {
        str(each.get("name")): str(each["value"])
        for container in _containers(manifest)
        for each in container.get("env") or ()
        if each.get("value") not in (None, "")
    }


def _flags(manifest: Manifest) -> list[tuple[str, str]]:
    """Flag and value of each argument, as `--v=4` and `--v 4` have them; a flag alone is true."""
    found: list[tuple[str, str]] = []
    for container in _containers(manifest):
        words = [str(word) for key in ("command", "args") for word in container.get(key) or ()]
        for word, after in zip(words, [*words[1:], ""], strict=True):
            if not word.startswith("-"):
                continue
            flag, equals, value = word.lstrip("-").partition("=")
            separate = not equals and bool(after) and not after.startswith("-")
            found.append((flag, value if equals else after if separate else "true"))
    return found


_SETTINGS: Mapping[str, str] = {
    "CLUSTER_NAME": "clusterName",
    "CLUSTER_ENDPOINT": "clusterEndpoint",
    "INTERRUPTION_QUEUE": "interruptionQueue",
    "VM_MEMORY_OVERHEAD_PERCENT": "vmMemoryOverheadPercent",
    "RESERVED_ENIS": "reservedENIs",
    "BATCH_IDLE_DURATION": "batchIdleDuration",
    "BATCH_MAX_DURATION": "batchMaxDuration",
    "IGNORE_DRA_REQUESTS": "ignoreDRARequests",
}
"""Variable of Karpenter's controller -> key of `settings` in its chart. Source: Karpenter 1.15, chart, deployment."""


def _karpenter(manifest: Manifest) -> Values:
    variables = _variables(manifest)
    settings: Values = {key: variables[name] for name, key in _SETTINGS.items() if name in variables}
    settings["featureGates"] = _gates(variables.get("FEATURE_GATES", ""), lambda name: f"{name[:1].lower()}{name[1:]}")
    of_aws = _gates(variables.get("AWS_FEATURE_GATES", ""), lambda name: re.sub(r"^DRA", "dra", name))
    return {"settings": {**settings, **({"awsFeatureGates": of_aws} if of_aws else {})}}


def _gates(text: str, key: Callable[[str], str]) -> Values:
    pairs = (each.partition("=") for each in text.split(",") if "=" in each)
    return {key(name.strip()): value.strip().lower() == "true" for name, _, value in pairs}


def _autoscaler(manifest: Manifest) -> Values:
    flags = _flags(manifest)
    tags = [tag for flag, value in flags if flag == _DISCOVERY for tag in value.partition("tag=")[2].split(",") if tag]
    names = [own[1] for tag in tags if (own := _TAGGED.fullmatch(tag.partition("=")[0]))]
    discovery: Values = {"tags": tags} if tags else {}
    if names:
        discovery["clusterName"] = names[0]
    groups = [value for flag, value in flags if flag == "nodes"]
    found: Values = {
        "autoDiscovery": discovery,
        "extraArgs": {flag: value for flag, value in flags if flag not in (_DISCOVERY, "nodes", "cloud-provider")},
    }
    if groups:
        parts = [[*group.split(":"), "", "", ""][:3] for group in groups]
        found["autoscalingGroups"] = [{"name": name, "minSize": low, "maxSize": high} for low, high, name in parts]
    if cloud := dict(flags).get("cloud-provider"):
        found["cloudProvider"] = cloud
    return found | _region(manifest, "awsRegion")


def _region(manifest: Manifest, key: str) -> Values:
    region = _variables(manifest).get("AWS_REGION")
    return {key: region} if region else {}


def _load_balancer_controller(manifest: Manifest) -> Values:
    flags = dict(_flags(manifest))
    keys = {"cluster-name": "clusterName", "aws-region": "region", "aws-vpc-id": "vpcId"}
    return {key: flags[flag] for flag, key in keys.items() if flag in flags}


def _termination_handler(manifest: Manifest) -> Values:
    variables = _variables(manifest)
    keys = {
        "ENABLE_SQS_TERMINATION_DRAINING": "enableSqsTerminationDraining",
        "QUEUE_URL": "queueURL",
        "MANAGED_TAG": "managedTag",
        "ENABLE_SPOT_INTERRUPTION_DRAINING": "enableSpotInterruptionDraining",
        "ENABLE_REBALANCE_MONITORING": "enableRebalanceMonitoring",
        "ENABLE_REBALANCE_DRAINING": "enableRebalanceDraining",
        "ENABLE_SCHEDULED_EVENT_DRAINING": "enableScheduledEventDraining",
    }
    return {key: variables[name] for name, key in keys.items() if name in variables} | _region(manifest, "awsRegion")


def _of_policy(policies: Iterable[Manifest]) -> Values:
    """What the GPU operator is told by its ClusterPolicy, which its chart makes of values of the same names."""
    for policy in policies:
        spec = policy.get("spec") or {}
        parts = ("driver", "toolkit", "devicePlugin", "migManager")
        found: Values = {key: {"enabled": spec[key].get("enabled", True)} for key in parts if spec.get(key)}
        tolerations = (spec.get("daemonsets") or {}).get("tolerations")
        return {**found, **({"daemonsets": {"tolerations": tolerations}} if tolerations else {})}
    return {}


_VALUES: Mapping[str, Callable[[Manifest], Values]] = {
    KARPENTER: _karpenter,
    CLUSTER_AUTOSCALER: _autoscaler,
    LOAD_BALANCER_CONTROLLER: _load_balancer_controller,
    TERMINATION_HANDLER: _termination_handler,
}
