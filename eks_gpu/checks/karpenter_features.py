"""Karpenter's optional features: what an object asks for is on, and settings do not exclude each other."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from eks_gpu.checks import sources
from eks_gpu.checks.names import subject
from eks_gpu.checks.registry import Context, Problem, Said, check, verdict
from eks_gpu.graph.kubernetes_objects import kubernetes_objects
from eks_gpu.karpenter.objects import part
from eks_gpu.karpenter.settings import DRA_SINCE, NVIDIA_DRA, aws_gates, refused, runs_with
from eks_gpu.pods.capacity_buffers import is_buffer, template_of
from eks_gpu.pods.demand import Objects
from eks_gpu.pools.software import CLUSTER_AUTOSCALER, KARPENTER, Software
from eks_gpu_components.catalog import KARPENTER_CORE_GROUP, KARPENTER_GROUP, SHARES_ANNOTATION, minor_of

_NOT_SHARED = ("", "disabled")


class _Feature(NamedTuple):
    gate: str
    """Below `settings`."""
    without: str
    """What goes wrong while it is off."""


_STATIC = _Feature("featureGates.staticCapacity", "Karpenter starts none of its replicas")
_OVERLAYS = _Feature("featureGates.nodeOverlay", "it changes no price and no resource")
_BUFFERS = _Feature("featureGates.capacityBuffer", "Karpenter keeps no spare capacity for it")
_SHARED = _Feature(f"awsFeatureGates.{NVIDIA_DRA}", "its annotation keeps the class from ever being ready")


@check(
    "feature-gates-are-on",
    subject="NodePool with replicas, NodeOverlay, CapacityBuffer, EC2NodeClass that shares GPUs",
    fix="turn the feature on in the settings of Karpenter's chart",
    sources=(
        sources.KARPENTER,
        sources.KARPENTER_CHART,
    ),
)
def gates_are_on(context: Context) -> Iterator[Said]:
    """Karpenter ignores the object or refuses it: its feature is off, as it is by default.

    A NodeOverlay is passed over too if it contradicts another one of its weight, or names a resource that none changes.
    A variable FEATURE_GATES in the chart's `controller.env` takes the place of `settings.featureGates`. CapacityBuffers
    beside a release of the cluster autoscaler are not judged, because the autoscaler may be meant.
    """
    releases = context.charts(KARPENTER)
    for _, manifest in kubernetes_objects(context.graph) if releases else ():
        found = _feature(manifest, context)
        if found:
            on = [_is_on(found, release) for release in releases]
            if True not in on and None in on:
                continue
            off = True not in on
            problem = Problem(f"{found.without}: settings.{found.gate} is off", "set it to true") if off else None
            if found is _OVERLAYS and not off:
                problem = _passed_over(str(manifest["metadata"]["name"]), context)
            yield verdict(subject(manifest), problem, f"settings.{found.gate} is on")


def _passed_over(overlay: str, context: Context) -> Problem | None:
    for pool in context.pools:
        if overlay in pool.overlaid.passed_over:
            reason, fix = pool.overlaid.passed_over[overlay]
            return Problem(f"Karpenter passes over it: {reason}", fix)
    return None


def _feature(manifest: Mapping[str, Any], context: Context) -> _Feature | None:
    """What the object needs, None for one that works by default."""
    kind, group = manifest["kind"], _group(manifest)
    spec = part(manifest, "spec")
    of_karpenter = part(spec, "template", "spec", "nodeClassRef").get("group") == KARPENTER_GROUP
    if (group, kind) == (KARPENTER_CORE_GROUP, "NodePool") and of_karpenter and spec.get("replicas") is not None:
        return _STATIC
    if (group, kind) == (KARPENTER_CORE_GROUP, "NodeOverlay"):
        return _OVERLAYS
    if is_buffer(manifest) and not context.charts(CLUSTER_AUTOSCALER):
        return _BUFFERS
    shares = part(manifest, "metadata", "annotations").get(SHARES_ANNOTATION)
    if (group, kind) == (KARPENTER_GROUP, "EC2NodeClass") and str(shares or "") not in _NOT_SHARED:
        return _SHARED
    return None


def _is_on(feature: _Feature, release: Software) -> bool | None:
    """None where the release does not say."""
    name = feature.gate.rpartition(".")[2]
    if feature is not _SHARED:
        return runs_with(release.values, name)
    settings = release.value("settings", default={})
    return minor_of(release.version) < DRA_SINCE or aws_gates(settings).get(name, False)


@check(
    "capacity-buffers-request-their-devices",
    subject="CapacityBuffer",
    fix="write what a container's limits have into its requests too",
    sources=(
        sources.KARPENTER,
        sources.LAB,
    ),
)
def buffers_request(context: Context) -> Iterator[Said]:
    """Nodes of the buffer come without the resource: requests follow from limits in a pod, and in no template of pods.

    That holds for a PodTemplate and for the template of a workload that the buffer names. One of another stack is not
    judged.
    """
    objects = list(kubernetes_objects(context.graph))
    others = Objects(objects)
    for resource, manifest in objects:
        if not is_buffer(manifest):
            continue
        named, template, _ = template_of(manifest, others.seen_by(resource))
        if template is None:
            continue
        said = " and ".join(sorted(_limited_alone(part(template, "spec"))))
        problem = Problem(f"its {named} limits {said} and requests none") if said else None
        yield verdict(subject(manifest), problem, f"its {named} requests what it limits")


def _group(manifest: Mapping[str, Any]) -> str:
    return str(manifest["apiVersion"]).partition("/")[0]


def _limited_alone(spec: Mapping[str, Any]) -> set[str]:
    """Resources that a container limits and does not request."""
    resources = [part(container, "resources") for container in spec.get("containers") or ()]
    return {name for found in resources for name in part(found, "limits") if name not in part(found, "requests")}


@check(
    "karpenter-settings-agree",
    subject="Karpenter release",
    fix="leave out one of the settings",
    sources=(sources.KARPENTER_CHART,),
)
def settings_agree(context: Context) -> Iterator[Said]:
    """Helm cannot render the chart, because two of its settings exclude each other: Karpenter is not installed."""
    for release in context.charts(KARPENTER):
        said = refused(release.value("settings", default={})) if minor_of(release.version) >= DRA_SINCE else ""
        yield verdict(release.name, Problem(said) if said else None, "its settings exclude nothing")
