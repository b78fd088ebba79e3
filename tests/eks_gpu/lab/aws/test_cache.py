"""The lab's AWS keeps what never changes, by what was asked, and for those who may ask."""

from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto.core.responses import ActionResult
from moto.ec2.responses.instances import InstanceResponse

from eks_gpu.lab.aws import LAB_KEYS
from eks_gpu.lab.aws.moto_server import moto


@pytest.fixture
def written(monkeypatch):
    """What moto has written out as an answer, each time that it did."""
    found: list[Any] = []
    write = ActionResult.execute_result

    def write_and_tell(result: Any, context: Any) -> Any:
        found.append(str(context.operation_model.name))
        return write(result, context)

    monkeypatch.setattr(ActionResult, "execute_result", write_and_tell)
    return found


@pytest.fixture(scope="module")
def url():
    with moto() as url:
        yield url


def ec2(url: str, region: str = "us-west-2", **keys: str) -> Any:
    return boto3.client("ec2", region_name=region, endpoint_url=url, **(keys or LAB_KEYS))


def types(client: Any, **asked: Any) -> list[str]:
    return [row["InstanceType"] for row in client.describe_instance_types(**asked)["InstanceTypes"]]


def test_the_same_question_is_answered_from_what_was_written_before(url, written):
    client = ec2(url)
    asked = {"InstanceTypes": ["g4dn.xlarge", "g6.xlarge"]}
    assert types(client, **asked) == types(client, **asked) == ["g4dn.xlarge", "g6.xlarge"]
    assert written == ["DescribeInstanceTypes"]


def test_another_question_gets_another_answer(url):
    client = ec2(url)
    assert types(client, InstanceTypes=["g4dn.xlarge"]) == ["g4dn.xlarge"]
    assert types(client, InstanceTypes=["g6.xlarge"]) == ["g6.xlarge"]
    zones = client.describe_instance_type_offerings(LocationType="availability-zone")["InstanceTypeOfferings"]
    regions = client.describe_instance_type_offerings(LocationType="region")["InstanceTypeOfferings"]
    other = ec2(url, "us-east-1").describe_instance_type_offerings(LocationType="region")["InstanceTypeOfferings"]
    assert {row["Location"] for row in zones} >= {"us-west-2a", "us-west-2b"}
    assert {row["Location"] for row in regions} == {"us-west-2"}
    assert {row["Location"] for row in other} == {"us-east-1"}


def test_an_instance_type_that_is_none_is_refused_each_time(url):
    client = ec2(url)
    for _ in range(2):
        with pytest.raises(ClientError, match=r"g9\.xlarge"):
            types(client, InstanceTypes=["g9.xlarge"])


def test_who_may_not_ask_gets_no_kept_answer(url):
    types(ec2(url), InstanceTypes=["g4dn.xlarge"])
    stranger = ec2(url, aws_access_key_id="somebody", aws_secret_access_key="else")
    with pytest.raises(ClientError, match="AuthFailure"):
        types(stranger, InstanceTypes=["g4dn.xlarge"])


def test_moto_is_as_before_afterwards():
    before = InstanceResponse.describe_instance_types
    with moto():
        assert InstanceResponse.describe_instance_types is not before
    assert InstanceResponse.describe_instance_types is before
