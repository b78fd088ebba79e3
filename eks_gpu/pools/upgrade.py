"""What becomes of a pool's nodes when the cluster's Kubernetes version moves, or the release of their image.

Source: Amazon EKS User Guide, "Understand each phase of node updates", "Update a managed node group for your cluster"
and "Update the Kubernetes Version of an EKS Auto Mode cluster"; Auto Scaling User Guide, "Use an instance refresh";
Karpenter 1.14, "Disruption" and "Managing AMIs"; Kubernetes, "Version Skew Policy".
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from eks_gpu.graph.graph import Graph, Resource
from eks_gpu.karpenter.objects import DEFAULT_BUDGET, NodePool, part
from eks_gpu.pods.durations import NEVER
from eks_gpu.pools.clusters import clusters
from eks_gpu.pools.launch_template import template_of
from eks_gpu.pools.pool import DRAINED, DRIFT, REFRESH, STAYS, UNKNOWN, Upgrade
from eks_gpu_components.catalog import AUTO_MODE_MAX_AGE_H

_DOES: Mapping[str, str] = {
    DRAINED: "drain and replace {}",
    DRIFT: "replace {} by drift",
    REFRESH: "refresh {}",
    STAYS: "leave {}",
    UNKNOWN: "perhaps replace {}",
}
UPGRADE = "An upgrade of Kubernetes would"
"""Heading of the sentences."""
SKEW = 3
"""Minor versions that a kubelet may be older than the API server."""
EVICTION_MIN = 15
"""Minutes after which an update of a managed node group gives up evicting a node's pods."""
# What a NodePool has where it does not say. Source: Karpenter 1.14, NodePool v1; EKS User Guide, "Create a Node Pool".
_KARPENTER_EXPIRES, _AUTO_MODE_EXPIRES = "720h", f"{AUTO_MODE_MAX_AGE_H}h"
_AUTO_MODE_GRACE = "24h"
# The settings of a group that follows its template's newest version without a change of the group.
_NO_CHANGE = ("$Latest", "$Default", "")


def sentences(pools: Iterable[tuple[str, str, Mapping[str, str]]]) -> Iterator[str]:
    """`drain and replace a, b: 1 at a time`, once for all pools of which the same is true; from names, each with
    its cluster and its upgrade as JSON. Pools of several clusters are `a in north, a in south`.
    """
    told = list(pools)
    several = len({cluster for _, cluster, _ in told}) > 1
    alike: dict[tuple[str, str], list[str]] = {}
    for name, cluster, upgrade in told:
        place = f" in {cluster}" if several and cluster else ""
        alike.setdefault((upgrade["how"], upgrade["why"]), []).append(name + place)
    for (how, why), names in alike.items():
        yield f"{_DOES.get(how, _DOES[UNKNOWN]).format(', '.join(names))}: {why}"


# --- managed node groups ---------------------------------------------------------------------------------------------


def of_managed_group(group: Resource, graph: Graph) -> Upgrade:
    """By the group's version and release, or by the image of its launch template."""
    template = template_of(graph, dict(group.inputs).get("launchTemplate"))
    if template is not None and _states(template, "imageId"):
        return _of_image(template, graph, Upgrade(DRAINED, f"its launch template gets the new image; {_pace(group)}"))
    if not _states(group, "version"):
        return Upgrade(STAYS, f"it has no version; its nodes fail once they are more than {SKEW} minors behind")
    own, cluster = dict(group.inputs).get("version"), _version_of_cluster(group, graph)
    if own and cluster and str(own) != cluster:
        return Upgrade(STAYS, f"its version is {own}, not the cluster's {cluster}")
    release = dict(group.inputs).get("releaseVersion")
    if not _states(group, "releaseVersion"):
        alone = "its program decides on a newer image" if graph.running else "a newer image alone replaces none"
        return Upgrade(DRAINED, f"{_pace(group)}; {alone}")
    follows = _follows(release, graph)
    if follows:
        return Upgrade(DRAINED, f"{_pace(group)}; a newer image does the same")
    if follows is False:
        return Upgrade(STAYS, f"release {release} is pinned; a new pin drains them, {_pace(group)}")
    return Upgrade(UNKNOWN, f"a pinned release keeps them, a newer one drains them, {_pace(group)}")


def _version_of_cluster(group: Resource, graph: Graph) -> str:
    name = dict(group.inputs).get("clusterName")
    return next((found.version for found in clusters(graph) if found.name == name), "")


def _pace(group: Resource) -> str:
    """How many nodes at a time, and what becomes of pods that may not be evicted."""
    settings = part(dict(group.inputs), "updateConfig")
    share = settings.get("maxUnavailablePercentage")
    at_once = f"{share} %" if share else str(settings.get("maxUnavailable") or 1)
    if dict(group.inputs).get("forceUpdateVersion"):
        return f"{at_once} at a time, and pods that may not be evicted are ended"
    return f"{at_once} at a time, and a pod that cannot be evicted for {EVICTION_MIN} minutes ends the update"


# --- self-managed groups ---------------------------------------------------------------------------------------------


def of_auto_scaling_group(group: Resource, graph: Graph) -> Upgrade:
    """By its instance refresh: without one EC2 gives a new image to new nodes only."""
    inputs = dict(group.inputs)
    mixed = part(inputs, "mixedInstancesPolicy", "launchTemplate", "launchTemplateSpecification")
    named = mixed or part(inputs, "launchTemplate")
    template = template_of(graph, named)
    refresh = part(inputs, "instanceRefresh")
    if not refresh:
        return Upgrade(STAYS, "running nodes keep their image, because the group has no instance refresh")
    if named and "version" in dict(named) and str(named["version"]) in _NO_CHANGE:
        return Upgrade(STAYS, f"its template's version {named['version']} does not change, so nothing is refreshed")
    healthy = part(refresh, "preferences").get("minHealthyPercentage", 90)
    drains = "without a drain, unless something hears of it"
    refreshed = Upgrade(REFRESH, f"EC2 keeps {healthy} % of them in service and ends the others {drains}")
    if template is None:
        return Upgrade(UNKNOWN, f"its launch template is not of this stack; {refreshed.why}")
    return _of_image(template, graph, refreshed)


def _of_image(template: Resource, graph: Graph, moved: Upgrade) -> Upgrade:
    """What happens to nodes of a launch template: nothing while its image is the same."""
    image = dict(template.inputs).get("imageId")
    follows = _follows(image, graph)
    if follows:
        return moved
    if follows is False:
        return Upgrade(STAYS, f"image {image} of its launch template is pinned")
    return Upgrade(UNKNOWN, f"a pinned image keeps them; if the image moves, {moved.why}")


# --- Karpenter and Auto Mode -----------------------------------------------------------------------------------------


def of_node_pool(pool: NodePool) -> Upgrade:
    """By the images of its node class, the budgets for drift, and the maximum age of its nodes."""
    if pool.auto_mode:
        return _drift(pool, _of_auto_mode(str(pool.template.get("expireAfter") or _AUTO_MODE_EXPIRES)))
    if pool.node_class is None:
        return Upgrade(UNKNOWN, "its node class is not of this stack")
    terms = part(pool.node_class.inputs, "spec").get("amiSelectorTerms") or ()
    alias = next((str(term["alias"]) for term in terms if term.get("alias")), "")
    if not alias:
        by = "id" if all(dict(term).get("id") for term in terms) else "name, tag or parameter"
        return Upgrade(STAYS, f"its images are selected by {by}; other images there replace them by drift")
    # An alias is looked up for the cluster's minor, so a pinned one too has another image after an upgrade.
    _, _, release = alias.partition("@")
    newer = "a newer image does the same" if release == "latest" else f"a newer image than {release} does not"
    return _drift(pool, newer)


def built_in() -> Upgrade:
    """Of Auto Mode's built-in pools, whose settings cannot be changed."""
    pace, image = f"{DEFAULT_BUDGET['nodes']} at a time", _of_auto_mode(_AUTO_MODE_EXPIRES)
    return Upgrade(DRIFT, _how_fast(pace, _AUTO_MODE_GRACE, image))


def _of_auto_mode(expires: str) -> str:
    return f"EKS does the same for every new image, and after {expires} in any case"


def _drift(pool: NodePool, image: str) -> Upgrade:
    default = _AUTO_MODE_EXPIRES if pool.auto_mode else _KARPENTER_EXPIRES
    expires = str(pool.template.get("expireAfter") or default)
    grace = str(pool.template.get("terminationGracePeriod") or (_AUTO_MODE_GRACE if pool.auto_mode else ""))
    budgets = [budget for budget in pool.budgets if "Drifted" in (budget.get("reasons") or ["Drifted"])]
    always = [str(budget.get("nodes", "")) for budget in budgets if "schedule" not in budget]
    if any(nodes in ("0", "0%") for nodes in always):
        end = "for good" if expires == NEVER else f"until they expire after {expires}"
        return Upgrade(STAYS, f"a disruption budget of 0 keeps them {end}")
    pace = f"{' and '.join(dict.fromkeys(always)) or 'all'} at a time"
    timed = ", fewer while a scheduled budget holds" if len(always) < len(budgets) else ""
    return Upgrade(DRIFT, _how_fast(pace + timed, grace, image))


def _how_fast(pace: str, grace: str, image: str) -> str:
    # Without a grace period it holds a node that has expired too: the drain waits for it.
    held = f"waits {grace} at most" if grace else "holds its node"
    return f"{pace}; a pod that may not be disrupted {held}; {image}"


# --- values ----------------------------------------------------------------------------------------------------------


def _states(resource: Resource, key: str) -> bool:
    """Whether the program gives a property, its value known or not. A plain copy is read: nothing judges by it."""
    return dict(resource.inputs).get(key) is not None or key in resource.property_dependencies


def _follows(value: Any, graph: Graph) -> bool | None:
    """Whether a value comes from a look-up, so that it moves by itself; None where the graph cannot tell."""
    if value is None or graph.looked_up is None:
        return None
    return value in graph.looked_up
