"""ScaledObject: what KEDA is told, how many replicas a pool has room for, and what never starts the first one."""

from typing import Any

import pytest

from components.scaled_object import ScaledObject, ScaledObjectSettingsArgs
from components.values.value import BadInput
from eks_gpu.pods.demand import workloads
from tests.documentation import run_example
from tests.engine import Run, run
from tests.graphs import kubernetes, pod
from tests.inference import CRON, SQS

SCALED = "kubernetes:keda.sh/v1alpha1:ScaledObject"
AUTHENTICATION = "kubernetes:keda.sh/v1alpha1:TriggerAuthentication"
POOL: Any = {"instance_types": ["g6.xlarge"], "max_gpus": 4}
FOUR: Any = {"instance_types": ["g6.12xlarge"], "max_gpus": 8}
OUTSIDE: Any = {"server": "http://prometheus:9090", "query": "sum(envoy_requests_active)", "threshold": 4.0}
INSIDE: Any = {**OUTSIDE, "query": "sum(vllm:num_requests_waiting)"}
OTHER: dict[str, Any] = {
    "min_replicas": 1,
    "max_replicas": 2,
    "cooldown_s": 60,
    "polling_s": 5,
    "scale_up_wait_s": 10,
    "scale_down_wait_s": 0,
    "fallback": {"replicas": 2},
    "cron": CRON,
    "prometheus": OUTSIDE,
    "sqs": {**SQS, "messages_per_replica": 1},
}


def scaled(pool: Any = POOL, gpus: int = 1, target: Any = None, **settings: Any) -> Run:
    given: Any = {
        "target": target or {"name": "llm", "namespace": "ml"},
        "pool": pool,
        "gpus_per_replica": gpus,
        "settings": settings or {"sqs": SQS},
    }
    return run(lambda: ScaledObject("llm", given))


def spec(**more: Any) -> dict[str, Any]:
    return scaled(**more).one(SCALED).inputs["spec"]


def refused(**more: Any) -> list[str]:
    with pytest.raises(BadInput) as problems:
        scaled(**more)
    return problems.value.problems


def test_it_goes_from_none_to_what_the_pool_has_gpus_for():
    assert scaled().one(SCALED).inputs == {
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "ScaledObject",
        "metadata": {"name": "llm", "namespace": "ml"},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "llm"},
            "minReplicaCount": 0,
            "maxReplicaCount": 4,
            "cooldownPeriod": 300,
            "pollingInterval": 30,
            "advanced": {
                "horizontalPodAutoscalerConfig": {
                    "behavior": {
                        "scaleUp": {"stabilizationWindowSeconds": 0},
                        "scaleDown": {"stabilizationWindowSeconds": 300},
                    }
                }
            },
            "triggers": [
                {
                    "type": "aws-sqs-queue",
                    "metadata": {
                        "queueURL": "https://sqs.us-west-2.amazonaws.com/123456789012/pictures",
                        "awsRegion": "us-west-2",
                        "queueLength": "20",
                    },
                    "authenticationRef": {"name": "llm"},
                }
            ],
        },
    }


@pytest.mark.parametrize(
    ("pool", "gpus", "most"),
    [
        (POOL, 1, 4),
        (FOUR, 1, 8),
        (FOUR, 3, 2),
        (FOUR, 4, 2),
        (FOUR, 8, 1),
        ({**POOL, "max_gpus": 5}, 2, 2),
        ({**POOL, "sharing": {"strategy": "time-slicing", "replicas": 2}}, 1, 8),
        ({**POOL, "nodes": 3}, 1, 3),
        ({**FOUR, "nodes": 1}, 2, 2),
    ],
)
def test_the_maximum_is_what_the_pool_holds(pool, gpus, most):
    assert spec(pool=pool, gpus=gpus)["maxReplicaCount"] == most


def test_a_queue_is_asked_under_the_role_of_kedas_operator_and_nothing_else_is():
    found = scaled()
    authentication = found.one(AUTHENTICATION)
    assert authentication.inputs["spec"] == {"podIdentity": {"provider": "aws"}}
    assert authentication.inputs["metadata"] == {"name": "llm", "namespace": "ml"}
    assert authentication.urn in found.one(SCALED).dependencies
    assert scaled(cron=CRON).of(AUTHENTICATION) == []


@pytest.mark.parametrize("setting", ScaledObjectSettingsArgs.__annotations__)
def test_every_setting_reaches_keda(setting):
    given = {"sqs": SQS, setting: OTHER[setting]}
    assert spec(**given) != spec(sqs=SQS)


def test_the_target_is_of_any_kind_that_scales():
    group = {"name": "llm", "kind": "LeaderWorkerSet", "api_version": "leaderworkerset.x-k8s.io/v1"}
    found = scaled(target=group).one(SCALED).inputs
    assert found["metadata"]["namespace"] == "default"
    assert found["spec"]["scaleTargetRef"] == {
        "apiVersion": "leaderworkerset.x-k8s.io/v1",
        "kind": "LeaderWorkerSet",
        "name": "llm",
    }


def test_a_plan_counts_up_to_the_maximum():
    template = {"metadata": {"labels": {"app": "llm"}}, "spec": pod({"nvidia.com/gpu": 1})}
    work = kubernetes("Deployment", "llm", {"template": template})
    made = scaled(target={"name": "llm"}).graph
    (found,) = workloads(made.of_resources([*made, work]))
    assert (found.min_replicas, found.replicas, found.max_replicas) == (0, 1, 4)


def test_a_query_that_counts_inside_the_pods_wakes_nothing_and_helps_once_something_has():
    problem = (
        "settings: prometheus.query counts vllm:num_requests_waiting of running pods, so with no pod it never starts "
        "the first: count what waits before them, or give cron or sqs too"
    )
    assert refused(prometheus=INSIDE) == [problem]
    assert len(spec(prometheus=INSIDE, sqs=SQS)["triggers"]) == 2
    assert spec(prometheus=INSIDE, min_replicas=1)["minReplicaCount"] == 1
    assert spec(prometheus=OUTSIDE)["minReplicaCount"] == 0


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"min_replicas": 0}, "settings: give a trigger, or no pod ever starts: cron, prometheus or sqs"),
        ({"min_replicas": 2}, "settings: give a trigger, or no pod ever starts: cron, prometheus or sqs"),
        (
            {"sqs": SQS, "max_replicas": 5},
            "settings.max_replicas must be at most 4, for which the pool has GPUs (max_gpus 4, 1 for each)",
        ),
        (
            {"sqs": SQS, "max_replicas": 4, "pool": {**POOL, "nodes": 3}},
            "settings.max_replicas must be at most 3, for which the pool has GPUs (nodes 3, 1 for each)",
        ),
        ({"sqs": SQS, "gpus": 5}, "gpus_per_replica must be at most what the pool has, got 5"),
        (
            {"sqs": SQS, "min_replicas": 3, "max_replicas": 2},
            "settings.min_replicas must be at most the maximum of 2, got 3",
        ),
        ({"cron": {**CRON, "replicas": 9}}, "settings.cron.replicas must be at most the maximum of 4, got 9"),
        (
            {"sqs": SQS, "fallback": {"replicas": 5}},
            "settings.fallback.replicas must be at most the maximum of 4, got 5",
        ),
        ({"sqs": SQS, "fallback": {"replicas": 1, "failures": 0}}, "settings.fallback.failures must be at least 1"),
        ({"sqs": SQS, "polling_s": 0}, "settings.polling_s must be at least 1, got 0"),
        ({"sqs": SQS, "scale_down_wait_s": 3601}, "settings.scale_down_wait_s must be at most 3600, got 3601"),
        ({"sqs": {**SQS, "queue_url": "pictures"}}, "settings.sqs.queue_url must be a queue's URL"),
        ({"cpu": 5}, "settings.cpu"),
    ],
)
def test_what_cannot_be_is_refused_with_the_reason(given, problem):
    assert any(found.startswith(problem) for found in refused(**given)), refused(**given)


def test_the_page_has_an_example_that_runs():
    assert run_example("scaled_object").one("eks-gpu-components:index:ScaledObject")
