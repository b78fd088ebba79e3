"""The way of a Spot notice: queues, and the rules of EventBridge that lead there; and the keys of what is encrypted."""

from collections.abc import Iterable, Iterator
from typing import Any

from eks_gpu.checks.events import RULE, TARGET
from eks_gpu.checks.interruption import QUEUE
from eks_gpu.checks.queues import KEY
from eks_gpu.graph.graph import Resource
from eks_gpu.graph.iam import listed, statements
from eks_gpu.live.aws.reading import Reading
from eks_gpu.live.aws.wire import Row, distinct, document, resource

_PARTS_OF_AN_ARN = 6
_NUMBERS = {"delaySeconds": "DelaySeconds", "messageRetentionSeconds": "MessageRetentionPeriod"}
_CUSTOMER = "CUSTOMER"


def queue_names(policies: Iterable[str], account: str, region: str) -> Iterator[str]:
    """Queues of this account and region that policy documents name, as that of Karpenter's controller does."""
    for text in policies:
        for statement in statements(text):
            for arn in map(str, listed(statement.get("Resource"))):
                parts = arn.split(":")
                if len(parts) == _PARTS_OF_AN_ARN and parts[2:5] == ["sqs", region, account]:
                    yield parts[5]


def queues(reading: Reading, named: Iterable[str]) -> list[Resource]:
    """Queues by name, with the rules that send to them; a name that no queue has is passed over."""
    names = [name for name in distinct(named) if not set(name) & set("*?${}")]
    made = reading.each(lambda name: _queue(reading, name), names)
    arns = [str(each["arn"]) for each in made]
    rules = reading.each(
        lambda arn: reading.rows("events", "list_rule_names_by_target", "RuleNames", TargetArn=arn), arns
    )
    return [*made, *_rules(reading, distinct(name for some in rules for name in some))]


def _queue(reading: Reading, name: str) -> Resource | None:
    url = reading.get("sqs", "get_queue_url", QueueName=name).get("QueueUrl")
    if not url:
        return None
    told = reading.get("sqs", "get_queue_attributes", "Attributes", QueueUrl=url, AttributeNames=["All"])
    if not told:
        return None
    inputs: dict[str, Any] = {
        "name": name,
        "policy": told.get("Policy"),
        "kmsMasterKeyId": told.get("KmsMasterKeyId"),
        "sqsManagedSseEnabled": told.get("SqsManagedSseEnabled") == "true" or None,
        "fifoQueue": told.get("FifoQueue") == "true" or None,
        **{key: int(told[given]) for key, given in _NUMBERS.items() if told.get(given)},
    }
    return resource(QUEUE, name, inputs, id_=str(url), outputs={"arn": told.get("QueueArn"), "url": url})


def _rules(reading: Reading, names: list[str]) -> list[Resource]:
    rules = reading.each(lambda name: reading.get("events", "describe_rule", Name=name), names)
    targets = reading.each(
        lambda name: [(name, row) for row in reading.rows("events", "list_targets_by_rule", "Targets", Rule=name)],
        names,
    )
    return [*map(_rule, rules), *(_target(name, row) for some in targets for name, row in some)]


def _rule(row: Row) -> Resource:
    inputs = {
        "name": row.get("Name"),
        "eventPattern": row.get("EventPattern"),
        "scheduleExpression": row.get("ScheduleExpression"),
        "eventBusName": row.get("EventBusName"),
        "state": row.get("State"),
    }
    return resource(RULE, str(row["Name"]), inputs, outputs={"arn": row.get("Arn")})


def _target(rule: str, row: Row) -> Resource:
    """What it alters of an event is kept as being there: texts may hold anything."""
    inputs = {
        "rule": rule,
        "targetId": row.get("Id"),
        "arn": row.get("Arn"),
        "input": row.get("Input"),
        "inputPath": row.get("InputPath"),
        "inputTransformer": {"inputTemplate": (row.get("InputTransformer") or {}).get("InputTemplate")}
        if row.get("InputTransformer")
        else None,
    }
    return resource(TARGET, f"{rule}-{row.get('Id')}", inputs, key=f"{rule}/{row.get('Id')}")


def keys(reading: Reading, named: Iterable[str]) -> list[Resource]:
    """Keys of the customer's own by id, ARN or alias, each with its policy: those of AWS cost nothing."""
    found = reading.each(lambda name: _key(reading, name), distinct(named))
    return list({each.id: each for each in found}.values())


def _key(reading: Reading, name: str) -> Resource | None:
    row = reading.get("kms", "describe_key", "KeyMetadata", KeyId=name)
    if row.get("KeyManager") != _CUSTOMER:
        return None
    id_, arn = str(row["KeyId"]), str(row.get("Arn"))
    policy = reading.get("kms", "get_key_policy", KeyId=arn, PolicyName="default").get("Policy")
    inputs = {"description": row.get("Description"), "policy": document(policy), "isEnabled": row.get("Enabled")}
    return resource(KEY, id_, inputs, id_=id_, outputs={"arn": arn, "keyId": id_})
