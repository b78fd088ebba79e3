"""Quotas: how much of an account's quotas a stack needs at its maximum."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any

from eks_gpu.cost.packing import Fleet
from eks_gpu.graph.graph import Graph
from eks_gpu.graph.regions import region_of
from eks_gpu.pools.pool import Pool
from eks_gpu_components.catalog import CapacityType, InstanceType
from eks_gpu_components.catalog.quotas import ELASTIC_IPS, VPCS, Quota, quota


@dataclass(frozen=True)
class QuotaNeed:
    """What the stack needs of one quota when every pool is at its maximum."""

    quota: Quota
    capacity_type: str | None
    """on-demand or spot; None for a quota that does not count nodes."""
    needed: int | None
    """Number of vCPUs, addresses or VPCs; None if a pool has no limit."""
    region: str
    """An account has a quota in each region. Empty where nobody says the region."""

    @property
    def beyond_default(self) -> bool:
        """Whether the quota of a new account is too low."""
        return self.needed is None or self.needed > self.quota.default

    def as_json(self) -> dict[str, Any]:
        """The plan's row."""
        return {
            "code": self.quota.code,
            "name": self.quota.name,
            "capacity_type": self.capacity_type,
            "needed": self.needed,
            "default": self.quota.default,
            "region": self.region or None,
        }


def quota_needs(graph: Graph, pools: Sequence[Pool], region: str) -> list[QuotaNeed]:
    """vCPUs by EC2 quota, on demand and then Spot, then addresses and VPCs, each in each region; a quota that nothing
    uses is left out. `region` is the stack's own.

    A pool that may be of either capacity type, or of several families, may fill the quota of each.
    """
    found: dict[tuple[str, Quota, str], float] = {}
    for capacity_type in (CapacityType.ON_DEMAND, CapacityType.SPOT):
        for pool in pools:
            for counted, vcpus in _vcpus(pool, capacity_type):
                key = (capacity_type.value, counted, pool.region)
                found[key] = found.get(key, 0) + vcpus
    nodes = [
        QuotaNeed(counted, capacity_type, None if vcpus == inf else int(vcpus), where)
        for (capacity_type, counted, where), vcpus in found.items()
        if vcpus
    ]
    others = [
        QuotaNeed(counted, None, number, where)
        for counted, type_ in ((ELASTIC_IPS, "aws:ec2/eip:Eip"), (VPCS, "aws:ec2/vpc:Vpc"))
        for where, number in Counter(region_of(made, graph.get, region) for made in graph.of(type_)).items()
    ]
    return [*nodes, *others]


def kept_within(pools: Sequence[Pool], fleet: Fleet) -> list[str]:
    """A note for each pool that keeps nodes while nothing runs, if a new account's quota has no room for them."""
    notes = []
    for pool in pools:
        there = [node.kind.instance_type for node in fleet.there.get(pool.urn, ())]
        for spot in (False, True):
            if not there or (CapacityType.SPOT in pool.capacity_types) is not spot:
                continue
            found: dict[Quota, int] = {}
            for row in there:
                if (counted := quota(row, spot=spot)) and row.accelerator:
                    found[counted] = found.get(counted, 0) + row.vcpus
            notes += [
                f"pool {pool.name} keeps {len(there)} node{'s' if len(there) > 1 else ''}, with {vcpus} vCPUs of quota "
                f"{counted.code}, of which a new account has {counted.default}: without more they neither come nor cost"
                for counted, vcpus in found.items()
                if vcpus > counted.default
            ]
    return notes


def _vcpus(pool: Pool, capacity_type: CapacityType) -> Iterator[tuple[Quota, float]]:
    """vCPUs that the pool may have at once, by the quota they count against."""
    spot = capacity_type is CapacityType.SPOT
    families: dict[Quota, list[InstanceType]] = {}
    for row in pool.types:
        if counted := quota(row, spot=spot):
            families.setdefault(counted, []).append(row)
    for counted, rows in families.items():
        yield counted, _most_vcpus(pool, capacity_type, rows)


def _most_vcpus(pool: Pool, capacity_type: CapacityType, rows: Sequence[InstanceType]) -> float:
    dearest = max(row.vcpus for row in rows)
    if pool.chooses_node_itself:
        if pool.max_nodes is None:
            return inf
        on_demand = pool.on_demand_nodes(pool.max_nodes)
        return dearest * (pool.max_nodes - on_demand if capacity_type is CapacityType.SPOT else on_demand)
    # A reservation counts against the on-demand quota.
    used = {CapacityType.SPOT if each == CapacityType.SPOT else CapacityType.ON_DEMAND for each in pool.capacity_types}
    if capacity_type not in used:
        return 0
    if limits := pool.deciding_limits:
        return limits.most({row: float(row.vcpus) for row in rows})
    return inf if pool.max_nodes is None else pool.max_nodes * dearest
