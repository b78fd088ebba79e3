"""NodeTerminationHandler: drains nodes of self-managed groups before AWS takes them away."""

import json
from collections.abc import Mapping
from typing import Any, NotRequired

import pulumi_kubernetes as kubernetes
from pulumi import ComponentResource, Input, Output, ResourceOptions
from pydantic import Field
from typing_extensions import TypedDict

from . import catalog
from .catalog.name_limits import EVENT_RULES, QUEUES, ROLES
from .iam.pod_identity import pod_identity
from .nodes.interruption_queue import create_interruption_queue, queue_resource, rule_names
from .values.eks_cluster import EksCluster
from .values.names import check_name
from .values.value import Value, check

NAMESPACE = "kube-system"
SERVICE_ACCOUNT = "aws-node-termination-handler"
_SELECTOR = {"app.kubernetes.io/name": catalog.TERMINATION_HANDLER_CHART.short_name}


class NodeTerminationHandlerSettingsArgs(TypedDict):
    """Where the handler runs and when it drains."""

    drain_s: NotRequired[int]
    """Seconds that the pods of a node have to end, 30 to 7140; the longest `drain_s` of its groups.
    Default 120, what a Spot notice leaves."""
    rebalance_recommendations: NotRequired[bool]
    """Whether a node is drained as soon as EC2 sees a risk for its Spot capacity.
    Default no: the node may stay for days, and its pods would end for nothing."""
    replicas: NotRequired[int]
    """Pods, which share the work. Default 2: a Spot notice does not wait for a pod to start."""
    node_labels: NotRequired[Mapping[str, str]]
    """Labels of the nodes it runs on, never of those that it drains.
    Default eks-gpu-components/role=system, the label of `Cluster`'s system nodes."""


class NodeTerminationHandlerArgs(TypedDict):
    """The arguments of the handler, which a cluster needs once."""

    cluster: EksCluster
    """The cluster whose groups it drains: those with `drain_s`."""
    settings: NotRequired[NodeTerminationHandlerSettingsArgs]
    """Where the handler runs and when it drains."""


class NodeTerminationHandlerSettings(Value):
    """NodeTerminationHandlerSettingsArgs as a checked value."""

    drain_s: int = Field(default=catalog.DRAIN_S, ge=catalog.MIN_DRAIN_S, le=catalog.MAX_DRAIN_S)
    rebalance_recommendations: bool = False
    replicas: int = Field(default=2, ge=1)
    node_labels: Mapping[str, str] = catalog.SYSTEM_NODE_LABELS

    @property
    def events(self) -> tuple[catalog.Event, ...]:
        """Events that the handler acts on."""
        more = (catalog.REBALANCE_RECOMMENDATION,) if self.rebalance_recommendations else ()
        return (*catalog.HANDLER_EVENTS, *more)


class NodeTerminationHandlerSpec(Value):
    """NodeTerminationHandlerArgs as a checked value."""

    cluster: Any
    settings: NodeTerminationHandlerSettings = Field(default_factory=NodeTerminationHandlerSettings)


class NodeTerminationHandler(ComponentResource):
    """The handler's chart, the queue of events that it reads, and a role that may do this and no more.

    Let groups depend on the handler: it is then there before their first node, and until the last has gone.
    """

    queue_name: Output[str]
    """Name of the SQS queue that the handler reads events from."""
    role_arn: Output[str]
    """ARN of the IAM role of the handler's pods."""

    def __init__(self, name: str, args: NodeTerminationHandlerArgs, opts: ResourceOptions | None = None):
        """Installs the handler.

        name: begins the names of all that the component makes; a new name replaces it.
        args: see `NodeTerminationHandlerArgs`.
        opts: Pulumi's options, with the Kubernetes provider of the cluster.
        Raises BadInput, with every problem, before anything is registered.
        """
        spec = check(NodeTerminationHandlerSpec, args)
        events = spec.settings.events
        check_name(name, {ROLES: [name], EVENT_RULES: rule_names(name, events), QUEUES: [queue_resource(name)]})
        super().__init__("eks-gpu-components:index:NodeTerminationHandler", name, args, opts)

        cluster: EksCluster = spec.cluster
        # With the name that Pulumi makes: Karpenter's queue has the cluster's.
        queue = create_interruption_queue(name, events, self)
        scope = Output.all(cluster["name"], queue.arn)
        role, permissions = pod_identity(
            self,
            name,
            cluster,
            NAMESPACE,
            SERVICE_ACCOUNT,
            policy=scope.apply(lambda known: json.dumps(handler_policy(known[0], known[1], cluster["region"]))),
        )
        kubernetes.helm.v3.Release(
            name,
            name=SERVICE_ACCOUNT,
            namespace=NAMESPACE,
            **catalog.TERMINATION_HANDLER_CHART.for_helm(),
            values=chart_values(spec.settings, cluster["name"], cluster["region"], queue.url),
            opts=ResourceOptions(parent=self, depends_on=permissions),
        )

        self.queue_name, self.role_arn = queue.name, role.arn
        self.register_outputs({"queue_name": self.queue_name, "role_arn": self.role_arn})


def chart_values(
    settings: NodeTerminationHandlerSettings, cluster_name: Input[str], region: str, queue_url: Input[str]
) -> dict[str, Any]:
    """Values of the chart where they differ from its own."""
    values: dict[str, Any] = {
        "fullnameOverride": SERVICE_ACCOUNT,
        "serviceAccount": {"create": True, "name": SERVICE_ACCOUNT},
        "enableSqsTerminationDraining": True,
        "queueURL": queue_url,
        "awsRegion": region,  # pods cannot ask the instance metadata
        "checkTagBeforeDraining": True,
        "managedTag": Output.from_input(cluster_name).apply(catalog.drained_tag),
        "nodeTerminationGracePeriod": settings.drain_s,
        "replicas": settings.replicas,
        "nodeSelector": dict(settings.node_labels),
        "tolerations": catalog.SYSTEM_TOLERATIONS,
        "resources": {"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"memory": "256Mi"}},
    }
    if settings.replicas > 1:
        values["podDisruptionBudget"] = {"maxUnavailable": 1}
        values["topologySpreadConstraints"] = [
            {
                "maxSkew": 1,
                "topologyKey": catalog.HOSTNAME_LABEL,
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": {"matchLabels": _SELECTOR},
            }
        ]
    return values


def handler_policy(cluster_name: str, queue_arn: str, region: str) -> dict[str, Any]:
    """Read its own queue, see instances, and let go of nodes of this cluster alone.

    Source: AWS Node Termination Handler 1.25, README.md and what its queue mode calls.
    """
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "Hear",
                "Effect": "Allow",
                "Action": ["sqs:DeleteMessage", "sqs:ReceiveMessage"],
                "Resource": queue_arn,
            },
            {"Sid": "See", "Effect": "Allow", "Action": "ec2:DescribeInstances", "Resource": "*"},
            {
                "Sid": "LetGo",
                "Effect": "Allow",
                "Action": "autoscaling:CompleteLifecycleAction",
                "Resource": f"arn:{catalog.partition(region)}:autoscaling:{region}:*:autoScalingGroup:*",
                "Condition": {"StringEquals": {f"aws:ResourceTag/{catalog.drained_tag(cluster_name)}": "true"}},
            },
        ],
    }
