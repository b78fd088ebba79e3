"""An account of the lab's AWS, and how what it refuses is shown: a call, AWS's code, its words, the HTTP status."""

import functools
import json
from collections.abc import Callable, Mapping
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from eks_gpu.lab.aws import LAB_KEYS

ROLE = "arn:aws:iam::123456789012:role/cluster"
TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"Service": "eks.amazonaws.com"}, "Action": "sts:AssumeRole"}],
    }
)
LONG, SPACED = "n" * 600, "a b"

INVALID, VALIDATION = "InvalidParameterException", "ValidationError"
LENGTH = (
    "1 validation error detected: Value '{}' at '{}' failed to satisfy constraint: "
    "Member must have length less than or equal to {}"
)
CHARACTERS = (
    "1 validation error detected: Value '{}' at '{}' failed to satisfy constraint: "
    "Member must satisfy regular expression pattern: {}"
)


def document(characters: int) -> str:
    statement = {"Effect": "Allow", "Action": "ec2:*", "Resource": "arn:aws:ec2:::"}
    text = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    short = len(text.replace(" ", ""))
    statement["Resource"] += "x" * (characters - short)
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


class Aws:
    """An AWS of the lab in this process, in a region with three zones or more."""

    def __init__(self, region: str = "us-west-2"):
        self.region = region

    def __getattr__(self, service: str) -> Any:
        return _client(service, self.region)

    def subnets(self, *zones: str) -> list[str]:
        found = self.ec2.describe_subnets()["Subnets"]
        by_zone = {subnet["AvailabilityZone"].removeprefix(self.region): subnet["SubnetId"] for subnet in found}
        return [by_zone[zone] for zone in zones]

    def cluster(self, name: str = "gaia", zones: str = "ab", version: str = "1.35", **network: Any) -> None:
        network = {"subnetIds": self.subnets(*zones), **network}
        self.eks.create_cluster(name=name, roleArn=ROLE, version=version, resourcesVpcConfig=network)

    def group(self, template: dict[str, Any] | None = None, name: str = "gpu", **given: Any) -> None:
        if template is not None:
            made = self.ec2.create_launch_template(LaunchTemplateName="node", LaunchTemplateData=template)
            given["launchTemplate"] = {"id": made["LaunchTemplate"]["LaunchTemplateId"], "version": "1"}
        if not self.eks.list_clusters()["clusters"]:
            self.cluster()
        given = {"scalingConfig": {"minSize": 0, "desiredSize": 0, "maxSize": 1}, **given}
        self.eks.create_nodegroup(
            clusterName="gaia", nodegroupName=name, nodeRole=ROLE, subnets=self.subnets("a"), **given
        )

    def upgrade(self, *versions: str) -> None:
        self.cluster(version=versions[0])
        for version in versions[1:]:
            self.eks.update_cluster_version(name="gaia", version=version)

    def role(self, name: str = "r", trust: str = TRUST) -> None:
        self.iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)

    def attached(self, policies: int) -> None:
        self.role()
        for number in range(policies):
            made = self.iam.create_policy(PolicyName=f"p{number}", PolicyDocument=document(200))
            self.iam.attach_role_policy(RoleName="r", PolicyArn=made["Policy"]["Arn"])

    def inline(self, *sizes: int) -> None:
        self.role()
        for number, size in enumerate(sizes):
            self.iam.put_role_policy(RoleName="r", PolicyName=f"p{number}", PolicyDocument=document(size))

    def scaling_group(self, name: str = "g") -> None:
        self.ec2.create_launch_template(
            LaunchTemplateName=f"t{len(self.ec2.describe_launch_templates()['LaunchTemplates'])}",
            LaunchTemplateData={"ImageId": "ami-12c6146b", "InstanceType": "m5.large"},
        )
        template = self.ec2.describe_launch_templates()["LaunchTemplates"][-1]["LaunchTemplateId"]
        self.autoscaling.create_auto_scaling_group(
            AutoScalingGroupName=name,
            MinSize=0,
            MaxSize=0,
            VPCZoneIdentifier=self.subnets("a")[0],
            LaunchTemplate={"LaunchTemplateId": template},
        )


@functools.cache
def _client(service: str, region: str) -> Any:
    """Kept over all tests: to make one takes longer than what is asked of it."""
    return boto3.client(service, region_name=region, **LAB_KEYS)


Case = tuple[Callable[[Aws], Any], str, str, int]
"""A call, and the code, words and HTTP status of its refusal."""


def each_of(cases: Mapping[str, list[Case]]) -> pytest.MarkDecorator:
    """Runs a test for each case of a table of refusals."""
    return pytest.mark.parametrize(
        ("call", "code", "words", "status"), [case for found in cases.values() for case in found]
    )


def answer(call: Callable[[], Any]) -> tuple[str, str, int] | None:
    """Code, words and HTTP status of a refusal; None where AWS does as it is told."""
    try:
        call()
    except ClientError as refused:
        error, answered = refused.response["Error"], refused.response["ResponseMetadata"]
        return error["Code"], error["Message"], answered["HTTPStatusCode"]
    return None


def twice(call: Callable[[], Any]) -> None:
    call()
    call()
