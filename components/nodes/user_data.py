"""The user data of a self-managed node: its cluster, and exactly its labels and taints."""

import json
from base64 import b64encode
from collections.abc import Mapping
from email.mime.multipart import MIMEMultipart
from email.mime.nonmultipart import MIMENonMultipart
from ipaddress import ip_network
from typing import Any

from .node_group import Node

CLUSTER_FACTS = ("name", "endpoint", "certificate_authority", "service_cidr")
"""Keys of an EksCluster that a node needs, and so of `cluster` below."""


_NODE_CONFIG = {"apiVersion": "node.eks.aws/v1alpha1", "kind": "NodeConfig"}
# Source: amazon-eks-ami, nodeadm, feature gates.
_PARALLEL_PULL = {"featureGates": {"FastImagePull": True}}
# Source: Bottlerocket settings reference, settings.container-runtime and settings.container-runtime-plugins.
_PARALLEL_PULL_TABLES: Mapping[str, Mapping[str, Any]] = {
    "settings.container-runtime": {"snapshotter": "soci"},
    "settings.container-runtime-plugins.soci-snapshotter": {"pull-mode": "parallel-pull-unpack"},
}


def user_data(node: Node, cluster: Mapping[str, str]) -> str:
    """Base64, in the format of the node's image."""
    if node.image == "bottlerocket":
        return encoded(bottlerocket_settings(node, cluster))
    return encoded(nodeadm_document(node_config(node, cluster)))


def encoded(text: str) -> str:
    """Base64, as launch templates want user data."""
    return b64encode(text.encode()).decode()


def pull_settings(image: str) -> str:
    """User data that lets nodes pull images in parallel and says nothing else: EKS or Karpenter adds the rest."""
    if image == "bottlerocket":
        return _tables(_PARALLEL_PULL_TABLES)
    return nodeadm_document({**_NODE_CONFIG, "spec": _PARALLEL_PULL})


def node_config(node: Node, cluster: Mapping[str, str]) -> dict[str, Any]:
    """The NodeConfig of AL2023's nodeadm. Source: amazon-eks-ami, node.eks.aws/v1alpha1."""
    flags = {
        "--node-labels": ",".join(f"{key}={value}" for key, value in node.labels.items()),
        "--register-with-taints": ",".join(taint.for_kubelet() for taint in node.taints),
    }
    return {
        **_NODE_CONFIG,
        "spec": {
            "cluster": {
                "name": cluster["name"],
                "apiServerEndpoint": cluster["endpoint"],
                "certificateAuthority": cluster["certificate_authority"],
                "cidr": cluster["service_cidr"],
            },
            "kubelet": {"flags": [f"{flag}={value}" for flag, value in flags.items() if value]},
            **(_PARALLEL_PULL if node.parallel_pull else {}),
        },
    }


def nodeadm_document(config: Mapping[str, Any]) -> str:
    """A NodeConfig as the one part of a MIME document, so that others can be added beside it."""
    part = MIMENonMultipart("application", "node.eks.aws")
    part.set_payload(json.dumps(config, indent=2))  # JSON is YAML
    document = MIMEMultipart(boundary="//", _subparts=[part])
    return document.as_string()


def bottlerocket_settings(node: Node, cluster: Mapping[str, str]) -> str:
    """Bottlerocket's TOML. Source: Bottlerocket settings reference, settings.kubernetes."""
    tables = {
        "settings.kubernetes": {
            "cluster-name": cluster["name"],
            "api-server": cluster["endpoint"],
            "cluster-certificate": cluster["certificate_authority"],
            # EKS gives CoreDNS the tenth address; not told, the node asks the EKS API for it.
            "cluster-dns-ip": str(ip_network(cluster["service_cidr"])[10]),
        },
        "settings.kubernetes.node-labels": dict(node.labels),
        "settings.kubernetes.node-taints": _taints(node),
        **(_PARALLEL_PULL_TABLES if node.parallel_pull else {}),
    }
    return _tables(tables)


def _taints(node: Node) -> dict[str, list[str]]:
    effects: dict[str, list[str]] = {}
    for taint in node.taints:
        effects.setdefault(taint.key, []).append(f"{taint.value}:{taint.effect}")
    return effects


def _tables(tables: Mapping[str, Mapping[str, Any]]) -> str:
    return "\n".join(_table(name, values) for name, values in tables.items() if values)


def _table(name: str, values: Mapping[str, Any]) -> str:
    # JSON's strings and lists are TOML's too.
    lines = [f"{json.dumps(key)} = {json.dumps(value)}\n" for key, value in values.items()]
    return f"[{name}]\n{''.join(lines)}"
