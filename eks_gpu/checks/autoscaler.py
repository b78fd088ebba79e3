"""The cluster autoscaler: it finds only this cluster's groups, and plans correctly with them."""

from collections.abc import Iterator

from eks_gpu.checks import sources
from eks_gpu.checks.registry import Context, Problem, Said, check, verdict
from eks_gpu.karpenter.objects import part
from eks_gpu.pools.pool import AUTO_SCALING_GROUP, Pool
from eks_gpu.pools.scope import GROUPS, IN_GROUPS, SPOT, Scope
from eks_gpu.pools.software import CLUSTER_AUTOSCALER, Software, slices_of
from eks_gpu_components.catalog import (
    ACCELERATOR_LABEL,
    AUTOSCALER_ENABLED_TAG,
    CLUSTER_AUTOSCALER_CHART,
    KUBERNETES,
    CapacityType,
    InstanceType,
    autoscaler_cluster_tag,
)


@check(
    "groups-are-discovered-by-this-cluster",
    subject="group between two sizes",
    fix="give the group both tags of the autoscaler",
    scope=IN_GROUPS,
    sources=(sources.AUTOSCALER,),
)
def discovered(context: Context) -> Iterator[Said]:
    """The autoscaler does not find the group, or may not change it, so it is never scaled.

    EKS tags the auto scaling groups of managed node groups itself.
    """
    for pool in context.scaled_groups:
        if not pool.autoscaled:
            continue
        # EKS itself tags the groups of managed node groups.
        own = pool.backend == AUTO_SCALING_GROUP
        problems = [*_undiscovered(pool, _cluster_of(pool, context)), *_overlooked(pool, context)] if own else ()
        yield verdict(pool.name, problems, "tagged for the autoscaler of its cluster alone")


def _cluster_of(pool: Pool, context: Context) -> str:
    names = {cluster.name for cluster in context.clusters}
    return pool.cluster or (names.pop() if len(names) == 1 else "")


def _undiscovered(pool: Pool, cluster: str) -> Iterator[Problem]:
    if AUTOSCALER_ENABLED_TAG not in pool.tags:
        yield Problem("the autoscaler does not find it", f"tag it {AUTOSCALER_ENABLED_TAG} = true")
    if cluster and pool.tags.get(autoscaler_cluster_tag(cluster)) != "owned":
        yield Problem(
            f"the autoscaler of {cluster} may not scale it", f"tag it {autoscaler_cluster_tag(cluster)} = owned"
        )


def _overlooked(pool: Pool, context: Context) -> Iterator[Problem]:
    """Tags by which every release of the stack looks for groups, and that the group lacks."""
    for release in context.charts(CLUSTER_AUTOSCALER):
        name = release.value("autoDiscovery", "clusterName")
        wanted = [str(tag) for tag in release.value("autoDiscovery", "tags", default=())]
        for tag in wanted if name else ():
            key, equals, value = tag.replace("{{ .Values.autoDiscovery.clusterName }}", str(name)).partition("=")
            own = key not in (AUTOSCALER_ENABLED_TAG, autoscaler_cluster_tag(str(name)))
            if "{{" in key or (own and not equals and key in pool.tags) or (not own and not equals):
                continue
            if pool.tags.get(key) is None or (equals and pool.tags[key] != value):
                yield Problem(f"{release.name} looks for groups tagged {key}{equals}{value}", "tag it so")


@check(
    "autoscaler-plans-with-the-smallest-type",
    subject="group of several types",
    fix="put the smallest type first",
    scope=IN_GROUPS,
    sources=(sources.AUTOSCALER,),
)
def smallest_first(context: Context) -> Iterator[Said]:
    """The autoscaler plans every node as the first type, and the pod does not fit the smaller node that EC2 starts.

    The autoscaler then starts another node.
    """
    for pool in context.scaled_groups:
        if not pool.autoscaled or len(pool.types) < 2:
            continue
        first, *others = pool.types
        smaller = [said for row in others if (said := _smaller(row, first))]
        problem = (
            Problem(f"the autoscaler plans every node as {first.name}, but {'; '.join(smaller)}") if smaller else None
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


@check(
    "autoscaler-matches-kubernetes-minor",
    subject="cluster autoscaler release",
    fix="set image.tag to the version of the cluster's minor",
    sources=(sources.AUTOSCALER,),
)
def matches_minor(context: Context) -> Iterator[Said]:
    """The autoscaler simulates another minor's scheduler: it grows groups that pods cannot use, or none.

    A chart's default image is for one minor version only.
    """
    minors = {cluster.version for cluster in context.clusters}
    minor = minors.pop() if len(minors) == 1 else ""
    for release in context.charts(CLUSTER_AUTOSCALER):
        if not minor:
            continue
        tag = _image_tag(release)
        wanted = KUBERNETES[minor].autoscaler_image_tag if minor in KUBERNETES else f"v{minor}.0"
        problem = (
            None
            if _minor(tag) == minor
            else Problem(f"its image is {tag}, but the cluster runs Kubernetes {minor}", f"set image.tag to {wanted}")
        )
        yield verdict(release.name, problem, f"image {tag} is made for Kubernetes {minor}")


def _image_tag(release: Software) -> str:
    """What the chart takes where no tag is given."""
    return str(release.value("image", "tag") or f"v{CLUSTER_AUTOSCALER_CHART.app_version}")


def _minor(tag: str) -> str:
    return ".".join(tag.removeprefix("v").split(".")[:2])


@check(
    "autoscaler-watches-this-cluster-only",
    subject="cluster autoscaler release",
    fix="discover groups by the tag of the autoscaler's own cluster",
    sources=(sources.AUTOSCALER,),
)
def watches_one(context: Context) -> Iterator[Said]:
    """Without a cluster name the chart has no Deployment; without its tag the autoscaler ends other clusters' nodes."""
    names = [cluster.name for cluster in context.clusters]
    for release in context.charts(CLUSTER_AUTOSCALER):
        yield verdict(release.name, _astray(release, names), "it finds groups by the tag of its own cluster")


def _astray(release: Software, clusters: list[str]) -> Problem | None:
    if release.value("autoscalingGroups"):
        return None
    name = release.value("autoDiscovery", "clusterName")
    if not name:
        return Problem(
            "the chart renders no Deployment without autoDiscovery.clusterName", "set it to the cluster's name"
        )
    if clusters and name not in clusters:
        return Problem(
            f"it looks for groups of {name}, but the stack's cluster is {', '.join(clusters)}",
            f"set autoDiscovery.clusterName to {clusters[0]}",
        )
    tags = [str(tag).partition("=")[0] for tag in release.value("autoDiscovery", "tags", default=())]
    own = {autoscaler_cluster_tag(str(name)), autoscaler_cluster_tag("{{ .Values.autoDiscovery.clusterName }}")}
    if tags and not own & set(tags):
        return Problem(
            f"it takes every group tagged {', '.join(tags)}, of other clusters too",
            f"add {autoscaler_cluster_tag(name)}",
        )
    return None


@check(
    "autoscaled-gpu-nodes-have-the-accelerator-label",
    subject="NVIDIA group between two sizes",
    severity="warning",
    fix=f"label the nodes {ACCELERATOR_LABEL}, such as nvidia-tesla-t4, and tag the group with it",
    scope=Scope(GROUPS, ("nvidia",)),
    sources=(
        sources.AUTOSCALER,
        sources.LAB,
    ),
)
def accelerator_label(context: Context) -> Iterator[Said]:
    """A second node starts for one pod: the autoscaler does not wait for the device plugin to register the GPUs.

    Nodes whose GPUs are cut into slices (MIG) must not have the label: the autoscaler would wait for a whole GPU, which
    they never have.
    """
    for pool in context.scaled_groups:
        if pool.autoscaled and pool.accelerator == "nvidia":
            value = pool.labels.get(ACCELERATOR_LABEL)
            problem = None if value else Problem(f"its nodes have no label {ACCELERATOR_LABEL}")
            if slices := slices_of(context.software, pool.labels, pool.types):
                said = f"its nodes have {' and '.join(f'{count} {name}' for name, count in slices.items())}"
                waits = f"{said}, and with the label {ACCELERATOR_LABEL} the autoscaler never takes them for ready"
                problem = Problem(waits, "remove the label and its tag") if value else None
                yield verdict(pool.name, problem, said)
                continue
            yield verdict(pool.name, problem, f"the autoscaler waits for the GPUs of {value}")


@check(
    "spot-groups-choose-by-capacity",
    subject="self-managed Spot group",
    severity="warning",
    fix="set spotAllocationStrategy to price-capacity-optimized",
    scope=Scope((AUTO_SCALING_GROUP,), capacity_types=SPOT.capacity_types),
    sources=(sources.AUTO_SCALING_GUIDE,),
)
def by_capacity(context: Context) -> Iterator[Said]:
    """EC2 takes the cheapest Spot capacity, even where it is likely to be interrupted soon."""
    for pool in context.pools:
        group = context.graph.get(pool.urn)
        policy = part(group.inputs, "mixedInstancesPolicy") if group else {}
        if pool.backend != AUTO_SCALING_GROUP or CapacityType.SPOT not in pool.capacity_types or not policy:
            continue
        strategy = part(policy, "instancesDistribution").get("spotAllocationStrategy") or "lowest-price"
        problem = Problem(f"its strategy is {strategy}") if strategy == "lowest-price" else None
        yield verdict(pool.name, problem, f"its strategy is {strategy}")
