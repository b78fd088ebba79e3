"""NodeTerminationHandler: what the chart is told, which events reach its queue, and what IAM lets it do."""

import json
from typing import Any

import pytest

from components.catalog import HANDLER_EVENTS, KARPENTER_EVENTS
from components.node_termination_handler import (
    NodeTerminationHandler,
    NodeTerminationHandlerSettingsArgs,
    handler_policy,
)
from components.values.value import BadInput
from eks_gpu.offline.sdk_schema import problems
from tests.documentation import run_example
from tests.engine import Run, run
from tests.given import CLUSTER

RELEASE, QUEUE = "kubernetes:helm.sh/v3:Release", "aws:sqs/queue:Queue"
OTHER: dict[str, Any] = {
    "drain_s": 600,
    "rebalance_recommendations": True,
    "replicas": 1,
    "node_labels": {"role": "infra"},
}


def handler(preview: bool = False, **settings: Any) -> Run:
    given: Any = {"cluster": CLUSTER, "settings": settings}
    return run(lambda: NodeTerminationHandler("handler", given), preview=preview)


def shape(ran: Run) -> list[Any]:
    return [(made.type, made.name, dict(made.inputs)) for made in ran.graph]


def heard(ran: Run) -> list[dict[str, Any]]:
    """Patterns of the rules whose target is the queue."""
    rules = {rule["name"]: rule for rule in ran.of("aws:cloudwatch/eventRule:EventRule")}
    queue = ran.one(QUEUE)
    targets = ran.of("aws:cloudwatch/eventTarget:EventTarget")
    reaching = [rules[each.inputs["rule"]] for each in targets if each.inputs["arn"] == queue["arn"]]
    return sorted(
        (json.loads(rule.inputs["eventPattern"]) for rule in reaching), key=lambda found: found["detail-type"]
    )


def test_the_chart_is_pinned():
    release = handler().one(RELEASE).inputs
    assert release["chart"] == "oci://public.ecr.aws/aws-ec2/helm/aws-node-termination-handler"
    assert release["version"] == "0.27.6"
    assert (release["name"], release["namespace"]) == ("aws-node-termination-handler", "kube-system")


def test_it_reads_its_queue_on_system_nodes_and_drains_this_clusters_nodes_alone():
    ran = handler()
    assert ran.one(RELEASE).inputs["values"] == {
        "fullnameOverride": "aws-node-termination-handler",
        "serviceAccount": {"create": True, "name": "aws-node-termination-handler"},
        "enableSqsTerminationDraining": True,
        "queueURL": ran.one(QUEUE)["url"],
        "awsRegion": "us-west-2",
        "checkTagBeforeDraining": True,
        "managedTag": "node-termination-handler/gaia",
        "nodeTerminationGracePeriod": 120,
        "replicas": 2,
        "nodeSelector": {"eks-gpu-components/role": "system"},
        "tolerations": [{"key": "CriticalAddonsOnly", "operator": "Exists", "effect": "NoSchedule"}],
        "resources": {"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"memory": "256Mi"}},
        "podDisruptionBudget": {"maxUnavailable": 1},
        "topologySpreadConstraints": [
            {
                "maxSkew": 1,
                "topologyKey": "kubernetes.io/hostname",
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": {"matchLabels": {"app.kubernetes.io/name": "aws-node-termination-handler"}},
            }
        ],
    }


def test_one_pod_has_no_budget_that_would_keep_its_node():
    values = handler(replicas=1).one(RELEASE).inputs["values"]
    assert values["replicas"] == 1
    assert {"podDisruptionBudget", "topologySpreadConstraints"} & values.keys() == set()


def test_it_hears_of_nodes_that_go_for_sure():
    assert heard(handler()) == [
        {
            "source": ["aws.health"],
            "detail-type": ["AWS Health Event"],
            "detail": {"service": ["EC2"], "eventTypeCategory": ["scheduledChange"]},
        },
        {"source": ["aws.ec2"], "detail-type": ["EC2 Instance State-change Notification"]},
        {"source": ["aws.autoscaling"], "detail-type": ["EC2 Instance-terminate Lifecycle Action"]},
        {"source": ["aws.ec2"], "detail-type": ["EC2 Spot Instance Interruption Warning"]},
    ]


def test_it_hears_of_a_mere_risk_when_asked():
    recommendation = {"source": ["aws.ec2"], "detail-type": ["EC2 Instance Rebalance Recommendation"]}
    assert recommendation in heard(handler(rebalance_recommendations=True))


def test_both_controllers_hear_of_a_spot_notice_by_the_same_event():
    (shared,) = [event for event in HANDLER_EVENTS if event.kind == "EC2 Spot Instance Interruption Warning"]
    assert shared in KARPENTER_EVENTS


def test_its_queue_is_made_as_karpenters_and_is_another():
    assert handler().one(QUEUE).inputs == {"messageRetentionSeconds": 300, "sqsManagedSseEnabled": True}


@pytest.mark.parametrize("setting", NodeTerminationHandlerSettingsArgs.__annotations__)
def test_every_setting_changes_what_is_made(setting):
    assert shape(handler(**{setting: OTHER[setting]})) != shape(handler())


def test_it_reads_its_own_queue_and_lets_go_of_this_clusters_nodes_alone():
    queue = "arn:aws:sqs:us-west-2:123456789012:handler"
    assert handler_policy("gaia", queue, "us-west-2") == {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "Hear",
                "Effect": "Allow",
                "Action": ["sqs:DeleteMessage", "sqs:ReceiveMessage"],
                "Resource": queue,
            },
            {"Sid": "See", "Effect": "Allow", "Action": "ec2:DescribeInstances", "Resource": "*"},
            {
                "Sid": "LetGo",
                "Effect": "Allow",
                "Action": "autoscaling:CompleteLifecycleAction",
                "Resource": "arn:aws:autoscaling:us-west-2:*:autoScalingGroup:*",
                "Condition": {"StringEquals": {"aws:ResourceTag/node-termination-handler/gaia": "true"}},
            },
        ],
    }


def test_its_pods_start_when_their_permissions_are_there():
    found = handler()
    role, policy = found.one("aws:iam/role:Role"), found.one("aws:iam/rolePolicy:RolePolicy")
    identity = found.one("aws:eks/podIdentityAssociation:PodIdentityAssociation")
    assert json.loads(policy.inputs["policy"]) == handler_policy("gaia", found.one(QUEUE)["arn"], "us-west-2")
    assert identity.inputs == {
        "clusterName": "gaia",
        "namespace": "kube-system",
        "serviceAccount": "aws-node-termination-handler",
        "roleArn": role.outputs["arn"],
    }
    assert {policy.urn, identity.urn} <= found.one(RELEASE).dependencies


def test_a_preview_plans_what_an_update_makes_and_all_of_it_is_valid():
    found = handler()
    assert handler(preview=True).urns() == found.urns()
    assert [problem for resource in found.graph for problem in problems(resource.type, resource.inputs)] == []


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"drain_s": 29}, "settings.drain_s must be at least 30, got 29"),
        ({"drain_s": 7141}, "settings.drain_s must be at most 7140, got 7141"),
        ({"replicas": 0}, "settings.replicas must be at least 1, got 0"),
    ],
)
def test_bad_settings_are_refused_with_the_reason(settings, problem):
    with pytest.raises(BadInput) as refused:
        handler(**settings)
    assert refused.value.problems[0].startswith(problem)


def test_the_page_has_an_example_that_runs():
    assert run_example("node_termination_handler").one("eks-gpu-components:index:NodeTerminationHandler")
