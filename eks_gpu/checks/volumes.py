"""Volumes and network interfaces of nodes that EC2 refuses, or that nobody hands out to pods."""

from collections.abc import Iterator
from datetime import date

from eks_gpu.checks.registry import Context, Problem, Said, check, verdict
from eks_gpu.checks.sources import Source
from eks_gpu.checks.workloads import scheduled
from eks_gpu.pools.offered import INTERFACES, not_offered
from eks_gpu.pools.small_volumes import sized_volumes

_READ = date(2026, 11, 29)


@check(
    "node-volumes-hold-their-image",
    subject="pool that sizes the volume of an EKS image",
    fix="make the volume as large as the image, or leave it out",
    sources=(
        Source("Bottlerocket, os-image-size-gib of each variant", _READ),
        Source("Karpenter, pull request 2400", _READ, sure=False),
        Source("Cilium, pull request 43051", _READ, sure=False),
    ),
)
def hold_their_image(context: Context) -> Iterator[Said]:
    """EC2 refuses a volume that is smaller than the snapshot of its image, so no node ever starts.

    An image of AL2023 has 20 GiB. The system volume of Bottlerocket has 2 GiB, for NVIDIA GPUs 4, and 6 from Kubernetes
    1.37 on. Images of one's own are not judged.
    """
    minors = {cluster.name: cluster.version for cluster in context.clusters}
    for pool in context.pools:
        found = list(sized_volumes(pool, minors.get(pool.cluster, "")))
        problems = [Problem(volume.says, volume.fix) for volume in found if volume.is_small]
        if any(volume.least_gib for volume in found):
            yield verdict(pool.name, problems, "each volume is as large as its image")


@check(
    "network-interfaces-are-offered",
    subject="workload that asks for EFA or branch interfaces",
    severity="warning",
    fix="install what makes nodes offer the interfaces",
    relies_on=("software",),
    sources=(
        Source('Amazon EKS User Guide, "Manage EFA devices on Amazon EKS"', _READ),
        Source("Karpenter 1.15.0, package instancetype", _READ),
    ),
)
def offered(context: Context) -> Iterator[Said]:
    """A node starts for the pod, and the pod stays Pending, because the node never has the interface that it asks for.

    Karpenter counts EFA and branch interfaces before a node starts, whatever runs there.
    """
    pools = {pool.name: pool for pool in context.pools}
    for workload in scheduled(context):
        if not any(workload.pod.requests.get(name) for name in INTERFACES):
            continue
        takers = [pools[found.pool] for found in context.verdicts[workload.urn] if found.admits]
        found = [caution for pool in takers for caution in not_offered(context.graph, pool, workload.pod)]
        problems = {caution.resource: Problem(caution.says, caution.fix) for caution in found}
        if takers:
            yield verdict(str(workload), problems.values(), "its nodes offer the interfaces")
