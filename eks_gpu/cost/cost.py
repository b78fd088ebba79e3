"""Cost: the price of a stack per hour and month: idle, in the steady state, at maximum demand, and at its maximum."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from eks_gpu.cost.bill import Bill, Item, bill
from eks_gpu.cost.node_cost import dearest_nodes, nodes, volume_price
from eks_gpu.cost.packing import Fleet
from eks_gpu.cost.reserved import reservations, reserved_items, reserved_notes
from eks_gpu.cost.scaling import Scaling
from eks_gpu.graph.graph import Graph
from eks_gpu.graph.kubernetes_objects import kubernetes_objects
from eks_gpu.graph.unread import Unread
from eks_gpu.io.problems import InputError
from eks_gpu.pods.demand import Workload
from eks_gpu.pods.quantities import gib
from eks_gpu.pools.cluster_of import Owners
from eks_gpu.pools.clusters import COMPONENT, RESOURCE, clusters
from eks_gpu.pools.pool import FARGATE, Pool
from eks_gpu.pools.prices import refreshed, service_price
from eks_gpu.pools.software import Software, software
from eks_gpu.pools.uncertain import unknown_sizes
from eks_gpu_components.catalog import (
    ALB_HOURLY,
    CONTROL_PLANE_HOURLY,
    EXTENDED_SUPPORT_HOURLY,
    INTERFACE_ENDPOINT_HOURLY,
    KMS_KEY_HOURLY,
    NAT_GATEWAY_HOURLY,
    NLB_HOURLY,
    PROMETHEUS_CHART,
    PUBLIC_IPV4_HOURLY,
    Price,
    fargate_price,
)


@dataclass(frozen=True, slots=True)
class Uncounted:
    """Workloads whose number of pods is unknown, in the steady state and at most."""

    steady: Sequence[str] = ()
    most: Sequence[str] = ()
    idle: Sequence[str] = ()
    """Those of which nodes are kept ready."""


@dataclass(frozen=True, slots=True)
class Noted:
    """Notes on single bills."""

    idle: Sequence[str] = ()
    steady: Sequence[str] = ()
    most: Sequence[str] = ()


@dataclass(frozen=True)
class Cost:
    """The cost of a stack at four levels of use. `max` leaves out pools without a limit, with a note."""

    region: str
    idle: Bill
    steady: Bill
    demand_max: Bill
    max: Bill
    not_priced: tuple[str, ...] = ()
    """What costs money by use, which no bill counts."""
    refreshed: str | None = None
    """Day of the refreshed prices that were used; None if only the catalog's were."""
    currency: str = "USD"

    def as_json(self) -> dict[str, Any]:
        """The plan's section `cost`."""
        return {
            "currency": self.currency,
            "region": self.region or None,
            "idle": self.idle.as_json(),
            "steady": self.steady.as_json(),
            "demand_max": self.demand_max.as_json(),
            "max": self.max.as_json(),
            "not_priced": list(self.not_priced),
            "prices_refreshed": self.refreshed,
        }


def cost(
    graph: Graph,
    region: str,
    on: date,
    pools: Sequence[Pool],
    idle: Fleet,
    steady: Fleet,
    demand_max: Fleet,
    unknown: Uncounted = Uncounted(),
    unread: Sequence[Unread] = (),
    notes: Sequence[str] = (),
    noted: Noted = Noted(),
) -> Cost:
    """The bills: `idle` has the pools at their minimum and what is kept ready, `steady` what stated replicas need,
    `demand_max` what the maximum needs.

    `unknown` names the workloads whose number of pods is unknown: the bill then has no total. `unread` is what the
    stack has and the bills leave out. `notes` are on each bill, `noted` on single ones: what nodes are kept for, and
    what quotas refuse.
    """
    reserved = reservations(graph, pools, region, on)
    fixed = (*fixed_items(graph, on, region), *reserved_items(reserved))
    notes = [*notes, *reserved_notes(reserved)]
    unlimited = [f"pool {pool.name} has no ceiling and is left out" for pool in pools if pool.max_nodes is None]
    most = [replace(item, region=pool.region) for pool in pools for item in dearest_nodes(pool)]
    sizes = [
        f"how many nodes pool {pool.name} has, or their price, needs {asked}, which only pulumi up will tell"
        for pool in pools
        for asked in unknown_sizes(pool)[:1]
    ]
    stated = [f"how many pods {name} has is not known" for name in unknown.steady]
    spare = [f"how many pods {name} keeps ready is not known" for name in unknown.idle]
    pods = [f"how many pods {name} may have is not known" for name in unknown.most]
    standing = [row for row in unread if row.what in ("nodes", "network")]
    with_pods = [row for row in unread if row.what in ("nodes", "network", "pods")]
    return Cost(
        region=region,
        idle=bill(region, [*fixed, *_of_fleet(pools, idle)], [*notes, *noted.idle], [*spare, *sizes], standing),
        steady=bill(
            region,
            [*fixed, *_of_fleet(pools, steady)],
            [*notes, *noted.steady, *_left_over(steady)],
            [*stated, *sizes],
            with_pods,
        ),
        demand_max=bill(
            region,
            [*fixed, *_of_fleet(pools, demand_max)],
            [*notes, *noted.most, *_left_over(demand_max)],
            [*pods, *sizes],
            with_pods,
        ),
        max=bill(region, [*fixed, *most], [*notes, *unlimited], sizes, standing),
        not_priced=tuple(not_priced(graph, {pool.urn for pool in pools})),
        refreshed=found.as_of if (found := refreshed(region)) else None,
    )


def _left_over(fleet: Fleet) -> list[str]:
    return [
        f"{count} of {name} find no room: the pools that take them are at their maximum"
        for name, count in fleet.left_over.items()
    ]


def at_most(workloads: Sequence[Workload]) -> list[Workload]:
    """Each workload with its maximum number of pods; one without a known maximum is unchanged."""
    return [
        workload if workload.max_replicas is None else replace(workload, replicas=workload.max_replicas)
        for workload in workloads
    ]


def as_billed(pools: Sequence[Pool], scaling: Scaling) -> list[Pool]:
    """Pools with the sizes that they can really have: a group that nothing scales always has its desired size.

    This is certain only for a stack that creates the cluster and no autoscaler. In another cluster an autoscaler may
    run that the stack does not contain.
    """
    return [pool if scaling.is_possible(pool) else _of_one_size(pool) for pool in pools]


def _of_one_size(pool: Pool) -> Pool:
    size = max(pool.min_nodes, pool.desired_nodes or 0)
    return replace(pool, min_nodes=size, max_nodes=size, desired_nodes=size)


def _of_fleet(pools: Sequence[Pool], fleet: Fleet) -> Iterator[Item]:
    for pool in pools:
        for size, quantity in sorted(fleet.on_fargate.get(pool.urn, {}).items(), key=lambda each: str(each[0])):
            price = fargate_price(size.vcpus, size.memory_gib)
            yield Item(f"pool {pool.name}: Fargate pods of {size}", quantity, price, region=pool.region)
        if pool.backend == FARGATE:
            continue
        there = [node.kind for node in fleet.there[pool.urn]]
        for item in nodes(pool, fleet.nodes[pool.urn], there):
            yield replace(item, region=pool.region)


# --- what runs whatever the load -------------------------------------------------------------------------------------


def fixed_items(graph: Graph, on: date, region: str) -> Iterator[Item]:
    """Control planes, gateways, endpoints, load balancers, addresses, keys and volumes, each at its region's price.

    `region` is the stack's; what is in another one says so.
    """
    owners = Owners(graph)
    place = {resource.urn: owners.region(resource, region) for resource in graph}
    for each in sorted({region, *place.values()}, key=lambda name: (name != region, name)):
        part = graph.only(lambda resource, each=each: place[resource.urn] == each)
        for item in _fixed_in(part, on, each):
            yield replace(item, region=each, name=item.name if each == region else f"{item.name} in {each}")


def _fixed_in(graph: Graph, on: date, region: str) -> Iterator[Item]:
    for cluster in clusters(graph):
        yield Item(f"control plane {cluster.name}", 1, CONTROL_PLANE_HOURLY.at(region))
        if cluster.support(on) == "extended":
            yield Item(f"extended support of Kubernetes {cluster.version}", 1, EXTENDED_SUPPORT_HOURLY.at(region))
    counts = Counter(dict(_of_aws(graph)))
    counts.update(dict(_of_kubernetes(graph)))
    for name, quantity in counts.items():
        yield Item(name, quantity, service_price(*UNITS[name], region))
    yield from _volumes(graph, region)


NAT, ADDRESS, ENDPOINT = "NAT gateway", "public IPv4 address", "interface endpoint in a zone"
NLB, ALB, KEY = "network load balancer", "application load balancer", "customer-managed key"
UNITS: Mapping[str, tuple[str, Price]] = {
    NAT: ("nat_gateway", NAT_GATEWAY_HOURLY),
    ADDRESS: ("public_ipv4", PUBLIC_IPV4_HOURLY),
    ENDPOINT: ("interface_endpoint", INTERFACE_ENDPOINT_HOURLY),
    NLB: ("nlb", NLB_HOURLY),
    ALB: ("alb", ALB_HOURLY),
    KEY: ("kms_key", KMS_KEY_HOURLY),
}
"""Line -> the key of a refreshed price, and what the catalog lists."""


def _of_aws(graph: Graph) -> Iterator[tuple[str, int]]:
    gateways = graph.of("aws:ec2/natGateway:NatGateway")
    endpoints = graph.of("aws:ec2/vpcEndpoint:VpcEndpoint")
    balancers = [found.inputs.get("loadBalancerType") for found in graph.of("aws:lb/loadBalancer:LoadBalancer")]
    yield NAT, len(gateways)
    yield ADDRESS, len(graph.of("aws:ec2/eip:Eip"))
    yield KEY, len(graph.of("aws:kms/key:Key"))
    yield (
        ENDPOINT,
        sum(
            len(found.inputs.get("subnetIds") or ())
            for found in endpoints
            if found.inputs.get("vpcEndpointType") == "Interface"
        ),
    )
    yield NLB, balancers.count("network")
    yield ALB, len(balancers) - balancers.count("network")


def _of_kubernetes(graph: Graph) -> Iterator[tuple[str, int]]:
    """Load balancers that controllers create: one for each Service of that type, one for each Ingress."""
    kinds = Counter(
        "Ingress" if manifest["kind"] == "Ingress" else (manifest.get("spec") or {}).get("type")
        for _, manifest in kubernetes_objects(graph)
        if manifest["kind"] in ("Service", "Ingress")
    )
    yield NLB, kinds["LoadBalancer"]
    yield ALB, kinds["Ingress"]


_LOG_GROUP = "aws:cloudwatch/logGroup:LogGroup"
_LOG_TYPES = ("enabledClusterLogTypes", "enabledLogTypes")
# What is paid by use: a resource that brings it, and what is paid. No plan knows how much of it there will be.
_BY_USE: Mapping[str, str] = {
    "aws:ec2/natGateway:NatGateway": "data through NAT gateways",
    _LOG_GROUP: "log ingestion and storage",
    "aws:ec2/flowLog:FlowLog": "flow logs",
    "aws:kms/key:Key": "requests to keys",
    "aws:sqs/queue:Queue": "requests to queues",
    "aws:s3/bucketV2:BucketV2": "storage and requests of buckets",
    "aws:s3/bucket:Bucket": "storage and requests of buckets",
    "aws:ecr/repository:Repository": "storage of images",
    "aws:amp/workspace:Workspace": "samples in Amazon Managed Service for Prometheus",
}
# Services of AWS that cost nothing by themselves, by the first part of a resource's type; EC2's are told one by one.
_FREE = (
    "aws:autoscaling/",
    "aws:cloudformation/",
    "aws:cloudwatch/event",
    "aws:eks/",
    "aws:iam/",
    "aws:ssm/",
    "aws:ec2/",
    "aws:vpc/",
)
_PRICED = ("aws:ebs/volume:Volume", "aws:lb/")
# Resources of the services above: what is paid by use, and its settings, as aws:sqs/queuePolicy:QueuePolicy.
_SETTINGS_OF_USED = ("aws:amp/", "aws:cloudwatch/log", "aws:ecr/", "aws:kms/", "aws:s3/", "aws:sqs/")
_PAID_EC2 = ("aws:ec2/instance:Instance", "aws:ec2/fleet:Fleet", "aws:ec2/spotInstanceRequest:SpotInstanceRequest")


def not_priced(graph: Graph, pools: Collection[str]) -> Iterator[str]:
    """What costs money but is in no bill: what is paid by use, and resources whose price the catalog does not have.

    `pools` has the URNs of the pools, whose nodes are in the bills.
    """
    yield "data transfer"
    used = [what for type_, what in _BY_USE.items() if graph.of(type_)]
    logged = any(found.inputs.get(key) for found in graph.of(COMPONENT, RESOURCE) for key in _LOG_TYPES)
    yield from dict.fromkeys((*used, *([_BY_USE[_LOG_GROUP]] if logged else ())))
    counted = Counter(dict(_of_aws(graph))) + Counter(dict(_of_kubernetes(graph)))
    if counted[ENDPOINT]:
        yield "data through interface endpoints"
    if counted[NLB] or counted[ALB]:
        yield "capacity units and public addresses of load balancers"
    for group in graph.of("aws:autoscaling/group:Group"):
        if group.urn not in pools:
            yield f"instances of auto scaling group {group.name}, which joins no cluster"
    for resource in graph:
        free = resource.type.startswith((*_FREE, *_PRICED)) and resource.type not in _PAID_EC2
        known = resource.type.startswith(_SETTINGS_OF_USED)
        if resource.type.startswith("aws:") and not free and not known:
            yield f"{resource.type} {resource.name}"


def _volumes(graph: Graph, region: str) -> Iterator[Item]:
    """Volumes of the stack itself, and claims by their request, as gp3."""
    for found in graph.of("aws:ebs/volume:Volume"):
        size, kind = int(found.inputs.get("size") or 0), str(found.inputs.get("type") or "gp2")
        yield Item(f"volume {found.name} of {size} GiB", 1, volume_price(kind, size, region))
    for _, manifest in kubernetes_objects(graph):
        spec, name = manifest.get("spec") or {}, manifest["metadata"]["name"]
        if manifest["kind"] == "PersistentVolumeClaim":
            yield _claim(name, spec, 1, region)
        elif manifest["kind"] == "StatefulSet":
            for template in spec.get("volumeClaimTemplates") or ():
                claim = f"{name}/{(template.get('metadata') or {}).get('name', '')}"
                yield _claim(claim, template.get("spec") or {}, int(spec.get("replicas", 1)), region)
    for release in software(graph):
        if release.chart == PROMETHEUS_CHART.short_name:
            yield from _prometheus(release, region)


def _prometheus(release: Software, region: str) -> Iterator[Item]:
    """The volume of each Prometheus of a release, whose chart leaves it to the operator; none without a claim."""
    spec = release.value("prometheus", "prometheusSpec", default={})
    claim = release.value("prometheus", "prometheusSpec", "storageSpec", "volumeClaimTemplate", "spec")
    if isinstance(spec, Mapping) and isinstance(claim, Mapping):
        yield _claim(f"{release.name}/prometheus", claim, int(spec.get("replicas") or 1), region)


def _claim(name: str, spec: Mapping[str, Any], quantity: int, region: str) -> Item:
    asked = ((spec.get("resources") or {}).get("requests") or {}).get("storage") or 0
    try:
        size = gib(asked)
    except ValueError as error:
        raise InputError([f"PersistentVolumeClaim {name}: spec.resources.requests.storage {error}"]) from None
    return Item(f"volume claim {name} of {size} GiB", quantity, volume_price("gp3", size, region))
