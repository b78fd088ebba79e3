"""Volumes and network interfaces of nodes that EC2 refuses, or that nobody hands out to pods."""

from collections.abc import Iterator
from datetime import date

from eks_gpu.checks.device_plugin import rejection
from eks_gpu.checks.registry import Context, Problem, Said, check, verdict
from eks_gpu.checks.sources import Source
from eks_gpu.checks.workloads import scheduled
from eks_gpu.graph.graph import Graph
from eks_gpu.pods.pod import Pod
from eks_gpu.pools.cluster_of import Owners, same_cluster
from eks_gpu.pools.offered import INTERFACES, NotOffered, not_offered
from eks_gpu.pools.pool import AUTO_MODE, Pool
from eks_gpu.pools.small_volumes import sized_volumes
from eks_gpu.pools.software import efa_plugin_pod, software
from eks_gpu_components.catalog.scheduling import EFA_RESOURCE

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
        found = [caution for pool in takers for caution in unoffered(context.graph, pool, workload.pod)]
        problems = {caution.resource: Problem(caution.says, caution.fix) for caution in found}
        if takers:
            yield verdict(str(workload), problems.values(), "its nodes offer the interfaces")


def unoffered(graph: Graph, pool: Pool, pod: Pod) -> Iterator[NotOffered]:
    """Interfaces that the pod asks for and that nodes of the pool do not offer: nothing is there for it, or it is and
    runs on other nodes.
    """
    missing = list(not_offered(graph, pool, pod))
    yield from missing
    if missing or pool.backend == AUTO_MODE or not pod.requests.get(EFA_RESOURCE):
        return
    owners = Owners(graph)
    here = [one for one in software(graph) if same_cluster(owners.at(one.urn), pool.cluster)]
    reasons = {one.name: rejection(plugin, pool) for one in here if (plugin := efa_plugin_pod(one))}
    if reasons and all(reasons.values()):
        said = "; ".join(f"release {name} does not run there: {reason}" for name, reason in reasons.items())
        fix = "let the device plugin of EFA tolerate the taints of the pool, and name its instance types"
        yield NotOffered(EFA_RESOURCE, f"its nodes offer no {EFA_RESOURCE}: {said}", fix)
