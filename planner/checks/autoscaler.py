"""The cluster autoscaler: it finds this cluster's groups and no others, and reckons rightly with them."""

from collections.abc import Iterator

from eks_gpu_components.catalog import (
    AUTOSCALER_ENABLED_TAG,
    CLUSTER_AUTOSCALER_CHART,
    KUBERNETES,
    InstanceType,
    autoscaler_cluster_tag,
)

from ..pools import AUTO_SCALING_GROUP, Pool
from ..software import CLUSTER_AUTOSCALER, Software
from .registry import Context, Said, check, verdict


@check("groups-are-discovered-by-this-cluster")
def discovered(context: Context) -> Iterator[Said]:
    """A group without both tags is never scaled; EKS itself tags the groups of managed node groups."""
    for pool in context.pools:
        if not pool.chooses_node_itself or not pool.autoscaled:
            continue
        problem = "" if pool.backend != AUTO_SCALING_GROUP else _undiscovered(pool, _cluster_of(pool, context))
        yield verdict(pool.name, problem, "tagged for the autoscaler of its cluster alone")


def _cluster_of(pool: Pool, context: Context) -> str:
    names = {cluster.name for cluster in context.clusters}
    return pool.cluster or (names.pop() if len(names) == 1 else "")


def _undiscovered(pool: Pool, cluster: str) -> str:
    problems = []
    if AUTOSCALER_ENABLED_TAG not in pool.tags:
        problems.append(f"the autoscaler does not find it: tag it {AUTOSCALER_ENABLED_TAG} = true")
    if cluster and pool.tags.get(autoscaler_cluster_tag(cluster)) != "owned":
        problems.append(
            f"the autoscaler of {cluster} may not scale it: tag it {autoscaler_cluster_tag(cluster)} = owned"
        )
    return "; ".join(problems)


@check("autoscaler-plans-with-the-smallest-type")
def smallest_first(context: Context) -> Iterator[Said]:
    """Planned with a larger type, a pod does not fit the smaller one that EC2 starts, and another node follows."""
    for pool in context.pools:
        if not pool.chooses_node_itself or not pool.autoscaled or len(pool.types) < 2:
            continue
        first, *others = pool.types
        smaller = [said for row in others if (said := _smaller(row, first))]
        problem = (
            f"the autoscaler plans every node as {first.name}, but {'; '.join(smaller)}: put the smallest type first"
            if smaller
            else ""
        )
        yield verdict(pool.name, problem, f"no type is smaller than {first.name}")


def _smaller(row: InstanceType, first: InstanceType) -> str:
    sizes = {
        "vCPUs": (row.vcpus, first.vcpus),
        "MiB": (row.memory_mib, first.memory_mib),
        "accelerators": (row.accelerators, first.accelerators),
    }
    less = [f"{has} {unit} of {planned}" for unit, (has, planned) in sizes.items() if has < planned]
    return f"{row.name} has {' and '.join(less)}" if less else ""


@check("autoscaler-matches-kubernetes-minor")
def matches_minor(context: Context) -> Iterator[Said]:
    """An autoscaler simulates the scheduler of its own minor."""
    minors = {cluster.version for cluster in context.clusters}
    minor = minors.pop() if len(minors) == 1 else ""
    for release in context.charts(CLUSTER_AUTOSCALER):
        if not minor:
            continue
        tag = _image_tag(release)
        wanted = KUBERNETES[minor].autoscaler_image_tag if minor in KUBERNETES else f"v{minor}.0"
        problem = (
            ""
            if _minor(tag) == minor
            else f"its image is {tag}, but the cluster runs Kubernetes {minor}: set image.tag to {wanted}"
        )
        yield verdict(release.name, problem, f"image {tag} is made for Kubernetes {minor}")


def _image_tag(release: Software) -> str:
    """What the chart takes where no tag is given."""
    return str(release.value("image", "tag") or f"v{CLUSTER_AUTOSCALER_CHART.app_version}")


def _minor(tag: str) -> str:
    return ".".join(tag.removeprefix("v").split(".")[:2])


@check("autoscaler-watches-this-cluster-only")
def watches_one(context: Context) -> Iterator[Said]:
    """Without a cluster the chart renders nothing; without its tag an autoscaler ends another cluster's nodes."""
    names = [cluster.name for cluster in context.clusters]
    for release in context.charts(CLUSTER_AUTOSCALER):
        yield verdict(release.name, _astray(release, names), "it finds groups by the tag of its own cluster")


def _astray(release: Software, clusters: list[str]) -> str:
    if release.value("autoscalingGroups"):
        return ""
    name = release.value("autoDiscovery", "clusterName")
    if not name:
        return "the chart renders no Deployment without autoDiscovery.clusterName: set it to the cluster's name"
    if clusters and name not in clusters:
        return f"it looks for groups of {name}, but the stack's cluster is {', '.join(clusters)}"
    tags = [str(tag).partition("=")[0] for tag in release.value("autoDiscovery", "tags", default=())]
    own = {autoscaler_cluster_tag(str(name)), "k8s.io/cluster-autoscaler/{{ .Values.autoDiscovery.clusterName }}"}
    if tags and not own & set(tags):
        return (
            f"it takes every group tagged {', '.join(tags)}, of other clusters too: add {autoscaler_cluster_tag(name)}"
        )
    return ""
