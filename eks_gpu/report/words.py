"""Words that the page's parts share."""

from collections.abc import Sequence

from eks_gpu.pods.demand import Workload
from eks_gpu.pools.pool import Pool

_NOUNS = {"neuron": "Neuron device", "habana": "Gaudi device"}


def count(number: int, noun: str) -> str:
    """`1 node`, `2 nodes`."""
    return f"{number} {noun}{'s' * (number != 1)}"


def pool_names(pools: Sequence[Pool]) -> dict[str, str]:
    """URN -> `gpu`, or `gpu in north` where pools are of more than one cluster."""
    several = len({pool.cluster for pool in pools}) > 1
    return {pool.urn: f"{pool.name} in {pool.cluster}" if several and pool.cluster else pool.name for pool in pools}


def nodes(pool: Pool) -> str:
    """`2 nodes`, `0 to 4 nodes`, `0 nodes or more`."""
    if pool.max_nodes is None:
        return f"{pool.min_nodes} nodes or more"
    return f"{pool.min_nodes} to {pool.max_nodes} nodes" if not pool.is_fixed else count(pool.max_nodes, "node")


def accelerators(pool: Pool) -> str:
    """`up to 8 GPUs`, `8 to 16 GPUs`, `8 GPUs`, `any number of Neuron devices`, `8 GPUs or more`; empty without any."""
    if not pool.accelerator:
        return ""
    noun = _NOUNS.get(pool.accelerator, "GPU")
    least, most = pool.min_gpus, pool.max_gpus
    if most is None:
        return f"{count(least, noun)} or more" if least else f"any number of {noun}s"
    if least == most:
        return count(most, noun)
    return f"{least} to {count(most, noun)}" if least else f"up to {count(most, noun)}"


def replicas(workload: Workload) -> str:
    """`one pod a node`, `2 pods`, `0 to 4 pods`, `1 pod or more`."""
    least, most = workload.min_replicas, workload.max_replicas
    if workload.daemon:
        return "one pod a node"
    if least is None:
        return "a number of pods that is not known"
    if most is None:
        return f"{count(least, 'pod')} or more"
    return count(most, "pod") if least == most else f"{least} to {most} pods"
