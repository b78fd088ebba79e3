"""Names that AWS refuses: those of its own models in botocore, and where these have none its API reference."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from botocore.session import Session

from eks_gpu.lab.aws.refusal import Blanks, Refusal, Request, by_moto

TOO_LONG = (
    "1 validation error detected: Value '{name}' at '{at}' failed to satisfy constraint: "
    "Member must have length less than or equal to {most}"
)
PATTERN = (
    "1 validation error detected: Value '{name}' at '{at}' failed to satisfy constraint: "
    "Member must satisfy regular expression pattern: {pattern}"
)
EKS_PATTERN = (
    'The parameter {at} contains invalid characters. It should conform to the regular expression "{pattern}"'
    "In other words, it should start with a number or letter, and can contain numbers, letters, dashes, and "
    "underscores."
)
IAM_PATTERN = (
    "The specified value for {at} is invalid. It must contain only alphanumeric characters and/or the following: "
    "+=,.@_-"
)
_models = Session()


@dataclass(frozen=True)
class Name:
    """A parameter that names something."""

    operation: str
    """As `iam:CreateRole`."""
    member: str
    code: str
    misspelt: str = PATTERN
    """Words for a name with other characters."""
    too_long: str = TOO_LONG
    source: str = "botocore's model"
    most: int = 0
    """Characters; 0: what botocore's model says."""
    pattern: str = ""
    """Empty: what botocore's model says."""

    @cached_property
    def limits(self) -> tuple[int, str]:
        """Most characters, and the pattern; an empty one allows everything."""
        service, _, operation = self.operation.partition(":")
        shape: Any = _models.get_service_model(service).operation_model(operation).input_shape
        model = shape.members[self.member].metadata if shape else {}
        return self.most or model.get("max", 0), self.pattern or model.get("pattern", "")

    def refusals(self) -> Iterator[Refusal]:
        """A row for the length and one for the characters, as far as there are limits."""
        most, pattern = self.limits
        at = self.member[0].lower() + self.member[1:]

        def long(request: Request) -> Blanks:
            name = request.given.get(self.member) or ""
            return {"name": name, "at": at, "most": most} if len(name) > most else None

        def misspelt(request: Request) -> Blanks:
            name = request.given.get(self.member)
            fits = name is None or re.fullmatch(pattern.removeprefix("^"), name)
            return None if fits else {"name": name, "at": at, "pattern": pattern}

        what = f"`{self.member}`"
        if most:
            refuses = f"{what} of more than {most} characters"
            yield Refusal((self.operation,), refuses, self.code, self.too_long, self.source, long)
        if pattern:
            refuses = f"{what} with characters other than `{pattern}`"
            yield Refusal((self.operation,), refuses, self.code, self.misspelt, self.source, misspelt)


INVALID, VALIDATION = "InvalidParameterException", "ValidationError"
IAM = "botocore's model; words: keikoproj/instance-manager#202, kubecost/docs#36"

NAMES = (
    Name(
        "eks:CreateCluster",
        "name",
        INVALID,
        EKS_PATTERN,
        source="botocore's model; words on characters: surajincloud/kubectl-eks#72",
    ),
    Name(
        "eks:CreateNodegroup",
        "nodegroupName",
        INVALID,
        EKS_PATTERN,
        source="https://docs.aws.amazon.com/eks/latest/APIReference/API_CreateNodegroup.html",
        most=63,
        pattern="[0-9A-Za-z][A-Za-z0-9-_]*",
    ),
    Name("iam:CreateRole", "RoleName", VALIDATION, IAM_PATTERN, source=IAM),
    Name("iam:CreatePolicy", "PolicyName", VALIDATION, IAM_PATTERN, source=IAM),
    Name("iam:PutRolePolicy", "PolicyName", VALIDATION, IAM_PATTERN, source=IAM),
    Name("iam:CreateInstanceProfile", "InstanceProfileName", VALIDATION, IAM_PATTERN, source=IAM),
    Name("logs:CreateLogGroup", "logGroupName", INVALID),
    Name("events:PutRule", "Name", "ValidationException"),
    Name("autoscaling:CreateAutoScalingGroup", "AutoScalingGroupName", VALIDATION, pattern=r"[^:]*"),
    Name(
        "ec2:CreateLaunchTemplate",
        "LaunchTemplateName",
        "InvalidLaunchTemplateName.MalformedException",
        source="https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateLaunchTemplate.html",
        most=128,
        pattern=r"[a-zA-Z0-9().\-/_]*",
    ),
    Name(
        "ec2:CreateSecurityGroup",
        "GroupName",
        "InvalidParameterValue",
        source="https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateSecurityGroup.html",
        most=255,
        pattern=r"[a-zA-Z0-9 ._\-:/()#,@\[\]+=&;{}!$*]*",
    ),
)

NAME_REFUSALS = (
    *(refusal for name in NAMES for refusal in name.refusals()),
    Refusal(
        ("sqs:CreateQueue",),
        "`QueueName` of more than 80 characters, or with characters other than letters, digits, hyphens, underscores",
        "InvalidParameterValue",
        "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length",
        "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html",
        by_moto,
    ),
)
