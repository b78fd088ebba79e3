"""Groups: auto scaling groups and managed node groups."""

from typing import Any

from eks_gpu.graph.graph import Resource

from .edits import EACH, Edit, Option, With, gone, only, swapped, to, with_item, without_items
from .places import (
    GROUP,
    NODE_GROUP,
    from_zero,
    named,
    of_gpus,
    of_nvidia,
    of_spot_and_more,
    only_taker,
    scaled,
    system_group,
)

_FLEET, _FILE = "aws:ec2/fleet:Fleet", "kubernetes:yaml/v2:ConfigFile"
_TAGS, _TAINTS = ("tags",), ("taints", EACH)
_OVERRIDES = ("mixedInstancesPolicy", "launchTemplate", "overrides")
_ASG_TAG = ("aws:autoscaling/tag:Tag",)
_EBS = ("blockDeviceMappings", EACH, "ebs")
_NODE_TEMPLATE = "k8s.io/cluster-autoscaler/node-template"


def _tag(part: str):
    return lambda tag: part in tag["key"]


def _retagged(part: str, value: str):
    """The tag with that piece in its key gets another value."""
    return lambda tag: {**tag, "value": value} if part in tag["key"] else tag


def _other_cluster(tag: dict[str, Any]) -> dict[str, Any]:
    mine = tag["key"].startswith("k8s.io/cluster-autoscaler/") and tag["value"] == "owned"
    return {**tag, "key": "k8s.io/cluster-autoscaler/other"} if mine else tag


def _rekeyed(part: str, instead: str):
    return lambda tag: {**tag, "key": tag["key"].replace(part, instead)}


OPERATORS = (
    # What the autoscaler is told.
    Edit(
        "a label tag is dropped",
        "pods that select the label never bring up the first node",
        [GROUP],
        _TAGS,
        without_items(_tag(f"{_NODE_TEMPLATE}/label/nvidia.com")),
        of_gpus,
    ),
    Edit(
        "a label tag is misspelt",
        "pods that select the label never bring up the first node",
        [GROUP],
        (*_TAGS, EACH),
        _rekeyed("/label/k8s.amazonaws.com/accelerator", "/label/k8s.amazonaws.com/accelerater"),
        of_gpus,
    ),
    Edit(
        "a label tag has another value",
        "pods that select the value bring up nodes without it",
        [GROUP],
        (*_TAGS, EACH),
        _retagged("/label/karpenter.sh/capacity-type", "reserved"),
        from_zero,
    ),
    Edit(
        "the taint tag is dropped",
        "nodes start for pods that the taint keeps off",
        [GROUP],
        _TAGS,
        without_items(_tag("/taint/")),
    ),
    Edit(
        "the taint tag has no effect in its value",
        "the autoscaler ignores the tag without a word",
        [GROUP],
        (*_TAGS, EACH),
        _retagged("/taint/", "true"),
    ),
    Edit(
        "the taint tag has another key",
        "nodes start for pods that the taint keeps off",
        [GROUP],
        (*_TAGS, EACH),
        _rekeyed("/taint/nvidia.com/gpu", "/taint/dedicated"),
    ),
    Edit(
        "the taint tag is soft",
        "nodes start for pods that the taint keeps off",
        [GROUP],
        (*_TAGS, EACH),
        _retagged("/taint/", "true:PreferNoSchedule"),
    ),
    Edit(
        "the GPU count is doubled in the tag",
        "half as many nodes start as the pods need",
        [GROUP],
        (*_TAGS, EACH),
        _retagged("/resources/nvidia.com/gpu", "2"),
    ),
    Edit(
        "the GPU count is 0 in the tag",
        "no node ever starts for a GPU pod",
        [GROUP],
        (*_TAGS, EACH),
        _retagged("/resources/nvidia.com/gpu", "0"),
    ),
    Edit(
        "a managed group's count of GPUs is doubled",
        "half as many nodes start as the pods need",
        _ASG_TAG,
        ("tag",),
        _retagged("/resources/nvidia.com/gpu", "2"),
    ),
    Edit(
        "a managed group's taint tag is another one",
        "nodes that pods would suit never start",
        _ASG_TAG,
        ("tag",),
        _rekeyed("/taint/nvidia.com/gpu", "/taint/dedicated"),
    ),
    Edit(
        "the discovery tag is dropped",
        "the autoscaler does not find the group",
        [GROUP],
        _TAGS,
        without_items(_tag("cluster-autoscaler/enabled")),
        scaled,
    ),
    Edit(
        "the cluster's discovery tag names another cluster",
        "the autoscaler may not change the group",
        [GROUP],
        (*_TAGS, EACH),
        _other_cluster,
        scaled,
    ),
    # What the termination handler is told.
    Edit(
        "the termination handler's tag is dropped",
        "nodes go without a drain",
        [GROUP],
        _TAGS,
        without_items(_tag("node-termination-handler")),
        of_spot_and_more,
    ),
    Edit(
        "the termination handler's tag stays on the group",
        "nodes go without a drain",
        [GROUP],
        (*_TAGS, EACH),
        lambda tag: {**tag, "propagateAtLaunch": False} if "node-termination-handler" in tag["key"] else tag,
        of_spot_and_more,
    ),
    Edit(
        "a hook lets go too soon",
        "nodes go in the middle of their drain",
        ["aws:autoscaling/lifecycleHook:LifecycleHook"],
        ("heartbeatTimeout",),
        to(10),
        named("spot"),
    ),
    # Instance types.
    Edit(
        "a type with more GPUs joins the group",
        "the autoscaler counts one GPU where EC2 starts four",
        [GROUP],
        _OVERRIDES,
        with_item({"instanceType": "g4dn.12xlarge"}),
        of_nvidia,
    ),
    Edit(
        "a managed group gets a type with more GPUs",
        "the autoscaler counts one GPU where EC2 starts four",
        [NODE_GROUP],
        ("instanceTypes",),
        with_item("g6.12xlarge"),
        of_nvidia,
    ),
    Edit(
        "the first type is misspelt",
        "EC2 refuses the group",
        [GROUP],
        (*_OVERRIDES, 0, "instanceType"),
        swapped("xlarge", "xlrge"),
    ),
    Edit(
        "a managed group's type is misspelt",
        "EKS refuses the group",
        [NODE_GROUP],
        ("instanceTypes", 0),
        swapped("large", "lrage"),
    ),
    Edit(
        "a type that is gone",
        "EC2 refuses the group",
        [GROUP],
        (*_OVERRIDES, 0, "instanceType"),
        to("p2.xlarge"),
        of_gpus,
    ),
    Edit(
        "a smaller type comes after a larger one",
        "pods do not fit the node that EC2 starts",
        [GROUP],
        (*_OVERRIDES, 0, "instanceType"),
        swapped(".xlarge", ".4xlarge"),
        of_nvidia,
    ),
    Edit(
        "a type for Arm joins the group",
        "its image does not start there",
        [GROUP],
        _OVERRIDES,
        with_item({"instanceType": "g5g.xlarge"}),
        of_nvidia,
    ),
    Edit(
        "a managed group's type is for Arm",
        "EKS refuses the group",
        [NODE_GROUP],
        ("instanceTypes", 0),
        to("m7g.large"),
        system_group,
    ),
    Edit(
        "Spot is taken by price alone",
        "the nodes are the first that EC2 takes back",
        [GROUP],
        ("mixedInstancesPolicy", "instancesDistribution", "spotAllocationStrategy"),
        to("lowest-price"),
        of_spot_and_more,
    ),
    # Sizes.
    Edit("one node at least", "a GPU node runs without work", [GROUP], ("minSize",), to(1), of_gpus),
    Edit("two nodes at the start", "GPU nodes run without work", [GROUP], ("desiredCapacity",), to(2), of_gpus),
    Edit("no node at most", "no node ever comes", [NODE_GROUP], ("scalingConfig", "maxSize"), to(0), only_taker),
    Edit(
        "a managed group has one node at least",
        "a GPU node runs without work",
        [NODE_GROUP],
        ("scalingConfig", "minSize"),
        to(1),
        of_gpus,
    ),
    Edit(
        "a managed group starts with a node",
        "a GPU node runs without work",
        [NODE_GROUP],
        ("scalingConfig", "desiredSize"),
        to(1),
        of_gpus,
    ),
    Edit(
        "a hundred times the nodes",
        "the worst month costs more than the stack may",
        [GROUP, NODE_GROUP],
        ("maxSize",),
        lambda most: most * 100 if isinstance(most, int) else most,
        of_gpus,
    ),
    Option(
        "an update sets the size back",
        "nodes that work are ended by the next update",
        [GROUP, NODE_GROUP],
        "ignoreChanges",
        None,
        scaled,
    ),
    # Taints and labels.
    Edit("the taint is dropped", "any pod lands there", [NODE_GROUP], ("taints",), to([]), of_gpus),
    Edit(
        "the taint is soft",
        "any pod lands there",
        [NODE_GROUP],
        (*_TAINTS, "effect"),
        to("PREFER_NO_SCHEDULE"),
        of_gpus,
    ),
    Edit(
        "the taint has no value",
        "the autoscaler skips a taint without a value, and starts nodes in vain",
        [NODE_GROUP],
        (*_TAINTS, "value"),
        gone,
        lambda resource, program: of_gpus(resource, program) and not program.has(*_ASG_TAG),
    ),
    Edit(
        "a label is renamed",
        "pods that select it wait",
        [NODE_GROUP],
        ("labels",),
        lambda labels: {key.replace("accelerator", "accelerater"): value for key, value in labels.items()},
        of_gpus,
    ),
    Edit(
        "the label of the system nodes is renamed",
        "controllers and add-ons have no node",
        [NODE_GROUP],
        ("labels",),
        lambda labels: {f"{key}s": value for key, value in labels.items()},
        system_group,
    ),
    Edit(
        "the system nodes get a taint of their own",
        "controllers and add-ons have no node",
        [NODE_GROUP],
        ("taints",),
        to([{"key": "team", "value": "core", "effect": "NO_SCHEDULE"}]),
        system_group,
    ),
    Edit(
        "an image without driver",
        "its nodes offer no GPU",
        [NODE_GROUP],
        ("amiType",),
        only("AL2023_x86_64_NVIDIA", "AL2023_x86_64_STANDARD"),
    ),
    # Places.
    Edit(
        "a group spans two zones",
        "the autoscaler plans with one and EC2 takes the other",
        [GROUP],
        ("vpcZoneIdentifiers",),
        lambda ids: [*ids, "subnet-elsewhere"],
        of_gpus,
    ),
    Edit(
        "a managed group spans two zones",
        "the autoscaler plans with one and EC2 takes the other",
        [NODE_GROUP],
        ("subnetIds",),
        lambda ids: [*ids, "subnet-elsewhere"],
        of_gpus,
    ),
    Edit(
        "a managed group has no launch template",
        "IMDSv1 open, disks of 20 GiB in the clear",
        [NODE_GROUP],
        ("launchTemplate",),
        gone,
    ),
    Edit(
        "labels come from the launch template alone",
        "pods that select them wait",
        [NODE_GROUP],
        ("labels",),
        to({}),
        of_gpus,
    ),
    # Beside the groups.
    With(
        "a fleet of EC2",
        "its nodes are in no pool and in no bill",
        Resource(f"urn:pulumi:mutant::mutants::{_FLEET}::spare", _FLEET, "spare"),
        lambda program: True,
    ),
    With(
        "a file that was not rendered",
        "what it brings is not judged",
        Resource(f"urn:pulumi:mutant::mutants::{_FILE}::more", _FILE, "more", custom=False, remote=True),
        lambda program: True,
    ),
)
