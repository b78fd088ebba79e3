"""The lab's EC2 offers what its catalog prices."""

from typing import Any

import boto3
import pytest

from eks_gpu.lab.aws import LAB_KEYS
from eks_gpu.lab.aws.moto_server import moto

REGION = "us-west-2"

# The catalog prices g4dn.xlarge, p5.48xlarge and m7i.large; m1.small it does not have.


@pytest.fixture(scope="module")
def ec2():
    with moto() as url:
        yield boto3.client("ec2", region_name=REGION, endpoint_url=url, **LAB_KEYS)


def told(ec2: Any, operation: str, **asked: Any) -> set[str]:
    pages = ec2.get_paginator(f"describe_{operation}").paginate(**asked)
    rows = [row for page in pages for rows in page.values() if isinstance(rows, list) for row in rows]
    return {row["InstanceType"] for row in rows}


def test_types_and_offerings_are_those_that_have_a_price(ec2):
    types = told(ec2, "instance_types")
    assert {"g4dn.xlarge", "p5.48xlarge", "m7i.large"} <= types
    assert "m1.small" not in types
    assert told(ec2, "instance_type_offerings", LocationType="availability-zone") == types


def test_a_type_without_a_price_is_told_of_when_asked_for_by_name(ec2):
    assert told(ec2, "instance_types", InstanceTypes=["m1.small"]) == {"m1.small"}
