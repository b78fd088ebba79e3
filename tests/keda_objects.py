"""KEDA's objects as other people's stacks have them."""

from typing import Any

from eks_gpu.graph.graph import Resource
from tests.graphs import kubernetes, release

GROUP = "keda.sh/v1alpha1"
QUEUE_URL = "https://sqs.us-west-2.amazonaws.com/123456789012/prompts"
QUEUE_ARN = "arn:aws:sqs:us-west-2:123456789012:prompts"
SQS: Any = {
    "type": "aws-sqs-queue",
    "metadata": {"queueURL": QUEUE_URL, "awsRegion": "us-west-2", "queueLength": "5"},
    "authenticationRef": {"name": "aws"},
}
CRON: Any = {"type": "cron", "metadata": {"timezone": "UTC", "start": "0 8 * * *", "end": "0 9 * * *"}}
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
