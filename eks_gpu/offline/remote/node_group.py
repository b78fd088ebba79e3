"""`eks.NodeGroup`: a stack of CloudFormation with an auto scaling group, and its launch configuration."""

import json
from typing import Any

from eks_gpu.graph.graph import Graph
from eks_gpu.offline.account import Properties
from eks_gpu.offline.remote.construction import Construction
from eks_gpu.offline.remote.core import core_of
from eks_gpu.offline.remote.images import BOTTLEROCKET, device, image_id, operating_system
from eks_gpu.offline.remote.node_group_v2 import waited_for
from eks_gpu.offline.remote.self_managed import (
    DEFAULT_TYPE,
    DESIRED,
    MAX,
    MIN,
    disk,
    instance_profile,
    key_name,
    public_address,
    security_groups,
    size,
    subnets,
)
from eks_gpu.offline.remote.user_data import user_data
from eks_gpu.offline.remote.worker_subnets import worker_subnets
from eks_gpu.offline.wire import clear, part
from eks_gpu_components.catalog import CLUSTER_TAG


def node_group(it: Construction) -> Properties:
    """The component on its own."""
    args, core = it.inputs, core_of(it)
    profile = instance_profile(it, args, core)
    groups = security_groups(it, args, core)
    key = key_name(it, args)
    suffix = it.make("eks:index:RandomSuffix", f"{it.name}-cfnStackName", {"input": it.name})
    stack = str(suffix["output"] or it.name)
    os = operating_system(args)
    signal = f"/opt/aws/bin/cfn-signal --exit-code $? --stack {stack} --resource NodeGroup --region {it.account.region}"
    root, others = _disks(os, args)
    configuration = it.make(
        "aws:ec2/launchConfiguration:LaunchConfiguration",
        f"{it.name}-nodeLaunchConfiguration",
        {
            "associatePublicIpAddress": public_address(args),
            "imageId": image_id(it, args, core.of_cluster("version")),
            "instanceType": args.get("instanceType") or DEFAULT_TYPE,
            "iamInstanceProfile": profile,
            "keyName": key,
            "securityGroups": groups.ids,
            "spotPrice": args.get("spotPrice"),
            "rootBlockDevice": root,
            "ebsBlockDevices": others,
            "userData": user_data(os, core.cluster, args, signal) if core.cluster else None,
            "enableMonitoring": args.get("enableDetailedMonitoring"),
        },
        needs=groups.needs,
    )
    subnet_ids, undecided = subnets(args, core)
    name = clear(core.of_cluster("name"))
    tags = {"Name": f"{name}-worker", f"{CLUSTER_TAG}{name}": "owned", **part(args, "autoScalingGroupTags")}
    made = it.make(
        "aws:cloudformation/stack:Stack",
        f"{it.name}-nodes",
        {
            "name": stack,
            "templateBody": _template(configuration.id, args, clear(tags), clear(subnet_ids)),
            "tags": {"Name": f"{it.name}-nodes", **part(args, "cloudFormationTags"), **part(core.data, "tags")},
        },
        needs=[configuration, *waited_for(it, core)],
    )
    if undecided:

        def choose(graph: Graph) -> dict[str, Properties]:
            chosen = worker_subnets(graph, clear(subnet_ids))
            return {made.urn: {"templateBody": _template(configuration.id, args, clear(tags), chosen)}}

        it.engine.when_all_is_there(choose)
    return {**groups.outputs, "cfnStack": made.reference, "autoScalingGroupName": f"{stack}-NodeGroup"}


def _disks(os: str, args: Properties) -> tuple[Properties, list[Properties]]:
    """The root disk, and the others: Bottlerocket's data is on one of its own."""
    settings = disk(args)
    if os != BOTTLEROCKET:
        return settings, []
    has_settings = any(value is not None for value in settings.values())
    return {}, [{"deviceName": device(args), **settings}] if has_settings else []


def _template(configuration: str, args: Properties, tags: Properties, subnet_ids: list[Any]) -> str:
    """The template of CloudFormation, in JSON, which it takes as well as YAML."""
    group = {
        "Type": "AWS::AutoScaling::AutoScalingGroup",
        "Properties": {
            "DesiredCapacity": clear(size(args, "desiredCapacity", DESIRED)),
            "LaunchConfigurationName": configuration,
            "MinSize": clear(size(args, "minSize", MIN)),
            "MaxSize": clear(size(args, "maxSize", MAX)),
            "VPCZoneIdentifier": subnet_ids,
            "Tags": [{"Key": key, "Value": value, "PropagateAtLaunch": "true"} for key, value in tags.items()],
        },
        "UpdatePolicy": {
            "AutoScalingRollingUpdate": {
                "MinInstancesInService": "0" if args.get("spotPrice") else "1",
                "MaxBatchSize": "1",
            }
        },
    }
    return json.dumps(
        {
            "AWSTemplateFormatVersion": "2010-09-09",
            "Outputs": {"NodeGroup": {"Value": {"Ref": "NodeGroup"}}},
            "Resources": {"NodeGroup": group},
        }
    )
