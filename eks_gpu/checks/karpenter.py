"""Karpenter: controller, CRDs, objects and AWS's events match."""

from collections.abc import Iterator, Mapping
from typing import Any

from eks_gpu.api.judged import judged
from eks_gpu.checks import sources
from eks_gpu.checks.interruption import gaps
from eks_gpu.checks.names import subject
from eks_gpu.checks.registry import Context, Problem, Said, check, verdict
from eks_gpu.checks.roles import last
from eks_gpu.graph.kubernetes_objects import kubernetes_objects
from eks_gpu.karpenter.objects import node_classes, object_name, part
from eks_gpu.karpenter.schema import node_class_problems, node_pool_problems
from eks_gpu.pools.node_class import role
from eks_gpu.pools.pool import KARPENTER as BACKEND
from eks_gpu.pools.software import KARPENTER, KARPENTER_CRDS
from eks_gpu_components.catalog import (
    AUTO_MODE_GROUP,
    AUTO_MODE_NODE_CLASS_TYPE,
    KARPENTER_CHART,
    KARPENTER_CORE_GROUP,
    KARPENTER_GROUP,
    KUBERNETES,
    CapacityType,
    minor_of,
)

# Chart versions that serve an API version: from, and before. Source: Karpenter's upgrade guide.
_SERVED = {"v1alpha1": ("0", "0.33"), "v1alpha5": ("0", "0.33"), "v1beta1": ("0.32", "1.1"), "v1": ("1.0", "")}
_GROUPS = (KARPENTER_CORE_GROUP, KARPENTER_GROUP, AUTO_MODE_GROUP)
_KINDS = ("NodePool", "EC2NodeClass", "NodeClass", "Provisioner", "AWSNodeTemplate")
# Since which chart. Before it the API server refuses the value, drops the field, or refuses what leaves the field out.
_BALANCED_SINCE, _ENCLAVES_SINCE, _CONSOLIDATE_AFTER_OPTIONAL_SINCE = "1.14", "1.15", "1.15"


@check(
    "interruption-path-is-complete",
    subject="Karpenter release beside a Spot node pool",
    fix="make a queue that EventBridge may send to, five rules with the queue as target, and name it in the chart's "
    "settings.interruptionQueue",
    relies_on=("values",),
    sources=(
        sources.KARPENTER_GUIDE,
        sources.LAB,
    ),
)
def interruption(context: Context) -> Iterator[Said]:
    """A Spot node is terminated after two minutes without a drain, together with its pods.

    The check follows the path of the interruption notice: five rules and their targets, the queue and its policy,
    `settings.interruptionQueue`, the IAM permissions.
    """
    spot = [pool for pool in context.pools if pool.backend == BACKEND and CapacityType.SPOT in pool.capacity_types]
    for release in context.charts(KARPENTER) if spot else ():
        if context.of_another_stack:
            continue
        found = "; ".join(gaps(release, context))
        names = ", ".join(pool.name for pool in spot)
        problem = Problem(f"Spot nodes of {names} go without a drain: {found}") if found else None
        yield verdict(release.name, problem, "queue, policy, five rules, chart value and IAM permissions are there")


@check(
    "node-pool-fields-fit-the-chart",
    subject="NodePool and node class",
    fix="use the fields of the API version that the chart installs",
    sources=(sources.KARPENTER,),
)
def fields_fit(context: Context) -> Iterator[Said]:
    """The API server refuses the object, or drops a field of an older version without a message.

    The check knows fields, operators, durations, budgets, API versions and the labels of Auto Mode.
    """
    charts = context.charts(KARPENTER_CRDS) or context.charts(KARPENTER)
    chart = charts[0].version if charts else KARPENTER_CHART.version
    for _, manifest in kubernetes_objects(context.graph):
        group, _, version = str(manifest["apiVersion"]).partition("/")
        if group not in _GROUPS or manifest["kind"] not in _KINDS:
            continue
        auto_mode = group == AUTO_MODE_GROUP or _is_for_auto_mode(manifest)
        served = _served(version, KARPENTER_CHART.version if auto_mode else chart)
        problems = [served] if served else list(_all_problems(manifest, chart)) if version == "v1" else []
        yield verdict(subject(manifest), map(Problem, problems), f"every field is one of {group}/{version}")


def _is_for_auto_mode(manifest: Mapping[str, Any]) -> bool:
    return part(manifest, "spec", "template", "spec", "nodeClassRef").get("group") == AUTO_MODE_GROUP


def _served(version: str, chart: str) -> str:
    since, before = _SERVED.get(version, ("", ""))
    if since and minor_of(chart) >= minor_of(since) and (not before or minor_of(chart) < minor_of(before)):
        return ""
    span = f"charts {since} and later serve it" if not before else f"charts before {before} serve it"
    return f"apiVersion {version} is not served by chart {chart}: {span if since else 'no chart serves it'}"


def _problems(manifest: Mapping[str, Any], chart: str) -> Iterator[str]:
    if manifest["kind"] != "NodePool":
        yield from node_class_problems(manifest)
        if "enclaveOptions" in part(manifest, "spec") and manifest["kind"] == "EC2NodeClass":
            yield from _came_later("spec.enclaveOptions", _ENCLAVES_SINCE, chart)
        return
    yield from node_pool_problems(manifest)
    disruption = part(manifest, "spec", "disruption")
    if disruption.get("consolidationPolicy") == "Balanced":
        yield from _came_later("spec.disruption.consolidationPolicy Balanced", _BALANCED_SINCE, chart)
    optional = not _is_for_auto_mode(manifest) and minor_of(chart) >= minor_of(_CONSOLIDATE_AFTER_OPTIONAL_SINCE)
    if disruption and "consolidateAfter" not in disruption and not optional:
        yield "spec.disruption.consolidateAfter is required beside other fields of spec.disruption"


def _all_problems(manifest: Mapping[str, Any], chart: str) -> Iterator[str]:
    """With what Karpenter's definitions refuse beyond that; of Auto Mode's NodePools, which have a definition of their
    own, unknown fields alone.
    """
    found = list(_problems(manifest, chart))
    yield from found
    paths = [problem.partition(" ")[0] for problem in found]
    told = judged(manifest)
    for refused in told.refused if told else ():
        known = any(refused.path.startswith(path) or path.startswith(refused.path) for path in paths)
        if not known and (refused.unknown or not _is_for_auto_mode(manifest)):
            yield str(refused)


def _came_later(what: str, since: str, chart: str) -> Iterator[str]:
    if minor_of(chart) < minor_of(since):
        yield f"{what} came with chart {since}, got chart {chart}"


@check(
    "crd-chart-matches-controller",
    subject="Karpenter release",
    fix=f"add a release of {KARPENTER_CRDS} with the version of {KARPENTER}",
    relies_on=("software", "pods"),
    sources=(
        sources.KARPENTER_GUIDE,
        sources.HELM,
    ),
)
def crds_match(context: Context) -> Iterator[Said]:
    """Helm never upgrades CRDs inside a chart, so the next version's fields are lost."""
    crds = context.charts(KARPENTER_CRDS)
    for release in context.charts(KARPENTER):
        problem = None
        if not crds and context.of_another_stack:
            continue
        if not crds:
            problem = Problem(
                "Helm never upgrades the CRDs of its chart, so new fields are lost at the next version",
                f"add a release of {KARPENTER_CRDS} {release.version}, and skip the CRDs here",
            )
        elif others := [found.version for found in crds if found.version != release.version]:
            problem = Problem(
                f"its CRDs are of {', '.join(others)}", f"give {KARPENTER_CRDS} the version {release.version} too"
            )
        yield verdict(release.name, problem, f"CRDs and controller are both {release.version}")


@check(
    "karpenter-supports-kubernetes-minor",
    subject="Karpenter release",
    fix="use a version of Karpenter that supports the cluster's minor",
    sources=(sources.KARPENTER_GUIDE,),
)
def supports_minor(context: Context) -> Iterator[Said]:
    """This version of Karpenter does not support the Kubernetes version of the cluster."""
    minors = {cluster.version for cluster in context.clusters} & KUBERNETES.keys()
    for release in context.charts(KARPENTER):
        for minor in sorted(minors):
            since = KUBERNETES[minor].karpenter_since
            too_old = minor_of(release.version) < minor_of(since)
            problem = (
                Problem(f"{release.version} does not support Kubernetes {minor}", f"take {since} or later")
                if too_old
                else None
            )
            yield verdict(release.name, problem, f"{release.version} supports Kubernetes {minor}")


@check(
    "node-role-is-a-name", subject="node class", fix="write the role's name in spec.role", sources=(sources.KARPENTER,)
)
def role_is_a_name(context: Context) -> Iterator[Said]:
    """No node ever starts: IAM has no role of that name.

    From an ARN or a path Karpenter uses the part after the last slash; Auto Mode needs a name.
    """
    for resource in node_classes(context.graph):
        given = role(resource)
        if not given:
            continue
        name, problem = last(given), None
        if not name:
            problem = Problem(f"spec.role must name a role, got {given}")
        elif name != given and resource.type == AUTO_MODE_NODE_CLASS_TYPE:
            problem = Problem(f"spec.role must be a name, got {given}", f"write {name}")
        yield verdict(object_name(resource), problem, f"its nodes run as {name}")
