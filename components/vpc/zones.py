"""The zones of the account that a program runs in."""

import pulumi_aws as aws

from .. import catalog
from ..values.places import ZoneArgs
from ..values.value import BadInput
from .network_layout import MAX_ZONES, MIN_ZONES


def available_zones(region: str, names: list[str] | None = None) -> list[ZoneArgs]:
    """Zones for a cluster: those of these `names`, or the first three of the region by name.

    It calls AWS, so use it in programs and not in components. Zones that EKS refuses for a control plane are left out.
    Raises BadInput for a name that is not among the rest, and for less than two zones or more than three.
    """
    refused = [zone.id for zone in catalog.zones(region) if not zone.control_plane]
    found = aws.get_availability_zones(
        state="available",
        exclude_zone_ids=refused,
        filters=[{"name": "zone-type", "values": ["availability-zone"]}],  # no Local Zones
    )
    ids = dict(zip(found.names, found.zone_ids, strict=True))
    chosen = sorted(ids)[:MAX_ZONES] if names is None else names
    unknown = [name for name in chosen if name not in ids]
    if unknown or not MIN_ZONES <= len(set(chosen)) == len(chosen) <= MAX_ZONES:
        rule = f"zones must be {MIN_ZONES} or {MAX_ZONES} of {', '.join(sorted(ids))}"
        raise BadInput([f"{rule}, got {', '.join(chosen) or 'none'}"])
    return [{"zone": name, "zone_id": ids[name]} for name in chosen]
