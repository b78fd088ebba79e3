"""EKS Auto Mode: nodes that may join, and objects that its API server takes."""

import pytest

from tests.graphs import findings, resource
from tests.karpenter_graphs import (
    ARCH,
    AUTO_MODE,
    ON_DEMAND,
    access_entry,
    access_policy,
    auto_mode_cluster,
    auto_mode_failure,
    auto_mode_node_class,
    auto_mode_pool,
    healthy_auto_mode,
    node_pool,
    requirement,
    types,
)

ENTRY, POLICY = "an access entry of type EC2", "the policy AmazonEKSAutoNodePolicy for the whole cluster"


@pytest.mark.parametrize(
    ("instead", "missing"),
    [
        ({"access_entry": None}, ENTRY),
        ({"access_entry": access_entry(type="EC2_LINUX")}, ENTRY),
        ({"access_policy": None}, POLICY),
        ({"access_policy": access_policy(accessScope={"type": "namespace"})}, POLICY),
        ({"access_entry": None, "access_policy": None}, f"{ENTRY} and {POLICY}"),
        ({"node_class": auto_mode_node_class(role="other")}, f"{ENTRY} and {POLICY}"),
    ],
)
def test_nodes_that_may_not_join(instead, missing):
    role = "other" if "node_class" in instead else "shop-node"
    assert auto_mode_failure("auto-mode-node-class-has-an-access-entry", **instead) == (
        "gpu",
        f"its nodes start and never join the cluster: give role {role} {missing}",
    )


def test_the_role_of_the_built_in_pools_has_its_entry_from_eks():
    stack = {"node_class": auto_mode_node_class(role="built-in"), "access_entry": None, "access_policy": None}
    check = "auto-mode-node-class-has-an-access-entry"
    assert findings(check, *healthy_auto_mode(**stack))["gpu"][0]
    without = healthy_auto_mode(**stack, cluster=auto_mode_cluster())
    assert not findings(check, *without)["gpu"][0]


def test_entries_that_the_component_is_told_count():
    policy = {"policyArn": "arn:aws:eks::aws:cluster-access-policy/AmazonEKSAutoNodePolicy"}
    entry = {
        "principalArn": "arn:aws:iam::123456789012:role/shop-node",
        "type": "EC2",
        "accessPolicies": {"nodes": {**policy, "accessScope": {"type": "cluster"}}},
    }
    inputs = {"autoMode": {"enabled": True}, "accessEntries": {"nodes": entry}}
    made = resource("eks:index:Cluster", "shop", inputs)
    stack = healthy_auto_mode(cluster=made, access_entry=None, access_policy=None)
    assert findings("auto-mode-node-class-has-an-access-entry", *stack)["gpu"][0]


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (
            auto_mode_pool(ARCH, ON_DEMAND, types("g5.xlarge"), requirement("karpenter.k8s.aws/instance-cpu", "4")),
            "spec.template.spec.requirements[3].key karpenter.k8s.aws/instance-cpu means nothing to Auto Mode: write "
            "eks.amazonaws.com/instance-cpu",
        ),
        (
            node_pool(template={"nodeClassRef": AUTO_MODE, "expireAfter": "337h"}),
            "spec.template.spec.expireAfter must be at most 336h on Auto Mode, got 337h",
        ),
    ],
)
def test_a_node_pool_that_auto_mode_refuses(made, expected):
    assert auto_mode_failure("node-pool-fields-fit-the-chart", gpu=made) == ("NodePool gpu", expected)


def test_auto_mode_accepts_the_requirement_that_its_own_pools_have():
    made = auto_mode_pool(ARCH, ON_DEMAND, types("g4dn.xlarge"), requirement("kubernetes.io/os", "linux"))
    said = findings("node-pool-fields-fit-the-chart", *healthy_auto_mode(gpu=made))
    assert {subject: passed for subject, (passed, _) in said.items()} == {"NodePool gpu": True, "NodeClass gpu": True}


@pytest.mark.parametrize(
    ("made", "subject", "expected"),
    [
        (
            auto_mode_node_class(userData=""),
            "NodeClass gpu",
            "spec.userData is no field of a NodeClass of Auto Mode, but of an EC2NodeClass",
        ),
        (
            auto_mode_node_class("default"),
            "NodeClass default",
            "metadata.name must not be default: that is the class which Auto Mode brings",
        ),
    ],
)
def test_a_node_class_that_auto_mode_refuses(made, subject, expected):
    assert auto_mode_failure("node-pool-fields-fit-the-chart", node_class=made) == (subject, expected)
