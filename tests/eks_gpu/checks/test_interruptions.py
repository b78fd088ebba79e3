"""The interruption path: a queue, its policy, the rules that fill it and a controller that reads it."""

import pytest

from tests.graphs import findings, resource
from tests.karpenter_graphs import (
    ARCH,
    ON_DEMAND,
    QUEUE_ARN,
    SPOT_FIRST,
    THREE_TYPES,
    allow,
    auto_mode_pool,
    controller_policy,
    failure,
    healthy,
    healthy_auto_mode,
    karpenter,
    node_pool,
    queue,
    queue_policy,
    rules,
)

GO = "Spot nodes of gpu go without a drain: "


def gap(**instead):
    subject, message = failure("interruption-path-is-complete", **instead)
    assert subject == "karpenter"
    assert message.startswith(GO)
    return message.removeprefix(GO)


def test_a_controller_that_is_told_no_queue():
    assert gap(karpenter=karpenter(interruptionQueue="")) == (
        "its values name no queue: set settings.interruptionQueue"
    )


@pytest.mark.parametrize(
    ("settings", "key"),
    [
        ({"interruptionQueueName": "shop"}, "settings.interruptionQueueName"),
        ({"aws": {"interruptionQueueName": "shop"}}, "settings.aws.interruptionQueueName"),
    ],
)
def test_a_queue_under_the_key_of_an_older_chart(settings, key):
    assert gap(karpenter=karpenter(interruptionQueue="", **settings)) == (
        f"{key} is a key that the chart no longer reads: write settings.interruptionQueue"
    )


def test_a_queue_that_the_stack_does_not_have():
    missing = "settings.interruptionQueue is shop, but the stack has no queue of that name"
    assert gap(queue=None) == missing
    assert gap(queue=queue(name="other")) == missing


@pytest.mark.parametrize("policy", [None, queue_policy("sqs.amazonaws.com")])
def test_a_queue_that_takes_no_events(policy):
    assert gap(queue_policy=policy) == (
        "the policy of queue shop does not let events.amazonaws.com send: allow it sqs:SendMessage"
    )


def test_a_policy_may_stand_on_the_queue_itself():
    document = allow("sqs:*", "arn:aws:sqs:*:*:shop", Principal={"Service": "events.amazonaws.com"})
    stack = healthy(queue_policy=None, queue=queue(policy=document))
    assert findings("interruption-path-is-complete", *stack)["karpenter"][0]


@pytest.mark.parametrize("change", [None, {"state": "DISABLED"}, {"isEnabled": False}, {"name": "another"}])
def test_an_event_that_no_rule_forwards(change):
    assert gap(rules=rules(spot=change)) == (
        "no enabled rule sends EC2 Spot Instance Interruption Warning of aws.ec2 to the queue"
    )


def test_every_missing_event_is_named():
    assert gap(rules=None) == "; ".join(
        f"no enabled rule sends {event} to the queue"
        for event in (
            "AWS Health Event of aws.health",
            "EC2 Spot Instance Interruption Warning of aws.ec2",
            "EC2 Instance Rebalance Recommendation of aws.ec2",
            "EC2 Instance State-change Notification of aws.ec2",
            "EC2 Capacity Reservation Instance Interruption Warning of aws.ec2",
        )
    )


def test_a_rule_whose_target_is_another_queue():
    others = [made for made in rules() if not made.type.endswith("EventTarget")]
    target = {"rule": "spot", "arn": "arn:aws:sqs:us-west-2:123456789012:other"}
    others.append(resource("aws:cloudwatch/eventTarget:EventTarget", "spot", target))
    assert "EC2 Spot Instance Interruption Warning" in gap(rules=others)


@pytest.mark.parametrize(
    ("policy", "missing"),
    [
        (None, "sqs:DeleteMessage, sqs:GetQueueUrl, sqs:ReceiveMessage"),
        (controller_policy(["sqs:GetQueueUrl", "sqs:ReceiveMessage"]), "sqs:DeleteMessage"),
        # Nobody has a policy that nothing attaches.
        (
            resource("aws:iam/policy:Policy", "loose", {"policy": allow("sqs:*", QUEUE_ARN)}, outputs={"arn": "arn:p"}),
            "sqs:DeleteMessage, sqs:GetQueueUrl, sqs:ReceiveMessage",
        ),
    ],
)
def test_a_controller_that_may_not_read_the_queue(policy, missing):
    assert gap(policy=policy) == f"no attached IAM policy allows {missing} on the queue"


def test_an_attached_policy_counts():
    attached = [
        resource("aws:iam/policy:Policy", "queue", {"policy": allow("sqs:*", QUEUE_ARN)}, outputs={"arn": "arn:p"}),
        resource("aws:iam/rolePolicyAttachment:RolePolicyAttachment", "queue", {"role": "r", "policyArn": "arn:p"}),
    ]
    assert findings("interruption-path-is-complete", *healthy(policy=attached))["karpenter"][0]


def test_on_demand_alone_needs_no_queue():
    stack = healthy(gpu=node_pool(ARCH, ON_DEMAND, THREE_TYPES), queue=None, rules=None)
    assert findings("interruption-path-is-complete", *stack) == {}


def test_auto_mode_needs_no_controller_and_no_queue():
    assert findings("interruption-path-is-complete", *healthy_auto_mode(gpu=auto_mode_pool(ARCH, SPOT_FIRST))) == {}
