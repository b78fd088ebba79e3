"""Address ranges of the subnets of `awsx.ec2.Vpc`, by each of its strategies.

Source: pulumi-awsx 3.11, ec2.Vpc, subnetStrategy.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Network
from math import ceil, log2
from typing import Any

LEGACY, AUTO, EXACT, AUTO_MERGE = "Legacy", "Auto", "Exact", "AutoMerge"
PUBLIC, PRIVATE, ISOLATED, UNUSED = "public", "private", "isolated", "unused"
_ORDER = (PRIVATE, PUBLIC, ISOLATED)
_LEGACY_MASKS = {PRIVATE: 19, PUBLIC: 20, ISOLATED: 24}


@dataclass(frozen=True)
class Spec:
    """A kind of subnet that a VPC has in each zone."""

    type: str
    """public, private, isolated or unused."""
    name: str = ""
    """Its part of the subnet's name; the type if nobody says."""
    mask: int | None = None
    cidrs: tuple[str, ...] = ()
    """A range for each zone, if the program names them."""
    tags: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Subnet:
    """One subnet in one zone."""

    spec: Spec
    zone: int
    """Index of the zone."""
    cidr: str


def subnets(
    vpc_cidr: str, zones: int, specs: Sequence[Spec] | None, strategy: str, zone_mask: int | None
) -> list[Subnet]:
    """The subnets of a VPC, by zone. Raises ValueError for ranges that do not fit."""
    vpc = IPv4Network(vpc_cidr)
    if strategy == LEGACY or (specs is None and strategy not in (AUTO, AUTO_MERGE)):
        return list(_legacy(vpc, zones, specs))
    if specs and specs[0].cidrs:
        return [Subnet(spec, zone, spec.cidrs[zone]) for zone in range(zones) for spec in specs]
    mask = zone_mask or vpc.prefixlen + _bits(zones)
    defaults = [Spec(PRIVATE, mask=max(mask, 16) + 1), Spec(PUBLIC, mask=max(mask, 16) + 2)]
    if strategy == AUTO_MERGE:
        specs = _merged(specs or (), defaults)
    return list(_automatic(vpc, zones, specs or defaults, mask))


def _bits(parts: int) -> int:
    return ceil(log2(parts)) if parts else 0


def _merged(specs: Sequence[Spec], defaults: Sequence[Spec]) -> list[Spec]:
    """The default kinds with what the program says of them, then its own."""
    known = {spec.type: spec for spec in specs if not spec.name}
    types = [default.type for default in defaults]
    merged = [
        Spec(default.type, mask=known[default.type].mask or default.mask, tags=known[default.type].tags)
        if default.type in known
        else default
        for default in defaults
    ]
    return [*merged, *(spec for spec in specs if spec.name or spec.type not in types)]


def _automatic(vpc: IPv4Network, zones: int, specs: Sequence[Spec], zone_mask: int) -> Iterator[Subnet]:
    """An equal part of the VPC for each zone, in it one range after the other."""
    default = zone_mask + _bits(len(specs))
    start = int(vpc.network_address)
    for zone in range(zones):
        last = start - 1
        for spec in specs:
            block = _next(last, spec.mask or default)
            last = int(block.broadcast_address)
            yield Subnet(spec, zone, str(block))
        start += 2 ** (32 - zone_mask)


def _next(last: int, mask: int) -> IPv4Network:
    """The first block of a size that begins after an address."""
    size = 2 ** (32 - mask)
    return IPv4Network((-(-(last + 1) // size) * size, mask))


def _legacy(vpc: IPv4Network, zones: int, specs: Sequence[Spec] | None) -> Iterator[Subnet]:
    zone_mask = vpc.prefixlen + _bits(zones)
    for zone in range(zones):
        base = IPv4Network((int(vpc.network_address) + zone * 2 ** (32 - zone_mask), zone_mask))
        if specs is None:
            private, rest = base.subnets(1)
            yield Subnet(Spec(PRIVATE), zone, str(private))
            yield Subnet(Spec(PUBLIC), zone, str(next(rest.subnets(1))))
        else:
            yield from _legacy_of(base, zone, specs)


def _legacy_of(base: IPv4Network, zone: int, specs: Sequence[Spec]) -> Iterator[Subnet]:
    """Private ranges first, then public and isolated ones; each kind begins where the one before ends."""
    bits = 0 if len(specs) == 1 else 1
    last = int(base.network_address) - 1
    for kind in _ORDER:
        for spec in (spec for spec in specs if spec.type == kind):
            block = _next(last, spec.mask or max(base.prefixlen + bits, _LEGACY_MASKS[kind]))
            last = int(block.broadcast_address)
            yield Subnet(spec, zone, str(block))
