"""Outputs that providers add to the inputs of a resource."""

from collections.abc import Mapping
from typing import Any, Protocol

from eks_gpu.graph.graph import Resource
from eks_gpu.offline.account import Account
from eks_gpu_components.catalog import stand_ins


class References(Protocol):
    """Who knows the resources that a remote component hands out."""

    def reference(self, parent: str, type_: str, name: str, state: Mapping[str, Any]) -> dict[str, str]:
        """A resource as the output of another."""
        ...


def outputs_of(account: Account, resource: Resource, _: References) -> dict[str, Any]:
    """Outputs known here, `id` among them; empty for a type of another provider."""
    return stand_ins.outputs_of(account.region, resource)


def kubeconfig_of(cluster: str, region: str) -> dict[str, Any]:
    command = {"apiVersion": "client.authentication.k8s.io/v1beta1", "command": "aws"}
    user = {"exec": {**command, "args": ["eks", "get-token", "--cluster-name", cluster, "--region", region]}}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": cluster, "cluster": {"server": f"https://{cluster}"}}],
        "contexts": [{"name": cluster, "context": {"cluster": cluster, "user": cluster}}],
        "current-context": cluster,
        "users": [{"name": cluster, "user": user}],
    }
