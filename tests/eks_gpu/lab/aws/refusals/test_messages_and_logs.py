"""What SQS, EventBridge and CloudWatch Logs refuse: names, and log groups that exist."""

from tests.eks_gpu.lab.aws.refusals.account import (
    CHARACTERS,
    INVALID,
    LENGTH,
    LONG,
    SPACED,
    Case,
    answer,
    each_of,
    twice,
)

CASES: dict[str, list[Case]] = {
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
    "logs:CreateLogGroup a log group that exists": [
        (
            lambda aws: twice(lambda: aws.logs.create_log_group(logGroupName="l")),
            "ResourceAlreadyExistsException",
            "The specified log group already exists",
            400,
        )
    ],
}


@each_of(CASES)
def test_aws_refuses(aws, call, code, words, status):
    assert answer(lambda: call(aws)) == (code, words, status)
