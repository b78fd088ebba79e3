"""Ranges and security groups from which a cluster's API may be reached, and the default if a stack gives none."""

import re
from ipaddress import IPv4Network
from typing import Annotated

import pulumi
from pydantic import AfterValidator

from ..catalog.api_addresses import ADDRESS_NOT_GIVEN, API_CIDRS_KEY, PRINT_ADDRESS, WORLD, never_public
from .validation_messages import refused
from .value import BadInput, check

_INSIDE = "endpoint.clients, for whoever reaches the VPC"
_OWN = f"your own, which `{PRINT_ADDRESS}` prints"


def _public(cidr: IPv4Network) -> IPv4Network:
    if why := never_public(cidr):
        nearest = _INSIDE if why == "private" else _OWN
        raise refused(f"must be of the internet, because EKS refuses a range that is {why}", nearest=nearest)
    return cidr


ApiRange = Annotated[IPv4Network, AfterValidator(_public)]
"""A range that EKS takes for a public endpoint."""


def _client(text: str) -> str:
    if re.fullmatch(r"sg-[0-9a-f]{8,17}", text):
        return text
    try:
        cidr = IPv4Network(text)
    except ValueError:
        raise refused("must be a security group, as sg-0123456789abcdef0, or a range, as 10.20.0.0/16") from None
    if cidr == WORLD:
        raise refused("must be narrower: the VPC's own range, or that of the network behind it")
    return str(cidr)


ApiClient = Annotated[str, AfterValidator(_client)]
"""A client of a private endpoint: a security group by its id, or an address range."""


def address_is_required(key: str) -> str:
    """The rule for a key without its ranges: the line to write, and the command that prints one's address."""
    return f"write `{key}: [ADDRESS/32]`; `{PRINT_ADDRESS}` prints your ADDRESS"


def common_addresses() -> list[str]:
    """Ranges that the running stack's configuration gives for every public endpoint whose settings name none.

    An update has none unless a person gave them. The plan sets ADDRESS_NOT_GIVEN, for it creates nothing, and the lab
    the address that an update comes from there. Raises BadInput for a range that EKS refuses.
    """
    namespace, _, key = API_CIDRS_KEY.partition(":")
    given = pulumi.Config(namespace).get_object(key) or []
    if given == [ADDRESS_NOT_GIVEN]:
        return given
    return [str(cidr) for cidr in check(tuple[ApiRange, ...], given, API_CIDRS_KEY)]


def stack_addresses(key: str = "api_cidrs") -> list[str]:
    """The running stack's own `<project>:<key>`: ranges for `public_cidrs` of a cluster's endpoint.

    Programs call this before they create their first resource: missing or wrong ranges stop the program, with the line
    to write. In a plan the ranges may be missing.
    """
    name = f"{pulumi.get_project()}:{key}"
    try:
        given = check(tuple[ApiRange, ...], pulumi.Config().get_object(key) or [], name)
        if not given and not common_addresses():
            raise BadInput([f"{name} is required: {address_is_required(name)}"])
    except BadInput as bad:
        file = f"Pulumi.{pulumi.get_stack()}.yaml"
        raise pulumi.RunError("\n".join(f"{file}: {problem}" for problem in bad.problems)) from None
    return [str(cidr) for cidr in given]
