"""Huge pages, which no controller knows a node to have before it is there, unless somebody says so."""

from eks_gpu.pods.quantities import HUGE_PAGES
from eks_gpu.pools.pool import AUTO_SCALING_GROUP, KARPENTER, MANAGED_NODE_GROUP, Pool
from eks_gpu_components.catalog import AUTOSCALER_RESOURCE_TAG
from eks_gpu_components.catalog.huge_pages import efa_huge_pages_mib

_OF_EFA = f"{HUGE_PAGES}2Mi"


def to_be_known(pool: Pool, resource: str) -> str:
    """What makes the pool start a node for a pod that asks for these huge pages, as a clause. The amount is that which
    the smallest type sets aside for EFA, where that is known.
    """
    if pool.backend not in (KARPENTER, MANAGED_NODE_GROUP, AUTO_SCALING_GROUP):
        return f"ask for no {resource}: nothing can be told of nodes of {pool.name}"
    amount = _amount(pool) if resource == _OF_EFA else ""
    amount = amount or "what its nodes set aside"
    if pool.backend == KARPENTER:
        said = f"say so in a NodeOverlay of pool {pool.name}, capacity {resource}: {amount}"
        return f"{said}, with settings.featureGates.nodeOverlay true"
    return f"tag the auto scaling group of {pool.name} {AUTOSCALER_RESOURCE_TAG}{resource} = {amount}"


def _amount(pool: Pool) -> str:
    known = [efa_huge_pages_mib(pool.image, row.vcpus) for row in pool.types if row.efa]
    return f"{min(each or 0 for each in known)}Mi" if known and all(known) and len(known) == len(pool.types) else ""
