"""Queues and lifecycle hooks hand on in time what they are told; rules hear all that they should."""

import json

import pytest

from eks_gpu.checks.events import hears
from eks_gpu_components.catalog import HANDLER_EVENTS, KARPENTER_EVENTS, LIFECYCLE_ACTION, SPOT_INTERRUPTION
from tests import node_graphs
from tests.graphs import analysed, findings, resource
from tests.karpenter_graphs import QUEUE_ARN, queue, queue_policy, rules
from tests.node_graphs import failure, holds, hook

TAKE, IN_TIME = "queues-take-notices", "queues-hand-on-notices-in-time"
START, GROUP = "lifecycle-hooks-let-nodes-start", "lifecycle-hooks-are-of-a-group"
KEY = "arn:aws:kms:us-west-2:123456789012:key/1"


def path(**inputs):
    """The way of a notice with another queue."""
    return [queue(**inputs), queue_policy(), *rules()]


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        (
            {"delaySeconds": 120},
            "it holds each message for 120 s, and a Spot node is gone after 120 s: leave delaySeconds out",
        ),
        (
            {"fifoQueue": True},
            "it is a FIFO queue, to which EventBridge sends with a message group only: make a standard one",
        ),
        ({"region": "eu-west-1"}, "it is in eu-west-1, and the nodes are in us-west-2: make it in us-west-2"),
        (
            {"kmsMasterKeyId": "alias/aws/sqs"},
            "it is encrypted with AWS's own key, which EventBridge may not use: set sqsManagedSseEnabled",
        ),
    ],
)
def test_a_queue_that_takes_no_notice(inputs, said):
    assert failure(TAKE, queue=path(**inputs)) == ("shop", said)
    assert holds(TAKE)


def key(principal):
    statement = {"Effect": "Allow", "Principal": principal, "Action": "kms:*", "Resource": "*"}
    inputs = {"policy": json.dumps({"Statement": [statement]})}
    return resource("aws:kms/key:Key", "own", inputs, id_="1", outputs={"arn": KEY, "keyId": "1"})


def test_a_queue_under_a_key_of_the_stack():
    root, events = {"AWS": "arn:aws:iam::123456789012:root"}, {"Service": "events.amazonaws.com"}
    alias = resource("aws:kms/alias:Alias", "own", {"name": "alias/own", "targetKeyId": "1"})
    for given in (KEY, "1", "alias/own"):
        under = path(kmsMasterKeyId=given)
        assert failure(TAKE, extra=[key(root), alias], queue=under) == (
            "shop",
            "the policy of key own does not let events.amazonaws.com encrypt: "
            "allow events.amazonaws.com kms:GenerateDataKey and kms:Decrypt",
        )
        assert holds(TAKE, extra=[key(events), alias], queue=under)
    assert holds(TAKE, queue=path(kmsMasterKeyId="arn:aws:kms:us-west-2:123456789012:key/of-another-stack"))


def test_a_queue_that_is_slow_or_forgets():
    assert failure(IN_TIME, queue=path(delaySeconds=60)) == (
        "shop",
        "it holds each message for 60 s of 120: leave delaySeconds out",
    )
    assert failure(IN_TIME, queue=path(messageRetentionSeconds=60)) == (
        "shop",
        "it drops a message after 60 s, so one that waits for a restarting controller is lost: "
        "set messageRetentionSeconds to 300",
    )
    assert holds(IN_TIME, queue=path(messageRetentionSeconds=300, delaySeconds=1))


def test_a_queue_without_notices_is_not_judged():
    assert findings(TAKE, *node_graphs.healthy(queue=[queue(fifoQueue=True), queue_policy()])) == {}


def rule(pattern=None, **inputs):
    text = json.dumps(SPOT_INTERRUPTION.pattern() | (pattern or {}))
    return resource("aws:cloudwatch/eventRule:EventRule", "spot", {"name": "spot", "eventPattern": text} | inputs)


@pytest.mark.parametrize(
    ("changed", "heard"),
    [
        ({}, True),
        ({"pattern": {"source": [{"prefix": "aws."}]}}, True),
        ({"pattern": {"detail": {"instance-action": ["terminate", "stop"]}}}, True),
        ({"pattern": {"detail": {"instance-action": ["hibernate"]}}}, False),
        ({"pattern": {"detail": {"instance-action": [{"anything-but": "terminate"}]}}}, False),
        ({"pattern": {"detail": {"instance-id": [{"prefix": "i-"}]}}}, True),
        ({"pattern": {"detail": {"instance-id": ["i-1"]}}}, False),
        ({"pattern": {"detail": {"state": ["running"]}}}, False),
        ({"pattern": {"detail": {"state": [{"exists": False}]}}}, True),
        ({"pattern": {"region": ["us-west-2"]}}, True),
        ({"pattern": {"region": ["eu-west-1"]}}, False),
        ({"pattern": {"account": ["2"]}}, False),
        ({"pattern": {"detail-type": [{"equals-ignore-case": SPOT_INTERRUPTION.kind.lower()}]}}, True),
        ({"pattern": {"detail-type": [{"wildcard": "EC2 Spot*"}]}}, True),
        ({"pattern": {"detail-type": ["EC2 Spot"]}}, False),
        ({"eventBusName": "own"}, False),
        ({"eventBusName": "arn:aws:events:us-west-2:1:event-bus/default"}, True),
        ({"state": "DISABLED"}, False),
        ({"eventPattern": None, "scheduleExpression": "rate(1 minute)"}, False),
    ],
)
def test_a_rule_hears_all_notices_or_not(changed, heard):
    assert hears(rule(**changed), SPOT_INTERRUPTION, "us-west-2", "1") is heard


def test_rules_of_this_library_hear_their_events():
    for event in (*KARPENTER_EVENTS, *HANDLER_EVENTS):
        own = resource("aws:cloudwatch/eventRule:EventRule", "own", {"eventPattern": json.dumps(event.pattern())})
        assert hears(own, event, "us-west-2", "1"), event.name
    of_one_group = {**LIFECYCLE_ACTION.pattern(), "detail": {"AutoScalingGroupName": ["gpu"]}}
    narrow = resource("aws:cloudwatch/eventRule:EventRule", "own", {"eventPattern": json.dumps(of_one_group)})
    assert hears(narrow, LIFECYCLE_ACTION, "us-west-2", "1")


@pytest.mark.parametrize(
    ("inputs", "severity"),
    [({}, "warning"), ({"defaultResult": "ABANDON"}, "error"), ({"defaultResult": None}, "error")],
)
def test_a_hook_that_nothing_completes(inputs, severity):
    stack = node_graphs.healthy(hook=hook(notificationTargetArn=None, **inputs))
    (found,) = [each for each in analysed(*stack).findings if each.id == START]
    assert (found.subject, found.passed, found.severity) == ("hook ready of gpu", False, severity)


def test_a_hook_of_which_something_hears():
    assert holds(START)
    pattern = json.dumps({"source": ["aws.autoscaling"], "detail-type": ["EC2 Instance-launch Lifecycle Action"]})
    launches = resource("aws:cloudwatch/eventRule:EventRule", "launches", {"eventPattern": pattern})
    assert holds(START, extra=launches, hook=hook(notificationTargetArn=None))


def test_a_hook_of_no_group():
    assert failure(GROUP, hook=hook(autoscalingGroupName="other")) == ("ready", "the stack has no group other")
    assert holds(GROUP)


PATH, GO = "interruption-path-is-complete", "Spot nodes of reserved go without a drain: "


def denying(**statement):
    made = queue_policy()
    document = json.loads(made.inputs["policy"])
    document["Statement"].append({"Effect": "Deny", "Principal": "*", "Action": "sqs:*", "Resource": "*", **statement})
    return [queue(), resource(made.type, made.name, {**made.inputs, "policy": json.dumps(document)}), *rules()]


def test_a_queue_policy_that_denies():
    assert failure(PATH, queue=denying(Sid="Shut")) == (
        "karpenter",
        f"{GO}the policy of queue shop does not let events.amazonaws.com send: Shut denies it",
    )
    https = {"Condition": {"Bool": {"aws:SecureTransport": "false"}}}
    assert holds(PATH, queue=denying(**https))
    one = {"Condition": {"ArnEquals": {"aws:SourceArn": "arn:aws:events:us-west-2:123456789012:rule/spot"}}}
    assert "does not let rule spot send" in failure(PATH, queue=denying(Sid="Shut", **one))[1]


def test_a_target_that_sends_another_text():
    made = [queue(), queue_policy(), *rules()]
    altered = [
        resource(each.type, each.name, {**each.inputs, "inputPath": "$.detail"})
        if each.name == "spot" and each.type.endswith("EventTarget")
        else each
        for each in made
    ]
    assert failure(PATH, queue=altered)[1] == (
        f"{GO}rule spot sends its inputPath in place of EC2 Spot Instance Interruption Warning of aws.ec2, "
        "which no controller reads"
    )
    assert QUEUE_ARN in {each.inputs.get("arn") for each in made}
