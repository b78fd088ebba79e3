"""KedaOperator: what the chart is told, what IAM lets it do, and what is refused."""

import json
from typing import Any

import pytest

from components.keda_operator import KedaOperator, KedaOperatorSettingsArgs, queue_policy
from components.values.value import BadInput
from eks_gpu.offline.sdk_schema import problems
from tests.documentation import run_example
from tests.engine import Run, run
from tests.given import CLUSTER

RELEASE, POLICY = "kubernetes:helm.sh/v3:Release", "aws:iam/rolePolicy:RolePolicy"
QUEUE = "arn:aws:sqs:us-west-2:123456789012:prompts"
ALL = "arn:aws:sqs:us-west-2:123456789012:*"
OTHER: dict[str, Any] = {"replicas": 1, "node_labels": {"role": "infra"}}


def keda(preview: bool = False, queue_arns: Any = (QUEUE,), metrics: bool = False, **settings: Any) -> Run:
    given: Any = {"cluster": CLUSTER, "queue_arns": list(queue_arns), "metrics": metrics, "settings": settings}
    return run(lambda: KedaOperator("keda", given), preview=preview)


def values(**settings: Any) -> dict[str, Any]:
    return keda(**settings).one(RELEASE).inputs["values"]


def test_the_chart_is_pinned():
    release = keda().one(RELEASE).inputs
    assert (release["chart"], release["version"]) == ("keda", "2.21.0")
    assert release["repositoryOpts"] == {"repo": "https://kedacore.github.io/charts"}
    assert (release["name"], release["namespace"]) == ("keda", "kube-system")


def spread(app: str) -> list[dict[str, Any]]:
    return [
        {
            "maxSkew": 1,
            "topologyKey": "kubernetes.io/hostname",
            "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": {"matchLabels": {"app": app}},
        }
    ]


def test_all_three_programs_run_twice_on_system_nodes():
    assert values() == {
        "clusterName": "gaia",
        "serviceAccount": {"operator": {"create": True, "name": "keda-operator"}},
        "priorityClassName": "system-cluster-critical",
        "nodeSelector": {"eks-gpu-components/role": "system"},
        "tolerations": [{"key": "CriticalAddonsOnly", "operator": "Exists", "effect": "NoSchedule"}],
        "operator": {"replicaCount": 2},
        "metricsServer": {"replicaCount": 2},
        "webhooks": {"replicaCount": 2},
        "podDisruptionBudget": {
            "operator": {"maxUnavailable": 1},
            "metricServer": {"maxUnavailable": 1},
            "webhooks": {"maxUnavailable": 1},
        },
        "topologySpreadConstraints": {
            "operator": spread("keda-operator"),
            "metricsServer": spread("keda-operator-metrics-apiserver"),
            "webhooks": spread("keda-admission-webhooks"),
        },
    }


def test_the_operator_serves_its_metrics_if_it_is_told_to():
    told = values(metrics=True)
    assert told.pop("prometheus") == {"operator": {"enabled": True}}
    assert told == values()


def test_one_pod_has_no_budget_that_would_keep_its_node():
    alone = values(replicas=1)
    assert alone["operator"] == {"replicaCount": 1}
    assert {"podDisruptionBudget", "topologySpreadConstraints"} & alone.keys() == set()


@pytest.mark.parametrize("setting", KedaOperatorSettingsArgs.__annotations__)
def test_every_setting_reaches_the_chart(setting):
    assert values(**{setting: OTHER[setting]}) != values()


def test_it_may_ask_for_the_length_of_its_queues_and_nothing_else():
    assert queue_policy([QUEUE]) == {
        "Version": "2012-10-17",
        "Statement": [
            {"Sid": "Count", "Effect": "Allow", "Action": "sqs:GetQueueAttributes", "Resource": [QUEUE]},
        ],
    }
    assert json.loads(keda().one(POLICY).inputs["policy"]) == queue_policy([QUEUE])
    assert keda(queue_arns=()).of(POLICY) == []


def test_its_pods_start_when_their_permissions_are_there():
    found = keda()
    role, identity = found.one("aws:iam/role:Role"), found.one("aws:eks/podIdentityAssociation:PodIdentityAssociation")
    assert identity.inputs == {
        "clusterName": "gaia",
        "namespace": "kube-system",
        "serviceAccount": "keda-operator",
        "roleArn": role.outputs["arn"],
    }
    assert {found.one(POLICY).urn, identity.urn} <= found.one(RELEASE).dependencies
    assert identity.urn in keda(queue_arns=()).one(RELEASE).dependencies


def test_a_preview_plans_what_an_update_makes_and_all_of_it_is_valid():
    found = keda()
    assert keda(preview=True).urns() == found.urns()
    assert [problem for resource in found.graph for problem in problems(resource.type, resource.inputs)] == []


def test_no_replicas_are_refused():
    with pytest.raises(BadInput, match=r"settings\.replicas must be at least 1, got 0"):
        keda(replicas=0)


def test_the_page_has_an_example_that_runs():
    assert run_example("keda_operator").one("eks-gpu-components:index:KedaOperator")


@pytest.mark.parametrize(
    "arn", ["prompts", "https://sqs.us-west-2.amazonaws.com/123456789012/prompts", f"{QUEUE}/x", ALL, f"{ALL}?"]
)
def test_a_queue_is_named_by_its_arn(arn):
    with pytest.raises(BadInput) as refusal:
        keda(queue_arns=(QUEUE, arn))
    assert refusal.value.problems == [
        "queue_arns[1] must be the ARN of a queue, as arn:aws:sqs:us-west-2:123456789012:prompts, got " + repr(arn)
    ]


@pytest.mark.parametrize("arn", [QUEUE, f"{QUEUE}.fifo", "arn:aws-cn:sqs:cn-north-1:123456789012:prompts-*"])
def test_an_arn_of_a_queue_or_of_several_is_taken(arn):
    assert keda(queue_arns=(arn,)).one(POLICY)
