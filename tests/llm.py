"""A language model's server for tests."""

from typing import Any

from components import LlmInference
from tests.engine import Run, run
from tests.given import CLUSTER

DEPLOYMENT = "kubernetes:apps/v1:Deployment"
POOL = {"instance_types": ["g6.xlarge"], "max_gpus": 4, "labels": {"team": "language"}}
NAME = "Qwen/Qwen3-8B"
S3 = {"name": NAME, "s3_uri": "s3://models/qwen3-8b/"}
CLAIM = {"name": NAME, "volume_claim": "models"}
BY_HAND = {"create_namespace": False}


def llm(preview: bool = False, pool: Any = POOL, cluster: Any = CLUSTER, service: Any = None, **settings: Any) -> Run:
    """A model in S3, unless told otherwise."""
    given: Any = {"pool": pool, "settings": {"model": S3, **settings}}
    given |= ({"cluster": cluster} if cluster else {}) | ({"service": service} if service else {})
    return run(lambda: LlmInference("llm", given), preview=preview)


def deployment(**args: Any) -> dict[str, Any]:
    return dict(llm(**args).one(DEPLOYMENT).inputs)


def pod(**args: Any) -> dict[str, Any]:
    return deployment(**args)["spec"]["template"]["spec"]


def server(**args: Any) -> dict[str, Any]:
    (only,) = pod(**args)["containers"]
    return only
