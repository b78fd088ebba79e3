"""Pods refused: what the API server does not take, and pods that never start."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from eks_gpu.graph.graph import Resource

from .edits import EACH, Edit, Rewritten, gone, to, with_item, with_key
from .no_way_out import made, once
from .places import DEPLOYMENT, JOB, SERVICE, asks_for_gpus
from .programs import RELEASE, Program

_WORKLOADS = [DEPLOYMENT, JOB]
_POD = ("spec", "template", "spec")
_CONTAINERS = (*_POD, "containers", EACH)
_CLASS, _HPA = "kubernetes:storage.k8s.io/v1:StorageClass", "kubernetes:autoscaling/v2:HorizontalPodAutoscaler"
_ADDON = ["aws:eks/addon:Addon"]
_ENFORCE = "pod-security.kubernetes.io/enforce"


def added(group: str, kind: str, name: str, namespace: str = "", **body: Any) -> Resource:
    """A Kubernetes object that a user added."""
    metadata = {"name": name, **({"namespace": namespace} if namespace else {}), **body.pop("metadata", {})}
    inputs = {"apiVersion": group.removeprefix("core/"), "kind": kind, "metadata": metadata, **body}
    return made(f"kubernetes:{group}:{kind}", f"{kind}-{name}".lower(), inputs)


def beside_gpu_work(make: Callable[[Resource, str], Iterable[Resource]]):
    """For the first workload with GPUs: what else comes, or changes, by the workload and its namespace."""

    def rewrite(program: Program) -> Iterator[tuple[str, list[Resource]]]:
        for found in program.graph.of(*_WORKLOADS):
            if asks_for_gpus(found, program):
                namespace = str(found.inputs["metadata"].get("namespace") or "default")
                yield found.name, list(make(found, namespace))
                return

    return rewrite


def with_pod(workload: Resource, container: Mapping[str, Any] | None = None, **spec: Any) -> Resource:
    """The workload with more in its pods, and in their first container."""
    template = workload.inputs["spec"]["template"]
    first, *rest = template["spec"]["containers"]
    pod = {**template["spec"], "containers": [{**first, **(container or {})}, *rest], **spec}
    inputs = {**workload.inputs, "spec": {**workload.inputs["spec"], "template": {**template, "spec": pod}}}
    return replace(workload, inputs=inputs)


def _level(level: str, pod: Mapping[str, Any] | None = None, **container: Any):
    """A namespace that enforces a level, and pods that do not meet it."""

    def make(workload: Resource, namespace: str) -> Iterator[Resource]:
        yield added("core/v1", "Namespace", namespace, metadata={"labels": {_ENFORCE: level}})
        yield with_pod(workload, container, **(pod or {}))

    return beside_gpu_work(make)


def _restricted_plugin(program: Program) -> Iterator[Resource]:
    for release in program.graph.of(RELEASE):
        if str(release.inputs.get("chart", "")).endswith(("nvidia-device-plugin", "gpu-operator")):
            namespace = str(release.inputs["namespace"])
            yield added("core/v1", "Namespace", namespace, metadata={"labels": {_ENFORCE: "restricted"}})


def _quota(**hard: str):
    names = {key.replace("__", "/").replace("_", "."): value for key, value in hard.items()}
    return beside_gpu_work(
        lambda workload, namespace: [added("core/v1", "ResourceQuota", "gpus", namespace, spec={"hard": names})]
    )


def _limits(**row: Any):
    spec = {"limits": [{"type": "Container", **row}]}
    return beside_gpu_work(lambda workload, namespace: [added("core/v1", "LimitRange", "pods", namespace, spec=spec)])


def _pod(**spec: Any):
    return beside_gpu_work(lambda workload, namespace: [with_pod(workload, None, **spec)])


def _apart(key: str, replicas: int):
    """Every replica on a node, or in a zone, of its own."""

    def make(workload: Resource, namespace: str) -> Iterator[Resource]:
        labels = {"app": "apart"}
        term = {"labelSelector": {"matchLabels": labels}, "topologyKey": key}
        affinity = {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}
        pod = {**workload.inputs["spec"]["template"]["spec"], "affinity": affinity}
        spec = {"replicas": replicas, "selector": {"matchLabels": labels}}
        yield added(
            "apps/v1",
            "Deployment",
            "apart",
            namespace,
            spec={**spec, "template": {"metadata": {"labels": labels}, "spec": pod}},
        )

    return beside_gpu_work(make)


def _webhook(workload: Resource, namespace: str) -> Iterator[Resource]:
    """An admission webhook whose pods are on GPU nodes."""
    template = workload.inputs["spec"]["template"]
    labels = {"app": "policy"}
    spec = {**workload.inputs["spec"], "template": {**template, "metadata": {"labels": labels}}}
    yield replace(workload, inputs={**workload.inputs, "spec": {**spec, "selector": {"matchLabels": labels}}})
    ports = [{"port": 443, "targetPort": 443}]
    yield added("core/v1", "Service", "policy", namespace, spec={"selector": labels, "ports": ports})
    hook = {"name": "policy.example.com", "clientConfig": {"service": {"name": "policy", "namespace": namespace}}}
    group = "admissionregistration.k8s.io/v1"
    yield added(group, "ValidatingWebhookConfiguration", "policy", webhooks=[{**hook, "failurePolicy": "Fail"}])


def _claim(workload: Resource, namespace: str) -> Iterator[Resource]:
    spec = {"storageClassName": "gp2", "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "9Gi"}}}
    yield added("core/v1", "PersistentVolumeClaim", "models", namespace, spec=spec)


def _without_driver(program: Program) -> Iterator[Resource]:
    """A claim of gp2, and other software in place of its driver."""
    for found in program.graph.of(*_ADDON):
        if found.inputs.get("addonName") == "aws-ebs-csi-driver":
            yield replace(found, inputs={**found.inputs, "addonName": "aws-efs-csi-driver"})
            for workload in program.graph.of(*_WORKLOADS):
                yield from _claim(workload, str(workload.inputs["metadata"].get("namespace")))


def _served(resource: Resource, program: Program) -> bool:
    """A Deployment behind a Service, that nothing scales."""
    services = {service.name for service in program.graph.of(SERVICE)}
    return resource.name in services and not program.has(_HPA)


def _is_measured(resource: Resource, program: Program) -> bool:
    targets = {found.inputs["spec"]["scaleTargetRef"]["name"] for found in program.graph.of(_HPA)}
    return resource.inputs["metadata"]["name"] in targets


_ZONE = "topology.kubernetes.io/zone"
OPERATORS = (
    # The level of the namespace.
    Rewritten(
        "a privileged pod in a baseline namespace", "no pod", _level("baseline", securityContext={"privileged": True})
    ),
    Rewritten(
        "a host path in a baseline namespace",
        "no pod",
        _level("baseline", pod={"volumes": [{"name": "models", "hostPath": {"path": "/mnt"}}]}),
    ),
    Rewritten("the host's network in a baseline namespace", "no pod", _level("baseline", pod={"hostNetwork": True})),
    Rewritten(
        "a host port in a baseline namespace",
        "no pod",
        _level("baseline", ports=[{"containerPort": 80, "hostPort": 80}]),
    ),
    Rewritten(
        "a capability in a baseline namespace",
        "no pod",
        _level("baseline", securityContext={"capabilities": {"add": ["SYS_PTRACE"]}}),
    ),
    Rewritten("plain pods in a restricted namespace", "no pod", _level("restricted", securityContext={})),
    Rewritten("root in a restricted namespace", "no pod", _level("restricted", securityContext={"runAsUser": 0})),
    Rewritten(
        "no seccomp in a restricted namespace",
        "no pod",
        _level("restricted", pod={"securityContext": {"runAsNonRoot": True}}),
    ),
    Rewritten("device software in a restricted namespace", "no GPU is told", once(_restricted_plugin)),
    # Quotas and limits.
    Rewritten("a quota of no GPU", "no pod", _quota(**{"requests_nvidia.com/gpu": "0"})),
    Rewritten("a quota of no pods", "no pod", _quota(pods="0")),
    Rewritten("a quota of little CPU", "no pod", _quota(requests_cpu="10m")),
    Rewritten("a quota of little memory", "no pod", _quota(requests_memory="16Mi")),
    Rewritten("a quota of CPU limits", "pods without a limit are refused", _quota(limits_cpu="64")),
    Rewritten("a smaller maximum of a container", "no pod", _limits(max={"memory": "64Mi"})),
    Rewritten("a larger minimum of a container", "no pod", _limits(min={"cpu": "32"})),
    Rewritten("no GPU for a container", "no pod", _limits(max={"nvidia.com/gpu": "0"})),
    # What pods name.
    Edit(
        "a selector that its own pods do not match",
        "the API server refuses the workload",
        [DEPLOYMENT],
        ("spec", "selector", "matchLabels"),
        with_key(app="other"),
    ),
    Edit(
        "labels that the selector does not match",
        "the API server refuses the workload",
        [DEPLOYMENT],
        ("spec", "template", "metadata", "labels"),
        to({"app": "other"}),
    ),
    Edit("images that nobody pulls", "no pod starts", _WORKLOADS, (*_CONTAINERS, "imagePullPolicy"), to("Never")),
    Edit("a node by name", "its pods wait", _WORKLOADS, (*_POD, "nodeName"), to("ip-10-0-0-1"), asks_for_gpus),
    *(
        Edit(f"{what} that is not there", "its pods wait", _WORKLOADS, (*_POD, key), to(value))
        for what, key, value in (
            ("a service account", "serviceAccountName", "runner"),
            ("a priority class", "priorityClassName", "gpu-first"),
            ("a runtime class", "runtimeClassName", "kata"),
            ("a pull secret", "imagePullSecrets", [{"name": "registry"}]),
            ("a claim", "volumes", [{"name": "models", "persistentVolumeClaim": {"claimName": "models"}}]),
        )
    ),
    Edit(
        "a Secret that is not there",
        "its pods wait",
        _WORKLOADS,
        (*_CONTAINERS, "env"),
        with_item({"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "hub", "key": "token"}}}),
    ),
    # Where they may be.
    Edit(
        "a zone without nodes",
        "its pods wait",
        _WORKLOADS,
        (*_POD, "nodeSelector"),
        with_key(**{_ZONE: "us-west-2d"}),
        asks_for_gpus,
    ),
    Rewritten("more replicas than nodes, each alone", "the rest waits", _apart("kubernetes.io/hostname", 5000)),
    Rewritten("more replicas than zones, each alone", "the rest waits", _apart(_ZONE, 7)),
    Rewritten(
        "more zones than there are",
        "its pods wait",
        _pod(
            topologySpreadConstraints=[
                {"maxSkew": 1, "topologyKey": _ZONE, "whenUnsatisfiable": "DoNotSchedule", "minDomains": 9}
            ]
        ),
    ),
    Edit(
        "a host port twice",
        "its pods wait",
        _WORKLOADS,
        (*_CONTAINERS, "ports"),
        to([{"containerPort": 80, "hostPort": 80}, {"containerPort": 81, "hostPort": 80}]),
        asks_for_gpus,
    ),
    # Disks.
    Rewritten("a claim of gp2 without its driver", "its pods wait", once(_without_driver)),
    Edit("a disk before its pod", "it is in another zone", [_CLASS], ("volumeBindingMode",), to("Immediate")),
    Edit("nobody says when a disk is made", "it is in another zone", [_CLASS], ("volumeBindingMode",), gone),
    # How they are reached, scaled and admitted.
    Edit("no replicas behind a Service", "nobody answers", [DEPLOYMENT], ("spec", "replicas"), to(0), _served),
    Edit("a port that no container has", "nobody answers", [SERVICE], ("spec", "ports", EACH, "targetPort"), to(8080)),
    Edit(
        "an autoscaler of a percentage of nothing",
        "the workload keeps its replicas",
        [DEPLOYMENT],
        (*_CONTAINERS, "resources", "requests", "cpu"),
        gone,
        _is_measured,
    ),
    Edit(
        "an autoscaler of another kind",
        "the workload keeps its replicas",
        [_HPA],
        ("spec", "scaleTargetRef", "kind"),
        to("StatefulSet"),
    ),
    Rewritten("a webhook on GPU nodes", "no pod is admitted", beside_gpu_work(_webhook)),
    # Deadlines.
    Edit("a Job that may not wait", "it fails before it runs", [JOB], ("spec", "activeDeadlineSeconds"), to(60)),
    Edit("a pod that may not wait", "it fails before it runs", [JOB], (*_POD, "activeDeadlineSeconds"), to(60)),
    Edit(
        "an update that may not wait",
        "it fails",
        [DEPLOYMENT],
        ("spec", "progressDeadlineSeconds"),
        to(60),
        asks_for_gpus,
    ),
)
