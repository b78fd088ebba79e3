"""Lifecycle hooks in the lab: an instance that its group ends waits, and the program's own queue hears of it."""

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from components.nodes.interruption_queue import queue_policy
from eks_gpu.lab.aws import LAB_KEYS, lifecycle
from eks_gpu.lab.aws.completed import complete_moto
from eks_gpu.lab.aws.launches import launching
from eks_gpu.lab.aws.lifecycle import holding
from eks_gpu_components.catalog import LIFECYCLE_ACTION

HOOK = {"AutoScalingGroupName": "gpu", "LifecycleHookName": "gpu-drain"}
TAKEN = {**HOOK, "LifecycleActionResult": "CONTINUE"}


def client(service: str) -> Any:
    return boto3.client(service, region_name="us-west-2", **LAB_KEYS)


class Group:
    """An auto scaling group of two nodes whose hook a queue hears of, as the library makes them."""

    def __init__(self):
        self.autoscaling, self.ec2, self.sqs = client("autoscaling"), client("ec2"), client("sqs")
        self.ec2.create_launch_template(
            LaunchTemplateName="node", LaunchTemplateData={"ImageId": "ami-12c6146b", "InstanceType": "g5.xlarge"}
        )
        self.autoscaling.create_auto_scaling_group(
            AutoScalingGroupName="gpu",
            MinSize=0,
            MaxSize=4,
            DesiredCapacity=2,
            VPCZoneIdentifier=self.ec2.describe_subnets()["Subnets"][0]["SubnetId"],
            LaunchTemplate={"LaunchTemplateName": "node"},
        )
        self.autoscaling.put_lifecycle_hook(
            **HOOK,
            LifecycleTransition="autoscaling:EC2_INSTANCE_TERMINATING",
            HeartbeatTimeout=90,
            DefaultResult="CONTINUE",
        )
        self.queue = self.sqs.create_queue(QueueName="gaia")["QueueUrl"]
        arn = self.sqs.get_queue_attributes(QueueUrl=self.queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        policy = json.dumps(queue_policy(arn))
        self.sqs.set_queue_attributes(QueueUrl=self.queue, Attributes={"Policy": policy})
        self.events = client("events")
        self.events.put_rule(Name="drain", EventPattern=json.dumps(LIFECYCLE_ACTION.pattern()))
        self.events.put_targets(Rule="drain", Targets=[{"Id": "queue", "Arn": arn}])

    @property
    def _told(self) -> Any:
        return self.autoscaling.describe_auto_scaling_groups()["AutoScalingGroups"][0]

    @property
    def size(self) -> int:
        return self._told["DesiredCapacity"]

    def states(self) -> dict[str, str]:
        """Of its instances, by id."""
        return {each["InstanceId"]: each["LifecycleState"] for each in self._told["Instances"]}

    def running(self) -> set[str]:
        """Ids of all instances that EC2 runs."""
        found = self.ec2.describe_instances(Filters=[{"Name": "instance-state-name", "Values": ["running"]}])
        return {each["InstanceId"] for reservation in found["Reservations"] for each in reservation["Instances"]}

    def heard(self) -> list[dict[str, Any]]:
        """Details of what is in the queue."""
        found = self.sqs.receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10).get("Messages", [])
        return [json.loads(message["Body"])["detail"] for message in found]

    def give_back(self, id_: str, decrement: bool = True) -> None:
        self.autoscaling.terminate_instance_in_auto_scaling_group(
            InstanceId=id_, ShouldDecrementDesiredCapacity=decrement
        )


@pytest.fixture
def group() -> Iterator[Group]:
    complete_moto("https://127.0.0.1:6443")
    with mock_aws(), launching(), holding():
        yield Group()


def test_an_instance_that_is_given_back_waits_and_the_queue_hears_of_it(group):
    first, second = group.states()
    group.give_back(first)
    assert group.states() == {first: "Terminating:Wait", second: "InService"}
    assert (group.size, group.running()) == (1, {first, second})
    (heard,) = group.heard()
    assert heard.pop("LifecycleActionToken")
    assert heard == {
        "AutoScalingGroupName": "gpu",
        "LifecycleHookName": "gpu-drain",
        "EC2InstanceId": first,
        "LifecycleTransition": "autoscaling:EC2_INSTANCE_TERMINATING",
        "Origin": "AutoScalingGroup",
        "Destination": "EC2",
    }


def test_a_smaller_size_holds_what_it_ends_and_a_size_once_more_ends_nothing_else(group):
    first, second = group.states()
    for _ in range(2):
        group.autoscaling.set_desired_capacity(AutoScalingGroupName="gpu", DesiredCapacity=1)
    assert group.states() == {first: "Terminating:Wait", second: "InService"}


def test_an_instance_is_given_back_twice_and_told_of_once(group):
    first, second = group.states()
    group.give_back(first)
    group.give_back(first)
    assert (group.size, len(group.heard())) == (1, 1)
    assert group.states() == {first: "Terminating:Wait", second: "InService"}


def test_a_group_that_keeps_its_size_starts_another_instance_at_once(group):
    first, _ = group.states()
    group.give_back(first, decrement=False)
    assert len(group.states()) == 3
    assert (group.states()[first], group.size) == ("Terminating:Wait", 2)


@pytest.mark.parametrize("by", ["token", "instance"])
def test_who_drained_it_lets_it_go(group, by):
    first, second = group.states()
    group.give_back(first)
    token = group.heard()[0]["LifecycleActionToken"]
    which = {"LifecycleActionToken": token} if by == "token" else {"InstanceId": first}
    group.autoscaling.complete_lifecycle_action(**TAKEN, **which)
    assert (group.states(), group.running()) == ({second: "InService"}, {second})


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"LifecycleActionToken": "0" * 36}, f"with token {'0' * 36}"),
        ({"InstanceId": "i-0123456789abcdef0"}, "with instance ID i-0123456789abcdef0"),
    ],
)
def test_what_is_not_held_cannot_be_let_go(group, given, told):
    group.give_back(next(iter(group.states())))
    with pytest.raises(ClientError, match=rf"\(ValidationError\).*No active Lifecycle Action found {told}"):
        group.autoscaling.complete_lifecycle_action(**TAKEN, **given)


@pytest.fixture
def clock(monkeypatch) -> list[float]:
    """Seconds that have passed, which a test sets."""
    now = [0.0]
    monkeypatch.setattr(lifecycle.time, "monotonic", lambda: now[0])
    return now


def test_what_nobody_drains_goes_when_the_hooks_time_is_over(group, clock):
    first, second = group.states()
    group.give_back(first)
    clock[0] = 89
    assert first in group.states()
    clock[0] = 90
    assert group.states() == {second: "InService"}


def test_a_heartbeat_begins_the_hooks_time_anew(group, clock):
    first, second = group.states()
    group.give_back(first)
    clock[0] = 60
    group.autoscaling.record_lifecycle_action_heartbeat(**HOOK, InstanceId=first)
    clock[0] = 149
    assert first in group.states()
    clock[0] = 150
    assert group.states() == {second: "InService"}


def test_without_its_hook_nothing_waits(group):
    first, second = group.states()
    group.give_back(first)
    group.autoscaling.delete_lifecycle_hook(**HOOK)
    assert group.states() == {second: "InService"}
    group.give_back(second)
    assert (group.states(), group.running()) == ({}, set())


def test_ec2_waits_for_no_hook(group):
    first, second = group.states()
    group.give_back(first)
    group.ec2.terminate_instances(InstanceIds=[first, second])
    (new,) = group.states()
    assert (group.size, group.running()) == (1, {new})


def test_a_group_that_is_deleted_waits_for_nobody(group):
    group.give_back(next(iter(group.states())))
    group.autoscaling.delete_auto_scaling_group(AutoScalingGroupName="gpu", ForceDelete=True)
    assert group.running() == set()


def test_an_instance_has_the_name_of_its_node_until_it_ends(group):
    first, _ = group.states()

    def name() -> str:
        return group.ec2.describe_instances(InstanceIds=[first])["Reservations"][0]["Instances"][0]["PrivateDnsName"]

    assert name() == f"{first}.us-west-2.compute.internal"
    group.ec2.terminate_instances(InstanceIds=[first])
    assert name() == ""
