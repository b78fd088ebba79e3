"""The settings of an inference service: what is refused, and why."""

from typing import Any

import pytest

from components.inference.settings import ResnetInferenceSettingsArgs
from components.values.value import BadInput
from tests.given import CLUSTER
from tests.inference import CRON, S3, SQS, inference, server

OTHER: dict[str, Any] = {
    "model": {"from_image": True, "name": "cats"},
    "image": "registry.example/resnet:2",
    "namespace": "cats",
    "create_namespace": False,
    "replicas": 2,
    "hpa": {"max_replicas": 2},
    "keda": {"max_replicas": 2, "cron": CRON},
    "cpu_millicores": 500,
    "memory_mib": 2048,
    "load_balancer": {"source_ranges": ["10.8.0.0/16"]},
}


def registered(**settings: Any) -> dict[str, Any]:
    return {resource.urn: resource.inputs for resource in inference(**settings).graph if resource.custom}


@pytest.mark.parametrize("field", ResnetInferenceSettingsArgs.__annotations__)
def test_every_setting_reaches_kubernetes(field):
    assert registered(**{field: OTHER[field]}) != registered()


@pytest.mark.parametrize("uri", ["s3://models/resnet", "s3://models/resnet/"])
def test_a_folder_in_s3_may_end_with_a_slash(uri):
    policy = inference(model={"s3_uri": uri}, cluster=CLUSTER).one("aws:iam/rolePolicy:RolePolicy")
    assert '"arn:aws:s3:::models/resnet/*"' in policy.inputs["policy"]


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"image": "registry.example/resnet"}, "image must have a tag that stays, or a digest, got"),
        ({"image": "registry.example/resnet@sha256:12"}, "image must have a tag that stays, or a digest, got"),
        ({"image": "tensorflow/serving:latest-gpu"}, "image must have a tag that stays, or a digest, got"),
        ({"image": "registry.example:5000/resnet"}, "image must have a tag that stays, or a digest, got"),
        (
            {"image": "tensorflow/serving:latest"},
            "image must have a tag that stays, or a digest, got 'tensorflow/serving:latest'; "
            "nearest: tensorflow/serving:2.20.0-gpu",
        ),
        ({"model": {"from_image": True, "loader_image": "aws-cli"}}, "model.loader_image must have a tag"),
        ({"model": {}}, "model: give one of from_image, s3_uri, volume_claim, got none"),
        (
            {"model": {"from_image": True, **S3}},
            "model: give one of from_image, s3_uri, volume_claim, got from_image and s3_uri",
        ),
        (
            {"model": {"s3_uri": "s3://models"}},
            "model.s3_uri must be a folder in S3, as s3://models/resnet, got 's3://models'",
        ),
        (
            {"model": {"from_image": True, "name": "a/b"}},
            "model.name must be letters, digits, -, _ and ., as resnet, got 'a/b'",
        ),
        ({"namespace": "ML"}, "namespace must be at most 63 of a-z, 0-9 and -, as resnet, got 'ML'"),
        ({"cpu_millicores": 99}, "cpu_millicores must be at least 100, got 99"),
        ({"memory_mib": 511}, "memory_mib must be at least 512, got 511"),
        ({"replicas": 0}, "replicas must be at least 1, got 0"),
        ({"keda": {"max_replicas": 2}}, "keda: give a trigger, or no pod ever starts: cron, prometheus or sqs"),
        (
            {"keda": {"max_replicas": 2, "cpu": {"value": 50}}},
            "keda: cpu is measured on a running pod, so it never starts the first: use cron, prometheus or sqs",
        ),
        (
            {"keda": {"max_replicas": 2, "memory": {"value": 50}}},
            "keda: memory is measured on a running pod, so it never starts the first",
        ),
        (
            {"keda": {"max_replicas": 1, "cron": CRON}},
            "keda: cron.replicas must be at most max_replicas 1, got 2",
        ),
        (
            {"keda": {"max_replicas": 2, "sqs": {**SQS, "queue_url": "pictures"}}},
            "keda.sqs.queue_url must be a queue's URL, as https://sqs.us-west-2.amazonaws.com/1/pictures, got",
        ),
        (
            {"keda": {"max_replicas": 2, "prometheus": {"server": "prometheus", "query": "up", "threshold": 1}}},
            "keda.prometheus.server must be a URL, as http://prometheus.monitoring:9090, got 'prometheus'",
        ),
        (
            {"keda": {"max_replicas": 2, "cron": {**CRON, "start": "8:00"}}},
            "keda.cron.start must be a cron expression of five fields, as 0 8 * * 1-5, got '8:00'",
        ),
    ],
)
def test_a_bad_setting_is_refused_with_the_reason(settings, problem):
    with pytest.raises(BadInput) as refused:
        inference(**settings)
    assert refused.value.problems[0].startswith(f"settings.{problem}")


@pytest.mark.parametrize("image", ["registry.example:5000/resnet:1.2", f"registry.example/resnet:1@sha256:{'a' * 64}"])
def test_an_image_is_pinned_by_tag_or_digest(image):
    assert server(image=image)["image"] == image


def test_the_default_image_is_tensorflows_and_needs_a_model_from_elsewhere():
    on_a_volume: Any = {"model": {"volume_claim": "models"}, "create_namespace": False}
    assert server(image=None, **on_a_volume)["image"] == "tensorflow/serving:2.20.0-gpu"
    with pytest.raises(BadInput, match=r"from_image needs an image with a model in it, and tensorflow/serving:2\.20"):
        inference(image=None)


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        (
            {"hpa": {"max_replicas": 2}, "keda": {"max_replicas": 2, "cron": CRON}},
            "give hpa or keda, not both: they would undo each other",
        ),
        (
            {"replicas": 1, "keda": {"max_replicas": 2, "cron": CRON}},
            "replicas is KEDA's to set, from none up: leave it out, got 1",
        ),
        ({"replicas": 3, "hpa": {"max_replicas": 2}}, "hpa.max_replicas must be at least replicas 3, got 2"),
        ({"namespace": "default"}, "create_namespace must be false for default, which every cluster has"),
        ({"namespace": "kube-system"}, "create_namespace must be false for kube-system, which every cluster has"),
        (
            {"namespace": "default", "image": "tensorflow/serving:2.20.0-gpu"},
            "model.from_image needs an image with a model in it, and tensorflow/serving:2.20.0-gpu has none; "
            "create_namespace must be false for default, which every cluster has",
        ),
        (
            {"model": {"volume_claim": "models"}},
            "create_namespace must be false for model.volume_claim: the claim is there before",
        ),
    ],
)
def test_settings_that_contradict_each_other_are_refused(settings, problem):
    with pytest.raises(BadInput) as refused:
        inference(**settings)
    assert refused.value.problems == [f"settings: {problem}"]
