"""An AWS that throttles a call now and then, and takes a moment for what is new: who tries again gets on."""

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.config import Config
from moto import mock_aws

from eks_gpu.lab import pod_identity
from eks_gpu.lab.aws import LAB_KEYS
from eks_gpu.lab.aws.completed import complete_moto
from eks_gpu.lab.aws.core import Cloud
from eks_gpu.lab.aws.pace import Pace, pacing
from eks_gpu.lab.aws.refusals import refusing
from tests.eks_gpu.lab.aws.refusals.account import TRUST, answer
from tests.lab_resources import CLUSTER

REGION = "us-west-2"


@pytest.fixture
def moto() -> Iterator[None]:
    complete_moto("https://127.0.0.1:6443")
    with mock_aws(), refusing():
        yield


def client(service: str, attempts: int = 1) -> Any:
    retries = Config(retries={"total_max_attempts": attempts})
    return boto3.client(service, region_name=REGION, config=retries, **LAB_KEYS)


@pytest.mark.parametrize(
    ("service", "operation", "refused"),
    [
        ("ec2", "describe_vpcs", ("RequestLimitExceeded", "Request limit exceeded.", 503)),
        ("iam", "list_roles", ("Throttling", "Rate exceeded", 400)),
        ("autoscaling", "describe_auto_scaling_groups", ("Throttling", "Rate exceeded", 400)),
        ("eks", "list_clusters", ("ThrottlingException", "Rate exceeded", 400)),
        ("events", "list_rules", ("ThrottlingException", "Rate exceeded", 400)),
        ("logs", "describe_log_groups", ("ThrottlingException", "Rate exceeded", 400)),
        ("ssm", "describe_parameters", ("ThrottlingException", "Rate exceeded", 400)),
    ],
)
def test_every_so_many_calls_of_a_service_one_is_throttled(moto, service, operation, refused):
    with pacing(Pace(throttled_every=3)):
        answers = [answer(getattr(client(service), operation)) for _ in range(6)]
        assert answers == [None, None, refused, None, None, refused]
        client("sqs").list_queues()
        for _ in range(6):
            getattr(client(service, attempts=2), operation)()  # SDKs try again


def test_a_stack_that_makes_a_role_and_then_a_cluster_waits_until_the_role_is_known(moto):
    cloud = Cloud(REGION)
    subnets = [subnet["SubnetId"] for subnet in client("ec2").describe_subnets()["Subnets"][:2]]
    role = client("iam").create_role(RoleName="r", AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]
    with pacing(Pace(settles_s=1)):
        started = time.monotonic()
        id_, _ = cloud.create(
            CLUSTER, {"name": "gaia", "version": "1.35", "roleArn": role, "vpcConfig": {"subnetIds": subnets}}
        )
    assert id_ == "gaia"
    assert time.monotonic() - started >= 0.5


@pytest.mark.parametrize(("age_s", "waited"), [(0.5, 1.5), (60, 0)])
def test_a_controller_gets_credentials_when_its_association_is_known(age_s, waited, monkeypatch):
    waits = []
    monkeypatch.setattr(pod_identity.time, "sleep", waits.append)
    found = {"namespace": "kube-system", "serviceAccount": "karpenter", "associationId": "a-1"}
    made = {**found, "roleArn": "r", "modifiedAt": datetime.now(UTC) - timedelta(seconds=age_s)}

    class Eks:
        def list_pod_identity_associations(self, **_: Any) -> Any:
            return {"associations": [found]}

        def describe_pod_identity_association(self, **_: Any) -> Any:
            return {"association": made}

    class Sts:
        def assume_role(self, **_: Any) -> Any:
            return {"Credentials": {"AccessKeyId": "a", "SecretAccessKey": "b", "SessionToken": "c"}}

    keys = pod_identity.role_credentials(Eks(), Sts(), "gaia", "kube-system", "karpenter")
    assert json.dumps(keys).count("AWS_") == 3
    assert waits == [pytest.approx(waited, abs=0.2)]
