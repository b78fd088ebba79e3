"""KEDA's objects as other people's stacks have them."""

from dataclasses import replace
from typing import Any

from eks_gpu.graph.graph import Resource
from tests import whole_graphs
from tests.graphs import gpu_work, healthy, kubernetes, release

GROUP = "keda.sh/v1alpha1"
QUEUE_URL = "https://sqs.us-west-2.amazonaws.com/123456789012/prompts"
QUEUE_ARN = "arn:aws:sqs:us-west-2:123456789012:prompts"
SQS: Any = {
    "type": "aws-sqs-queue",
    "metadata": {"queueURL": QUEUE_URL, "awsRegion": "us-west-2", "queueLength": "5"},
    "authenticationRef": {"name": "aws"},
}
HOURS = {"timezone": "UTC", "start": "0 8 * * *", "end": "0 9 * * *", "desiredReplicas": "2"}
CRON: Any = {"type": "cron", "metadata": HOURS}
CPU: Any = {"type": "cpu", "metricType": "Utilization", "metadata": {"value": "70"}}


def query(text: str) -> dict[str, Any]:
    values = {"serverAddress": "http://prometheus:9090", "query": text, "threshold": "4"}
    return {"type": "prometheus", "metadata": values}


def scaled_object(*triggers: Any, name: str = "train", target: str = "train", **spec: Any) -> Resource:
    """Scales the Deployment `train` of a healthy stack."""
    annotations = spec.pop("annotations", None)
    metadata = {"annotations": annotations} if annotations else {}
    given = {"scaleTargetRef": {"name": target}, "triggers": list(triggers), **spec}
    return kubernetes("ScaledObject", name, given, GROUP, **metadata)


def scaled_job(*triggers: Any, **spec: Any) -> Resource:
    container = {"name": "main", "image": "example/app:1"}
    job = {"template": {"spec": {"restartPolicy": "Never", "containers": [container]}}}
    return kubernetes("ScaledJob", "batch", {"jobTargetRef": job, "triggers": list(triggers), **spec}, GROUP)


def authentication(kind: str = "TriggerAuthentication", **identity: Any) -> Resource:
    return kubernetes(kind, "aws", {"podIdentity": {"provider": "aws", **identity}}, GROUP)


def keda(**values: Any) -> Resource:
    return release("keda", **values)


def healthy_from_zero() -> list[Resource]:
    """A stack in which messages wake a workload, and every check holds."""
    work = replace(gpu_work(), options={"ignoreChanges": ["spec.replicas"]})
    role = "arn:aws:iam::123456789012:role/keda"
    may_ask = whole_graphs.inline("keda", "sqs:GetQueueAttributes", Resource=QUEUE_ARN)
    asks_as = [whole_graphs.association("keda-operator", roleArn=role), whole_graphs.role("keda"), may_ask]
    asks_as.append(whole_graphs.addon("eks-pod-identity-agent"))
    scaler = replace(scaled_object(SQS), dependencies=frozenset({keda().urn}))
    return [*healthy(train=work), keda(), *asks_as, replace(authentication(), dependencies=scaler.dependencies), scaler]
