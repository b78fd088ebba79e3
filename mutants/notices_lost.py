"""Notices are lost: what EC2 says before it takes a node reaches no controller, or comes too late for a drain."""

import json
from typing import Any

from eks_gpu.graph.graph import Resource

from .edits import EACH, JSON, Edit, Given, Operator, With, swapped, to, with_item, with_key
from .places import QUEUE, RELEASE, chart, hears_notices
from .programs import Program

_QUEUE, _QUEUE_POLICY = [QUEUE], ["aws:sqs/queuePolicy:QueuePolicy"]
_RULE, _TARGET = ["aws:cloudwatch/eventRule:EventRule"], ["aws:cloudwatch/eventTarget:EventTarget"]
_HOOK = ["aws:autoscaling/lifecycleHook:LifecycleHook"]
_HARM = "Spot nodes go without a drain"
_HANDLER = chart("aws-node-termination-handler")
_STATEMENTS = ("policy", JSON, "Statement")


def _of_spot(resource: Resource, program: Program) -> bool:
    """The way of a notice that some pool needs: of Karpenter's nodes, or of self-managed ones."""
    backend = "auto-scaling-group" if resource.name.startswith("node-termination-handler") else "karpenter"
    needed = any(pool.backend == backend and "spot" in pool.capacity_types for pool in program.pools.values())
    return needed and hears_notices(resource, program)


def _of_notice(resource: Resource, program: Program) -> bool:
    """The rule of a Spot notice, or its target."""
    return "spot-interruption" in resource.name and _of_spot(resource, program)


def _holds_spot(resource: Resource, program: Program) -> bool:
    """A hook of a Spot group."""
    held = resource.inputs.get("autoscalingGroupName")
    return any(pool.name == held and "spot" in pool.capacity_types for pool in program.pools.values())


def _reads_notices(resource: Resource, program: Program) -> bool:
    return chart("karpenter")(resource, program) and _of_spot(resource, program)


def _denying(**statement: Any) -> Any:
    return with_item({"Effect": "Deny", "Principal": "*", "Resource": "*", **statement})


def _allowing(**changes: Any) -> Any:
    return lambda statement: {**statement, **changes} if statement["Effect"] == "Allow" else statement


def _key(name: str, principal: Any) -> Resource:
    """A key of KMS by whose policy this principal may use it."""
    type_ = "aws:kms/key:Key"
    arn = f"arn:aws:kms:us-west-2:123456789012:key/{name}"
    statement = {"Effect": "Allow", "Principal": principal, "Action": "kms:*", "Resource": "*"}
    inputs = {"policy": json.dumps({"Version": "2012-10-17", "Statement": [statement]})}
    outputs = {**inputs, "arn": arn, "keyId": name}
    return Resource(
        f"urn:pulumi:mutant::mutants::{type_}::{name}", type_, name, id=name, inputs=inputs, outputs=outputs
    )


_OWN_KEY = _key("11111111-2222-3333-4444-555555555555", {"AWS": "arn:aws:iam::123456789012:root"})

OPERATORS: tuple[Operator, ...] = (
    # The queue.
    Edit("a queue holds each notice back", _HARM, _QUEUE, ("delaySeconds",), to(900), _of_spot),
    Edit("a queue holds each notice back for two minutes", _HARM, _QUEUE, ("delaySeconds",), to(120), _of_spot),
    Edit("a queue forgets after a minute", _HARM, _QUEUE, ("messageRetentionSeconds",), to(60), _of_spot),
    Edit("a queue of one sender's order", _HARM, _QUEUE, ("fifoQueue",), to(True), _of_spot),
    Edit(
        "a queue under AWS's own key",
        _HARM,
        _QUEUE,
        (),
        with_key(kmsMasterKeyId="alias/aws/sqs", sqsManagedSseEnabled=False),
        _of_spot,
    ),
    Given(
        With("", "", _OWN_KEY, lambda _: True),
        Edit(
            "a queue under a key that lets no event in",
            _HARM,
            _QUEUE,
            (),
            with_key(kmsMasterKeyId=_OWN_KEY.outputs["arn"], sqsManagedSseEnabled=False),
            _of_spot,
        ),
    ),
    Edit("a queue in another region", _HARM, _QUEUE, ("region",), to("eu-west-1"), _of_spot),
    # Who may send.
    Edit("the queue's policy denies all", _HARM, _QUEUE_POLICY, _STATEMENTS, _denying(Action="sqs:*"), _of_spot),
    Edit(
        "the queue's policy denies to send",
        _HARM,
        _QUEUE_POLICY,
        _STATEMENTS,
        _denying(Action="sqs:SendMessage"),
        _of_spot,
    ),
    Edit(
        "the queue's policy denies events",
        _HARM,
        _QUEUE_POLICY,
        _STATEMENTS,
        _denying(Action="sqs:Send*", Principal={"Service": "events.amazonaws.com"}),
        _of_spot,
    ),
    Edit(
        "the queue's policy denies all but a role",
        _HARM,
        _QUEUE_POLICY,
        _STATEMENTS,
        lambda given: [
            *given,
            {
                "Effect": "Deny",
                "NotPrincipal": {"AWS": "arn:aws:iam::123456789012:role/other"},
                "Action": "sqs:*",
                "Resource": "*",
            },
        ],
        _of_spot,
    ),
    Edit(
        "the queue's policy denies encrypted calls",
        _HARM,
        _QUEUE_POLICY,
        (*_STATEMENTS, EACH, "Condition", "Bool", "aws:SecureTransport"),
        to("true"),
        _of_spot,
    ),
    Edit(
        "the queue's policy is for another account",
        _HARM,
        _QUEUE_POLICY,
        (*_STATEMENTS, EACH),
        _allowing(Condition={"StringEquals": {"aws:SourceAccount": "999999999999"}}),
        _of_spot,
    ),
    Edit(
        "the queue's policy is for another rule",
        _HARM,
        _QUEUE_POLICY,
        (*_STATEMENTS, EACH),
        _allowing(Condition={"ArnEquals": {"aws:SourceArn": "arn:aws:events:us-west-2:123456789012:rule/other"}}),
        _of_spot,
    ),
    Edit(
        "the queue's policy is for another region's rules",
        _HARM,
        _QUEUE_POLICY,
        (*_STATEMENTS, EACH),
        _allowing(Condition={"ArnLike": {"aws:SourceArn": "arn:aws:events:eu-west-1:123456789012:rule/*"}}),
        _of_spot,
    ),
    Edit(
        "the queue's policy is about another queue",
        _HARM,
        _QUEUE_POLICY,
        (*_STATEMENTS, EACH),
        _allowing(Resource="arn:aws:sqs:us-west-2:123456789012:other"),
        _of_spot,
    ),
    Edit(
        "the queue's policy lets others read alone",
        _HARM,
        _QUEUE_POLICY,
        (*_STATEMENTS, EACH),
        _allowing(Action="sqs:ReceiveMessage"),
        _of_spot,
    ),
    Edit(
        "the queue's policy is of another queue",
        _HARM,
        _QUEUE_POLICY,
        ("queueUrl",),
        to("https://sqs.us-west-2.amazonaws.com/123456789012/other"),
        _of_spot,
    ),
    # Rules and targets.
    *(
        Edit(f"a rule {what}", _HARM, _RULE, at, change, _of_notice)
        for what, at, change in (
            ("of another bus", ("eventBusName",), to("own")),
            ("is disabled in the old way", ("isEnabled",), to(False)),
            ("for one instance", ("eventPattern", JSON), with_key(detail={"instance-id": ["i-0123456789abcdef0"]})),
            ("for another region", ("eventPattern", JSON), with_key(region=["eu-west-1"])),
            ("for another account", ("eventPattern", JSON), with_key(account=["999999999999"])),
            ("for hibernation alone", ("eventPattern", JSON), with_key(detail={"instance-action": ["hibernate"]})),
            ("for a detail that no notice has", ("eventPattern", JSON), with_key(detail={"state": ["running"]})),
            (
                "for all but notices",
                ("eventPattern", JSON, "detail-type"),
                to([{"anything-but": ["EC2 Spot Instance Interruption Warning"]}]),
            ),
            ("with a misspelt kind", ("eventPattern", JSON, "detail-type"), to(["EC2 Spot Instance Interruption"])),
            (
                "with a kind in small letters",
                ("eventPattern", JSON, "detail-type"),
                to(["ec2 spot instance interruption warning"]),
            ),
            ("by the clock", (), lambda inputs: {"scheduleExpression": "rate(5 minutes)"}),
        )
    ),
    *(
        Edit(f"a target {what}", _HARM, _TARGET, at, change, _of_notice)
        for what, at, change in (
            ("of another rule", ("rule",), to("other")),
            ("on another bus", ("eventBusName",), to("own")),
            ("elsewhere", ("arn",), to("arn:aws:sqs:us-west-2:123456789012:other")),
            ("in another region", ("arn",), swapped("us-west-2", "eu-west-1")),
            ("with a text of its own", ("input",), to('{"hello": "world"}')),
            ("with a part of the notice", ("inputPath",), to("$.detail")),
            (
                "with a transformed notice",
                ("inputTransformer",),
                to({"inputPaths": {"id": "$.id"}, "inputTemplate": '"<id>"'}),
            ),
            ("through a log group", ("arn",), to("arn:aws:logs:us-west-2:123456789012:log-group:/aws/events/spot")),
        )
    ),
    # The termination handler.
    *(
        Edit(
            f"the termination handler {what}",
            "self-managed nodes go without a drain",
            [RELEASE],
            ("values", key),
            to(value),
            _HANDLER,
        )
        for what, key, value in (
            ("only logs", "dryRun", True),
            ("reads another queue", "queueURL", "https://sqs.us-west-2.amazonaws.com/123456789012/other"),
            ("reads a queue of another region", "queueURL", "https://sqs.eu-west-1.amazonaws.com/123456789012/handler"),
            (
                "reads a queue of another account",
                "queueURL",
                "https://sqs.us-west-2.amazonaws.com/999999999999/handler",
            ),
            ("asks for a queue by name", "queueURL", "node-termination-handler-interruption"),
            ("drains for longer than a notice lasts", "nodeTerminationGracePeriod", 900),
            ("ignores the drain's end", "enableSqsTerminationDraining", "false"),
        )
    ),
    Edit(
        "the termination handler works on no message at a time",
        "self-managed nodes go without a drain",
        [RELEASE],
        ("values", "workers"),
        to(0),
        _HANDLER,
    ),
    # Hooks.
    *(
        Edit(f"a hook holds a node for {s} s", "nodes go in the middle of their drain", _HOOK, at, to(s), _holds_spot)
        for s in (1, 29)
        for at in [("heartbeatTimeout",)]
    ),
    Edit(
        "a hook holds new nodes",
        "nodes go in the middle of their drain",
        _HOOK,
        ("lifecycleTransition",),
        to("autoscaling:EC2_INSTANCE_LAUNCHING"),
        lambda r, p: p.has("aws:cloudwatch/eventRule:EventRule"),
    ),
    Edit(
        "a hook of another group",
        "nodes go in the middle of their drain",
        _HOOK,
        ("autoscalingGroupName",),
        to("other"),
    ),
    Edit(
        "no name of a queue in the chart",
        _HARM,
        [RELEASE],
        ("values", "settings", "interruptionQueue"),
        to(""),
        _reads_notices,
    ),
    Edit(
        "a queue of Karpenter by its URL",
        _HARM,
        [RELEASE],
        ("values", "settings", "interruptionQueue"),
        lambda name: f"https://sqs.us-west-2.amazonaws.com/123456789012/{name}" if name else name,
        _reads_notices,
    ),
)
