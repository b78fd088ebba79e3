"""An inference service for tests, and its parts."""

from typing import Any

from components.resnet_inference import ResnetInference
from tests.engine import Run, run

DEPLOYMENT = "kubernetes:apps/v1:Deployment"
SERVICE = "kubernetes:core/v1:Service"

POOL = {"instance_types": ["g4dn.xlarge"], "max_gpus": 6, "labels": {"team": "vision"}}
IMAGE = "registry.example/resnet:1"
LABELS = {"app.kubernetes.io/name": "resnet-inference", "app.kubernetes.io/instance": "resnet"}

S3 = {"s3_uri": "s3://models/resnet/v2"}
CRON = {"timezone": "Europe/Berlin", "start": "0 8 * * 1-5", "end": "0 18 * * 1-5", "replicas": 2}
SQS = {
    "queue_url": "https://sqs.us-west-2.amazonaws.com/123456789012/pictures",
    "region": "us-west-2",
    "messages_per_replica": 20,
}


def inference(
    preview: bool = False, pool: Any = POOL, cluster: Any = None, image: str | None = IMAGE, **settings: Any
) -> Run:
    """A model in the image, unless told otherwise."""
    settings = {"model": {"from_image": True}, **settings} | ({"image": image} if image else {})
    given: Any = {"pool": pool, "settings": settings} | ({"cluster": cluster} if cluster else {})
    return run(lambda: ResnetInference("resnet", given), preview=preview)


def deployment(**args: Any) -> dict[str, Any]:
    return dict(inference(**args).one(DEPLOYMENT).inputs)


def pod(**args: Any) -> dict[str, Any]:
    return deployment(**args)["spec"]["template"]["spec"]


def server(**args: Any) -> dict[str, Any]:
    (only,) = pod(**args)["containers"]
    return only
