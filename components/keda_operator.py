"""KedaOperator: starts the first pod of a workload when something waits for it, and removes the last one."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, NotRequired

import pulumi_kubernetes as kubernetes
from pulumi import ComponentResource, Input, Output, ResourceOptions
from pydantic import AfterValidator, Field
from typing_extensions import TypedDict

from . import catalog
from .catalog.keda import KEDA_METRICS, KEDA_OPERATOR, KEDA_WEBHOOKS, QUEUE_ACTION
from .catalog.name_limits import ROLES
from .iam.pod_identity import pod_identity
from .values.eks_cluster import EksCluster
from .values.names import check_name
from .values.validation_messages import refused
from .values.value import Value, check

NAMESPACE = "kube-system"
RELEASE = catalog.KEDA_CHART.short_name
# A name may end in `*`, for queues that begin alike; of `*` alone it would be every queue of the account.
_QUEUE_ARN = re.compile(r"arn:[a-z-]+:sqs:[a-z0-9-]+:\d{12}:(?=[*?]*[\w-])[\w*?-]+(\.fifo)?", re.ASCII)
# The chart's three programs, as its values name them: replicas, disruption budgets, spreading.
_PROGRAMS = (
    ("operator", "operator", "operator", KEDA_OPERATOR),
    ("metricsServer", "metricServer", "metricsServer", KEDA_METRICS),
    ("webhooks", "webhooks", "webhooks", KEDA_WEBHOOKS),
)


class KedaOperatorSettingsArgs(TypedDict):
    """Settings of KEDA: where it runs."""

    replicas: NotRequired[int]
    """Number of pods of each of the operator, the metrics API and the webhooks. One of each works, the others are on
    standby. Default 2: while there is no operator, nothing starts a workload's first pod.
    """
    node_labels: NotRequired[Mapping[str, str]]
    """Labels of the nodes that KEDA runs on. Default eks-gpu-components/role=system, the label of `Cluster`'s system
    nodes.
    """


class KedaOperatorArgs(TypedDict):
    """The arguments of KEDA, which a cluster needs once."""

    cluster: EksCluster
    """The cluster whose workloads KEDA scales."""
    queue_arns: NotRequired[Sequence[Input[str]]]
    """ARNs of the SQS queues that triggers look at: KEDA's role may ask for their length, and for nothing else. Default
    none.
    """
    metrics: NotRequired[bool]
    """Whether the operator serves its metrics to pods of the cluster, without which the panels of KEDA in
    `GpuObservability` stay empty. Default no.
    """
    settings: NotRequired[KedaOperatorSettingsArgs]
    """Settings of KEDA: where it runs."""


class KedaOperatorSettings(Value):
    """The settings, checked."""

    replicas: int = Field(default=2, ge=1)
    node_labels: Mapping[str, str] = catalog.SYSTEM_NODE_LABELS


def _queue_arn(given: Any) -> Any:
    """An ARN that is known; what another resource decides is not judged."""
    if isinstance(given, str) and not _QUEUE_ARN.fullmatch(given):
        raise refused("must be the ARN of a queue, as arn:aws:sqs:us-west-2:123456789012:prompts")
    return given


class KedaOperatorSpec(Value):
    """KedaOperatorArgs as a checked value."""

    cluster: Any
    queue_arns: Sequence[Annotated[Any, AfterValidator(_queue_arn)]] = ()
    metrics: bool = False
    settings: KedaOperatorSettings = Field(default_factory=KedaOperatorSettings)


class KedaOperator(ComponentResource):
    """KEDA's Helm chart: operator, metrics API and webhooks. Let every `ScaledObject` depend on it, or `pulumi destroy`
    waits for their deletion, which only the operator can finish.
    """

    role_arn: Output[str]
    """ARN of the IAM role under which triggers ask AWS."""

    def __init__(self, name: str, args: KedaOperatorArgs, opts: ResourceOptions | None = None):
        """Installs KEDA.

        name: begins the names of all that the component makes; a new name replaces it.
        args: see `KedaOperatorArgs`.
        opts: Pulumi's options, with the Kubernetes provider of the cluster.
        Raises BadInput, with every problem, before anything is registered.
        """
        spec = check(KedaOperatorSpec, args)
        check_name(name, {ROLES: [name]})
        super().__init__("eks-gpu-components:index:KedaOperator", name, args, opts)

        cluster: EksCluster = spec.cluster
        queues = Output.all(*spec.queue_arns)
        role, permissions = pod_identity(
            self,
            name,
            cluster,
            NAMESPACE,
            KEDA_OPERATOR,
            policy=queues.apply(lambda arns: json.dumps(queue_policy(arns))) if spec.queue_arns else None,
        )
        kubernetes.helm.v3.Release(
            name,
            name=RELEASE,
            namespace=NAMESPACE,
            **catalog.KEDA_CHART.for_helm(),
            values=chart_values(spec.settings, cluster["name"], spec.metrics),
            opts=ResourceOptions(parent=self, depends_on=permissions),
        )

        self.role_arn = role.arn
        self.register_outputs({"role_arn": self.role_arn})


def chart_values(settings: KedaOperatorSettings, cluster_name: Input[str], metrics: bool = False) -> dict[str, Any]:
    """The values of the chart that differ from its defaults."""
    values: dict[str, Any] = {
        "clusterName": cluster_name,
        "serviceAccount": {"operator": {"create": True, "name": KEDA_OPERATOR}},
        "priorityClassName": "system-cluster-critical",
        "nodeSelector": dict(settings.node_labels),
        "tolerations": catalog.SYSTEM_TOLERATIONS,
        **{program: {"replicaCount": settings.replicas} for program, _, _, _ in _PROGRAMS},
    }
    if metrics:
        values["prometheus"] = {"operator": {"enabled": True}}
    if settings.replicas > 1:
        values["podDisruptionBudget"] = {budget: {"maxUnavailable": 1} for _, budget, _, _ in _PROGRAMS}
        values["topologySpreadConstraints"] = {
            spread: [
                {
                    "maxSkew": 1,
                    "topologyKey": catalog.HOSTNAME_LABEL,
                    "whenUnsatisfiable": "ScheduleAnyway",
                    "labelSelector": {"matchLabels": {"app": app}},
                }
            ]
            for _, _, spread, app in _PROGRAMS
        }
    return values


def queue_policy(queue_arns: Sequence[str]) -> dict[str, Any]:
    """The IAM policy: it may ask for the length of these queues. Source: KEDA 2.21, its scaler of SQS."""
    return {
        "Version": "2012-10-17",
        "Statement": [{"Sid": "Count", "Effect": "Allow", "Action": QUEUE_ACTION, "Resource": list(queue_arns)}],
    }
