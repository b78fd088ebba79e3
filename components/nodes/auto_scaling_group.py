"""Self-managed node groups: EC2 Auto Scaling groups with an image, user data and an access entry of our own."""

from collections.abc import Mapping
from typing import Any

import pulumi_aws as aws
from pulumi import Input, InvokeOptions, Output, Resource, ResourceOptions

from ..catalog import (
    AUTOSCALER_ENABLED_TAG,
    CLUSTER_TAG,
    HOOK_MARGIN_S,
    STATIC_TAG,
    TERMINATING,
    autoscaler_cluster_tag,
    drained_tag,
    ssm_parameter,
)
from ..iam.node_role import NodeRole
from ..values.eks_cluster import EksCluster
from .autoscaler_tags import autoscaler_tags
from .launch_template import create_launch_template
from .node_group import Node, NodeGroup
from .user_data import CLUSTER_FACTS, user_data


def auto_scaling_group(group: NodeGroup, template: Mapping[str, Input[str]]) -> dict[str, Any]:
    """Arguments of `aws.autoscaling.Group`, without the tags that name the cluster.

    `template` is a launch template's `launch_template_id` and `version`.
    """
    return {
        "min_size": group.min_nodes,
        "desired_capacity": group.desired_nodes,
        "max_size": group.max_nodes,
        "vpc_zone_identifiers": list(group.subnet_ids),
        # Both end nodes that nothing has drained: over zones AWS evens out, and at a Spot recommendation it replaces.
        "capacity_rebalance": False,
        "suspended_processes": ["AZRebalance"],
        **_instances(group, template),
        "tags": [
            *(_tag(key, value) for key, value in autoscaler_tags(group.node).items()),
            *([_tag(STATIC_TAG, "true")] if group.static else ()),
        ],
    }


def _instances(group: NodeGroup, template: Mapping[str, Input[str]]) -> dict[str, Any]:
    """A policy over types and markets; a reservation is of one type and one market, so its launch template says both.

    Source: EC2 Auto Scaling User Guide, "Use Capacity Blocks for machine learning workloads".
    """
    if group.target:
        return {"launch_template": {"id": template["launch_template_id"], "version": template["version"]}}
    return {
        "mixed_instances_policy": {
            "instances_distribution": {
                "on_demand_base_capacity": group.on_demand_base,
                "on_demand_percentage_above_base_capacity": group.on_demand_percentage,
                "on_demand_allocation_strategy": "prioritized",
                "spot_allocation_strategy": "price-capacity-optimized",
            },
            "launch_template": {
                "launch_template_specification": template,
                "overrides": [{"instance_type": name} for name in group.instance_types],
            },
        }
    }


def cluster_tags(cluster_name: Input[str]) -> list[dict[str, Any]]:
    """Tags by which only this cluster's autoscaler finds the group, and AWS the cluster that owns it."""
    name = Output.from_input(cluster_name)
    return [
        _tag(AUTOSCALER_ENABLED_TAG, "true"),
        _tag(name.apply(autoscaler_cluster_tag), "owned"),
        _tag(Output.concat(CLUSTER_TAG, name), "owned", propagate_at_launch=True),
    ]


def drain_tags(cluster_name: Input[str]) -> list[dict[str, Any]]:
    """By which the termination handler of this cluster, and no other's, drains the group's nodes."""
    return [_tag(Output.from_input(cluster_name).apply(drained_tag), "true", propagate_at_launch=True)]


def drain_hook(drain_s: int) -> dict[str, Any]:
    """Arguments of `aws.autoscaling.LifecycleHook`, without the group: a node that has to go waits to be drained."""
    return {
        "lifecycle_transition": TERMINATING,
        "heartbeat_timeout": drain_s + HOOK_MARGIN_S,
        "default_result": "CONTINUE",  # it goes even if nobody drains it
    }


def _tag(key: Input[str], value: str, propagate_at_launch: bool = False) -> dict[str, Any]:
    return {"key": key, "value": value, "propagate_at_launch": propagate_at_launch}


def create_auto_scaling_groups(
    name: str,
    groups: Mapping[str, NodeGroup],
    cluster: EksCluster,
    node_role: NodeRole,
    drain_s: int | None,
    parent: Resource,
) -> list[aws.autoscaling.Group]:
    """A group and a launch template for each, and what lets their nodes join.

    drain_s: seconds that a lifecycle hook of each group leaves for a drain; None without a hook.
    """
    child = ResourceOptions(parent=parent)
    profile = aws.iam.InstanceProfile(f"{name}-profile", role=node_role.role.name, opts=child)
    # Managed groups have theirs from EKS.
    access = aws.eks.AccessEntry(
        f"{name}-access",
        cluster_name=cluster["name"],
        principal_arn=node_role.role.arn,
        type="EC2_LINUX",
        opts=child,
    )
    needed = [access, *node_role.attachments]
    return [
        _create(
            group_name,
            group,
            _joining(group.node, cluster, profile, parent),
            cluster,
            drain_s,
            ResourceOptions(
                parent=parent,
                depends_on=needed,
                # The autoscaler moves it; without this the next update moves it back.
                ignore_changes=None if group.static else ["desiredCapacity"],
            ),
        )
        for group_name, group in groups.items()
    ]


def _create(
    name: str,
    group: NodeGroup,
    joining: dict[str, Any],
    cluster: EksCluster,
    drain_s: int | None,
    options: ResourceOptions,
) -> aws.autoscaling.Group:
    assert options.parent
    template = create_launch_template(name, cluster, group.node, options.parent, **joining, **group.template)
    asked = auto_scaling_group(
        group, {"launch_template_id": template.id, "version": template.latest_version.apply(str)}
    )
    drained = drain_tags(cluster["name"]) if drain_s else []
    asked["tags"] = [*cluster_tags(cluster["name"]), *drained, *asked["tags"]]
    created = aws.autoscaling.Group(name, **asked, opts=options)
    if drain_s:
        opts = ResourceOptions(parent=options.parent)
        aws.autoscaling.LifecycleHook(
            f"{name}-drain", autoscaling_group_name=created.name, **drain_hook(drain_s), opts=opts
        )
    return created


def _joining(node: Node, cluster: EksCluster, profile: aws.iam.InstanceProfile, parent: Resource) -> dict[str, Any]:
    """What EKS would add to a managed group's launch template."""
    parameter = Output.from_input(cluster["kubernetes_version"]).apply(
        lambda minor: ssm_parameter(node.image, minor, node.architecture, node.accelerator)
    )
    # The newest image for the cluster's version: a newer one reaches nodes as they are replaced.
    image = aws.ssm.get_parameter_output(name=parameter, region=cluster["region"], opts=InvokeOptions(parent=parent))
    facts = Output.all(**{fact: cluster[fact] for fact in CLUSTER_FACTS})
    return {
        "image_id": image.insecure_value,
        "iam_instance_profile": {"arn": profile.arn},
        "vpc_security_group_ids": [cluster["security_group_id"]],
        "user_data": facts.apply(lambda known: user_data(node, known)),
    }
