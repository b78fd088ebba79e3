"""The table of permissions that it takes to create each type: real operations of AWS, and as many as the lab calls."""

from functools import cache
from typing import Any

import pytest
from boto3.session import Session

from eks_gpu.lab.aws.table import TABLE
from eks_gpu.live.account import AccountReader
from eks_gpu.live.preflight.creates import CREATES, is_about_all
from eks_gpu.live.preflight.permissions import PERMISSIONS, policy

REGION = "us-west-2"
SERVICES = {
    **{name: name for name in ("autoscaling", "ec2", "eks", "events", "iam", "kms", "logs", "s3", "sqs", "ssm", "sts")},
    "aps": "amp",
    "elasticloadbalancing": "elbv2",
    "servicequotas": "service-quotas",
}
OTHERWISE = {
    "s3:GetAccelerateConfiguration": "GetBucketAccelerateConfiguration",
    "s3:GetBucketCORS": "GetBucketCors",
    "s3:GetBucketObjectLockConfiguration": "GetObjectLockConfiguration",
    "s3:GetEncryptionConfiguration": "GetBucketEncryption",
    "s3:GetLifecycleConfiguration": "GetBucketLifecycleConfiguration",
    "s3:GetReplicationConfiguration": "GetBucketReplication",
    "s3:ListBucket": "HeadBucket",
}
"""Permissions that have another name than their operation. Source: Service Authorization Reference, Amazon S3."""
READS = ("Describe", "Get", "List", "Simulate")


@cache
def account() -> AccountReader:
    session = Session(aws_access_key_id="nobody", aws_secret_access_key="nobody")
    return AccountReader(session, REGION)


@cache
def operations(service: str) -> frozenset[str]:
    model: Any = account().client(SERVICES[service]).meta.service_model
    return frozenset(model.operation_names)


@pytest.mark.parametrize("type_", CREATES)
def test_each_action_is_an_operation_of_aws(type_):
    rights = CREATES[type_]
    for action in (*rights.to_create, *rights.to_change):
        service, _, operation = action.partition(":")
        assert OTHERWISE.get(action, operation) in operations(service), action
    assert all(action.partition(":")[2].startswith(READS) for action in rights.read)


@pytest.mark.parametrize("type_", TABLE)
def test_it_has_each_type_that_the_lab_makes_and_what_the_lab_calls_for_it(type_):
    row, rights = TABLE[type_], CREATES[type_]
    create, delete = (account().action(row.service, each.operation) for each in (row.create, row.delete))
    if type_ != "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup":  # which nothing creates
        assert create in rights.create
        assert delete in (*rights.delete, *rights.create)
    for call in (*row.after, *row.update, *row.before_delete):
        action = account().action(row.service, call.operation)
        if action not in HAS_NO_PERMISSION:
            assert action in (*rights.to_create, *rights.to_change), action


HAS_NO_PERMISSION: frozenset[str] = frozenset()


@pytest.mark.parametrize("action", sorted({action for each in PERMISSIONS.values() for action in each}))
def test_preflight_only_reads(action):
    service, _, operation = action.partition(":")
    assert operation in operations(service)
    assert operation.startswith(READS)


def test_the_policy_has_each_permission_once():
    actions = policy()["Statement"][0]["Action"]
    assert len(actions) == len(set(actions)) == sum(map(len, PERMISSIONS.values()))


@pytest.mark.parametrize(
    ("action", "about_all"),
    [
        ("ec2:DescribeVpcs", True),
        ("autoscaling:DescribeAutoScalingGroups", True),
        ("kms:CreateKey", True),
        ("ec2:CreateVpc", False),
        ("eks:DescribeCluster", False),
        ("iam:GetRole", False),
    ],
)
def test_what_asks_for_lists_is_about_no_single_resource(action, about_all):
    assert is_about_all(action) is about_all
