"""How likely EC2 gives a pool the Spot instances that it may ask for: EC2's own score from 1 to 10."""

from collections.abc import Iterator

from eks_gpu.checks import Finding
from eks_gpu.live.preflight.inquiry import Inquiry, Refused, fails, holds, named, unjudged
from eks_gpu.pools.pool import Pool
from eks_gpu_components.catalog import CapacityType

CHECK = "spot-capacity-is-likely"
LEAST = 3
"""A score below that is a warning."""
FEW_TYPES = 3
"""EC2 scores fewer types low whatever there is. Source: EC2 User Guide, "Spot placement score"."""


def findings(inquiry: Inquiry) -> Iterator[Finding]:
    for pool in inquiry.pools:
        if CapacityType.SPOT in pool.capacity_types:
            yield _pool(inquiry, pool)


def target(pool: Pool) -> int:
    """Nodes that the pool asks Spot for at its maximum; 1 if it has none."""
    if pool.max_nodes is None:
        return 1
    on_demand = pool.on_demand_nodes(pool.max_nodes) if pool.chooses_node_itself else 0
    return max(1, pool.max_nodes - on_demand)


def _pool(inquiry: Inquiry, pool: Pool) -> Finding:
    subject, nodes = f"pool {pool.name}", target(pool)
    region = pool.region if pool.region in inquiry.accounts else inquiry.home
    names = [row.name for row in pool.types if row.spot]
    if not names:
        return unjudged(CHECK, subject, "the catalog knows none of its types")
    found = inquiry.rows(
        region,
        "ec2",
        "get_spot_placement_scores",
        "SpotPlacementScores",
        f"Spot placement score of {subject}",
        InstanceTypes=names,
        TargetCapacity=nodes,
        TargetCapacityUnitType="units",
        SingleAvailabilityZone=False,
        RegionNames=[region],
    )
    if isinstance(found, Refused):
        return unjudged(CHECK, subject, found.why)
    score = max((int(row["Score"]) for row in found if row.get("Region") == region), default=None)
    if score is None:
        return unjudged(CHECK, subject, f"EC2 gives no score for {region}")
    told = f"EC2 gives {nodes} Spot nodes of {named(names)} in {region} a score of {score} of 10"
    if score >= LEAST:
        return holds(CHECK, subject, told)
    few = f"; it scores fewer than {FEW_TYPES} types low" if len(names) < FEW_TYPES else ""
    fallback = CapacityType.ON_DEMAND in pool.capacity_types
    fix = "add instance types or zones" + ("" if fallback else ", or on-demand as the second capacity type")
    return fails(CHECK, subject, f"{told}{few}", fix, "warning")
