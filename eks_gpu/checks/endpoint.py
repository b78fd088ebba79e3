"""The cluster's API: not everybody can reach it, and its nodes and the update can."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from ipaddress import ip_address, ip_network

from eks_gpu.checks import sources
from eks_gpu.checks.network import SUBNET, VPC
from eks_gpu.checks.registry import Context, Problem, Said, check, verdict
from eks_gpu.graph.graph import Graph, Resource
from eks_gpu.karpenter.objects import part
from eks_gpu.pools.clusters import RESOURCE, Cluster
from eks_gpu.pools.ranges import WORLD, too_wide
from eks_gpu_components.catalog import ADDRESS_NOT_GIVEN, PRINT_ADDRESS


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Access to a cluster's API."""

    private: bool
    public: bool
    ranges: tuple[str, ...]
    """Ranges that may reach a public endpoint from the internet. EKS allows everybody if none is named."""


def _endpoint(cluster: Cluster, graph: Graph) -> Endpoint | None:
    found = graph.get(cluster.urn)
    if found is None:
        return None
    inside = part(found.inputs, "vpcConfig") if found.type == RESOURCE else found.inputs
    ranges = tuple(str(cidr) for cidr in inside.get("publicAccessCidrs") or WORLD[:1])
    return Endpoint(
        inside.get("endpointPrivateAccess") is True, inside.get("endpointPublicAccess") is not False, ranges
    )


def _endpoints(context: Context) -> Iterator[tuple[Cluster, Endpoint]]:
    for cluster in context.clusters:
        if endpoint := _endpoint(cluster, context.graph):
            yield cluster, endpoint


@check(
    "api-address-is-given",
    subject="cluster with a public endpoint",
    severity="warning",
    fix=f"write public_cidrs: [ADDRESS/32] with your own, which `{PRINT_ADDRESS}` prints",
    of_a_program=True,
)
def address_is_given(context: Context) -> Iterator[Said]:
    """`pulumi up` stops before its first resource: the settings do not say who may reach the API.

    A plan needs no address, and treats the endpoint as restricted.
    """
    for cluster, endpoint in _endpoints(context):
        if endpoint.public:
            missing = Problem("no address is given") if ADDRESS_NOT_GIVEN in endpoint.ranges else None
            yield verdict(cluster.name, missing, f"open to {', '.join(endpoint.ranges)}")


@check(
    "cluster-api-is-private-or-restricted",
    subject="cluster",
    severity="warning",
    fix="name the ranges that may reach the public endpoint, or use only the private endpoint",
    sources=(sources.eks_guide("cluster-endpoint"),),
)
def is_restricted(context: Context) -> Iterator[Said]:
    """Everybody on the internet can attack the API server.

    Ranges that are more than a /8 together count as the internet, such as its two halves.
    """
    for cluster, endpoint in _endpoints(context):
        wide = too_wide(endpoint.ranges)
        problem = Problem(f"its public endpoint is open to {wide}") if endpoint.public and wide else None
        named = [cidr for cidr in endpoint.ranges if cidr != ADDRESS_NOT_GIVEN]
        restricted = f"open to {', '.join(named) or 'an address that is still to come'}"
        yield verdict(cluster.name, problem, restricted if endpoint.public else "it has a private endpoint")


@check(
    "nodes-reach-the-cluster-api",
    subject="cluster",
    fix="turn the private endpoint on",
    sources=(sources.eks_guide("cluster-endpoint"),),
)
def is_reached(context: Context) -> Iterator[Said]:
    """Nodes start and cost money but never join, because they cannot reach the API server.

    A public endpoint that allows the NAT gateways' addresses is enough.
    """
    addresses = [str(found["publicIp"]) for found in context.graph.of("aws:ec2/eip:Eip") if found["publicIp"]]
    for cluster, endpoint in _endpoints(context):
        seen = (*addresses, "0.0.0.0")
        let_in = endpoint.public and any(_holds(cidr, address) for cidr in endpoint.ranges for address in seen)
        shut = f"its private endpoint is off, and its public one open to {', '.join(endpoint.ranges)} alone"
        off = Problem(shut if endpoint.public else "both of its endpoints are off")
        problem = None if endpoint.private or let_in else off
        answers = "its private endpoint answers" if endpoint.private else "its public one answers"
        yield verdict(cluster.name, problem, answers)


@check(
    "update-reaches-the-cluster-api",
    subject="private cluster in a VPC that the same update makes",
    fix="open it for the first update, bootstrap: {public_cidrs: [ADDRESS/32]}, or say bootstrap: false where the "
    "update runs inside the VPC",
    sources=(sources.eks_guide("cluster-endpoint", date(2026, 11, 28)),),
    of_a_program=True,
)
def update_arrives(context: Context) -> Iterator[Said]:
    """The first update creates a cluster that it cannot reach: its Kubernetes objects time out.

    The check applies in a plan, and in a preview that creates the cluster. It passes for an existing VPC, which may be
    reachable, and with `bootstrap: false`.
    """
    objects = [found for found in context.graph if found.custom and found.type.startswith("kubernetes:")]
    for cluster, endpoint in _endpoints(context):
        found = context.graph.get(cluster.urn)
        if found is None or not context.graph.is_new(found) or not objects:
            continue
        if _new_vpc(cluster, context.graph) is None:
            continue
        shut = not endpoint.public and not _is_past_bootstrap(found, context.graph)
        said = (
            f"nothing outside of its VPC reaches it, so {len(objects)} Kubernetes objects of the same update time out"
        )
        holds = "its endpoint is public" if endpoint.public else "the stack says that updates come from inside"
        yield verdict(cluster.name, Problem(said) if shut else None, holds)


def _new_vpc(cluster: Cluster, graph: Graph) -> Resource | None:
    """The cluster's VPC, where the same update makes it."""
    subnets = (graph.by_id(id_, SUBNET) for id_ in cluster.subnet_ids)
    vpcs = (graph.by_id(str(subnet.inputs.get("vpcId")), VPC) for subnet in subnets if subnet)
    return next((vpc for vpc in vpcs if vpc and graph.is_new(vpc)), None)


def _is_past_bootstrap(resource: Resource, graph: Graph) -> bool:
    """Whether the component around a cluster is told `bootstrap: false`."""
    around = graph.get(resource.parent)
    while around:
        if part(around.inputs, "settings").get("bootstrap") is False:
            return True
        around = graph.get(around.parent)
    return False


def _holds(cidr: str, address: str) -> bool:
    try:
        return ip_address(address) in ip_network(cidr, strict=False)
    except ValueError:
        return False
