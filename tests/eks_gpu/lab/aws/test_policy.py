"""Policy documents in the lab's AWS, and the events that a queue's policy lets in."""

import json
from typing import Any

import boto3
import pytest
from moto import mock_aws

from components.nodes.interruption_queue import queue_policy
from eks_gpu.graph.iam import Call, allowed
from eks_gpu.lab.aws.completed import complete_moto
from eks_gpu.lab.aws.moto_server import moto

REGION = "us-west-2"
HERE = "us-west-2:123456789012"
QUEUE = f"arn:aws:sqs:{HERE}:jobs"


def allow(action: Any, resource: Any = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def deny(action: Any, resource: Any = "*", **more: Any) -> dict[str, Any]:
    return {**allow(action, resource, **more), "Effect": "Deny"}


def test_outside_the_labs_moto_nothing_is_refused_and_an_account_is_empty():
    with moto():
        pass
    complete_moto()
    with mock_aws():
        anybody = {"aws_access_key_id": "anybody", "aws_secret_access_key": "at all"}
        assert boto3.client("eks", region_name=REGION, **anybody).list_clusters()["clusters"] == []
        assert boto3.client("iam", region_name=REGION, **anybody).list_policies()["Policies"] == []


@pytest.mark.parametrize(
    ("statements", "action", "resource", "verdict"),
    [
        ([allow("s3:Get*", "arn:a/?")], "s3:GetObject", "arn:a/b", True),
        ([allow("s3:get*", "arn:a/?")], "S3:GetObject", "arn:a/bc", False),
        ([allow("*", "arn:a.c")], "s3:GetObject", "arn:abc", False),
        ([{"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}], "s3:GetObject", "arn:a", True),
        ([{"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}], "iam:GetRole", "arn:a", False),
        ([allow("s3:*"), {"Effect": "Deny", "Action": "s3:*", "NotResource": "arn:a"}], "s3:A", "arn:b", False),
        ([allow("s3:*"), {"Effect": "Deny", "Action": "s3:*", "NotResource": "arn:a"}], "s3:A", "arn:a", True),
        ([allow("s3:*", "arn:a")], "s3:GetObject", None, True),
        ([], "s3:GetObject", "arn:a", False),
    ],
)
def test_statements_are_judged_together(statements, action, resource, verdict):
    assert allowed([{"Statement": statements}], Call(action, resource)) is verdict


RULE = f"arn:aws:events:{HERE}:rule/spot"
SEND = {"Principal": {"Service": "events.amazonaws.com"}}


def when(operator: str, key: str, value: Any) -> dict[str, Any]:
    return {**SEND, "Condition": {operator: {key: value}}}


def delivered(policy_: str | None, source: str = "aws.ec2", **rule: Any) -> bool:
    """Whether an event reaches the queue."""
    complete_moto()
    with mock_aws():
        sqs, events = (boto3.client(service, region_name=REGION) for service in ("sqs", "events"))
        url = sqs.create_queue(QueueName="jobs", Attributes={"Policy": policy_} if policy_ else {})["QueueUrl"]
        events.put_rule(Name="spot", EventPattern=json.dumps({"source": ["aws.ec2"]}), **rule)
        events.put_targets(Rule="spot", Targets=[{"Id": "1", "Arn": QUEUE}])
        sent = events.put_events(Entries=[{"Source": source, "DetailType": "d", "Detail": "{}"}])
        assert sent["FailedEntryCount"] == 0
        return "Messages" in sqs.receive_message(QueueUrl=url)


OURS = json.dumps(queue_policy(QUEUE))


def test_our_own_queue_policy_lets_events_in_by_an_enabled_rule_that_fits():
    assert delivered(OURS)
    assert delivered(OURS, State="ENABLED")
    assert not delivered(OURS, State="DISABLED")
    assert not delivered(OURS, source="aws.rds")
    assert not delivered(None)


@pytest.mark.parametrize(
    ("statements", "arrives"),
    [
        ([allow("sqs:SendMessage", QUEUE, **SEND)], True),
        ([allow("sqs:*", "*", Principal="*")], True),
        ([allow("SQS:SendMessage", QUEUE, Principal={"AWS": "*"})], True),
        ([allow("sqs:SendMessage", QUEUE, Principal={"Service": ["sns.amazonaws.com", "events.amazonaws.com"]})], True),
        ([allow("sqs:SendMessage", QUEUE, Principal={"Service": "sqs.amazonaws.com"})], False),
        ([allow("sqs:SendMessage", QUEUE, Principal={"AWS": "arn:aws:iam::123456789012:root"})], False),
        ([allow("sqs:ReceiveMessage", QUEUE, **SEND)], False),
        ([allow("sqs:SendMessage", f"{QUEUE}-2", **SEND)], False),
        ([allow("sqs:SendMessage", QUEUE, **SEND), deny("sqs:*", QUEUE, Principal="*")], False),
        ([allow("sqs:SendMessage", QUEUE, **SEND), deny("sqs:*", QUEUE, Principal={"Service": "s3.x"})], True),
        ([allow("sqs:SendMessage", QUEUE, **when("ArnEquals", "aws:SourceArn", RULE))], True),
        ([allow("sqs:SendMessage", QUEUE, **when("ArnLike", "aws:SourceArn", f"arn:aws:events:{HERE}:rule/s*"))], True),
        ([allow("sqs:SendMessage", QUEUE, **when("ArnEquals", "aws:SourceArn", f"{RULE}-2"))], False),
        ([allow("sqs:SendMessage", QUEUE, **when("StringEquals", "aws:SourceAccount", ["1", "123456789012"]))], True),
        ([allow("sqs:SendMessage", QUEUE, **when("StringEquals", "aws:SourceAccount", "210987654321"))], False),
        ([allow("sqs:SendMessage", QUEUE, **when("StringEquals", "aws:PrincipalOrgID", "o-1"))], False),
        ([allow("sqs:SendMessage", QUEUE, **when("Bool", "aws:SecureTransport", True))], True),
        ([deny("sqs:*", QUEUE, **when("Bool", "aws:SecureTransport", "false")), allow("sqs:*", **SEND)], True),
    ],
)
def test_an_event_reaches_a_queue_whose_policy_lets_the_rule_send(statements, arrives):
    assert delivered(json.dumps({"Statement": statements})) is arrives
