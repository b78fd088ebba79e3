"""Groups of nodes: shape, place, ceiling and floor."""

from collections.abc import Iterator

from eks_gpu_components.catalog import (
    GPU_TAINT,
    NEURON_TAINT,
    UnknownInstanceType,
    UnknownRegion,
    instance_type,
    zones_offering,
)

from ..pools import AUTO_SCALING_GROUP, Pool
from .registry import Context, Said, check, verdict


@check("gpu-nodes-are-tainted")
def tainted(context: Context) -> Iterator[Said]:
    """An untainted GPU node takes any pod, and stays as long as the pod does."""
    for pool in context.gpu_pools:
        shown = ", ".join(taint.for_kubelet() for taint in pool.hard_taints)
        own = NEURON_TAINT if pool.accelerator == "neuron" else GPU_TAINT
        problem = (
            ""
            if shown
            else f"nodes have no taint, so any pod may land there and keep a GPU node running: add {own.for_kubelet()}"
        )
        yield verdict(pool.name, problem, f"only pods that tolerate {shown} land there")


@check("gpu-pools-are-capped")
def capped(context: Context) -> Iterator[Said]:
    """Without a ceiling one wrong replica count buys GPUs until the quota ends."""
    for pool in context.gpu_pools:
        problem = "" if pool.max_gpus is not None else "nothing limits the GPUs it may start: give it a ceiling"
        yield verdict(pool.name, problem, f"at most {pool.max_gpus} accelerators on {pool.max_nodes} nodes")


@check("one-gpu-count-a-group")
def one_count(context: Context) -> Iterator[Said]:
    """The autoscaler counts with the first type, whatever EC2 then starts."""
    for pool in context.gpu_pools:
        if not pool.chooses_node_itself:
            continue
        counts = ", ".join(f"{row.name} {row.accelerators}" for row in pool.types)
        problem = (
            ""
            if pool.gpus_per_node is not None
            else f"types differ in GPUs ({counts}), but the autoscaler plans every node with the first: "
            "make a group for each count"
        )
        yield verdict(pool.name, problem, f"every node has {pool.gpus_per_node}")


@check("one-zone-a-gpu-group")
def one_zone(context: Context) -> Iterator[Said]:
    """The autoscaler plans with one zone, EC2 starts the node in another, and a pod with a volume waits for ever."""
    for pool in context.gpu_pools:
        if not pool.chooses_node_itself or not pool.subnets:
            continue
        several = len(pool.zones) > 1 or (not pool.zones and pool.subnets > 1)
        places = ", ".join(pool.zones) or f"{pool.subnets} subnets"
        problem = (
            f"it spans {places}, but the autoscaler plans with one zone and EC2 picks another: make a group a zone"
            if several
            else ""
        )
        yield verdict(pool.name, problem, f"all nodes are in {places}")


@check("instance-types-offered-in-zones")
def offered(context: Context) -> Iterator[Said]:
    """A zone that sells none of the types never gives a node; a type that no zone sells never comes."""
    for pool in context.pools:
        problems = [*_unknown(pool), *_not_offered(pool)]
        places = ", ".join(pool.zones) or context.region
        if not pool.chooses_node_itself and not pool.instance_types:
            problems.append(f"no instance type of {places} meets all of its requirements, so no node ever comes")
        yield verdict(pool.name, "; ".join(problems), f"{len(pool.instance_types)} types are offered in {places}")


def _unknown(pool: Pool) -> Iterator[str]:
    for name in pool.instance_types:
        try:
            instance_type(name)
        except UnknownInstanceType as error:
            yield str(error)


def _not_offered(pool: Pool) -> Iterator[str]:
    try:
        offers = {row.name: [zone.name for zone in zones_offering(row.name, pool.region)] for row in pool.types}
    except UnknownRegion:
        return
    wanted = pool.zones
    for name, found in offers.items():
        if wanted and not set(found) & set(wanted):
            where = f"it is in {', '.join(found)}" if found else f"no zone of {pool.region} has it"
            yield f"{name} is not offered in {', '.join(wanted)}: {where}"
        elif not found:
            yield f"{name} is not offered in {pool.region}"
    for zone in wanted if len(wanted) > 1 else ():
        if offers and not any(zone in found for found in offers.values()):
            yield f"{zone} offers none of {', '.join(offers)}: leave the zone out or add a type that it has"


@check("gpu-pools-start-at-zero")
def start_at_zero(context: Context) -> Iterator[Said]:
    """What runs without work is paid for without work."""
    for pool in context.gpu_pools:
        floor = max(pool.min_nodes, pool.desired_nodes or 0)
        problem = (
            f"{floor} GPU nodes run while nothing asks for them (minimum {pool.min_nodes}, desired "
            f"{pool.desired_nodes or 0}): set both to 0"
            if floor
            else ""
        )
        yield verdict(pool.name, problem, "no node while nothing asks for one")


@check("azrebalance-suspended-on-gpu-groups")
def not_rebalanced(context: Context) -> Iterator[Said]:
    """Rebalancing ends a running node to move it, without telling its pods."""
    for pool in context.gpu_pools:
        if pool.backend != AUTO_SCALING_GROUP:
            continue
        suspended = "AZRebalance" in pool.suspended_processes
        one_zone = len(pool.zones) == 1
        problem = (
            ""
            if suspended or one_zone
            else "EC2 may end a working GPU node to balance zones, without notice to its pods: suspend AZRebalance"
        )
        yield verdict(
            pool.name, problem, "AZRebalance is suspended" if suspended else "one zone has nothing to balance"
        )


@check("desired-size-belongs-to-the-autoscaler")
def desired_is_ignored(context: Context) -> Iterator[Said]:
    """An update that sets the size again ends nodes that work or starts nodes that nobody needs."""
    for pool in context.pools:
        if not pool.chooses_node_itself or not pool.autoscaled:
            continue
        key = "desiredCapacity" if pool.backend == AUTO_SCALING_GROUP else "scalingConfig.desiredSize"
        problem = (
            ""
            if pool.desired_is_ignored
            else f"every update sets the size back to {pool.desired_nodes}: add ignore_changes=[{key!r}]"
        )
        yield verdict(pool.name, problem, "an update leaves the number of nodes alone")
