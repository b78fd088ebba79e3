"""Cost: what a stack costs an hour and a month while idle, in the steady state and at its maximum."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from eks_gpu.cost.bill import Bill, Item, bill
from eks_gpu.cost.node_cost import dearest_nodes, nodes, volume_price
from eks_gpu.cost.packing import Fleet
from eks_gpu.graph.graph import Graph
from eks_gpu.graph.kubernetes_objects import kubernetes_objects
from eks_gpu.io.problems import InputError
from eks_gpu.pods.quantities import gib
from eks_gpu.pools.clusters import clusters
from eks_gpu.pools.pool import Pool
from eks_gpu_components.catalog import (
    ALB_HOURLY,
    CONTROL_PLANE_HOURLY,
    EXTENDED_SUPPORT_HOURLY,
    INTERFACE_ENDPOINT_HOURLY,
    NAT_GATEWAY_HOURLY,
    NLB_HOURLY,
    PUBLIC_IPV4_HOURLY,
    Price,
)


@dataclass(frozen=True)
class Cost:
    """Three levels of use. `max` leaves out pools without a ceiling, with a note."""

    region: str
    idle: Bill
    steady: Bill
    max: Bill
    currency: str = "USD"

    def as_json(self) -> dict[str, Any]:
        """The plan's section `cost`."""
        return {
            "currency": self.currency,
            "region": self.region,
            "idle": self.idle.as_json(),
            "steady": self.steady.as_json(),
            "max": self.max.as_json(),
        }


def cost(graph: Graph, region: str, on: date, pools: Sequence[Pool], idle: Fleet, steady: Fleet) -> Cost:
    """`idle` has the pools at their minimum, `steady` what the stated replicas need."""
    fixed = tuple(fixed_items(graph, on))
    left_over = [
        f"{count} of {name} find no room: the pools that take them are at their maximum"
        for name, count in steady.left_over.items()
    ]
    unlimited = [f"pool {pool.name} has no ceiling and is left out" for pool in pools if pool.max_nodes is None]
    most = [item for pool in pools for item in dearest_nodes(pool, region)]
    return Cost(
        region=region,
        idle=bill(region, [*fixed, *_of_fleet(pools, idle, region)]),
        steady=bill(region, [*fixed, *_of_fleet(pools, steady, region)], left_over),
        max=bill(region, [*fixed, *most], unlimited),
    )


def _of_fleet(pools: Sequence[Pool], fleet: Fleet, region: str) -> Iterator[Item]:
    for pool in pools:
        there = [node.kind for node in fleet.there[pool.urn]]
        yield from nodes(pool, fleet.nodes[pool.urn], there, region)


# --- what runs whatever the load -------------------------------------------------------------------------------------


def fixed_items(graph: Graph, on: date) -> Iterator[Item]:
    """Control planes, gateways, endpoints, load balancers, addresses and volumes."""
    for cluster in clusters(graph):
        yield Item(f"control plane {cluster.name}", 1, CONTROL_PLANE_HOURLY)
        if cluster.support(on) != "standard":
            yield Item(f"extended support of Kubernetes {cluster.version}", 1, EXTENDED_SUPPORT_HOURLY)
    counts = Counter(dict(_of_aws(graph)))
    counts.update(dict(_of_kubernetes(graph)))
    for name, quantity in counts.items():
        yield Item(name, quantity, UNITS[name])
    yield from _volumes(graph)


NAT, ADDRESS, ENDPOINT = "NAT gateway", "public IPv4 address", "interface endpoint in a zone"
NLB, ALB = "network load balancer", "application load balancer"
UNITS: Mapping[str, Price] = {
    NAT: NAT_GATEWAY_HOURLY,
    ADDRESS: PUBLIC_IPV4_HOURLY,
    ENDPOINT: INTERFACE_ENDPOINT_HOURLY,
    NLB: NLB_HOURLY,
    ALB: ALB_HOURLY,
}


def _of_aws(graph: Graph) -> Iterator[tuple[str, int]]:
    gateways = graph.of("aws:ec2/natGateway:NatGateway")
    endpoints = graph.of("aws:ec2/vpcEndpoint:VpcEndpoint")
    balancers = [found.inputs.get("loadBalancerType") for found in graph.of("aws:lb/loadBalancer:LoadBalancer")]
    yield NAT, len(gateways)
    yield ADDRESS, len(graph.of("aws:ec2/eip:Eip"))
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
    """Load balancers that controllers make: one a Service of that type, one an Ingress."""
    kinds = Counter(
        "Ingress" if manifest["kind"] == "Ingress" else (manifest.get("spec") or {}).get("type")
        for _, manifest in kubernetes_objects(graph)
        if manifest["kind"] in ("Service", "Ingress")
    )
    yield NLB, kinds["LoadBalancer"]
    yield ALB, kinds["Ingress"]


def _volumes(graph: Graph) -> Iterator[Item]:
    """Volumes of the stack itself, and claims by their request, as gp3."""
    for found in graph.of("aws:ebs/volume:Volume"):
        size, kind = int(found.inputs.get("size") or 0), str(found.inputs.get("type") or "gp2")
        yield Item(f"volume {found.name} of {size} GiB", 1, volume_price(kind, size))
    for _, manifest in kubernetes_objects(graph):
        spec, name = manifest.get("spec") or {}, manifest["metadata"]["name"]
        if manifest["kind"] == "PersistentVolumeClaim":
            yield _claim(name, spec, 1)
        elif manifest["kind"] == "StatefulSet":
            for template in spec.get("volumeClaimTemplates") or ():
                claim = f"{name}/{(template.get('metadata') or {}).get('name', '')}"
                yield _claim(claim, template.get("spec") or {}, int(spec.get("replicas", 1)))


def _claim(name: str, spec: Mapping[str, Any], quantity: int) -> Item:
    asked = ((spec.get("resources") or {}).get("requests") or {}).get("storage") or 0
    try:
        size = gib(asked)
    except ValueError as error:
        raise InputError([f"PersistentVolumeClaim {name}: spec.resources.requests.storage {error}"]) from None
    return Item(f"volume claim {name} of {size} GiB", quantity, volume_price("gp3", size))
