"""How many pods an inference service has, and who decides."""

from typing import Any

import pytest

from components.inference.scaling import Hpa, Keda, horizontal_pod_autoscaler, scaled_object
from components.values.value import BadInput, check
from eks_gpu.pods.demand import workloads
from tests.inference import CRON, DEPLOYMENT, SQS, deployment, inference

SCALED_OBJECT = "kubernetes:keda.sh/v1alpha1:ScaledObject"


def test_without_an_autoscaler_the_replicas_are_fixed():
    assert deployment()["spec"]["replicas"] == 1
    assert deployment(replicas=3)["spec"]["replicas"] == 3
    assert inference().of("kubernetes:autoscaling/v2:HorizontalPodAutoscaler") == []
    assert inference().of(SCALED_OBJECT) == []


def test_an_hpa_goes_from_one_pod_up_and_owns_the_replicas():
    found = inference(hpa={"max_replicas": 5})
    assert found.one("kubernetes:autoscaling/v2:HorizontalPodAutoscaler").inputs["spec"] == {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "resnet"},
        "minReplicas": 1,
        "maxReplicas": 5,
        "metrics": [
            {
                "type": "Resource",
                "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}},
            }
        ],
    }
    assert "replicas" not in found.one(DEPLOYMENT).inputs["spec"]


def test_keda_goes_from_no_pod_up_and_owns_the_replicas():
    found = inference(
        keda={
            "max_replicas": 5,
            "cooldown_s": 120,
            "cron": CRON,
            "sqs": SQS,
            "prometheus": {"server": "http://prometheus:9090", "query": "sum(waiting)", "threshold": 4.0},
        }
    )
    assert found.one(SCALED_OBJECT).inputs == {
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "ScaledObject",
        "metadata": {"name": "resnet", "namespace": "resnet"},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "resnet"},
            "minReplicaCount": 0,
            "maxReplicaCount": 5,
            "cooldownPeriod": 120,
            "triggers": [
                {
                    "type": "cron",
                    "metadata": {
                        "timezone": "Europe/Berlin",
                        "start": "0 8 * * 1-5",
                        "end": "0 18 * * 1-5",
                        "desiredReplicas": "2",
                    },
                },
                {
                    "type": "prometheus",
                    "metadata": {
                        "serverAddress": "http://prometheus:9090",
                        "query": "sum(waiting)",
                        "threshold": "4",
                    },
                },
                {
                    "type": "aws-sqs-queue",
                    "metadata": {
                        "queueURL": "https://sqs.us-west-2.amazonaws.com/123456789012/pictures",
                        "awsRegion": "us-west-2",
                        "queueLength": "20",
                    },
                    "authenticationRef": {"name": "resnet"},
                },
            ],
        },
    }
    deployment = found.one(DEPLOYMENT).inputs
    assert "replicas" not in deployment["spec"]
    assert deployment["metadata"]["annotations"] == {"pulumi.com/skipAwait": "true"}


def test_a_queue_is_asked_under_the_role_of_kedas_operator():
    found = inference(keda={"max_replicas": 1, "sqs": SQS})
    authentication = found.one("kubernetes:keda.sh/v1alpha1:TriggerAuthentication")
    assert authentication.inputs == {
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "TriggerAuthentication",
        "metadata": {"name": "resnet", "namespace": "resnet"},
        "spec": {"podIdentity": {"provider": "aws"}},
    }
    assert authentication.urn in found.one(SCALED_OBJECT).dependencies
    only_cron = inference(keda={"max_replicas": 2, "cron": CRON})
    assert only_cron.of("kubernetes:keda.sh/v1alpha1:TriggerAuthentication") == []


@pytest.mark.parametrize(
    ("settings", "least", "most"),
    [
        ({"replicas": 2}, 2, 2),
        ({"hpa": {"max_replicas": 5}}, 1, 5),
        ({"keda": {"max_replicas": 5, "cron": CRON}}, 0, 5),
    ],
)
def test_a_plan_sees_how_many_pods_there_can_be(settings, least, most):
    (found,) = workloads(inference(**settings).graph)
    assert (found.min_replicas, found.max_replicas) == (least, most)


def test_an_hpa_is_in_the_namespace_of_what_it_scales():
    made = horizontal_pod_autoscaler("resnet", "ml", 1, Hpa(max_replicas=2))
    assert made["metadata"] == {"name": "resnet", "namespace": "ml"}


def test_the_smallest_numbers_and_what_keda_waits_unasked():
    assert check(Hpa, {"max_replicas": 1, "cpu_percent": 1}).cpu_percent == 1
    assert check(Keda, {"max_replicas": 1, "cooldown_s": 0, "cron": {**CRON, "replicas": 1}}).cooldown_s == 0
    assert check(Keda, {"max_replicas": 2, "cron": CRON}).cooldown_s == 300


QUERY: dict[str, Any] = {"server": "http://prometheus:9090", "query": "q", "threshold": 0.5}


@pytest.mark.parametrize(
    ("shape", "args", "problem"),
    [
        (Hpa, {"max_replicas": 0}, "max_replicas must be at least 1, got 0"),
        (Hpa, {"max_replicas": 1, "cpu_percent": 0}, "cpu_percent must be at least 1, got 0"),
        (Hpa, {"max_replicas": 1, "cpu_percent": 101}, "cpu_percent must be at most 100, got 101"),
        (Keda, {"max_replicas": 0, "prometheus": QUERY}, "max_replicas must be at least 1, got 0"),
        (Keda, {"max_replicas": 1, "prometheus": QUERY, "cooldown_s": -1}, "cooldown_s must be at least 0, got -1"),
        (Keda, {"max_replicas": 1, "cron": {**CRON, "replicas": 0}}, "cron.replicas must be at least 1, got 0"),
        (Keda, {"max_replicas": 1, "cron": {**CRON, "timezone": ""}}, "cron.timezone must not be empty, got ''"),
        (Keda, {"max_replicas": 1, "sqs": {**SQS, "region": ""}}, "sqs.region must not be empty, got ''"),
        (
            Keda,
            {"max_replicas": 1, "sqs": {**SQS, "messages_per_replica": 0}},
            "sqs.messages_per_replica must be at least 1, got 0",
        ),
        (
            Keda,
            {"max_replicas": 1, "prometheus": {**QUERY, "query": ""}},
            "prometheus.query must not be empty, got ''",
        ),
        (
            Keda,
            {"max_replicas": 1, "prometheus": {**QUERY, "threshold": 0}},
            "prometheus.threshold must be more than 0, got 0",
        ),
    ],
)
def test_numbers_that_scale_nothing_are_refused(shape, args, problem):
    with pytest.raises(BadInput) as refused:
        check(shape, args)
    assert refused.value.problems[0].startswith(problem)


@pytest.mark.parametrize(("threshold", "written"), [(0.5, "0.5"), (4, "4"), (1_234_567, "1234567")])
def test_a_threshold_is_written_whole(threshold, written):
    given = {"max_replicas": 1, "prometheus": {**QUERY, "threshold": threshold}}
    (trigger,) = scaled_object("resnet", "ml", check(Keda, given))["spec"]["triggers"]
    assert trigger["metadata"]["threshold"] == written
