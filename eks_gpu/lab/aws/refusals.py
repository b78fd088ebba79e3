"""A table of requests that the lab's AWS refuses as AWS does, and that moto alone would accept.

The next rule is a line of one of its parts. Whoever may not ask hears that first, as on AWS.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any
from unittest.mock import patch

from moto.core.responses import BaseResponse

from eks_gpu.lab.aws import calls
from eks_gpu.lab.aws.ec2_refusals import EC2_REFUSALS
from eks_gpu.lab.aws.eks_refusals import EKS_REFUSALS
from eks_gpu.lab.aws.enforcement import may
from eks_gpu.lab.aws.iam_refusals import IAM_REFUSALS
from eks_gpu.lab.aws.name_refusals import NAME_REFUSALS
from eks_gpu.lab.aws.pace import throttle
from eks_gpu.lab.aws.refusal import Blanks, Refusal, Request, by_moto


def group_exists(request: Request) -> Blanks:
    name = request.given["AutoScalingGroupName"]
    return {"name": name} if name in request.place.autoscaling.autoscaling_groups else None


DUPLICATES = (
    Refusal(
        ("logs:CreateLogGroup",),
        "a log group that exists",
        "ResourceAlreadyExistsException",
        "The specified log group already exists",
        "hashicorp/terraform-provider-aws#18468",
        by_moto,
    ),
    Refusal(
        ("autoscaling:CreateAutoScalingGroup",),
        "an auto scaling group that exists",
        "AlreadyExists",
        "AutoScalingGroup by this name already exists - A group with the name {name} already exists",
        "botocore's model, AlreadyExistsFault",
        group_exists,
    ),
    Refusal(
        ("ec2:CreateLaunchTemplate",),
        "a launch template that exists",
        "InvalidLaunchTemplateName.AlreadyExistsException",
        "Launch template name already in use.",
        "https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html",
        by_moto,
    ),
    Refusal(
        ("ec2:CreateSecurityGroup",),
        "a security group that exists in the VPC",
        "InvalidGroup.Duplicate",
        "The security group '{name}' already exists",
        "https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html",
        by_moto,
    ),
)

REFUSALS = (*NAME_REFUSALS, *DUPLICATES, *EC2_REFUSALS, *EKS_REFUSALS, *IAM_REFUSALS)
"""Every row; of those that fit a request the first is told."""

_BY_OPERATION = {
    operation: tuple(row for row in REFUSALS if operation in row.operations)
    for operation in {operation for row in REFUSALS for operation in row.operations}
}


@contextmanager
def refusing() -> Iterator[None]:
    """While it lasts, moto in this process refuses what the table says."""
    authorize = BaseResponse._authenticate_and_authorize_normal_action

    def authorize_then_judge(response: Any, resource: str = "*") -> None:
        throttle(response)
        authorize(response, resource)
        _judge(response)

    with patch.object(BaseResponse, "_authenticate_and_authorize_normal_action", authorize_then_judge):
        yield


def _judge(response: Any) -> None:
    rows = _BY_OPERATION.get(calls.action(response), ())
    if not rows:
        return
    request = Request(calls.place(response), calls.parameters(response), partial(may, response))
    for row in rows:
        blanks = row.blanks(request)
        if blanks is not None:
            calls.refuse(response, row.code, row.words.format_map(blanks), row.status)
