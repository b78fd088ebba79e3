"""The launch template that every node starts from: an encrypted disk, and metadata that pods cannot reach."""

from typing import Any

import pulumi_aws as aws
from pulumi import Output, Resource, ResourceOptions

from ..catalog import CLUSTER_TAG, ROOT_DEVICE, data_device
from ..values.eks_cluster import EksCluster
from .node_group import Node


def block_devices(node_image: str, disk_gib: int) -> list[Any]:
    """Encrypted gp3 disks; the one for container images has `disk_gib`, another the size its image gives it."""
    data = data_device(node_image)
    return [
        {
            "device_name": device,
            "ebs": {
                "volume_type": "gp3",
                "encrypted": "true",
                "delete_on_termination": "true",
                **({"volume_size": disk_gib} if device == data else {}),
            },
        }
        for device in dict.fromkeys((ROOT_DEVICE, data))
    ]


def create_launch_template(
    name: str,
    cluster: EksCluster,
    node: Node,
    parent: Resource,
    **self_managed: Any,
) -> aws.ec2.LaunchTemplate:
    """`{name}-template`, enough for a managed node group; `self_managed` adds what EKS would: image, user data, ...

    Instances and volumes are named `<cluster>-<name>`.
    """
    tags = Output.from_input(cluster["name"]).apply(
        lambda cluster_name: {"Name": f"{cluster_name}-{name}", f"{CLUSTER_TAG}{cluster_name}": "owned"}
    )
    return aws.ec2.LaunchTemplate(
        f"{name}-template",
        block_device_mappings=block_devices(node.image, node.disk_gib),
        metadata_options={
            "http_endpoint": "enabled",
            "http_tokens": "required",
            # One hop ends on the node: pods have Pod Identity, and must not take the node's own role.
            "http_put_response_hop_limit": 1,
        },
        tag_specifications=[{"resource_type": kind, "tags": tags} for kind in ("instance", "volume")],
        update_default_version=True,
        **self_managed,
        opts=ResourceOptions(parent=parent),
    )
