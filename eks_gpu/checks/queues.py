"""Queues on the way of a notice, and lifecycle hooks: they hand on in time what they are told."""

from collections.abc import Iterator

from eks_gpu.checks.events import RULE, hears, targets
from eks_gpu.checks.interruption import EVENTBRIDGE, QUEUE, queue_arn, queue_name
from eks_gpu.checks.needs import HOOK
from eks_gpu.checks.registry import Context, Problem, Said, check, verdict
from eks_gpu.checks.roles import last
from eks_gpu.checks.sources import EVENTBRIDGE_TARGETS, LIFECYCLE_HOOKS
from eks_gpu.graph.graph import Graph, Resource
from eks_gpu.graph.iam import Call, decide, json_of
from eks_gpu.pools.pool import AUTO_SCALING_GROUP
from eks_gpu_components.catalog import DRAIN_S, LIFECYCLE_ACTION, SPOT_INTERRUPTION

KEY = "aws:kms/key:Key"
_NOTICES = (SPOT_INTERRUPTION, LIFECYCLE_ACTION)
_AWS_KEY = "alias/aws/sqs"
_LAUNCH_EVENT = "EC2 Instance-launch Lifecycle Action"
_LAUNCHING = "autoscaling:EC2_INSTANCE_LAUNCHING"
_DELAY_S, _KEPT_S = 10, DRAIN_S


@check(
    "queues-take-notices",
    subject="queue to which a rule sends notices",
    fix="let the queue be a standard one, in the region of its rules, with encryption by SQS itself",
    sources=(EVENTBRIDGE_TARGETS,),
)
def take(context: Context) -> Iterator[Said]:
    """EventBridge cannot write to the queue, or its message comes after the node's end: nodes go without a drain.

    The check evaluates the policy of a KMS key of the stack.
    """
    for queue in _told(context):
        problems = [*_unwritable(queue, context)]
        delay = int(queue.inputs.get("delaySeconds") or 0)
        if delay >= DRAIN_S:
            said = f"it holds each message for {delay} s, and a Spot node is gone after {DRAIN_S} s"
            problems.append(Problem(said, "leave delaySeconds out"))
        yield verdict(queue_name(queue), problems, "EventBridge can write to it")


@check(
    "queues-hand-on-notices-in-time",
    subject="queue to which a rule sends notices",
    severity="warning",
    fix="leave delaySeconds out, and keep messages for 300 s",
    sources=(EVENTBRIDGE_TARGETS,),
)
def in_time(context: Context) -> Iterator[Said]:
    """Less of the two minutes before a Spot node's end is left for its drain, or a notice is dropped unread."""
    for queue in _told(context):
        delay = int(queue.inputs.get("delaySeconds") or 0)
        kept = int(queue.inputs.get("messageRetentionSeconds") or 345_600)
        problems = []
        if _DELAY_S <= delay < DRAIN_S:
            problems.append(Problem(f"it holds each message for {delay} s of {DRAIN_S}", "leave delaySeconds out"))
        if kept < _KEPT_S:
            said = f"it drops a message after {kept} s, so one that waits for a restarting controller is lost"
            problems.append(Problem(said, "set messageRetentionSeconds to 300"))
        yield verdict(queue_name(queue), problems, "a notice is read at once")


def _told(context: Context) -> Iterator[Resource]:
    """Queues of the stack that some rule sends a notice to."""
    arns = {
        target.inputs.get("arn")
        for rule in context.graph.of(RULE)
        if any(hears(rule, event, "", "") for event in _NOTICES)
        for target in targets(rule, context.graph)
    }
    return (queue for queue in context.graph.of(QUEUE) if queue_arn(queue) in arns)


def _unwritable(queue: Resource, context: Context) -> Iterator[Problem]:
    if queue.inputs.get("fifoQueue") is True:
        yield Problem("it is a FIFO queue, to which EventBridge sends with a message group only", "make a standard one")
    region = queue.inputs.get("region")
    if region and context.region and region != context.region:
        yield Problem(f"it is in {region}, and the nodes are in {context.region}", f"make it in {context.region}")
    key = str(queue.inputs.get("kmsMasterKeyId") or "")
    if key.endswith(_AWS_KEY):
        yield Problem("it is encrypted with AWS's own key, which EventBridge may not use", "set sqsManagedSseEnabled")
    elif key and (found := _key(key, context.graph)) and not _lets_events_in(found, context.graph):
        said = f"the policy of key {found.name} does not let {EVENTBRIDGE} encrypt"
        yield Problem(said, f"allow {EVENTBRIDGE} kms:GenerateDataKey and kms:Decrypt")


def _key(given: str, graph: Graph) -> Resource | None:
    """The key of the stack by its id, ARN or alias."""
    aliases = {
        str(found["name"] or found.name): found.inputs.get("targetKeyId") for found in graph.of("aws:kms/alias:Alias")
    }
    wanted = {given, last(given), str(aliases.get(f"alias/{given.partition('alias/')[2]}") or "")} - {""}
    return next((key for key in graph.of(KEY) if wanted & {key.id, str(key["arn"]), str(key["keyId"])}), None)


def _lets_events_in(key: Resource, graph: Graph) -> bool:
    """Without a policy of its own a key lets in whom IAM of its account lets in, and so no service."""
    beside = [
        found for found in graph.of("aws:kms/keyPolicy:KeyPolicy") if found.inputs.get("keyId") in (key.id, key["arn"])
    ]
    documents = [json_of(found.inputs.get("policy")) for found in (key, *beside)]
    calls = (Call(f"kms:{name}", None, EVENTBRIDGE, complete=False) for name in ("GenerateDataKey", "Decrypt"))
    return all(decide(documents, call).allowed is not False for call in calls)


@check(
    "lifecycle-hooks-let-nodes-start",
    subject="lifecycle hook at the launch of a group's nodes",
    severity="warning",
    fix="remove the hook, or let something complete it",
    sources=(LIFECYCLE_HOOKS,),
)
def let_start(context: Context) -> Iterator[Said]:
    """A new node waits for somebody who completes the hook, and is ended if the hook's default is ABANDON.

    A hook that notifies a target, and a stack with a rule for such events, pass.
    """
    told = any(
        "EC2 Instance-launch Lifecycle Action" in str(rule.inputs.get("eventPattern"))
        for rule in context.graph.of(RULE)
    )
    groups = {pool.name for pool in context.pools if pool.backend == AUTO_SCALING_GROUP}
    hooks = [(hook.name, str(hook.inputs.get("autoscalingGroupName")), hook.inputs) for hook in context.graph.of(HOOK)]
    for pool in context.pools:
        group = context.graph.get(pool.urn) if pool.backend == AUTO_SCALING_GROUP else None
        own = group.inputs.get("initialLifecycleHooks") or () if group else ()
        hooks += [(str(hook.get("name")), pool.name, hook) for hook in own]
    for name, group_name, hook in hooks:
        if group_name not in groups or hook.get("lifecycleTransition") != _LAUNCHING:
            continue
        abandons = str(hook.get("defaultResult") or "ABANDON") == "ABANDON"
        held = int(hook.get("heartbeatTimeout") or 3600)
        said = f"it holds each new node of {group_name} for {held} s, and nothing in the stack completes it"
        said += ", so EC2 ends the node" if abandons else ""
        problem = None if told or hook.get("notificationTargetArn") else Problem(said)
        yield verdict(f"hook {name} of {group_name}", problem, "something hears of it", "error" if abandons else "")


@check(
    "lifecycle-hooks-are-of-a-group",
    subject="lifecycle hook",
    severity="warning",
    fix="name a group of the stack in autoscalingGroupName",
    sources=(LIFECYCLE_HOOKS,),
)
def of_a_group(context: Context) -> Iterator[Said]:
    """AWS refuses the hook, or it holds nodes of somebody else's group, and the stack's own nodes go without it.

    The check applies if the stack has self-managed groups.
    """
    groups = [pool for pool in context.pools if pool.backend == AUTO_SCALING_GROUP]
    ids = {found.id for pool in groups if (found := context.graph.get(pool.urn))}
    names = {pool.name for pool in groups} | ids
    for hook in context.graph.of(HOOK) if names else ():
        given = str(hook.inputs.get("autoscalingGroupName"))
        problem = None if given in names else Problem(f"the stack has no group {given}")
        yield verdict(hook.name, problem, f"it is of group {given}")
