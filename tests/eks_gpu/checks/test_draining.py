"""Draining: self-managed groups whose nodes AWS takes away with the pods at work."""

import json
from typing import Any

import pytest

from tests.graphs import (
    GPU_TAGS,
    analysed,
    findings,
    gpu_group,
    kubernetes,
    launch_template,
    overrides,
    release,
    tags,
)
from tests.graphs import healthy as small
from tests.whole_graphs import association, failure, healthy, holds, inline, resource, role

CHECK, PERMISSIONS = "spot-groups-are-drained", "controllers-have-their-permissions"
HANDLER = "aws-node-termination-handler"
TAG = "aws-node-termination-handler/managed"
ARN, URL = "arn:aws:sqs:us-west-2:123456789012:drain", "https://sqs.us-west-2.amazonaws.com/123456789012/drain"
SPOT = ("aws.ec2", "EC2 Spot Instance Interruption Warning")
ENDING = ("aws.autoscaling", "EC2 Instance-terminate Lifecycle Action")
ACTIONS = ("sqs:ReceiveMessage", "sqs:DeleteMessage", "ec2:DescribeInstances")
ON_DEMAND = overrides("g4dn.xlarge", "g5.xlarge", onDemandPercentageAboveBaseCapacity=100)
NOBODY = "nothing drains its nodes at a Spot notice"


def queue(*events: tuple[str, str], sender: str = "events.amazonaws.com") -> list[Any]:
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": sender},
        "Action": "sqs:SendMessage",
        "Resource": ARN,
    }
    made = [
        resource("aws:sqs/queue:Queue", "drain", {"name": "drain"}, id_=URL, outputs={"url": URL, "arn": ARN}),
        resource(
            "aws:sqs/queuePolicy:QueuePolicy",
            "drain",
            {"queueUrl": URL, "policy": json.dumps({"Statement": [statement]})},
        ),
    ]
    for source, kind in events:
        pattern = json.dumps({"source": [source], "detail-type": [kind]})
        made.append(resource("aws:cloudwatch/eventRule:EventRule", kind, {"name": kind, "eventPattern": pattern}))
        made.append(resource("aws:cloudwatch/eventTarget:EventTarget", kind, {"rule": kind, "arn": ARN}))
    return made


def reading(**values: Any) -> Any:
    """A handler in queue mode."""
    given = {"enableSqsTerminationDraining": True, "queueURL": URL, "nodeSelector": {"role": "system"}, **values}
    return release(HANDLER, **given)


def hook(**inputs: Any) -> Any:
    given = {"autoscalingGroupName": "gpu", "lifecycleTransition": "autoscaling:EC2_INSTANCE_TERMINATING", **inputs}
    return resource("aws:autoscaling/lifecycleHook:LifecycleHook", "drain", given)


def group(tag: str = TAG, propagated: bool = True, **inputs: Any) -> Any:
    marked = {"key": tag, "value": "", "propagateAtLaunch": propagated}
    return gpu_group(tags=[*tags(GPU_TAGS), marked], **inputs)


def said(*more: Any, gpu: Any = None, handler: Any = None) -> tuple[bool, str]:
    """What the check says of the one group of a small stack."""
    parts = [part for part in small(gpu=gpu or group()) if part.name != HANDLER]
    ((subject, found),) = findings(CHECK, *parts, *([handler] if handler else []), *more).items()
    assert subject == "gpu"
    return found


def gap(*more: Any, **given: Any) -> str:
    passed, message = said(*more, **given)
    assert not passed
    return message


def test_a_spot_group_without_a_handler():
    assert gap() == NOBODY
    assert failure(CHECK, handler=None, fast=None) == ("gpu", NOBODY)


def test_a_hook_that_nobody_completes_is_said_too():
    assert gap(hook(heartbeatTimeout=180)) == f"{NOBODY}, and its lifecycle hook holds each for 180 s"


def test_the_finding_is_a_warning():
    parts = [part for part in small() if part.name != HANDLER]
    assert {found.severity for found in analysed(*parts).findings if found.id == CHECK} == {"warning"}


def test_a_handler_on_each_node_drains_all_of_them():
    assert said(handler=release(HANDLER)) == (True, "aws-node-termination-handler drains its nodes")
    assert holds(CHECK)


def test_a_handler_on_each_node_that_does_not_reach_these():
    elsewhere = release(HANDLER, daemonsetTolerations=[{"key": "team", "operator": "Exists"}])
    assert gap(handler=elsewhere) == (
        f"{HANDLER} does not run on its nodes: pod does not tolerate taint nvidia.com/gpu=true:NoSchedule: "
        "let its pods run there"
    )


def test_a_handler_on_each_node_with_spot_notices_off():
    off = release(HANDLER, enableSpotInterruptionDraining=False)
    assert gap(handler=off) == f"{HANDLER} does nothing at a Spot notice: leave enableSpotInterruptionDraining out"


def test_a_handler_that_reads_the_events_of_a_queue():
    assert said(*queue(SPOT), handler=reading())[0]


@pytest.mark.parametrize("mark", [{"tag": "other"}, {"propagated": False}])
def test_a_group_without_the_handlers_tag(mark):
    assert gap(*queue(SPOT), handler=reading(), gpu=group(**mark)) == (
        f"{HANDLER} drains nodes with the tag {TAG} alone, and the group gives it to none: "
        f"tag the group {TAG}, propagated at launch"
    )


def test_the_tag_may_be_another_be_on_the_template_or_not_asked_for():
    own = reading(managedTag="mine")
    assert said(*queue(SPOT), handler=own, gpu=group("mine"))[0]
    assert said(*queue(SPOT), handler=reading(checkTagBeforeDraining=False), gpu=group("other"))[0]
    tagged = launch_template(tagSpecifications=[{"resourceType": "instance", "tags": {TAG: ""}}])
    parts = [part for part in small(gpu=group("other"), gpu_template=tagged) if part.name != HANDLER]
    assert findings(CHECK, *parts, *queue(SPOT), reading())["gpu"][0]


def test_a_template_of_another_stack_may_have_the_tag():
    elsewhere = group("other", mixedInstancesPolicy=overrides("g4dn.xlarge", template="lt-elsewhere"))
    assert said(*queue(SPOT), handler=reading(), gpu=elsewhere)[0]


def test_a_handler_that_is_told_no_queue():
    assert gap(handler=reading(queueURL=None)) == f"{HANDLER} is told no queue: set queueURL"


def test_a_queue_of_another_stack_is_not_judged():
    assert said(handler=reading())[0]


def test_a_queue_that_hears_of_nothing():
    assert gap(*queue(), handler=reading()) == (
        f"no enabled rule sends {SPOT[1]} of aws.ec2 to the queue: send it to the queue that {HANDLER} reads"
    )
    assert "does not let events.amazonaws.com send" in gap(*queue(SPOT, sender="sns.amazonaws.com"), handler=reading())


def test_a_hook_needs_its_event_unless_the_group_itself_tells_the_queue():
    assert gap(*queue(SPOT), hook(), handler=reading()) == (
        f"no enabled rule sends {ENDING[1]} of aws.autoscaling to the queue: send it to the queue that {HANDLER} reads"
    )
    assert said(*queue(SPOT, ENDING), hook(), handler=reading())[0]
    assert said(*queue(SPOT), hook(notificationTargetArn=ARN), handler=reading())[0]


def test_a_hook_that_lets_go_before_the_drain_is_over():
    assert gap(*queue(SPOT, ENDING), hook(heartbeatTimeout=60), handler=reading()) == (
        "its lifecycle hook holds a node for 60 s, and a drain may take 120 s: set heartbeatTimeout to 180"
    )
    longer = reading(nodeTerminationGracePeriod=600)
    assert gap(*queue(SPOT, ENDING), hook(heartbeatTimeout=180), handler=longer).endswith("set heartbeatTimeout to 660")


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("dryRun", f"{HANDLER} only logs what it would do: leave dryRun out"),
        ("cordonOnly", f"{HANDLER} cordons nodes and drains none: leave cordonOnly out"),
    ],
)
def test_a_handler_that_does_not_drain(key, message):
    assert gap(*queue(SPOT), handler=reading(**{key: True})) == message


def balanced(**inputs: Any) -> Any:
    """Of on-demand nodes over two zones, which EC2 evens out."""
    zones = {"vpcZoneIdentifiers": ["subnet-a", "subnet-b"], "suspendedProcesses": []}
    return group(**{"mixedInstancesPolicy": ON_DEMAND, **zones, **inputs})


def test_rebalanced_on_demand_nodes_go_without_a_drain_too():
    assert gap(gpu=balanced()) == "nothing drains its nodes at AZRebalance"
    assert gap(*queue(ENDING), handler=reading(), gpu=balanced()) == (
        "no lifecycle hook holds a node that AZRebalance ends: add one for autoscaling:EC2_INSTANCE_TERMINATING"
    )
    assert said(*queue(ENDING), hook(), handler=reading(), gpu=balanced())[0]
    own = [{"name": "drain", "lifecycleTransition": "autoscaling:EC2_INSTANCE_TERMINATING"}]
    assert said(*queue(ENDING), handler=reading(), gpu=balanced(initialLifecycleHooks=own))[0]


def test_nodes_that_nothing_takes_need_no_drain():
    for quiet in (balanced(suspendedProcesses=["AZRebalance"]), balanced(vpcZoneIdentifiers=["subnet-a"])):
        assert findings(CHECK, *small(gpu=quiet)) == {}


def test_what_another_stack_may_do_is_not_judged():
    parts = [part for part in small(gpu=group()) if part.name != HANDLER]
    without_cluster = [part for part in parts if not part.type.startswith("aws:eks/cluster")]
    assert findings(CHECK, *without_cluster) == {}
    nothing_inside = [part for part in parts if not part.type.startswith("kubernetes:")]
    assert findings(CHECK, *nothing_inside) == {}
    container = {"name": "nth", "image": "public.ecr.aws/aws-ec2/aws-node-termination-handler:v1.25.6"}
    manifest = kubernetes("DaemonSet", "nth", {"template": {"spec": {"containers": [container]}}})
    assert findings(CHECK, *parts, manifest) == {}
    nameless = resource("kubernetes:helm.sh/v3:Release", "unknown", {"name": "unknown"})
    assert findings(CHECK, *parts, nameless) == {}


# The handler as a controller


def controlled(policy: Any = None, **values: Any) -> dict[str, Any]:
    """A whole stack's part: a handler in queue mode with its role."""
    account = {"serviceAccount": {"name": "nth"}}
    return {
        "handler": [
            reading(**account, **values),
            role("nth"),
            association("nth"),
            policy or inline("nth", *ACTIONS),
        ]
    }


def test_a_handler_may_read_its_queue():
    assert holds(PERMISSIONS, **controlled())
    assert failure(PERMISSIONS, **controlled(inline("nth", *ACTIONS[:2]))) == (
        HANDLER,
        "role nth lacks ec2:DescribeInstances",
    )


def test_a_handler_completes_hooks_where_there_are_some():
    held = controlled()
    held["handler"].append(hook())
    assert failure(PERMISSIONS, **held) == (HANDLER, "role nth lacks autoscaling:CompleteLifecycleAction")


def test_a_policy_for_the_nodes_of_another_cluster():
    condition = {"StringEquals": {"aws:ResourceTag/node-termination-handler/old": "true"}}
    assert failure(PERMISSIONS, **controlled(inline("nth", *ACTIONS, Condition=condition))) == (
        HANDLER,
        "its policies are limited to cluster old: limit them to shop",
    )


def test_a_handler_of_another_region():
    assert failure("controllers-work-for-this-cluster", **controlled(awsRegion="eu-west-1")) == (
        HANDLER,
        "awsRegion is eu-west-1, but the stack is in us-west-2: set awsRegion to us-west-2",
    )


def test_a_handler_waits_for_a_standing_node():
    subject, message = failure("controllers-have-standing-nodes", **controlled(nodeSelector={"role": "core"}))
    assert subject == f"release {HANDLER}"
    assert message.startswith("no standing node takes its pods. system: pod selects role=core")


def test_a_handler_on_each_node_needs_no_standing_node_and_no_role():
    for id_ in ("controllers-have-standing-nodes", PERMISSIONS, "controllers-work-for-this-cluster"):
        assert not [subject for subject in findings(id_, *healthy()) if HANDLER in subject]
