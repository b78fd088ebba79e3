"""The clusters of a stack: name, Kubernetes version, and whether EKS Auto Mode runs its nodes."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from eks_gpu.graph.graph import Graph, Resource
from eks_gpu_components.catalog import kubernetes_support

COMPONENT, RESOURCE = "eks:index:Cluster", "aws:eks/cluster:Cluster"


@dataclass(frozen=True)
class Cluster:
    """One control plane."""

    name: str
    version: str
    """Kubernetes minor version; empty if the program leaves it to EKS."""
    urn: str
    auto_mode: bool = False
    built_in_pools: tuple[str, ...] = ()
    """Built-in pools of Auto Mode: general-purpose, system, both or none."""
    node_role: str = ""
    """ARN of the role of their nodes, which EKS gives access by itself; empty where EKS or nobody names one."""
    subnet_ids: tuple[str, ...] = ()

    def support(self, on: date) -> str:
        """`standard`, `extended` or `ended`; a minor older than the catalog's has ended, a newer one is standard."""
        return kubernetes_support(self.version, on)


def clusters(graph: Graph) -> list[Cluster]:
    """The clusters of a graph, without duplicates: a preview also contains the child of the component."""
    return [_cluster(found, graph) for found in graph.of(COMPONENT, RESOURCE) if f"{COMPONENT}$" not in found.urn]


def _cluster(found: Resource, graph: Graph) -> Cluster:
    """A component without a name of its own has its child's, by which all that joins the cluster calls it."""
    inputs = found.inputs
    made = next((child for child in graph.children(found.urn) if child.type == RESOURCE), found)
    auto_mode = inputs.get("autoMode") or {}  # the component's
    compute = auto_mode.get("computeConfig") or inputs.get("computeConfig") or {}
    enabled = bool((auto_mode or compute).get("enabled"))
    pools = compute.get("nodePools")
    if pools is None:  # the component turns both on, the resource none
        pools = ("general-purpose", "system") if found.type == COMPONENT else ()
    return Cluster(
        str(found["name"] or made["name"] or made.name),
        _minor(found["version"]),
        found.urn,
        auto_mode=enabled,
        built_in_pools=tuple(pools) if enabled else (),
        node_role=str(compute.get("nodeRoleArn") or ""),
        subnet_ids=_subnet_ids(inputs),
    )


def _subnet_ids(inputs: Mapping[str, Any]) -> tuple[str, ...]:
    lists = (inputs.get("privateSubnetIds"), inputs.get("subnetIds"), (inputs.get("vpcConfig") or {}).get("subnetIds"))
    return tuple(next(filter(None, lists), ()))


def _minor(version: object) -> str:
    return ".".join(str(version or "").removeprefix("v").split(".")[:2])
