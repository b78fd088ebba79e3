"""AwsLoadBalancerController: creates the network load balancers that Services ask for, and deletes them."""

import json
from collections.abc import Mapping
from typing import Any, NotRequired, Self

import pulumi_kubernetes as kubernetes
from pulumi import ComponentResource, Input, Output, ResourceOptions
from pydantic import Field, model_validator
from typing_extensions import TypedDict

from . import catalog
from .catalog.name_limits import ROLES
from .iam.load_balancer_policy import load_balancer_policy
from .iam.pod_identity import pod_identity
from .values.eks_cluster import EksCluster
from .values.names import check_name
from .values.value import Value, check

NAMESPACE = "kube-system"
SERVICE_ACCOUNT = "aws-load-balancer-controller"


class AwsLoadBalancerControllerSettingsArgs(TypedDict):
    """Settings of the controller: where it runs, and which Services it handles."""

    replicas: NotRequired[int]
    """Number of pods. One does the work, and all answer the webhooks. Default 2: pods with a readiness gate need an
    answer to start.
    """
    service_mutator_webhook: NotRequired[bool]
    """Whether the controller also handles LoadBalancer Services without a class. Default no: with it no Service can be
    created while the controller is down.
    """
    node_labels: NotRequired[Mapping[str, str]]
    """Labels of the nodes that its pods run on. Default eks-gpu-components/role=system, the label of `Cluster`'s system
    nodes.
    """


class AwsLoadBalancerControllerArgs(TypedDict):
    """The arguments of the controller, which a cluster needs once."""

    cluster: EksCluster
    """A cluster without Auto Mode; Auto Mode has its own controller."""
    settings: NotRequired[AwsLoadBalancerControllerSettingsArgs]
    """Settings of the controller: where it runs, and which Services it handles."""


class AwsLoadBalancerControllerSettings(Value):
    """The settings, checked."""

    replicas: int = Field(default=2, ge=1)
    service_mutator_webhook: bool = False
    node_labels: Mapping[str, str] = catalog.SYSTEM_NODE_LABELS


class AwsLoadBalancerControllerSpec(Value):
    """AwsLoadBalancerControllerArgs as a checked value."""

    cluster: Any
    settings: AwsLoadBalancerControllerSettings = Field(default_factory=AwsLoadBalancerControllerSettings)

    @model_validator(mode="after")
    def _is_the_only_one(self) -> Self:
        if self.cluster.get("auto_mode"):
            raise ValueError("cluster has Auto Mode, whose own controller makes load balancers: leave this one out")
        return self


class AwsLoadBalancerController(ComponentResource):
    """The controller's Helm chart. Give Services `depends_on` it, or `pulumi destroy` leaves their load balancers,
    which cost money.
    """

    role_arn: Output[str]
    """IAM role of its pods."""

    def __init__(self, name: str, args: AwsLoadBalancerControllerArgs, opts: ResourceOptions | None = None):
        """Installs the controller.

        name: begins the names of all that the component makes; a new name replaces it.
        args: see `AwsLoadBalancerControllerArgs`.
        opts: Pulumi's options, with the Kubernetes provider of the cluster.
        Raises BadInput, with every problem, before anything is registered.
        """
        spec = check(AwsLoadBalancerControllerSpec, args)
        check_name(name, {ROLES: [name]})
        super().__init__("eks-gpu-components:index:AwsLoadBalancerController", name, args, opts)

        cluster: EksCluster = spec.cluster
        role, permissions = pod_identity(
            self,
            name,
            cluster,
            NAMESPACE,
            SERVICE_ACCOUNT,
            policy=Output.from_input(json.dumps(load_balancer_policy(cluster["region"]), separators=(",", ":"))),
        )
        kubernetes.helm.v3.Release(
            name,
            name=SERVICE_ACCOUNT,
            namespace=NAMESPACE,
            **catalog.LOAD_BALANCER_CONTROLLER_CHART.for_helm(),
            values=chart_values(spec.settings, cluster["name"], cluster["region"], cluster["vpc_id"]),
            opts=ResourceOptions(parent=self, depends_on=permissions),
        )

        self.role_arn = role.arn
        self.register_outputs({"role_arn": self.role_arn})


def chart_values(
    settings: AwsLoadBalancerControllerSettings, cluster_name: Input[str], region: str, vpc_id: Input[str]
) -> dict[str, Any]:
    """The values of the chart that differ from its defaults."""
    values: dict[str, Any] = {
        "fullnameOverride": SERVICE_ACCOUNT,
        "clusterName": cluster_name,
        # Pods cannot ask the instance metadata.
        "region": region,
        "vpcId": vpc_id,
        "serviceAccount": {"create": True, "name": SERVICE_ACCOUNT},
        "replicaCount": settings.replicas,
        "enableServiceMutatorWebhook": settings.service_mutator_webhook,
        "keepTLSSecret": True,  # or every render has a new certificate, and the old pods keep theirs
        "nodeSelector": dict(settings.node_labels),
        "tolerations": catalog.SYSTEM_TOLERATIONS,
        "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"memory": "512Mi"}},
    }
    if settings.replicas > 1:
        values["podDisruptionBudget"] = {"maxUnavailable": 1}
    return values
