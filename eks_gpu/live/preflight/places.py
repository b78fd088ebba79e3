"""Where nodes can start: the region is turned on, its zones are the account's, and they offer the pools' types."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from eks_gpu.checks import Finding
from eks_gpu.live.preflight.inquiry import AT_HOME, Inquiry, Refused, chunks, fails, holds, named, unjudged
from eks_gpu.live.preflight.needs import CLUSTER, SUBNET
from eks_gpu.pools.pool import MANAGED_NODE_GROUP, Pool
from eks_gpu.pools.type_facts import zone_ids
from eks_gpu_components.catalog.regions import NO_CONTROL_PLANE

REGION, ZONES, TYPES = "region-is-turned-on", "zones-are-the-accounts", "zones-offer-the-instance-types"
CONTROL_PLANE = "control-plane-zones-are-taken"
_AT_A_TIME = 100
"""Instance types in one question."""


def region_findings(inquiry: Inquiry) -> Iterator[tuple[str, Finding]]:
    """Whether the account has turned each region on: asked where it always is. Without, nothing answers there."""
    home = AT_HOME[inquiry.partition]
    found = inquiry.rows(home, "ec2", "describe_regions", "Regions", "which regions are turned on", AllRegions=True)
    status = {} if isinstance(found, Refused) else {row["RegionName"]: row.get("OptInStatus", "") for row in found}
    for region in inquiry.regions:
        if isinstance(found, Refused):
            yield region, unjudged(REGION, region, found.why)
        elif status.get(region) in ("opt-in-not-required", "opted-in"):
            yield region, holds(REGION, region, "the account may use it")
        elif region in status:
            fix = f"aws account enable-region --region-name {region}"
            yield region, fails(REGION, region, "the account has not turned it on", fix)
        else:
            yield region, fails(REGION, region, "AWS does not tell of it", "set aws:region to another region")


def findings(inquiry: Inquiry) -> Iterator[Finding]:
    for region in inquiry.regions:
        zones = _zones(inquiry, region)
        yield from _named_zones(inquiry, region, zones)
        yield from _control_planes(inquiry, region, zones)
        yield from _types(inquiry, region)


def _zones(inquiry: Inquiry, region: str) -> Mapping[str, Any] | Refused:
    about = f"zones of the account in {region}"
    found = inquiry.rows(region, "ec2", "describe_availability_zones", "AvailabilityZones", about)
    return found if isinstance(found, Refused) else {row["ZoneName"]: row for row in found}


def _named_zones(inquiry: Inquiry, region: str, zones: Mapping[str, Any] | Refused) -> Iterator[Finding]:
    wanted: dict[str, list[str]] = {}
    for pool in inquiry.pools:
        for zone in pool.zones if pool.region == region else ():
            wanted.setdefault(zone, []).append(f"pool {pool.name}")
    for subnet in inquiry.in_region(region, SUBNET):
        if zone := subnet.inputs.get("availabilityZone"):
            wanted.setdefault(str(zone), []).append(f"subnet {subnet.name}")
    assumed = zone_ids(region)
    for zone, users in sorted(wanted.items()):
        if isinstance(zones, Refused):
            yield unjudged(ZONES, zone, zones.why)
            continue
        row = zones.get(zone)
        if row is None:
            fix = f"take zones of the account: {named(zones, 9)}"
            yield fails(ZONES, zone, f"{named(users)} is in it, and the account does not have it", fix)
        elif row.get("State", "available") != "available":
            told = "; ".join(each.get("Message", "") for each in row.get("Messages") or ())
            yield fails(ZONES, zone, f"it is {row['State']}" + (f": {told}" if told else ""), "take another zone")
        else:
            id_, expected = str(row.get("ZoneId", "")), assumed.get(zone, "")
            differs = f"; the plan took it for {expected}" if expected and id_ and expected != id_ else ""
            yield holds(ZONES, zone, f"it is {id_ or 'available'} in this account{differs}")


def _control_planes(inquiry: Inquiry, region: str, zones: Mapping[str, Any] | Refused) -> Iterator[Finding]:
    """EKS takes no subnet of some zones for a control plane, which have another name in each account."""
    if isinstance(zones, Refused):
        return
    for cluster in inquiry.in_region(region, CLUSTER):
        ids = (cluster.inputs.get("vpcConfig") or {}).get("subnetIds") or ()
        subnets = filter(None, (inquiry.plan.graph.by_id(str(id_), SUBNET) for id_ in ids))
        names = dict.fromkeys(str(each.inputs.get("availabilityZone") or "") for each in subnets)
        bad = [name for name in names if zones.get(name, {}).get("ZoneId") in NO_CONTROL_PLANE]
        if bad:
            says = f"EKS takes no subnet of {named(bad)}, which is {zones[bad[0]]['ZoneId']} in this account"
            yield fails(CONTROL_PLANE, str(cluster.inputs.get("name") or cluster.name), says, "take another zone")


def _types(inquiry: Inquiry, region: str) -> Iterator[Finding]:
    pools = [pool for pool in inquiry.pools if pool.region == region and pool.instance_types]
    names = list(dict.fromkeys(name for pool in pools for name in pool.instance_types))
    offered: set[tuple[str, str]] = set()
    refused: Refused | None = None
    for some in chunks(names, _AT_A_TIME):
        found = inquiry.rows(
            region,
            "ec2",
            "describe_instance_type_offerings",
            "InstanceTypeOfferings",
            f"instance types that the zones of {region} offer",
            "nodes",
            LocationType="availability-zone",
            Filters=[{"Name": "instance-type", "Values": some}],
        )
        if isinstance(found, Refused):
            refused = found
        else:
            offered |= {(row["InstanceType"], row["Location"]) for row in found}
    for pool in pools:
        if refused:
            yield unjudged(TYPES, f"pool {pool.name}", refused.why)
        else:
            yield _pool(pool, offered)


def _pool(pool: Pool, offered: set[tuple[str, str]]) -> Finding:
    subject = f"pool {pool.name}"
    zones: Sequence[str] = pool.zones or sorted({zone for _, zone in offered})
    nowhere = [name for name in pool.instance_types if not any((name, zone) in offered for zone in zones)]
    without = [zone for zone in zones if not any((name, zone) in offered for name in pool.instance_types)]
    where = f"{named(zones, 9)}" if zones else "the region"
    elsewhere = sorted({zone for name, zone in offered if name in pool.instance_types} - set(zones))
    other = f"take a zone that has one: {named(elsewhere, 9)}" if elsewhere else "take other types, or another region"
    if len(nowhere) == len(pool.instance_types):
        return fails(TYPES, subject, f"no zone of {where} offers {named(nowhere)}: no node can start", other)
    if without and pool.zones:
        severity = "warning"
        says = f"{named(without)} offers none of its types, so no node starts there"
        return fails(TYPES, subject, says, "leave the zone out, or add a type that it offers", severity)
    if nowhere:
        group = pool.backend == MANAGED_NODE_GROUP
        says = f"no zone of {where} offers {named(nowhere)}" + (": EKS refuses such a group" if group else "")
        return fails(TYPES, subject, says, f"leave out {named(nowhere)}", "warning")
    return holds(TYPES, subject, f"each type is offered in {where}")
