"""Address ranges of a cluster's public API endpoint: those that EKS accepts, and the configuration that holds a stack's
own.
"""

from ipaddress import IPv4Network

API_CIDRS_KEY = "eks-gpu-components:api_cidrs"
"""Configuration of a stack: ranges for every public endpoint whose settings name none. The plan and the lab set it."""
ADDRESS_NOT_GIVEN = "address-not-given"
"""Placeholder for a range in a plan, which needs no range. It is not an address, so EKS refuses it if it is ever sent
there.
"""
PRINT_ADDRESS = "curl -s https://checkip.amazonaws.com"
"""Command that prints the public IP address of this machine."""
WORLD = IPv4Network("0.0.0.0/0")

_DOCUMENTATION = tuple(map(IPv4Network, ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24")))
_CARRIERS = IPv4Network("100.64.0.0/10")  # the one range that `ipaddress` counts as neither private nor global


def never_public(cidr: IPv4Network) -> str:
    """Why no machine on the internet has an address in this range: `private` or `reserved`; empty if one may.

    EKS refuses such ranges with InvalidParameterException. The tables are those of Python's ipaddress, which follow
    IANA's registry of special-purpose addresses; a range that only reaches into one of them passes.
    Source: Amazon EKS User Guide, "Cluster API server endpoint"; RFC 5737 for documentation, RFC 6598 for carriers.
    """
    if any(cidr.subnet_of(block) for block in _DOCUMENTATION):
        return "for documentation"
    if cidr.is_loopback:
        return "loopback"
    if cidr.is_link_local:
        return "link-local"
    if cidr.is_multicast:
        return "for multicast"
    if cidr.subnet_of(_CARRIERS):
        return "inside a carrier's network"
    if cidr.is_reserved or cidr.is_unspecified:
        return "reserved"
    return "" if cidr.is_global else "private"
