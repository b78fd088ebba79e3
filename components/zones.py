"""The zones of the account that a program runs in."""

import pulumi_aws as aws

from . import catalog
from .network import ZoneArgs


def available_zones(region: str, count: int = 3, names: list[str] | None = None) -> list[ZoneArgs]:
    """Zones that take a cluster, in the order of their names: `count` of them, or those of these `names`.

    Asks the account, so it is for programs and not for components. Zones that EKS refuses for a control plane are left
    out. Raises ValueError when too few are left or a name is unknown.
    """
    refused = [zone.id for zone in catalog.zones(region) if not zone.control_plane]
    found = aws.get_availability_zones(
        state="available",
        exclude_zone_ids=refused,
        # Local and Wavelength zones have to be opted in to and take no control plane.
        filters=[
            {"name": "opt-in-status", "values": ["opt-in-not-required", "opted-in"]},
            {"name": "zone-type", "values": ["availability-zone"]},
        ],
    )
    ids = dict(zip(found.names, found.zone_ids, strict=True))
    chosen = names or sorted(ids)[:count]
    if unknown := [name for name in chosen if name not in ids]:
        raise ValueError(f"zones must be of {', '.join(sorted(ids))}, got {', '.join(unknown)}")
    if len(chosen) < count and not names:
        raise ValueError(f"{region} has {len(chosen)} zones that take a cluster, {count} are wanted")
    return [{"zone": name, "zone_id": ids[name]} for name in chosen]
