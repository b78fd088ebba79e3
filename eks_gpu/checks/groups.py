"""Node groups: instance types, zones, maximum and minimum size, and what a launch template may have."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date
from typing import Any

from eks_gpu.checks import sources
from eks_gpu.checks.registry import Context, Problem, Said, check, verdict
from eks_gpu.karpenter.objects import part
from eks_gpu.pools.launch_template import template_of
from eks_gpu.pools.pool import AUTO_SCALING_GROUP, MANAGED_NODE_GROUP, Pool
from eks_gpu.pools.reservations import CAPACITY_BLOCK
from eks_gpu.pools.scope import ACCELERATED, ACCELERATED_GROUPS, IN_GROUPS, Scope
from eks_gpu_components.catalog import (
    AMI_TYPES,
    DEVICE_RESOURCES,
    GPU_TAINT,
    CapacityType,
    UnknownInstanceType,
    UnknownRegion,
    instance_type,
    zones_offering,
)
from eks_gpu_components.catalog.tags import NODE_GROUP_TAG, STATIC_TAG


@check(
    "gpu-nodes-are-tainted",
    subject="GPU pool",
    fix=f"add a taint, such as {GPU_TAINT.for_kubelet()}",
    scope=ACCELERATED,
    sources=(sources.kubernetes("taint-and-toleration"),),
)
def tainted(context: Context) -> Iterator[Said]:
    """An untainted GPU node takes any pod, and is kept as long as that pod runs."""
    for pool in context.gpu_pools:
        shown = ", ".join(taint.for_kubelet() for taint in pool.hard_taints)
        own = replace(GPU_TAINT, key=DEVICE_RESOURCES[pool.accelerator or "nvidia"][0])
        problem = (
            None
            if shown
            else Problem(
                "nodes have no taint, so any pod may land there and keep a GPU node running", f"add {own.for_kubelet()}"
            )
        )
        yield verdict(pool.name, problem, f"only pods that tolerate {shown} land there")


@check(
    "gpu-pools-are-capped",
    subject="GPU pool",
    fix="limit the pool's GPUs",
    scope=ACCELERATED,
    sources=(
        sources.KARPENTER,
        sources.AUTOSCALER,
    ),
)
def capped(context: Context) -> Iterator[Said]:
    """Without a limit one wrong replica count starts GPU nodes until the quota is used up."""
    for pool in context.gpu_pools:
        problem = None if pool.max_gpus is not None else Problem("nothing limits the GPUs it may start")
        yield verdict(pool.name, problem, f"at most {pool.max_gpus} accelerators on {pool.max_nodes} nodes")


@check(
    "one-gpu-count-a-group",
    subject="GPU group",
    fix="make a group for each count",
    scope=ACCELERATED_GROUPS,
    sources=(sources.AUTOSCALER,),
)
def one_count(context: Context) -> Iterator[Said]:
    """The autoscaler plans with the first type, whatever EC2 starts: too many nodes start, or pods stay Pending."""
    for pool in context.scaled_groups:
        if not pool.accelerator:
            continue
        counts = ", ".join(f"{row.name} {row.accelerators}" for row in pool.types)
        problem = (
            None
            if pool.gpus_per_node is not None
            else Problem(f"types differ in GPUs ({counts}), but the autoscaler plans every node with the first")
        )
        yield verdict(pool.name, problem, f"every node has {pool.gpus_per_node}")


@check(
    "one-zone-a-gpu-group",
    subject="GPU group",
    fix="make one group per zone",
    scope=ACCELERATED_GROUPS,
    sources=(sources.AUTOSCALER,),
)
def one_zone(context: Context) -> Iterator[Said]:
    """The autoscaler plans with one zone, EC2 starts the node in another, and a pod with a volume waits forever."""
    for pool in context.scaled_groups:
        if not pool.accelerator or not pool.subnets:
            continue
        several = len(pool.zones) > 1 or (not pool.zones and pool.subnets > 1)
        places = ", ".join(pool.zones) or f"{pool.subnets} subnets"
        problem = (
            Problem(f"it spans {places}, but the autoscaler plans with one zone and EC2 picks another")
            if several
            else None
        )
        yield verdict(pool.name, problem, f"all nodes are in {places}")


@check(
    "instance-types-offered-in-zones",
    subject="pool",
    fix="name types that the zones of the pool offer",
    sources=(sources.INSTANCE_TYPES,),
)
def offered(context: Context) -> Iterator[Said]:
    """A zone that offers none of the types never gets a node; a type that no zone offers never starts.

    The check also names types that the catalog does not know.
    """
    for pool in context.pools:
        problems = [*_unknown(pool), *_not_offered(pool)]
        places = ", ".join(pool.zones) or pool.region
        if pool.emptied and not problems:
            problems.append(Problem(pool.emptied.says))
        elif not pool.chooses_node_itself and not pool.instance_types:
            nothing = f"no instance type of {places} meets all of its requirements, so no node ever comes"
            problems.append(Problem(nothing))
        yield verdict(pool.name, problems, f"{len(pool.instance_types)} types are offered in {places}")


def _unknown(pool: Pool) -> Iterator[Problem]:
    for name in pool.instance_types:
        try:
            instance_type(name)
        except UnknownInstanceType as error:
            yield Problem(str(error))


def _not_offered(pool: Pool) -> Iterator[Problem]:
    try:
        offers = {row.name: [zone.name for zone in zones_offering(row.name, pool.region)] for row in pool.types}
    except UnknownRegion:
        return
    wanted = pool.zones
    for name, found in offers.items():
        if wanted and not set(found) & set(wanted):
            where = f"it is in {', '.join(found)}" if found else f"no zone of {pool.region} has it"
            yield Problem(f"{name} is not offered in {', '.join(wanted)}: {where}")
        elif not found:
            yield Problem(f"{name} is not offered in {pool.region}")
    for zone in wanted if len(wanted) > 1 else ():
        if offers and not any(zone in found for found in offers.values()):
            yield Problem(f"{zone} offers none of {', '.join(offers)}", "leave the zone out or add a type that it has")


@check(
    "gpu-pools-start-at-zero",
    subject="GPU pool",
    fix="set minimum and desired size to 0",
    scope=ACCELERATED,
    sources=(
        sources.AUTOSCALER,
        sources.KARPENTER,
    ),
)
def start_at_zero(context: Context) -> Iterator[Said]:
    """Nodes run and cost money without work.

    DaemonSets do not count as work. It is a warning if somebody asked for a fixed number of nodes: a NodePool with
    `replicas`, or a group with the tag of `nodes` of a pool.
    """
    # In a cluster that runs, the desired size of a group that something scales is its size of the moment.
    of_the_moment = {pool.urn for pool in context.scaled_groups if pool.autoscaled} if context.graph.running else set()
    for pool in context.gpu_pools:
        floor = pool.min_nodes if pool.urn in of_the_moment else max(pool.min_nodes, pool.desired_nodes or 0)
        meant = pool.static or _says_so(pool, context)
        said = f"{floor} GPU nodes run while nothing asks for them"
        fixed = Problem(f"{said}, because a fixed number was asked for", "leave it out if pods may wait for a node")
        sizes = f"(minimum {pool.min_nodes}, desired {pool.desired_nodes or 0})"
        problem = (fixed if meant else Problem(f"{said} {sizes}", "set both to 0")) if floor else None
        yield verdict(pool.name, problem, "no node while nothing asks for one", "warning" if meant else "")


def _says_so(pool: Pool, context: Context) -> bool:
    """Whether the group has this library's tag of a fixed number of nodes."""
    group = context.graph.get(pool.urn)
    own = part(group.inputs, "tags") if group and pool.backend == MANAGED_NODE_GROUP else {}
    return STATIC_TAG in {**pool.tags, **own}


@check(
    "azrebalance-suspended-on-gpu-groups",
    subject="self-managed GPU group",
    fix="suspend AZRebalance",
    scope=Scope((AUTO_SCALING_GROUP,), ACCELERATED.accelerators),
    sources=(sources.AUTO_SCALING_GUIDE,),
)
def not_rebalanced(context: Context) -> Iterator[Said]:
    """EC2 terminates a node in use to balance zones, without a notice to its pods.

    A group in one zone passes.
    """
    for pool in context.gpu_pools:
        if pool.backend != AUTO_SCALING_GROUP:
            continue
        suspended = "AZRebalance" in pool.suspended_processes
        one_zone = len(pool.zones) == 1
        problem = (
            None
            if suspended or one_zone
            else Problem("EC2 may end a working GPU node to balance zones, without notice to its pods")
        )
        yield verdict(
            pool.name, problem, "AZRebalance is suspended" if suspended else "one zone has nothing to balance"
        )


@check(
    "desired-size-belongs-to-the-autoscaler",
    subject="group between two sizes",
    fix="ignore changes of the desired size",
    scope=IN_GROUPS,
    sources=(
        sources.PULUMI,
        sources.AUTOSCALER,
    ),
    of_a_program=True,
)
def desired_is_ignored(context: Context) -> Iterator[Said]:
    """Every `pulumi up` resets the number of nodes: it ends nodes in use or starts nodes that no pod needs."""
    if not context.graph.options_known:
        return
    for pool in context.scaled_groups:
        if not pool.autoscaled:
            continue
        key = "desiredCapacity" if pool.backend == AUTO_SCALING_GROUP else "scalingConfig.desiredSize"
        problem = (
            None
            if pool.desired_is_ignored
            else Problem(f"every update sets the size back to {pool.desired_nodes}", f"add ignore_changes=[{key!r}]")
        )
        yield verdict(pool.name, problem, "an update leaves the number of nodes alone")


@check(
    "one-architecture-a-group",
    subject="group",
    fix="make a group for each architecture, with an image for it",
    scope=IN_GROUPS,
    sources=(sources.INSTANCE_TYPES,),
)
def one_architecture(context: Context) -> Iterator[Said]:
    """A group has one image, and instances of another architecture cannot boot it."""
    for pool in context.pools:
        if not pool.chooses_node_itself or not pool.types:
            continue
        group = context.graph.get(pool.urn)
        ami = AMI_TYPES.get(str(group.inputs.get("amiType"))) if group else None
        kinds = dict.fromkeys((*((ami.architecture,) if ami else ()), *(row.architecture for row in pool.types)))
        said = f"{ami.name} is for {ami.architecture}" if ami else "its one image is for one architecture"
        named = ", ".join(f"{row.name} is {row.architecture}" for row in pool.types)
        problem = Problem(f"{said}, but {named}") if len(kinds) > 1 else None
        yield verdict(pool.name, problem, f"image and nodes are {next(iter(kinds))}")


_CUSTOM = "CUSTOM"
"""The AMI type of a group whose launch template has an image."""
_MARKET = "instanceMarketOptions"
_OF_THE_GROUP: Mapping[str, str] = {
    "iamInstanceProfile": "nodeRoleArn of the group gives the nodes their role",
    "instanceInitiatedShutdownBehavior": "EKS ends the nodes itself",
    _MARKET: "capacityType of the group asks for Spot",
}
"""Field that EKS refuses in the template -> what does the same; the market of a Capacity Block it takes."""


@check(
    "managed-groups-fit-their-launch-template",
    subject="managed node group with a launch template",
    fix="state each setting once, in the group or in its launch template",
    scope=Scope((MANAGED_NODE_GROUP,)),
    sources=(
        sources.eks_guide("launch-templates", date(2026, 11, 28)),
        sources.EKS_API,
    ),
    of_a_program=True,
)
def fits_its_template(context: Context) -> Iterator[Said]:
    """EKS refuses the group: a setting is in the group and in its launch template, or in the wrong one of them.

    Source: Amazon EKS User Guide, "Customize managed nodes with launch templates"; EKS API, CreateNodegroup.
    """
    for pool in context.pools:
        group = context.graph.get(pool.urn)
        if pool.backend != MANAGED_NODE_GROUP or group is None:
            continue
        template = template_of(context.graph, part(group.inputs, "launchTemplate"))
        if template is None or NODE_GROUP_TAG in part(template.inputs, "tags"):
            continue
        new = context.graph.is_new(group)
        problems = [*_beside(group.inputs, template.inputs, new), *_misplaced(template.inputs)]
        problems += _of_a_block(group.inputs, template.inputs)
        yield verdict(pool.name, problems, "its launch template has only what belongs there")


def _beside(group: Mapping[str, Any], template: Mapping[str, Any], new: bool) -> Iterator[Problem]:
    """Settings of the group that EKS refuses beside a template, or beside one with an image."""
    if group.get("instanceTypes") and (given := template.get("instanceType")):
        said = f"instanceTypes beside a launch template with instanceType {given}"
        yield Problem(said, "leave the type out of the template")
    if group.get("diskSize"):
        said = f"diskSize {group['diskSize']} beside a launch template"
        yield Problem(said, "size the disk in blockDeviceMappings of the template")
    if group.get("remoteAccess"):
        said = "remoteAccess beside a launch template"
        yield Problem(said, "set keyName and security groups in the template")
    if not (image := template.get("imageId")):
        return
    fix = f"leave it out of the group, because image {image} decides it"
    if (ami := group.get("amiType")) and ami != _CUSTOM:
        yield Problem(f"amiType {ami} beside a launch template with an image", fix)
    # Of a group that exists, EKS itself tells a version and a release, which an import writes down.
    for key in ("version", "releaseVersion") if new else ():
        if group.get(key):
            yield Problem(f"{key} {group[key]} beside a launch template with an image", fix)


def _of_a_block(group: Mapping[str, Any], template: Mapping[str, Any]) -> Iterator[Problem]:
    """The word in which a group and the market of its template must agree.

    Source: Amazon EKS User Guide, "Create a managed node group with Capacity Blocks for ML".
    """
    wanted = CapacityType.RESERVED.for_eks()
    market = _is_of_a_block(template)
    if market != (group.get("capacityType") == wanted):
        said = f"capacityType {group.get('capacityType') or 'ON_DEMAND'} with market type"
        has = CAPACITY_BLOCK if market else "none"
        yield Problem(f"{said} {has} in its launch template", f"give both or neither: {wanted} and {CAPACITY_BLOCK}")


def _is_of_a_block(template: Mapping[str, Any]) -> bool:
    return part(template, _MARKET).get("marketType") == CAPACITY_BLOCK


def _misplaced(template: Mapping[str, Any]) -> Iterator[Problem]:
    """Settings of the template that EKS refuses in one of a managed group."""
    for key, instead in _OF_THE_GROUP.items():
        if template.get(key) and not (key == _MARKET and _is_of_a_block(template)):
            yield Problem(f"{key} in its launch template", f"leave it out: {instead}")
    if part(template, "hibernationOptions").get("configured"):
        yield Problem("hibernationOptions in its launch template", "leave it out: EKS ends the nodes itself")
    if any(one.get("subnetId") for one in template.get("networkInterfaces") or ()):
        yield Problem("a subnet in its launch template", "leave it out: subnetIds of the group decides")
