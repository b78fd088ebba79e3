"""Subnets: they lie in their VPC, span the zones that are asked for, and have addresses for the nodes."""

from collections.abc import Iterator, Sequence
from ipaddress import IPv4Network
from itertools import combinations

from eks_gpu.checks import sources
from eks_gpu.checks.network import subnet_ids
from eks_gpu.checks.registry import Context, Problem, Said, check, verdict
from eks_gpu.checks.routes import SUBNET, VPC
from eks_gpu.checks.sources import EKS_NETWORK
from eks_gpu.graph.graph import Graph, Resource
from eks_gpu.karpenter.objects import node_pools, part
from eks_gpu.pools.lookups import Lookups
from eks_gpu.pools.ranges import network
from eks_gpu_components.catalog import ZONE_LABEL

MORE_RANGES = "aws:ec2/vpcIpv4CidrBlockAssociation:VpcIpv4CidrBlockAssociation"
_PREFIXES = range(16, 29)
"""Prefix lengths that EC2 gives a subnet. Source: Amazon EC2 API, CreateSubnet."""
_RESERVED = 5
"""Addresses of each subnet that AWS keeps. Source: Amazon VPC User Guide, subnet sizing."""
_PER_NODE = 10
"""Addresses that a node takes at once: one network interface of m5.large or g4dn.xlarge has ten, others have more."""


def _range(subnet: Resource) -> IPv4Network | None:
    found = network(subnet.inputs.get("cidrBlock") or "")
    return found if isinstance(found, IPv4Network) else None


@check(
    "subnets-fit-their-vpc",
    subject="VPC with subnets of the stack",
    fix="cut the subnets out of the VPC's range, each out of its own part",
    relies_on=("network",),
    sources=(sources.VPC_GUIDE,),
)
def fit_their_vpc(context: Context) -> Iterator[Said]:
    """EC2 refuses the subnet: its range is not in the VPC's, overlaps another one, or is too large or too small."""
    graph = context.graph
    for vpc in graph.of(VPC):
        here = [found for found in graph.of(SUBNET) if found.inputs.get("vpcId") == vpc.id]
        ranges = [(found.name, cidr) for found in here if (cidr := _range(found))]
        beside = (found for found in graph.of(MORE_RANGES) if found.inputs.get("vpcId") == vpc.id)
        whole = [one for found in (vpc, *beside) if (one := _range(found))]
        problems = [
            Problem(f"subnet {name}, {cidr}, is not in {', '.join(map(str, whole))}")
            for name, cidr in ranges
            if _range(vpc) and not any(cidr.subnet_of(one) for one in whole)
        ]
        problems += [
            Problem(f"subnets {name}, {cidr}, and {other}, {its}, overlap")
            for (name, cidr), (other, its) in combinations(ranges, 2)
            if cidr.overlaps(its)
        ]
        problems += [
            Problem(f"subnet {name}, {cidr}, is neither a /16 nor smaller down to a /28")
            for name, cidr in ranges
            if cidr.prefixlen not in _PREFIXES
        ]
        if here:
            yield verdict(vpc.name, problems, f"{len(here)} subnets lie in it")


@check(
    "subnets-have-addresses-for-nodes",
    subject="pool in subnets of the stack",
    severity="warning",
    fix="give its subnets a shorter prefix, such as /19, or add subnets",
    relies_on=("network",),
    sources=(EKS_NETWORK,),
)
def have_addresses(context: Context) -> Iterator[Said]:
    """Nodes do not start, or pods stay in ContainerCreating: the subnets have no free address.

    The network plugin takes the addresses of pods from the node's subnet, ten or more for each node at once. Other
    pools of the same subnets count too.
    """
    graph = context.graph
    places = {pool.urn: tuple(subnet_ids(pool, graph, context.region)) for pool in context.pools}
    for pool in context.pools:
        subnets = [graph.by_id(id_, SUBNET) for id_ in places[pool.urn]]
        ranges = [cidr for found in subnets if found and (cidr := _range(found))]
        if not ranges or len(ranges) < len(subnets):
            continue
        sharing = [one for one in context.pools if set(places[one.urn]) & set(places[pool.urn])]
        nodes = sum(one.max_nodes or one.min_nodes for one in sharing)
        free = sum(cidr.num_addresses - _RESERVED for cidr in ranges)
        problem = None
        if free < nodes * _PER_NODE:
            problem = Problem(f"{nodes} nodes take {nodes * _PER_NODE} addresses at once, and its subnets have {free}")
        yield verdict(pool.name, problem, f"its subnets have {free} addresses")


@check(
    "control-plane-spans-zones",
    subject="cluster with subnets of the stack",
    fix="name subnets of at least two zones",
    relies_on=("network",),
    sources=(EKS_NETWORK,),
)
def spans_zones(context: Context) -> Iterator[Said]:
    """EKS refuses the cluster: its subnets must be in at least two zones."""
    for cluster in context.clusters:
        subnets = [context.graph.by_id(id_, SUBNET) for id_ in cluster.subnet_ids]
        zones = {str(found["availabilityZone"] or found["availabilityZoneId"] or "") for found in subnets if found}
        if None in subnets or not subnets or "" in zones:
            continue
        alone = Problem(f"all of its {len(subnets)} subnets are in {', '.join(zones)}") if len(zones) < 2 else None
        yield verdict(cluster.name, alone, f"its subnets are in {', '.join(sorted(zones))}")


@check(
    "zones-of-node-pools-have-subnets",
    subject="node pool that requires zones",
    severity="warning",
    fix="let the node class select a subnet in each zone, or take the zone out of the requirement",
    relies_on=("network",),
    sources=(sources.KARPENTER,),
)
def zones_have_subnets(context: Context) -> Iterator[Said]:
    """The pool never starts a node in a zone that it names: its node class selects no subnet there."""
    lookups = Lookups(context.graph, context.region)
    for pool in node_pools(context.graph):
        named = [zone for found in pool.expressions(ZONE_LABEL) if found.operator == "In" for zone in found.values]
        terms = part(pool.node_class.inputs, "spec").get("subnetSelectorTerms") if pool.node_class else ()
        selected = lookups.selected_subnets(terms or ())
        there = lookups.zones(selected)
        if named and there and _all_known(terms or (), selected, context.graph):
            missing = [zone for zone in dict.fromkeys(named) if zone not in there]
            problem = Problem(f"its node class selects no subnet in {', '.join(missing)}") if missing else None
            yield verdict(pool.name, problem, f"there is a subnet in {', '.join(there)}")


def _all_known(terms: Sequence[dict[str, object]], selected: Sequence[str], graph: Graph) -> bool:
    """Whether no term names a subnet that the stack does not make."""
    ids = [str(term["id"]) for term in terms if term.get("id")]
    return all(graph.by_id(id_, SUBNET) for id_ in (*ids, *selected))
