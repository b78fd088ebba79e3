"""Network ACLs: none keeps nodes from the cluster, from each other or from what they call."""

from collections.abc import Iterator, Mapping
from ipaddress import IPv4Network
from typing import Any

from eks_gpu.checks import sources
from eks_gpu.checks.network import subnet_ids
from eks_gpu.checks.registry import Context, Problem, Said, check, verdict
from eks_gpu.checks.routes import SUBNET, VPC, default_routes, table_id
from eks_gpu.graph.graph import Graph, Resource
from eks_gpu.pools.ranges import network

ACL, DEFAULT_ACL = "aws:ec2/networkAcl:NetworkAcl", "aws:ec2/defaultNetworkAcl:DefaultNetworkAcl"
_RULE, _ASSOCIATION = (
    "aws:ec2/networkAclRule:NetworkAclRule",
    "aws:ec2/networkAclAssociation:NetworkAclAssociation",
)
_WORLD = "0.0.0.0/0"
_EVERYTHING = ("-1", "all")
_PROTOCOLS = {"tcp": ("tcp", "6", *_EVERYTHING), "udp": ("udp", "17", *_EVERYTHING)}
_EPHEMERAL = 50_000
"""A port that answers come back to. Source: Linux, ip_local_port_range, 32768 to 60999."""


@check(
    "network-acls-let-nodes-through",
    subject="pool in subnets of the stack",
    fix="allow TCP 443 and 10250 and DNS in the VPC, 443 to the internet, and the ports from 1024 up for answers",
    relies_on=("network",),
    sources=(sources.VPC_GUIDE,),
)
def let_through(context: Context) -> Iterator[Said]:
    """Nodes start and cost money but never join: the network ACL of their subnet drops packets.

    An ACL keeps no state: answers need a rule of their own.
    """
    for pool in context.pools:
        ids = subnet_ids(pool, context.graph, context.region)
        subnets = [found for id_ in ids if (found := context.graph.by_id(id_, SUBNET))]
        problems = [
            Problem(f"network ACL {acl.name} of subnet {subnet.name} drops {what}")
            for subnet in subnets
            for acl in _acls(subnet, context.graph)
            if (what := _dropped(acl, subnet, context.graph))
        ]
        if subnets:
            yield verdict(pool.name, problems, "no network ACL of the stack stops its nodes")


def _acls(subnet: Resource, graph: Graph) -> list[Resource]:
    """The subnet's ACL, where the stack makes it: its own one, else the default one of the VPC."""
    named = {
        str(found.inputs.get("networkAclId"))
        for found in graph.of(_ASSOCIATION)
        if found.inputs.get("subnetId") == subnet.id
    }
    own = [
        found
        for found in graph.of(ACL, DEFAULT_ACL)
        if found.id in named or subnet.id in (found.inputs.get("subnetIds") or ())
    ]
    vpc = graph.by_id(str(subnet.inputs.get("vpcId")), VPC)
    default = vpc["defaultNetworkAclId"] if vpc else None
    of_vpc = [found for found in graph.of(DEFAULT_ACL) if default and found["defaultNetworkAclId"] == default]
    return own or of_vpc


def _dropped(acl: Resource, subnet: Resource, graph: Graph) -> str:
    """What nodes need and the ACL drops; empty if it drops nothing of it."""
    vpc = graph.by_id(str(subnet.inputs.get("vpcId")), VPC)
    inside = str(vpc.inputs.get("cidrBlock") or "10.0.0.0/16") if vpc else "10.0.0.0/16"
    needed = [
        ("connections to the API server", True, "tcp", 443, inside),
        ("answers inside the VPC", False, "tcp", _EPHEMERAL, inside),
        ("connections of the API server to kubelet", False, "tcp", 10_250, inside),
        ("DNS between nodes", True, "udp", 53, inside),
    ]
    if default_routes(table_id(subnet, graph), graph):
        needed += [
            ("connections to the internet", True, "tcp", 443, _WORLD),
            ("answers from the internet", False, "tcp", _EPHEMERAL, _WORLD),
        ]
    lists = {egress: sorted(_entries(acl, egress, graph), key=_number) for egress in (False, True)}
    refused = [what for what, egress, kind, port, to in needed if not _allows(lists[egress], kind, port, to)]
    return ", ".join(refused)


def _entries(acl: Resource, egress: bool, graph: Graph) -> Iterator[Mapping[str, Any]]:
    yield from acl.inputs.get("egress" if egress else "ingress") or ()
    for found in graph.of(_RULE):
        if found.inputs.get("networkAclId") == acl.id and bool(found.inputs.get("egress")) == egress:
            yield found.inputs


def _number(entry: Mapping[str, Any]) -> int:
    return int(entry.get("ruleNo") or entry.get("ruleNumber") or 0)


def _allows(entries: list[Mapping[str, Any]], protocol: str, port: int, to: str) -> bool:
    """By the first rule that is for all of it. A rule for a part of the range decides nothing."""
    wanted = network(to)
    for entry in entries:
        cidr = network(entry.get("cidrBlock") or "")
        named = str(entry.get("protocol")).lower()
        if (
            named not in _PROTOCOLS[protocol]
            or not isinstance(cidr, IPv4Network)
            or not isinstance(wanted, IPv4Network)
        ):
            continue
        first, last = int(entry.get("fromPort") or 0), int(entry.get("toPort") or 0)
        if wanted.subnet_of(cidr) and (named in _EVERYTHING or first <= port <= last):
            return str(entry.get("action") or entry.get("ruleAction")).lower() == "allow"
    return False
