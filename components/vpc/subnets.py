"""Subnets that exist, as components that make nodes take them."""

from collections.abc import Mapping, Sequence

import pulumi_aws as aws
from pulumi import Input

from ..catalog.nearest import hint
from ..values.places import NodeSubnet
from ..values.value import BadInput


def subnets_by_ids(ids: Mapping[str, Input[str]] | Sequence[str], region: str) -> list[NodeSubnet]:
    """Subnets that exist, with the zone of each, as `subnets` of the components that make nodes.

    ids: a map from the name of a zone, such as us-west-2a, to the id of a subnet in it, which may be an output; or a
    list of ids, whose zones are looked up in EC2. It calls AWS, so use it in programs and not in components. Raises
    BadInput for a zone that the account does not have, for an id that is there twice, and for a list with an output.
    """
    return _of_zones(ids, region) if isinstance(ids, Mapping) else _looked_up(ids, region)


def _of_zones(ids: Mapping[str, Input[str]], region: str) -> list[NodeSubnet]:
    if not ids:
        raise BadInput(["subnets must have one zone or more, got none"])
    found = aws.get_availability_zones(region=region)
    zone_ids = dict(zip(found.names, found.zone_ids, strict=True))
    known = ", ".join(sorted(zone_ids))
    if unknown := [
        f"subnets.{zone}: the zone must be one of {known}{hint(zone, zone_ids)}" for zone in ids if zone not in zone_ids
    ]:
        raise BadInput([*unknown, *_twice(list(ids.values()))])
    if twice := _twice(list(ids.values())):
        raise BadInput(twice)
    return [{"zone": zone, "zone_id": zone_ids[zone], "subnet_id": subnet} for zone, subnet in ids.items()]


def _looked_up(ids: Sequence[str], region: str) -> list[NodeSubnet]:
    problems = [
        f"subnets[{number}] must be a string, because the zone of a node group is known before anything is created: "
        "give a map from zone to id"
        for number, subnet in enumerate(ids)
        if not isinstance(subnet, str)
    ]
    if isinstance(ids, str):
        problems = [f"subnets must be a list of ids, or a map from zone to id, got {ids!r}"]
    elif not ids:
        problems = ["subnets must have one id or more, got none"]
    if problems := [*problems, *_twice(ids)]:
        raise BadInput(problems)
    found = [aws.ec2.get_subnet(id=subnet, region=region) for subnet in ids]
    return [
        {"zone": row.availability_zone, "zone_id": row.availability_zone_id, "subnet_id": subnet}
        for row, subnet in zip(found, ids, strict=True)
    ]


def _twice(ids: Sequence[Input[str]]) -> list[str]:
    plain = [subnet for subnet in ids if isinstance(subnet, str)] if not isinstance(ids, str) else []
    return [f"subnets: {subnet} is there twice" for subnet in dict.fromkeys(plain) if plain.count(subnet) > 1]
