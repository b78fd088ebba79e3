"""The planner's node is the one that Karpenter makes: every type of the catalog, as Karpenter's own package answers.

The package gets AWS's descriptions of the types as moto has them, and never the catalog.
"""

from collections import Counter
from collections.abc import Mapping
from fractions import Fraction
from math import ceil
from typing import Any

import pytest
from moto.ec2.models.instance_types import INSTANCE_TYPES

from eks_gpu.lab.karpenter_nodes import Case, KarpentersNode, karpenters_nodes
from eks_gpu.pools.karpenter_node import Controller, karpenter_node
from eks_gpu_components.catalog import instance_types, labels_of_type

pytestmark = pytest.mark.xdist_group("karpenter's nodes")  # one worker asks Karpenter, once

REGION = "us-west-2"
AL2023, BOTTLEROCKET = ({"amiSelectorTerms": [{"alias": f"{family}@v1.2.3"}]} for family in ("al2023", "bottlerocket"))
CUSTOM = {"amiFamily": "Custom", "amiSelectorTerms": [{"id": "ami-0123456789abcdef0"}]}
FAMILIES = {
    "al2023": AL2023,
    "bottlerocket": BOTTLEROCKET,
    "al2": {"amiFamily": "AL2", "amiSelectorTerms": [{"name": "own-*"}]},
    "custom": CUSTOM,
    "bottlerocket by name": {"amiFamily": "Bottlerocket", "amiSelectorTerms": [{"id": "ami-0123456789abcdef0"}]},
    "custom from an alias": {**AL2023, "amiFamily": "Custom"},
}


def volume(device: str, size: str | None, **more: Any) -> dict[str, Any]:
    ebs = {"volumeType": "gp3"} if size is None else {"volumeSize": size}
    return {"deviceName": device, "ebs": ebs, **more}


SETTINGS: dict[str, dict[str, Any]] = {
    "plain": {},
    "raid0": {"instanceStorePolicy": "RAID0"},
    "raid0 and a volume": {"instanceStorePolicy": "RAID0", "blockDeviceMappings": [volume("/dev/xvda", "300Gi")]},
    "xvda": {"blockDeviceMappings": [volume("/dev/xvda", "101Gi")]},
    "xvdb": {"blockDeviceMappings": [volume("/dev/xvdb", "57G")]},
    "both": {"blockDeviceMappings": [volume("/dev/xvda", "7Gi"), volume("/dev/xvdb", "1T")]},
    "another root": {"blockDeviceMappings": [volume("/dev/xvda", "8Gi"), volume("/dev/sdf", "33Gi", rootVolume=True)]},
    "a root without a size": {"blockDeviceMappings": [volume("/dev/xvda", None, rootVolume=True)]},
    "one pod": {"kubelet": {"maxPods": 1}},
    "110 pods": {"kubelet": {"maxPods": 110}},
    "pods by core": {"kubelet": {"podsPerCore": 3}},
    "pods by core and at most": {"kubelet": {"podsPerCore": 7, "maxPods": 20}},
    "reserved": {
        "kubelet": {
            "kubeReserved": {"cpu": "1500m", "memory": "1G", "ephemeral-storage": "3Gi"},
            "systemReserved": {"cpu": "100m", "memory": "100Mi", "ephemeral-storage": "1Gi"},
        }
    },
    "a part reserved": {"kubelet": {"kubeReserved": {"memory": "12345k"}, "systemReserved": {"cpu": "0.25"}}},
    "an expression": {"kubelet": {"maxPods": "vcpus * 10", "kubeReserved": {"cpu": "vcpus * 30"}}},
    "evicted early": {"kubelet": {"evictionHard": {"memory.available": "5%", "nodefs.available": "15%"}}},
    "evicted at an amount": {"kubelet": {"evictionHard": {"memory.available": "750Mi", "nodefs.available": "3Gi"}}},
    "never evicted": {"kubelet": {"evictionHard": {"memory.available": "100%", "nodefs.available": "100%"}}},
    "evicted at a fraction": {"kubelet": {"evictionHard": {"memory.available": "7.3%", "imagefs.available": "9%"}}},
    "evicted softly": {
        "kubelet": {
            "evictionSoft": {"memory.available": "30%"},
            "evictionSoftGracePeriod": {"memory.available": "1m"},
        }
    },
    "efa interfaces": {
        "networkInterfaces": [
            {"networkCardIndex": 0, "deviceIndex": 0, "interfaceType": "interface"},
            {"networkCardIndex": 0, "deviceIndex": 1, "interfaceType": "efa-only"},
            {"networkCardIndex": 1, "deviceIndex": 1, "interfaceType": "efa-only"},
        ]
    },
    "one interface": {"networkInterfaces": [{"networkCardIndex": 0, "deviceIndex": 0, "interfaceType": "interface"}]},
}
CONTROLLERS = [Controller(memory_overhead=0.0), Controller(memory_overhead=0.1, reserved_interfaces=1)]

UNJUDGED = {
    "karpenter.k8s.aws/instance-cpu-sustained-clock-speed-mhz": "the catalog has no clock speeds",
    "karpenter.k8s.aws/instance-ebs-bandwidth": "the catalog has no bandwidths",
    "karpenter.k8s.aws/instance-encryption-in-transit-supported": "the catalog does not say which network encrypts",
    "karpenter.k8s.aws/instance-network-bandwidth": "the catalog has no bandwidths",
    "karpenter.sh/capacity-type": "a pool's requirements decide it; here are types without Spot",
    "topology.kubernetes.io/region": "a pool's cluster decides it",
}
"""Labels that are not compared, and why."""
NOT_DESCRIBED = {row.name for row in instance_types() if row.accelerator and row.accelerator.kind in ("amd", "habana")}
"""Types of the catalog that moto does not describe: it has no g4ad and no dl1."""
COMPARED = [row for row in instance_types() if row.name not in NOT_DESCRIBED]


LABELLED = ("al2023", "plain", Controller())
"""The case whose labels are asked for: a node class changes none of them."""


def cases() -> list[tuple[Case, Controller]]:
    """Every setting of a class with both images of EKS, then other families of images, then other controllers."""
    eks = ("al2023", "bottlerocket")
    few = ("plain", "raid0", "xvda", "both", "another root", "pods by core")
    made = [(family, setting, Controller()) for family in eks for setting in SETTINGS]
    made += [(family, setting, Controller()) for family in FAMILIES if family not in eks for setting in few]
    made += [
        (family, setting, controller)
        for family in eks
        for setting in ("plain", "reserved", "efa interfaces")
        for controller in CONTROLLERS
    ]
    return [
        (
            Case(
                name=f"{family}, {setting}, {controller.memory_overhead}, {controller.reserved_interfaces}",
                spec={**FAMILIES[family], **SETTINGS[setting]},
                memory_overhead=controller.memory_overhead,
                reserved_interfaces=controller.reserved_interfaces,
                labels=(family, setting, controller) == LABELLED,
            ),
            controller,
        )
        for family, setting, controller in made
    ]


def whole(amounts: Mapping[str, Fraction]) -> dict[str, int]:
    """As Kubernetes hands out a quantity: rounded up."""
    return {name: ceil(amount) for name, amount in amounts.items()}


@pytest.fixture(scope="module")
def answers() -> dict[str, dict[str, KarpentersNode]]:
    return karpenters_nodes([case for case, _ in cases()], INSTANCE_TYPES.values(), REGION)


@pytest.mark.minutes(1)
def test_every_type_has_what_karpenter_says_under_every_node_class(answers, capsys):
    compared: Counter[str] = Counter()
    disagreements = []
    for case, controller in cases():
        node = karpenter_node(case.spec, controller)
        for row in COMPARED:
            theirs = answers[case.name][row.name]
            for what, ours, told in (
                ("capacity", whole(node.exact_capacity(row)), theirs.capacity),
                ("allocatable", whole(node.exact_allocatable(row)), theirs.allocatable),
            ):
                compared[what] += len(told)
                disagreements += [
                    (case.name, row.name, what, name, ours.get(name), told.get(name))
                    for name in ours.keys() | told.keys()
                    if ours.get(name) != told.get(name)
                ]
    with capsys.disabled():
        print(f"\n{len(cases())} node classes, {len(COMPARED)} types: {dict(compared)} amounts are the same")
    assert disagreements[:10] == []
    assert min(compared.values()) > 1_000_000


def test_every_type_has_the_labels_that_karpenter_gives_it(answers, capsys):
    compared: Counter[str] = Counter()
    theirs = answers[next(case.name for case, _ in cases() if case.labels)]
    for row in COMPARED:
        ours = labels_of_type(row, "karpenter.k8s.aws")
        told = {key: value for key, value in theirs[row.name].labels.items() if key not in UNJUDGED}
        assert dict(ours) == told, row.name
        compared.update(told.keys())
    with capsys.disabled():
        print(f"\n{sum(compared.values())} labels of {len(compared)} keys are the same")
    assert len(compared) > 15


@pytest.mark.parametrize("family", FAMILIES)
def test_karpenter_starts_the_same_types(answers, family):
    theirs = answers[f"{family}, plain, {Controller().memory_overhead}, 0"]
    node = karpenter_node(FAMILIES[family], Controller())

    assert [row.name for row in COMPARED if node.starts(row) != theirs[row.name].compatible] == []


def test_every_label_that_is_not_compared_is_one_that_karpenter_sets(answers):
    set_somewhere = {key for nodes in answers.values() for node in nodes.values() for key in node.labels}
    assert UNJUDGED.keys() <= set_somewhere
