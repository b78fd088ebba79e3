"""What a replay changes of a program."""

import asyncio
import json
from types import SimpleNamespace
from typing import Any

import pulumi
import pytest

from eks_gpu.lab.replays.alteration import Alteration


def test_an_alteration_sets_and_takes_away_and_leaves_the_rest():
    props = {"values": {"settings": {"interruptionQueue": "q", "clusterName": "c"}}, "chart": "karpenter"}
    altered = Alteration(type="t", set={"values.settings.interruptionQueue": None, "values.logLevel": "debug"})
    assert altered.applied(props) == {
        "values": {"settings": {"clusterName": "c"}, "logLevel": "debug"},
        "chart": "karpenter",
    }
    assert props["values"]["settings"]["interruptionQueue"] == "q"


POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {"Sid": "See", "Effect": "Allow", "Action": ["ec2:DescribeImages", "ec2:DescribeSubnets"], "Resource": "*"},
        {"Sid": "Read", "Effect": "Allow", "Action": "ssm:GetParameter", "Resource": "*"},
    ],
}


def test_actions_are_taken_out_of_a_policy_and_a_statement_without_any_allows_nothing_new():
    altered = Alteration(type="t", without_actions=("ssm:GetParameter", "ec2:DescribeImages"))
    assert json.loads(altered.applied({"policy": json.dumps(POLICY)})["policy"])["Statement"] == [
        {"Sid": "See", "Effect": "Allow", "Action": ["ec2:DescribeSubnets"], "Resource": "*"},
        {"Sid": "Read", "Effect": "Allow", "Action": ["sts:GetCallerIdentity"], "Resource": "*"},
    ]


def test_a_policy_that_is_known_later_is_altered_then():
    altered = Alteration(type="t", without_actions=("ssm:GetParameter",))

    async def statements() -> list[dict[str, Any]]:
        policy = altered.applied({"policy": pulumi.Output.from_input(json.dumps(POLICY))})["policy"]
        return json.loads(await policy.future())["Statement"]

    assert [each["Action"] for each in asyncio.run(statements())][1:] == [["sts:GetCallerIdentity"]]


@pytest.mark.parametrize(
    ("type_", "name", "changed"),
    [
        ("aws:autoscaling/group:Group", "gpu-spot-us-west-2a-spot", True),
        ("aws:autoscaling/group:Group", "spot-us-west-2a", False),
        ("aws:ec2/launchTemplate:LaunchTemplate", "gpu-spot-us-west-2a-spot", False),
    ],
)
def test_an_alteration_changes_the_resources_that_are_meant_and_no_others(type_, name, changed):
    transform = Alteration(type="aws:autoscaling/group:Group", name="gpu-spot-*", set={"tags": []}).transform()
    made = transform(SimpleNamespace(type_=type_, name=name, props={"tags": [1]}, opts=None))  # pyright: ignore[reportArgumentType] - what it reads
    assert (made is not None) == changed
