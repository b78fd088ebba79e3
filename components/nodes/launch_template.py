"""The launch template that every node starts from: an encrypted disk, and metadata that pods cannot reach."""

from typing import Any

import pulumi_aws as aws
from pulumi import Output, Resource, ResourceOptions

from ..catalog import CLUSTER_TAG, ROOT_DEVICE, data_device
from ..values.eks_cluster import EksCluster
from .node_group import Node


def block_devices(node: Node) -> list[Any]:
    """Encrypted gp3 disks; the one for container images has size and storage of the node, another the image's own."""
    data = data_device(node.image)
    images = {"volume_size": node.disk_gib, **(node.storage.for_ebs() if node.storage else {})}
    return [
        {
            "device_name": device,
            "ebs": {
                "volume_type": "gp3",
                "encrypted": "true",
                "delete_on_termination": "true",
                **(images if device == data else {}),
            },
        }
        for device in dict.fromkeys((ROOT_DEVICE, data))
    ]


def efa_interfaces(count: int, primary: str = "efa") -> list[dict[str, Any]]:
    """The first interface, `primary`, has the node's addresses; the others carry EFA's traffic and use up none.

    An interface of type `interface` is no EFA itself, so card 0 has an EFA beside it. Source: Amazon EC2 User Guide,
    "Maximize network bandwidth with multiple network cards"; EKS User Guide, "Manage EFA devices on Amazon EKS".
    """
    first = {"network_card_index": 0, "device_index": 0, "interface_type": primary}
    cards = range(count) if primary == "interface" else range(1, count)
    return [first, *({"network_card_index": card, "device_index": 1, "interface_type": "efa-only"} for card in cards)]


def create_placement_group(name: str, parent: Resource) -> aws.ec2.PlacementGroup:
    """`{name}-placement`, whose nodes EC2 puts close to each other."""
    return aws.ec2.PlacementGroup(f"{name}-placement", strategy="cluster", opts=ResourceOptions(parent=parent))


def _fabric(name: str, cluster: EksCluster, node: Node, parent: Resource) -> dict[str, Any]:
    """What EFA adds to a launch template; nothing without it.

    The cluster's own security group lets all traffic from and to itself through, as EFA needs: EKS gives it rules of
    both directions, and a second one would be refused as a duplicate. Source: EKS User Guide, "View Amazon EKS
    security group requirements for clusters". Clusters have the outbound rule to itself since Kubernetes 1.33, source:
    eksctl, pull request 8509; whether EKS adds it to one that was made before and upgraded is not known.
    """
    if not node.efa_interfaces:
        return {}
    groups = {"security_groups": [cluster["security_group_id"]], "delete_on_termination": "true"}
    return {
        "network_interfaces": [{**each, **groups} for each in efa_interfaces(node.efa_interfaces)],
        "placement": {"group_name": create_placement_group(name, parent).name},
    }


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
    fabric = _fabric(name, cluster, node, parent)
    if fabric:  # its interfaces name the security group
        self_managed.pop("vpc_security_group_ids", None)
    return aws.ec2.LaunchTemplate(
        f"{name}-template",
        block_device_mappings=block_devices(node),
        metadata_options={
            "http_endpoint": "enabled",
            "http_tokens": "required",
            # One hop ends on the node: pods have Pod Identity, and must not take the node's own role.
            "http_put_response_hop_limit": 1,
        },
        tag_specifications=[{"resource_type": kind, "tags": tags} for kind in ("instance", "volume")],
        update_default_version=True,
        **fabric,
        **self_managed,
        opts=ResourceOptions(parent=parent),
    )
