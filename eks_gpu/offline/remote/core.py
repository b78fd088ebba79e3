"""The core of a cluster of pulumi-eks: what `eks.Cluster` hands to the node groups and add-ons that join it."""

from dataclasses import dataclass
from typing import Any

from eks_gpu.offline.account import Properties
from eks_gpu.offline.registered import Made
from eks_gpu.offline.remote.construction import Construction
from eks_gpu.offline.wire import items, opened, part


@dataclass(frozen=True)
class Core:
    """The core of one cluster, and the cluster itself."""

    data: Properties
    cluster: Made | None
    """The control plane; None for a cluster that is not of this run."""

    @property
    def cluster_group_id(self) -> Any:
        """Id of the security group that nodes let in: pulumi-eks's own, else that which EKS makes."""
        return self.data.get("clusterGroupId")

    def of_cluster(self, *path: str) -> Any:
        """A property of the control plane, None where it is not known."""
        if self.cluster is None:
            return None
        *parents, last = path
        return part(self.cluster.state, *parents).get(last) if parents else self.cluster[last]


def core_of(it: Construction) -> Core:
    """The core that a component's argument `cluster` stands for: an `eks.Cluster`, or its output `core`."""
    given = it.inputs.get("cluster")
    component = it.find(given)
    data = part(component.state, "core") if component else part(given)
    return of_data(it, data)


def of_data(it: Construction, data: Properties) -> Core:
    """A core from its data."""
    cluster = it.find(data.get("cluster"))
    own = it.find(data.get("clusterSecurityGroup"))
    group = own.id if own else part(cluster.state, "vpcConfig").get("clusterSecurityGroupId") if cluster else None
    return Core({**data, "clusterGroupId": group}, cluster)


def subnets_of(core: Core, *keys: str) -> list[Any] | None:
    """The first of these lists of subnets that the core has; None where it has none of them."""
    return next((items(core.data[key]) for key in keys if opened(core.data.get(key)) is not None), None)
