"""The node that a pool starts for a pod, at what price, and how long the pod waits for it."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf
from typing import Any

from eks_gpu.checks.device_plugin import driver_installers
from eks_gpu.cost.admission import Room
from eks_gpu.cost.faster import Faster, faster
from eks_gpu.cost.kept_ready import pods_at_once
from eks_gpu.cost.node_cost import Expected
from eks_gpu.cost.packing import Fleet
from eks_gpu.cost.time_to_running import NEW_NODE, Step, steps
from eks_gpu.explain.pod_file import PodSource
from eks_gpu.explain.stack_rooms import StackRooms
from eks_gpu.graph.unread import may_bring
from eks_gpu.pods.vllm_start import VllmStart, vllm_start
from eks_gpu.pools.cluster_of import Owners
from eks_gpu.pools.pool import Candidate, Pool
from eks_gpu.pools.prices import on_demand_price
from eks_gpu.pools.software import GPU_OPERATOR, software
from eks_gpu.pools.unread import unread
from eks_gpu_components.catalog import CapacityType


@dataclass(frozen=True)
class Launch:
    """The node that a pool is expected to start for the pod, and how long the pod waits for it."""

    node: Candidate
    capacity_type: str
    hourly: float | None
    """USD per hour for one node with its disks; None if no price is known."""
    estimate: bool
    price_region: str | None
    new_nodes: int | None
    """Number of nodes that this pool starts for the workload, when all pools that take its pods are used together; None
    if the number of pods is unknown.
    """
    steps: tuple[Step, ...]
    by_capacity_type: Mapping[str, int] = field(default_factory=dict)
    """The new nodes by capacity type, in the order in which they start; empty for a pool without reservations."""
    faster: tuple[Faster, ...] = ()
    """What would make it sooner, and its price."""
    at_once: int = 0
    """Number of such pods that find room on nodes that are there while nothing runs: a minimum, or kept ready."""

    @property
    def seconds(self) -> int:
        """From Pending to Ready on a new node."""
        return sum(step.seconds for step in self.steps)

    @property
    def seconds_on_node(self) -> int:
        """The same on a running node."""
        return sum(step.seconds for step in self.steps if step.name not in NEW_NODE)

    def as_json(self) -> dict[str, Any]:
        """A part of `explain`'s row."""
        return {
            "instance_type": self.node.instance_type.name,
            "capacity_type": self.capacity_type,
            "hourly": self.hourly if self.hourly is None else round(self.hourly, 6),
            "estimate": self.estimate,
            "price_region": self.price_region,
            "new_nodes": self.new_nodes,
            **({"by_capacity_type": dict(self.by_capacity_type)} if self.by_capacity_type else {}),
            "time_to_running": {
                "seconds": self.seconds,
                "steps": [step.as_json() for step in self.steps],
                "alternatives": [each.as_json() for each in self.faster],
            },
            "kept_ready": {"pods": self.at_once, "seconds": self.seconds_on_node} if self.at_once else None,
        }


def _by_capacity_type(pool: Pool, fleet: Fleet) -> Mapping[str, int]:
    """New nodes of a pool with reservations, which are of one capacity type after the other; empty for other pools."""
    there = fleet.there.get(pool.urn, ())[pool.min_nodes :] if pool.reservations else ()
    return Counter(node.kind.capacity_type or _capacity_type(pool) for node in there)


def launch_of(stack: StackRooms, room: Room, source: PodSource, fleet: Fleet) -> Launch | None:
    """The node that a taker starts; None for a DaemonSet's pod, which brings none."""
    pool, workload = room.pool, source.workload
    expected = Expected()
    node = None if workload.daemon else expected.node(room, workload.pod)
    if node is None:
        return None
    hourly = expected.hourly(pool, node)
    base = on_demand_price(node.instance_type.name, pool.region)
    capacity_type = node.capacity_type or _capacity_type(pool)
    installs = _installs_driver(stack, pool)

    def steps_of(each: Pool, start: VllmStart | None) -> list[Step]:
        return steps(each, node.instance_type, workload.pod, source.spec, installs=installs, start=start)

    known = None if hourly == inf else hourly
    at_once = pods_at_once(room, workload.pod, stack.kept.get(pool.urn, ()))
    start = vllm_start(source.spec)
    sooner = faster(pool, node.instance_type, known, steps_of, start)
    return Launch(
        node=node,
        capacity_type=capacity_type,
        hourly=known,
        estimate=capacity_type == CapacityType.SPOT,
        price_region=base.region if base else None,
        new_nodes=None if source.pods is None else fleet.nodes[pool.urn] - pool.min_nodes,
        by_capacity_type=_by_capacity_type(pool, fleet),
        at_once=at_once,
        steps=tuple(steps_of(pool, start)),
        faster=tuple(each for each in sooner if not (each.kept and at_once)),
    )


def _installs_driver(stack: StackRooms, pool: Pool) -> bool | None:
    """Whether a GPU operator of the pool's cluster does; None if one may that the stack does not show."""
    owners = Owners(stack.graph)
    releases = [release for release in software(stack.graph) if owners.at(release.urn) in ("", pool.cluster)]
    if any(driver_installers(releases, pool)):
        return True
    elsewhere = not owners.made or may_bring(unread(stack.graph), GPU_OPERATOR)
    return None if elsewhere else False


def _capacity_type(pool: Pool) -> str:
    if pool.is_reserved:
        return CapacityType.RESERVED.value
    return CapacityType.SPOT.value if pool.on_demand_percentage < 100 else CapacityType.ON_DEMAND.value
