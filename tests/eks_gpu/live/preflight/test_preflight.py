"""What preflight makes of answers: quotas and their usage, the caller, IAM's simulation, and the page."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from io import StringIO
from typing import Any

import pytest

from eks_gpu.checks import Finding
from eks_gpu.graph.unread import Unread
from eks_gpu.io.terminal import Terminal
from eks_gpu.live.account import Denied
from eks_gpu.live.preflight.caller import Permitted
from eks_gpu.live.preflight.images import _pinned
from eks_gpu.live.preflight.inquiry import Inquiry
from eks_gpu.live.preflight.needs import Need
from eks_gpu.live.preflight.preflight import Preflight
from eks_gpu.live.preflight.quotas import Row
from eks_gpu.live.preflight.render import render
from eks_gpu.live.preflight.usage import Used
from eks_gpu_components.catalog import quotas as of
from eks_gpu_components.catalog.images import ssm_parameter
from tests.programs import plan_of

REGION = "us-west-2"
GPUS = next(row for row in of.VCPU_QUOTAS if row.code == "L-DB2E81BA")
NEED = Need(GPUS, REGION, 320, 0, capacity_type="on-demand")
ENOUGH = Row(NEED, 400, Used(80))


@pytest.mark.parametrize(
    ("row", "short", "desired"),
    [
        (ENOUGH, False, None),
        (replace(ENOUGH, value=399), True, 400),
        (replace(ENOUGH, value=399, used=Used(80, own=80)), False, None),  # its own nodes are not needed twice
        (replace(ENOUGH, value=399, used=Used(80, own=30)), False, None),
        (replace(ENOUGH, value=300, used=Used(80, own=30)), True, 370),
        (replace(ENOUGH, used=Used(None)), None, None),
        (replace(ENOUGH, value=0, used=Used(None)), True, 320),
        (replace(ENOUGH, value=None), None, None),
        (replace(ENOUGH, need=replace(NEED, needed=None)), None, None),
        (replace(ENOUGH, need=replace(NEED, needed=None), value=80), True, None),
        (replace(ENOUGH, value=10, adjustable=False), True, None),
    ],
)
def test_a_quota_is_short_where_the_maximum_does_not_fit_beside_what_others_use(row, short, desired):
    assert (row.short, row.desired) == (short, desired)
    assert row.finding().passed is (None if short is None else not short)
    assert bool(row.command()) is (desired is not None)


def test_a_short_quota_says_whether_the_update_fails_or_pods_stay_pending():
    later = replace(ENOUGH, value=399).finding()
    assert later.message == (
        "the maximum needs 320 vCPUs, and the account has 399 vCPUs and uses 80: pods beyond it stay Pending"
    )
    at_once = replace(ENOUGH, value=90, need=replace(NEED, at_once=12, by="system: 3 m7i.xlarge")).finding()
    assert at_once.message == (
        "`pulumi up` itself needs 12 vCPUs (system: 3 m7i.xlarge), and the account has 90 vCPUs and uses 80: "
        "the update fails; the maximum needs 320 vCPUs"
    )
    assert at_once.fix.endswith("--service-code ec2 --quota-code L-DB2E81BA --desired-value 400")


def test_a_usage_that_is_not_known_is_no_verdict_and_says_why():
    found = replace(ENOUGH, used=Used(None, why="AWS refuses ec2:DescribeInstances")).finding()
    assert found.passed is None
    assert found.message.endswith("uses an unknown number: AWS refuses ec2:DescribeInstances")


class Account:
    """Answers by operation: an answer, or an error that it raises."""

    region = REGION

    def __init__(self, arn: str, **answers: Any):
        self.caller = {"Account": "111122223333", "Arn": arn}
        self.answers, self.asked = answers, list[tuple[str, dict[str, Any]]]()

    def ask(self, service: str, operation: str, **arguments: Any) -> Any:
        self.asked.append((operation, arguments))
        answer = self.answers[operation]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def rows(self, service: str, operation: str, key: str, **arguments: Any) -> Any:
        return self.ask(service, operation, **arguments)[key]

    def action(self, service: str, operation: str) -> str:
        return f"{service}:{operation}"


def permitted(arn: str, **answers: Any) -> Permitted:
    account: Any = Account(arn, **answers)
    return Permitted(Inquiry(plan_of(".", "dev"), {REGION: account}, account))


SSO = "AWSReservedSSO_Admin_0123456789abcdef"


@pytest.mark.parametrize(
    ("arn", "get_role", "simulated"),
    [
        ("arn:aws:iam::111122223333:user/ops/ann", None, "arn:aws:iam::111122223333:user/ops/ann"),
        ("arn:aws:iam::111122223333:root", None, "arn:aws:iam::111122223333:root"),
        (
            "arn:aws:sts::111122223333:assumed-role/deploy/ann",
            {"Role": {"Arn": "arn:aws:iam::111122223333:role/ci/deploy"}},
            "arn:aws:iam::111122223333:role/ci/deploy",
        ),
        (
            "arn:aws:sts::111122223333:assumed-role/deploy/ann",
            Denied("iam:GetRole"),
            "arn:aws:iam::111122223333:role/deploy",
        ),
        (f"arn:aws:sts::111122223333:assumed-role/{SSO}/ann", Denied("iam:GetRole"), ""),
        ("arn:aws:sts::111122223333:federated-user/ann", None, ""),
        ("AROA", None, ""),
    ],
)
def test_the_caller_is_simulated_as_the_user_or_the_role_behind_it(arn, get_role, simulated):
    caller = permitted(arn, get_role=get_role).caller
    assert caller.arn == simulated
    assert bool(caller.why) is (simulated == "")
    assert caller.everything is arn.endswith(":root")


USER = "arn:aws:iam::111122223333:user/ann"
QUEUE, OTHER = "arn:aws:sqs:us-west-2:111122223333:jobs", "arn:aws:sqs:us-west-2:111122223333:mail"


def simulated(*rows: dict[str, Any]) -> Permitted:
    return permitted(USER, simulate_principal_policy={"EvaluationResults": list(rows)})


def test_iam_may_tell_several_arns_in_rows_of_their_own_or_within_one():
    action = {"EvalActionName": "sqs:CreateQueue"}
    apart = simulated(
        {**action, "EvalResourceName": QUEUE, "EvalDecision": "allowed"},
        {**action, "EvalResourceName": OTHER, "EvalDecision": "implicitDeny"},
    )
    within = simulated(
        {
            **action,
            "EvalResourceName": "*",
            "EvalDecision": "implicitDeny",
            "ResourceSpecificResults": [
                {"EvalResourceName": QUEUE, "EvalResourceDecision": "allowed"},
                {"EvalResourceName": OTHER, "EvalResourceDecision": "implicitDeny"},
            ],
        }
    )
    for told in (apart, within):
        told.ask(["sqs:CreateQueue"], [QUEUE, OTHER], REGION)
        assert told.may("sqs:CreateQueue", QUEUE, REGION).allowed is True
        assert told.may("sqs:CreateQueue", OTHER, REGION).allowed is False


@pytest.mark.parametrize(
    ("row", "allowed", "why"),
    [
        ({"EvalDecision": "allowed"}, True, ""),
        ({"EvalDecision": "implicitDeny"}, False, ""),
        ({"EvalDecision": "explicitDeny"}, False, "a policy denies it"),
        (
            {"EvalDecision": "implicitDeny", "OrganizationsDecisionDetail": {"AllowedByOrganizations": False}},
            False,
            "the organization's policies do not allow it",
        ),
        (
            {
                "EvalDecision": "implicitDeny",
                "PermissionsBoundaryDecisionDetail": {"AllowedByPermissionsBoundary": False},
            },
            False,
            "the permissions boundary does not allow it",
        ),
        (
            {"EvalDecision": "implicitDeny", "MissingContextValues": ["aws:RequestTag/team"]},
            None,
            "it depends on aws:RequestTag/team",
        ),
    ],
)
def test_a_decision_says_what_decides(row, allowed, why):
    told = simulated({"EvalActionName": "sqs:CreateQueue", "EvalResourceName": QUEUE, **row})
    decided = told.may("sqs:CreateQueue", QUEUE, REGION)
    assert (decided.allowed, decided.why) == (allowed, why)


def test_a_simulation_that_is_refused_allows_nothing():
    told = permitted(USER, simulate_principal_policy=Denied("iam:SimulatePrincipalPolicy"))
    decided = told.may("sqs:CreateQueue", QUEUE, REGION)
    assert (decided.allowed, decided.why) == (None, "AWS refuses iam:SimulatePrincipalPolicy")


@pytest.mark.parametrize(
    ("family", "architecture", "variant", "release", "name"),
    [
        (
            "al2023",
            "amd64",
            "nvidia",
            "v20260714",
            "/aws/service/eks/optimized-ami/1.35/amazon-linux-2023/x86_64/nvidia/"
            "amazon-eks-node-al2023-x86_64-nvidia-1.35-v20260714/image_id",
        ),
        (
            "al2023",
            "arm64",
            None,
            "v20260714",
            "/aws/service/eks/optimized-ami/1.35/amazon-linux-2023/arm64/standard/"
            "amazon-eks-node-al2023-arm64-standard-1.35-v20260714/image_id",
        ),
        (
            "bottlerocket",
            "amd64",
            "nvidia",
            "v1.62.0",
            "/aws/service/bottlerocket/aws-k8s-1.35-nvidia/x86_64/1.62.0/image_id",
        ),
    ],
)
def test_a_pinned_alias_names_the_parameter_that_karpenter_asks_for(family, architecture, variant, release, name):
    newest = ssm_parameter(family, "1.35", architecture, variant)
    assert _pinned(newest, family, release, "1.35") == name


def told(found: Preflight) -> list[str]:
    terminal = Terminal(file=StringIO())
    terminal.width = 80
    with terminal.capture() as captured:
        terminal.print(render(found))
    return [line.rstrip() for line in captured.get().splitlines()]


def answer(*rows: Row, checks: tuple[Finding, ...] = (), unread: tuple[Unread, ...] = ()) -> Preflight:
    findings = (*(row.finding() for row in rows), *checks)
    at = datetime(2026, 11, 30, 2, 0, tzinfo=UTC)
    return Preflight(plan_of(".", "dev"), "111122223333", USER, at, rows, findings, unread)


HELD = Finding("images-are-there", "ami-1", True, "it is there")
WARNED = replace(HELD, passed=False, severity="warning", fix="add types")
LOST = replace(HELD, passed=False, fix="take another")
NOT_ASKED = Unread("images", "nodes", "AWS refuses ec2:DescribeImages", "allow ec2:DescribeImages")


@pytest.mark.parametrize(
    ("found", "verdict", "fails"),
    [
        (answer(ENOUGH, checks=(HELD,)), "Yes: the account takes what the plan creates, up to its maximum", False),
        (answer(ENOUGH, checks=(WARNED,)), "Yes: the account takes what the plan creates, up to its maximum", False),
        (answer(replace(ENOUGH, value=399)), "Not to its maximum: 1 quota is short", True),
        (
            answer(replace(ENOUGH, value=90, need=replace(NEED, at_once=12)), checks=(LOST, LOST)),
            "No: 1 quota is short and 2 checks fail",
            True,
        ),
        (answer(ENOUGH, unread=(NOT_ASKED,)), "Not known: 1 question was not answered", True),
    ],
)
def test_the_verdict_is_the_first_thing_that_is_said(found, verdict, fails):
    assert told(found)[2] == verdict
    assert found.failed is fails
    assert max(map(len, told(found))) <= 80


def test_a_short_quota_has_a_command_that_can_be_pasted():
    lines = told(answer(replace(ENOUGH, value=399)))
    at = lines.index("aws service-quotas request-service-quota-increase --region us-west-2 \\")
    assert lines[at + 1] == "  --service-code ec2 --quota-code L-DB2E81BA --desired-value 400"


def test_json_has_a_row_for_each_quota():
    written = json.loads(json.dumps(answer(ENOUGH).as_json()))
    assert written["at"] == "2026-11-30T02:00:00+00:00"
    assert written["quotas"] == [
        {
            "code": "L-DB2E81BA",
            "name": "Running On-Demand G and VT instances",
            "service": "ec2",
            "region": "us-west-2",
            "where": None,
            "capacity_type": "on-demand",
            "needed": 320,
            "at_once": 0,
            "value": 400,
            "usage": 80,
            "own": 0,
            "short": False,
            "command": None,
            "pending": None,
        }
    ]
