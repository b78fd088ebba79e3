"""The way of a Spot notice: from EventBridge through a queue to a controller, which then drains the node in time.

Source: Karpenter 1.15, getting started, cloudformation.yaml.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from eks_gpu.checks.events import altered, forwards
from eks_gpu.checks.needs import place_of
from eks_gpu.checks.registry import Context
from eks_gpu.checks.roles import INLINE, POLICY, ROLE, policies, role_of
from eks_gpu.graph.graph import Graph, Resource
from eks_gpu.graph.iam import Call, Decision, decide, json_of
from eks_gpu.pools.software import Software
from eks_gpu_components.catalog import KARPENTER_EVENTS, Event, partition

QUEUE = "aws:sqs/queue:Queue"
ACTIONS = ("sqs:DeleteMessage", "sqs:GetQueueUrl", "sqs:ReceiveMessage")
EVENTBRIDGE = "events.amazonaws.com"
# Where older charts had the queue's name; a newer chart reads past it.
_OLD_KEYS = (("settings", "aws", "interruptionQueueName"), ("settings", "interruptionQueueName"))


def gaps(release: Software, context: Context) -> Iterator[str]:
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
    queue = next((found for found in context.graph.of(QUEUE) if queue_name(found) == name), None)
    if queue is None:
        yield f"settings.interruptionQueue is {name}, but the stack has no queue of that name"
        return
    yield from gaps_before(queue, KARPENTER_EVENTS, context)
    yield from _unread(release, queue, context)


def _unread(release: Software, queue: Resource, context: Context) -> Iterator[str]:
    """Why the controller does not read the queue."""
    role = role_of(release, context.graph)
    here = place_of(str(role["arn"] or "") if role else queue_arn(queue), context, release)
    calls = {action: here.call(action, queue_arn(queue)) for action in ACTIONS}
    if role is None:
        attached = list(map(json_of, _attached(context.graph)))
        told = {action: decide(attached, call) for action, call in calls.items()}
    else:
        found = policies(role, context.graph)
        told = {action: found.decide(call) for action, call in calls.items()}
    missing = [action for action, decision in told.items() if decision.allowed is False and not decision.denied_by]
    if missing:
        yield f"no attached IAM policy allows {', '.join(missing)} on the queue"
    denied = [action for action, decision in told.items() if decision.denied_by]
    if denied:
        yield f"{told[denied[0]].denied_by} denies the controller {', '.join(denied)} on the queue"


def gaps_before(queue: Resource, events: Iterable[Event], context: Context) -> Iterator[str]:
    """What keeps these events from a queue of the stack, a clause each."""
    arn = queue_arn(queue)
    sent = [(event, forwards(event, arn, context.region, context.graph)) for event in events]
    senders = list({rule.urn: rule for _, ways in sent for rule, _ in ways}.values())
    if shut := _shut_out(queue, senders, context):
        yield shut
    for event, ways in sent:
        what = f"{event.kind} of {event.source}"
        if not ways:
            yield f"no enabled rule sends {what} to the queue"
        elif all(altered(target) for _, target in ways):
            rule, target = ways[0]
            yield f"rule {rule.name} sends its {altered(target)} in place of {what}, which no controller reads"


def queue_name(queue: Resource) -> str:
    """Name of the queue in AWS."""
    return str(queue["name"] or queue.name)


def queue_arn(queue: Resource) -> str:
    """ARN of the queue, as targets of rules name it."""
    return str(queue["arn"] or queue.id)


def _shut_out(queue: Resource, senders: list[Resource], context: Context) -> str:
    """Why the queue's policy keeps events out; empty if it does not."""
    documents = list(map(json_of, policies_of(queue, context.graph)))
    arn = queue_arn(queue)
    account = (arn.split(":") + [""] * 5)[4] or "*"
    calls = [(rule.name, _arn_of_rule(rule, account, context.region)) for rule in senders] or [(EVENTBRIDGE, "")]
    refused: list[tuple[str, Decision]] = []
    for name, source in calls:
        keys = {"aws:SourceAccount": account, "aws:SecureTransport": "true"}
        keys |= {"aws:SourceArn": source} if source else {}
        decision = decide(documents, Call("sqs:SendMessage", arn, EVENTBRIDGE, keys, complete=False))
        if decision.allowed is False:
            refused.append((name, decision))
    if not refused:
        return ""
    denied_by = refused[0][1].denied_by
    by = f": {denied_by} denies it" if denied_by else ": allow it sqs:SendMessage"
    whom = EVENTBRIDGE if len(refused) == len(calls) else f"rule {', '.join(name for name, _ in refused)}"
    return f"the policy of queue {queue_name(queue)} does not let {whom} send{by}"


def _arn_of_rule(rule: Resource, account: str, region: str) -> str:
    known, name = str(rule["arn"] or ""), rule["name"] or rule.name
    made = f"arn:{partition(region)}:events:{region or '*'}:{account}:rule/{name}"
    return known if ":events:" in known else made


def policies_of(queue: Resource, graph: Graph) -> Iterator[Any]:
    """Policies of a queue: its own, and those beside it."""
    yield queue.inputs.get("policy")
    for found in graph.of("aws:sqs/queuePolicy:QueuePolicy"):
        given = found.inputs.get("queueUrl")
        named = given in (queue.id, queue["url"]) or str(given).endswith(f"/{queue_name(queue)}")
        if named or (not given and queue.urn in found.dependencies):
            yield found.inputs.get("policy")


def _attached(graph: Graph) -> Iterator[Any]:
    """Policy documents that some role has: inline, or by an attachment."""
    yield from (found.inputs.get("policy") for found in graph.of(INLINE))
    for role in graph.of(ROLE):
        yield from (inline.get("policy") for inline in role.inputs.get("inlinePolicies") or ())
    attachments = graph.of("aws:iam/rolePolicyAttachment:RolePolicyAttachment")
    arns = {found.inputs.get("policyArn") for found in attachments}
    for policy in graph.of(POLICY):
        if policy["arn"] in arns:
            yield policy.inputs.get("policy")
