"""How much of each quota a plan needs: at its maximum, and at once when `pulumi up` makes it."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from eks_gpu.cost.cost import ALB, NLB
from eks_gpu.live.preflight.inquiry import AT_HOME, Inquiry
from eks_gpu.pools.pool import AUTO_SCALING_GROUP, KARPENTER, MANAGED_NODE_GROUP, Pool
from eks_gpu_components.catalog import EC2_NODE_CLASS_TYPE, CapacityType
from eks_gpu_components.catalog import quotas as of
from eks_gpu_components.catalog.quotas import Quota, quota

CLUSTER, NODE_GROUP = "aws:eks/cluster:Cluster", "aws:eks/nodeGroup:NodeGroup"
GROUP, FARGATE_PROFILE = "aws:autoscaling/group:Group", "aws:eks/fargateProfile:FargateProfile"
EIP, VPC = "aws:ec2/eip:Eip", "aws:ec2/vpc:Vpc"
NAT_GATEWAY, SUBNET = "aws:ec2/natGateway:NatGateway", "aws:ec2/subnet:Subnet"


@dataclass(frozen=True)
class Need:
    """What a plan needs of one quota in one region."""

    quota: Quota
    region: str
    needed: int | None
    """At the plan's maximum; None if a pool has no limit."""
    at_once: int = 0
    """What `pulumi up` itself makes, so that it fails without."""
    by: str = ""
    """What needs that much at once."""
    capacity_type: str = ""
    """on-demand or spot, of a quota of vCPUs."""
    where: str = ""
    """The zone or the cluster that the quota counts in; empty for a quota of a region or an account."""


def needs(inquiry: Inquiry) -> Iterator[Need]:
    """vCPUs first, then what networks, clusters and IAM count."""
    for row in inquiry.plan.analysis.quotas:
        region = row.region if row.region in inquiry.accounts else inquiry.home
        if row.capacity_type:
            starts = list(_starts(inquiry.pools, row.quota, row.capacity_type, region))
            at_once, by = sum(vcpus for _, vcpus in starts), "; ".join(text for text, _ in starts)
            yield Need(row.quota, region, row.needed, at_once, by, row.capacity_type)
        else:
            yield Need(row.quota, region, row.needed, row.needed or 0)
    for region in inquiry.regions:
        yield from _of_networks(inquiry, region)
        yield from _of_clusters(inquiry, region)
        yield from _of_load_balancers(inquiry, region)
    yield from _of_iam(inquiry)


def _starts(pools: Sequence[Pool], counted: Quota, capacity_type: str, region: str) -> Iterator[tuple[str, int]]:
    """Nodes that groups start with, in words, and the vCPUs of the smallest that they can be."""
    spot = capacity_type == CapacityType.SPOT
    for pool in pools:
        nodes = _first_nodes(pool, spot) if pool.region == region else 0
        rows = [row for row in pool.types if quota(row, spot=spot) == counted]
        if nodes and rows and len(rows) == len(pool.types):
            least = min(rows, key=lambda row: row.vcpus)
            yield f"{pool.name}: {nodes} {least.name}", nodes * least.vcpus


def _first_nodes(pool: Pool, spot: bool) -> int:
    if pool.backend not in (MANAGED_NODE_GROUP, AUTO_SCALING_GROUP):
        return 0
    nodes = pool.min_nodes if pool.desired_nodes is None else max(pool.min_nodes, pool.desired_nodes)
    on_demand = pool.on_demand_nodes(nodes)
    return nodes - on_demand if spot else on_demand


def _of_networks(inquiry: Inquiry, region: str) -> Iterator[Need]:
    groups = len(inquiry.in_region(region, "aws:ec2/securityGroup:SecurityGroup"))
    # EKS makes one for each cluster, and each VPC comes with one.
    groups += len(inquiry.in_region(region, CLUSTER, VPC))
    gateways = len(inquiry.in_region(region, "aws:ec2/internetGateway:InternetGateway"))
    endpoints = inquiry.in_region(region, "aws:ec2/vpcEndpoint:VpcEndpoint")
    of_gateways = sum(each.inputs.get("vpcEndpointType", "Gateway") == "Gateway" for each in endpoints)
    for counted, number in (
        (of.INTERNET_GATEWAYS, gateways),
        (of.SECURITY_GROUPS, groups),
        (of.GATEWAY_ENDPOINTS, of_gateways),
    ):
        if number:
            yield Need(counted, region, number, number)
    zones: Counter[str] = Counter()
    for gateway in inquiry.in_region(region, NAT_GATEWAY):
        subnet = inquiry.plan.graph.by_id(str(gateway.inputs.get("subnetId") or ""), SUBNET)
        zones[str(subnet.inputs.get("availabilityZone") or "") if subnet else ""] += 1
    for zone, number in sorted(zones.items()):
        yield Need(of.NAT_GATEWAYS, region, number, number, where=zone)


def _of_clusters(inquiry: Inquiry, region: str) -> Iterator[Need]:
    if number := len(inquiry.in_region(region, CLUSTER)):
        yield Need(of.CLUSTERS, region, number, number)
    for counted, type_ in (
        (of.NODE_GROUPS_OF_A_CLUSTER, NODE_GROUP),
        (of.FARGATE_PROFILES_OF_A_CLUSTER, FARGATE_PROFILE),
    ):
        names = Counter(str(each.inputs.get("clusterName") or "") for each in inquiry.in_region(region, type_))
        for name, number in sorted(names.items()):
            yield Need(counted, region, number, number, where=name)
    groups = len(inquiry.in_region(region, NODE_GROUP, GROUP))
    if groups:
        yield Need(of.AUTO_SCALING_GROUPS, region, groups, groups)
    sizes = {p.name: p.max_nodes for p in inquiry.pools if p.backend == MANAGED_NODE_GROUP and p.region == region}
    known = {name: size for name, size in sizes.items() if size}
    if known:
        largest = max(known, key=lambda name: known[name])
        yield Need(of.NODES_OF_A_GROUP, region, known[largest], where=largest)


def _of_load_balancers(inquiry: Inquiry, region: str) -> Iterator[Need]:
    """Those that the plan's cost counts, which a controller makes once their objects are there."""
    if region != inquiry.home:
        return
    items = Counter({item.name: int(item.quantity or 0) for item in inquiry.plan.analysis.cost.max.items})
    for counted, name in ((of.NETWORK_LOAD_BALANCERS, NLB), (of.APPLICATION_LOAD_BALANCERS, ALB)):
        if items[name]:
            yield Need(counted, region, items[name])


def _of_iam(inquiry: Inquiry) -> Iterator[Need]:
    graph = inquiry.plan.graph
    classes = len(graph.of(EC2_NODE_CLASS_TYPE))
    for counted, number, later in (
        (of.ROLES, len(graph.of("aws:iam/role:Role")), 0),
        (of.POLICIES, len(graph.of("aws:iam/policy:Policy")), 0),
        (of.INSTANCE_PROFILES, len(graph.of("aws:iam/instanceProfile:InstanceProfile")), classes),
        (of.IDENTITY_PROVIDERS, len(graph.of("aws:iam/openIdConnectProvider:OpenIdConnectProvider")), 0),
    ):
        if number + later:
            by = f"{KARPENTER} makes one for each EC2NodeClass" if later else ""
            yield Need(counted, AT_HOME[inquiry.partition], number + later, number, by)
