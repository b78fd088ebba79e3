"""Regions, their availability zones, and which zone offers which instance type.

A zone's id (usw2-az1) is the same place in every account; a zone's name (us-west-2a) is given out account by account.
The names here are one account's, and so an assumption until AWS is asked in the account that pays.
"""

from dataclasses import dataclass
from functools import cache

from . import data
from .instance_types import offers
from .nearest import hint

# EKS refuses subnets there for a control plane; nodes may run there.
# Source: Amazon EKS User Guide, "Amazon EKS VPC and subnet considerations".
NO_CONTROL_PLANE = frozenset({"use1-az3", "usw1-az2", "cac1-az3"})


class UnknownRegion(ValueError):
    """A region for which the catalog has no zones; the message names the nearest one that it has."""

    def __init__(self, region: str):
        super().__init__(f"region {region} is not in the catalog{hint(region, regions())}")


@dataclass(frozen=True, slots=True)
class Zone:
    """An availability zone. `control_plane` is False where EKS takes no control-plane subnet."""

    name: str
    id: str
    control_plane: bool


@cache
def regions() -> tuple[str, ...]:
    """Regions whose zones and offered types the catalog knows, sorted."""
    return tuple(sorted(data.ec2()["zones"]))


@cache
def zones(region: str) -> tuple[Zone, ...]:
    """Availability zones by name; no local or wavelength zones. Raises UnknownRegion."""
    if region not in data.ec2()["zones"]:
        raise UnknownRegion(region)
    ids = data.ec2()["zones"][region]
    return tuple(Zone(name, zone_id, zone_id not in NO_CONTROL_PLANE) for name, zone_id in ids.items())


def zones_offering(instance_type: str, region: str) -> tuple[Zone, ...]:
    """The region's zones that offer the type, maybe none. Raises UnknownInstanceType, UnknownRegion."""
    offering = offers(instance_type)
    return tuple(zone for zone in zones(region) if zone.id in offering)


def partition(region: str) -> str:
    """The second part of every ARN in the region, `arn:aws-cn:...`; for regions outside the catalog too."""
    if region.startswith("cn-"):
        return "aws-cn"
    return "aws-us-gov" if region.startswith("us-gov-") else "aws"


def managed_policy_arn(policy: str, region: str) -> str:
    """ARN of one of AWS's own policies, by its name with its path."""
    return f"arn:{partition(region)}:iam::aws:policy/{policy}"
