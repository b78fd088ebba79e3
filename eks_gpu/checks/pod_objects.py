"""What pods are of: the selector of their workload, and images that nodes may pull."""

from collections.abc import Iterator, Mapping
from typing import Any

from eks_gpu.checks import sources
from eks_gpu.checks.pod_specs import pod_specs
from eks_gpu.checks.registry import Context, Problem, Said, check, verdict
from eks_gpu.graph.kubernetes_objects import kubernetes_objects
from eks_gpu.karpenter.objects import part
from eks_gpu_components.catalog import requirement_holds

_SELECTING = ("Deployment", "ReplicaSet", "StatefulSet", "DaemonSet")


@check(
    "selectors-match-their-pods",
    subject="Deployment, StatefulSet, ReplicaSet or DaemonSet with a selector",
    fix="give the pod template the labels that spec.selector names",
    sources=(
        sources.kubernetes("labels"),
        sources.LAB,
    ),
    of_a_program=True,
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
