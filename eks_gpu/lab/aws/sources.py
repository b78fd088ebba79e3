"""Parameters that are not a key of the state: functions of the new state and the one before, for the table."""

from collections.abc import Callable
from typing import Any

from eks_gpu.lab.aws.row import Function, State


def removed_keys(key: str) -> Function:
    """Keys that a map no longer has."""
    return lambda new, old: sorted((old.get(key) or {}).keys() - (new.get(key) or {}).keys())


def removed_pairs(key: str) -> Function:
    """Entries that a map no longer has, with their old values."""

    def entries(new: State, old: State) -> dict[str, str]:
        gone = (old.get(key) or {}).keys() - (new.get(key) or {}).keys()
        return {name: old[key][name] for name in sorted(gone)}

    return entries


def added(key: str, shaped: Callable[[Any], Any] = lambda item: item) -> Function:
    """Items that a list did not have before."""
    return lambda new, old: [shaped(item) for item in new.get(key) or [] if item not in (old.get(key) or [])]


def removed(key: str, shaped: Callable[[Any], Any] = lambda item: item) -> Function:
    """Items that a list no longer has."""
    return lambda new, old: [shaped(item) for item in old.get(key) or [] if item not in (new.get(key) or [])]


def filters(**wanted: str) -> Function:
    """EC2's filters, by key of the state; `_` stands for a dash, `__` for a dot."""
    return lambda new, _: [
        {"name": name.replace("__", ".").replace("_", "-"), "values": [new[key]]}
        for name, key in wanted.items()
        if key in new
    ]


# --- EC2 -------------------------------------------------------------------------------------------------------------

EVERYTHING = [{"ipProtocol": "-1", "ipRanges": [{"cidrIp": "0.0.0.0/0"}]}]
"""The egress rule that AWS gives every new security group, and that Terraform, and so Pulumi, takes away."""


def default_group(new: State, _: State) -> list[dict[str, Any]]:
    """Filters that find the security group that AWS makes with a VPC."""
    return [{"name": "vpc-id", "values": [new["vpcId"]]}, {"name": "group-name", "values": ["default"]}]


def one_tag(new: State, _: State) -> dict[str, str]:
    return {new["key"]: new["value"]}


def permission(rule: State) -> dict[str, Any]:
    """A rule as EC2's IpPermission: written into a security group, or a resource of its own with one peer."""
    peers = {
        "ipRanges": [{"cidrIp": cidr} for cidr in rule.get("cidrBlocks") or _one(rule.get("cidrIpv4"))],
        "ipv6Ranges": [{"cidrIpv6": cidr} for cidr in rule.get("ipv6CidrBlocks") or _one(rule.get("cidrIpv6"))],
        "prefixListIds": [{"prefixListId": id_} for id_ in rule.get("prefixListIds") or _one(rule.get("prefixListId"))],
        "userIdGroupPairs": [
            {"groupId": group} for group in rule.get("securityGroups") or _one(rule.get("referencedSecurityGroupId"))
        ],
    }
    ports = {key: rule[key] for key in ("fromPort", "toPort") if rule.get(key) is not None}
    protocol = rule.get("protocol") or rule.get("ipProtocol")
    return {"ipProtocol": protocol, **ports, **{key: peer for key, peer in peers.items() if peer}}


def _one(value: Any) -> list[Any]:
    return [] if value is None else [value]


def rule_permission(new: State, _: State) -> list[dict[str, Any]]:
    return [permission(new)]


# Said in calls of their own, or computed.
BESIDE_TEMPLATE_DATA = {
    *("name", "namePrefix", "description", "tags", "tagsAll", "updateDefaultVersion", "defaultVersion"),
    *("latestVersion", "region", "id", "arn"),
}
TEMPLATE_NAMES = {"vpcSecurityGroupIds": "securityGroupIds", "securityGroupNames": "securityGroups"}


def template_data(new: State, _: State) -> dict[str, Any]:
    """LaunchTemplateData has the inputs' own names but for two."""
    return {TEMPLATE_NAMES.get(key, key): value for key, value in new.items() if key not in BESIDE_TEMPLATE_DATA}


def next_default_version(new: State, old: State) -> str | None:
    """The version that an update makes, where new versions become the default."""
    if not old or not new.get("updateDefaultVersion") or template_data(new, old) == template_data(old, old):
        return None
    return str(int(old["latestVersion"]) + 1)


# --- Auto Scaling ----------------------------------------------------------------------------------------------------


def joined(key: str) -> Function:
    return lambda new, _: ",".join(new.get(key) or []) or None


def group_tags(new: State, old: State) -> list[dict[str, Any]]:
    """Tags that a group did not have, each with the group that Auto Scaling wants named in it."""
    return [tag_of_group(new["name"], tag) for tag in new.get("tags") or [] if tag not in (old.get("tags") or [])]


def removed_group_tags(new: State, old: State) -> list[dict[str, Any]]:
    """Tags whose key the group no longer has."""
    kept = {tag["key"] for tag in new.get("tags") or []}
    return [tag_of_group(new["name"], tag) for tag in old.get("tags") or [] if tag["key"] not in kept]


def tag_of_group(group: str, tag: State) -> dict[str, Any]:
    return {"resourceId": group, "resourceType": "auto-scaling-group", **tag}


def one_group_tag(new: State, _: State) -> list[dict[str, Any]]:
    return [tag_of_group(new["autoscalingGroupName"], new["tag"])]


def group_tag_filters(new: State, _: State) -> list[dict[str, Any]]:
    wanted = {"auto-scaling-group": new["autoscalingGroupName"], "key": new["tag"]["key"]}
    return [{"name": name, "values": [value]} for name, value in wanted.items()]


# --- EKS -------------------------------------------------------------------------------------------------------------


def log_types(new: State, old: State) -> dict[str, Any] | None:
    """Control-plane logs, those that are no longer wanted switched off."""
    wanted, had = new.get("enabledClusterLogTypes") or [], old.get("enabledClusterLogTypes") or []
    off = sorted(set(had) - set(wanted))
    setup = [{"types": types, "enabled": on} for types, on in ((wanted, True), (off, False)) if types]
    return {"clusterLogging": setup} if setup else None


def label_changes(new: State, old: State) -> dict[str, Any]:
    labels = new.get("labels") or {}
    gone = sorted((old.get("labels") or {}).keys() - labels.keys())
    return {key: value for key, value in (("addOrUpdateLabels", labels), ("removeLabels", gone)) if value}


def taint_changes(new: State, old: State) -> dict[str, Any]:
    taints = new.get("taints") or []
    kept = {(taint["key"], taint["effect"]) for taint in taints}
    gone = [taint for taint in old.get("taints") or [] if (taint["key"], taint["effect"]) not in kept]
    return {key: value for key, value in (("addOrUpdateTaints", taints), ("removeTaints", gone)) if value}


# --- queues, rules, keys ---------------------------------------------------------------------------------------------

QUEUE_ATTRIBUTES = {
    "DelaySeconds": "delaySeconds",
    "MaximumMessageSize": "maxMessageSize",
    "MessageRetentionPeriod": "messageRetentionSeconds",
    "ReceiveMessageWaitTimeSeconds": "receiveWaitTimeSeconds",
    "VisibilityTimeout": "visibilityTimeoutSeconds",
    "KmsMasterKeyId": "kmsMasterKeyId",
    "KmsDataKeyReusePeriodSeconds": "kmsDataKeyReusePeriodSeconds",
    "SqsManagedSseEnabled": "sqsManagedSseEnabled",
    "FifoQueue": "fifoQueue",
    "ContentBasedDeduplication": "contentBasedDeduplication",
    "Policy": "policy",
    "RedrivePolicy": "redrivePolicy",
    "QueueArn": "arn",
}


def queue_attributes(new: State, _: State) -> dict[str, Any]:
    return {
        attribute: new[key]
        for attribute, key in QUEUE_ATTRIBUTES.items()
        if attribute != "QueueArn" and new.get(key) is not None
    }


def target(new: State, _: State) -> list[dict[str, Any]]:
    """An event target as EventBridge has it, which keeps a list of them for each rule."""
    beside = {"rule", "eventBusName", "targetId", "id", "region", "forceDestroy"}
    return [{"id": new["targetId"], **{key: value for key, value in new.items() if key not in beside}}]


def rotation_days(new: State, _: State) -> int | None:
    return int(new.get("rotationPeriodInDays") or 365) if new.get("enableKeyRotation") else None
