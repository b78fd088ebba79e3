"""Security groups: those of nodes let through what a node needs, and none is open to the internet."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from eks_gpu.checks import sources
from eks_gpu.checks.access import template_of
from eks_gpu.checks.network import subnet_ids
from eks_gpu.checks.registry import Context, Problem, Said, check, verdict
from eks_gpu.checks.routes import NAT_GATEWAY, SUBNET, default_routes, table_id
from eks_gpu.checks.security_rules import DEFAULT_GROUP, SECURITY_GROUP, Rule, lets_in, lets_out, rules
from eks_gpu.checks.sources import EKS_REMOTE_ACCESS, EKS_SECURITY_GROUPS
from eks_gpu.graph.graph import Graph, Resource
from eks_gpu.karpenter.objects import NODE_POOL, node_pool, part
from eks_gpu.pools.pool import Pool
from eks_gpu.pools.ranges import too_wide

_WEB = (80, 443)


def _node_class(pool: Pool, graph: Graph) -> Mapping[str, Any]:
    found = graph.get(pool.urn)
    made = node_pool(found, graph).node_class if found and found.type == NODE_POOL else None
    return part(made.inputs, "spec") if made else {}


def _group_ids(pool: Pool, graph: Graph) -> list[str]:
    """Security groups that the pool's nodes have, as far as the stack says."""
    template = template_of(pool, graph)
    inputs = template.inputs if template else {}
    ids = [str(id_) for id_ in inputs.get("vpcSecurityGroupIds") or ()]
    for interface in inputs.get("networkInterfaces") or ():
        ids += [str(id_) for id_ in interface.get("securityGroups") or ()]
    for term in _node_class(pool, graph).get("securityGroupSelectorTerms") or ():
        ids += [str(term["id"])] if term.get("id") else _selected(term, graph)
    return list(dict.fromkeys(ids))


def _selected(term: Mapping[str, Any], graph: Graph) -> list[str]:
    """Groups of the stack with the term's name or tags; an id of nothing if another stack has it."""
    wanted = part(term, "tags")
    found = [
        group.id
        for group in graph.of(SECURITY_GROUP)
        if (term.get("name") and group["name"] == term["name"])
        or (wanted and all(part(group.inputs, "tags").get(key) in (value, "*") for key, value in wanted.items()))
    ]
    return found or ["of another stack"]


@check(
    "node-security-groups-let-nodes-work",
    subject="pool",
    fix="give its nodes the cluster's security group, or let 443 and DNS out, and 443, 10250 and DNS in",
    relies_on=("network",),
    sources=(EKS_SECURITY_GROUPS,),
)
def let_nodes_work(context: Context) -> Iterator[Said]:
    """Nodes start and cost money but never join, or the API server does not reach them.

    The check reads the groups that the stack makes; the cluster's own group, which EKS makes, lets everything through.
    """
    for pool in context.pools:
        ids = _group_ids(pool, context.graph)
        groups = [context.graph.by_id(id_, SECURITY_GROUP, DEFAULT_GROUP) for id_ in ids]
        own = [group for group in groups if group]
        problems = list(_shut(own, context.graph)) if own and len(own) == len(groups) else []
        yield verdict(pool.name, problems, "its security groups let through what a node needs")


def _shut(groups: Sequence[Resource], graph: Graph) -> Iterator[Problem]:
    """What none of the groups lets through: AWS adds their rules up."""
    names = ", ".join(group.name for group in groups)
    needed = (("443", 443, "tcp"), ("DNS", 53, "udp"))
    out = [what for what, port, protocol in needed if not _out(groups, graph, port, protocol)]
    if out:
        yield Problem(f"{names} lets nothing out to {' and '.join(out)}", "let 443 and DNS out")
    if not any(lets_in(group, graph, 10_250) for group in groups):
        said = f"{names} lets nobody in on 10250, by which the API server reaches kubelet"
        yield Problem(said, "let the cluster's security group in on 10250")


def _out(groups: Sequence[Resource], graph: Graph, port: int, protocol: str) -> bool:
    return any(lets_out(group, graph, port, protocol) for group in groups)


@check(
    "security-groups-are-closed-to-the-internet",
    subject="security group",
    severity="warning",
    fix="name the ranges or the groups that may connect",
    sources=(sources.VPC_GUIDE,),
)
def are_closed(context: Context) -> Iterator[Said]:
    """Everybody on the internet may try what listens on the nodes, on every address that the internet reaches.

    Ports 80 and 443 alone may be open.
    """
    for group in context.graph.of(SECURITY_GROUP, DEFAULT_GROUP):
        open_ = [
            Problem(f"{_ports(rule)} open to {wide}")
            for rule in rules(group, context.graph)
            if not rule.egress and (wide := too_wide(rule.cidrs)) and not _is_web(rule)
        ]
        yield verdict(group.name, open_, "what it lets in is limited")


def _is_web(rule: Rule) -> bool:
    return rule.protocol in ("tcp", "udp", "6", "17") and rule.first == rule.last and rule.first in _WEB


def _ports(rule: Rule) -> str:
    if rule.protocol in ("-1", "all"):
        return "every port is"
    return f"port {rule.first} is" if rule.first == rule.last else f"ports {rule.first} to {rule.last} are"


@check(
    "nodes-stay-off-the-internet",
    subject="pool",
    severity="warning",
    fix="put the nodes into private subnets without public addresses, and reach them by Session Manager",
    sources=(EKS_REMOTE_ACCESS,),
)
def stay_off_the_internet(context: Context) -> Iterator[Said]:
    """The internet reaches the nodes, or port 22 of every node, where only the security group is in between.

    Public addresses pass in a VPC whose nodes have no NAT gateway: there they are the way out.
    """
    graph = context.graph
    has_nat = bool(graph.of(NAT_GATEWAY))
    for pool in context.pools:
        problems = list(_public(pool, context)) if has_nat else []
        access = part(((found := graph.get(pool.urn)) and found.inputs) or {}, "remoteAccess")
        if access.get("ec2SshKey") and not access.get("sourceSecurityGroupIds"):
            said = "EKS opens port 22 of its nodes to the internet: remote access has a key and no security groups"
            problems.append(Problem(said, "remove remote_access, or name source_security_group_ids"))
        yield verdict(pool.name, problems, "its nodes have no public address and no open port 22")


def _public(pool: Pool, context: Context) -> Iterator[Problem]:
    graph = context.graph
    template = template_of(pool, graph)
    for interface in (template.inputs.get("networkInterfaces") or ()) if template else ():
        if str(interface.get("associatePublicIpAddress")).lower() == "true":
            yield Problem("its launch template gives nodes public addresses", "remove associate_public_ip_address")
            break
    if _node_class(pool, graph).get("associatePublicIPAddress") is True:
        yield Problem("its node class gives nodes public addresses", "remove associatePublicIPAddress")
    subnets = [graph.by_id(id_, SUBNET) for id_ in subnet_ids(pool, graph, context.region)]
    for subnet in filter(None, subnets):
        if subnet.inputs.get("mapPublicIpOnLaunch") is True:
            routes = default_routes(table_id(subnet, graph), graph)
            way = " that lead nowhere" if any(route.get("natGatewayId") for route in routes) else ""
            yield Problem(f"subnet {subnet.name} gives nodes public addresses{way}", "turn map_public_ip_on_launch off")
