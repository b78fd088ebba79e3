"""EC2NodeClass: what Karpenter starts a node from, whatever the pool is for."""

import re
from collections.abc import Sequence
from typing import Any

from pulumi import Input

from ..catalog import ROOT_DEVICE, data_device
from ..values.node_storage import NodeStorage

BOTTLEROCKET_ROOT_GIB = 4  # what its image needs; Karpenter asks for a size where AWS would take the image's own


def node_class_spec(
    *,
    image: str,
    image_version: str,
    disk_gib: int,
    storage: NodeStorage | None = None,
    node_role_name: Input[str],
    instance_profile: Input[str] | None,
    subnet_ids: Sequence[Input[str]],
    security_group_id: Input[str],
) -> dict[str, Any]:
    """An EC2NodeClass's `spec`, without tags: a pinned image, an encrypted disk, and metadata that pods cannot reach.

    Source: Karpenter 1.15, EC2NodeClass v1.
    """
    return {
        # Of an alias Karpenter takes the variant with the driver that the instance type needs.
        "amiSelectorTerms": [{"alias": f"{image}@{image_version}"}],
        **({"role": node_role_name} if instance_profile is None else {"instanceProfile": instance_profile}),
        # By id: what the program names and nothing else, whether or not somebody tagged it.
        "subnetSelectorTerms": [{"id": subnet_id} for subnet_id in subnet_ids],
        "securityGroupSelectorTerms": [{"id": security_group_id}],
        "blockDeviceMappings": _block_devices(image, disk_gib, storage),
        "metadataOptions": {
            "httpEndpoint": "enabled",
            "httpProtocolIPv6": "disabled",
            "httpTokens": "required",
            # One hop ends on the node: pods have Pod Identity, and must not take the node's own role.
            "httpPutResponseHopLimit": 1,
        },
    }


def image_problems(image: str, image_version: str, *, is_given: bool) -> list[str]:
    """A sentence if the version leaves open what nodes start from; `is_given` tells one from the default."""
    problems = []
    if not re.fullmatch(r"v[0-9][0-9.]*", image_version):
        rule = "must be a release, as v20260714 or v1.46.0, or nodes change with each new one"
        problems.append(f"image_version: {rule}, got {image_version!r}")
    if image == "bottlerocket" and not is_given:
        problems.append("image_version: name a release of Bottlerocket, as v1.46.0, or its nodes change without notice")
    return problems


def _block_devices(image: str, disk_gib: int, storage: NodeStorage | None) -> list[dict[str, Any]]:
    data = data_device(image)
    speed = storage.for_ebs("snapshotID", "volumeInitializationRate") if storage else {}
    return [
        {
            "deviceName": device,
            "ebs": {
                "volumeSize": f"{disk_gib if device == data else BOTTLEROCKET_ROOT_GIB}Gi",
                "volumeType": "gp3",
                "encrypted": True,
                "deleteOnTermination": True,
                **(speed if device == data else {}),
            },
        }
        for device in dict.fromkeys((ROOT_DEVICE, data))
    ]
