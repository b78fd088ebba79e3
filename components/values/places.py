"""Where nodes can run: availability zones, and the subnets in them."""

from pulumi import Input
from typing_extensions import TypedDict


class NodeSubnet(TypedDict):
    """A subnet that nodes can run in, and where it is."""

    zone: str
    """Availability zone by name, as us-west-2a; names differ from account to account."""
    zone_id: str
    """The same zone by its id, as usw2-az1; the same place in every account."""
    subnet_id: Input[str]
    """The subnet."""


class ZoneArgs(TypedDict):
    """An availability zone of the account."""

    zone: str
    """Name in this account, as us-west-2a; another account may give the name to another place."""
    zone_id: str
    """Id, as usw2-az1; the same place in every account."""
