"""What the lab's AWS refuses, each with AWS's code and words."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from eks_gpu.lab.aws import LAB_KEYS
from eks_gpu.lab.aws.completed import complete_moto
from eks_gpu.lab.aws.ec2_refusals import EC2_REFUSALS
from eks_gpu.lab.aws.pace import Pace, pacing
from eks_gpu.lab.aws.refusals import REFUSALS, refusing

ROLE = "arn:aws:iam::123456789012:role/cluster"
TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"Service": "eks.amazonaws.com"}, "Action": "sts:AssumeRole"}],
    }
)
LONG, SPACED = "n" * 600, "a b"


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
        return boto3.client(service, region_name=self.region, **LAB_KEYS)

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


@pytest.fixture
def moto() -> Iterator[None]:
    complete_moto("https://127.0.0.1:6443")
    with mock_aws(), pacing(Pace(settles_s=600)), refusing():
        yield


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


def linked(aws: Aws, **given: Any) -> None:
    aws.iam.create_service_linked_role(AWSServiceName="spot.amazonaws.com", **given)


INVALID, VALIDATION = "InvalidParameterException", "ValidationError"
DISK = {"BlockDeviceMappings": []}
EKS_CHARACTERS = (
    'The parameter {} contains invalid characters. It should conform to the regular expression "{}"In other words, '
    "it should start with a number or letter, and can contain numbers, letters, dashes, and underscores."
)
LENGTH = (
    "1 validation error detected: Value '{}' at '{}' failed to satisfy constraint: "
    "Member must have length less than or equal to {}"
)
CHARACTERS = (
    "1 validation error detected: Value '{}' at '{}' failed to satisfy constraint: "
    "Member must satisfy regular expression pattern: {}"
)
IAM_CHARACTERS = (
    "The specified value for {} is invalid. It must contain only alphanumeric characters and/or the following: +=,.@_-"
)

Case = tuple[Callable[[Aws], Any], str, str, int]

CASES: dict[str, list[Case]] = {
    "eks:CreateCluster `name` of more than 100 characters": [
        (lambda aws: aws.cluster("n" * 101), INVALID, LENGTH.format("n" * 101, "name", 100), 400)
    ],
    r"eks:CreateCluster `name` with characters other than `^[0-9A-Za-z][A-Za-z0-9\-_]*`": [
        (
            lambda aws: aws.cluster("gaia.prod"),
            INVALID,
            EKS_CHARACTERS.format("name", r"^[0-9A-Za-z][A-Za-z0-9\-_]*"),
            400,
        )
    ],
    "eks:CreateNodegroup `nodegroupName` of more than 63 characters": [
        (lambda aws: aws.group(name="n" * 64), INVALID, LENGTH.format("n" * 64, "nodegroupName", 63), 400)
    ],
    "eks:CreateNodegroup `nodegroupName` with characters other than `[0-9A-Za-z][A-Za-z0-9-_]*`": [
        (
            lambda aws: aws.group(name="-gpu"),
            INVALID,
            EKS_CHARACTERS.format("nodegroupName", "[0-9A-Za-z][A-Za-z0-9-_]*"),
            400,
        )
    ],
    "iam:CreateRole `RoleName` of more than 64 characters": [
        (lambda aws: aws.role("n" * 65), VALIDATION, LENGTH.format("n" * 65, "roleName", 64), 400)
    ],
    r"iam:CreateRole `RoleName` with characters other than `[\w+=,.@-]+`": [
        (lambda aws: aws.role(SPACED), VALIDATION, IAM_CHARACTERS.format("roleName"), 400)
    ],
    "iam:CreatePolicy `PolicyName` of more than 128 characters": [
        (
            lambda aws: aws.iam.create_policy(PolicyName="n" * 129, PolicyDocument=document(200)),
            VALIDATION,
            LENGTH.format("n" * 129, "policyName", 128),
            400,
        )
    ],
    r"iam:CreatePolicy `PolicyName` with characters other than `[\w+=,.@-]+`": [
        (
            lambda aws: aws.iam.create_policy(PolicyName=SPACED, PolicyDocument=document(200)),
            VALIDATION,
            IAM_CHARACTERS.format("policyName"),
            400,
        )
    ],
    "iam:PutRolePolicy `PolicyName` of more than 128 characters": [
        (
            lambda aws: aws.iam.put_role_policy(RoleName="r", PolicyName="n" * 129, PolicyDocument=document(200)),
            VALIDATION,
            LENGTH.format("n" * 129, "policyName", 128),
            400,
        )
    ],
    r"iam:PutRolePolicy `PolicyName` with characters other than `[\w+=,.@-]+`": [
        (
            lambda aws: aws.iam.put_role_policy(RoleName="r", PolicyName=SPACED, PolicyDocument=document(200)),
            VALIDATION,
            IAM_CHARACTERS.format("policyName"),
            400,
        )
    ],
    "iam:CreateInstanceProfile `InstanceProfileName` of more than 128 characters": [
        (
            lambda aws: aws.iam.create_instance_profile(InstanceProfileName="n" * 129),
            VALIDATION,
            LENGTH.format("n" * 129, "instanceProfileName", 128),
            400,
        )
    ],
    r"iam:CreateInstanceProfile `InstanceProfileName` with characters other than `[\w+=,.@-]+`": [
        (
            lambda aws: aws.iam.create_instance_profile(InstanceProfileName=SPACED),
            VALIDATION,
            IAM_CHARACTERS.format("instanceProfileName"),
            400,
        )
    ],
    "logs:CreateLogGroup `logGroupName` of more than 512 characters": [
        (
            lambda aws: aws.logs.create_log_group(logGroupName=LONG),
            INVALID,
            LENGTH.format(LONG, "logGroupName", 512),
            400,
        )
    ],
    r"logs:CreateLogGroup `logGroupName` with characters other than `[\.\-_/#A-Za-z0-9]+`": [
        (
            lambda aws: aws.logs.create_log_group(logGroupName=SPACED),
            INVALID,
            CHARACTERS.format(SPACED, "logGroupName", r"[\.\-_/#A-Za-z0-9]+"),
            400,
        )
    ],
    "events:PutRule `Name` of more than 64 characters": [
        (
            lambda aws: aws.events.put_rule(Name="n" * 65, EventPattern="{}"),
            "ValidationException",
            LENGTH.format("n" * 65, "name", 64),
            400,
        )
    ],
    r"events:PutRule `Name` with characters other than `[\.\-_A-Za-z0-9]+`": [
        (
            lambda aws: aws.events.put_rule(Name=SPACED, EventPattern="{}"),
            "ValidationException",
            CHARACTERS.format(SPACED, "name", r"[\.\-_A-Za-z0-9]+"),
            400,
        )
    ],
    "autoscaling:CreateAutoScalingGroup `AutoScalingGroupName` of more than 255 characters": [
        (
            lambda aws: aws.scaling_group("n" * 256),
            VALIDATION,
            LENGTH.format("n" * 256, "autoScalingGroupName", 255),
            400,
        )
    ],
    "autoscaling:CreateAutoScalingGroup `AutoScalingGroupName` with characters other than `[^:]*`": [
        (
            lambda aws: aws.scaling_group("a:b"),
            VALIDATION,
            CHARACTERS.format("a:b", "autoScalingGroupName", "[^:]*"),
            400,
        )
    ],
    "ec2:CreateLaunchTemplate `LaunchTemplateName` of more than 128 characters": [
        (
            lambda aws: aws.ec2.create_launch_template(LaunchTemplateName="n" * 129, LaunchTemplateData=DISK),
            "InvalidLaunchTemplateName.MalformedException",
            LENGTH.format("n" * 129, "launchTemplateName", 128),
            400,
        )
    ],
    r"ec2:CreateLaunchTemplate `LaunchTemplateName` with characters other than `[a-zA-Z0-9().\-/_]*`": [
        (
            lambda aws: aws.ec2.create_launch_template(LaunchTemplateName=SPACED, LaunchTemplateData=DISK),
            "InvalidLaunchTemplateName.MalformedException",
            CHARACTERS.format(SPACED, "launchTemplateName", r"[a-zA-Z0-9().\-/_]*"),
            400,
        )
    ],
    "ec2:CreateSecurityGroup `GroupName` of more than 255 characters": [
        (
            lambda aws: aws.ec2.create_security_group(GroupName="n" * 256, Description="d"),
            "InvalidParameterValue",
            LENGTH.format("n" * 256, "groupName", 255),
            400,
        )
    ],
    r"ec2:CreateSecurityGroup `GroupName` with characters other than `[a-zA-Z0-9 ._\-:/()#,@\[\]+=&;{}!$*]*`": [
        (
            lambda aws: aws.ec2.create_security_group(GroupName="a~b", Description="d"),
            "InvalidParameterValue",
            CHARACTERS.format("a~b", "groupName", r"[a-zA-Z0-9 ._\-:/()#,@\[\]+=&;{}!$*]*"),
            400,
        )
    ],
    "sqs:CreateQueue `QueueName` of more than 80 characters, or with characters other than letters, digits, "
    "hyphens, underscores": [
        (
            lambda aws, name=name: aws.sqs.create_queue(QueueName=name),
            "InvalidParameterValue",
            "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length",
            400,
        )
        for name in ("n" * 81, SPACED)
    ],
    "logs:CreateLogGroup a log group that exists": [
        (
            lambda aws: twice(lambda: aws.logs.create_log_group(logGroupName="l")),
            "ResourceAlreadyExistsException",
            "The specified log group already exists",
            400,
        )
    ],
    "autoscaling:CreateAutoScalingGroup an auto scaling group that exists": [
        (
            lambda aws: twice(aws.scaling_group),
            "AlreadyExists",
            "AutoScalingGroup by this name already exists - A group with the name g already exists",
            400,
        )
    ],
    "ec2:CreateLaunchTemplate a launch template that exists": [
        (
            lambda aws: twice(
                lambda: aws.ec2.create_launch_template(LaunchTemplateName="name", LaunchTemplateData=DISK)
            ),
            "InvalidLaunchTemplateName.AlreadyExistsException",
            "Launch template name already in use.",
            400,
        )
    ],
    "ec2:CreateSecurityGroup a security group that exists in the VPC": [
        (
            lambda aws: twice(lambda: aws.ec2.create_security_group(GroupName="web", Description="d")),
            "InvalidGroup.Duplicate",
            "The security group 'web' already exists",
            400,
        )
    ],
    "eks:CreateCluster a range for the public endpoint that is private, for documentation, reserved or IPv6": [
        (
            lambda aws, given=given: aws.cluster(publicAccessCidrs=["8.8.8.0/24", given, "0.0.0.0/0"]),
            INVALID,
            f"The following CIDRs are invalid in publicAccessCidrs: [{given}]",
            400,
        )
        for given in (
            "10.0.0.0/8",
            "172.16.0.0/12",
            "192.168.1.0/24",
            "192.0.2.0/24",
            "198.51.100.7/32",
            "203.0.113.0/24",
            "100.64.0.0/10",
            "169.254.0.0/16",
            "224.0.0.0/4",
            "240.0.0.0/4",
            "2001:4860::/32",
            "office",
        )
    ],
    "eks:UpdateClusterConfig a range for the public endpoint that is private, for documentation, reserved or IPv6": [
        (
            lambda aws: (
                aws.cluster(),
                aws.eks.update_cluster_config(
                    name="gaia", resourcesVpcConfig={"publicAccessCidrs": ["10.0.0.0/8", "192.0.2.0/24"]}
                ),
            ),
            INVALID,
            "The following CIDRs are invalid in publicAccessCidrs: [10.0.0.0/8, 192.0.2.0/24]",
            400,
        )
    ],
    "eks:CreateCluster subnets in a single zone": [
        (
            lambda aws, zones=zones: aws.cluster(zones=zones),
            INVALID,
            "Subnets specified must be in at least two different AZs",
            400,
        )
        for zones in ("a", "aa")
    ],
    "eks:UpdateClusterConfig subnets in a single zone": [
        (
            lambda aws: (
                aws.cluster(),
                aws.eks.update_cluster_config(name="gaia", resourcesVpcConfig={"subnetIds": aws.subnets("a")}),
            ),
            INVALID,
            "Subnets specified must be in at least two different AZs",
            400,
        )
    ],
    "eks:CreateCluster a subnet in one of the zones cac1-az3, use1-az3, usw1-az2": [
        (
            lambda _: Aws("us-east-1").cluster(zones="ae"),
            "UnsupportedAvailabilityZoneException",
            "Cannot create cluster 'gaia' because us-east-1e, the targeted availability zone, does not currently have "
            "sufficient capacity to support the cluster. Retry and choose from these availability zones: us-east-1a, "
            "us-east-1b, us-east-1c, us-east-1d, us-east-1f",
            400,
        )
    ],
    "eks:UpdateClusterConfig a subnet in one of the zones cac1-az3, use1-az3, usw1-az2": [
        (
            lambda _: (
                Aws("us-east-1").cluster(),
                Aws("us-east-1").eks.update_cluster_config(
                    name="gaia", resourcesVpcConfig={"subnetIds": Aws("us-east-1").subnets("b", "e")}
                ),
            ),
            "UnsupportedAvailabilityZoneException",
            "Cannot create cluster 'gaia' because us-east-1e, the targeted availability zone, does not currently have "
            "sufficient capacity to support the cluster. Retry and choose from these availability zones: us-east-1a, "
            "us-east-1b, us-east-1c, us-east-1d, us-east-1f",
            400,
        )
    ],
    "eks:CreateCluster a Kubernetes version that EKS does not have": [
        (
            lambda aws, version=version: aws.cluster(version=version),
            INVALID,
            f"unsupported Kubernetes version {version}",
            400,
        )
        for version in ("1.19", "1.99", "1.35.1")
    ],
    "eks:UpdateClusterVersion a Kubernetes version that EKS does not have": [
        (lambda aws: aws.upgrade("1.36", "1.37"), INVALID, "unsupported Kubernetes version 1.37", 400)
    ],
    "eks:UpdateClusterVersion a version that skips a minor, or goes back by more than the upgrade before": [
        (
            lambda aws, steps=steps: aws.upgrade(*steps),
            INVALID,
            f"Unsupported Kubernetes minor version update from {steps[-2]} to {steps[-1]}",
            400,
        )
        for steps in (("1.33", "1.35"), ("1.35", "1.34"), ("1.33", "1.34", "1.35", "1.33"))
    ],
    "eks:CreateCluster a role made a moment ago, until IAM has spread it; providers try again": [
        (
            lambda aws: (aws.role("cluster"), aws.cluster()),
            INVALID,
            f"Role with arn: {ROLE}, could not be assumed because it does not exist or the trusted entity is not "
            "correct",
            400,
        )
    ],
    "eks:CreateCluster a cluster that exists": [
        (
            lambda aws: twice(aws.cluster),
            "ResourceInUseException",
            "Cluster already exists with name: gaia",
            409,
        )
    ],
    "eks:CreateNodegroup `instanceTypes` beside a launch template that has one": [
        (
            lambda aws: aws.group({"InstanceType": "g5.xlarge"}, instanceTypes=["g6.xlarge"]),
            "InvalidRequestException",
            "Cannot specify instance types in launch template and API request",
            400,
        )
    ],
    "eks:CreateNodegroup `diskSize` beside a launch template": [
        (
            lambda aws: aws.group({}, diskSize=50),
            INVALID,
            "Disk size must be specified within the launch template.",
            400,
        )
    ],
    "eks:CreateNodegroup `version` beside a launch template with an image": [
        (
            lambda aws: aws.group({"ImageId": "ami-12c6146b"}, version="1.35"),
            INVALID,
            "You cannot specify a kubernetes version to use when specifying an image id to use within the launch "
            "template.",
            400,
        )
    ],
    "eks:UpdateNodegroupVersion `version` beside a launch template with an image": [
        (
            lambda aws: (
                aws.group({"ImageId": "ami-12c6146b"}),
                aws.eks.update_nodegroup_version(clusterName="gaia", nodegroupName="gpu", version="1.35"),
            ),
            INVALID,
            "You cannot specify a kubernetes version to use when specifying an image id to use within the launch "
            "template.",
            400,
        )
    ],
    "eks:CreateNodegroup `releaseVersion` beside a launch template with an image": [
        (
            lambda aws: aws.group({"ImageId": "ami-12c6146b"}, releaseVersion="1.35.1-20260714"),
            INVALID,
            "You cannot specify a release version when specifying an image id to use within the launch template.",
            400,
        )
    ],
    "eks:UpdateNodegroupVersion `releaseVersion` beside a launch template with an image": [
        (
            lambda aws: (
                aws.group({"ImageId": "ami-12c6146b"}),
                aws.eks.update_nodegroup_version(
                    clusterName="gaia", nodegroupName="gpu", releaseVersion="1.35.1-20260714"
                ),
            ),
            INVALID,
            "You cannot specify a release version when specifying an image id to use within the launch template.",
            400,
        )
    ],
    "eks:CreateNodegroup `amiType` beside a launch template with an image": [
        (
            lambda aws: aws.group({"ImageId": "ami-12c6146b"}, amiType="AL2023_x86_64_NVIDIA"),
            INVALID,
            "You cannot specify an AMI Type other than CUSTOM, when specifying an image id in your launch template.",
            400,
        )
    ],
    "eks:CreateNodegroup an instance profile, market options or hibernation in the launch template": [
        (
            lambda aws: aws.group({"IamInstanceProfile": {"Name": "p"}}),
            INVALID,
            "Launch template must not specify IamInstanceProfile in a managed node group",
            400,
        )
    ],
    "eks:UpdateNodegroupVersion an instance profile, market options or hibernation in the launch template": [
        (
            lambda aws: (
                aws.group({}),
                aws.ec2.create_launch_template_version(
                    LaunchTemplateName="node", LaunchTemplateData={"InstanceMarketOptions": {"MarketType": "spot"}}
                ),
                aws.eks.update_nodegroup_version(
                    clusterName="gaia", nodegroupName="gpu", launchTemplate={"name": "node", "version": "2"}
                ),
            ),
            INVALID,
            "Launch template must not specify InstanceMarketOptions in a managed node group",
            400,
        )
    ],
    "eks:CreateNodegroup sizes that are not in the order minimum, desired, maximum": [
        (
            lambda aws: aws.group(scalingConfig={"minSize": 2, "desiredSize": 1, "maxSize": 3}),
            INVALID,
            "minSize can't be greater than desiredSize",
            400,
        ),
        (
            lambda aws: aws.group(scalingConfig={"minSize": 0, "desiredSize": 4, "maxSize": 3}),
            INVALID,
            "desiredSize can't be greater than maxSize",
            400,
        ),
    ],
    "eks:UpdateNodegroupConfig a minimum above the desired size": [
        (
            lambda aws, sizes=sizes: (
                aws.group(),
                aws.eks.update_nodegroup_config(clusterName="gaia", nodegroupName="gpu", scalingConfig=sizes),
            ),
            INVALID,
            "Minimum capacity 1 can't be greater than desired size 0",
            400,
        )
        for sizes in ({"minSize": 1}, {"minSize": 1, "desiredSize": 0, "maxSize": 1})
    ],
    "iam:CreateServiceLinkedRole a service-linked role that exists": [
        (
            lambda aws: twice(lambda: linked(aws)),
            "InvalidInput",
            "Service role name AWSServiceRoleForEC2Spot has been taken in this account, please try a different suffix.",
            400,
        )
    ],
    "iam:CreateServiceLinkedRole a suffix for the role that Spot needs": [
        (
            lambda aws: linked(aws, CustomSuffix="2"),
            "InvalidInput",
            "Custom suffix is not allowed for spot.amazonaws.com",
            400,
        )
    ],
    "iam:CreateRole a role that exists": [
        (lambda aws: twice(aws.role), "EntityAlreadyExists", "Role with name r already exists.", 409)
    ],
    "iam:CreatePolicy a policy that exists": [
        (
            lambda aws: twice(lambda: aws.iam.create_policy(PolicyName="p", PolicyDocument=document(200))),
            "EntityAlreadyExists",
            "A policy called p already exists. Duplicate names are not allowed.",
            409,
        )
    ],
    "iam:CreateInstanceProfile an instance profile that exists": [
        (
            lambda aws: twice(lambda: aws.iam.create_instance_profile(InstanceProfileName="p")),
            "EntityAlreadyExists",
            "Instance Profile p already exists.",
            409,
        )
    ],
    "iam:AttachRolePolicy more than 10 managed policies of a role": [
        (lambda aws: aws.attached(11), "LimitExceeded", "Cannot exceed quota for PoliciesPerRole: 10", 409)
    ],
    "iam:CreatePolicy a managed policy of more than 6,144 characters": [
        (
            lambda aws: aws.iam.create_policy(PolicyName="p", PolicyDocument=document(6_145)),
            "LimitExceeded",
            "Cannot exceed quota for PolicySize: 6144",
            409,
        )
    ],
    "iam:CreatePolicyVersion a managed policy of more than 6,144 characters": [
        (
            lambda aws: aws.iam.create_policy_version(
                PolicyArn=aws.iam.create_policy(PolicyName="p", PolicyDocument=document(6_144))["Policy"]["Arn"],
                PolicyDocument=document(6_145),
            ),
            "LimitExceeded",
            "Cannot exceed quota for PolicySize: 6144",
            409,
        )
    ],
    "iam:PutRolePolicy inline policies of a role with more than 10,240 characters together": [
        (
            lambda aws: aws.inline(5_000, 5_240, 200),
            "LimitExceeded",
            "Maximum policy size of 10240 bytes exceeded for role r",
            409,
        )
    ],
    "iam:CreateRole a trust policy of more than 2,048 characters": [
        (
            lambda aws: aws.role(trust=document(2_049)),
            "LimitExceeded",
            "Cannot exceed quota for ACLSizePerRole: 2048",
            409,
        )
    ],
}


def test_every_row_of_the_table_is_shown():
    rows = [row for row in REFUSALS if row not in EC2_REFUSALS]  # those are in test_launches
    assert {f"{operation} {row.refuses}" for row in rows for operation in row.operations} == CASES.keys()
    assert all(row.source and row.words for row in REFUSALS)


@pytest.mark.parametrize(("call", "code", "words", "status"), [case for cases in CASES.values() for case in cases])
def test_aws_refuses(moto, call, code, words, status):
    assert answer(lambda: call(Aws())) == (code, words, status)


@pytest.mark.parametrize(
    "call",
    [
        lambda aws: aws.cluster("n" * 100, publicAccessCidrs=["0.0.0.0/0", "8.8.8.8/32"]),
        lambda aws: aws.upgrade("1.33", "1.34", "1.35", "1.34"),  # back by the one upgrade
        lambda aws: aws.group({"ImageId": "ami-12c6146b"}, amiType="CUSTOM"),
        lambda aws: aws.group({}, instanceTypes=["g6.xlarge"], version="1.35", amiType="AL2023_x86_64_NVIDIA"),
        lambda aws: aws.group(diskSize=50, name="n" * 63),
        lambda aws: linked(aws),
        lambda aws: aws.role("n" * 64),
        lambda aws: aws.attached(10),
        lambda aws: aws.inline(5_000, 5_240),
        lambda aws: (aws.attached(10), aws.iam.attach_role_policy(RoleName="r", PolicyArn=POLICY)),  # again
    ],
)
def test_aws_takes_what_is_just_within_the_rules(moto, call):
    assert answer(lambda: call(Aws())) is None


POLICY = "arn:aws:iam::123456789012:policy/p0"
