"""`eks.ManagedNodeGroup`: an EKS managed node group, with a launch template where an argument needs one."""

from typing import Any

from eks_gpu.graph.graph import Graph
from eks_gpu.offline.account import Properties
from eks_gpu.offline.registered import Made
from eks_gpu.offline.remote.construction import Construction
from eks_gpu.offline.remote.core import Core, core_of, subnets_of
from eks_gpu.offline.remote.images import ami_type_of, device, image_id, operating_system
from eks_gpu.offline.remote.self_managed import DESIRED, MAX, MIN, size
from eks_gpu.offline.remote.user_data import CUSTOM, encoded, user_data
from eks_gpu.offline.wire import clear, items, opened, part

_PASSED_ON = (
    *("capacityType", "diskSize", "forceUpdateVersion", "instanceTypes", "labels", "launchTemplate", "nodeGroupName"),
    *("nodeGroupNamePrefix", "releaseVersion", "remoteAccess", "tags", "taints", "version"),
)
_IN_A_TEMPLATE = (*CUSTOM, "enableIMDSv2", "userData", "amiId", "enableEfaSupport")
_OF_THE_IMAGE = ("version", "releaseVersion")


def managed_node_group(it: Construction) -> Properties:
    """Makes the group of a component's name."""
    args, core = it.inputs, core_of(it)
    efa = opened(args.get("enableEfaSupport")) is True
    placement = (
        it.make("aws:ec2/placementGroup:PlacementGroup", it.name, {"strategy": "cluster", "tags": args.get("tags")})
        if efa
        else None
    )
    template = _template(it, core, placement) if any(args.get(key) is not None for key in _IN_A_TEMPLATE) else None
    given = {key: args[key] for key in _PASSED_ON if args.get(key) is not None}
    if given.get("version") is None and given.get("launchTemplate") is None:
        given["version"] = core.of_cluster("version")
    own_image = _own_image(args)
    if own_image:
        given = {key: value for key, value in given.items() if key not in _OF_THE_IMAGE}
    if template:
        given.pop("diskSize", None)
        given["launchTemplate"] = {"id": template.id, "version": str(clear(template["latestVersion"]))}
    scaling = part(args, "scalingConfig")
    subnet_ids = _subnet_ids(args, core)
    group = it.make(
        "aws:eks/nodeGroup:NodeGroup",
        it.name,
        {
            **given,
            "amiType": None if own_image else _ami_type(args),
            "clusterName": args.get("clusterName") or core.of_cluster("name"),
            "nodeRoleArn": args.get("nodeRoleArn") or it.property_of(args.get("nodeRole"), "arn"),
            "scalingConfig": {
                "desiredSize": size(scaling, "desiredSize", DESIRED),
                "minSize": size(scaling, "minSize", MIN),
                "maxSize": size(scaling, "maxSize", MAX),
            },
            "subnetIds": subnet_ids,
        },
        ignore_changes=["scalingConfig.desiredSize"] if opened(args.get("ignoreScalingChanges")) is True else (),
        needs=[template, it.find(core.data.get("eksNodeAccess"))],
    )
    if efa and (zone := opened(args.get("placementGroupAvailabilityZone"))):
        it.engine.when_all_is_there(lambda graph: {group.urn: {"subnetIds": _in_zone(graph, clear(subnet_ids), zone)}})
    return {"nodeGroup": group.reference, "placementGroupName": placement["name"] if placement else ""}


def _subnet_ids(args: Properties, core: Core) -> list[Any]:
    if opened(args.get("subnetIds")) is not None:
        return items(args["subnetIds"])
    return subnets_of(core, "subnetIds", "privateSubnetIds", "publicSubnetIds") or []


def _in_zone(graph: Graph, subnet_ids: list[str], zone: Any) -> list[str]:
    """The subnets in the zone of the placement group; those of other stacks stay."""
    found = {subnet: graph.by_id(subnet, "aws:ec2/subnet:Subnet") for subnet in subnet_ids}
    return [subnet for subnet, made in found.items() if made is None or made["availabilityZone"] == zone]


def _own_image(args: Properties) -> bool:
    """Whether the launch template names the image, so that EKS takes no version and no AMI type."""
    return any(args.get(key) is not None for key in (*CUSTOM, "userData", "amiId"))


def _ami_type(args: Properties) -> Any:
    """As given, or as the operating system needs it; EKS chooses where neither is said."""
    if args.get("amiType") is not None or args.get("operatingSystem") is None:
        return args.get("amiType")
    return ami_type_of(args)


def _template(it: Construction, core: Core, placement: Made | None) -> Made:
    args = it.inputs
    own_image = _own_image(args)
    data = encoded(user_data(operating_system(args), core.cluster, args)) if own_image and core.cluster else None
    size_gib = args.get("diskSize")
    return it.make(
        "aws:ec2/launchTemplate:LaunchTemplate",
        f"{it.name}-launchTemplate",
        {
            "blockDeviceMappings": [{"deviceName": device(args), "ebs": {"volumeSize": size_gib}}]
            if size_gib
            else None,
            "userData": data,
            "metadataOptions": _metadata(args),
            "imageId": image_id(it, args, core.of_cluster("version")) if own_image else None,
            "placement": {"groupName": placement["name"]} if placement else None,
        },
    )


def _metadata(args: Properties) -> Properties | None:
    required = opened(args.get("enableIMDSv2"))
    if required is None:
        return None
    tokens = "required" if required is True else "optional"
    return {"httpTokens": tokens, "httpPutResponseHopLimit": 2, "httpEndpoint": "enabled"}
