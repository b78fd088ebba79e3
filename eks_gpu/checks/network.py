"""The network: nodes reach what they need to start, and find the cluster by name."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from eks_gpu.checks import sources
from eks_gpu.checks.endpoints import NEEDED_SERVICES, endpoints_of, service_of
from eks_gpu.checks.names import subject
from eks_gpu.checks.registry import Context, Problem, Said, check, verdict
from eks_gpu.checks.routes import INTERNET_GATEWAY, NAT_GATEWAY, SUBNET, TABLE, VPC, default_routes, routes_of, table_id
from eks_gpu.checks.services import balances_load
from eks_gpu.graph.graph import Graph, Resource
from eks_gpu.graph.kubernetes_objects import kubernetes_objects
from eks_gpu.karpenter.objects import NODE_POOL, node_classes, node_pool, object_name, part
from eks_gpu.pools.clusters import clusters
from eks_gpu.pools.lookups import Lookups
from eks_gpu.pools.pool import Pool
from eks_gpu_components.catalog import INTERNAL_LOAD_BALANCER_TAG, PUBLIC_LOAD_BALANCER_TAG

_MAIN_TABLES = (
    "aws:ec2/mainRouteTableAssociation:MainRouteTableAssociation",
    "aws:ec2/defaultRouteTable:DefaultRouteTable",
)


def subnet_ids(pool: Pool, graph: Graph, region: str) -> Sequence[str]:
    """Subnets that the pool's nodes start in, as far as the stack says."""
    urn, _, built_in = pool.urn.partition("#")
    resource = graph.get(urn)
    if resource is None:
        return ()
    if built_in:
        return next((cluster.subnet_ids for cluster in clusters(graph) if cluster.urn == urn), ())
    if resource.type == NODE_POOL:
        terms = part(_node_class(resource, graph), "spec").get("subnetSelectorTerms") or ()
        return Lookups(graph, region).selected_subnets(terms)
    return resource.inputs.get("vpcZoneIdentifiers") or resource.inputs.get("subnetIds") or ()


def _node_class(resource: Resource, graph: Graph) -> Mapping[str, Any]:
    found = node_pool(resource, graph).node_class
    return found.inputs if found else {}


@check(
    "node-subnets-have-a-way-out",
    subject="pool in subnets of the stack",
    fix="route 0.0.0.0/0 to a NAT gateway, or add endpoints for every service that a node calls",
    relies_on=("network",),
    sources=(
        sources.eks_guide("network-reqs"),
        sources.VPC_GUIDE,
    ),
)
def way_out(context: Context) -> Iterator[Said]:
    """Nodes start and cost money but never join, or cannot pull images.

    The check follows route tables, NAT and internet gateways, and interface endpoints where there is no route.
    """
    for pool in context.pools:
        subnets = [
            found
            for id_ in subnet_ids(pool, context.graph, context.region)
            if (found := context.graph.by_id(id_, SUBNET))
        ]
        public = _is_public(pool, context.graph)
        reasons = [(subnet.name, _shut_in(subnet, context.graph, public)) for subnet in subnets]
        if _is_of_ipv6(context):
            reasons += [(subnet.name, _without_ipv6(subnet, context.graph)) for subnet in subnets]
        problems = [Problem(f"subnet {name} {reason}") for name, reason in reasons if reason]
        if subnets:
            yield verdict(pool.name, problems, f"{len(subnets)} subnets have one")


def _is_of_ipv6(context: Context) -> bool:
    """Whether pods get IPv6 addresses alone."""
    made = [found for cluster in context.clusters if (found := context.graph.get(cluster.urn))]
    families = [part(found.inputs, "kubernetesNetworkConfig").get("ipFamily") for found in made]
    return "ipv6" in (*families, *(found.inputs.get("ipFamily") for found in made))


def _is_public(pool: Pool, graph: Graph) -> bool:
    """Whether the pool itself gives its nodes a public address."""
    resource = graph.get(pool.urn)
    if resource is None or resource.type != NODE_POOL:
        return False
    return part(_node_class(resource, graph), "spec").get("associatePublicIPAddress") is True


def _shut_in(subnet: Resource, graph: Graph, public: bool) -> str:
    """Why a node there reaches nothing; empty where it does, or where the stack does not say."""
    table = table_id(subnet, graph)
    if not graph.by_id(str(subnet.inputs.get("vpcId")), VPC):
        return ""
    if not table:
        return "" if graph.of(*_MAIN_TABLES) else "has no route table, so no way out of its VPC"
    if not graph.by_id(table, TABLE):
        return ""
    routes = default_routes(table, graph)
    if not routes:
        missing = _missing_endpoints(subnet, graph)
        return f"has no route to the internet, and its VPC no endpoint of {', '.join(missing)}" if missing else ""
    reasons = [_dead_end(route, subnet, graph, public) for route in routes]
    return "" if not all(reasons) else reasons[0]


def _dead_end(route: Mapping[str, Any], subnet: Resource, graph: Graph, public: bool) -> str:
    gateway = graph.by_id(str(route.get("gatewayId")), INTERNET_GATEWAY)
    if gateway and not public and subnet.inputs.get("mapPublicIpOnLaunch") is not True:
        return "leads to the internet gateway, but its nodes get no public address"
    nat = graph.by_id(str(route.get("natGatewayId")), NAT_GATEWAY)
    if nat is None or nat.inputs.get("connectivityType") == "private":
        return ""
    place = graph.by_id(str(nat.inputs.get("subnetId")), SUBNET)
    onward = default_routes(table_id(place, graph), graph) if place else []
    behind = (
        "leads to a NAT gateway itself"
        if onward and all(route.get("natGatewayId") for route in onward)
        else _shut_in(place, graph, True)
        if place and place.id != subnet.id
        else ""
    )
    return f"leads to NAT gateway {nat.name}, whose subnet {place.name} {behind}" if place and behind else ""


def _missing_endpoints(subnet: Resource, graph: Graph) -> list[str]:
    there = {service_of(found) for found in endpoints_of(subnet, graph)}
    return [service for service in NEEDED_SERVICES if service not in there]


def _without_ipv6(subnet: Resource, graph: Graph) -> str:
    """Why pods of an IPv6 cluster reach nothing from there; empty where they do, or where the stack does not say."""
    table = table_id(subnet, graph)
    if not graph.by_id(table, TABLE):
        return ""
    if not subnet.inputs.get("ipv6CidrBlock"):
        return "has no IPv6 range, and the cluster's pods have no other addresses"
    if any(cidr == "::/0" for cidr, _ in routes_of(table, graph)):
        return ""
    return "has no route to ::/0, by which pods of an IPv6 cluster get out"


@check(
    "load-balancers-find-subnets",
    subject="Service with a load balancer, Ingress",
    severity="warning",
    fix=f"tag private subnets {INTERNAL_LOAD_BALANCER_TAG} = 1, and public ones {PUBLIC_LOAD_BALANCER_TAG} = 1",
    relies_on=("network",),
    sources=(sources.LOAD_BALANCER_CONTROLLER,),
)
def subnets_are_tagged(context: Context) -> Iterator[Said]:
    """The controller must guess subnets from their routes, and an older version creates no load balancer."""
    used = (context.graph.by_id(id_, SUBNET) for cluster in context.clusters for id_ in cluster.subnet_ids)
    vpcs = {subnet.inputs.get("vpcId") for subnet in used if subnet}
    there = [found for found in context.graph.of(SUBNET) if found.inputs.get("vpcId") in vpcs]
    for _, manifest in kubernetes_objects(context.graph) if there else ():
        annotations = part(manifest, "metadata", "annotations")
        if balances_load(manifest) and not any(key.endswith(("balancer-subnets", "io/subnets")) for key in annotations):
            public = "internet-facing" in annotations.values()
            tag = PUBLIC_LOAD_BALANCER_TAG if public else INTERNAL_LOAD_BALANCER_TAG
            tagged = [found.name for found in there if part(found.inputs, "tags").get(tag) in ("1", "")]
            problem = None if tagged else Problem(f"no subnet has the tag {tag}", f"tag them {tag} = 1")
            yield verdict(subject(manifest), problem, f"{len(tagged)} subnets are tagged {tag}")


@check(
    "vpc-resolves-names",
    subject="cluster's VPC",
    fix="set enableDnsSupport and enableDnsHostnames",
    sources=(sources.eks_guide("network-reqs"),),
)
def resolves(context: Context) -> Iterator[Said]:
    """Nodes do not find the API server, and so never join."""
    subnets = (context.graph.by_id(id_, SUBNET) for cluster in context.clusters for id_ in cluster.subnet_ids)
    ids = dict.fromkeys(str(subnet.inputs.get("vpcId")) for subnet in subnets if subnet)
    for vpc in filter(None, (context.graph.by_id(id_, VPC) for id_ in ids)):
        off = [] if vpc.inputs.get("enableDnsSupport") is not False else ["enableDnsSupport"]
        off += [] if vpc.inputs.get("enableDnsHostnames") else ["enableDnsHostnames"]
        problem = Problem(f"{' and '.join(off)} is off", f"set {' and '.join(off)}") if off else None
        yield verdict(vpc.name, problem, "names resolve")


@check(
    "node-classes-select-subnets",
    subject="node class",
    fix="select the subnets by a tag that they have, or by their ids",
    relies_on=("network",),
    sources=(sources.KARPENTER,),
)
def select_subnets(context: Context) -> Iterator[Said]:
    """No node ever starts: its node class finds no subnet."""
    lookups = Lookups(context.graph, context.region)
    own = {id_ for cluster in context.clusters for id_ in cluster.subnet_ids if context.graph.by_id(id_, SUBNET)}
    for found in node_classes(context.graph) if own else ():
        terms = part(found.inputs, "spec").get("subnetSelectorTerms") or ()
        by_tag = all(term.get("tags") for term in terms)
        selected = lookups.selected_subnets(terms)
        tags = ", ".join(f"{key}={value}" for term in terms for key, value in part(term, "tags").items())
        # An id may be that of a subnet which another stack made.
        problem = Problem(f"no subnet of the stack has {tags}") if terms and by_tag and not selected else None
        yield verdict(
            f"{found.inputs.get('kind')} {object_name(found)}", problem, f"it selects {len(selected)} subnets"
        )
