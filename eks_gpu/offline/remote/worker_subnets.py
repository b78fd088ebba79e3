"""The subnets that pulumi-eks takes for nodes and Fargate pods where nobody names some: the private ones, if any."""

import ipaddress
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from eks_gpu.graph.graph import Graph

ASSOCIATION = "aws:ec2/routeTableAssociation:RouteTableAssociation"
TABLE, ROUTE = "aws:ec2/routeTable:RouteTable", "aws:ec2/route:Route"


def worker_subnets(graph: Graph, subnet_ids: Sequence[Any]) -> list[Any]:
    """The subnets without a way in from the internet; all of them where each has one."""
    public = {str(found.inputs.get("subnetId")) for found in graph.of(ASSOCIATION) if _is_public(graph, found.inputs)}
    return [subnet for subnet in subnet_ids if subnet not in public] or list(subnet_ids)


def _is_public(graph: Graph, association: Mapping[str, Any]) -> bool:
    return any(
        route.get("gatewayId") and not _is_private(str(route.get("cidrBlock") or route.get("destinationCidrBlock")))
        for route in _routes(graph, str(association.get("routeTableId")))
    )


def _routes(graph: Graph, table_id: str) -> Iterator[Mapping[str, Any]]:
    table = graph.by_id(table_id, TABLE)
    inside: Iterable[Any] = (table.inputs.get("routes") or ()) if table else ()
    yield from (route for route in inside if isinstance(route, Mapping))
    yield from (found.inputs for found in graph.of(ROUTE) if found.inputs.get("routeTableId") == table_id)


def _is_private(cidr: str) -> bool:
    try:
        return cidr != "0.0.0.0/0" and ipaddress.ip_network(cidr).is_private
    except ValueError:
        return False
