"""The resources of a model server, whichever it is."""

import json
from dataclasses import dataclass
from typing import Any

import pulumi_kubernetes as kubernetes
from pulumi import CustomTimeouts, Output, Resource, ResourceOptions

from ..iam.pod_identity import pod_identity
from ..values.eks_cluster import EksCluster
from ..values.gpu_pool import GpuPool
from . import parts, served
from .load_balancer import hostname, url
from .service_settings import ModelService


@dataclass(frozen=True, slots=True)
class Made:
    """What other resources need of a server."""

    url: Output[str]
    deployment_name: Output[str]
    service_name: Output[str]
    namespace: Output[str]

    def outputs(self) -> dict[str, Any]:
        """Outputs of the component."""
        return {
            "url": self.url,
            "deployment_name": self.deployment_name,
            "service_name": self.service_name,
            "namespace": self.namespace,
        }


def create(
    parent: Resource, name: str, pool: GpuPool, server: served.Served, service: ModelService, cluster: EksCluster | None
) -> Made:
    """Creates the server's objects under the component `parent`."""
    before: list[Resource] = []
    if service.create_namespace:
        space = parts.namespace(service.namespace, service.load_balancer)
        before.append(kubernetes.core.v1.Namespace(name, **space, opts=ResourceOptions(parent=parent)))
    opts = ResourceOptions(parent=parent, depends_on=before)
    budget = parts.disruption_budget(name, service.namespace, served.labels(name, server))
    kubernetes.policy.v1.PodDisruptionBudget(name, **budget, opts=opts)
    kubernetes.networking.v1.NetworkPolicy(name, **served.network_policy(name, server, service), opts=opts)
    reached = kubernetes.core.v1.Service(name, **served.service_object(name, server, service), opts=opts)

    timeout = f"{served.progress_s(server) // 60 + 5}m"  # beyond the Deployment's own deadline, whose reason says more
    opts = ResourceOptions(
        parent=parent,
        # The gate that holds a pod for unready is put on those that start after the load balancer.
        depends_on=[reached, *_access_to_model(parent, name, server, service, cluster, before)],
        custom_timeouts=CustomTimeouts(create=timeout, update=timeout),
    )
    if server.workers:
        group = served.leader_worker_set(name, pool, server, service)
        pods: Any = kubernetes.apiextensions.CustomResource(name, **group, opts=opts)
    else:
        pods = kubernetes.apps.v1.Deployment(name, **served.deployment(name, pool, server, service), opts=opts)
    return Made(
        _url(name, server, service, reached),
        pods.metadata["name"],
        reached.metadata["name"],
        pods.metadata["namespace"],
    )


def _access_to_model(
    parent: Resource,
    name: str,
    server: served.Served,
    service: ModelService,
    cluster: EksCluster | None,
    before: list[Resource],
) -> list[Resource]:
    """Service account and role for a model in S3, which pods must wait for."""
    if not server.s3_uri or cluster is None:
        return []
    account = kubernetes.core.v1.ServiceAccount(
        name,
        **parts.service_account(name, service.namespace),
        opts=ResourceOptions(parent=parent, depends_on=before),
    )
    policy = Output.from_input(json.dumps(parts.read_policy(server.s3_uri, cluster["region"])))
    _, permissions = pod_identity(parent, name, cluster, service.namespace, name, policy=policy)
    return [account, *permissions]


def _url(name: str, server: served.Served, service: ModelService, reached: kubernetes.core.v1.Service) -> Output[str]:
    inside, balancer = f"{name}.{service.namespace}.svc", service.load_balancer
    if balancer is None:
        return reached.metadata["name"].apply(lambda _: f"http://{inside}:{server.port}")
    return reached.status.apply(lambda status: url(balancer, inside, hostname(status), server.port))
