"""Spot: the account has, or the controller may create, the role that Spot nodes need."""

from collections.abc import Iterator

from eks_gpu.checks import sources
from eks_gpu.checks.registry import Context, Problem, Said, check, verdict
from eks_gpu.checks.roles import allowed, allows, role_of
from eks_gpu.pools.pool import KARPENTER
from eks_gpu.pools.scope import Scope
from eks_gpu.pools.software import KARPENTER as CHART
from eks_gpu_components.catalog import CapacityType

ROLE = "aws:iam/serviceLinkedRole:ServiceLinkedRole"
SPOT = "spot.amazonaws.com"


@check(
    "spot-role-can-be-made",
    subject="Karpenter release with a pool that asks for Spot",
    severity="warning",
    fix="allow iam:CreateServiceLinkedRole for spot.amazonaws.com to the role of Karpenter's controller",
    scope=Scope((KARPENTER,), capacity_types=(CapacityType.SPOT,)),
    sources=(
        sources.EC2_GUIDE,
        sources.KARPENTER,
    ),
)
def can_be_made(context: Context) -> Iterator[Said]:
    """In an account that never used Spot, Spot pools start on-demand nodes or none, and only an event says why."""
    bought = (pool for pool in context.pools if pool.backend == KARPENTER)
    pools = [pool.name for pool in bought if CapacityType.SPOT in pool.capacity_types]
    if not pools or any(made.inputs.get("awsServiceName") == SPOT for made in context.graph.of(ROLE)):
        return
    for release in context.charts(CHART):
        role = role_of(release, context.graph)
        statements = allowed(role, context.graph) if role else None
        if role is None or statements is None:
            continue  # the role or one of its policies is of another stack
        may = any(allows(statement, "iam:CreateServiceLinkedRole") for statement in statements)
        said = f"pool {', '.join(pools)} asks for Spot, and role {role.name} may not make AWSServiceRoleForEC2Spot"
        yield verdict(
            release.name, None if may else Problem(said), f"role {role.name} may make the role that Spot needs"
        )
