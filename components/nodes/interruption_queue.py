"""The queue through which Karpenter learns that nodes will be interrupted, for Spot two minutes in advance.

Source: Karpenter 1.14, getting started, cloudformation.yaml.
"""

import json
from typing import Any

import pulumi_aws as aws
from pulumi import Output, Resource, ResourceOptions

from ..values.eks_cluster import EksCluster

RETENTION_S = 300  # older news is of nodes that are gone
NAME_LENGTH = 80  # SQS's limit; EKS gives a cluster's name 100

EVENTS = {
    "health": {"source": ["aws.health"], "detail-type": ["AWS Health Event"]},
    "spot-interruption": {"source": ["aws.ec2"], "detail-type": ["EC2 Spot Instance Interruption Warning"]},
    "rebalance": {"source": ["aws.ec2"], "detail-type": ["EC2 Instance Rebalance Recommendation"]},
    "state-change": {"source": ["aws.ec2"], "detail-type": ["EC2 Instance State-change Notification"]},
    "reservation-interruption": {
        "source": ["aws.ec2"],
        "detail-type": ["EC2 Capacity Reservation Instance Interruption Warning"],
    },
}
"""EventBridge patterns by the name of their rule."""


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


def rule_name(name: str, event: str) -> str:
    """The rule's name in Pulumi."""
    return f"{name}-{event}"


def create_interruption_queue(name: str, cluster: EksCluster, parent: Resource) -> aws.sqs.Queue:
    """The queue `{name}-interruption`, named in AWS as the cluster, with its policy and a rule for each event."""
    opts = ResourceOptions(parent=parent)
    queue = aws.sqs.Queue(
        f"{name}-interruption",
        name=Output.from_input(cluster["name"]).apply(lambda known: known[:NAME_LENGTH]),
        message_retention_seconds=RETENTION_S,
        sqs_managed_sse_enabled=True,
        opts=opts,
    )
    aws.sqs.QueuePolicy(
        f"{name}-interruption",
        queue_url=queue.url,
        policy=queue.arn.apply(lambda arn: json.dumps(queue_policy(arn))),
        opts=opts,
    )
    for event, pattern in EVENTS.items():
        rule = aws.cloudwatch.EventRule(rule_name(name, event), event_pattern=json.dumps(pattern), opts=opts)
        aws.cloudwatch.EventTarget(rule_name(name, event), rule=rule.name, arn=queue.arn, opts=opts)
    return queue
