"""Order: resources are created and deleted so that nothing is left in AWS and nothing waits forever."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from eks_gpu.checks import sources
from eks_gpu.checks.names import subject
from eks_gpu.checks.registry import Context, Problem, Said, check, verdict
from eks_gpu.checks.roles import given_to
from eks_gpu.checks.services import balances_load
from eks_gpu.graph.graph import Graph, Resource
from eks_gpu.graph.kubernetes_objects import kubernetes_objects
from eks_gpu.karpenter.objects import part
from eks_gpu.pools.software import GPU_OPERATOR, KARPENTER, KARPENTER_CRDS, KEDA, LOAD_BALANCER_CONTROLLER, Software
from eks_gpu_components.catalog import (
    JOBSET_CHART,
    KARPENTER_CORE_GROUP,
    KARPENTER_GROUP,
    KUEUE_CHART,
    KUEUE_GROUP,
    LEADER_WORKER_SET_CHART,
)
from eks_gpu_components.catalog.api_groups import CAPACITY_BUFFER_GROUP
from eks_gpu_components.catalog.keda import KEDA_GROUP

# Charts that bring an API group, the first that a stack has.
_BROUGHT_BY: Mapping[str, tuple[str, ...]] = {
    KARPENTER_CORE_GROUP: (KARPENTER_CRDS, KARPENTER),
    KARPENTER_GROUP: (KARPENTER_CRDS, KARPENTER),
    CAPACITY_BUFFER_GROUP: (KARPENTER_CRDS, KARPENTER),
    "nvidia.com": (GPU_OPERATOR,),
    KEDA_GROUP: (KEDA,),
    KUEUE_GROUP: (KUEUE_CHART.short_name,),
    "jobset.x-k8s.io": (JOBSET_CHART.short_name,),
    "leaderworkerset.x-k8s.io": (LEADER_WORKER_SET_CHART.short_name,),
    "elbv2.k8s.aws": (LOAD_BALANCER_CONTROLLER,),
}
_KEPT = ("deletedWith", "retainOnDelete")


def waits_for(graph: Graph, urn: str) -> set[str]:
    """URNs that a resource waits for, directly and on the way; a child waits for whatever its parent waits for.

    To wait for a component is to wait for all within it.
    """
    found: set[str] = set()
    ahead = [urn]
    while ahead:
        here = graph.get(ahead.pop())
        if here is None:
            continue
        within = [each for found in map(graph.get, here.dependencies) if found for each in _within(graph, found)]
        before = {*here.dependencies, *within, here.parent, here.provider.rpartition("::")[0]} - found - {""}
        found |= before
        ahead += before
    return found


def _within(graph: Graph, resource: Resource) -> Iterator[str]:
    for child in () if resource.custom else graph.children(resource.urn):
        yield child.urn
        yield from _within(graph, child)


def _for_karpenter(manifest: Mapping[str, Any]) -> bool:
    """Whether a Karpenter of one's own acts on it, and not EKS Auto Mode."""
    if manifest["kind"] == "NodePool":
        return part(manifest, "spec", "template", "spec", "nodeClassRef").get("group") == KARPENTER_GROUP
    return manifest["kind"] == "EC2NodeClass"


def _late(graph: Graph, resource: Resource, releases: Iterable[Software]) -> list[str]:
    waited = waits_for(graph, resource.urn)
    return [release.name for release in releases if release.urn not in waited]


@check(
    "custom-resources-follow-their-definitions",
    subject="object whose kind a chart of the stack brings",
    fix="let the objects depend on the release that installs their kind",
    sources=(sources.LAB,),
    of_a_program=True,
)
def after_definitions(context: Context) -> Iterator[Said]:
    """The first update fails with `no matches for kind`, because the chart that installs the kind comes later."""
    for resource, manifest in kubernetes_objects(context.graph):
        charts = _BROUGHT_BY.get(str(manifest["apiVersion"]).partition("/")[0], ())
        if manifest["kind"] == "NodePool" and not _for_karpenter(manifest):
            continue
        releases = next((found for chart in charts if (found := context.charts(chart))), [])
        if releases:
            late = ", ".join(_late(context.graph, resource, releases))
            problem = (
                Problem(f"it may be made before release {late}, which brings its kind", f"add depends_on=[{late}]")
                if late
                else None
            )
            yield verdict(subject(manifest), problem, f"it comes after {releases[0].name}")


@check(
    "node-pools-go-before-karpenter",
    subject="node pool and class of Karpenter",
    fix="let node pools and node classes depend on the release of Karpenter",
    sources=(
        sources.KARPENTER,
        sources.LAB,
    ),
    of_a_program=True,
)
def before_karpenter(context: Context) -> Iterator[Said]:
    """A destroy hangs, and the nodes keep costing money, because no controller is left to terminate them."""
    for resource, manifest in kubernetes_objects(context.graph):
        releases = context.charts(KARPENTER) if _for_karpenter(manifest) else []
        if releases:
            late = ", ".join(_late(context.graph, resource, releases))
            problem = Problem(f"release {late} may be gone before it", f"add depends_on=[{late}]") if late else None
            yield verdict(subject(manifest), problem, f"it goes before {releases[0].name}")


@check(
    "karpenter-keeps-its-permissions-to-the-end",
    subject="node pool of Karpenter",
    severity="warning",
    fix="let node pools, or the release of Karpenter, depend on the policies and the association of its role",
    sources=(
        sources.KARPENTER,
        sources.LAB,
    ),
    of_a_program=True,
)
def permissions_stay(context: Context) -> Iterator[Said]:
    """A destroy hangs, and the nodes keep costing money, because Karpenter may no longer terminate them."""
    needed = [resource for release in context.charts(KARPENTER) for resource in given_to(release, context.graph)]
    for resource, manifest in kubernetes_objects(context.graph):
        if not needed or manifest["kind"] != "NodePool" or not _for_karpenter(manifest):
            continue
        waited = waits_for(context.graph, resource.urn)
        early = [found.name for found in needed if found.urn not in waited]
        problem = Problem(f"{', '.join(early)} of Karpenter's role may be gone before it") if early else None
        yield verdict(subject(manifest), problem, f"it goes before the {len(needed)} permissions of Karpenter")


@check(
    "load-balanced-services-go-before-their-controller",
    subject="Service with a load balancer, Ingress",
    fix=f"let the objects depend on the release of {LOAD_BALANCER_CONTROLLER}",
    sources=(sources.LOAD_BALANCER_CONTROLLER,),
    of_a_program=True,
)
def before_balancer(context: Context) -> Iterator[Said]:
    """The load balancer is not deleted, costs money, and blocks the deletion of the network."""
    releases = context.charts(LOAD_BALANCER_CONTROLLER)
    for resource, manifest in kubernetes_objects(context.graph):
        if releases and balances_load(manifest):
            late = ", ".join(_late(context.graph, resource, releases))
            problem = Problem(f"release {late} may be gone before it", f"add depends_on=[{late}]") if late else None
            yield verdict(subject(manifest), problem, f"it goes before {releases[0].name}")


@check(
    "what-makes-aws-resources-is-deleted",
    subject="node pool, node class, volume claim, Service with a load balancer, Ingress, controller",
    fix=f"remove {' and '.join(_KEPT)}",
    sources=(sources.PULUMI,),
    of_a_program=True,
)
def deleted(context: Context) -> Iterator[Said]:
    """A destroy leaves instances, disks or load balancers behind that no stack knows about."""
    kinds = ("NodePool", "EC2NodeClass", "NodeClass", "PersistentVolumeClaim")
    makers = {release.urn for release in context.charts(KARPENTER, LOAD_BALANCER_CONTROLLER)}
    makers |= {
        resource.urn
        for resource, manifest in kubernetes_objects(context.graph)
        if manifest["kind"] in kinds or balances_load(manifest)
    }
    for resource in context.graph:
        if resource.urn in makers:
            kept = [option for option in _KEPT if resource.options.get(option)]
            problem = Problem(f"with {' and '.join(kept)} it is forgotten and not deleted") if kept else None
            yield verdict(resource.name, problem, "it is deleted, and what it made with it")
