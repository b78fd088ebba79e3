"""`eks.NodeGroupV2`, which is also the default group of `eks.Cluster`: an auto scaling group with a launch template."""

from typing import Any

from eks_gpu.offline.account import Properties
from eks_gpu.offline.registered import Made
from eks_gpu.offline.remote.construction import Construction
from eks_gpu.offline.remote.core import Core, core_of
from eks_gpu.offline.remote.images import device, image_id, operating_system
from eks_gpu.offline.remote.self_managed import (
    DEFAULT_TYPE,
    DESIRED,
    MAX,
    MIN,
    choose_later,
    disk,
    instance_profile,
    key_name,
    public_address,
    security_groups,
    size,
    subnets,
)
from eks_gpu.offline.remote.user_data import encoded, user_data
from eks_gpu.offline.wire import clear, opened, part
from eks_gpu_components.catalog import CLUSTER_TAG


def node_group_v2(it: Construction) -> Properties:
    """The component on its own."""
    return make_group(it, it.inputs, core_of(it))


def make_group(it: Construction, args: Properties, core: Core) -> Properties:
    """Makes the group of a component's name. Returns the outputs, among them `autoScalingGroup`."""
    profile = instance_profile(it, args, core)
    groups = security_groups(it, args, core)
    key = key_name(it, args)
    template = it.make(
        "aws:ec2/launchTemplate:LaunchTemplate",
        f"{it.name}-launchTemplate",
        {
            "imageId": image_id(it, args, core.of_cluster("version")),
            "instanceType": args.get("instanceType") or DEFAULT_TYPE,
            "iamInstanceProfile": {"name": profile},
            "keyName": key,
            "instanceMarketOptions": _market(args),
            "blockDeviceMappings": _disks(args),
            "networkInterfaces": [
                {"associatePublicIpAddress": _word(public_address(args)), "securityGroups": groups.ids}
            ],
            "metadataOptions": args.get("metadataOptions"),
            "userData": encoded(user_data(operating_system(args), core.cluster, args)) if core.cluster else None,
            "tagSpecifications": args.get("launchTemplateTagSpecifications"),
            "monitoring": _monitoring(args),
        },
        needs=groups.needs,
    )
    subnet_ids, undecided = subnets(args, core)
    group = it.make(
        "aws:autoscaling/group:Group",
        it.name,
        {
            "minSize": size(args, "minSize", MIN),
            "maxSize": size(args, "maxSize", MAX),
            "desiredCapacity": size(args, "desiredCapacity", DESIRED),
            "launchTemplate": {"name": template["name"], "version": str(clear(template["latestVersion"]))},
            "vpcZoneIdentifiers": subnet_ids,
            "instanceRefresh": {
                "strategy": "Rolling",
                "preferences": {"minHealthyPercentage": size(args, "minRefreshPercentage", 50)},
            },
            "tags": _tags(clear(core.of_cluster("name")), part(args, "autoScalingGroupTags")),
            "defaultInstanceWarmup": args.get("defaultInstanceWarmup"),
        },
        ignore_changes=["desiredCapacity"] if opened(args.get("ignoreScalingChanges")) is True else (),
        needs=[template, *waited_for(it, core)],
    )
    if undecided:
        choose_later(it, group.urn, "vpcZoneIdentifiers", subnet_ids)
    return {**groups.outputs, "autoScalingGroup": group.reference}


def waited_for(it: Construction, core: Core) -> list[Made | None]:
    """What lets nodes join: addresses for their pods, and the map of IAM roles."""
    return [it.find(core.data.get(key)) for key in ("vpcCni", "eksNodeAccess")]


def _market(args: Properties) -> Properties | None:
    price = args.get("spotPrice")
    return {"marketType": "spot", "spotOptions": {"maxPrice": price}} if opened(price) else None


def _disks(args: Properties) -> list[Properties]:
    ebs = disk(args)
    for name in ("encrypted", "deleteOnTermination"):
        ebs = {**ebs, name: None if ebs[name] is None else _word(ebs[name])}
    return [{"deviceName": device(args), "ebs": ebs}] if any(value is not None for value in ebs.values()) else []


def _word(value: Any) -> Any:
    """A truth value as the word that EC2 takes."""
    return {True: "true", False: "false"}.get(value, value) if isinstance(value, bool) else value


def _monitoring(args: Properties) -> Properties | None:
    enabled = args.get("enableDetailedMonitoring")
    return None if enabled is None else {"enabled": enabled}


def _tags(cluster: Any, tags: Properties) -> list[Properties]:
    all_tags = [*tags.items(), (f"{CLUSTER_TAG}{cluster}", "owned"), ("Name", f"{cluster}-worker")]
    return [{"key": key, "value": value, "propagateAtLaunch": True} for key, value in all_tags]
