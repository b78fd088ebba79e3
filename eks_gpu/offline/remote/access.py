"""Who may use a cluster of pulumi-eks: entries of EKS's own, and the ConfigMap aws-auth."""

from typing import Any

from eks_gpu.io.yaml_text import dump
from eks_gpu.offline.account import Properties
from eks_gpu.offline.registered import Made
from eks_gpu.offline.remote.construction import Construction
from eks_gpu.offline.wire import clear, items, opened, part

CONFIG_MAP, BOTH, API = "CONFIG_MAP", "API_AND_CONFIG_MAP", "API"


def takes_config_map(mode: Any) -> bool:
    """Whether the authentication mode reads aws-auth; so it is where nobody says."""
    return mode in (None, "", CONFIG_MAP, BOTH)


def takes_entries(mode: Any) -> bool:
    """Whether the authentication mode reads access entries."""
    return mode in (API, BOTH)


def access_entries(it: Construction, cluster: Made, entries: Properties) -> list[Made]:
    """An access entry for each name, and the associations of its policies."""
    made = []
    for name, value in entries.items():
        entry = part(value)
        principal = entry.get("principalArn")
        found = it.make(
            "aws:eks/accessEntry:AccessEntry",
            f"{it.name}-{name}",
            {
                "clusterName": cluster["name"],
                "principalArn": principal,
                "type": entry.get("type"),
                "kubernetesGroups": entry.get("kubernetesGroups"),
                "userName": entry.get("username"),
                "tags": entry.get("tags"),
            },
            needs=[cluster],
        )
        made.append(found)
        for policy, association in part(entry, "accessPolicies").items():
            told = part(association)
            it.make(
                "aws:eks/accessPolicyAssociation:AccessPolicyAssociation",
                f"{it.name}-{name}-{policy}",
                {
                    "clusterName": cluster["name"],
                    "principalArn": principal,
                    "policyArn": told.get("policyArn"),
                    "accessScope": told.get("accessScope"),
                },
                parent=found,
                needs=[found],
            )
    return made


def aws_auth(it: Construction, instance_roles: list[Any], provider: Made) -> Made:
    """The ConfigMap that maps roles and users of IAM to those of Kubernetes."""
    roles = [_mapped(part(item), "rolearn", "roleArn") for item in items(it.inputs.get("roleMappings"))]
    roles += [
        {
            "rolearn": clear(it.property_of(role, "arn")),
            "username": "system:node:{{EC2PrivateDNSName}}",
            "groups": ["system:bootstrappers", "system:nodes"],
        }
        for role in instance_roles
    ]
    data = {"mapRoles": dump(roles)}
    if opened(it.inputs.get("userMappings")) is not None:
        users = items(it.inputs["userMappings"])
        data["mapUsers"] = dump([_mapped(part(item), "userarn", "userArn") for item in users])
    metadata = {
        "name": "aws-auth",
        "namespace": "kube-system",
        "annotations": {"pulumi.com/patchForce": "true"},
    }
    inputs = {"apiVersion": "v1", "kind": "ConfigMap", "immutable": False, "metadata": metadata, "data": data}
    return it.make("kubernetes:core/v1:ConfigMap", f"{it.name}-nodeAccess", inputs, provider=provider)


def _mapped(mapping: Properties, key: str, arn: str) -> Properties:
    return {
        key: clear(mapping.get(arn)),
        "username": clear(mapping.get("username")),
        "groups": clear(mapping.get("groups")),
    }
