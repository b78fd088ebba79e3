"""EKS managed node groups: EKS keeps their auto scaling groups, images and access entries."""

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi_aws as aws
from pulumi import Alias, Resource, ResourceOptions

from ..catalog import AUTOSCALER_TAINT_TAG, AUTOSCALER_TEMPLATE_TAG, STATIC_TAG, CapacityType, ami_type
from ..iam.node_role import NodeRole
from ..values.eks_cluster import EksCluster
from .autoscaler_tags import autoscaler_tags
from .launch_template import create_launch_template
from .node_group import NodeGroup
from .node_release import versions
from .user_data import encoded, pull_settings


def managed_node_group(group: NodeGroup) -> dict[str, Any]:
    """Arguments of `aws.eks.NodeGroup`, without cluster, role and launch template.

    Raises ValueError where capacity types are mixed.
    """
    if group.capacity_type is None:
        raise ValueError("a managed node group is Spot or on demand, never both: mix them in an auto-scaling-group")
    node = group.node
    return {
        "ami_type": ami_type(node.image, node.architecture, node.accelerator),
        "capacity_type": _capacity_type(group),
        # EKS takes the type from one place alone, and of a Capacity Block from the launch template.
        **({} if group.target else {"instance_types": list(group.instance_types)}),
        "subnet_ids": list(group.subnet_ids),
        "scaling_config": {
            "min_size": group.min_nodes,
            "desired_size": group.desired_nodes,
            "max_size": group.max_nodes,
        },
        "labels": dict(node.labels),
        "taints": [taint.for_eks() for taint in node.taints],
        "update_config": {"max_unavailable": 1},
        "node_repair_config": {"enabled": True},
        **({"tags": {STATIC_TAG: "true"}} if group.static else {}),
    }


def _capacity_type(group: NodeGroup) -> str:
    """EKS has no word for an on-demand reservation: its instances are on demand, where the launch template says.

    Source: EKS User Guide, "Create a managed node group with Capacity Blocks for ML".
    """
    assert group.capacity_type
    ordinary = group.target and not group.target.reservation.is_block
    return (CapacityType.ON_DEMAND if ordinary else group.capacity_type).for_eks()


def create_managed_node_groups(
    groups: Mapping[str, NodeGroup], cluster: EksCluster, node_role: NodeRole, release: str | None, parent: Resource
) -> list[aws.eks.NodeGroup]:
    """A node group and a launch template for each, and their tags for the autoscaler.

    release: a pin of the image; with None the newest of the cluster's version.
    """
    return [_create(name, group, cluster, node_role, release, parent) for name, group in groups.items()]


def _create(
    name: str, group: NodeGroup, cluster: EksCluster, node_role: NodeRole, release: str | None, parent: Resource
) -> aws.eks.NodeGroup:
    own = {"user_data": encoded(pull_settings(group.node.image))} if group.node.parallel_pull else {}
    template = create_launch_template(name, cluster, group.node, parent, **own, **group.template)
    created = aws.eks.NodeGroup(
        name,
        cluster_name=cluster["name"],
        node_role_arn=node_role.role.arn,
        **versions(group.node, cluster, release, parent),
        launch_template={"id": template.id, "version": template.latest_version.apply(str)},
        **managed_node_group(group),
        opts=ResourceOptions(
            parent=parent,
            depends_on=node_role.attachments,
            # The autoscaler moves desired_size; without this the next update moves it back.
            ignore_changes=None if group.static else ["scalingConfig.desiredSize"],
        ),
    )
    _tag_for_autoscaler(name, created, autoscaler_tags(group.node), parent)
    return created


def _tag_for_autoscaler(name: str, group: aws.eks.NodeGroup, tags: Mapping[str, str], parent: Resource) -> None:
    """EKS copies neither labels nor taints to the auto scaling group; the autoscaler asks EKS, but not for all."""
    auto_scaling_group = group.resources.apply(_first_name)
    taints = [key for key in tags if key.startswith(AUTOSCALER_TAINT_TAG)]
    for key, value in tags.items():
        by_key = f"{name}-{key.removeprefix(AUTOSCALER_TEMPLATE_TAG)}"
        by_place = _taint_name(name, taints.index(key)) if key in taints else by_key
        aws.autoscaling.Tag(
            by_place,
            autoscaling_group_name=auto_scaling_group,
            tag={"key": key, "value": value, "propagate_at_launch": False},
            # A new taint's tag takes the old one's place at once: beside it, the autoscaler would take a new node for
            # one with both taints and start none, and a Job of the same update waits for that node.
            opts=ResourceOptions(
                parent=parent,
                delete_before_replace=key in taints or None,
                aliases=[Alias(name=by_key)] if key in taints else None,  # as it was named once
            ),
        )


def _taint_name(name: str, place: int) -> str:
    return f"{name}-taint-{place + 1}" if place else f"{name}-taint"


def _first_name(made: Sequence[Any]) -> str | None:
    """EKS makes one auto scaling group for a node group; a test's stand-in may make none."""
    return made[0].autoscaling_groups[0].name if made else None
