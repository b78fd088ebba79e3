"""EKS Auto Mode: nodes of your own node classes may join the cluster."""

from collections.abc import Iterator, Mapping
from typing import Any

from eks_gpu.checks import sources
from eks_gpu.checks.registry import Context, Problem, Said, check, verdict
from eks_gpu.checks.roles import last
from eks_gpu.graph.graph import Graph
from eks_gpu.karpenter.objects import NODE_CLASSES, object_name
from eks_gpu.pools.clusters import COMPONENT
from eks_gpu.pools.node_class import role
from eks_gpu_components.catalog import AUTO_MODE_ACCESS_POLICY

ENTRY, ASSOCIATION = "aws:eks/accessEntry:AccessEntry", "aws:eks/accessPolicyAssociation:AccessPolicyAssociation"


@check(
    "auto-mode-node-class-has-an-access-entry",
    subject="NodeClass of Auto Mode",
    fix=f"give its role an access entry of type EC2 and the policy {AUTO_MODE_ACCESS_POLICY} for the whole cluster",
    relies_on=("values",),
    sources=(sources.eks_guide("create-node-class"),),
)
def may_join(context: Context) -> Iterator[Said]:
    """EKS admits only the role of its built-in pools by itself: other nodes start and cost money but never join."""
    built_in = {last(cluster.node_role) for cluster in context.clusters if cluster.built_in_pools}
    entries = {last(entry.get("principalArn")) for entry in access_entries(context.graph) if entry.get("type") == "EC2"}
    allowed = {last(found.get("principalArn")) for found in access_policies(context.graph) if _is_whole(found)}
    for resource in context.graph.of(*(type_ for (_, kind), type_ in NODE_CLASSES.items() if kind == "NodeClass")):
        name = last(role(resource))
        if not name:
            continue
        missing = [] if name in entries else ["an access entry of type EC2"]
        missing += [] if name in allowed else [f"the policy {AUTO_MODE_ACCESS_POLICY} for the whole cluster"]
        problem = (
            Problem("its nodes start and never join the cluster", f"give role {name} {' and '.join(missing)}")
            if missing and name not in built_in
            else None
        )
        yield verdict(object_name(resource), problem, f"nodes of role {name} may join")


def access_entries(graph: Graph) -> Iterator[Mapping[str, Any]]:
    """Resources, and what the component `eks.Cluster` is told."""
    yield from (found.inputs for found in graph.of(ENTRY))
    for cluster in graph.of(COMPONENT):
        yield from (cluster.inputs.get("accessEntries") or {}).values()


def access_policies(graph: Graph) -> Iterator[Mapping[str, Any]]:
    """Policies in the cluster with their principals."""
    yield from (found.inputs for found in graph.of(ASSOCIATION))
    for entry in access_entries(graph):
        for policy in (entry.get("accessPolicies") or {}).values():
            yield {**policy, "principalArn": entry.get("principalArn")}


def _is_whole(association: Mapping[str, Any]) -> bool:
    scope = association.get("accessScope") or {}
    return last(association.get("policyArn")) == AUTO_MODE_ACCESS_POLICY and scope.get("type") == "cluster"
