"""Every type that the lab can make, a row each. What a row does not say, botocore's shape of the operation does."""

from eks_gpu.lab.aws import sources as say
from eks_gpu.lab.aws.ec2_rows import EC2_ROWS
from eks_gpu.lab.aws.eks_rows import EKS_ROWS
from eks_gpu.lab.aws.iam_rows import IAM_ROWS
from eks_gpu.lab.aws.row import ARN, Row, call

EVENTS_AND_KEYS = {
    "aws:sqs/queue:Queue": Row(
        "sqs",
        call("create_queue", Attributes=say.queue_attributes),
        "QueueUrl",
        delete=call("delete_queue"),
        read=call("get_queue_attributes", AttributeNames=lambda new, _: ["All"]),
        found="Attributes",
        update=(call("set_queue_attributes", Attributes=say.queue_attributes, whole=True),),
        tag=call("tag_queue"),
        untag=call("untag_queue", TagKeys=say.removed_keys("tags")),
        sources={"QueueName": "name", "QueueUrl": "id", **say.QUEUE_ATTRIBUTES},
        outputs={"url": "{id}"},
        named="name",
        fixed=frozenset({"fifoQueue"}),
    ),
    "aws:sqs/queuePolicy:QueuePolicy": Row(
        "sqs",
        call("set_queue_attributes", Attributes=lambda new, _: {"Policy": new.get("policy")}),
        "{queueUrl}",
        delete=call("set_queue_attributes", Attributes=lambda new, _: {"Policy": ""}),
        read=call("get_queue_attributes", AttributeNames=lambda new, _: ["Policy"]),
        found="Attributes",
        update=(call("set_queue_attributes", Attributes=lambda new, _: {"Policy": new.get("policy")}, whole=True),),
    ),
    "aws:cloudwatch/eventRule:EventRule": Row(
        "events",
        call("put_rule"),
        "{name}",
        delete=call("delete_rule"),
        read=call("describe_rule"),
        found="@",
        update=(call("put_rule", whole=True),),
        tag=call("tag_resource", ResourceARN="arn"),
        untag=call("untag_resource", ResourceARN="arn", TagKeys=say.removed_keys("tags")),
        named="name",
        fixed=frozenset({"eventBusName"}),
    ),
    "aws:cloudwatch/eventTarget:EventTarget": Row(
        "events",
        call("put_targets", Targets=say.target),
        "{rule}-{targetId}",
        delete=call("remove_targets", Ids="targetId"),
        read=call("list_targets_by_rule"),
        found="Targets[?Id=='{targetId}'] | [0]",
        update=(call("put_targets", Targets=say.target, whole=True),),
        named="targetId",
        fixed=frozenset({"eventBusName"}),
    ),
    "aws:cloudwatch/logGroup:LogGroup": Row(
        "logs",
        call("create_log_group"),
        "{name}",
        delete=call("delete_log_group"),
        read=call("describe_log_groups", logGroupNamePrefix="name"),
        found="logGroups[?logGroupName=='{name}'] | [0]",
        after=(call("put_retention_policy"),),
        tag=call("tag_resource", resourceArn="arn"),
        untag=call("untag_resource", resourceArn="arn", tagKeys=say.removed_keys("tags")),
        sources={"logGroupName": "name"},
        outputs={"arn": ARN % ("logs", "log-group:{name}")},
        named="name",
        quiet=frozenset({"skipDestroy"}),
    ),
    "aws:kms/key:Key": Row(
        "kms",
        call("create_key"),
        "KeyMetadata.KeyId",
        delete=call("schedule_key_deletion", PendingWindowInDays="deletionWindowInDays"),
        read=call("describe_key"),
        found="[KeyMetadata][?KeyState!='PendingDeletion'] | [0]",
        after=(call("enable_key_rotation", RotationPeriodInDays=say.rotation_days),),
        update=(call("update_key_description"), call("put_key_policy", PolicyName=lambda new, _: "default")),
        tag=call("tag_resource"),
        untag=call("untag_resource", TagKeys=say.removed_keys("tags")),
        sources={"KeyId": "id"},
        quiet=frozenset({"deletionWindowInDays"}),
    ),
}

TABLE: dict[str, Row] = {**EC2_ROWS, **IAM_ROWS, **EKS_ROWS, **EVENTS_AND_KEYS}
