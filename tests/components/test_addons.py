"""The add-ons: names that EKS knows, and policies of the region's partition."""

from components.catalog import ADDONS, managed_policy_arn
from components.control_plane.addons import AFTER_NODES, BEFORE_NODES


def test_eks_knows_every_addon():
    assert {addon.name for addon in (*BEFORE_NODES, *AFTER_NODES)} <= ADDONS


def test_what_needs_pods_on_nodes_comes_after_them():
    assert [addon.name for addon in BEFORE_NODES] == ["vpc-cni", "kube-proxy", "eks-pod-identity-agent"]
    assert [addon.name for addon in AFTER_NODES] == [
        "coredns",
        "metrics-server",
        "aws-ebs-csi-driver",
        "eks-node-monitoring-agent",
    ]


def test_a_policy_is_of_the_regions_partition():
    assert managed_policy_arn("P", "us-west-2") == "arn:aws:iam::aws:policy/P"
    assert managed_policy_arn("P", "cn-north-1") == "arn:aws-cn:iam::aws:policy/P"
    assert managed_policy_arn("P", "us-gov-west-1") == "arn:aws-us-gov:iam::aws:policy/P"
