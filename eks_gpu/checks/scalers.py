"""Scalers of pods: something starts the first pod, their controller is there, and nothing else sets the number."""

import re
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from eks_gpu.checks import sources
from eks_gpu.checks.names import subject
from eks_gpu.checks.objects import made_in
from eks_gpu.checks.pod_specs import pod_specs
from eks_gpu.checks.registry import Context, Problem, Said, check, verdict
from eks_gpu.checks.scaler_values import refused
from eks_gpu.checks.sources import Source
from eks_gpu.graph.graph import Graph, Resource
from eks_gpu.graph.kubernetes_objects import kubernetes_objects
from eks_gpu.karpenter.objects import part
from eks_gpu.pools.software import KEDA, Software
from eks_gpu_components.catalog.keda import (
    KEDA_GROUP,
    OF_RUNNING_PODS,
    PAUSED_REPLICAS,
    PROMETHEUS_TRIGGER,
    counts_running_pods,
)

SCALED_OBJECT, SCALED_JOB = "ScaledObject", "ScaledJob"
_HPA = "HorizontalPodAutoscaler"
_AUTHENTICATION = "TriggerAuthentication"
_COUNTS_PODS = "kubernetes-workload"
_READ = date(2026, 11, 30)
KEDA_CODE = Source("KEDA 2.21.0, its code, webhooks and chart 2.20.2", _READ)
_RUN = Source("KEDA 2.21.0 and Karpenter 1.15.0, run in the lab", _READ)


def scaled(graph: Graph) -> Iterator[tuple[Resource, Mapping[str, Any]]]:
    """KEDA's objects that start pods."""
    for resource, manifest in kubernetes_objects(graph):
        if manifest["kind"] in (SCALED_OBJECT, SCALED_JOB) and _group(manifest) == KEDA_GROUP:
            yield resource, manifest


def _group(manifest: Mapping[str, Any]) -> str:
    return str(manifest["apiVersion"]).partition("/")[0]


def triggers(manifest: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The triggers of one of KEDA's objects."""
    return [each for each in part(manifest, "spec").get("triggers") or () if isinstance(each, Mapping)]


@check(
    "triggers-can-wake-from-zero",
    subject="ScaledObject or ScaledJob that goes to no pod",
    fix="add a trigger on what waits outside the pods, such as a queue, a schedule or a gateway's metric, or keep one "
    "pod with minReplicaCount: 1",
    sources=(KEDA_CODE, _RUN),
)
def wake(context: Context) -> Iterator[Said]:
    """Requests wait forever: what would start the first pod is measured on pods that run.

    CPU and memory are, and so is a Prometheus query that reads only metrics of a model server, of the GPU exporter or
    of containers, such as `vllm:num_requests_waiting`; with no pod it has no value. A query of a metric that the check
    does not know passes. One trigger that can wake is enough; the others then add pods to those that run.
    """
    for _, manifest in scaled(context.graph):
        if not _goes_to_zero(manifest):
            continue
        given = triggers(manifest)
        asleep = [_asleep(trigger, manifest, context) for trigger in given]
        awake = [str(trigger.get("type")) for trigger, reason in zip(given, asleep, strict=True) if not reason]
        reasons = "; ".join(dict.fromkeys(filter(None, asleep))) or "it has no trigger"
        problem = None if awake else Problem(f"nothing starts its first pod: {reasons}")
        yield verdict(subject(manifest), problem, f"{', '.join(awake)} can start the first pod")


def _goes_to_zero(manifest: Mapping[str, Any]) -> bool:
    spec = part(manifest, "spec")
    if PAUSED_REPLICAS in (manifest["metadata"].get("annotations") or {}):
        return False
    least = (spec.get("minReplicaCount") or 0, spec.get("idleReplicaCount"))
    return any(str(number) == "0" for number in least)


def _asleep(trigger: Mapping[str, Any], manifest: Mapping[str, Any], context: Context) -> str:
    """Why a trigger is silent while no pod runs; empty where it is not, or nobody knows."""
    kind, values = str(trigger.get("type")), part(trigger, "metadata")
    if kind in OF_RUNNING_PODS:
        return f"{kind} is measured on running pods"
    target = str(part(manifest, "spec", "scaleTargetRef").get("name") or "")
    if kind == PROMETHEUS_TRIGGER:
        query = str(values.get("query") or "")
        if counted := counts_running_pods(query):
            return f"{', '.join(counted)} is served for running pods"
        if target and re.search(rf"\b(?:exported_)?pod\s*=~?\s*[\"'`]{re.escape(target)}\b", query):
            return f"its query selects the pods of {target}"
    if kind == _COUNTS_PODS and _selects(str(values.get("podSelector") or ""), target, manifest, context):
        return f"{kind} counts the pods of {target}"
    return ""


def _selects(selector: str, target: str, manifest: Mapping[str, Any], context: Context) -> bool:
    """Whether a selector of labels, each with one value, selects the pods of the target."""
    wanted = [each.strip().partition("=")[::2] for each in selector.split(",") if each.strip()]
    namespace, kind = _namespace(manifest), str(part(manifest, "spec", "scaleTargetRef").get("kind") or "Deployment")
    own = [
        spec.labels
        for spec in pod_specs(context.graph)
        if (spec.kind, spec.namespace, spec.name) == (kind, namespace, target)
    ]
    return bool(wanted) and any(all(labels.get(key) == value for key, value in wanted) for labels in own)


def _namespace(manifest: Mapping[str, Any]) -> str:
    return str(manifest["metadata"].get("namespace") or "default")


@check(
    "scaled-objects-have-keda",
    subject="ScaledObject or ScaledJob",
    fix=f"install chart {KEDA} with its metrics API, as KedaOperator does",
    relies_on=("software",),
    sources=(KEDA_CODE, _RUN),
)
def have_keda(context: Context) -> Iterator[Said]:
    """Without KEDA nothing starts a pod; without its metrics API the first pod starts and no second one, ever.

    The operator starts the first pod, and removes the last; the number between is that of a HorizontalPodAutoscaler,
    which asks the metrics API. A ScaledJob does without. KEDA may be installed by manifests, or by another stack.

    KEDA does not act either on an object that it refuses, such as one with a cron trigger without `desiredReplicas`, or
    more pods at least than at most, and on one whose workload or TriggerAuthentication is missing, which is a warning:
    both may come from elsewhere.
    """
    releases = context.charts(KEDA)
    by_hand = {name for resource, _ in kubernetes_objects(context.graph) for name in _programs(resource)}
    for _, manifest in scaled(context.graph):
        wrong = list(refused(manifest, triggers(manifest)))
        if releases or not context.of_another_stack:
            wrong += filter(None, [_missing(manifest, releases, by_hand)])
        lost = [] if wrong or context.of_another_stack else list(_lost(manifest, context))
        if wrong or lost or releases or not context.of_another_stack:
            severity = "warning" if lost else ""
            yield verdict(subject(manifest), wrong or lost, f"{KEDA} acts on it", severity)


def _lost(manifest: Mapping[str, Any], context: Context) -> Iterator[Problem]:
    """What it names and nothing in the stack makes: the workload that it scales, and what its triggers ask as."""
    made, namespace = made_in(context.graph, context.software), _namespace(manifest)
    if made.anything:
        return
    target = part(manifest, "spec", "scaleTargetRef")
    kind, name = str(target.get("kind") or "Deployment"), str(target.get("name") or "")
    if name and (kind, namespace, name) not in made.objects and namespace not in made.released:
        said = f"it scales {kind} {namespace}/{name}, which nothing in the stack makes"
        yield Problem(said, "name a workload in its own namespace")
    for trigger in triggers(manifest):
        reference = part(trigger, "authenticationRef")
        kind, name = str(reference.get("kind") or _AUTHENTICATION), str(reference.get("name") or "")
        places = {place for each, place, named in made.objects if (each, named) == (kind, name)}
        if name and not (places if kind.startswith("Cluster") else namespace in places):
            said = f"its trigger {trigger.get('type')} asks by {kind} {name}, which nothing in {namespace} makes"
            yield Problem(said, "name one that is there, in its own namespace")


def _programs(resource: Resource) -> list[str]:
    """KEDA's programs that a workload runs by its own images: keda, keda-metrics-apiserver."""
    template = part(resource.inputs, "spec", "template", "spec")
    images = [str(each.get("image")) for each in template.get("containers") or () if isinstance(each, Mapping)]
    return [image.rpartition("/")[2].partition("@")[0].partition(":")[0] for image in images if "kedacore/" in image]


def _missing(manifest: Mapping[str, Any], releases: list[Software], by_hand: set[str]) -> Problem | None:
    if not releases:
        if KEDA not in by_hand:
            return Problem("nothing in the stack acts on it: there is no KEDA")
        lacks = "keda-metrics-apiserver" not in by_hand
        return _one_is_the_end(manifest, "the stack has KEDA's operator alone") if lacks else None
    found = [_of_release(manifest, release) for release in releases]
    return None if None in found else found[0]


def _of_release(manifest: Mapping[str, Any], release: Software) -> Problem | None:
    watched = [each.strip() for each in str(release.value("watchNamespace", default="")).split(",") if each.strip()]
    namespace = _namespace(manifest)
    if watched and namespace not in watched:
        said = f"release {release.name} watches {', '.join(watched)}, and it is in {namespace}"
        return Problem(said, f"leave watchNamespace out, or add {namespace}")
    if str(release.value("operator", "replicaCount", default=1)) == "0":
        return Problem(f"release {release.name} runs no operator", "leave operator.replicaCount out")
    off = str(release.value("metricsServer", "enabled", default=True)).lower() == "false"
    if off or str(release.value("metricsServer", "replicaCount", default=1)) == "0":
        return _one_is_the_end(manifest, f"release {release.name} runs without the metrics API")
    return None


def _one_is_the_end(manifest: Mapping[str, Any], said: str) -> Problem | None:
    alone = manifest["kind"] == SCALED_JOB or str(part(manifest, "spec").get("maxReplicaCount")) == "1"
    return None if alone else Problem(f"{said}, so its first pod starts and no second one")


@check(
    "one-scaler-a-workload",
    subject="workload that a HorizontalPodAutoscaler or a ScaledObject scales",
    fix="leave one scaler, and no number of replicas in the workload",
    sources=(KEDA_CODE, sources.kubernetes("horizontal-pod-autoscale")),
)
def one_scaler(context: Context) -> Iterator[Said]:
    """Each undoes what the other does: pods, and with them GPU nodes, come and go.

    KEDA's webhook refuses a second scaler, if it is there. A number of replicas in the workload is a warning: each
    update sets the pods back to it, or fails because the scaler owns the field. With `ignoreChanges` of
    `spec.replicas`, and in a cluster that runs, it does no harm.
    """
    targets: dict[tuple[str, str, str], list[str]] = {}
    for _, manifest in kubernetes_objects(context.graph):
        reference = part(manifest, "spec", "scaleTargetRef")
        scaler = (_group(manifest), manifest["kind"]) in (("autoscaling", _HPA), (KEDA_GROUP, SCALED_OBJECT))
        if scaler and reference.get("name") and not _of_keda(manifest):
            key = (str(reference.get("kind") or "Deployment"), _namespace(manifest), str(reference.get("name")))
            targets.setdefault(key, []).append(subject(manifest))
    stated = _stated(context.graph)
    for key, scalers in targets.items():
        kind, namespace, name = key
        if len(scalers) > 1:
            yield verdict(f"{kind} {namespace}/{name}", Problem(f"{' and '.join(scalers)} scale it"), "")
            continue
        problem = None
        if key in stated:
            said = f"it states {stated[key]} replicas, and {scalers[0]} sets their number"
            problem = Problem(said, "leave spec.replicas out, or ignore its changes with ignore_changes")
        yield verdict(f"{kind} {namespace}/{name}", problem, f"{scalers[0]} alone sets its number", "warning")


def _of_keda(manifest: Mapping[str, Any]) -> bool:
    """Whether KEDA made an autoscaler for one of its own objects."""
    owners = manifest["metadata"].get("ownerReferences") or ()
    return any(isinstance(owner, Mapping) and owner.get("kind") == SCALED_OBJECT for owner in owners)


def _stated(graph: Graph) -> dict[tuple[str, str, str], int]:
    """Numbers of replicas that a program writes again at each update, by kind, namespace and name."""
    if graph.running or not graph.options_known:
        return {}
    return {
        (str(manifest["kind"]), _namespace(manifest), str(manifest["metadata"]["name"])): number
        for resource, manifest in kubernetes_objects(graph)
        if (number := part(manifest, "spec").get("replicas")) is not None
        and not any(str(path) in ("*", "spec", "spec.replicas") for path in resource.options.get("ignoreChanges") or ())
    }
