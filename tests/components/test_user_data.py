"""User data, read back as the node reads it."""

import email
import tomllib
from base64 import b64decode
from typing import Any

import pytest
import yaml
from hypothesis import given, settings

from components.catalog import GPU_TAINT, Taint
from components.nodes.autoscaler_tags import autoscaler_tags
from components.nodes.node_group import Node
from components.nodes.user_data import user_data
from tests.found import every
from tests.given import CLUSTER
from tests.pools import placed, pools

LABEL = "k8s.io/cluster-autoscaler/node-template/label/"
TAINT = "k8s.io/cluster-autoscaler/node-template/taint/"


def node(image: str, labels: dict[str, str] | None = None, taints: tuple[Taint, ...] = ()) -> Node:
    return Node(image=image, architecture="amd64", disk_gib=50, labels=labels or {}, taints=taints, resources={})


def read_nodeadm(given: str) -> dict:
    document: Any = email.message_from_bytes(b64decode(given))
    (part,) = document.get_payload()
    assert part.get_content_type() == "application/node.eks.aws"
    return yaml.safe_load(part.get_payload())


def read_bottlerocket(given: str) -> dict:
    return tomllib.loads(b64decode(given).decode())["settings"]["kubernetes"]


def flag(config: dict, name: str) -> list[str]:
    (text,) = (value for value in config["spec"]["kubelet"]["flags"] if value.startswith(f"{name}="))
    return text.removeprefix(f"{name}=").split(",")


def test_nodeadm_is_told_the_cluster_and_the_flags_of_kubelet():
    given = user_data(node("al2023", {"team": "vision", "a.b/c": "d"}, (GPU_TAINT,)), CLUSTER)

    assert read_nodeadm(given) == {
        "apiVersion": "node.eks.aws/v1alpha1",
        "kind": "NodeConfig",
        "spec": {
            "cluster": {
                "name": "gaia",
                "apiServerEndpoint": "https://gaia.example",
                "certificateAuthority": "Y2VydGlmaWNhdGU=",
                "cidr": "172.20.0.0/16",
            },
            "kubelet": {
                "flags": ["--node-labels=team=vision,a.b/c=d", "--register-with-taints=nvidia.com/gpu=true:NoSchedule"]
            },
        },
    }


def test_nodeadm_gets_no_flag_without_a_value():
    assert read_nodeadm(user_data(node("al2023"), CLUSTER))["spec"]["kubelet"] == {"flags": []}


def test_bottlerocket_is_told_the_same_in_toml():
    taints = (GPU_TAINT, Taint("nvidia.com/gpu", "true", "NoExecute"), Taint("dedicated", "a", "NoSchedule"))
    given = user_data(node("bottlerocket", {"team": "vision"}, taints), CLUSTER)

    assert read_bottlerocket(given) == {
        "cluster-name": "gaia",
        "api-server": "https://gaia.example",
        "cluster-certificate": "Y2VydGlmaWNhdGU=",
        "cluster-dns-ip": "172.20.0.10",
        "node-labels": {"team": "vision"},
        "node-taints": {"nvidia.com/gpu": ["true:NoSchedule", "true:NoExecute"], "dedicated": ["a:NoSchedule"]},
    }


def test_bottlerocket_gets_no_empty_table():
    assert read_bottlerocket(user_data(node("bottlerocket"), CLUSTER)).keys() == {
        "cluster-name",
        "api-server",
        "cluster-certificate",
        "cluster-dns-ip",
    }


@pytest.mark.parametrize("image", ["al2023", "bottlerocket"])
def test_the_same_node_gets_the_same_bytes(image):
    assert user_data(node(image), CLUSTER) == user_data(node(image), CLUSTER)


@settings(max_examples=200, deadline=None)
@given(pools())
def test_a_node_carries_exactly_what_the_autoscaler_is_told(pool):
    for group in every(placed(pool).groups.values()):
        tags = autoscaler_tags(group.node)
        told_labels = {key.removeprefix(LABEL): value for key, value in tags.items() if key.startswith(LABEL)}
        told_taints = {key.removeprefix(TAINT): value for key, value in tags.items() if key.startswith(TAINT)}
        given_ = user_data(group.node, CLUSTER)
        if pool.node_image == "bottlerocket":
            carried = read_bottlerocket(given_)
            assert carried["node-labels"] == told_labels
            assert carried["node-taints"] == {key: [value] for key, value in told_taints.items()}
        else:
            carried = read_nodeadm(given_)
            assert dict(item.split("=") for item in flag(carried, "--node-labels")) == told_labels
            assert set(flag(carried, "--register-with-taints")) == {
                f"{key}={value}" for key, value in told_taints.items()
            }
