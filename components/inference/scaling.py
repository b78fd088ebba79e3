"""The number of pods of an inference service: fixed, or scaled by an HPA from one pod, or by KEDA from zero pods."""

import re
from abc import abstractmethod
from typing import Annotated, Any, NotRequired, Self

from pulumi import Input, Output
from pydantic import AfterValidator, Field, WithJsonSchema, model_validator
from typing_extensions import TypedDict

from ..catalog.keda import KEDA_API_VERSION, OF_RUNNING_PODS, PROMETHEUS_TRIGGER, SQS_TRIGGER, counts_running_pods
from ..values.patterns import like
from ..values.validation_messages import refused
from ..values.value import Value


class HpaArgs(TypedDict):
    """Scales on CPU use, from `replicas` pods, 1 or more. Needs metrics-server."""

    max_replicas: int
    """Maximum number of pods."""
    cpu_percent: NotRequired[int]
    """Target CPU use, in percent of the CPU that pods request. Default 70."""


class CronTriggerArgs(TypedDict):
    """Scales on a schedule."""

    timezone: str
    """Time zone of the cron expressions, such as Europe/Berlin."""
    start: str
    """Cron expression for the start, such as 0 8 * * 1-5."""
    end: str
    """Cron expression for the end, such as 0 18 * * 1-5."""
    replicas: int
    """Number of pods between start and end."""


class SqsTriggerArgs(TypedDict):
    """Scales on the number of messages in an SQS queue. The role of KEDA's operator must allow sqs:GetQueueAttributes
    on it: `KedaOperator` has `queue_arns` for it.
    """

    queue_url: Input[str]
    """URL of the queue, such as https://sqs.us-west-2.amazonaws.com/123456789012/pictures."""
    region: str
    """Region of the queue."""
    messages_per_replica: int
    """Number of messages for each pod."""


class PrometheusTriggerArgs(TypedDict):
    """Scales on a Prometheus query. The query must measure demand outside the pods, because at zero pods their metrics
    do not exist.
    """

    server: str
    """URL of the Prometheus server, such as http://prometheus.monitoring:9090."""
    query: str
    """PromQL query that returns one number."""
    threshold: float
    """Value of the query for each pod."""


class KedaArgs(TypedDict):
    """A KEDA ScaledObject, which scales from zero pods. Needs KEDA, and at least one trigger."""

    max_replicas: int
    """Maximum number of pods."""
    cooldown_s: NotRequired[int]
    """Seconds without an active trigger before the last pod is removed. Default 300."""
    cron: NotRequired[CronTriggerArgs]
    """Scales on a schedule. Default none."""
    sqs: NotRequired[SqsTriggerArgs]
    """Scales on the messages in an SQS queue. Default none."""
    prometheus: NotRequired[PrometheusTriggerArgs]
    """Scales on a Prometheus query. Default none."""


class Hpa(Value):
    """An HPA, checked."""

    max_replicas: int = Field(ge=1)
    cpu_percent: int = Field(default=70, ge=1, le=100)


Cron = Annotated[str, like(r"\S+( \S+){4}", "a cron expression of five fields, as 0 8 * * 1-5")]


_QUEUE_URL = re.compile(r"https://.+/.+")


def queue_url(given: Any) -> Any:
    """A queue's URL, or an output that will be one. Raises ValueError for anything else."""
    if not isinstance(given, Output) and not (isinstance(given, str) and _QUEUE_URL.fullmatch(given)):
        raise refused("must be a queue's URL, as https://sqs.us-west-2.amazonaws.com/1/pictures")
    return given


class Trigger(Value):
    """A KEDA trigger, checked."""

    @abstractmethod
    def rendered(self, authentication: str) -> dict[str, Any]:
        """A ScaledObject's trigger. `authentication` names a TriggerAuthentication. A trigger's values are strings.

        Source of each: KEDA 2.21, scalers.
        """


class CronTrigger(Trigger):
    """A cron trigger, checked."""

    timezone: str = Field(min_length=1)
    start: Cron
    end: Cron
    replicas: int = Field(ge=1)

    def rendered(self, authentication: str) -> dict[str, Any]:
        values = {"timezone": self.timezone, "start": self.start, "end": self.end}
        return {"type": "cron", "metadata": {**values, "desiredReplicas": str(self.replicas)}}


class SqsTrigger(Trigger):
    """An SQS trigger, checked."""

    queue_url: Annotated[Any, AfterValidator(queue_url), WithJsonSchema({"type": "string"})]
    region: str = Field(min_length=1)
    messages_per_replica: int = Field(ge=1)

    def rendered(self, authentication: str) -> dict[str, Any]:
        queue = {"queueURL": self.queue_url, "awsRegion": self.region, "queueLength": str(self.messages_per_replica)}
        return {"type": SQS_TRIGGER, "metadata": queue, "authenticationRef": {"name": authentication}}


class PrometheusTrigger(Trigger):
    """A Prometheus trigger, checked."""

    server: Annotated[str, like(r"https?://.+", "a URL, as http://prometheus.monitoring:9090")]
    query: str = Field(min_length=1)
    threshold: float = Field(gt=0)

    def rendered(self, authentication: str) -> dict[str, Any]:
        """A threshold of 4.0 is written 4."""
        values = {"serverAddress": self.server, "query": self.query, "threshold": f"{self.threshold:.15g}"}
        return {"type": PROMETHEUS_TRIGGER, "metadata": values}


class Triggers(Value):
    """Triggers of a ScaledObject, in the order in which it lists them."""

    cron: CronTrigger | None = None
    prometheus: PrometheusTrigger | None = None
    sqs: SqsTrigger | None = None

    @property
    def triggers(self) -> list[Trigger]:
        """The triggers that are given."""
        return [trigger for name in Triggers.model_fields if (trigger := getattr(self, name))]

    def demand_one_that_wakes(self) -> None:
        """Raises ValueError unless one of the triggers can start the first pod."""
        if not self.triggers:
            raise ValueError(f"give a trigger, or no pod ever starts: {_one_trigger()}")
        alone = self.prometheus if len(self.triggers) == 1 else None
        if alone and (counted := counts_running_pods(alone.query)):
            said = f"counts {', '.join(counted)} of running pods, so with no pod it never starts the first"
            raise ValueError(f"prometheus.query {said}: count what waits before them, or give cron or sqs too")

    def demand_room_for_cron(self, most: int) -> None:
        """Raises ValueError if the schedule wants more pods than there may be."""
        if self.cron and self.cron.replicas > most:
            raise ValueError(f"cron.replicas must be at most max_replicas {most}, got {self.cron.replicas}")


class Keda(Triggers):
    """A ScaledObject, checked."""

    max_replicas: int = Field(ge=1)
    cooldown_s: int = Field(default=300, ge=0)

    @model_validator(mode="before")
    @classmethod
    def _needs_no_running_pod(cls, given: Any) -> Any:
        for trigger in OF_RUNNING_PODS:
            if isinstance(given, dict) and trigger in given:
                rule = "is measured on a running pod, so it never starts the first"
                raise ValueError(f"{trigger} {rule}: use {_one_trigger()}")
        return given

    @model_validator(mode="after")
    def _has_a_trigger_that_fits(self) -> Self:
        self.demand_one_that_wakes()
        self.demand_room_for_cron(self.max_replicas)
        return self


def _one_trigger() -> str:
    *others, last = Triggers.model_fields
    return f"{', '.join(others)} or {last}"


def horizontal_pod_autoscaler(name: str, namespace: str, replicas: int, hpa: Hpa) -> dict[str, Any]:
    """From `replicas` to the maximum."""
    return {
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
            "minReplicas": replicas,
            "maxReplicas": hpa.max_replicas,
            "metrics": [
                {
                    "type": "Resource",
                    "resource": {
                        "name": "cpu",
                        "target": {"type": "Utilization", "averageUtilization": hpa.cpu_percent},
                    },
                }
            ],
        },
    }


def scaled_object(name: str, namespace: str, keda: Keda) -> dict[str, Any]:
    """From none to the maximum. Source: KEDA 2.21, ScaledObject specification."""
    return {
        "api_version": KEDA_API_VERSION,
        "kind": "ScaledObject",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
            "minReplicaCount": 0,
            "maxReplicaCount": keda.max_replicas,
            "cooldownPeriod": keda.cooldown_s,
            "triggers": [trigger.rendered(authentication=name) for trigger in keda.triggers],
        },
    }


def trigger_authentication(name: str, namespace: str) -> dict[str, Any]:
    """KEDA's operator asks AWS under its own role."""
    return {
        "api_version": KEDA_API_VERSION,
        "kind": "TriggerAuthentication",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"podIdentity": {"provider": "aws"}},
    }
