"""Address ranges: what lies in one, and which of them are much of the internet."""

from collections.abc import Collection, Iterable
from ipaddress import IPv4Network, IPv6Network, collapse_addresses, ip_network
from typing import Any

MUCH = {4: 2**24, 6: 2**112}
"""Addresses of IPv4 and IPv6 beyond which a list of ranges names no place: more than any /8, or any /16 of IPv6."""
WORLD = ("0.0.0.0/0", "::/0")
WORLD_OF_IPV4, WORLD_OF_IPV6 = map(ip_network, WORLD)


def network(text: Any) -> IPv4Network | IPv6Network | None:
    """The range; None of what is none."""
    try:
        return ip_network(str(text).strip(), strict=False)
    except ValueError:
        return None


def too_wide(cidrs: Iterable[Any]) -> str:
    """What the ranges cover together, if it is much of the internet: `0.0.0.0/1, 128.0.0.0/1`; empty if it is not.

    Private ranges do not count.
    """
    found = [one for one in map(network, cidrs) if one]
    for version, world in ((4, WORLD_OF_IPV4), (6, WORLD_OF_IPV6)):
        public = [one for one in found if one.version == version and (one == world or not one.is_private)]
        merged = list(collapse_addresses(public))  # pyright: ignore[reportArgumentType] - all are of one version
        if sum(one.num_addresses for one in merged) > MUCH[version]:
            return ", ".join(dict.fromkeys(map(str, public)))
    return ""


def much_of_the_internet(cidrs: Collection[Any]) -> str:
    """Who may connect, in words, if nothing but the ranges limits it: `the whole internet` where there are none, and
    `0.0.0.0/1, much of the internet`; empty if the ranges name a place.
    """
    wide = too_wide(cidrs)
    if not cidrs or not {*WORLD}.isdisjoint(wide.split(", ")):
        return "the whole internet"
    return wide and f"{wide}, much of the internet"


def covers_the_internet(cidrs: Iterable[Any]) -> bool:
    """Whether the ranges are all of IPv4 together, such as its two halves."""
    found = [one for one in map(network, cidrs) if isinstance(one, IPv4Network)]
    return list(collapse_addresses(found)) == [WORLD_OF_IPV4]
