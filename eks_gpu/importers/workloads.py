"""Workloads as a file has them: what their pods ask for, tolerate and select. Source: Kubernetes 1.35, core API."""

from collections.abc import Mapping
from typing import Any

from eks_gpu.importers.fields import Fields
from eks_gpu.importers.findings import Findings
from eks_gpu.importers.model import Described, Named, Selection, Stated, Toleration, Workload
from eks_gpu.importers.requirements import read_requirements
from eks_gpu.pods.made_pods import Find
from eks_gpu.pods.makers import made_pods, maker_of, templates
from eks_gpu.pods.pod import Pod, pod_from_template
from eks_gpu.pods.quantities import kept
from eks_gpu.pods.spare import is_spare
from eks_gpu_components.catalog import DEVICE_PLUGINS, NODE_AFFINITY_OPERATORS, TOLERATION_OPERATORS

TEMPLATES = {
    "CronJob": ("spec", "jobTemplate", "spec", "template"),
    "DaemonSet": ("spec", "template"),
    "Deployment": ("spec", "template"),
    "Job": ("spec", "template"),
    "Pod": (),
    "ReplicaSet": ("spec", "template"),
    "ReplicationController": ("spec", "template"),
    "StatefulSet": ("spec", "template"),
}
"""Kind -> where its pod template is."""
_MOST_DEVICES = 999_999
_RESOURCES = tuple(resource for plugin in DEVICE_PLUGINS.values() for resource in plugin.resources)
_DEVICE_PLUGIN = "device-plugin"
CLUSTER_AUTOSCALER = "cluster-autoscaler"


def read_workload(kind: str, name: str, document: Fields, described: Described, findings: Findings) -> Workload:
    """Anything of Kubernetes' own with a pod template."""
    template = document
    for key in TEMPLATES[kind]:
        template = template.part(key, required=True)
    return _read_pod(kind, name, document, template.part("spec", required=True), described, findings)


def read_template(name: str, document: Fields, findings: Findings) -> Workload:
    """A PodTemplate, of which a controller makes pods or plans with them."""
    described = Described()
    spec = document.part("template", required=True).part("spec", required=True)
    workload = _read_pod("PodTemplate", name, document, spec, described, findings)
    requested = {
        resource for container in spec.parts("containers") for resource in container.part("resources").part("requests")
    }
    workload.requests = {name: count for name, count in workload.requests.items() if name in requested}
    return workload


def read_made_pods(kind: str, name: str, document: Fields, described: Described, findings: Findings) -> bool:
    """Pods that a known controller makes of a custom resource, each template by itself; False if there are none that
    are written as such.
    """
    found = templates(made_pods(document.document)) if maker_of(document.document) else []
    specs = [(made, document.at(made.spec_path)) for made in found if not made.composed]
    for made, spec in specs:
        if spec:
            _read_pod(kind, " ".join(filter(None, (name, made.role))), document, spec, described, findings)
    return bool(specs)


def _read_pod(
    kind: str, name: str, document: Fields, spec: Fields, described: Described, findings: Findings
) -> Workload:
    containers = [*spec.parts("containers", required=True), *spec.parts("initContainers")]
    workload = Workload(
        name=name,
        kind=kind,
        place=document.part("metadata").place("name"),
        requests_place=containers[0].place("resources") if containers else spec.place(),
    )
    for container in containers:
        _container(container, workload, findings)
    workload.spare = is_spare(spec.document, _class_of(described))
    workload.pod = _pod(spec)
    workload.priority_class = spec.text("priorityClassName") or ""
    if kind == "Deployment":
        replicas = document.part("spec").whole("replicas")
        place = document.part("spec").place("replicas")
        workload.replicas = Stated(1 if replicas is None else replicas, place)
    workload.tolerations = [_toleration(item) for item in spec.parts("tolerations")]
    selector = spec.strings("nodeSelector")
    workload.selections = [Selection(key, (value,), spec.below("nodeSelector", key)) for key, value in selector.items()]
    workload.selections += _affinity(spec, findings)
    workload.device_plugin = _of_device_plugin(workload) if kind == "DaemonSet" else ""
    if workload.device_plugin:
        described.device_plugins.append(workload)
    else:
        described.workloads.append(workload)
    return workload


def _class_of(described: Described) -> Find:
    """Finds a PriorityClass of the file, and nothing else."""

    def find(kind: str, namespace: str, name: str) -> Mapping[str, Any] | None:
        found = described.priorities.get(name) if kind == "PriorityClass" else None
        return {"value": found.value} if found else None

    return find


def _pod(spec: Fields) -> Pod:
    """What its containers request; of none that anybody could run, nothing."""
    try:
        return pod_from_template({"spec": spec.document}, "spec")
    except (ValueError, TypeError, AttributeError):
        return Pod()


def _of_device_plugin(workload: Workload) -> str:
    images = [image.name.partition("@")[0].rpartition("/")[2] for image in workload.images]
    images = [image for image in images if _DEVICE_PLUGIN in image]
    if any(DEVICE_PLUGINS["neuron"].image in image for image in images):
        return "neuron"
    return "nvidia" if any("nvidia" in workload.name or "k8s-" in image for image in images) else ""


def _devices(text: str | None) -> int | None:
    """A number of whole devices, None for anything else."""
    try:
        found = kept(text)
    except ValueError:
        return None
    return int(found) if found % 1 == 0 and 0 <= found <= _MOST_DEVICES else None


def _container(container: Fields, workload: Workload, findings: Findings) -> None:
    if image := container.text("image"):
        workload.images.append(Named(image, container.place("image")))
    resources = container.part("resources")
    limits, requests = resources.part("limits"), resources.part("requests")
    for resource in _RESOURCES:
        limit, request = limits.quantity(resource), requests.quantity(resource)
        if limit is None and request is None:
            continue
        place = limits.place(resource) if limit is not None else requests.place(resource)
        workload.requests_place = place
        if limit is None or (request is not None and _devices(request) != _devices(limit)):
            message = f"the API server refuses a pod whose {resource} is requested without the same limit"
            findings.tell("gpu-requests-equal-limits", place, f"{message}: write limits.{resource}: {request}")
        asked = limit if limit is not None else request
        if (devices := _devices(asked)) is not None:
            workload.requests[resource] = workload.requests.get(resource, 0) + devices
        else:
            message = f"{resource} counts whole devices, got {asked}: share a GPU with a pool's `sharing`"
            findings.tell("gpu-requests-equal-limits", place, message)
            workload.requests.setdefault(resource, 1)


def _toleration(item: Fields) -> Toleration:
    found = Toleration(
        key=item.text("key") or "",
        operator=item.text("operator", of=TOLERATION_OPERATORS) or "",
        value=item.text("value") or "",
        effect=item.text("effect") or "",
        place=item.place("operator" if "operator" in item else "key"),
    )
    item.replaced("tolerationSeconds")
    return found


def _affinity(spec: Fields, findings: Findings) -> list[Selection]:
    """Labels of the required node affinity, where there is one term and so no choice."""
    required = spec.part("affinity").part("nodeAffinity").part("requiredDuringSchedulingIgnoredDuringExecution")
    terms = required.parts("nodeSelectorTerms")
    if len(terms) != 1:
        return []
    term = terms[0]
    if not term.is_map("matchExpressions") and "matchExpressions" in term:
        return [
            Selection(found.key, found.values, found.place)
            for found in read_requirements(
                term, findings, required=False, key="matchExpressions", operators=NODE_AFFINITY_OPERATORS
            )
            if found.operator in ("In", "Exists")
        ]
    return []
