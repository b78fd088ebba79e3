"""Requirements of node pools: operators, values and labels that nodes have, and what is nearest to the others."""

import pytest

from components.catalog.requirement_rules import requirement_faults
from components.catalog.requirements import Required

KARPENTER, AUTO_MODE = "karpenter.k8s.aws", "eks.amazonaws.com"
OF_TYPE = "karpenter.k8s.aws/instance"
ZONE, ZONE_ID, CAPACITY = "topology.kubernetes.io/zone", "topology.k8s.aws/zone-id", "karpenter.sh/capacity-type"


def faults(key, *values, operator="In", group=KARPENTER, least=0):
    found = requirement_faults(Required(key, operator, values, least), group, "us-west-2")
    return [(fault.kind, fault.sure, str(fault)) for fault in found]


@pytest.mark.parametrize(
    ("key", "value", "sure", "says"),
    [
        (f"{OF_TYPE}-family", "g4", False, "g4 is no instance family; nearest: g4dn"),
        (f"{OF_TYPE}-family", "p4", False, "p4 is no instance family; nearest: p4d"),
        (f"{OF_TYPE}-family", "p3", False, "p3 is no longer offered: AWS lists it no longer; nearest: g5"),
        (
            f"{OF_TYPE}-family",
            "g5.xlarge",
            False,
            "g5.xlarge is no instance family, but an instance type, which node.kubernetes.io/instance-type says",
        ),
        (f"{OF_TYPE}-gpu-name", "A10G", False, "A10G is no GPU; nearest: a10g"),
        (f"{OF_TYPE}-gpu-name", "nvidia-l4", False, "nvidia-l4 is no GPU; nearest: l4"),
        (f"{OF_TYPE}-gpu-manufacturer", "true", False, "true is no maker of GPUs; there are: amd, habana, nvidia"),
        (f"{OF_TYPE}-gpu-count", "3", False, "3 is no number of GPUs; nearest: 2"),
        (f"{OF_TYPE}-gpu-count", "one", True, "one is no whole number, as instance-gpu-count is"),
        (f"{OF_TYPE}-size", "2x-large", False, "2x-large is no instance size; nearest: 2xlarge"),
        ("kubernetes.io/arch", "x86_64", True, "x86_64 is no architecture; nearest: amd64"),
        ("kubernetes.io/arch", "aarch64", True, "aarch64 is no architecture; nearest: arm64"),
        ("kubernetes.io/os", "Linux", True, "Linux is no operating system; nearest: linux"),
        (CAPACITY, "ondemand", True, "ondemand is no capacity type; nearest: on-demand"),
        (ZONE, "us-east-1b", True, "us-east-1b is no zone of us-west-2, but of us-east-1; nearest: us-west-2b"),
        (ZONE, "usw2-az1", True, "usw2-az1 is no zone of us-west-2: it is one of topology.k8s.aws/zone-id"),
        (ZONE_ID, "use1-az2", True, "use1-az2 is no zone id of us-west-2, but of us-east-1; nearest: usw2-az2"),
        (
            "topology.kubernetes.io/region",
            "eu-west-1",
            True,
            "eu-west-1 is no region of the cluster; nearest: us-west-2",
        ),
        ("beta.kubernetes.io/arch", "x86_64", True, "x86_64 is no architecture; nearest: amd64"),
    ],
)
def test_a_value_that_no_node_has(key, value, sure, says):
    assert faults(key, value) == [("value", sure, says)]


@pytest.mark.parametrize(
    ("key", "values"),
    [
        (f"{OF_TYPE}-family", ["g4ad", "g6", "p5en"]),
        (f"{OF_TYPE}-category", ["g", "p", "trn", "inf"]),
        (f"{OF_TYPE}-gpu-manufacturer", ["nvidia", "amd", "habana"]),
        (f"{OF_TYPE}-gpu-name", ["a10g", "radeon-pro-v520", "gaudi-hl-205"]),
        (f"{OF_TYPE}-accelerator-manufacturer", ["aws", "qualcomm"]),
        (f"{OF_TYPE}-encryption-in-transit-supported", ["true"]),
        ("kubernetes.io/os", ["linux", "windows"]),
        (CAPACITY, ["reserved", "spot", "on-demand"]),
        (ZONE_ID, ["usw2-az1"]),
        ("example.com/team", ["vision"]),
        ("karpenter.k8s.aws/instance-network-bandwidth", ["10000"]),
    ],
)
def test_values_that_nodes_have(key, values):
    assert faults(key, *values) == []


def test_a_value_that_is_ruled_out_must_exist_too():
    assert faults(f"{OF_TYPE}-size", "metall", operator="NotIn") == [
        ("value", False, "metall is no instance size, and rules nothing out; nearest: metal")
    ]


@pytest.mark.parametrize(
    ("key", "operator", "values", "expected"),
    [
        (
            f"{OF_TYPE}-family",
            "Gt",
            ["5"],
            (
                "value",
                True,
                "Gt compares numbers, and an instance family is a text, so no type meets it; nearest: operator In",
            ),
        ),
        (
            f"{OF_TYPE}-cpu",
            "Gt",
            ["many"],
            ("form", True, "must have one whole number, because its operator is Gt, got ['many']"),
        ),
        (
            f"{OF_TYPE}-family",
            "Exists",
            ["g5"],
            ("value", False, "its values g5 are ignored, because its operator is Exists; nearest: operator In"),
        ),
        (
            f"{OF_TYPE}-gpu-memory",
            "Gt",
            ["40"],
            ("value", False, "40 MiB is less than any type has; nearest: 40960, which is 40 GiB"),
        ),
    ],
)
def test_an_operator_that_does_not_fit_its_label(key, operator, values, expected):
    assert faults(key, *values, operator=operator) == [expected]


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        (
            "on-demand",
            "spot",
            ("form", True, f"on-demand is no label that nodes get, but a value of {CAPACITY}; nearest: {CAPACITY}"),
        ),
        (
            f"{OF_TYPE}-familly",
            "g5",
            ("form", True, f"{OF_TYPE}-familly is a label that no node gets; nearest: {OF_TYPE}-family"),
        ),
        (
            "eks.amazonaws.com/instance-family",
            "g5",
            ("form", True, f"eks.amazonaws.com/instance-family means nothing to Karpenter: write {OF_TYPE}-family"),
        ),
        (
            "karpenter.sh/capacity_type",
            "spot",
            (
                "form",
                True,
                "karpenter.sh/capacity_type is refused: it is in a domain of Karpenter's, which has no such label; "
                f"nearest: {CAPACITY}",
            ),
        ),
        (
            "karpenter.sh/nodepool",
            "gpu",
            ("form", True, "karpenter.sh/nodepool is refused in a requirement, because each node has its own"),
        ),
        (
            "capacity-type",
            "spot",
            (
                "value",
                False,
                f"capacity-type is a label of your own, by which no instance type is chosen; nearest: {CAPACITY}",
            ),
        ),
    ],
)
def test_a_label_that_nodes_do_not_get(key, value, expected):
    assert faults(key, value) == [expected]


def test_each_back_end_has_its_own_labels():
    assert faults("eks.amazonaws.com/instance-family", "g5", group=AUTO_MODE) == []
    assert faults(f"{OF_TYPE}-family", "g5", group=AUTO_MODE) == [
        ("form", True, f"{OF_TYPE}-family means nothing to Auto Mode: write eks.amazonaws.com/instance-family")
    ]
