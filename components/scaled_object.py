"""ScaledObject: how many replicas a workload has on a GPU pool, from none up, by what waits for it."""

from typing import Any, NotRequired, Self

import pulumi_kubernetes as kubernetes
from pulumi import ComponentResource, Output, Resource, ResourceOptions
from pydantic import Field, model_validator
from typing_extensions import TypedDict

from .catalog.keda import KEDA_API_VERSION, KEDA_COOLDOWN_S, KEDA_POLLING_S
from .inference.scaling import (
    CronTriggerArgs,
    PrometheusTriggerArgs,
    SqsTriggerArgs,
    Triggers,
    trigger_authentication,
)
from .values.gpu_pool import GpuPool
from .values.gpu_pool_args import GpuPoolArgs
from .values.value import Value, check

MAX_STABILIZATION_S = 3600
"""Source: Kubernetes 1.36, HPAScalingRules.stabilizationWindowSeconds."""


class ScaleTargetArgs(TypedDict):
    """The workload that is scaled."""

    name: str
    """Name of the workload in Kubernetes."""
    namespace: NotRequired[str]
    """Namespace of the workload, and of the ScaledObject. Default default."""
    kind: NotRequired[str]
    """Kind of the workload, which must have the subresource `scale`. Default Deployment."""
    api_version: NotRequired[str]
    """API version of the kind. Default apps/v1."""


class FallbackArgs(TypedDict):
    """The number of replicas while a trigger cannot be read."""

    replicas: int
    """Number of replicas."""
    failures: NotRequired[int]
    """How many times in a row a trigger must fail. Default 3."""


class ScaledObjectSettingsArgs(TypedDict):
    """What starts and ends replicas, and how fast. At least one trigger; with several, the highest number counts."""

    min_replicas: NotRequired[int]
    """Minimum number of replicas, whatever the triggers say. Default 0."""
    max_replicas: NotRequired[int]
    """Maximum number of replicas. Default as many as the pool has GPUs for."""
    cooldown_s: NotRequired[int]
    """Seconds without an active trigger before the last replica is removed. Default 300."""
    polling_s: NotRequired[int]
    """Seconds between two looks at the triggers while there is no replica. Default 30."""
    scale_up_wait_s: NotRequired[int]
    """Seconds over which the lowest wanted number counts before replicas are added, at most 3600. Default 0."""
    scale_down_wait_s: NotRequired[int]
    """Seconds over which the highest wanted number counts before replicas are removed, at most 3600. Default 300."""
    fallback: NotRequired[FallbackArgs]
    """The number of replicas while a trigger cannot be read, which never starts the first one. Default none: the number
    stays.
    """
    cron: NotRequired[CronTriggerArgs]
    """Scales on a schedule. Default none."""
    prometheus: NotRequired[PrometheusTriggerArgs]
    """Scales on a Prometheus query. Default none."""
    sqs: NotRequired[SqsTriggerArgs]
    """Scales on the messages in an SQS queue. Default none."""


class ScaledObjectArgs(TypedDict):
    """A workload on the nodes of a pool, and what starts and ends its replicas."""

    target: ScaleTargetArgs
    """The workload. It must not state its own number of replicas, and no other autoscaler may scale it."""
    pool: GpuPoolArgs
    """The GPU pool whose nodes the replicas run on."""
    gpus_per_replica: NotRequired[int]
    """GPUs that all pods of one replica request together. Default 1."""
    settings: ScaledObjectSettingsArgs
    """What starts and ends replicas, and how fast."""


class ScaleTarget(Value):
    """The workload, checked."""

    name: str = Field(min_length=1)
    namespace: str = Field(default="default", min_length=1)
    kind: str = Field(default="Deployment", min_length=1)
    api_version: str = Field(default="apps/v1", min_length=1)


class Fallback(Value):
    """The fallback, checked."""

    replicas: int = Field(ge=0)
    failures: int = Field(default=3, ge=1)


class ScaledObjectSettings(Triggers):
    """The settings, checked."""

    min_replicas: int = Field(default=0, ge=0)
    max_replicas: int | None = Field(default=None, ge=1)
    cooldown_s: int = Field(default=KEDA_COOLDOWN_S, ge=0)
    polling_s: int = Field(default=KEDA_POLLING_S, ge=1)
    scale_up_wait_s: int = Field(default=0, ge=0, le=MAX_STABILIZATION_S)
    scale_down_wait_s: int = Field(default=300, ge=0, le=MAX_STABILIZATION_S)
    fallback: Fallback | None = None

    @model_validator(mode="after")
    def _wakes(self) -> Self:
        if self.min_replicas == 0 or not self.triggers:
            self.demand_one_that_wakes()
        return self


class ScaledObjectSpec(Value):
    """ScaledObjectArgs as a checked value."""

    target: ScaleTarget
    pool: GpuPool
    gpus_per_replica: int = Field(default=1, ge=1)
    settings: ScaledObjectSettings

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        settings, room = self.settings, self.room
        problems = []
        if not room:
            problems.append(f"gpus_per_replica must be at most what the pool has, got {self.gpus_per_replica}")
        elif self.max_replicas > room:
            of = f"{self.pool.stated_size}, {self.gpus_per_replica} for each"
            problems.append(f"settings.max_replicas must be at most {room}, for which the pool has GPUs ({of})")
        for field, given in (
            ("min_replicas", settings.min_replicas),
            ("cron.replicas", settings.cron.replicas if settings.cron else 0),
            ("fallback.replicas", settings.fallback.replicas if settings.fallback else 0),
        ):
            if room and given > self.max_replicas:
                problems.append(f"settings.{field} must be at most the maximum of {self.max_replicas}, got {given}")
        if problems:
            raise ValueError("; ".join(problems))
        return self

    @property
    def room(self) -> int:
        """Replicas for which the pool has GPUs; one that is larger than a node has nodes of its own."""
        on_a_node = self.pool.resources_per_node // self.gpus_per_replica
        if on_a_node:
            return self.pool.max_nodes_for_pods * on_a_node
        return self.pool.max_nodes_for_pods // -(-self.gpus_per_replica // self.pool.resources_per_node)

    @property
    def max_replicas(self) -> int:
        """The number given, or as many as the pool has GPUs for."""
        return self.room if self.settings.max_replicas is None else self.settings.max_replicas


class ScaledObject(ComponentResource):
    """KEDA's ScaledObject, and what its triggers ask AWS as. Let it depend on `KedaOperator`, which brings its kind,
    and on the workload.
    """

    max_replicas: Output[int]
    """Maximum number of replicas."""

    def __init__(self, name: str, args: ScaledObjectArgs, opts: ResourceOptions | None = None):
        """Makes the ScaledObject `name` in the namespace of its target.

        name: begins the names of all that the component makes; a new name replaces it.
        args: see `ScaledObjectArgs`.
        opts: Pulumi's options, with the Kubernetes provider of the cluster.
        Raises BadInput, with every problem, before anything is registered.
        """
        spec = check(ScaledObjectSpec, args)
        super().__init__("eks-gpu-components:index:ScaledObject", name, args, opts)

        custom = kubernetes.apiextensions.CustomResource
        before: list[Resource] = []
        if spec.settings.sqs:
            asks_as = trigger_authentication(name, spec.target.namespace)
            before.append(custom(f"{name}-authentication", **asks_as, opts=ResourceOptions(parent=self)))
        custom(name, **manifest(name, spec), opts=ResourceOptions(parent=self, depends_on=before))

        self.max_replicas = Output.from_input(spec.max_replicas)
        self.register_outputs({"max_replicas": self.max_replicas})


def manifest(name: str, spec: ScaledObjectSpec) -> dict[str, Any]:
    """The ScaledObject. Source: KEDA 2.21, ScaledObject specification."""
    settings, target = spec.settings, spec.target
    fallback = settings.fallback
    return {
        "api_version": KEDA_API_VERSION,
        "kind": "ScaledObject",
        "metadata": {"name": name, "namespace": target.namespace},
        "spec": {
            "scaleTargetRef": {"apiVersion": target.api_version, "kind": target.kind, "name": target.name},
            "minReplicaCount": settings.min_replicas,
            "maxReplicaCount": spec.max_replicas,
            "cooldownPeriod": settings.cooldown_s,
            "pollingInterval": settings.polling_s,
            **(
                {"fallback": {"failureThreshold": fallback.failures, "replicas": fallback.replicas}} if fallback else {}
            ),
            "advanced": {
                "horizontalPodAutoscalerConfig": {
                    "behavior": {
                        "scaleUp": {"stabilizationWindowSeconds": settings.scale_up_wait_s},
                        "scaleDown": {"stabilizationWindowSeconds": settings.scale_down_wait_s},
                    }
                }
            },
            "triggers": [trigger.rendered(authentication=name) for trigger in settings.triggers],
        },
    }
