"""What IAM refuses: names, objects that exist, service-linked roles, quotas."""

from typing import Any

import pytest

from tests.eks_gpu.lab.aws.refusals.account import (
    LENGTH,
    SPACED,
    VALIDATION,
    Aws,
    Case,
    answer,
    document,
    each_of,
    twice,
)

IAM_CHARACTERS = (
    "The specified value for {} is invalid. It must contain only alphanumeric characters and/or the following: +=,.@_-"
)
POLICY = "arn:aws:iam::123456789012:policy/p0"


def linked(aws: Aws, **given: Any) -> None:
    aws.iam.create_service_linked_role(AWSServiceName="spot.amazonaws.com", **given)


CASES: dict[str, list[Case]] = {
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


@each_of(CASES)
def test_iam_refuses(aws, call, code, words, status):
    assert answer(lambda: call(aws)) == (code, words, status)


@pytest.mark.parametrize(
    "call",
    [
        lambda aws: linked(aws),
        lambda aws: aws.role("n" * 64),
        lambda aws: aws.attached(10),
        lambda aws: aws.inline(5_000, 5_240),
        lambda aws: (aws.attached(10), aws.iam.attach_role_policy(RoleName="r", PolicyArn=POLICY)),  # again
    ],
)
def test_iam_takes_what_is_just_within_the_rules(aws, call):
    assert answer(lambda: call(aws)) is None
