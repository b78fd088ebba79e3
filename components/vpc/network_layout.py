"""The network as a checked value, and the address ranges of its subnets. This module does not import Pulumi."""

from collections.abc import Sequence
from enum import StrEnum
from ipaddress import IPv4Network
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from .. import catalog
from ..catalog.log_groups import RETENTION_DAYS
from ..catalog.nearest import hint
from ..values.validation_messages import refused
from ..values.value import Value

MIN_ZONES, MAX_ZONES = 2, 3
VPC_PREFIXES = range(16, 29)  # AWS's own bounds


def _known_region(region: str) -> str:
    catalog.zones(region)
    return region


Region = Annotated[str, AfterValidator(_known_region)]
"""A region of which the catalog knows the zones."""


def _vpc_block(cidr: IPv4Network) -> IPv4Network:
    if cidr.prefixlen not in VPC_PREFIXES:
        nearest = min(VPC_PREFIXES, key=lambda prefix: abs(prefix - cidr.prefixlen))
        raise refused("must have a prefix length of 16 to 28", nearest=f"/{nearest}")
    return cidr


def _retention(days: int) -> int:
    if days not in RETENTION_DAYS:
        nearest = min(RETENTION_DAYS, key=lambda step: abs(step - days))
        raise refused("must be one of CloudWatch's steps", nearest=nearest)
    return days


RetentionDays = Annotated[int, AfterValidator(_retention)]
"""How long CloudWatch keeps a log group's records."""


class Nat(StrEnum):
    """How private subnets reach the internet."""

    NONE = "none"
    SINGLE = "single"
    PER_ZONE = "per-zone"


class FlowLogs(Value):
    """A record of the VPC's connections."""

    retention_days: RetentionDays = 30


class Zone(Value):
    """An availability zone of the account."""

    zone: str
    zone_id: str


class ExistingSubnet(Value):
    """A private subnet that exists already."""

    zone: str
    zone_id: str | None = None
    subnet_id: str


class ExistingNetwork(Value):
    """A VPC that exists already."""

    vpc_id: str
    private_subnets: tuple[ExistingSubnet, ...]
    public_subnet_ids: tuple[str, ...] = ()
    discovery_tags: bool = False

    @model_validator(mode="after")
    def _spans_two_zones(self) -> Self:
        found = sorted({subnet.zone for subnet in self.private_subnets})
        if len(found) < MIN_ZONES:
            raise ValueError(f"private_subnets must lie in 2 zones or more, got {', '.join(found) or 'none'}")
        return self


class NetworkSettings(Value):
    """The settings that differ between environments, checked."""

    cidr: Annotated[IPv4Network, AfterValidator(_vpc_block)] = IPv4Network("10.0.0.0/16")
    nat: Nat = Nat.SINGLE
    private_prefix: int = Field(default=19, ge=16, le=28)
    public_prefix: int = Field(default=24, ge=16, le=28)
    interface_endpoints: bool = False
    extra_interface_endpoints: tuple[str, ...] = ()
    flow_logs: FlowLogs | None = None
    existing: ExistingNetwork | None = None

    @model_validator(mode="after")
    def _says_how_nodes_reach_aws(self) -> Self:
        if self.existing is None and self.nat is Nat.NONE and not self.interface_endpoints:
            raise ValueError(
                "nat none needs interface_endpoints: nodes without a way out cannot pull images or join the cluster"
            )
        return self

    @model_validator(mode="after")
    def _is_new_or_existing(self) -> Self:
        unused = sorted(self.model_fields_set - {"existing"})
        if self.existing and unused:
            raise ValueError(f"existing excludes {', '.join(unused)}: the VPC's owner decides them")
        return self

    @model_validator(mode="after")
    def _subnets_fit(self) -> Self:
        subnets(self.cidr, (), self.private_prefix, self.public_prefix)
        return self


class NetworkSpec(Value):
    """NetworkArgs as a checked value."""

    region: Region
    zones: tuple[Zone, ...] = ()
    cluster_name: str = Field(min_length=1)
    settings: NetworkSettings = Field(default_factory=NetworkSettings)

    @model_validator(mode="after")
    def _zones_take_subnets(self) -> Self:
        existing = self.settings.existing
        if (
            existing is None
            and not MIN_ZONES <= len({zone.zone for zone in self.zones}) == len(self.zones) <= MAX_ZONES
        ):
            names = ", ".join(zone.zone for zone in self.zones) or "none"
            raise ValueError(f"zones must be 2 or 3 different ones, got {names}")
        problems = [*self._outside_region(), *(self._without_id(existing) if existing else self._refused())]
        if problems:
            raise ValueError("\n".join(problems))
        return self

    def zone_id(self, subnet: ExistingSubnet) -> str:
        """The subnet's own zone id, else that of the zone it names."""
        return subnet.zone_id or {zone.zone: zone.zone_id for zone in self.zones}[subnet.zone]

    def _outside_region(self) -> list[str]:
        known = [zone.id for zone in catalog.zones(self.region)]
        return [
            f"zones[{number}].zone_id must be a zone of {self.region}, got {zone.zone_id}{hint(zone.zone_id, known)}"
            for number, zone in enumerate(self.zones)
            if zone.zone_id not in known
        ]

    def _refused(self) -> list[str]:
        known = catalog.zones(self.region)
        takers = ", ".join(zone.id for zone in known if zone.control_plane)
        refused = {zone.id for zone in known if not zone.control_plane}
        return [
            f"zones[{number}].zone_id must be one where EKS runs control planes ({takers}), got {zone.zone_id}"
            for number, zone in enumerate(self.zones)
            if zone.zone_id in refused
        ]

    def _without_id(self, existing: ExistingNetwork) -> list[str]:
        named = {zone.zone for zone in self.zones}
        return [
            f"settings.existing.private_subnets[{number}].zone_id is required: zones does not name {subnet.zone}"
            for number, subnet in enumerate(existing.private_subnets)
            if not subnet.zone_id and subnet.zone not in named
        ]


def subnets(
    cidr: IPv4Network, zones: Sequence[str], private_prefix: int = 19, public_prefix: int = 24
) -> dict[str, dict[str, str]]:
    """Each zone's blocks, `{"us-west-2a": {"private": "10.0.0.0/19", "public": "10.0.96.0/24"}}`.

    Room is kept for three zones, so a third one later moves no subnet. Raises ValueError where they do not fit.
    """
    private = _blocks(cidr, private_prefix, start=0)
    start = _end(private) if len(private) == MAX_ZONES else 0
    public = _blocks(cidr, public_prefix, start)
    if len(private) < MAX_ZONES or len(public) < MAX_ZONES:
        raise ValueError(
            f"cidr must have room for 3 private /{private_prefix} and 3 public /{public_prefix} subnets, got {cidr}"
            f"{_nearest_fit(cidr, private_prefix, public_prefix)}"
        )
    return {zone: {"private": str(private[number]), "public": str(public[number])} for number, zone in enumerate(zones)}


def _blocks(cidr: IPv4Network, prefix: int, start: int) -> list[IPv4Network]:
    """The first three blocks of a size inside `cidr` from an address on, aligned; fewer where it ends."""
    size = 2 ** (32 - prefix)
    first = max(int(cidr.network_address), -(-start // size) * size)
    blocks = [IPv4Network((first + number * size, prefix)) for number in range(MAX_ZONES) if prefix >= cidr.prefixlen]
    return [block for block in blocks if block.subnet_of(cidr)]


def _end(blocks: Sequence[IPv4Network]) -> int:
    """The first address after blocks."""
    return int(blocks[-1].broadcast_address) + 1


def _nearest_fit(cidr: IPv4Network, private_prefix: int, public_prefix: int) -> str:
    """The smallest larger VPC in which the subnets fit; nothing where AWS allows none."""
    for prefix in range(cidr.prefixlen - 1, VPC_PREFIXES.start - 1, -1):
        larger = cidr.supernet(new_prefix=prefix)
        private = _blocks(larger, private_prefix, 0)
        if len(private) == MAX_ZONES and len(_blocks(larger, public_prefix, _end(private))) == MAX_ZONES:
            return f"; nearest: {larger}"
    return ""
