"""Pod Security: pods meet the level that their namespace enforces."""

from collections.abc import Iterator, Mapping
from typing import Any

from eks_gpu.checks.pod_specs import PodSpec, pod_specs
from eks_gpu.checks.registry import Context, Problem, Said, check, verdict
from eks_gpu.checks.sources import POD_SECURITY
from eks_gpu.graph.graph import Graph
from eks_gpu.graph.kubernetes_objects import kubernetes_objects
from eks_gpu.karpenter.objects import part
from eks_gpu.pools.software import DEVICE_PLUGIN, GPU_OPERATOR
from eks_gpu_components.catalog.addons import EBS_CSI_DRIVER, EFA_PROGRAMS

_ENFORCE = "pod-security.kubernetes.io/enforce"
_BASELINE, _RESTRICTED = "baseline", "restricted"
# Charts whose pods mount directories of the node, or are privileged. Source: the charts' templates.
_CHARTS = (
    DEVICE_PLUGIN,
    GPU_OPERATOR,
    EFA_PROGRAMS[0],
    EBS_CSI_DRIVER,
    "dcgm-exporter",
    "neuron-helm-chart",
)
_CAPABILITIES = frozenset(
    {"AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE", "SETFCAP"}
    | {"SETGID", "SETPCAP", "SETUID", "SYS_CHROOT"}
)
_VOLUMES = frozenset(
    {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"}
)


@check(
    "pods-meet-the-level-of-their-namespace",
    subject="workload, release with device software",
    fix=f"change the pods, or the label {_ENFORCE} of the namespace",
    sources=(POD_SECURITY,),
)
def meet_the_level(context: Context) -> Iterator[Said]:
    """The API server refuses every pod: the workload has none, and only its events say why.

    The levels are baseline and restricted. Device plugins, drivers and exporters need a namespace without one.
    """
    levels = _levels(context.graph)
    for spec in pod_specs(context.graph):
        level = levels.get(spec.namespace, "")
        found = list(_against_baseline(spec)) if level else []
        found += _against_restricted(spec) if level == _RESTRICTED else ()
        problem = Problem(f"its namespace is {level}: {'; '.join(found)}") if found else None
        yield verdict(str(spec), problem, f"it is {level}" if level else "its namespace enforces no level")
    for release in context.charts(*_CHARTS):
        level = levels.get(release.namespace, "")
        said = f"its pods have parts of their node, and namespace {release.namespace} is {level}"
        yield verdict(release.name, Problem(said) if level else None, "its namespace enforces no level")


def _levels(graph: Graph) -> dict[str, str]:
    """Namespace -> baseline or restricted."""
    labels = {
        str(manifest["metadata"]["name"]): str(part(manifest, "metadata", "labels").get(_ENFORCE))
        for _, manifest in kubernetes_objects(graph)
        if manifest["kind"] in ("Namespace", "NamespacePatch")
    }
    return {name: level for name, level in labels.items() if level in (_BASELINE, _RESTRICTED)}


def _against_baseline(spec: PodSpec) -> Iterator[str]:
    for key in ("hostNetwork", "hostPID", "hostIPC"):
        if spec.spec.get(key) is True:
            yield f"{key} is on"
    for volume in spec.spec.get("volumes") or ():
        if volume.get("hostPath"):
            yield f"volume {volume.get('name')} is a hostPath"
    if _seccomp(spec.spec) == "Unconfined":
        yield "seccomp is Unconfined"
    for container in spec.all_containers:
        name, given = container.get("name"), part(container, "securityContext")
        if given.get("privileged") is True:
            yield f"container {name} is privileged"
        if more := sorted(set(map(str, part(given, "capabilities").get("add") or ())) - _CAPABILITIES):
            yield f"container {name} adds {', '.join(more)}"
        if any(port.get("hostPort") for port in container.get("ports") or ()):
            yield f"container {name} has a hostPort"
        if given.get("procMount") == "Unmasked":
            yield f"container {name} unmasks /proc"


def _against_restricted(spec: PodSpec) -> Iterator[str]:
    pod = part(spec.spec, "securityContext")
    for volume in spec.spec.get("volumes") or ():
        if other := [kind for kind in volume if kind != "name" and kind not in _VOLUMES and volume[kind]]:
            yield f"volume {volume.get('name')} is {other[0]}"
    for container in spec.all_containers:
        name, given = container.get("name"), part(container, "securityContext")
        capabilities = part(given, "capabilities")
        if given.get("allowPrivilegeEscalation") is not False:
            yield f"container {name} does not set allowPrivilegeEscalation: false"
        if given.get("runAsNonRoot", pod.get("runAsNonRoot")) is not True:
            yield f"container {name} does not set runAsNonRoot: true"
        if given.get("runAsUser", pod.get("runAsUser")) == 0:
            yield f"container {name} runs as user 0"
        if (_seccomp(container) or _seccomp(spec.spec)) not in ("RuntimeDefault", "Localhost"):
            yield f"container {name} has no seccomp profile"
        if "ALL" not in (capabilities.get("drop") or ()):
            yield f"container {name} does not drop ALL capabilities"
        if set(map(str, capabilities.get("add") or ())) - {"NET_BIND_SERVICE"}:
            yield f"container {name} adds capabilities"


def _seccomp(given: Mapping[str, Any]) -> str:
    return str(part(given, "securityContext", "seccompProfile").get("type") or "")
