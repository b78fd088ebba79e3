"""The EKS add-ons of every cluster: which, in what order, with what settings and permissions."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pulumi_aws as aws
from pulumi import Resource, ResourceOptions

from .. import catalog
from ..iam.pod_identity import pod_role
from ..values.eks_cluster import EksCluster

_ON_SYSTEM_NODES: dict[str, Any] = {
    "nodeSelector": catalog.SYSTEM_NODE_LABELS,
    "tolerations": catalog.SYSTEM_TOLERATIONS,
}


@dataclass(frozen=True, slots=True)
class AddOn:
    """An EKS add-on."""

    name: str
    configuration: Mapping[str, Any] = field(default_factory=dict)
    """Configuration, in the add-on's own schema: `aws eks describe-addon-configuration`."""
    service_account: str = ""
    """Service account that gets a role; empty if the add-on calls no AWS API."""
    policy: str = ""
    """AWS's managed policy for it, with its path."""


_SETTINGS: Mapping[str, Mapping[str, Any]] = {
    catalog.VPC_CNI: {
        "configuration": {catalog.NETWORK_POLICY_SETTING: "true"},  # a text: the add-on's schema refuses a boolean
        "service_account": "aws-node",
        "policy": catalog.CNI_POLICY,
    },
    catalog.COREDNS: {"configuration": _ON_SYSTEM_NODES},
    catalog.METRICS_SERVER: {"configuration": _ON_SYSTEM_NODES},
    catalog.EBS_CSI_DRIVER: {
        "configuration": {"controller": _ON_SYSTEM_NODES},
        "service_account": "ebs-csi-controller-sa",
        "policy": catalog.EBS_CSI_POLICY,
    },
    # DCGM tolerates no taint unless told, and the agent takes GPUs without it for failed: EKS repairs healthy nodes.
    catalog.NODE_MONITORING_AGENT: {"configuration": {"dcgmAgent": {"tolerations": [{"operator": "Exists"}]}}},
}
BEFORE_NODES, AFTER_NODES = (
    tuple(AddOn(name, **_SETTINGS.get(name, {})) for name in names)
    for names in (catalog.ADDONS_BEFORE_NODES, catalog.ADDONS_AFTER_NODES)
)


def add_ons(
    parent: Resource,
    name: str,
    cluster: EksCluster,
    wanted: Sequence[AddOn],
    *,
    versions: Mapping[str, str],
    deleted_with: Resource,
    depends_on: Sequence[Resource] = (),
) -> list[Resource]:
    """Creates each add-on as `<name>-<add-on>`, in EKS's version for the cluster unless `versions` names one."""
    return [_add_on(parent, name, cluster, addon, versions, deleted_with, depends_on) for addon in wanted]


def _add_on(
    parent: Resource,
    name: str,
    cluster: EksCluster,
    addon: AddOn,
    versions: Mapping[str, str],
    deleted_with: Resource,
    depends_on: Sequence[Resource],
) -> aws.eks.Addon:
    identities, permissions = _identities(parent, f"{name}-{addon.name}", addon, cluster["region"])
    return aws.eks.Addon(
        f"{name}-{addon.name}",
        cluster_name=cluster["name"],
        addon_name=addon.name,
        addon_version=versions.get(addon.name),
        configuration_values=json.dumps(addon.configuration) if addon.configuration else None,
        pod_identity_associations=identities or None,
        # What the program says is what runs; PRESERVE would keep a change made by hand and report success.
        resolve_conflicts_on_create="OVERWRITE",
        resolve_conflicts_on_update="OVERWRITE",
        # EKS takes a cluster's add-ons down with it, and nodes that still drain need their network until then.
        opts=ResourceOptions(parent=parent, depends_on=[*depends_on, *permissions], deleted_with=deleted_with),
    )


def _identities(
    parent: Resource, name: str, addon: AddOn, region: str
) -> tuple[list[aws.eks.AddonPodIdentityAssociationArgs], list[Resource]]:
    """The add-on's role for its service account, where it has one, and the permissions to wait for."""
    if not addon.service_account:
        return [], []
    policy_name = addon.policy.split("/")[-1]
    role, permissions = pod_role(parent, name, {policy_name: catalog.managed_policy_arn(addon.policy, region)})
    identity = aws.eks.AddonPodIdentityAssociationArgs(role_arn=role.arn, service_account=addon.service_account)
    return [identity], permissions
