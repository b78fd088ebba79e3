"""Controllers run: there is a pod of each, and settings that let it do its work."""

from collections.abc import Iterator, Mapping
from typing import Any

from eks_gpu.checks import sources
from eks_gpu.checks.controllers import CHARTS
from eks_gpu.checks.registry import Context, Problem, Said, check, verdict
from eks_gpu.checks.sources import KARPENTER_SETTINGS
from eks_gpu.pods.quantities import CPU, MEMORY, amount, written
from eks_gpu.pools.clusters import RESOURCE
from eks_gpu.pools.software import (
    CLUSTER_AUTOSCALER,
    KARPENTER,
    LOAD_BALANCER_CONTROLLER,
    TERMINATION_HANDLER,
    Software,
    reads_a_queue,
)
from eks_gpu_components.catalog import KARPENTER_CHART, LOAD_BALANCER_CONTROLLER_CHART, TERMINATION_HANDLER_CHART, Chart

_REPLICAS: Mapping[str, tuple[str, int]] = {
    KARPENTER: ("replicas", 2),
    CLUSTER_AUTOSCALER: ("replicaCount", 1),
    LOAD_BALANCER_CONTROLLER: ("replicaCount", 2),
    TERMINATION_HANDLER: ("replicas", 1),
}
"""Chart -> its key for the number of pods, and the default."""
_IMAGES: Mapping[str, tuple[tuple[str, ...], Chart]] = {
    KARPENTER: (("controller", "image", "tag"), KARPENTER_CHART),
    LOAD_BALANCER_CONTROLLER: (("image", "tag"), LOAD_BALANCER_CONTROLLER_CHART),
    TERMINATION_HANDLER: (("image", "tag"), TERMINATION_HANDLER_CHART),
}
_RESOURCES = {KARPENTER: ("controller", "resources")}
_MOST_OVERHEAD = 0.5
_MOST_INTERFACES = 15
"""Network interfaces that hardly any type has. Source: EC2 User Guide, network interfaces."""


def _controllers(context: Context) -> list[Software]:
    return [*context.charts(*CHARTS), *filter(reads_a_queue, context.charts(TERMINATION_HANDLER))]


def _replicas(release: Software) -> int | None:
    key, default = _REPLICAS[release.chart]
    given = str(release.value(key, default=default))
    return int(given) if given.isdigit() else None


@check(
    "controllers-run",
    subject="Karpenter, autoscaler, load balancer controller, termination handler with a queue",
    fix="leave the number of its pods out, or set it to 1 or more",
    sources=(sources.kubernetes("deployment"),),
)
def run(context: Context) -> Iterator[Said]:
    """No pod of the controller runs, so no node comes or goes, or no load balancer is created."""
    for release in _controllers(context):
        key = _REPLICAS[release.chart][0]
        problem = Problem(f"{key} is 0, so no pod of it runs") if _replicas(release) == 0 else None
        yield verdict(release.name, problem, f"{_replicas(release)} pods run")


@check(
    "controllers-run-the-version-of-their-chart",
    subject="Karpenter, load balancer controller, termination handler with an image of their values",
    severity="warning",
    fix="leave the image's tag out of the values",
    sources=(sources.HELM,),
)
def of_their_chart(context: Context) -> Iterator[Said]:
    """The chart's permissions, definitions and flags are of another version than the controller, which may stop.

    The check knows the versions that this release of the library installs; Karpenter's chart and image share theirs.
    """
    for release in _controllers(context):
        path, chart = _IMAGES.get(release.chart, ((), None))
        tag = release.value(*path) if path else None
        if chart is None or not tag:
            continue
        wanted = release.version if chart is KARPENTER_CHART else chart.app_version
        if not wanted or (chart is not KARPENTER_CHART and release.version != chart.version):
            continue
        other = _minor(str(tag)) != _minor(wanted)
        problem = Problem(f"its image is {tag}, and its chart {release.version} is for {wanted}") if other else None
        yield verdict(release.name, problem, f"image {tag} is the chart's")


def _minor(version: str) -> list[str]:
    return version.removeprefix("v").partition("@")[0].split(".")[:2]


@check(
    "controllers-fit-standing-nodes",
    subject="Karpenter, autoscaler, load balancer controller, termination handler with a queue",
    fix="ask for less, or give the standing nodes a larger type",
    relies_on=("nodes",),
    sources=(sources.kubernetes("manage-resources-containers"),),
)
def fit(context: Context) -> Iterator[Said]:
    """The controller asks for more than any standing node has, and waits for ever."""
    if not context.clusters:
        return
    standing = [room for room in context.rooms if room.pool.min_nodes and room.pool.candidates]
    for release in _controllers(context) if standing else ():
        requests = _requests(release)
        if not requests:
            continue
        left = [room.left(node) for room in standing for node in room.pool.candidates]
        fits = any(all(node.get(name, 0) >= wanted for name, wanted in requests.items()) for node in left)
        most = {name: max(node.get(name, 0) for node in left) for name in requests}
        said = ", ".join(
            f"{written(name, wanted)} {name} of {written(name, most[name])}" for name, wanted in requests.items()
        )
        yield verdict(
            release.name, None if fits else Problem(f"a pod of it asks for {said} that a standing node has"), "it fits"
        )


def _requests(release: Software) -> dict[str, int]:
    given = release.value(*_RESOURCES.get(release.chart, ("resources",)), default={})
    found: dict[str, int] = {}
    for name in (CPU, MEMORY):
        value = _of(given, "requests", name) or _of(given, "limits", name)
        try:
            if value is not None:
                found[name] = amount(name, value)
        except ValueError:
            continue
    return found


def _of(tree: Any, *path: str) -> Any:
    for key in path:
        tree = tree.get(key) if isinstance(tree, Mapping) else None
    return tree


@check(
    "controllers-may-move",
    subject="Karpenter, autoscaler, load balancer controller, termination handler with a queue",
    severity="warning",
    fix="allow at least one pod to be unavailable",
    sources=(sources.kubernetes("pod-topology-spread-constraints"),),
)
def may_move(context: Context) -> Iterator[Said]:
    """A node with a pod of the controller can neither be updated nor removed: its budget lets no pod go."""
    for release in _controllers(context):
        budget = release.value("podDisruptionBudget")
        if not isinstance(budget, Mapping) or not budget:
            continue
        least, allowed = str(budget.get("minAvailable", "")), str(budget.get("maxUnavailable", ""))
        replicas = _replicas(release)
        all_ = least == "100%" or (least.isdigit() and replicas is not None and 0 < replicas <= int(least))
        said = f"minAvailable {least}" if all_ else f"maxUnavailable {allowed}"
        problem = (
            Problem(f"its podDisruptionBudget of {said} lets no pod go") if all_ or allowed in ("0", "0%") else None
        )
        yield verdict(release.name, problem, "a pod may go")


@check(
    "karpenter-settings-leave-room",
    subject="Karpenter release",
    fix="remove the setting",
    sources=(KARPENTER_SETTINGS,),
)
def leave_room(context: Context) -> Iterator[Said]:
    """Karpenter takes so much of every instance type away that no pod fits, and starts no node."""
    for release in context.charts(KARPENTER):
        problems = []
        overhead = str(release.value("settings", "vmMemoryOverheadPercent", default=""))
        if _number(overhead) >= _MOST_OVERHEAD:
            said = f"settings.vmMemoryOverheadPercent is {overhead}, that is {_number(overhead):.0%} of a node's memory"
            problems.append(Problem(said, "leave it at 0.075"))
        reserved = str(release.value("settings", "reservedENIs", default=""))
        if _number(reserved) >= _MOST_INTERFACES:
            said = f"settings.reservedENIs is {reserved}, and few types have more network interfaces"
            problems.append(Problem(said, "leave it at 0"))
        yield verdict(release.name, problems, "its settings leave nodes their resources")


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0


@check(
    "controllers-are-told-the-cluster-s-own-addresses",
    subject="Karpenter, load balancer controller, termination handler with a queue",
    fix="take endpoint, VPC and queue from the stack's own resources",
    sources=(sources.KARPENTER_CHART,),
)
def own_addresses(context: Context) -> Iterator[Said]:
    """The controller asks another API server, VPC or region: nodes never join, or it hears of nothing."""
    made = context.graph.of(RESOURCE)
    endpoints = {str(each["endpoint"]) for each in made if each["endpoint"]}
    networks = {str(_of(each.outputs, "vpcConfig", "vpcId")) for each in made} - {"None", ""}
    for release in _controllers(context):
        problems = []
        if _takes_them_from_resources(context, release):
            yield verdict(release.name, None, "it takes them from resources of the stack")
            continue
        endpoint = release.value("settings", "clusterEndpoint")
        if release.chart == KARPENTER and endpoint and endpoints and endpoint not in endpoints:
            problems.append(
                Problem(f"settings.clusterEndpoint is {endpoint}, and the cluster's is {', '.join(endpoints)}")
            )
        network = release.value("vpcId")
        if release.chart == LOAD_BALANCER_CONTROLLER and network and networks and network not in networks:
            problems.append(Problem(f"vpcId is {network}, and the cluster is in {', '.join(networks)}"))
        url = str(release.value("queueURL", default="")) if release.chart == TERMINATION_HANDLER else ""
        place = url.partition("://sqs.")[2].split(".")[0]
        if place and context.region and place != context.region:
            problems.append(Problem(f"queueURL is of {place}, and the nodes are in {context.region}"))
        yield verdict(release.name, problems, "its addresses are the cluster's own")


def _takes_them_from_resources(context: Context, release: Software) -> bool:
    """Whether a preview or a state says so: in these a stand-in may be beside a real address."""
    resource = context.graph.get(release.urn)
    return context.graph.looked_up is None and bool(resource and resource.property_dependencies.get("values"))
