"""Pools as they are read from NodePools of Karpenter and of EKS Auto Mode."""

from typing import Any

import pytest

from eks_gpu_components.catalog import Taint
from eks_gpu_planner.cost import Bill
from eks_gpu_planner.graph import Resource
from eks_gpu_planner.pools import Disk, Pool
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
    healthy_auto_mode,
    node_class,
    node_pool,
    requirement,
    subnet,
    types,
)

PREFIX = "karpenter.k8s.aws/instance"


def pool(*resources: Resource) -> Pool:
    (found,) = analysed(subnet("a"), subnet("b"), *resources).pools
    return found


def names(*requirements: dict[str, Any], **spec: Any) -> list[str]:
    """Types of a pool of NVIDIA's amd64 GPUs that meet the requirements too, cheapest first."""
    maker = requirement(f"{PREFIX}-gpu-manufacturer", "nvidia")
    return list(pool(node_pool(ARCH, maker, *requirements, **spec), node_class()).instance_types)


def test_a_node_pool_of_karpenter():
    assert pool(node_pool(), node_class()).as_json() == {
        "name": "gpu",
        "backend": "karpenter",
        "accelerator": "nvidia",
        "instance_types": ["g4dn.xlarge", "g6.xlarge", "g5.xlarge"],  # cheapest first
        "gpus_per_node": 1,
        "capacity_types": ["spot", "on-demand"],
        "zones": ["us-west-2a", "us-west-2b"],
        "min_nodes": 0,
        "desired_nodes": None,
        "max_nodes": 4,
        "max_gpus": 4,
        "labels": {"nvidia.com/gpu.present": "true"},
        "taints": [{"key": "nvidia.com/gpu", "value": "true", "effect": "NoSchedule"}],
        "scales_to_zero": True,
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


@pytest.mark.parametrize(
    ("required", "expected"),
    [
        (types("g5.xlarge", "g4dn.xlarge"), ["g4dn.xlarge", "g5.xlarge"]),
        (requirement(f"{PREFIX}-family", "gr6"), ["gr6.4xlarge", "gr6.8xlarge"]),
        (
            requirement(f"{PREFIX}-gpu-name", "l40s"),
            [f"g6e.{size}xlarge" for size in ("", "2", "4", "8", "16", "12", "24", "48")],
        ),
        (requirement(f"{PREFIX}-gpu-name", "h100", "b200"), ["p5.4xlarge", "p5.48xlarge", "p6-b200.48xlarge"]),
        (
            requirement(f"{PREFIX}-gpu-memory", "143000", operator="Gt"),
            ["p5en.48xlarge", "p6-b200.48xlarge", "p6-b300.48xlarge"],
        ),
    ],
)
def test_requirements_select_types(required, expected):
    assert names(required) == expected


@pytest.mark.parametrize(
    ("operator", "values", "expected"),
    [
        ("In", ["4"], "g4dn.xlarge"),
        ("NotIn", ["4", "8"], "g4dn.4xlarge"),
        ("Gt", ["4"], "g4dn.2xlarge"),
        ("Gte", ["8"], "g4dn.2xlarge"),
        ("Lt", ["5"], "g4dn.xlarge"),
        ("Lte", ["4"], "g4dn.xlarge"),
        ("Exists", [], "g4dn.xlarge"),
    ],
)
def test_every_operator_of_a_requirement(operator, values, expected):
    family = requirement(f"{PREFIX}-family", "g4dn")
    assert names(family, requirement(f"{PREFIX}-cpu", *values, operator=operator))[0] == expected


def test_a_label_that_must_not_be():
    family, none = requirement(f"{PREFIX}-family", "g5", "g6"), requirement(f"{PREFIX}-local-nvme", operator="Exists")
    assert "g5.xlarge" in names(family, none)
    none["operator"] = "DoesNotExist"
    assert names(family, none) == []


def test_sizes_generations_categories_and_memory_are_labels_too():
    given = [
        requirement(f"{PREFIX}-category", "g"),
        requirement(f"{PREFIX}-generation", "5", operator="Gt"),
        requirement(f"{PREFIX}-size", "xlarge", "2xlarge"),
        requirement(f"{PREFIX}-memory", "32768", operator="Lte"),
        requirement(f"{PREFIX}-gpu-count", "1"),
        requirement(f"{PREFIX}-hypervisor", "nitro"),
    ]
    assert names(*given) == ["g6.xlarge", "g6.2xlarge", "g6e.xlarge", "g7.2xlarge"]


def test_a_cpu_maker_excludes_only_types_that_are_known_to_have_another():
    family = requirement(f"{PREFIX}-family", "m7a", "m7i", "m7g", "m5")
    made = node_pool(family, requirement(f"{PREFIX}-cpu-manufacturer", "intel"), requirement(f"{PREFIX}-size", "large"))
    assert set(pool(made, node_class()).instance_types) == {"m7i.large", "m5.large"}


def test_a_label_of_the_template_that_karpenter_decides_is_a_requirement():
    assert names(labels={f"{PREFIX}-family": "gr6"}) == ["gr6.4xlarge", "gr6.8xlarge"]


def test_neuron_devices_are_accelerators_and_no_gpus():
    made = node_pool(requirement(f"{PREFIX}-accelerator-name", "inferentia2"), limits={"aws.amazon.com/neuron": "13"})
    found = pool(made, node_class())
    assert (found.accelerator, found.max_gpus) == ("neuron", 13)
    assert found.instance_types == ("inf2.xlarge", "inf2.8xlarge", "inf2.24xlarge", "inf2.48xlarge")


def test_a_pool_for_both_architectures_has_both():
    found = pool(node_pool(requirement(f"{PREFIX}-family", "g5", "g5g")), node_class())
    assert {row.architecture for row in found.types} == {"amd64", "arm64"}


def test_auto_mode_has_no_fractional_gpus_and_no_family_that_it_does_not_list():
    made = auto_mode_pool(requirement("eks.amazonaws.com/instance-gpu-name", "l4", "rtx-pro-4500"))
    families = {row.family for row in pool(made, auto_mode_node_class()).types}
    assert families == {"g6", "gr6"}
    karpenter = pool(node_pool(requirement(f"{PREFIX}-gpu-name", "l4", "rtx-pro-4500")), node_class())
    assert {row.family for row in karpenter.types} == {"g6", "gr6", "g6f", "gr6f", "g7"}


def test_misspelt_types_are_kept_for_the_check_and_known_to_be_none():
    found = pool(node_pool(ARCH, SPOT_FIRST, types("g5.xlarge", "g5.xlrge")), node_class())
    assert found.instance_types == ("g5.xlarge", "g5.xlrge")
    assert [row.name for row in found.types] == ["g5.xlarge"]


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
    assert (found.min_nodes, found.desired_nodes, found.max_nodes, found.max_gpus) == (2, 2, 2, 8)
    assert not found.autoscaled


def test_weight_taints_and_labels_are_read():
    taints = [{"key": "team", "effect": "NoExecute"}, {"key": "broken", "effect": "NO_SCHEDULE"}]
    found = pool(node_pool(weight=20, template={"taints": taints}, labels={"team": "ml"}), node_class())
    assert (found.weight, found.taints, found.labels) == (20, (Taint("team", "", "NoExecute"),), {"team": "ml"})


# --- nodes -----------------------------------------------------------------------------------------------------------


def test_disks_of_an_ec2_node_class():
    mapping = {"volumeSize": "1T", "volumeType": "io2", "iops": 5000}
    found = pool(node_pool(), node_class(blockDeviceMappings=[{"deviceName": "/dev/xvda", "ebs": mapping}]))
    assert found.disks == (Disk(932, "io2", encrypted=False, iops=5000),)


@pytest.mark.parametrize(
    ("alias", "disks", "plugin", "driver"),
    [
        ("al2023@latest", (Disk(20, encrypted=True),), False, True),
        ("bottlerocket@v1.50.0", (Disk(4, encrypted=True), Disk(20, encrypted=True)), True, True),
        ("windows2022@latest", None, False, None),
    ],
)
def test_what_an_image_brings(alias, disks, plugin, driver):
    found = pool(node_pool(), node_class(amiSelectorTerms=[{"alias": alias}], blockDeviceMappings=None))
    assert (found.disks, found.device_plugin, found.driver) == (disks, plugin, driver)


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


# --- cost ------------------------------------------------------------------------------------------------------------


def lines(bill: Bill, pool_name: str) -> dict[str, tuple[int, float]]:
    prefix = f"pool {pool_name}: "
    found = {item.name: (item.quantity, round(item.hourly, 4)) for item in bill.items}
    return {name.removeprefix(prefix): line for name, line in found.items() if name.startswith(prefix)}


def test_idle_is_free_and_steady_takes_the_cheapest_type_on_spot():
    cost = analysed(*healthy()).cost
    assert lines(cost.idle, "gpu") == {}
    assert lines(cost.steady, "gpu") == {"g4dn.xlarge, Spot": (2, 0.526), "disks of 100 GiB": (2, 0.0219)}


def test_steady_takes_the_cheapest_type_that_the_pod_fits():
    made = node_pool(ARCH, ON_DEMAND, types("g4dn.xlarge", "g4dn.2xlarge"))
    small, large = gpu_work("small", replicas=1), gpu_work("large", replicas=1, nodeSelector={f"{PREFIX}-cpu": "8"})
    cost = analysed(*healthy(gpu=made, train=[small, large])).cost
    assert lines(cost.steady, "gpu") == {
        "g4dn.2xlarge, on demand": (1, 0.752),
        "g4dn.xlarge, on demand": (1, 0.526),
        "disks of 100 GiB": (2, 0.0219),
    }


def test_the_heavier_pool_comes_first_even_when_it_is_dearer():
    cheap = node_pool(ARCH, ON_DEMAND, types("g4dn.xlarge"), name="cheap")
    dear = node_pool(ARCH, ON_DEMAND, types("g5.xlarge"), name="dear", weight=10, limits={"nvidia.com/gpu": "1"})
    cost = analysed(*healthy(gpu=[cheap, dear])).cost
    assert lines(cost.steady, "dear")["g5.xlarge, on demand"] == (1, 1.006)  # up to its limit
    assert lines(cost.steady, "cheap")["g4dn.xlarge, on demand"] == (1, 0.526)


def test_a_limit_on_cpu_stops_nodes_too():
    found = analysed(*healthy(gpu=node_pool(limits={"nvidia.com/gpu": "4", "cpu": "4"})))
    assert lines(found.cost.steady, "gpu")["g4dn.xlarge, Spot"] == (1, 0.263)
    assert "1 of Deployment default/train find no room" in found.cost.steady.notes[0]


def test_a_limit_counts_the_nodes_that_are_there_not_their_number():
    made = node_pool(ARCH, ON_DEMAND, types("g5.xlarge", "g5.12xlarge"), limits={"nvidia.com/gpu": "7"})
    found = analysed(*healthy(gpu=made, train=gpu_work(replicas=2, gpus=4)))
    assert lines(found.cost.steady, "gpu")["g5.12xlarge, on demand"] == (1, 5.672)
    assert "1 of Deployment default/train find no room" in found.cost.steady.notes[0]


def test_a_pod_joins_a_node_only_where_it_selects_one_like_it():
    made = node_pool(ARCH, ON_DEMAND, types("g5.12xlarge"), limits={"nvidia.com/gpu": "8"})

    def nodes(*zones: str) -> int:
        work = [gpu_work(zone, 1, nodeSelector={"topology.kubernetes.io/zone": zone}) for zone in zones]
        return lines(analysed(*healthy(gpu=made, train=work)).cost.steady, "gpu")["g5.12xlarge, on demand"][0]

    assert nodes("us-west-2a") == 1
    assert nodes("us-west-2a", "us-west-2b") == 2


def test_maximum_is_the_limit_in_the_dearest_type_on_demand():
    assert lines(analysed(*healthy()).cost.max, "gpu") == {
        "g5.xlarge, on demand": (4, 4.024),
        "disks of 100 GiB": (4, 0.0438),
    }
    large = node_pool(ARCH, types("g4dn.xlarge", "g4dn.12xlarge"), limits={"nvidia.com/gpu": "8"})
    assert lines(analysed(*healthy(gpu=large)).cost.max, "gpu") == {
        "g4dn.12xlarge, on demand": (2, 7.824),
        "disks of 100 GiB": (2, 0.0219),
    }


def test_what_is_left_of_a_limit_under_one_node_costs_nothing():
    made = node_pool(ARCH, types("g4dn.12xlarge"), limits={"nvidia.com/gpu": "10"})
    assert lines(analysed(*healthy(gpu=made)).cost.max, "gpu") == {
        "g4dn.12xlarge, on demand": (2, 7.824),
        "disks of 100 GiB": (2, 0.0219),
    }


def test_a_mix_of_types_under_two_limits_is_in_the_maximum():
    # 64 + 32 + 4 vCPUs with three GPUs cost more than three of 32, or one of 64.
    limits = {"nvidia.com/gpu": "4", "cpu": "100"}
    made = node_pool(ARCH, types("g4dn.xlarge", "g4dn.8xlarge", "g4dn.16xlarge"), limits=limits)
    found = lines(analysed(*healthy(gpu=made)).cost.max, "gpu")
    assert found["g4dn.8xlarge, on demand"] == (3, 6.528)
    mixed = 4.352 + 2.176 + 0.526
    assert 6.528 + found["what a mix of types may cost more, at most"][1] >= mixed


def test_auto_mode_adds_its_share():
    cost = analysed(*healthy_auto_mode()).cost
    assert lines(cost.steady, "gpu") == {
        "g4dn.xlarge, on demand": (2, 1.052),
        "Auto Mode on g4dn.xlarge": (2, 0.1262),
        "disks of 80 GiB": (2, 0.0175),
    }
    assert lines(cost.max, "gpu") == {
        "g5.xlarge, on demand": (4, 4.024),
        "Auto Mode on g5.xlarge": (4, 0.4829),
        "disks of 80 GiB": (4, 0.0351),
    }


def test_pools_without_a_ceiling_are_left_out_of_the_maximum_with_a_note():
    notes = analysed(*healthy_auto_mode()).cost.max.notes
    assert notes[:2] == (
        "pool general-purpose has no ceiling and is left out",
        "pool system has no ceiling and is left out",
    )


def test_a_static_pool_is_paid_while_idle():
    made = node_pool(ARCH, ON_DEMAND, types("g4dn.xlarge"), replicas=2, limits={"nodes": "2"})
    assert lines(analysed(*healthy(gpu=made)).cost.idle, "gpu")["g4dn.xlarge, on demand"] == (2, 1.052)
