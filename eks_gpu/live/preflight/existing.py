"""What the program names by id and does not make: it is there, in the region, and in the VPC it is used with."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from eks_gpu.checks import Finding
from eks_gpu.live.preflight.inquiry import Inquiry, Refused, fails, holds, named, texts, unjudged

CHECK = "named-resources-exist"
ID = re.compile(r"(?P<kind>vpc|subnet|sg|rtb|eipalloc)-[0-9a-f]{8,17}")


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of thing of EC2 that ids are given of."""

    thing: str
    operation: str
    key: str
    id_key: str
    filter: str


KINDS: Mapping[str, Kind] = {
    "vpc": Kind("VPC", "describe_vpcs", "Vpcs", "VpcId", "vpc-id"),
    "subnet": Kind("subnet", "describe_subnets", "Subnets", "SubnetId", "subnet-id"),
    "sg": Kind("security group", "describe_security_groups", "SecurityGroups", "GroupId", "group-id"),
    "rtb": Kind("route table", "describe_route_tables", "RouteTables", "RouteTableId", "route-table-id"),
    "eipalloc": Kind("Elastic IP", "describe_addresses", "Addresses", "AllocationId", "allocation-id"),
}
_READ = {"aws:ec2/vpc:Vpc": "vpc", "aws:ec2/subnet:Subnet": "subnet", "aws:ec2/securityGroup:SecurityGroup": "sg"}


def findings(inquiry: Inquiry) -> Iterator[Finding]:
    found: dict[tuple[str, str], Any] = {}
    for (kind, region), ids in _given(inquiry).items():
        row = KINDS[kind]
        answer = inquiry.rows(
            region,
            "ec2",
            row.operation,
            row.key,
            f"{row.thing}s that the program names",
            "network",
            Filters=[{"Name": row.filter, "Values": sorted(ids)}],
        )
        known = {} if isinstance(answer, Refused) else {each[row.id_key]: each for each in answer}
        for id_, users in sorted(ids.items()):
            subject, by = f"{row.thing} {id_}", named(users)
            if isinstance(answer, Refused):
                yield unjudged(CHECK, subject, answer.why)
            elif id_ in known:
                found[kind, id_] = known[id_]
                where = known[id_].get("VpcId", "") if kind != "vpc" else ""
                yield holds(CHECK, subject, f"{region} has it{f', in {where}' if where else ''}, for {by}")
            else:
                says = f"{by} names it, and the account does not have it in {region}"
                yield fails(CHECK, subject, says, "name one that the account has in the region")
    yield from _one_vpc(inquiry, found)


def _given(inquiry: Inquiry) -> dict[tuple[str, str], dict[str, list[str]]]:
    """Ids by kind and region, with the names of what uses each. The plan's own and its stand-ins are left out."""
    graph = inquiry.plan.graph
    own = {each.id for each in graph}
    for each in graph:  # outputs repeat the inputs, of which some are the user's
        own |= set(texts(each.outputs)) - set(texts(each.inputs))
    own |= {text for look_up in inquiry.plan.look_ups for text in texts(look_up.result)}
    given: dict[tuple[str, str], dict[str, list[str]]] = {}

    def note(text: str, region: str, user: str) -> None:
        if found := ID.fullmatch(text):
            users = given.setdefault((found["kind"], region), {}).setdefault(text, [])
            users.extend([user] if user not in users else [])

    for resource in graph:
        if resource.type.startswith(("aws:", "eks:", "kubernetes:karpenter", "kubernetes:eks.amazonaws")):
            for text in texts(resource.inputs):
                if text not in own:
                    note(text, inquiry.region_of(resource), resource.name)
    for each in inquiry.plan.look_ups:
        region = each.region if each.region in inquiry.accounts else inquiry.home
        if each.token in _READ or each.token.startswith("aws:ec2/get"):
            for text in texts(each.args):
                note(text, region, "a look-up of the program")
    return given


def _one_vpc(inquiry: Inquiry, found: Mapping[tuple[str, str], Any]) -> Iterator[Finding]:
    """A cluster's and a group's subnets and security groups are of one VPC, or AWS refuses them."""
    for resource in inquiry.plan.graph.of("aws:eks/cluster:Cluster", "aws:eks/nodeGroup:NodeGroup"):
        ids = [text for text in texts(resource.inputs) if ID.fullmatch(text)]
        places = {
            id_: found[kind, id_].get("VpcId") for id_ in ids for kind in ("subnet", "sg") if (kind, id_) in found
        }
        vpcs = sorted(set(filter(None, places.values())))
        if len(vpcs) > 1:
            says = f"its subnets and security groups are in several VPCs: {named(vpcs)}"
            yield fails(CHECK, f"{resource.type.rpartition(':')[2]} {resource.name}", says, "take those of one VPC")
