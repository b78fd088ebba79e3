"""What holds nodes: managed node groups, auto scaling groups with their launch templates, and Fargate profiles."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from eks_gpu.checks.needs import HOOK
from eks_gpu.graph.graph import Resource
from eks_gpu.graph.unread import Unread
from eks_gpu.graph.values import MASK
from eks_gpu.live.aws.reading import Reading
from eks_gpu.live.aws.wire import Row, camel, resource, tags, told
from eks_gpu.pools.auto_scaling_group import NAME_TAGS
from eks_gpu.pools.cloudformation import FARGATE_PROFILE, GROUP, NODE_GROUP
from eks_gpu.pools.launch_template import LAUNCH_TEMPLATE
from eks_gpu_components.catalog import (
    AUTOSCALER_TEMPLATE_TAG,
    CLUSTER_TAG,
    autoscaler_cluster_tag,
)
from eks_gpu_components.catalog.tags import NODE_GROUP_TAG

TAG, POLICY = "aws:autoscaling/tag:Tag", "aws:autoscaling/policy:Policy"
SCHEDULE = "aws:autoscaling/schedule:Schedule"
_NEWEST, _DEFAULT = "$Latest", "$Default"
_OTHERWISE = {
    "AcceleratorTotalMemoryMiB": "acceleratorTotalMemoryMib",
    "Groups": "securityGroups",
    "MemoryGiBPerVCpu": "memoryGibPerVcpu",
    "MemoryMiB": "memoryMib",
    "TotalLocalStorageGB": "totalLocalStorageGb",
    "VCpuCount": "vcpuCount",
}
_OF_A_TEMPLATE = (
    *("CapacityReservationSpecification", "CpuOptions", "IamInstanceProfile", "ImageId", "InstanceMarketOptions"),
    *("InstanceRequirements", "InstanceType", "KeyName", "MetadataOptions", "Placement", "UserData"),
)
_WITH_TEXTS = ("BlockDeviceMappings", "EbsOptimized")
"""Where the provider has true and false as texts, as in network interfaces."""
_OF_AN_INTERFACE = (
    *("AssociatePublicIpAddress", "DeleteOnTermination", "Description", "DeviceIndex", "Groups", "InterfaceType"),
    *("NetworkCardIndex", "SubnetId"),
)


@dataclass(frozen=True)
class Groups:
    """Groups of nodes, and what they name."""

    resources: list[Resource]
    roles: list[str]
    """ARNs of roles that their nodes run as."""
    profiles: list[str]
    """Instance profiles of their launch templates, by name or ARN."""
    keys: list[str]
    """Keys of their disks."""


def groups(reading: Reading, cluster: str, instances: Iterable[str]) -> Groups:
    """Managed and self-managed groups of a cluster. A group belongs to it by its tags, or by a node of the cluster that
    is one of its `instances`.
    """
    managed = [_managed(row) for row in _described(reading, cluster)]
    of_account = reading.rows("autoscaling", "describe_auto_scaling_groups", "AutoScalingGroups")
    made = set(_made_by_eks(managed))
    own = [row for row in of_account if _is_of(row, cluster, set(instances)) and not _is_managed(row, made)]
    self_managed = [_group(row, reading) for row in own]
    names = {str(row["AutoScalingGroupName"]) for row in own}
    profiles = [_fargate(row) for row in _fargate_profiles(reading, cluster)]
    all_groups, templates = _with_templates(reading, [*managed, *self_managed])
    roles = [each.inputs.get("nodeRoleArn") for each in managed]
    roles += [each.inputs.get("podExecutionRoleArn") for each in profiles]
    return Groups(
        [*all_groups, *profiles, *templates, *_template_tags(of_account, made), *_sized_by(reading, names)],
        [str(arn) for arn in roles if arn],
        [str(name) for each in templates for name in _profile(each)],
        [str(disk["ebs"]["kmsKeyId"]) for each in templates for disk in _encrypted(each)],
    )


# --- managed groups and Fargate --------------------------------------------------------------------------------------


def _described(reading: Reading, cluster: str) -> list[Row]:
    names = reading.rows("eks", "list_nodegroups", "nodegroups", clusterName=cluster)
    return reading.each(
        lambda name: reading.get("eks", "describe_nodegroup", "nodegroup", clusterName=cluster, nodegroupName=name),
        names,
    )


def _managed(row: Row) -> Resource:
    name = str(row["nodegroupName"])
    same = ("clusterName", "scalingConfig", "instanceTypes", "capacityType", "amiType", "diskSize", "labels", "taints")
    more = ("version", "updateConfig", "nodeRepairConfig", "remoteAccess", "launchTemplate", "tags")
    inputs = {
        "nodeGroupName": name,
        "nodeRoleArn": row.get("nodeRole"),
        "subnetIds": row.get("subnets"),
        **{key: row.get(key) for key in (*same, *more)},
    }
    if row.get("launchTemplate"):  # beside which EKS takes neither
        inputs |= {"diskSize": None, "remoteAccess": None}
    elif access := row.get("remoteAccess"):
        inputs["remoteAccess"] = told(
            {"ec2SshKey": access.get("ec2SshKey"), "sourceSecurityGroupIds": access.get("sourceSecurityGroups")}
        )
    made = row.get("resources") or {}
    outputs = {
        "arn": row.get("nodegroupArn"),
        "status": row.get("status"),
        "releaseVersion": row.get("releaseVersion"),
        "resources": [
            {
                "autoscalingGroups": [{"name": each.get("name")} for each in made.get("autoScalingGroups") or ()],
                "remoteAccessSecurityGroupId": made.get("remoteAccessSecurityGroup") or "",
            }
        ],
    }
    id_ = f"{row.get('clusterName')}:{name}"
    return resource(NODE_GROUP, name, inputs, id_=id_, outputs=outputs)


def _fargate_profiles(reading: Reading, cluster: str) -> list[Row]:
    names = reading.rows("eks", "list_fargate_profiles", "fargateProfileNames", clusterName=cluster)
    return reading.each(
        lambda name: reading.get(
            "eks", "describe_fargate_profile", "fargateProfile", clusterName=cluster, fargateProfileName=name
        ),
        names,
    )


def _fargate(row: Row) -> Resource:
    name = str(row["fargateProfileName"])
    same = ("fargateProfileName", "clusterName", "podExecutionRoleArn", "selectors", "tags")
    inputs = {**{key: row.get(key) for key in same}, "subnetIds": row.get("subnets")}
    outputs = {"arn": row.get("fargateProfileArn"), "status": row.get("status")}
    return resource(FARGATE_PROFILE, name, inputs, id_=f"{row.get('clusterName')}:{name}", outputs=outputs)


# --- auto scaling groups ---------------------------------------------------------------------------------------------


def _is_of(group: Row, cluster: str, nodes: set[str]) -> bool:
    own = tags(group)
    by_key = (f"{CLUSTER_TAG}{cluster}", autoscaler_cluster_tag(cluster))
    by_value = any(own.get(key) == cluster for key in NAME_TAGS)
    holds = any(each.get("InstanceId") in nodes for each in group.get("Instances") or ())
    return holds or by_value or any(key in own for key in by_key)


def _is_managed(group: Row, made: set[str]) -> bool:
    return NODE_GROUP_TAG in tags(group) or group["AutoScalingGroupName"] in made


def _group(row: Row, reading: Reading) -> Resource:
    name = str(row["AutoScalingGroupName"])
    if row.get("LaunchConfigurationName"):
        why = "its launch configuration is not read"
        reading.add(Unread(f"Group {name}", "nodes", why, "move it to a launch template, which is read"))
    template, policy = row.get("LaunchTemplate"), row.get("MixedInstancesPolicy")
    inputs = {
        "name": name,
        "minSize": row.get("MinSize"),
        "maxSize": row.get("MaxSize"),
        "desiredCapacity": row.get("DesiredCapacity"),
        "vpcZoneIdentifiers": [id_ for id_ in str(row.get("VPCZoneIdentifier") or "").split(",") if id_],
        "availabilityZones": row.get("AvailabilityZones"),
        "launchConfiguration": row.get("LaunchConfigurationName"),
        "launchTemplate": _named_template(template) if template else None,
        "mixedInstancesPolicy": camel(policy, _OTHERWISE) if policy else None,
        "suspendedProcesses": [each.get("ProcessName") for each in row.get("SuspendedProcesses") or ()],
        "capacityRebalance": row.get("CapacityRebalance"),
        "placementGroup": row.get("PlacementGroup"),
        "protectFromScaleIn": row.get("NewInstancesProtectedFromScaleIn"),
        "maxInstanceLifetime": row.get("MaxInstanceLifetime"),
        "tags": [_tag(each) for each in row.get("Tags") or ()],
    }
    return resource(GROUP, name, inputs, outputs={"arn": row.get("AutoScalingGroupARN")})


def _named_template(row: Row) -> dict[str, Any]:
    return told({"id": row.get("LaunchTemplateId"), "version": row.get("Version")})


def _tag(row: Row) -> dict[str, Any]:
    return {"key": row.get("Key"), "value": row.get("Value") or "", "propagateAtLaunch": row.get("PropagateAtLaunch")}


def _made_by_eks(managed: Iterable[Resource]) -> Iterator[str]:
    """Names of the auto scaling groups of managed node groups."""
    for each in managed:
        for part in each["resources"] or ():
            yield from (str(group.get("name")) for group in part.get("autoscalingGroups") or ())


def _template_tags(of_account: Iterable[Row], made: set[str]) -> Iterator[Resource]:
    """Tags for the cluster autoscaler on the groups that EKS made: somebody put them there."""
    for group in of_account:
        name = str(group["AutoScalingGroupName"])
        for tag in group.get("Tags") or () if name in made else ():
            if AUTOSCALER_TEMPLATE_TAG in str(tag.get("Key")):
                key = f"{name},{tag.get('Key')}"
                yield resource(TAG, key, {"autoscalingGroupName": name, "tag": _tag(tag)})


def _sized_by(reading: Reading, names: set[str]) -> Iterator[Resource]:
    """Policies, schedules and lifecycle hooks of these groups."""
    if not names:
        return
    for row in reading.rows("autoscaling", "describe_policies", "ScalingPolicies"):
        if (group := str(row.get("AutoScalingGroupName"))) in names:
            inputs = {"autoscalingGroupName": group, "policyType": row.get("PolicyType"), "enabled": row.get("Enabled")}
            yield resource(POLICY, str(row["PolicyName"]), inputs, key=f"{group}/{row['PolicyName']}")
    for row in reading.rows("autoscaling", "describe_scheduled_actions", "ScheduledUpdateGroupActions"):
        if (group := str(row.get("AutoScalingGroupName"))) in names:
            name = str(row["ScheduledActionName"])
            sizes = {key: row.get(f"{key[0].upper()}{key[1:]}") for key in ("minSize", "maxSize", "desiredCapacity")}
            inputs = {"autoscalingGroupName": group, "scheduledActionName": name, **sizes}
            yield resource(SCHEDULE, name, {**inputs, "recurrence": row.get("Recurrence")}, key=f"{group}/{name}")
    found = reading.each(
        lambda name: reading.rows(
            "autoscaling", "describe_lifecycle_hooks", "LifecycleHooks", AutoScalingGroupName=name
        ),
        sorted(names),
    )
    for row in (hook for hooks in found for hook in hooks):
        name, group = str(row["LifecycleHookName"]), row.get("AutoScalingGroupName")
        inputs = {
            "name": name,
            "autoscalingGroupName": group,
            "lifecycleTransition": row.get("LifecycleTransition"),
            "defaultResult": row.get("DefaultResult"),
            "heartbeatTimeout": row.get("HeartbeatTimeout"),
            "notificationTargetArn": row.get("NotificationTargetARN"),
            "roleArn": row.get("RoleARN"),
        }
        yield resource(HOOK, name, inputs, key=f"{group}/{name}")


# --- launch templates ------------------------------------------------------------------------------------------------


def _with_templates(reading: Reading, found: list[Resource]) -> tuple[list[Resource], list[Resource]]:
    """The groups, and the versions of launch templates that they start from. A graph has a template by its id: where
    groups start from several versions of one, the id says which.
    """
    named = {each.urn: _template_named(each) for each in found}
    wanted = list(dict.fromkeys(which for which in named.values() if which))
    read = dict(reading.each(lambda which: (which, row) if (row := _version(reading, which)) else None, wanted))
    several = {id_ for id_ in (which[0] for which in wanted) if sum(id_ == other[0] for other in wanted) > 1}
    kept: list[Resource] = []
    for group in found:
        which = named[group.urn]
        if which and which[0] in several:
            group = replace(group, inputs=_renamed(group.inputs, f"{which[0]}:{which[1]}"))
        if which and which not in read and not _says_types(group):
            why = f"its launch template {which[0]} is not read"
            refused = reading.refused("ec2", "describe_launch_template_versions")
            how = "allow ec2:DescribeLaunchTemplateVersions" if refused else "start it from a template that is there"
            reading.add(Unread(f"{group.type.rpartition(':')[2]} {group.name}", "nodes", why, how))
        else:
            kept.append(group)
    return kept, [
        _template(row, f"{which[0]}:{which[1]}" if which[0] in several else "") for which, row in read.items()
    ]


def _template_named(group: Resource) -> tuple[str, str] | None:
    """Id and version of the template that a group starts from."""
    mixed = ((group.inputs.get("mixedInstancesPolicy") or {}).get("launchTemplate") or {}).get(
        "launchTemplateSpecification"
    )
    given = mixed or group.inputs.get("launchTemplate") or {}
    id_ = given.get("launchTemplateId") or given.get("id")
    return (str(id_), str(given.get("version") or _DEFAULT)) if id_ else None


def _renamed(inputs: Mapping[str, Any], id_: str) -> dict[str, Any]:
    if "launchTemplate" in inputs:
        return {**inputs, "launchTemplate": {**inputs["launchTemplate"], "id": id_}}
    policy = inputs["mixedInstancesPolicy"]
    mixed = policy["launchTemplate"]
    named = {**mixed["launchTemplateSpecification"], "launchTemplateId": id_}
    return {
        **inputs,
        "mixedInstancesPolicy": {**policy, "launchTemplate": {**mixed, "launchTemplateSpecification": named}},
    }


def _says_types(group: Resource) -> bool:
    """Whether a group says its instance types without its template."""
    mixed = (group.inputs.get("mixedInstancesPolicy") or {}).get("launchTemplate") or {}
    return bool(group.inputs.get("instanceTypes") or mixed.get("overrides"))


def _version(reading: Reading, which: tuple[str, str]) -> Row | None:
    id_, version = which
    return next(
        iter(
            reading.rows(
                "ec2",
                "describe_launch_template_versions",
                "LaunchTemplateVersions",
                LaunchTemplateId=id_,
                Versions=[version],
            )
        ),
        None,
    )


def _template(row: Row, id_: str) -> Resource:
    """User data is part of it, and shown to nobody: it may hold secrets."""
    data: Row = row.get("LaunchTemplateData") or {}
    inputs = {
        **camel({key: data.get(key) for key in _OF_A_TEMPLATE}, _OTHERWISE),
        **_texts(camel({key: data.get(key) for key in _WITH_TEXTS})),
        "networkInterfaces": [
            _texts(camel({key: each.get(key) for key in _OF_AN_INTERFACE}, _OTHERWISE))
            for each in data.get("NetworkInterfaces") or ()
        ],
        "name": row.get("LaunchTemplateName"),
        "vpcSecurityGroupIds": data.get("SecurityGroupIds"),
        "tagSpecifications": [
            {"resourceType": each.get("ResourceType"), "tags": tags(each)}
            for each in data.get("TagSpecifications") or ()
        ],
    }
    hidden = {**inputs, "userData": MASK} if data.get("UserData") else inputs
    name = str(row["LaunchTemplateName"])
    return resource(
        LAUNCH_TEMPLATE,
        name,
        inputs,
        id_=id_ or str(row["LaunchTemplateId"]),
        key=id_ or name,
        outputs={"latestVersion": row.get("VersionNumber")},
        masked=hidden,
    )


def _texts(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _texts(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_texts(item) for item in value]
    return str(value).lower() if isinstance(value, bool) else value


def _profile(template: Resource) -> Iterator[Any]:
    given = template.inputs.get("iamInstanceProfile") or {}
    yield from filter(None, [given.get("arn") or given.get("name")])


def _encrypted(template: Resource) -> Iterator[Mapping[str, Any]]:
    mappings = template.inputs.get("blockDeviceMappings") or ()
    yield from (each for each in mappings if (each.get("ebs") or {}).get("kmsKeyId"))
