"""The queue through which a controller hears that nodes will go: a Spot notice leaves it two minutes.

Each controller has a queue of its own: whoever reads a message of SQS takes it from all others.
Source: Karpenter 1.15, getting started, cloudformation.yaml.
"""

import json
from collections.abc import Iterable
from typing import Any

import pulumi_aws as aws
from pulumi import Input, Resource, ResourceOptions

from ..catalog.interruptions import Event

RETENTION_S = 300  # older news is of nodes that are gone


def queue_policy(queue_arn: str) -> dict[str, Any]:
    """Rules of the queue's own account and region may send, and nobody may do anything without TLS.

    Source: EventBridge User Guide, resource-based policies for Amazon SQS, which limits the sender by its rule.
    """
    _, partition, _, region, account, _ = queue_arn.split(":", 5)
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "EC2InterruptionPolicy",
                "Effect": "Allow",
                "Principal": {"Service": "events.amazonaws.com"},
                "Action": "sqs:SendMessage",
                "Resource": queue_arn,
                "Condition": {
                    "StringEquals": {"aws:SourceAccount": account},
                    "ArnLike": {"aws:SourceArn": f"arn:{partition}:events:{region}:{account}:rule/*"},
                },
            },
            {
                "Sid": "DenyHTTP",
                "Effect": "Deny",
                "Principal": "*",
                "Action": "sqs:*",
                "Resource": queue_arn,
                "Condition": {"Bool": {"aws:SecureTransport": "false"}},
            },
        ],
    }


def queue_resource(name: str) -> str:
    """The queue's name in Pulumi."""
    return f"{name}-interruption"


def rule_names(name: str, events: Iterable[Event]) -> list[str]:
    """The names of the rules in Pulumi."""
    return [_rule_name(name, event) for event in events]


def _rule_name(name: str, event: Event) -> str:
    return f"{name}-{event.name}"


def create_interruption_queue(
    name: str, events: Iterable[Event], parent: Resource, queue_name: Input[str] | None = None
) -> aws.sqs.Queue:
    """`{name}-interruption`, called `queue_name` or as Pulumi names it, with its policy and a rule for each event."""
    opts = ResourceOptions(parent=parent)
    queue = aws.sqs.Queue(
        queue_resource(name),
        name=queue_name,
        message_retention_seconds=RETENTION_S,
        sqs_managed_sse_enabled=True,
        opts=opts,
    )
    aws.sqs.QueuePolicy(
        queue_resource(name),
        queue_url=queue.url,
        policy=queue.arn.apply(lambda arn: json.dumps(queue_policy(arn))),
        opts=opts,
    )
    for event in events:
        rule_name = _rule_name(name, event)
        rule = aws.cloudwatch.EventRule(rule_name, event_pattern=json.dumps(event.pattern()), opts=opts)
        aws.cloudwatch.EventTarget(rule_name, rule=rule.name, arn=queue.arn, opts=opts)
    return queue
