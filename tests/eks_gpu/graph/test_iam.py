"""Policy documents: what they allow, deny, or leave to values that nobody knows."""

from typing import Any

import pytest

from eks_gpu.graph.iam import Call, Decision, decide

ARN = "arn:aws:ec2:us-west-2:123456789012:instance/i-1"
ANY_INSTANCE = "arn:aws:ec2:us-west-2:123456789012:instance/*"
TAG = "aws:ResourceTag/team"


def allow(**more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": "ec2:*", "Resource": "*", **more}


def deny(**more: Any) -> dict[str, Any]:
    return {**allow(**more), "Effect": "Deny"}


def answer(*statements: dict[str, Any], resource: str | None = ARN, all_read: bool = True, **call: Any) -> Any:
    asked = Call("ec2:TerminateInstances", resource, complete=False, **call)
    return decide([{"Statement": list(statements)}], asked, all_read=all_read).allowed


def when(operator: str, value: Any, key: str = TAG) -> dict[str, Any]:
    return {"Condition": {operator: {key: value}}}


def test_a_deny_is_final_and_says_where_it_stands():
    found = decide([{"Statement": [allow(), deny(Sid="Stop")]}], Call("ec2:RunInstances", ARN))
    assert found == Decision(False, "Stop")
    assert decide([{"Statement": deny()}], Call("ec2:RunInstances", ARN)).denied_by == "a Deny without a Sid"


def test_documents_that_nobody_reads_may_allow_but_take_no_deny_away():
    assert answer(all_read=False) is None
    assert answer(deny(), all_read=False) is False
    assert answer(allow(), all_read=False) is True


@pytest.mark.parametrize(
    ("given", "resource", "expected"),
    [
        ("arn:aws:ec2:us-west-2:*:instance/*", ANY_INSTANCE, True),
        ("arn:aws:ec2:us-west-2:123456789012:instance/i-9*", ANY_INSTANCE, None),
        ("arn:aws:ec2:eu-west-1:*:instance/*", ANY_INSTANCE, False),
        ("arn:aws:ec2:us-west-2:*:volume/*", ANY_INSTANCE, False),
        ("arn:aws:ec2:*:*:instance/i-?", ARN, True),
        ("arn:aws:ec2:*:${aws:PrincipalAccount}:instance/*", ARN, None),
        ("arn:aws:ec2:*:${aws:PrincipalAccount}:volume/*", ARN, False),
        ("arn:aws:a:*:group:*:name/other-*", "arn:aws:a:1:group:*:name/own", False),
        ("arn:aws:ec2:us-west-2:*:instance/*", "*", False),
        ("*", "*", True),
        ("arn:aws:s3:::no", None, True),
    ],
)
def test_a_resource_may_stand_for_several(given, resource, expected):
    assert answer(allow(Resource=given), resource=resource) is expected


@pytest.mark.parametrize(
    ("condition", "value", "expected"),
    [
        (when("StringEquals", ["a", "ml"]), "ml", True),
        (when("StringEquals", "ML"), "ml", False),
        (when("StringEqualsIgnoreCase", "ML"), "ml", True),
        (when("StringLike", "m*"), "ml", True),
        (when("StringLike", "m*"), "*", None),
        (when("StringLike", "*"), "*", True),
        (when("StringEquals", "ml"), "*", None),
        (when("StringNotEquals", "ml"), "ml", False),
        (when("StringNotLike", "x*"), "ml", True),
        (when("StringNotEquals", "ml"), None, True),
        (when("StringEquals", "ml"), None, False),
        (when("StringEqualsIfExists", "ml"), None, True),
        (when("ForAllValues:StringEquals", "ml"), None, True),
        (when("Null", "true"), None, True),
        (when("Null", "false"), "ml", True),
        (when("Null", True), "ml", False),
        (when("NumericLessThan", "3"), "2", None),
        (when("StringEquals", "${aws:PrincipalTag/team}"), "ml", None),
    ],
)
def test_a_condition_holds_fails_or_is_not_known(condition, value, expected):
    assert answer(allow(**condition), context={TAG.upper(): value}) is expected


def test_a_key_that_nobody_knows_decides_nothing_unless_the_request_cannot_have_it():
    statement = allow(**when("StringEquals", "ml"))
    assert answer(statement) is None
    assert answer(statement, without=("aws:resourcetag/",)) is False
    assert answer(allow(), deny(**when("StringEquals", "ml"))) is None
    assert decide([{"Statement": [statement]}], Call("ec2:TerminateInstances", ARN)).allowed is False


def test_everything_but_what_is_named():
    only_reading = {"Effect": "Deny", "NotAction": ["ec2:Describe*"], "Resource": "*"}
    assert answer(allow(), only_reading) is False
    others = {"Effect": "Deny", "Action": "*", "NotResource": "arn:aws:ec2:us-west-2:*:instance/*"}
    assert answer(allow(), others) is True
    some = {"Effect": "Deny", "Action": "*", "NotResource": "arn:aws:ec2:us-west-2:*:instance/i-9"}
    assert answer(allow(), some, resource=ANY_INSTANCE) is None


def test_a_service_is_named_or_everybody_but_others():
    call = Call("sqs:SendMessage", "arn:q", "events.amazonaws.com", complete=False)
    base = {"Effect": "Allow", "Action": "sqs:*", "Resource": "*"}
    for principal, expected in (
        ("*", True),
        ({"Service": ["events.amazonaws.com"]}, True),
        ({"Service": "sns.amazonaws.com"}, False),
        ({"AWS": "arn:aws:iam::1:root"}, False),
    ):
        assert decide([{"Statement": [{**base, "Principal": principal}]}], call).allowed is expected
    but = {**base, "Effect": "Deny", "NotPrincipal": {"AWS": "arn:aws:iam::1:role/x"}}
    assert decide([{"Statement": [{**base, "Principal": "*"}, but]}], call).allowed is False
