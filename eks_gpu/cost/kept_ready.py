"""What is kept ready for pods to come: which pools do it for a CapacityBuffer, and a note for each thing that asks."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from eks_gpu.cost.admission import Room, Verdict
from eks_gpu.cost.node_cost import Expected
from eks_gpu.cost.packing import Fleet, Node, pack
from eks_gpu.graph.graph import Graph
from eks_gpu.graph.unknown import listening
from eks_gpu.karpenter.settings import is_on, runs_with
from eks_gpu.pods.capacity_buffers import capacity_buffers
from eks_gpu.pods.demand import Workload
from eks_gpu.pods.pod import Pod
from eks_gpu.pods.quantities import PODS, as_json
from eks_gpu.pods.reasons import Reason
from eks_gpu.pools.cluster_of import Owners, same_cluster
from eks_gpu.pools.pool import AUTO_MODE, FARGATE, KARPENTER, Pool
from eks_gpu.pools.software import CLUSTER_AUTOSCALER, Software, software
from eks_gpu.pools.software import KARPENTER as KARPENTER_CHART

GATE_OFF = Reason("Karpenter's gate CapacityBuffer is off")
_GATE = "capacityBuffer"
_FLAG = "capacity-buffer-controller-enabled"
"""Off by default. Source: Cluster Autoscaler from 1.34 on, config/flags/flags.go."""


def kept_fleet(graph: Graph, demand: Iterable[Workload], rooms: Sequence[Room], owners: Owners) -> Fleet:
    """The nodes that are there while nothing runs: those of a minimum, and those that are kept ready."""
    releases = [replace(found, cluster=owners.at(found.urn)) for found in software(graph)]
    buffers = [replace(found, cluster=owners.at(found.resource)) for found in capacity_buffers(graph)]
    admitted: dict[str, list[str]] = {}
    spare = [*(workload for workload in demand if workload.spare), *buffers]
    for workload in spare:
        found = [room.verdict(workload.pod, workload.cluster) for room in rooms]
        served = only_served(found, rooms, releases) if workload in buffers else found
        admitted[workload.urn] = [room.pool.urn for room, each in zip(rooms, served, strict=True) if each.admits]
    expected = Expected()
    return pack(spare, rooms, admitted, expected.node, expected.hourly)


def pods_at_once(room: Room, pod: Pod, there: Iterable[Node]) -> int:
    """How many such pods find room on these nodes of the pool, once what only holds a place has made way."""
    needs = {**pod.requests, PODS: 1}
    frees = (room.left(node.kind) for node in there if room.suits(node.kind, pod))
    return sum(
        min((free[name] // need for name, need in needs.items() if need and name in free), default=0) for free in frees
    )


def only_served(verdicts: Sequence[Verdict], rooms: Sequence[Room], releases: Sequence[Software]) -> list[Verdict]:
    """The verdicts on a buffer's pods, without pools whose controller keeps nothing ready for a CapacityBuffer."""
    return [
        replace(found, admits=False, reason=why) if found.admits and (why := _unserved(room.pool, releases)) else found
        for found, room in zip(verdicts, rooms, strict=True)
    ]


def _unserved(pool: Pool, releases: Sequence[Software]) -> Reason | None:
    here = [release for release in releases if same_cluster(release.cluster, pool.cluster)]
    if pool.backend == KARPENTER:
        gates = [_gate(release) for release in here if release.chart == KARPENTER_CHART]
        off = bool(gates) and all(gate is False for gate in gates)
        return GATE_OFF if off else None
    if pool.backend in (AUTO_MODE, FARGATE):
        return Reason(f"{pool.made_by.title} is not known to keep nodes ready for a CapacityBuffer")
    flags = [release.value("extraArgs", _FLAG) for release in here if release.chart == CLUSTER_AUTOSCALER]
    return None if any(map(is_on, flags)) else Reason(f"no cluster autoscaler has its flag {_FLAG}")


def _gate(release: Software) -> bool | None:
    with listening() as asked:
        found = runs_with(release.values, _GATE)
    return None if asked else found


def ready(spare: Iterable[Workload]) -> Iterator[str]:
    """A note for each thing that keeps nodes ready, of those whose number is known."""
    for workload in spare:
        if workload.replicas:
            devices = {name: amount for name, amount in workload.requests.items() if "/" in name}
            asked = " and ".join(f"{name} {amount}" for name, amount in as_json(devices).items())
            pods = f"{workload.replicas} pods" if workload.replicas > 1 else "1 pod"
            each = f" with {asked}{' each' * (workload.replicas > 1)}" if asked else ""
            yield f"idle keeps room for {pods}{each}, which {workload} asks for"
