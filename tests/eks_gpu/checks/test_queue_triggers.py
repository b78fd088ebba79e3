"""Triggers on queues: whether the role that asks may ask."""

import json
from typing import Any

import pytest

from tests.graphs import findings, healthy, resource
from tests.keda_objects import QUEUE_ARN, QUEUE_URL, SQS, authentication, keda, scaled_job, scaled_object
from tests.whole_graphs import association, inline, role

CHECK, OBJECT = "triggers-may-read-their-queue", "ScaledObject default/train"
ASK = "sqs:GetQueueAttributes"
GIVEN = association("keda-operator", roleArn="arn:aws:iam::123456789012:role/keda")


def said(*more: Any, trigger: Any = SQS) -> dict[str, tuple[Any, str]]:
    return findings(CHECK, *healthy(), keda(), scaled_object(trigger), *more)


def permissions(*actions: str, **statement: Any) -> list[Any]:
    return [authentication(), GIVEN, role("keda"), inline("keda", *actions, **statement)]


def test_the_operators_role_must_allow_it_on_that_queue():
    allowed = {OBJECT: (True, "role keda may ask for the messages of prompts")}
    lacks = {OBJECT: (False, f"role keda lacks {ASK} on queue prompts")}
    assert said(*permissions(ASK)) == allowed
    assert said(*permissions("sqs:Get*", Resource=QUEUE_ARN)) == allowed
    assert said(*permissions("sqs:ReceiveMessage")) == lacks
    assert said(*permissions(ASK, Resource=f"{QUEUE_ARN}-of-others")) == lacks
    job = findings(CHECK, *healthy(), keda(), scaled_job(SQS), *permissions("sqs:ReceiveMessage"))
    assert job == {"ScaledJob default/batch": (False, f"role keda lacks {ASK} on queue prompts")}


def test_the_queue_of_the_stack_is_known_by_its_url():
    own = {"url": QUEUE_URL, "arn": "arn:aws:sqs:us-west-2:123456789012:of-the-stack"}
    queue = resource("aws:sqs/queue:Queue", "prompts", {}, outputs=own)
    assert said(queue, *permissions(ASK, Resource=own["arn"]))[OBJECT][0] is True
    assert said(queue, *permissions(ASK, Resource=QUEUE_ARN))[OBJECT][0] is False


def test_a_deny_is_named():
    denied = {"Statement": [{"Sid": "No", "Effect": "Deny", "Action": "sqs:*", "Resource": "*"}]}
    deny = resource("aws:iam/rolePolicy:RolePolicy", "no", {"role": "keda", "policy": json.dumps(denied)})
    assert said(*permissions(ASK), deny)[OBJECT] == (False, f"No denies role keda {ASK} on queue prompts")


def test_a_role_that_nobody_gives_to_the_operator_is_none():
    message = "nothing gives a role to service account kube-system/keda-operator, as which KEDA asks for its messages"
    assert said(authentication(), role("keda"), inline("keda", ASK))[OBJECT] == (
        False,
        f"{message}: add a Pod Identity association",
    )
    annotated = {"operator": {"annotations": {"eks.amazonaws.com/role-arn": "arn:aws:iam::123456789012:role/keda"}}}
    stack = [*healthy(), keda(serviceAccount=annotated), scaled_object(SQS), authentication(), role("keda")]
    assert findings(CHECK, *stack, inline("keda", ASK))[OBJECT][0] is True
    assert findings(CHECK, *stack, inline("keda", "s3:*"))[OBJECT][0] is False


def test_a_service_account_of_another_name_is_followed():
    named = keda(serviceAccount={"operator": {"name": "scaler"}})
    given = association("scaler", roleArn="arn:aws:iam::123456789012:role/keda")
    stack = [*healthy(), named, scaled_object(SQS), authentication(), role("keda"), inline("keda", ASK)]
    assert findings(CHECK, *stack, given)[OBJECT][0] is True
    assert findings(CHECK, *stack, GIVEN)[OBJECT][0] is False


def test_a_role_of_the_trigger_is_judged_in_place_of_the_operators():
    named = authentication(roleArn="arn:aws:iam::123456789012:role/reader")
    assert said(named, role("reader"), inline("reader", ASK))[OBJECT][1].startswith("role reader may ask")
    assert said(named, role("reader"), inline("reader", "s3:*"))[OBJECT][1].startswith("role reader lacks")


def test_a_trigger_needs_somebody_to_ask_as():
    alone = {key: value for key, value in SQS.items() if key != "authenticationRef"}
    found = said(*permissions(ASK), trigger=alone)[OBJECT]
    assert found[0] is False
    assert found[1].startswith("its trigger on a queue has no identity")
    owner = {**alone, "metadata": {**alone["metadata"], "identityOwner": "operator"}}
    assert said(*permissions(ASK), trigger=owner)[OBJECT][0] is True
    assert said(*permissions("s3:*"), trigger=owner)[OBJECT][0] is False


@pytest.mark.parametrize(
    "more",
    [
        [],  # the authentication is of another stack
        [authentication(identityOwner="workload")],
        [authentication(roleArn="arn:aws:iam::123456789012:role/of-another-stack")],
        [authentication("ClusterTriggerAuthentication")],  # nobody refers to it
    ],
)
def test_what_the_stack_does_not_say_is_not_judged(more):
    assert said(GIVEN, role("keda"), inline("keda", "s3:*"), *more) == {}


def test_an_authentication_of_the_whole_cluster_is_found():
    trigger = {**SQS, "authenticationRef": {"name": "aws", "kind": "ClusterTriggerAuthentication"}}
    rest = [GIVEN, role("keda"), inline("keda", "s3:*")]
    assert said(authentication("ClusterTriggerAuthentication"), *rest, trigger=trigger)[OBJECT][0] is False


def test_a_policy_of_the_queue_may_allow_it_too():
    own = {"url": QUEUE_URL, "arn": QUEUE_ARN}
    queue = resource("aws:sqs/queue:Queue", "prompts", {}, outputs=own)
    given = {"queueUrl": QUEUE_URL, "policy": "{}"}
    policy = resource("aws:sqs/queuePolicy:QueuePolicy", "prompts", given)
    assert said(queue, policy, *permissions("s3:*"))[OBJECT][0] is None
