"""IAM in the lab's AWS: who calls as a role may do what the role's policies allow."""

import functools
import json
import urllib.request
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from components.iam.karpenter_policy import POLICIES, ControllerScope, controller_policy
from eks_gpu.lab.aws import LAB_KEYS
from eks_gpu.lab.aws.moto_server import moto

REGION = "us-west-2"
HERE = "us-west-2:123456789012"
QUEUE = f"arn:aws:sqs:{HERE}:jobs"
NODE_ROLE = "arn:aws:iam::123456789012:role/node"
IMAGE = "/aws/service/eks/optimized-ami/1.35/amazon-linux-2023/x86_64/nvidia/recommended/image_id"
TRUST = {"Effect": "Allow", "Principal": {"Service": "pods.eks.amazonaws.com"}, "Action": "sts:AssumeRole"}


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(action: Any, resource: Any = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def deny(action: Any, resource: Any = "*", **more: Any) -> dict[str, Any]:
    return {**allow(action, resource, **more), "Effect": "Deny"}


class Aws:
    """The lab's AWS with a cluster, a node group, a queue, an auto scaling group and a role for nodes."""

    def __init__(self, url: str):
        self.url = url
        subnets = [subnet["SubnetId"] for subnet in self.client("ec2").describe_subnets()["Subnets"]]
        eks = self.client("eks")
        eks.create_cluster(name="gaia", roleArn=NODE_ROLE, resourcesVpcConfig={"subnetIds": subnets})
        eks.create_nodegroup(
            clusterName="gaia",
            nodegroupName="gpu",
            nodeRole=NODE_ROLE,
            subnets=subnets,
            instanceTypes=["g6.xlarge"],
            scalingConfig={"minSize": 0, "desiredSize": 1, "maxSize": 2},
        )
        groups = self.client("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"]
        self.group, self.instance = groups[0]["AutoScalingGroupName"], groups[0]["Instances"][0]["InstanceId"]
        self.queue = self.client("sqs").create_queue(QueueName="jobs")["QueueUrl"]
        self.client("iam").create_role(RoleName="node", AssumeRolePolicyDocument=policy(TRUST))
        self.client("iam").create_role(RoleName="controller", AssumeRolePolicyDocument=policy(TRUST))

    @functools.cache  # noqa: B019  # there is one Aws, as long as the tests
    def client(self, service: str, **keys: Any) -> Any:
        return boto3.client(service, region_name=REGION, endpoint_url=self.url, **(keys or LAB_KEYS))

    def role(self, *statements: dict[str, Any]) -> dict[str, str]:
        """Keys of a session of the controller's role, which may do this alone from now on."""
        self.client("iam").put_role_policy(
            RoleName="controller", PolicyName="p", PolicyDocument=policy(*statements or [allow("none:Nothing")])
        )
        role = "arn:aws:iam::123456789012:role/controller"
        session = self.client("sts").assume_role(RoleArn=role, RoleSessionName="pod")["Credentials"]
        return {
            "aws_access_key_id": session["AccessKeyId"],
            "aws_secret_access_key": session["SecretAccessKey"],
            "aws_session_token": session["SessionToken"],
        }

    def call(self, keys: dict[str, str], service: str, operation: str, **given: Any) -> str:
        """What AWS says: `done`, or the code with which it refuses."""
        try:
            getattr(self.client(service, **keys), operation)(**given)
        except ClientError as refused:
            status = refused.response["ResponseMetadata"]["HTTPStatusCode"]
            return f"{status} {refused.response['Error']['Code']}"
        return "done"


@pytest.fixture(scope="module")
def aws() -> Iterator[Aws]:
    with moto() as url:
        yield Aws(url)


REFUSED = {
    "autoscaling": "403 AccessDenied",
    "ec2": "403 UnauthorizedOperation",
    "eks": "403 AccessDeniedException",
    "iam": "403 AccessDenied",
    "sqs": "403 AccessDeniedException",
    "ssm": "403 AccessDeniedException",
}
GROUPS = f"arn:aws:autoscaling:{HERE}:autoScalingGroup:*"
PROFILES = "arn:aws:iam::123456789012:instance-profile"


@pytest.mark.parametrize(
    ("action", "operation", "given", "resource", "another"),
    [
        (
            "eks:DescribeCluster",
            "describe_cluster",
            {"name": "gaia"},
            f"arn:aws:eks:{HERE}:cluster/gaia",
            f"arn:aws:eks:{HERE}:cluster/other",
        ),
        (
            "eks:DescribeNodegroup",
            "describe_nodegroup",
            {"clusterName": "gaia", "nodegroupName": "gpu"},
            "arn:aws:eks:us-west-2:*:nodegroup/gaia/*/*",
            "arn:aws:eks:us-west-2:*:nodegroup/other/*/*",
        ),
        ("ec2:DescribeSubnets", "describe_subnets", {"MaxResults": 9}, "*", f"arn:aws:ec2:{HERE}:subnet/*"),
        ("sqs:ReceiveMessage", "receive_message", {"QueueUrl": "{queue}"}, QUEUE, f"{QUEUE}-of-others"),
        ("sqs:GetQueueUrl", "get_queue_url", {"QueueName": "jobs"}, QUEUE, f"{QUEUE}-of-others"),
        ("iam:ListInstanceProfiles", "list_instance_profiles", {"PathPrefix": "/a b/"}, "*", f"{PROFILES}/a"),
        (
            "iam:CreateInstanceProfile",
            "create_instance_profile",
            {"InstanceProfileName": "gpu", "Path": "/karpenter/"},
            f"{PROFILES}/karpenter/*",
            f"{PROFILES}/gpu",
        ),
        (
            "iam:DeleteInstanceProfile",
            "delete_instance_profile",
            {"InstanceProfileName": "gpu"},  # the one above, whose path is not among the parameters
            f"{PROFILES}/karpenter/gpu",
            f"{PROFILES}/gpu",
        ),
        ("iam:GetRole", "get_role", {"RoleName": "node"}, NODE_ROLE, f"{NODE_ROLE}s"),
        (
            "ssm:GetParameter",
            "get_parameter",
            {"Name": IMAGE},
            "arn:aws:ssm:us-west-2::parameter/aws/service/*",
            f"arn:aws:ssm:{HERE}:parameter/aws/service/*",
        ),
        (
            "autoscaling:DescribeAutoScalingGroups",
            "describe_auto_scaling_groups",
            {"AutoScalingGroupNames": ["{group}"]},
            "*",
            GROUPS,
        ),
        (
            "autoscaling:SetDesiredCapacity",
            "set_desired_capacity",
            {"AutoScalingGroupName": "{group}", "DesiredCapacity": 1},
            f"{GROUPS}:autoScalingGroupName/eks-*",
            f"{GROUPS}:autoScalingGroupName/others-*",
        ),
        (
            "autoscaling:TerminateInstanceInAutoScalingGroup",
            "terminate_instance_in_auto_scaling_group",
            {"InstanceId": "{instance}", "ShouldDecrementDesiredCapacity": True},
            f"{GROUPS}:autoScalingGroupName/eks-*",
            f"{GROUPS}:autoScalingGroupName/others-*",
        ),
    ],
)
def test_a_role_may_do_what_its_policy_allows_to_what_it_allows_it(aws, action, operation, given, resource, another):
    service = action.partition(":")[0]
    known = {key: value.format(**vars(aws)) if isinstance(value, str) else value for key, value in given.items()}

    def answer(*statements: dict[str, Any]) -> str:
        return aws.call(aws.role(*statements), service, operation, **known)

    assert answer() == REFUSED[service]
    assert answer(allow(f"{service}:TagResource", resource)) == REFUSED[service]
    assert answer(allow(action, another)) == REFUSED[service]
    assert answer(allow([action], [another, resource])) == "done"


def test_a_policy_counts_from_the_next_call_and_a_deny_is_final(aws):
    keys = aws.role(allow("ec2:Describe*"))
    assert aws.call(keys, "ec2", "describe_images") == "done"
    aws.role(allow("ec2:*"), deny("ec2:DescribeImages"))
    assert aws.call(keys, "ec2", "describe_images") == "403 UnauthorizedOperation"
    assert aws.call(keys, "ec2", "describe_subnets") == "done"


def test_an_attached_policy_counts_as_an_inline_one(aws):
    keys, iam = aws.role(), aws.client("iam")
    arn = iam.create_policy(PolicyName="reads", PolicyDocument=policy(allow("ec2:DescribeImages")))["Policy"]["Arn"]
    iam.attach_role_policy(RoleName="controller", PolicyArn=arn)
    assert aws.call(keys, "ec2", "describe_images") == "done"
    iam.create_policy_version(PolicyArn=arn, PolicyDocument=policy(allow("ec2:DescribeSubnets")), SetAsDefault=True)
    assert aws.call(keys, "ec2", "describe_images") == "403 UnauthorizedOperation"
    iam.detach_role_policy(RoleName="controller", PolicyArn=arn)


def test_conditions_are_not_judged_an_allow_holds_and_a_deny_does_not(aws):
    condition = {"Condition": {"StringEquals": {"aws:ResourceTag/team": "nobody"}}}
    keys = aws.role(allow("ec2:DescribeImages", **condition), deny("ec2:DescribeImages", **condition))
    assert aws.call(keys, "ec2", "describe_images") == "done"


def test_who_puts_a_role_into_an_instance_profile_must_be_allowed_to_pass_it(aws):
    aws.client("iam").create_instance_profile(InstanceProfileName="nodes")
    given = {"InstanceProfileName": "nodes", "RoleName": "node"}
    put = allow("iam:AddRoleToInstanceProfile")

    def add(*statements: dict[str, Any]) -> str:
        return aws.call(aws.role(*statements), "iam", "add_role_to_instance_profile", **given)

    assert add(put) == "403 AccessDenied"
    assert add(put, allow("iam:PassRole", "arn:aws:iam::123456789012:role/other")) == "403 AccessDenied"
    assert add(put, allow("iam:PassRole", NODE_ROLE)) == "done"


def test_karpenters_policies_allow_what_it_calls_in_the_lab(aws):
    scope = ControllerScope("gaia", REGION, "123456789012", NODE_ROLE, QUEUE)
    documents = [controller_policy(name, scope)["Statement"] for name in POLICIES]
    keys = aws.role(*[statement for document in documents for statement in document])
    profile = {"InstanceProfileName": "karpenters"}
    for service, operation, given in (
        ("eks", "describe_cluster", {"name": "gaia"}),
        ("ec2", "describe_instance_types", {}),
        ("ec2", "describe_subnets", {}),
        ("ssm", "get_parameter", {"Name": IMAGE}),
        ("sqs", "get_queue_url", {"QueueName": "jobs"}),
        ("sqs", "receive_message", {"QueueUrl": aws.queue}),
        ("iam", "create_instance_profile", profile),
        ("iam", "add_role_to_instance_profile", {**profile, "RoleName": "node"}),
        ("iam", "list_instance_profiles", {"PathPrefix": "/karpenter/"}),
        ("iam", "remove_role_from_instance_profile", {**profile, "RoleName": "node"}),
        ("iam", "delete_instance_profile", profile),
    ):
        assert aws.call(keys, service, operation, **given) == "done", operation
    assert aws.call(keys, "eks", "describe_cluster", name="other") == "403 AccessDeniedException"
    assert aws.call(keys, "sqs", "delete_queue", QueueUrl=aws.queue) == "403 AccessDeniedException"


def test_everybody_known_may_ask_who_he_is(aws):
    caller = aws.client("sts", **aws.role()).get_caller_identity()
    assert caller["Arn"] == "arn:aws:sts::123456789012:assumed-role/controller/pod"


@pytest.mark.parametrize(
    ("service", "operation", "code"),
    [
        ("eks", "list_clusters", "UnrecognizedClientException"),
        ("ec2", "describe_subnets", "AuthFailure"),
        ("sqs", "list_queues", "UnrecognizedClientException"),
        ("iam", "list_roles", "InvalidClientTokenId"),
        ("ssm", "describe_parameters", "UnrecognizedClientException"),
        ("sts", "get_caller_identity", "InvalidClientTokenId"),
        ("autoscaling", "describe_auto_scaling_groups", "InvalidClientTokenId"),
        ("events", "list_rules", "UnrecognizedClientException"),
    ],
)
def test_the_labs_keys_may_do_everything_and_unknown_ones_nothing(aws, service, operation, code):
    unknown = {"aws_access_key_id": "AKIAIOSFODNN7EXAMPLE", "aws_secret_access_key": "s"}
    assert aws.call(LAB_KEYS, service, operation) == "done"
    assert aws.call(unknown, service, operation) == f"403 {code}"
    ended = {**aws.role(allow("*")), "aws_session_token": "of another session"}
    assert aws.call(ended, service, operation) == f"403 {code}"


def test_a_wrong_secret_and_no_signature_are_refused(aws):
    keys = {**aws.role(allow("*")), "aws_secret_access_key": "guessed"}
    assert aws.call(keys, "eks", "list_clusters") == "403 InvalidSignatureException"
    assert aws.call(keys, "ec2", "describe_subnets") == "403 AuthFailure"
    assert aws.call(keys, "iam", "list_roles") == "403 SignatureDoesNotMatch"
    with pytest.raises(urllib.request.HTTPError, match="403"):
        urllib.request.urlopen(f"{aws.url}/clusters")


def test_a_form_is_judged_as_it_was_signed_not_as_moto_would_write_it(aws):
    keys = aws.role(allow("iam:GetInstanceProfile"))
    form = "Action=GetInstanceProfile&InstanceProfileName=a+b&Version=2010-05-08"  # Go's spelling of a space
    signed = AWSRequest("POST", f"{aws.url}/", {"Content-Type": "application/x-www-form-urlencoded"}, form)
    SigV4Auth(Credentials(*keys.values()), "iam", REGION).add_auth(signed)
    asked = urllib.request.Request(f"{aws.url}/", form.encode(), dict(signed.headers.items()))
    with pytest.raises(urllib.request.HTTPError, match="404"):
        urllib.request.urlopen(asked)


def test_what_is_refused_stands_in_the_log_with_caller_action_and_resource(aws, caplog):
    aws.call(aws.role(), "sqs", "receive_message", QueueUrl=aws.queue)
    assert [record.getMessage() for record in caplog.records if record.levelname == "WARNING"] == [
        "sqs refused: User: arn:aws:sts::123456789012:assumed-role/controller/pod "
        f"is not authorized to perform: sqs:ReceiveMessage on resource: {QUEUE}"
    ]
