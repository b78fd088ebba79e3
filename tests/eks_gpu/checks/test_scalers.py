"""Scalers of pods: what starts the first pod, whether KEDA is there whole, and who else sets the number."""

from dataclasses import replace
from typing import Any

import pytest

from eks_gpu.checks.registry import CHECKS
from eks_gpu.graph.graph import Graph
from eks_gpu.plan.analysis import analyse
from tests.graphs import TODAY, findings, gpu_work, healthy, kubernetes, resource
from tests.keda_objects import CPU, CRON, HOURS, SQS, authentication, keda, query, scaled_job, scaled_object

WAKE, HAVE_KEDA, ONE = "triggers-can-wake-from-zero", "scaled-objects-have-keda", "one-scaler-a-workload"
TRAIN, OBJECT = "Deployment default/train", "ScaledObject default/train"
INSIDE, OUTSIDE = query("sum(vllm:num_requests_waiting)"), query("sum(envoy_requests_active)")


def said(check: str, *resources: Any) -> dict[str, tuple[Any, str]]:
    return findings(check, *healthy(), *resources)


@pytest.mark.parametrize(
    ("triggers", "reason"),
    [
        ([CPU], "cpu is measured on running pods"),
        ([INSIDE], "vllm:num_requests_waiting is served for running pods"),
        ([query('sum(my_waiting{pod=~"train-.*"})')], "its query selects the pods of train"),
        (
            [{"type": "kubernetes-workload", "metadata": {"podSelector": "app=train", "value": "1"}}],
            "kubernetes-workload counts the pods of train",
        ),
        ([CPU, INSIDE], "cpu is measured on running pods; vllm:num_requests_waiting is served for running pods"),
        ([], "it has no trigger"),
    ],
)
def test_what_is_measured_on_running_pods_starts_no_first_one(triggers, reason):
    message = f"nothing starts its first pod: {reason}"
    assert said(WAKE, scaled_object(*triggers)) == {OBJECT: (False, message)}
    assert said(WAKE, scaled_object(*triggers, minReplicaCount=2, idleReplicaCount=0)) == {OBJECT: (False, message)}
    assert said(WAKE, scaled_object(*triggers, minReplicaCount=1)) == {}


@pytest.mark.parametrize(
    ("triggers", "awake"),
    [
        ([SQS], "aws-sqs-queue"),
        ([CRON, CPU], "cron"),
        ([OUTSIDE], "prometheus"),
        ([INSIDE, OUTSIDE, SQS], "prometheus, aws-sqs-queue"),
        (
            [{"type": "kubernetes-workload", "metadata": {"podSelector": "app=web", "value": "1"}}],
            "kubernetes-workload",
        ),
        ([{"type": "of-a-later-version"}], "of-a-later-version"),
    ],
)
def test_one_trigger_on_what_waits_outside_is_enough(triggers, awake):
    assert said(WAKE, scaled_object(*triggers)) == {OBJECT: (True, f"{awake} can start the first pod")}


def test_a_job_for_each_message_wakes_by_the_same_triggers():
    assert said(WAKE, scaled_job(SQS))["ScaledJob default/batch"][0] is True
    assert said(WAKE, scaled_job(INSIDE))["ScaledJob default/batch"][0] is False


def test_what_is_held_at_a_number_of_pods_needs_no_trigger():
    held = scaled_object(CPU, annotations={"autoscaling.keda.sh/paused-replicas": "2"})
    assert said(WAKE, held) == {}


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({}, None),
        ({"metricsServer": {"enabled": False}}, "release keda runs without the metrics API"),
        ({"metricsServer": {"replicaCount": 0}}, "release keda runs without the metrics API"),
        ({"operator": {"replicaCount": 0}}, "release keda runs no operator"),
        ({"watchNamespace": "ml, batch"}, "release keda watches ml, batch, and it is in default"),
        ({"watchNamespace": "ml,default"}, None),
    ],
)
def test_keda_must_be_there_whole(values, problem):
    found = said(HAVE_KEDA, keda(**values), scaled_object(CRON))[OBJECT]
    assert found[0] is (problem is None)
    assert found[1].startswith(problem or "keda acts on it")


def test_without_keda_nothing_acts():
    assert said(HAVE_KEDA, scaled_object(CRON)) == {
        OBJECT: (False, "nothing in the stack acts on it: there is no KEDA")
    }
    assert said(HAVE_KEDA, scaled_job(CRON))["ScaledJob default/batch"][0] is False


def test_keda_may_be_of_the_stack_that_makes_the_cluster():
    provider = resource("pulumi:providers:kubernetes", "other", {"kubeconfig": "secret"}, id_="1")
    within, idle = (
        replace(each, provider=f"{provider.urn}::1")
        for each in (scaled_object(SQS), keda(operator={"replicaCount": 0}))
    )
    assert findings(HAVE_KEDA, provider, within) == {}
    assert findings(HAVE_KEDA, provider, within, idle)[OBJECT][0] is False


def test_what_needs_no_second_pod_needs_no_metrics_api():
    without = keda(metricsServer={"enabled": False})
    assert said(HAVE_KEDA, without, scaled_job(CRON))["ScaledJob default/batch"] == (True, "keda acts on it")
    assert said(HAVE_KEDA, without, scaled_object(CRON, maxReplicaCount=1))[OBJECT][0] is True


def by_hand(name: str, image: str) -> Any:
    template = {"spec": {"containers": [{"name": "main", "image": image}]}}
    return kubernetes("Deployment", name, {"template": template})


def test_keda_of_manifests_is_seen_by_its_images():
    operator = by_hand("keda-operator", "ghcr.io/kedacore/keda:2.21.0")
    metrics = by_hand("metrics", "m.example/ghcr.io/kedacore/keda-metrics-apiserver@sha256:1")
    assert said(HAVE_KEDA, operator, metrics, scaled_object(CRON))[OBJECT][0] is True
    assert said(HAVE_KEDA, operator, scaled_object(CRON))[OBJECT] == (
        False,
        "the stack has KEDA's operator alone, so its first pod starts and no second one",
    )


def hpa(name: str = "train", target: str = "train", **metadata: Any) -> Any:
    reference = {"apiVersion": "apps/v1", "kind": "Deployment", "name": target}
    spec = {"scaleTargetRef": reference, "maxReplicas": 2}
    return kubernetes("HorizontalPodAutoscaler", name, spec, "autoscaling/v2", **metadata)


def without_replicas(**options: Any) -> list[Any]:
    work = gpu_work()
    spec = {key: value for key, value in work.inputs["spec"].items() if key != "replicas"}
    return healthy(train=work if options else replace(work, inputs={**work.inputs, "spec": spec}))


def test_two_scalers_of_a_workload_fight():
    both = findings(ONE, *without_replicas(), hpa(), scaled_object(SQS))
    assert both == {TRAIN: (False, "HorizontalPodAutoscaler default/train and ScaledObject default/train scale it")}
    twice = findings(ONE, *without_replicas(), scaled_object(SQS), scaled_object(CRON, name="more"))
    assert twice == {TRAIN: (False, "ScaledObject default/train and ScaledObject default/more scale it")}


def test_one_scaler_a_workload_is_right():
    alone = (True, "ScaledObject default/train alone sets its number")
    assert findings(ONE, *without_replicas(), scaled_object(SQS)) == {TRAIN: alone}
    assert findings(ONE, *without_replicas(), scaled_object(SQS), hpa("web", "web"))[TRAIN] == alone
    other = scaled_object(SQS, name="other", target="other")
    assert findings(ONE, *without_replicas(), scaled_object(SQS), other)[TRAIN] == alone


def test_a_kind_of_another_group_scales_nothing():
    old = kubernetes("ScaledObject", "old", {"scaleTargetRef": {"name": "train"}, "triggers": [CPU]}, "example.com/v1")
    assert said(WAKE, old) == said(HAVE_KEDA, old) == said(ONE, old) == {}


def test_the_autoscaler_that_keda_makes_is_no_second_one():
    owner = {"apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "name": "train", "uid": "1"}
    made = hpa("keda-hpa-train", ownerReferences=[owner])
    assert findings(ONE, *without_replicas(), scaled_object(SQS), made)[TRAIN][0] is True


def test_a_number_in_the_workload_is_told_as_a_warning_unless_its_changes_are_ignored():
    stack = [*healthy(), scaled_object(SQS)]
    (found,) = [each for each in analyse(Graph(stack), "us-west-2", TODAY).findings if each.id == ONE and each.failed]
    assert (found.subject, found.severity) == (TRAIN, "warning")
    assert found.message == "it states 2 replicas, and ScaledObject default/train sets their number"
    work = replace(gpu_work(), options={"ignoreChanges": ["spec.replicas"]})
    assert findings(ONE, *healthy(train=work), scaled_object(SQS))[TRAIN][0] is True


def test_in_a_cluster_that_runs_every_workload_has_a_number():
    graph = Graph([*healthy(), scaled_object(SQS)], running=True)
    assert [each.passed for each in analyse(graph, "us-west-2", TODAY).findings if each.id == ONE] == [True]


@pytest.mark.parametrize("check", [WAKE, HAVE_KEDA, ONE])
def test_a_stack_without_scalers_is_asked_nothing(check):
    assert check in CHECKS
    assert findings(check, *healthy()) == {}


@pytest.mark.parametrize(
    ("trigger", "refusal"),
    [
        ({"end": "0 8 * * *"}, "start and end are both 0 8 * * *: write another triggers[0].metadata.end"),
        (
            {"desiredReplicas": ""},
            "cron needs desiredReplicas: write triggers[0].metadata.desiredReplicas",
        ),
        (
            {"timezone": "Europe/Berlim"},
            "it knows no time zone Europe/Berlim: write triggers[0].metadata.timezone as Europe/Berlin",
        ),
        (
            {"start": "8:00"},
            "start 8:00 is no cron expression: write triggers[0].metadata.start in five fields",
        ),
    ],
)
def test_a_schedule_that_keda_refuses(trigger, refusal):
    cron = {"type": "cron", "metadata": {**HOURS, **trigger}}
    assert said(HAVE_KEDA, keda(), scaled_object(cron)) == {OBJECT: (False, f"KEDA refuses it: {refusal}")}
    assert said(HAVE_KEDA, keda(), scaled_object(CRON)) == {OBJECT: (True, "keda acts on it")}


@pytest.mark.parametrize(
    ("numbers", "refusal"),
    [
        ({"minReplicaCount": 5, "maxReplicaCount": 4}, "minReplicaCount 5 is more than maxReplicaCount 4"),
        ({"minReplicaCount": 101}, "minReplicaCount 101 is more than maxReplicaCount 100"),
        ({"minReplicaCount": 1, "idleReplicaCount": 1}, "idleReplicaCount 1 is not less than minReplicaCount 1"),
        ({"idleReplicaCount": 0}, "idleReplicaCount 0 is not less than minReplicaCount 0"),
    ],
)
def test_numbers_of_pods_that_keda_refuses(numbers, refusal):
    passed, message = said(HAVE_KEDA, keda(), scaled_object(CRON, **numbers))[OBJECT]
    assert (passed, message.rpartition(": ")[0]) == (False, f"KEDA refuses it: {refusal}")


def test_a_query_without_its_server_and_a_queue_without_its_region():
    asks = {"type": "prometheus", "metadata": {"query": "a", "threshold": "1"}}
    queue = {"type": "aws-sqs-queue", "metadata": {"queueURLFromEnv": "QUEUE"}}
    assert said(HAVE_KEDA, keda(), scaled_object(asks, queue))[OBJECT] == (
        False,
        "KEDA refuses it: prometheus needs serverAddress; KEDA refuses it: aws-sqs-queue needs awsRegion: write "
        "triggers[0].metadata.serverAddress; write triggers[1].metadata.awsRegion",
    )


def test_a_workload_and_an_authentication_that_nothing_makes():
    assert said(HAVE_KEDA, keda(), scaled_object(CRON, target="trian"))[OBJECT] == (
        False,
        "it scales Deployment default/trian, which nothing in the stack makes: name a workload in its own namespace",
    )
    alone = said(HAVE_KEDA, keda(), scaled_object(SQS))[OBJECT]
    assert alone == (
        False,
        "its trigger aws-sqs-queue asks by TriggerAuthentication aws, which nothing in default makes: name one that is "
        "there, in its own namespace",
    )
    assert said(HAVE_KEDA, keda(), scaled_object(SQS), authentication())[OBJECT][0]
    found = analyse(Graph([*healthy(), keda(), scaled_object(SQS)]), "us-west-2", TODAY)
    assert {one.severity for one in found.findings if one.id == HAVE_KEDA and not one.passed} == {"warning"}
