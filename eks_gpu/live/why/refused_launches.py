"""Why AWS starts no machine, from the words that EC2's refusals reach the cluster in."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime

from eks_gpu.live.quota_requests import increase
from eks_gpu.live.why.causes import Cause, Id
from eks_gpu.live.why.said import Said
from eks_gpu.pools.pool import Pool
from eks_gpu_components.catalog import CapacityType, InstanceType
from eks_gpu_components.catalog.quotas import quota

_OVER_QUOTA = re.compile(r"VcpuLimitExceeded|more vCPU capacity than your current vCPU limit")
_SPOT_OVER_QUOTA = re.compile(r"MaxSpotInstanceCountExceeded|Max spot instance count exceeded", re.IGNORECASE)
_OUT_OF = re.compile(
    r"InsufficientInstanceCapacity|InsufficientHostCapacity|InsufficientReservedInstanceCapacity|"
    r"ReservationCapacityExceeded|do(?:es)? not have sufficient|no Spot capacity available|UnfulfillableCapacity|"
    r"all requested instance types were unavailable"
)
_LIMIT = re.compile(r"current vCPU limit of (\d+)")
_TYPE_AND_ZONE = re.compile(r"sufficient (\S+) capacity in the Availability Zone you requested \(([^)]+)\)")
_ADDRESSES = re.compile(r"InsufficientFreeAddresses(?:InSubnet)?|not enough free addresses")
_ROLE = re.compile(r"AuthFailure\.ServiceLinkedRoleCreationNotPermitted|service-linked role")
_NOT_ALLOWED = re.compile(r"UnauthorizedOperation|AccessDenied|not authorized to perform:?\s*(\S+)?")
_SHOWN = 300


def refusal(said: Said, pool: Pool | None, types: Sequence[InstanceType] = ()) -> Cause:
    """The cause that a refused launch is; `types` are those that the launch was for."""
    text = said.message
    rows = list(types) or list(pool.types if pool else ())
    region = pool.region if pool else ""
    where = f"pool {pool.name}: " if pool else ""
    if (spot := bool(_SPOT_OVER_QUOTA.search(text))) or _OVER_QUOTA.search(text):
        return _of_quota(text, rows, where, region, spot=spot)
    if _ADDRESSES.search(text):
        fix = "add subnets with free addresses to the pool, or free some"
        return Cause(Id.LAUNCH_REFUSED, f"{where}the subnets have no free address for a node", fix)
    if _ROLE.search(text):
        fix = "aws iam create-service-linked-role --aws-service-name spot.amazonaws.com"
        return Cause(Id.LAUNCH_REFUSED, f"{where}the account has no service-linked role for Spot", fix)
    if _NOT_ALLOWED.search(text):
        fix = "allow it in the role of the controller, or of the node group"
        return Cause(Id.LAUNCH_REFUSED, f"{where}AWS does not allow the launch: {shortened(text)}", fix)
    if _OUT_OF.search(text):
        return _of_capacity(text, rows, where, pool)
    fix = "change what AWS names, in the pool's node class or launch template"
    return Cause(Id.LAUNCH_REFUSED, f"{where}AWS refuses the launch: {shortened(text)}", fix)


def _of_quota(text: str, rows: Sequence[InstanceType], where: str, region: str, *, spot: bool) -> Cause:
    row = max(rows, key=lambda each: each.vcpus, default=None)
    counted = quota(row, spot=spot) if row else None
    kind = "Spot" if spot else "on-demand"
    limit = _LIMIT.search(text)
    has = f"it allows {limit[1]} vCPUs in all" if limit else "it is used up"
    if row is None or counted is None:
        listed = f"aws service-quotas list-service-quotas --service-code ec2{f' --region {region}' if region else ''}"
        fix = f"{listed} shows the quotas for vCPUs; have it raised"
        return Cause(Id.QUOTA, f"{where}EC2's quota of {kind} vCPUs is reached: {has}", fix)
    message = f"{where}EC2's quota {counted.name} ({counted.code}) is reached: {has}, one {row.name} takes {row.vcpus}"
    wanted = (int(limit[1]) if limit else counted.default) + row.vcpus
    return Cause(Id.QUOTA, message, increase(counted, wanted, region))


def _of_capacity(text: str, rows: Sequence[InstanceType], where: str, pool: Pool | None) -> Cause:
    pairs = list(dict.fromkeys(_TYPE_AND_ZONE.findall(text)))
    by_type: dict[str, list[str]] = {}
    for type_, zone in pairs:
        by_type.setdefault(type_, []).append(zone)
    named = "; ".join(f"{type_} in {', '.join(sorted(zones))}" for type_, zones in by_type.items())
    named = named or ", ".join(row.name for row in rows) or "the types that were asked for"
    fix = "add instance types or zones to the pool; EC2 may have some again in minutes or hours"
    if pool and CapacityType.ON_DEMAND.value not in pool.capacity_types:
        fix = f"let the pool take on-demand nodes too, {fix}"
    return Cause(Id.NO_CAPACITY, f"{where}EC2 has no capacity for {named}", fix)


def newest(rows: Sequence[Said]) -> Said | None:
    """The one that was said last."""
    return max(rows, key=lambda each: each.at or datetime.min.replace(tzinfo=UTC), default=None)


def shortened(text: str) -> str:
    """Words of a controller that fit a sentence."""
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1].rstrip()}…"
