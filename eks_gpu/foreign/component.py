"""`eks.Cluster` of pulumi-eks: the engine's files have its resources, not its arguments, which the planner needs.

Source: pulumi-eks 4.4, its schema.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from eks_gpu.graph.graph import Resource
from eks_gpu.pools.clusters import COMPONENT, RESOURCE

_NODE_GROUPS = ("aws:eks/nodeGroup:NodeGroup", "aws:autoscaling/group:Group", "aws:cloudformation/stack:Stack")
_VPC_CONFIG = {
    "subnetIds": "subnetIds",
    "endpointPublicAccess": "endpointPublicAccess",
    "endpointPrivateAccess": "endpointPrivateAccess",
    "publicAccessCidrs": "publicAccessCidrs",
}


def with_inputs(resources: Mapping[str, Resource]) -> dict[str, Resource]:
    """Each component without inputs gets those that its own cluster speaks of."""
    found = dict(resources)
    for component in resources.values():
        if component.type != COMPONENT or component.inputs:
            continue
        inside = [each for each in resources.values() if each.parent == component.urn]
        cluster = next((each for each in inside if each.type == RESOURCE), None)
        if cluster:
            default_group = any(each.type in _NODE_GROUPS for each in inside)
            inputs = {**_inputs(cluster.inputs), "skipDefaultNodeGroup": not default_group}
            found[component.urn] = replace(component, inputs=inputs)
    return found


def _inputs(cluster: Mapping[str, Any]) -> dict[str, Any]:
    access, vpc = cluster.get("accessConfig") or {}, cluster.get("vpcConfig") or {}
    compute = cluster.get("computeConfig") or {}
    found = {
        "name": cluster.get("name"),
        "version": cluster.get("version"),
        "authenticationMode": access.get("authenticationMode"),
        "deletionProtection": cluster.get("deletionProtection"),
        **{name: vpc.get(told) for name, told in _VPC_CONFIG.items()},
        "autoMode": {"enabled": True, "computeConfig": compute} if compute.get("enabled") else None,
    }
    return {name: value for name, value in found.items() if value is not None}
