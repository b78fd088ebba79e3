"""Routes: each leads to a gateway of its own VPC, and a NAT gateway leads on to the internet."""

from collections.abc import Iterator, Mapping
from typing import Any

from eks_gpu.checks import sources
from eks_gpu.checks.registry import Context, Problem, Said, check, verdict
from eks_gpu.graph.graph import Graph, Resource
from eks_gpu.pools.ranges import covers_the_internet

SUBNET, VPC = "aws:ec2/subnet:Subnet", "aws:ec2/vpc:Vpc"
ROUTE, TABLE = "aws:ec2/route:Route", "aws:ec2/routeTable:RouteTable"
INTERNET_GATEWAY, NAT_GATEWAY = "aws:ec2/internetGateway:InternetGateway", "aws:ec2/natGateway:NatGateway"
TABLE_ASSOCIATION = "aws:ec2/routeTableAssociation:RouteTableAssociation"
_ATTACHMENT = "aws:ec2/internetGatewayAttachment:InternetGatewayAttachment"
# Properties of a route that are a target. Source: pulumi-aws, ec2.Route.
_TARGETS = (
    *("carrierGatewayId", "coreNetworkArn", "egressOnlyGatewayId", "gatewayId", "localGatewayId", "natGatewayId"),
    *("networkInterfaceId", "odbNetworkArn", "transitGatewayId", "vpcEndpointId", "vpcPeeringConnectionId"),
)


def table_id(subnet: Resource, graph: Graph) -> str:
    """Id of the route table that the stack associates with the subnet; empty without one."""
    return next(
        (
            str(found.inputs.get("routeTableId"))
            for found in graph.of(TABLE_ASSOCIATION)
            if found.inputs.get("subnetId") == subnet.id
        ),
        "",
    )


def routes_of(table: str, graph: Graph) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Destination and route: separate resources, and those that the table has itself."""
    for found in graph.of(ROUTE):
        if found.inputs.get("routeTableId") == table:
            yield _destination(found.inputs, "destinationCidrBlock", "destinationIpv6CidrBlock"), found.inputs
    made = graph.by_id(table, TABLE)
    for inline in (made.inputs.get("routes") or ()) if made else ():
        yield _destination(inline, "cidrBlock", "ipv6CidrBlock"), inline


def _destination(route: Mapping[str, Any], ipv4: str, ipv6: str) -> str:
    return str(route.get(ipv4) or route.get(ipv6) or "")


def default_routes(table: str, graph: Graph) -> list[Mapping[str, Any]]:
    """Routes to the whole of IPv4: one, or several that are it together."""
    routes = list(routes_of(table, graph))
    whole = [route for cidr, route in routes if cidr == "0.0.0.0/0"]
    if whole:
        return whole
    wide = [(cidr, route) for cidr, route in routes if cidr.partition("/")[2] in ("1", "2")]
    return [route for _, route in wide] if covers_the_internet(cidr for cidr, _ in wide) else []


@check(
    "routes-lead-to-a-gateway",
    subject="route",
    fix="name the NAT gateway or the internet gateway of the route's own VPC",
    relies_on=("network",),
    sources=(sources.VPC_GUIDE,),
)
def lead_to_a_gateway(context: Context) -> Iterator[Said]:
    """EC2 refuses the route, or drops what takes it: the route has no target, or one that is not in its VPC.

    A gateway that the stack does not make, in a VPC that it does make, is a warning.
    """
    graph = context.graph
    for found in graph.of(ROUTE):
        table = graph.by_id(str(found.inputs.get("routeTableId")), TABLE)
        yield _judged(found.name, found.inputs, table, graph)
    for table in graph.of(TABLE):
        for inline in table.inputs.get("routes") or ():
            yield _judged(table.name, inline, table, graph)


def _judged(name: str, route: Mapping[str, Any], table: Resource | None, graph: Graph) -> Said:
    targets = [key for key in _TARGETS if route.get(key)]
    vpc = str(table.inputs.get("vpcId")) if table else ""
    holds = "its target is of its VPC"
    if len(targets) != 1:
        said = f"it names {' and '.join(targets)}" if targets else "it names no target"
        return verdict(name, Problem(said, "name exactly one target"), "")
    key = targets[0]
    type_ = {"gatewayId": INTERNET_GATEWAY, "natGatewayId": NAT_GATEWAY}.get(key)
    target = str(route[key])
    if type_ is None or (key == "gatewayId" and not target.startswith("igw-")):
        return verdict(name, None, holds)
    gateway = graph.by_id(target, type_)
    if gateway is None:
        lost = Problem(f"the stack makes its VPC, and not {target}, to which it leads")
        return verdict(name, lost if vpc and graph.by_id(vpc, VPC) else None, holds, "warning")
    return verdict(name, _elsewhere(gateway, vpc, graph), holds)


def _elsewhere(gateway: Resource, vpc: str, graph: Graph) -> Problem | None:
    if gateway.type == NAT_GATEWAY:
        subnet = graph.by_id(str(gateway.inputs.get("subnetId")), SUBNET)
        places = {str(subnet.inputs.get("vpcId"))} if subnet else set()
    else:
        attached = [found for found in graph.of(_ATTACHMENT) if found.inputs.get("internetGatewayId") == gateway.id]
        places = {str(found.inputs.get("vpcId")) for found in (gateway, *attached) if found.inputs.get("vpcId")}
        if not places:
            return Problem(f"internet gateway {gateway.name} is attached to no VPC", "give the gateway its vpc_id")
    return Problem(f"{gateway.name} is in another VPC") if vpc and places and vpc not in places else None


@check(
    "nat-gateways-reach-the-internet",
    subject="NAT gateway",
    fix="put it into a subnet with a route to the internet gateway, and give it an Elastic IP",
    relies_on=("network",),
    sources=(sources.VPC_GUIDE,),
)
def reach_the_internet(context: Context) -> Iterator[Said]:
    """Nothing behind the NAT gateway reaches the internet: nodes start, cost money and never join.

    A private NAT gateway, which leads to other networks, passes.
    """
    graph = context.graph
    for nat in graph.of(NAT_GATEWAY):
        if nat.inputs.get("connectivityType") == "private" or nat.inputs.get("availabilityMode") == "regional":
            yield verdict(nat.name, None, "it needs neither a public subnet nor an address of its own")
            continue
        problems = []
        if not nat.inputs.get("allocationId"):
            problems.append(Problem("it has no Elastic IP, without which EC2 makes none", "give it an allocation_id"))
        subnet = graph.by_id(str(nat.inputs.get("subnetId")), SUBNET)
        table = table_id(subnet, graph) if subnet else ""
        if subnet and graph.by_id(table, TABLE) and not _is_public(table, graph):
            problems.append(Problem(f"its subnet {subnet.name} has no route to an internet gateway"))
        yield verdict(nat.name, problems, "it has an address, and its subnet a route to an internet gateway")


def _is_public(table: str, graph: Graph) -> bool:
    """Whether a table leads to an internet gateway, or to what may lead on, such as a firewall."""
    return any(not route.get("natGatewayId") for route in default_routes(table, graph))
