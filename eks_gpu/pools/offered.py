"""What a cluster's software must do before its nodes offer a network interface that a controller counts beforehand."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from eks_gpu.graph.graph import Graph
from eks_gpu.graph.kubernetes_objects import kubernetes_objects
from eks_gpu.karpenter.objects import part
from eks_gpu.pods.pod import Pod
from eks_gpu.pools.cluster_of import Owners, same_cluster
from eks_gpu.pools.pool import AUTO_MODE, Pool
from eks_gpu.pools.software import ADDON, configuration, software
from eks_gpu_components.catalog import VPC_CNI
from eks_gpu_components.catalog.addons import EFA_PROGRAMS, POD_ENI_SETTING, VPC_CNI_CHART
from eks_gpu_components.catalog.scheduling import BRANCH_INTERFACE_RESOURCE, EFA_RESOURCE

_CNI_COMPONENTS = ("eks:index:VpcCniAddon", "eks:index:VpcCni")
_CNI_DAEMON = "aws-node"


@dataclass(frozen=True, slots=True)
class NotOffered:
    """Why a pod that a pool takes may stay Pending on its nodes."""

    resource: str
    says: str
    """A clause."""
    fix: str
    """A clause."""


def not_offered(graph: Graph, pool: Pool, pod: Pod) -> Iterator[NotOffered]:
    """Resources that the pod asks for, of which nothing in the pool's cluster is seen to make nodes offer them."""
    if pool.backend == AUTO_MODE:  # it brings EFA's device plugin
        asked = [name for name in pod.requests if pool.node and name in pool.node.unknown]
        yield from (NotOffered(name, f"whether Auto Mode's nodes have {name} is not judged", "") for name in asked)
        return
    for resource, (is_offered, what) in _OFFERED_BY.items():
        if pod.requests.get(resource) and not is_offered(graph, pool.cluster):
            yield NotOffered(resource, f"nothing in the stack makes its nodes offer {resource}", what)


def _efa_is_offered(graph: Graph, cluster: str) -> bool:
    owners = Owners(graph)
    charts = [one.chart for one in software(graph) if same_cluster(owners.at(one.urn), cluster)]
    addons = [str(one.inputs.get("addonName")) for one in graph.of(ADDON)]
    daemons = [
        text
        for resource, body in kubernetes_objects(graph)
        if body["kind"] == "DaemonSet" and same_cluster(owners.of(resource), cluster)
        for text in (body["metadata"]["name"], *_images(body))
    ]
    return any(program in text for program in EFA_PROGRAMS for text in (*charts, *addons, *daemons))


def _branches_are_offered(graph: Graph, cluster: str) -> bool:
    """True as well where the add-on's configuration cannot be read."""
    owners = Owners(graph)
    for addon in graph.of(ADDON):
        if addon.inputs.get("addonName") == VPC_CNI and same_cluster(
            str(addon.inputs.get("clusterName") or ""), cluster
        ):
            told = configuration(addon)
            if told is None or _is_true(part(told, "env").get(POD_ENI_SETTING)):
                return True
    for release in software(graph):
        if release.chart == VPC_CNI_CHART and _is_true(release.value("env", POD_ENI_SETTING)):
            return True
    for component in graph.of(*_CNI_COMPONENTS, "eks:index:Cluster"):
        told = component.inputs.get("vpcCniOptions") or component.inputs
        if _is_true(told.get("enablePodEni")):
            return True
    return any(
        body["kind"] == "DaemonSet" and body["metadata"]["name"] == _CNI_DAEMON and _sets(body)
        for resource, body in kubernetes_objects(graph)
        if same_cluster(owners.of(resource), cluster)
    )


def _containers(body: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return list(part(body, "spec", "template", "spec").get("containers") or ())


def _images(body: Mapping[str, Any]) -> Iterator[str]:
    return (str(container.get("image") or "") for container in _containers(body))


def _sets(body: Mapping[str, Any]) -> bool:
    variables = (one for container in _containers(body) for one in container.get("env") or ())
    return any(one.get("name") == POD_ENI_SETTING and _is_true(one.get("value")) for one in variables)


def _is_true(value: Any) -> bool:
    return str(value).lower() == "true"


_OFFERED_BY: Mapping[str, tuple[Callable[[Graph, str], bool], str]] = {
    EFA_RESOURCE: (_efa_is_offered, f"install the device plugin of EFA, Helm chart {EFA_PROGRAMS[0]}"),
    BRANCH_INTERFACE_RESOURCE: (
        _branches_are_offered,
        f'set env.{POD_ENI_SETTING} to "true" in the configuration of the add-on {VPC_CNI}',
    ),
}
INTERFACES = tuple(_OFFERED_BY)
"""Resources that a controller counts before any software offers them."""
