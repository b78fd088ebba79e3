"""EventBridge's deliveries as AWS makes them: by rules that are enabled, to queues whose policy lets EventBridge send.

moto delivers from disabled rules too, and whatever the queue's policy says. Source: EventBridge User Guide, resource-
based policies for Amazon SQS.
"""

import json
import logging
from typing import Any

from moto.events.models import Rule
from moto.sqs.models import sqs_backends

from eks_gpu.graph.iam import Call, allowed

EVENTBRIDGE = "events.amazonaws.com"

SEND_TO_TARGETS = Rule.send_to_targets
SEND_TO_QUEUE = Rule._send_to_sqs_queue

_log = logging.getLogger(__name__)


def send_to_targets(rule: Any, event: Any, transform_input: bool = True) -> None:
    """From a rule that is not disabled."""
    if rule.state != "DISABLED":
        SEND_TO_TARGETS(rule, event, transform_input)


def send_to_queue(rule: Any, queue_name: str, event: dict[str, Any], group_id: str | None = None) -> None:
    """To a queue that is there and lets this rule send; the sender of the event hears nothing of either."""
    queue = sqs_backends[rule.account_id][rule.region_name].queues.get(queue_name)
    if queue is not None and _lets_send(queue, rule):
        SEND_TO_QUEUE(rule, queue_name, event, group_id)
    else:
        _log.warning("no event of rule %s reaches queue %s: it is not there, or its policy", rule.name, queue_name)


def _lets_send(queue: Any, rule: Any) -> bool:
    context = {"aws:SourceArn": rule.arn, "aws:SourceAccount": rule.account_id, "aws:SecureTransport": "true"}
    documents = [json.loads(queue.policy)] if queue.policy else []
    return allowed(documents, Call("sqs:SendMessage", queue.queue_arn, EVENTBRIDGE, context))
