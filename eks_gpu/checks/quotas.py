"""Quotas and limit ranges: a namespace has room for its workloads, and takes their pods."""

from collections.abc import Iterator, Mapping
from typing import Any

from eks_gpu.checks import sources
from eks_gpu.checks.names import subject
from eks_gpu.checks.pod_specs import PodSpec, pod_specs
from eks_gpu.checks.registry import Context, Problem, Said, check, verdict
from eks_gpu.cost.resource_quotas import amount, namespace_of, resource_quotas, short_of
from eks_gpu.graph.kubernetes_objects import kubernetes_objects
from eks_gpu.karpenter.objects import part
from eks_gpu.pods.demand import Workload
from eks_gpu.pods.quantities import CPU, MEMORY


@check(
    "quotas-leave-room-for-workloads",
    subject="ResourceQuota",
    fix="raise the quota, or lower the replicas or the requests",
    sources=(sources.kubernetes("resource-quotas"),),
)
def leave_room(context: Context) -> Iterator[Said]:
    """The API server refuses the pods beyond the quota: the workload stays short of them, and only its events say why.

    For the stated replicas it is an error, for those that an autoscaler may add a warning. Quotas with scopes and pods
    of charts are not counted.
    """
    for manifest in resource_quotas(context.graph):
        namespace = namespace_of(manifest)
        here = [one for one in context.workloads if one.namespace == namespace]
        hard = part(manifest, "spec", "hard")
        now = [Problem(said) for said in short_of(hard, [(one, _stated(one)) for one in here])]
        later = [Problem(said) for said in short_of(hard, [(one, one.max_replicas or 0) for one in here])]
        now += _without_amounts(hard, [one for one in pod_specs(context.graph) if one.namespace == namespace], context)
        yield verdict(subject(manifest), now or later, "its workloads fit", "" if now else "warning")


def _stated(workload: Workload) -> int:
    return workload.replicas or (workload.max_replicas or 0 if workload.kind in ("Job", "CronJob") else 0)


def _without_amounts(hard: Mapping[str, Any], specs: list[PodSpec], context: Context) -> Iterator[Problem]:
    """Containers that a quota on CPU or memory makes the API server refuse, since they say no amount of it."""
    defaults = {
        namespace_of(manifest)
        for _, manifest in kubernetes_objects(context.graph)
        if manifest["kind"] == "LimitRange"
        and any(row.get("default") or row.get("defaultRequest") for row in part(manifest, "spec").get("limits") or ())
    }
    for key in hard:
        kind, _, name = str(key).rpartition(".")
        if name not in (CPU, MEMORY) or kind not in ("", "requests", "limits"):
            continue
        for spec in specs:
            if spec.namespace in defaults:
                continue
            for container in spec.containers:
                resources = part(container, "resources")
                limited = name in part(resources, "limits")
                if not limited and (kind == "limits" or name not in part(resources, "requests")):
                    said = f"it counts {key}, and container {container.get('name')} of {spec} says none"
                    yield Problem(said, f"set resources.{kind or 'requests'}.{name}")


@check(
    "limit-ranges-take-the-pods",
    subject="LimitRange",
    fix="raise max, lower min, or change what the containers ask for",
    sources=(sources.kubernetes("limit-range"),),
)
def take_the_pods(context: Context) -> Iterator[Said]:
    """The API server refuses the pods: a container asks for more or less than the namespace allows."""
    specs = list(pod_specs(context.graph))
    for _, manifest in kubernetes_objects(context.graph):
        if manifest["kind"] == "LimitRange":
            here = [one for one in specs if one.namespace == namespace_of(manifest)]
            rows = [row for row in part(manifest, "spec").get("limits") or () if row.get("type") == "Container"]
            problems = [problem for row in rows for spec in here for problem in _outside(row, spec)]
            yield verdict(subject(manifest), problems, "it takes the pods of its namespace")


def _outside(row: Mapping[str, Any], spec: PodSpec) -> Iterator[Problem]:
    for container in spec.all_containers:
        resources = part(container, "resources")
        limits = {**part(row, "default"), **part(resources, "limits")}
        requests = {**part(row, "defaultRequest"), **part(resources, "limits"), **part(resources, "requests")}
        who = f"container {container.get('name')} of {spec}"
        for name, most in part(row, "max").items():
            asked = amount(limits.get(name, requests.get(name, 0)))
            if asked is not None and (allowed := amount(most)) is not None and asked > allowed:
                yield Problem(f"{who} has {limits.get(name, requests.get(name))} of {name}, and max is {most}")
        for name, least in part(row, "min").items():
            asked = amount(requests[name]) if name in requests else None
            if asked is not None and (allowed := amount(least)) is not None and asked < allowed:
                yield Problem(f"{who} asks for {requests[name]} of {name}, and min is {least}")
