"""The way of a Spot notice: from EventBridge through a queue to a controller, which then drains the node in time.

Source: Karpenter 1.15, getting started, cloudformation.yaml.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any

from eks_gpu.graph.graph import Graph, Resource
from eks_gpu.pools.software import Software
from eks_gpu_components.catalog import KARPENTER_EVENTS, Event

ACTIONS = ("sqs:DeleteMessage", "sqs:GetQueueUrl", "sqs:ReceiveMessage")
# Where older charts had the queue's name; a newer chart reads past it.
_OLD_KEYS = (("settings", "aws", "interruptionQueueName"), ("settings", "interruptionQueueName"))


def gaps(release: Software, graph: Graph) -> Iterator[str]:
    """What is missing between EC2 and Karpenter, a clause each."""
    name = release.value("settings", "interruptionQueue")
    if not name:
        old = next((".".join(key) for key in _OLD_KEYS if release.value(*key)), "")
        yield (
            f"{old} is a key that the chart no longer reads: write settings.interruptionQueue"
            if old
            else ("its values name no queue: set settings.interruptionQueue")
        )
        return
    queue = next((found for found in graph.of("aws:sqs/queue:Queue") if _queue_name(found) == name), None)
    if queue is None:
        yield f"settings.interruptionQueue is {name}, but the stack has no queue of that name"
        return
    yield from gaps_before(queue, KARPENTER_EVENTS, graph)
    allowed = [statement for document in _attached(graph) for statement in statements(document)]
    if missing := [action for action in ACTIONS if not any(_allows(s, action, queue) for s in allowed)]:
        yield f"no attached IAM policy allows {', '.join(missing)} on the queue"


def gaps_before(queue: Resource, events: Iterable[Event], graph: Graph) -> Iterator[str]:
    """What keeps these events from a queue of the stack, a clause each."""
    if not _takes_events(queue, graph):
        name = _queue_name(queue)
        yield f"the policy of queue {name} does not let events.amazonaws.com send: allow it sqs:SendMessage"
    for event in events:
        if not any(_forwards(rule, event, queue, graph) for rule in graph.of("aws:cloudwatch/eventRule:EventRule")):
            yield f"no enabled rule sends {event.kind} of {event.source} to the queue"


def _queue_name(queue: Resource) -> str:
    return str(queue["name"] or queue.name)


def _arn(queue: Resource) -> str:
    return str(queue["arn"] or queue.id)


def _takes_events(queue: Resource, graph: Graph) -> bool:
    policies = [queue.inputs.get("policy")] + [
        found.inputs.get("policy")
        for found in graph.of("aws:sqs/queuePolicy:QueuePolicy")
        if queue.urn in found.dependencies
        or found.inputs.get("queueUrl") in (queue.id, queue["url"])
        or str(found.inputs.get("queueUrl")).endswith(f"/{_queue_name(queue)}")
    ]
    return any(
        _allows(statement, "sqs:SendMessage", queue) and "events.amazonaws.com" in _services(statement)
        for document in policies
        for statement in statements(document)
    )


def _services(statement: Mapping[str, Any]) -> list[str]:
    principal = statement.get("Principal")
    if principal == "*":
        return ["events.amazonaws.com"]
    return _listed(principal.get("Service")) if isinstance(principal, Mapping) else []


def _forwards(rule: Resource, event: Event, queue: Resource, graph: Graph) -> bool:
    pattern = _json(rule.inputs.get("eventPattern"))
    if event.source not in _listed(pattern.get("source")) or event.kind not in _listed(pattern.get("detail-type")):
        return False
    if rule.inputs.get("state") == "DISABLED" or rule.inputs.get("isEnabled") is False:
        return False
    names = {rule.id, rule["name"] or rule.name} - {""}
    return any(
        target.inputs.get("rule") in names and target.inputs.get("arn") == _arn(queue)
        for target in graph.of("aws:cloudwatch/eventTarget:EventTarget")
    )


def _attached(graph: Graph) -> Iterator[Any]:
    """Policy documents that some role has: inline, or by an attachment."""
    yield from (found.inputs.get("policy") for found in graph.of("aws:iam/rolePolicy:RolePolicy"))
    for role in graph.of("aws:iam/role:Role"):
        yield from (inline.get("policy") for inline in role.inputs.get("inlinePolicies") or ())
    attachments = graph.of("aws:iam/rolePolicyAttachment:RolePolicyAttachment")
    arns = {found.inputs.get("policyArn") for found in attachments}
    for policy in graph.of("aws:iam/policy:Policy"):
        if policy["arn"] in arns:
            yield policy.inputs.get("policy")


def statements(document: Any) -> list[Mapping[str, Any]]:
    """Of an IAM policy as JSON text or as a mapping; none of what cannot be read."""
    found = _json(document).get("Statement") or []
    return [found] if isinstance(found, Mapping) else list(found)


def _allows(statement: Mapping[str, Any], action: str, queue: Resource) -> bool:
    return (
        statement.get("Effect") == "Allow"
        and any(fnmatchcase(action.lower(), str(given).lower()) for given in _listed(statement.get("Action")))
        and any(fnmatchcase(_arn(queue), str(given)) for given in _listed(statement.get("Resource")))
    )


def _json(text: Any) -> Mapping[str, Any]:
    try:
        found = json.loads(text) if isinstance(text, str) else text
    except ValueError:
        return {}
    return found if isinstance(found, Mapping) else {}


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [] if value is None else [value]
