"""Pools as they are read from NodePools of Karpenter and of EKS Auto Mode: places, ceilings and nodes."""

from dataclasses import replace
from typing import Any

import pytest

from eks_gpu.graph.graph import Resource
from eks_gpu.graph.unknown import Asked, Told
from eks_gpu.pools.pool import Disk
from eks_gpu_components.catalog import Taint
from tests.graphs import analysed, cluster, gpu_work, resource
from tests.karpenter_graphs import (
    ARCH,
    AUTO_MODE,
    ON_DEMAND,
    SPOT_FIRST,
    auto_mode_cluster,
    auto_mode_node_class,
    auto_mode_pool,
    healthy,
    karpenter,
    node_class,
    node_overlay,
    node_pool,
    pool,
    requirement,
    subnet,
    types,
)


def test_a_node_pool_of_karpenter():
    assert pool(node_pool(), node_class()).as_json() == {
        "name": "gpu",
        "backend": "karpenter",
        "cluster": None,
        "accelerator": "nvidia",
        "instance_types": ["g4dn.xlarge", "g6.xlarge", "g5.xlarge"],  # cheapest first
        "gpus_per_node": 1,
        "devices_per_node": {"nvidia.com/gpu": 1},
        "capacity_types": ["spot", "on-demand"],
        "zones": ["us-west-2a", "us-west-2b"],
        "min_nodes": 0,
        "desired_nodes": None,
        "max_nodes": 4,
        "max_gpus": 4,
        "labels": {"nvidia.com/gpu.present": "true"},
        "taints": [{"key": "nvidia.com/gpu", "value": "true", "effect": "NoSchedule"}],
        "scales_to_zero": True,
        "upgrade": {
            "how": "drift",
            "why": "100% at a time; a pod that may not be disrupted holds its node; a newer image than v20260714 "
            "does not",
        },
    }


def test_a_node_pool_of_auto_mode():
    made = node_pool(
        ARCH, ON_DEMAND, requirement("eks.amazonaws.com/instance-family", "g6e"), template={"nodeClassRef": AUTO_MODE}
    )
    found = pool(made, auto_mode_node_class(ephemeralStorage={"size": "200Gi", "iops": 6000, "throughput": 250}))
    assert (found.backend, found.max_gpus, found.capacity_types) == ("auto-mode", 4, ("on-demand",))
    assert found.instance_types[:2] == ("g6e.xlarge", "g6e.2xlarge")
    assert found.disks == (Disk(200, "gp3", encrypted=True, iops=6000, throughput_mib_s=250),)
    assert (found.imds_v2, found.driver, found.device_plugin) == (True, True, True)


# --- places and capacity types ---------------------------------------------------------------------------------------


def zones(*requirements: dict[str, Any], terms: list[dict[str, Any]] | None = None, more: Any = ()) -> tuple[str, ...]:
    selected: dict[str, Any] = {} if terms is None else {"subnetSelectorTerms": terms}
    return pool(node_pool(ARCH, types("g5.xlarge"), *requirements), node_class(**selected), *more).zones


def test_zones_are_those_of_the_subnets_that_the_class_selects():
    assert zones() == ("us-west-2a", "us-west-2b")
    assert zones(terms=[{"id": "subnet-b"}]) == ("us-west-2b",)
    assert zones(terms=[{"tags": {"karpenter.sh/discovery": "*"}}]) == ("us-west-2a", "us-west-2b")
    assert zones(terms=[{"tags": {"karpenter.sh/discovery": "other"}}]) == ()
    assert zones(terms=[{"tags": {"karpenter.sh/discovery": "shop", "tier": "gpu"}}]) == ()


def test_a_tag_from_outside_counts():
    tag = {"resourceId": "subnet-a", "key": "tier", "value": "gpu"}
    made = resource("aws:ec2/tag:Tag", "tier", tag)
    assert zones(terms=[{"tags": {"tier": "gpu"}}], more=[made]) == ("us-west-2a",)


def test_zones_are_required_by_name_or_by_id():
    assert zones(requirement("topology.kubernetes.io/zone", "us-west-2b", "us-west-2c")) == ("us-west-2b",)
    assert zones(requirement("topology.kubernetes.io/zone", "us-west-2b", operator="NotIn")) == ("us-west-2a",)
    assert zones(requirement("topology.k8s.aws/zone-id", "usw2-az1")) == ("us-west-2b",)
    unknown = [{"id": "subnet-elsewhere"}]
    assert zones(requirement("topology.kubernetes.io/zone", "us-west-2c"), terms=unknown) == ("us-west-2c",)
    assert zones(terms=unknown) == ()


def test_a_type_that_no_zone_of_the_pool_sells_is_none_of_its_types():
    found = pool(
        node_pool(ARCH, types("g5.xlarge", "p5en.48xlarge")), node_class(subnetSelectorTerms=[{"id": "subnet-b"}])
    )
    assert found.instance_types == ("g5.xlarge",)


@pytest.mark.parametrize(
    ("required", "expected"),
    [
        ([], ("spot", "on-demand")),
        ([SPOT_FIRST], ("spot", "on-demand")),
        ([requirement("karpenter.sh/capacity-type", "on-demand", "spot")], ("spot", "on-demand")),  # not in its order
        ([requirement("karpenter.sh/capacity-type", "reserved", "on-demand")], ("reserved", "on-demand")),
        ([requirement("karpenter.sh/capacity-type", "spot", operator="NotIn")], ("on-demand",)),
    ],
)
def test_capacity_types_come_in_karpenters_order(required, expected):
    assert pool(node_pool(ARCH, types("g5.xlarge"), *required), node_class()).capacity_types == expected


# --- ceilings --------------------------------------------------------------------------------------------------------


def ceiling(given: dict[str, str] | None, *types_: str, **spec: Any) -> tuple[int | None, int | None]:
    """The most nodes and GPUs."""
    limits = {} if given is None else {"limits": given}
    found = pool(node_pool(ARCH, types(*types_), **limits, **spec), node_class())
    return found.max_nodes, found.max_gpus


@pytest.mark.parametrize(
    ("limits", "names_", "expected"),
    [
        ({"nvidia.com/gpu": "10"}, ("g5.xlarge",), (10, 10)),
        ({"nvidia.com/gpu": "10"}, ("g5.12xlarge",), (2, 8)),  # whole nodes
        ({"nvidia.com/gpu": "10"}, ("g5.xlarge", "g5.12xlarge"), (10, 10)),
        ({"nvidia.com/gpu": "3"}, ("g5.12xlarge",), (0, 0)),
        ({"nvidia.com/gpu": "10", "cpu": "12"}, ("g5.xlarge",), (3, 3)),
        ({"nvidia.com/gpu": "10", "memory": "48Gi"}, ("g5.xlarge",), (3, 3)),
        ({"nodes": "2"}, ("g5.xlarge", "g5.12xlarge"), (2, 8)),
        ({"cpu": "100"}, ("g5.xlarge", "g5.12xlarge"), (25, 25)),
        ({"memory": "600Gi"}, ("g5.12xlarge", "g7e.12xlarge"), (3, 12)),  # not the 13 that the memory amounts to
        ({"gpu": "10"}, ("g5.xlarge",), (None, None)),
        ({}, ("g5.xlarge",), (None, None)),
    ],
)
def test_limits_give_the_ceiling(limits, names_, expected):
    assert ceiling(limits, *names_) == expected


def test_a_static_pool_has_its_nodes_and_no_others():
    found = pool(node_pool(ARCH, types("g5.12xlarge"), replicas=2, limits={"nodes": "3"}), node_class())
    assert (found.min_nodes, found.desired_nodes, found.max_nodes, found.max_gpus) == (2, 2, 3, 12)
    assert (found.max_nodes_for_pods, found.autoscaled, found.starts_none) == (2, False, "")


@pytest.mark.parametrize(
    ("spec", "gates", "nodes"),
    [
        ({"replicas": 2, "limits": {}}, {"staticCapacity": True}, (2, 2, 2, 8)),
        ({"replicas": 5, "limits": {"nodes": "3"}}, {"staticCapacity": True}, (3, 3, 3, 12)),
        ({"replicas": 0, "limits": {"nodes": "3"}}, {"staticCapacity": True}, (0, 0, 0, 0)),
        ({"replicas": 2, "limits": {"nodes": "3"}}, {"staticCapacity": False}, (0, 0, 0, 0)),
        ({"replicas": 2, "limits": {"nodes": "3"}}, {}, (0, 0, 0, 0)),
    ],
    ids=["no limit", "a limit below", "no replicas", "off", "off by default"],
)
def test_the_nodes_of_a_static_pool_end_at_its_limit_of_nodes_and_need_the_gate(spec, gates, nodes):
    found = pool(node_pool(ARCH, types("g5.12xlarge"), **spec), node_class(), karpenter(featureGates=gates))
    assert (found.min_nodes, found.desired_nodes, found.max_nodes, found.max_gpus) == nodes


def test_a_gate_that_only_an_update_tells_counts_as_one_that_nobody_names():
    release = karpenter()
    settings = Told({}, {"featureGates": Asked(release.urn, "values.settings.featureGates")})
    told = replace(release, inputs={**release.inputs, "values": {"settings": settings}})
    static = pool(node_pool(ARCH, types("g5.12xlarge"), replicas=2, limits={"nodes": "3"}), node_class(), told)
    assert static.min_nodes == 2
    shared = pool(node_pool(), node_class(), told, node_overlay(capacity={"nvidia.com/gpu": "4"}))
    assert shared.overlaid.gate is None
    hidden = Told({"chart": "oci://public.ecr.aws/karpenter/karpenter"}, {"values": Asked(release.urn, "values")})
    assert pool(static_pool(), replace(release, inputs=hidden)).min_nodes == 2


def static_pool():
    return node_pool(ARCH, types("g5.12xlarge"), replicas=2, limits={"nodes": "3"})


def test_auto_mode_needs_no_gate_for_a_static_pool():
    made = auto_mode_pool(ARCH, types("g5.12xlarge"), replicas=2, limits={"nodes": "3"})
    assert pool(made, auto_mode_node_class(), karpenter()).min_nodes == 2


def test_pods_start_no_node_of_a_static_pool():
    static = node_pool(ARCH, ON_DEMAND, types("g5.xlarge"), replicas=1, limits={"nodes": "3"})
    on = karpenter(featureGates={"staticCapacity": True})
    found = analysed(*healthy(gpu=static, karpenter=on, train=gpu_work(replicas=3)))
    for bill in (found.cost.idle, found.cost.steady):
        assert [item.quantity for item in bill.items if "g5.xlarge" in item.name] == [1]
    assert "2 of Deployment default/train find no room: the pools that take them are at their maximum" in (
        found.cost.steady.notes
    )
    assert [item.quantity for item in found.cost.max.items if "g5.xlarge" in item.name] == [3]
    assert [need.needed for need in found.quotas if need.quota.code == "L-DB2E81BA"] == [12]


def test_a_static_pool_whose_gate_is_off_takes_no_pod_and_costs_nothing():
    static = node_pool(ARCH, ON_DEMAND, types("g5.xlarge"), replicas=1, limits={"nodes": "3"})
    found = analysed(*healthy(gpu=static))
    reason = found.verdicts["urn:pulumi:dev::shop::kubernetes:apps/v1:Deployment::train"][-1].reason
    assert reason == "it has spec.replicas, and the gate StaticCapacity is off, so Karpenter starts no node of it"
    assert [item.name for item in found.cost.max.items if "g5" in item.name] == []
    assert [need.needed for need in found.quotas if need.quota.code == "L-DB2E81BA"] == []
    (said,) = [each for each in found.findings if (each.id, each.subject) == ("groups-may-start-nodes", "gpu")]
    assert (said.message, said.fix) == (
        "it has spec.replicas, and the gate StaticCapacity is off, so Karpenter starts no node of it",
        "set spec.replicas above 0, and turn the gate StaticCapacity on",
    )


def test_weight_taints_and_labels_are_read():
    taints = [{"key": "team", "effect": "NoExecute"}, {"key": "broken", "effect": "NO_SCHEDULE"}]
    found = pool(node_pool(weight=20, template={"taints": taints}, labels={"team": "ml"}), node_class())
    assert (found.weight, found.taints, found.labels) == (20, (Taint("team", "", "NoExecute"),), {"team": "ml"})


# --- nodes -----------------------------------------------------------------------------------------------------------


def test_disks_of_an_ec2_node_class():
    mapping = {"volumeSize": "1T", "volumeType": "io2", "iops": 5000}
    found = pool(node_pool(), node_class(blockDeviceMappings=[{"deviceName": "/dev/xvda", "ebs": mapping}]))
    assert found.disks == (Disk(932, "io2", encrypted=False, iops=5000, device="/dev/xvda"),)


@pytest.mark.parametrize(
    ("alias", "disks", "plugin", "driver"),
    [
        ("al2023@latest", (Disk(20, encrypted=True, device="/dev/xvda"),), False, True),
        (
            "bottlerocket@v1.50.0",
            (Disk(6, encrypted=True, device="/dev/xvda"), Disk(20, encrypted=True, device="/dev/xvdb")),
            True,
            True,
        ),
        ("windows2022@latest", None, False, None),
    ],
)
def test_what_an_image_brings(alias, disks, plugin, driver):
    found = pool(node_pool(), node_class(amiSelectorTerms=[{"alias": alias}], blockDeviceMappings=None))
    assert (found.disks, found.device_plugin, found.driver) == (disks, plugin, driver)


def test_bottlerocket_has_neurons_driver_and_auto_mode_its_plugin_too():
    inferentia = requirement("node.kubernetes.io/instance-type", "inf2.xlarge")
    bought = pool(node_pool(inferentia), node_class(amiSelectorTerms=[{"alias": "bottlerocket@v1.50.0"}]))
    assert (bought.driver, bought.device_plugin) == (True, False)
    started = pool(node_pool(inferentia, template={"nodeClassRef": AUTO_MODE}), auto_mode_node_class())
    assert (started.driver, started.device_plugin) == (True, True)


def test_a_class_outside_the_stack_says_nothing_of_karpenters_nodes_and_much_of_auto_modes():
    found = pool(node_pool())
    assert (found.disks, found.imds_v2, found.driver, found.zones) == (None, None, None, ())
    auto = pool(auto_mode_pool())
    assert (auto.disks, auto.imds_v2, auto.driver) == ((Disk(80, encrypted=True),), True, True)


def test_imds_v2_is_karpenters_default():
    assert pool(node_pool(), node_class()).imds_v2 is True
    assert pool(node_pool(), node_class(metadataOptions={"httpTokens": "optional"})).imds_v2 is False


def test_a_node_has_the_labels_that_karpenter_knows_beforehand():
    found = pool(cluster(version="1.35"), node_pool(ARCH, SPOT_FIRST, types("g4dn.xlarge"), labels={}), node_class())
    first = found.candidates[0]
    assert first.labels == {
        "karpenter.sh/nodepool": "gpu",
        "karpenter.sh/capacity-type": "spot",
        "karpenter.k8s.aws/ec2nodeclass": "gpu",
        "karpenter.k8s.aws/instance-capability-flex": "false",
        "karpenter.k8s.aws/instance-category": "g",
        "karpenter.k8s.aws/instance-cpu": "4",
        "karpenter.k8s.aws/instance-cpu-manufacturer": "intel",
        "karpenter.k8s.aws/instance-family": "g4dn",
        "karpenter.k8s.aws/instance-generation": "4",
        "karpenter.k8s.aws/instance-gpu-count": "1",
        "karpenter.k8s.aws/instance-gpu-manufacturer": "nvidia",
        "karpenter.k8s.aws/instance-gpu-memory": "16384",
        "karpenter.k8s.aws/instance-gpu-name": "t4",
        "karpenter.k8s.aws/instance-hypervisor": "nitro",
        "karpenter.k8s.aws/instance-local-nvme": "125",
        "karpenter.k8s.aws/instance-memory": "16384",
        "karpenter.k8s.aws/instance-size": "xlarge",
        "kubernetes.io/arch": "amd64",
        "kubernetes.io/os": "linux",
        "node.kubernetes.io/instance-type": "g4dn.xlarge",
        "topology.k8s.aws/zone-id": "usw2-az2",
        "topology.kubernetes.io/region": "us-west-2",
        "topology.kubernetes.io/zone": "us-west-2a",
    }
    assert found.late_labels == {"nvidia.com/gpu.present": "true"}
    assert len(found.candidates) == 4  # two zones, Spot and on demand


# --- Auto Mode's own pools -------------------------------------------------------------------------------------------


def test_auto_mode_brings_pools_of_its_own():
    general, system = analysed(subnet("a"), subnet("b"), auto_mode_cluster("general-purpose", "system")).pools
    assert (general.name, general.backend, general.cluster) == ("general-purpose", "auto-mode", "shop")
    assert (general.max_nodes, general.max_gpus, general.taints) == (None, 0, ())
    assert general.zones == ("us-west-2a", "us-west-2b")
    assert {row.architecture for row in general.types} == {"amd64"}
    assert {row.category for row in general.types} == {"c", "m", "r"}
    assert min(row.generation for row in general.types) == 5
    assert {row.architecture for row in system.types} == {"amd64", "arm64"}
    assert system.taints == (Taint("CriticalAddonsOnly", "", "NoSchedule"),)


def component(**auto_mode: Any) -> Resource:
    return resource("eks:index:Cluster", "shop", {"version": "1.35", "autoMode": auto_mode})


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (auto_mode_cluster(), []),
        (component(enabled=True), ["general-purpose", "system"]),
        (component(enabled=True, computeConfig={"nodePools": ["system"]}), ["system"]),
        (component(enabled=True, computeConfig={"nodePools": []}), []),
        (component(enabled=False), []),
        (cluster(), []),
    ],
)
def test_built_in_pools_are_those_that_the_cluster_asks_for(made, expected):
    assert [pool.name for pool in analysed(made).pools] == expected
