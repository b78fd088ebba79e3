"""Kueue: lets a job start when there is quota for all of its pods, and no half of a gang holds GPUs."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NotRequired, Self

from pulumi import ComponentResource, Output, ResourceOptions
from pydantic import Field, field_validator, model_validator
from typing_extensions import TypedDict

from . import catalog
from .control_plane.charts import create_release
from .values.arg_words import KueueIntegrationArg
from .values.validation_messages import refused
from .values.value import Value, check
from .values.words import KueueIntegration

RELEASE = "kueue"
WAIT_S = 1200
"""Seconds in which a gang's pods must be Ready: those of a cold start, and some for the pods' own start."""


class AllOrNothingArgs(TypedDict):
    """How long Kueue waits for the pods of a gang that has its quota, and what it does then."""

    timeout_s: NotRequired[int]
    """Seconds from a gang's start in which all of its pods must be Ready, 960 or more: the first pod of an empty pool
    may wait so long for its node and image. After that the gang gives its quota back and waits again. Default 1200.
    """
    recovery_s: NotRequired[int]
    """Seconds in which a lost pod of a running gang must be Ready again. After that the whole gang gives its quota back
    and waits again. Default as `timeout_s`.
    """
    backoff_s: NotRequired[int]
    """Seconds that such a gang is passed over, twice as long each further time and an hour at most. Default 60."""
    retries: NotRequired[int]
    """Number of times that a gang waits again; then Kueue gives it up. Default no end."""


class KueueSettingsArgs(TypedDict):
    """Settings of Kueue: which jobs it queues, and where it runs."""

    integrations: NotRequired[list[KueueIntegrationArg]]
    """Kinds that it queues: job, jobset, trainjob, leaderworkerset, mpijob, pytorchjob, raycluster, rayjob, deployment,
    statefulset or pod; job is always among them. With leaderworkerset, deployment, statefulset or pod its webhook holds
    back pods, and no pod outside kube-system can be created while Kueue is down. Default job, jobset, trainjob.
    """
    manage_jobs_without_queue_name: NotRequired[bool]
    """Whether a job of these kinds that names no queue is suspended until it does. Default no: such a job starts at
    once, and beside the quota.
    """
    all_or_nothing: NotRequired[AllOrNothingArgs]
    """How long Kueue waits for the pods of a gang, and what it does then."""
    replicas: NotRequired[int]
    """Number of pods. One does the work, and all answer the webhooks. Default 2: without an answer no job can be
    created.
    """
    node_labels: NotRequired[Mapping[str, str]]
    """Labels of the nodes that its pods run on. Default eks-gpu-components/role=system, the label of `Cluster`'s system
    nodes.
    """


class KueueArgs(TypedDict):
    """The arguments of Kueue, which a cluster needs once."""

    settings: NotRequired[KueueSettingsArgs]
    """Settings of Kueue: which jobs it queues, and where it runs."""
    namespace: NotRequired[str]
    """Namespace that is created for Kueue. Default kueue-system."""


class AllOrNothing(Value):
    """AllOrNothingArgs as a checked value."""

    timeout_s: int = Field(default=WAIT_S, ge=catalog.COLD_START_S)
    recovery_s: int | None = Field(default=None, ge=1)
    backoff_s: int = Field(default=60, ge=1, le=3600)
    retries: int | None = Field(default=None, ge=0)

    def for_kueue(self) -> dict[str, Any]:
        """`waitForPodsReady` of its configuration. Source: Kueue 0.17.0, apis/config/v1beta2."""
        again: dict[str, Any] = {"timestamp": "Eviction", "backoffBaseSeconds": self.backoff_s}
        if self.retries is not None:
            again["backoffLimitCount"] = self.retries
        return {
            "timeout": f"{self.timeout_s}s",
            "recoveryTimeout": f"{self.timeout_s if self.recovery_s is None else self.recovery_s}s",
            "requeuingStrategy": again,
        }


class KueueSettings(Value):
    """KueueSettingsArgs as a checked value."""

    integrations: tuple[KueueIntegration, ...] = ("job", "jobset", "trainjob")
    manage_jobs_without_queue_name: bool = False
    all_or_nothing: AllOrNothing = Field(default_factory=AllOrNothing)
    replicas: int = Field(default=2, ge=1)
    node_labels: Mapping[str, str] = catalog.SYSTEM_NODE_LABELS

    @field_validator("integrations")
    @classmethod
    def _once_each(cls, words: tuple[KueueIntegration, ...]) -> tuple[KueueIntegration, ...]:
        if not words or len(set(words)) < len(words):
            raise refused("must have one entry or more, none of them twice")
        return words

    @property
    def frameworks(self) -> list[str]:
        """The kinds as Kueue's configuration names them, with Jobs in any case, and pods where a kind needs them.

        Without Jobs among them Kueue 0.17.0 panics over each Job of a JobSet, and refuses it.
        """
        more = ["job", *(["pod"] if catalog.QUEUED_BY_PODS.intersection(self.integrations) else [])]
        return [catalog.KUEUE_INTEGRATIONS[word] for word in dict.fromkeys([*self.integrations, *more])]


class KueueSpec(Value):
    """KueueArgs as a checked value."""

    settings: KueueSettings = Field(default_factory=KueueSettings)
    namespace: str = catalog.KUEUE_NAMESPACE

    @model_validator(mode="after")
    def _has_its_own_namespace(self) -> Self:
        if self.namespace in ("default", "kube-system"):
            raise ValueError(f"namespace must be Kueue's own, where it queues no jobs, got {self.namespace}")
        return self


class Kueue(ComponentResource):
    """Kueue's Helm chart. Let each `TrainingQueue` depend on it, and so the jobs: the chart brings their kinds, and its
    webhooks must answer.
    """

    namespace: Output[str]
    """Namespace that Kueue runs in."""

    def __init__(self, name: str, args: KueueArgs, opts: ResourceOptions | None = None):
        """Installs Kueue.

        name: begins the names of all that the component makes; a new name replaces it.
        args: see `KueueArgs`.
        opts: Pulumi's options, with the Kubernetes provider of the cluster, and `depends_on` the controllers whose
        kinds it queues: it looks for kinds when it starts, and then with growing pauses.
        Raises BadInput, with every problem, before anything is registered.
        """
        spec = check(KueueSpec, args)
        super().__init__("eks-gpu-components:index:Kueue", name, args, opts)

        self.namespace = create_release(
            name, catalog.KUEUE_CHART, RELEASE, spec.namespace, chart_values(spec.settings, spec.namespace), self, opts
        )
        self.register_outputs({"namespace": self.namespace})


def chart_values(settings: KueueSettings, namespace: str = catalog.KUEUE_NAMESPACE) -> dict[str, Any]:
    """The values of the chart that differ from its defaults. Source: chart 0.17.0, values.yaml."""
    values: dict[str, Any] = {
        "fullnameOverride": RELEASE,
        "controllerManager": {
            "replicas": settings.replicas,
            "nodeSelector": dict(settings.node_labels),
            "tolerations": catalog.SYSTEM_TOLERATIONS,
            "manager": {"resources": {"requests": {"cpu": "100m", "memory": "256Mi"}, "limits": {"memory": "1Gi"}}},
        },
        # As one text, of which the chart keeps nothing of its own; JSON is YAML.
        "managerConfig": {
            "controllerManagerConfigYaml": json.dumps(configuration(settings, [namespace, "kube-system"]), indent=2)
        },
    }
    if settings.replicas > 1:
        values["controllerManager"]["podDisruptionBudget"] = {"enabled": True, "minAvailable": 1}
    return values


def configuration(settings: KueueSettings, left_alone: Sequence[str]) -> dict[str, Any]:
    """Kueue's Configuration; jobs of the namespaces `left_alone` are never queued.

    Source: Kueue 0.17.0, apis/config/v1beta2, and the configuration in the chart's values.yaml.
    """
    return {
        "apiVersion": "config.kueue.x-k8s.io/v1beta2",
        "kind": "Configuration",
        "health": {"healthProbeBindAddress": ":8081"},
        "metrics": {"bindAddress": ":8443", "enableClusterQueueResources": True},
        "webhook": {"port": 9443},
        "leaderElection": {"leaderElect": True, "resourceName": "c1f6bfd2.kueue.x-k8s.io"},
        "clientConnection": {"qps": 50, "burst": 100},
        "manageJobsWithoutQueueName": settings.manage_jobs_without_queue_name,
        "managedJobsNamespaceSelector": {
            "matchExpressions": [
                {"key": catalog.NAMESPACE_NAME_LABEL, "operator": "NotIn", "values": sorted(left_alone)}
            ]
        },
        "waitForPodsReady": settings.all_or_nothing.for_kueue(),
        "integrations": {"frameworks": settings.frameworks},
    }
