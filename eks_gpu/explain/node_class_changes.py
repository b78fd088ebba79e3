"""What to change in a node class so that its pool takes a pod, tested with the scheduler's rules."""

from collections.abc import Iterator
from dataclasses import replace

from eks_gpu.cost.admission import Room, Verdict
from eks_gpu.pods.pod import Pod
from eks_gpu.pods.quantities import EPHEMERAL_STORAGE, GIB, PODS
from eks_gpu.pods.reasons import Rule
from eks_gpu.pools.karpenter_node import KarpenterNode, Volume
from eks_gpu.pools.pool import KARPENTER

_LARGEST_GIB = 64 * 1024
"""Source: EBS, gp3."""


def node_class_changes(room: Room, pod: Pod, verdict: Verdict) -> tuple[str, ...]:
    """Each change alone is enough; empty if none is, or if it is not the node class that rejects the pod."""
    reason, node = verdict.reason, room.pool.node
    if reason.rule is not Rule.RESOURCE or node is None:
        return ()
    if reason.subject == EPHEMERAL_STORAGE:
        return tuple(_for_storage(room, node, pod))
    if reason.subject == PODS:
        return tuple(_for_pods(room, node, pod))
    return ()


def _for_storage(room: Room, node: KarpenterNode, pod: Pod) -> Iterator[str]:
    on_volumes = replace(node, raid0=False)
    least = _least(room, on_volumes, pod)
    if least:
        where = f" for {node.images_device}" if node.images_device and room.pool.backend == KARPENTER else ""
        yield f"a volume of {least} GiB or more{where}"
    may_join = room.pool.backend == KARPENTER and all(row.instance_store_gb for row in room.pool.types)
    if may_join and _takes(room, replace(node, raid0=True), pod):
        yield "instanceStorePolicy: RAID0, because all of its types have disks of their own"


def _least(room: Room, node: KarpenterNode, pod: Pod) -> int | None:
    """GiB of the smallest volume that is enough, by halving; None if the largest is not."""
    if not _takes(room, _with_volume(node, _LARGEST_GIB), pod):
        return None
    too_small, enough = 0, _LARGEST_GIB
    while enough - too_small > 1:
        middle = (too_small + enough) // 2
        too_small, enough = (too_small, middle) if _takes(room, _with_volume(node, middle), pod) else (middle, enough)
    return enough


def _with_volume(node: KarpenterNode, gib: int) -> KarpenterNode:
    others = tuple(volume for volume in node.volumes if volume.device != node.images_device)
    return replace(node, volumes=(*others, Volume(node.images_device, gib * GIB, node.has_root)))


def _for_pods(room: Room, node: KarpenterNode, pod: Pod) -> Iterator[str]:
    """The smallest number of the one field that allows no more."""
    bound_by_cores = all(map(node.is_bound_by_cores, room.pool.types))
    key, field = ("podsPerCore", "pods_per_core") if bound_by_cores else ("maxPods", "max_pods")
    stated = getattr(node.kubelet, field)
    most = max(row.max_pods for row in room.pool.types)
    for count in range(stated + 1, most + 1) if stated is not None else ():
        if _takes(room, replace(node, kubelet=replace(node.kubelet, **{field: count})), pod):
            yield f"kubelet.{key} of {count} or more, or none"
            return


def _takes(room: Room, node: KarpenterNode, pod: Pod) -> bool:
    changed = Room(replace(room.pool, node=node, instance_store=node.raid0), room.daemons, room.taken)
    return changed.verdict(pod).admits
