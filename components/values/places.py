"""Where nodes can run: availability zones, and the subnets in them."""

from pulumi import Input
from typing_extensions import TypedDict


class NodeSubnet(TypedDict):
    """A subnet that nodes can run in, and where it is."""

    zone: str
    """Name of the availability zone, such as us-west-2a; names differ between accounts."""
    zone_id: str
    """Id of the same zone, such as usw2-az1; it is the same place in every account."""
    subnet_id: Input[str]
    """Id of the subnet."""


class ZoneArgs(TypedDict):
    """An availability zone of the account."""

    zone: str
    """Name of the zone in this account, such as us-west-2a; in another account the name may mean another place."""
    zone_id: str
    """Id of the zone, such as usw2-az1; it is the same place in every account."""
