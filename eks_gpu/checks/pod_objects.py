"""What pods belong to and name: their own labels, accounts, secrets, claims, images and priorities."""

from collections.abc import Iterator, Mapping
from typing import Any

from eks_gpu.checks import sources
from eks_gpu.checks.pod_specs import PodSpec, pod_specs
from eks_gpu.checks.registry import Context, Problem, Said, check, verdict
from eks_gpu.graph.kubernetes_objects import kubernetes_objects
from eks_gpu.karpenter.objects import part
from eks_gpu.pools.software import (
    CLUSTER_AUTOSCALER,
    DEVICE_PLUGIN,
    GPU_OPERATOR,
    KARPENTER,
    KARPENTER_CRDS,
    LOAD_BALANCER_CONTROLLER,
    TERMINATION_HANDLER,
)
from eks_gpu_components.catalog import requirement_holds
from eks_gpu_components.catalog.chart_defaults import GPU_OPERATOR_RUNTIME_CLASSES

_SELECTING = ("Deployment", "ReplicaSet", "StatefulSet", "DaemonSet")
# Charts whose objects are known: they bring nothing that other pods name, but for the classes of the GPU operator.
_KNOWN = frozenset(
    {CLUSTER_AUTOSCALER, DEVICE_PLUGIN, GPU_OPERATOR, KARPENTER, KARPENTER_CRDS, LOAD_BALANCER_CONTROLLER}
    | {TERMINATION_HANDLER}
)
"""Source: NVIDIA GPU operator 26, container toolkit."""
# Kinds that other objects are made of, so that what is missing may come of them.
_MAKERS = ("Certificate", "ClusterExternalSecret", "ExternalSecret", "SealedSecret", "SecretProviderClass")


@check(
    "selectors-match-their-pods",
    subject="Deployment, StatefulSet, ReplicaSet or DaemonSet with a selector",
    fix="give the pod template the labels that spec.selector names",
    sources=(
        sources.kubernetes("labels"),
        sources.LAB,
    ),
)
def match_their_pods(context: Context) -> Iterator[Said]:
    """The API server refuses the workload: its selector does not match the labels of its own pods."""
    specs = {spec.urn: spec for spec in pod_specs(context.graph)}
    for resource, manifest in kubernetes_objects(context.graph):
        selector = part(manifest, "spec", "selector")
        if manifest["kind"] in _SELECTING and selector:
            spec = specs[resource.urn]
            wrong = list(_unmatched(selector, {str(key): str(value) for key, value in spec.labels.items()}))
            problem = Problem(f"it selects {', '.join(wrong)}, which its pods do not have") if wrong else None
            yield verdict(str(spec), problem, "its selector matches its pods")


def _unmatched(selector: Mapping[str, Any], labels: Mapping[str, str]) -> Iterator[str]:
    for key, value in part(selector, "matchLabels").items():
        if labels.get(key) != str(value):
            yield f"{key}={value}"
    for row in selector.get("matchExpressions") or ():
        values = tuple(map(str, row.get("values") or ()))
        if not requirement_holds(str(row.get("operator")), values, labels.get(str(row.get("key")))):
            yield f"{row.get('key')} {row.get('operator')} {', '.join(values)}".strip()


@check(
    "new-nodes-can-pull-images",
    subject="workload",
    severity="warning",
    fix="set imagePullPolicy: IfNotPresent",
    sources=(sources.kubernetes("images"),),
)
def can_pull(context: Context) -> Iterator[Said]:
    """The pod never starts on a new node, which has no image: the policy forbids to pull one."""
    for spec in pod_specs(context.graph):
        never = [str(one.get("name")) for one in spec.all_containers if one.get("imagePullPolicy") == "Never"]
        problem = Problem(f"imagePullPolicy of {', '.join(never)} is Never") if never else None
        yield verdict(str(spec), problem, "its images may be pulled")


@check(
    "pods-find-what-they-name",
    subject="workload",
    severity="warning",
    fix="register the object, or take the reference out",
    relies_on=("software", "pods"),
    sources=(sources.kubernetes("configure-pod-container"),),
)
def find_what_they_name(context: Context) -> Iterator[Said]:
    """The API server refuses the pods, or they wait in ContainerCreating: what they name is not there.

    The check applies if the stack creates the cluster. It looks at service accounts, priority and runtime classes,
    claims, ConfigMaps and Secrets. It does not judge what an unknown chart, or an operator of secrets, may bring.
    """
    if not context.clusters:
        return
    made = {
        (manifest["kind"], str(manifest["metadata"].get("namespace") or "default"), str(manifest["metadata"]["name"]))
        for _, manifest in kubernetes_objects(context.graph)
    }
    if context.charts(GPU_OPERATOR):
        made |= {("RuntimeClass", "default", name) for name in GPU_OPERATOR_RUNTIME_CLASSES}
    kinds = {kind for kind, _, _ in made}
    elsewhere = any(release.chart not in _KNOWN for release in context.software) or kinds & set(_MAKERS)
    everywhere = {(kind, name) for kind, _, name in made}
    for spec in pod_specs(context.graph):
        missing = [
            f"{kind} {name}"
            for kind, name in dict.fromkeys(_named(spec))
            if not ((kind, name) in everywhere if kind.endswith("Class") else (kind, spec.namespace, name) in made)
        ]
        problem = Problem(f"the stack has no {', no '.join(missing)}") if missing and not elsewhere else None
        yield verdict(str(spec), problem, "it names nothing that is missing")


def _named(spec: PodSpec) -> Iterator[tuple[str, str]]:
    given = spec.spec
    account = given.get("serviceAccountName") or given.get("serviceAccount")
    if account and account != "default":
        yield "ServiceAccount", str(account)
    if (priority := given.get("priorityClassName")) and not str(priority).startswith("system-"):
        yield "PriorityClass", str(priority)
    if runtime := given.get("runtimeClassName"):
        yield "RuntimeClass", str(runtime)
    for secret in given.get("imagePullSecrets") or ():
        yield "Secret", str(secret.get("name"))
    for volume in given.get("volumes") or ():
        for key, kind, name in (
            ("persistentVolumeClaim", "PersistentVolumeClaim", "claimName"),
            ("configMap", "ConfigMap", "name"),
            ("secret", "Secret", "secretName"),
        ):
            source = part(volume, key)
            if source.get(name) and source.get("optional") is not True:
                yield kind, str(source[name])
    for container in spec.all_containers:
        sources = [part(one, "valueFrom") for one in container.get("env") or ()]
        for source in (*sources, *(container.get("envFrom") or ())):
            for key, kind in (
                ("secretKeyRef", "Secret"),
                ("secretRef", "Secret"),
                ("configMapKeyRef", "ConfigMap"),
                ("configMapRef", "ConfigMap"),
            ):
                reference = part(source, key)
                if reference.get("name") and reference.get("optional") is not True:
                    yield kind, str(reference["name"])
