"""The lab's AWS under many calls at once: none undoes what another has done."""

import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
import pytest
from moto.sqs.models import SQSBackend

from eks_gpu.lab.aws import LAB_KEYS
from eks_gpu.lab.aws.moto_server import moto
from tests.waiting import PATIENCE_S


@pytest.fixture(scope="module")
def client():
    with moto() as url:
        yield lambda service: boto3.client(service, region_name="us-west-2", endpoint_url=url, **LAB_KEYS)


@pytest.fixture
def eager_threads():
    """Threads take turns a thousand times as often as usual: what can go wrong between two of them does."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(5e-6)
    yield
    sys.setswitchinterval(usual)


def tag(key: str) -> dict[str, Any]:
    return {
        "ResourceId": "gpu",
        "ResourceType": "auto-scaling-group",
        "Key": key,
        "Value": "x",
        "PropagateAtLaunch": False,
    }


def test_tags_put_on_a_group_in_one_moment_are_all_there(client, eager_threads):
    groups, ec2 = client("autoscaling"), client("ec2")
    template = ec2.create_launch_template(LaunchTemplateName="gpu", LaunchTemplateData={"InstanceType": "g6.xlarge"})
    groups.create_auto_scaling_group(
        AutoScalingGroupName="gpu",
        MinSize=0,
        MaxSize=1,
        AvailabilityZones=["us-west-2a"],
        LaunchTemplate={"LaunchTemplateId": template["LaunchTemplate"]["LaunchTemplateId"]},
    )
    keys = {f"key-{number}" for number in range(60)}
    with ThreadPoolExecutor(12) as threads:
        list(threads.map(lambda key: groups.create_or_update_tags(Tags=[tag(key)]), keys))

    assert {found["Key"] for found in groups.describe_tags(MaxRecords=100)["Tags"]} == keys


def test_who_waits_for_a_message_holds_nobody_up(client, monkeypatch):
    sqs, ec2 = client("sqs"), client("ec2")
    queue = sqs.create_queue(QueueName="jobs")["QueueUrl"]
    waits, receive = threading.Event(), SQSBackend.receive_message

    def receiving(*given: Any, **named: Any) -> Any:
        waits.set()
        return receive(*given, **named)

    monkeypatch.setattr(SQSBackend, "receive_message", receiving)
    asked = threading.Thread(target=lambda: sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=20))
    asked.start()
    assert waits.wait(PATIENCE_S)
    ec2.describe_vpcs()
    assert asked.is_alive()  # had the other call waited for it, it would be over
    sqs.send_message(QueueUrl=queue, MessageBody="done")
    asked.join()
