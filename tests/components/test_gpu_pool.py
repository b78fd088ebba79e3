"""GpuPool: what it takes, what follows from it, what it refuses."""

from typing import Any

import pytest
import yaml

from components.catalog import Taint, instance_type, instance_types, on_demand_price
from components.values.gpu_pool import GpuPool
from components.values.gpu_pool_args import GpuPoolArgs
from components.values.value import BadInput, check
from tests.found import every
from tests.given import example

POOL = {"instance_types": ["g5.xlarge"], "max_gpus": 2}


def pool(**wish: Any) -> GpuPool:
    return check(GpuPool, {**POOL, **wish}, "pool")


def needing(**need: Any) -> GpuPool:
    return check(GpuPool, {"need": need, "max_gpus": 64}, "pool")


def names(made: GpuPool) -> list[str]:
    return [row.name for row in made.instance_types]


def problem(**wish: Any) -> str:
    with pytest.raises(BadInput) as refused:
        pool(**wish)
    return str(refused.value)


def test_slices_are_what_nodes_of_the_pool_offer_and_whole_gpus_are_none():
    made = pool(instance_types=["p4d.24xlarge"], max_gpus=16, mig="3g.20gb")

    assert (made.resource, made.resources_per_node, made.max_nodes) == ("nvidia.com/mig-3g.20gb", 16, 2)
    assert made.resources == {"nvidia.com/gpu": 0, "nvidia.com/mig-3g.20gb": 16}
    assert made.node_labels == {"nvidia.com/gpu.present": "true", "nvidia.com/mig.config": "all-3g.20gb"}


def test_the_defaults_are_the_safe_choices():
    made = pool()

    assert made.capacity_types == ("on-demand",)
    assert (made.disk_gib, made.idle_s, made.node_image, made.zones, made.sharing) == (100, 600, "al2023", None, None)
    assert made.taints == (Taint("nvidia.com/gpu", "true", "NoSchedule"),)


def test_nodes_follow_from_gpus_and_are_whole():
    made = pool(instance_types=["g5.12xlarge"], max_gpus=11)

    assert (made.accelerators_per_node, made.max_nodes) == (4, 2)


@pytest.mark.parametrize(
    ("types", "label"),
    [
        (["g4dn.xlarge"], "nvidia-tesla-t4"),
        (["g5.xlarge", "g5.2xlarge"], "nvidia-a10g"),
        (["g6.xlarge"], "nvidia-l4"),
        (["g6e.xlarge"], "nvidia-l40s"),
        (["p4d.24xlarge"], "nvidia-tesla-a100"),
        (["g6.xlarge", "g5.xlarge"], "nvidia"),
    ],
)
def test_the_accelerator_label_is_spelled_as_the_autoscaler_lists_it(types, label):
    assert pool(instance_types=types, max_gpus=8).node_labels == {
        "nvidia.com/gpu.present": "true",
        "k8s.amazonaws.com/accelerator": label,
    }


def test_labels_of_the_pool_come_beside_those_that_follow_from_it():
    assert pool(labels={"team": "vision", "node.kubernetes.io/purpose": "inference"}).node_labels == {
        "nvidia.com/gpu.present": "true",
        "k8s.amazonaws.com/accelerator": "nvidia-a10g",
        "team": "vision",
        "node.kubernetes.io/purpose": "inference",
    }


def test_bottlerocket_keeps_a_second_device_plugin_off():
    assert pool(node_image="bottlerocket").node_labels["nvidia.com/gpu.deploy.device-plugin"] == "false"
    assert "nvidia.com/gpu.deploy.device-plugin" not in pool().node_labels


def test_mps_brings_its_daemon_to_the_node_and_time_slicing_does_not():
    def shared(strategy: str) -> dict[str, str]:
        return pool(sharing={"strategy": strategy, "replicas": 2}).node_labels

    assert shared("mps")["nvidia.com/mps.capable"] == "true"
    assert "nvidia.com/mps.capable" not in shared("time-slicing")


def test_age_budget_grace_and_weight_are_left_to_the_back_end_unless_given():
    made = pool()

    assert (made.max_age_h, made.disruption_budget, made.termination_grace_s, made.weight) == (None, None, None, None)


def test_a_shared_gpu_counts_for_each_pod_and_names_its_configuration():
    made = pool(instance_types=["g5.12xlarge"], max_gpus=4, sharing={"strategy": "time-slicing", "replicas": 3})

    assert (made.accelerators_per_node, made.resources_per_node, made.max_nodes) == (4, 12, 1)
    assert made.node_labels["nvidia.com/device-plugin.config"] == "time-slicing-3"


def test_neuron_nodes_have_their_own_taint_and_no_label_that_makes_the_autoscaler_wait_for_a_gpu():
    made = pool(instance_types=["inf2.24xlarge"], max_gpus=12)

    assert made.taints == (Taint("aws.amazon.com/neuron", "true", "NoSchedule"),)
    assert (made.node_labels, made.resource, made.max_nodes) == ({}, "aws.amazon.com/neuron", 2)


def test_a_taint_given_replaces_the_default():
    taint = {"key": "dedicated", "value": "training", "effect": "NoExecute"}

    assert pool(taint=taint).taints == (Taint("dedicated", "training", "NoExecute"),)


def test_a_need_is_answered_with_what_costs_at_most_twice_the_cheapest():
    assert names(needing()) == ["g4dn.xlarge", "g4dn.2xlarge", "g6.xlarge", "g6.2xlarge", "g5.xlarge"]


@pytest.mark.parametrize(
    ("need", "first"),
    [
        ({"gpu_memory_gib": 22}, "g6.xlarge"),
        ({"gpu_memory_gib": 40}, "g6e.xlarge"),
        ({"gpus": 2}, "g4dn.12xlarge"),
        ({"gpus": 8, "gpu_memory_gib": 80}, "p4de.24xlarge"),
        ({"architecture": "arm64"}, "g5g.xlarge"),
        ({"accelerator": "neuron", "gpu_memory_gib": 32}, "inf2.xlarge"),
    ],
)
def test_a_need_starts_with_the_cheapest_type_that_has_it(need, first):
    assert names(needing(**need))[0] == first


@pytest.mark.parametrize(
    ("need", "left_out", "why"),
    [
        ({"gpus": 2, "gpu_memory_gib": 20}, "g7e.12xlarge", "2 GPUs, and the cheapest has 4"),
        ({"gpus": 8}, "p4d.24xlarge", "96 vCPUs, and the cheapest has 192"),
        ({"gpu_memory_gib": 30}, "g7.2xlarge", "no image of EKS has its driver"),
    ],
)
def test_a_need_leaves_out_what_would_break_the_autoscaler_s_plan_or_not_boot(need, left_out, why):
    first, *others = needing(**need).instance_types
    unfit = instance_type(left_out)

    prices = [on_demand_price(name, "us-east-1") for name in (first.name, left_out)]
    cheapest, too_many = (price.hourly for price in prices if price)
    assert too_many <= 2 * cheapest
    assert unfit not in (first, *others), why
    for row in every(others):
        assert row.accelerators == first.accelerators
        assert row.vcpus >= first.vcpus
        assert row.memory_mib >= first.memory_mib


def test_a_need_that_nothing_satisfies_is_refused():
    with pytest.raises(BadInput) as refused:
        needing(gpus=16, gpu_memory_gib=80)

    assert str(refused.value) == (
        "pool.instance_types: no instance type has what is needed: "
        "16 nvidia accelerators of 80 GiB on one amd64 node, with a driver in an EKS image"
    )


@pytest.mark.parametrize(
    ("wish", "message"),
    [
        ({"instance_types": ["g5.12xlarge"]}, "pool.max_gpus must be at least 4, got 2"),
        ({"max_gpus": 0}, "pool.max_gpus must be at least 1, got 0"),
        ({"disk_gib": 29}, "pool.disk_gib must be at least 30, got 29"),
        ({"idle_s": 29}, "pool.idle_s must be at least 30, got 29"),
        (
            {"idle_s": 86401},
            "pool.idle_s must be at most 86400 unless keeps_idle_nodes is true, "
            "because idle nodes cost as busy ones do, got 86401",
        ),
        ({"max_gpu": 2}, "pool.max_gpu is not a known key; nearest: max_gpus"),
        ({"need": {"gpu": 1}, "instance_types": []}, "pool.need.gpu is not a known key; nearest: gpus"),
        ({"need": {"gpus": 1}}, "pool.instance_types: give instance_types or need, not both"),
        ({"instance_types": []}, "pool.instance_types: give instance_types, or a need that they must satisfy"),
        ({"zones": ["us-west-2a", "us-west-2a"]}, "pool.zones must have one entry or more, none of them twice, got "),
        ({"zones": []}, "pool.zones must have one entry or more, none of them twice, got []"),
        ({"capacity_types": []}, "pool.capacity_types must have one entry or more, none of them twice, got []"),
        ({"capacity_types": ["spt"]}, "pool.capacity_types[0] must be one of reserved, spot, on-demand, got 'spt'"),
        ({"node_image": "al2"}, "pool.node_image must be one of al2023, bottlerocket, got 'al2'; nearest: al2023"),
        (
            {"instance_types": ["g5.xlrge"]},
            "pool.instance_types[0]: instance type g5.xlrge is not in the catalog; nearest: g5.xlarge",
        ),
        (
            {"instance_types": ["g4dn"]},
            "pool.instance_types[0]: g4dn is a family, and pods packed on one of its larger types can cost more than a "
            "small node for each: name the types; nearest: g4dn.xlarge",
        ),
        ({"max_age_h": 0}, "pool.max_age_h must be at least 1, got 0"),
        ({"termination_grace_s": 59}, "pool.termination_grace_s must be at least 60, got 59"),
        ({"weight": 0}, "pool.weight must be at least 1, got 0"),
        ({"weight": 101}, "pool.weight must be at most 100, got 101"),
        *(
            ({"disruption_budget": budget}, f"pool.disruption_budget must be nodes, as 20% or 2, got {budget!r}")
            for budget in ("0", "0%", "101%", "half")
        ),
        ({"instance_types": ["m7i.large"]}, "pool.instance_types: m7i.large has no accelerator"),
        (
            {"instance_types": ["g6f.xlarge"]},
            "pool.instance_types: g6f.xlarge has 0.125 of a GPU, which no pod can request: "
            "nvidia.com/gpu counts whole devices",
        ),
        (
            {"instance_types": ["g7.2xlarge"]},
            "pool.instance_types: g7.2xlarge: EKS makes no image with a driver for its nvidia rtx-pro-4500",
        ),
        (
            {"instance_types": ["g5.xlarge", "g5.12xlarge"], "max_gpus": 8},
            "pool.instance_types: types must have one accelerator count, because the autoscaler plans every node "
            "with the first type: g5.xlarge has 1, g5.12xlarge has 4",
        ),
        (
            {"instance_types": ["g5.xlarge", "g5g.xlarge"]},
            "pool.instance_types: types must have one architecture, because one image boots them all: "
            "g5.xlarge has amd64, g5g.xlarge has arm64",
        ),
        (
            {"instance_types": ["g5.xlarge", "inf2.xlarge"]},
            "pool.instance_types: types must have one maker of accelerators, because one image has one driver: "
            "g5.xlarge has nvidia, inf2.xlarge has aws",
        ),
        ({"instance_types": ["g5.xlarge"] * 2}, "pool.instance_types: g5.xlarge is there twice"),
        (
            {"sharing": {"strategy": "mps", "replicas": 2}, "node_image": "bottlerocket"},
            "pool.sharing: needs node_image al2023: Bottlerocket's own device plugin reads no configuration of ours",
        ),
        (
            {"efa": True, "instance_types": ["g5.xlarge"], "zones": ["us-west-2a"]},
            "pool.efa: g5.xlarge has no EFA: name types that have it, see eks-gpu types --efa",
        ),
        (
            {"efa": True, "instance_types": ["p4d.24xlarge", "p5.48xlarge"], "max_gpus": 8, "zones": ["us-west-2a"]},
            "pool.efa: types must have one number of EFA interfaces, which one launch template names: p4d.24xlarge has "
            "4, p5.48xlarge has 32",
        ),
        (
            {"efa": True, "instance_types": ["p4d.24xlarge"], "max_gpus": 8},
            "pool.efa: zones must name one zone: EFA does not reach over zones",
        ),
        (
            {"efa": True, "instance_types": ["p6-b300.48xlarge"], "max_gpus": 8, "zones": ["us-west-2a"]},
            "pool.efa: p6-b300.48xlarge has EFA on some of its network cards, and which is not known",
        ),
        (
            {"mig": "1g.10gb", "instance_types": ["g5.xlarge"]},
            "pool.mig: g5.xlarge has a10g, which cannot be cut; these can: a100, b200, b300, h100, h200, "
            "rtx-pro-server-6000",
        ),
        (
            {"mig": "1g.5gb", "instance_types": ["p5.4xlarge"]},
            "pool.mig must be one of 1g.10gb, 1g.20gb, 2g.20gb, 3g.40gb, 4g.40gb, 7g.80gb for h100 of p5.4xlarge, "
            "got '1g.5gb'",
        ),
        (
            {"mig": "1g.10gb", "instance_types": ["p4d.24xlarge", "p4de.24xlarge"], "max_gpus": 8},
            "pool.mig must give all types one number of slices: p4d.24xlarge has 4 a GPU, p4de.24xlarge has 7 a GPU, "
            "got '1g.10gb'",
        ),
        (
            {"mig": "1g.10gb", "instance_types": ["p5.4xlarge"], "sharing": {"strategy": "mps", "replicas": 2}},
            "pool.mig: GPUs are cut into slices or shared whole: leave out mig or sharing",
        ),
        (
            {"mig": "1g.10gb", "instance_types": ["p5.4xlarge"], "node_image": "bottlerocket"},
            "pool.mig: needs node_image al2023: the GPU operator, which cuts GPUs, does not run on Bottlerocket",
        ),
        (
            {"sharing": {"strategy": "mps", "replicas": 2}, "instance_types": ["inf2.xlarge"]},
            "pool.sharing: only NVIDIA GPUs can be shared, and inf2.xlarge has inferentia2",
        ),
        ({"sharing": {"strategy": "mps", "replicas": 1}}, "pool.sharing.replicas must be at least 2, got 1"),
        (
            {"taint": {"key": "nvidia.com/gpu", "value": "", "effect": "NoSchedule"}},
            "pool.taint.value must not be empty: the autoscaler skips a managed node group's taint without a value",
        ),
        (
            {"taint": {"key": "nvidia.com/gpu", "value": "true", "effect": "NO_SCHEDULE"}},
            "pool.taint.effect must be one of NoSchedule, PreferNoSchedule, NoExecute, got 'NO_SCHEDULE'",
        ),
        (
            {"labels": {"node-role.kubernetes.io/gpu": "true"}},
            "pool.labels: node-role.kubernetes.io/gpu is in a domain that kubelet may not set; "
            "nearest: node.kubernetes.io/gpu",
        ),
        ({"labels": {"eks.amazonaws.com/x": "1"}}, "pool.labels: eks.amazonaws.com/x is for EKS to set"),
        ({"labels": {"karpenter.sh/x": "1"}}, "pool.labels: karpenter.sh/x is for Karpenter to set"),
        ({"labels": {"a.karpenter.sh/x": "1"}}, "pool.labels: a.karpenter.sh/x is for Karpenter to set"),
        (
            {"labels": {"node.kubernetes.io/instance-type": "g5.xlarge"}},
            "pool.labels: node.kubernetes.io/instance-type follows from the pool itself",
        ),
        (
            {"labels": {"nvidia.com/mps.capable": "true"}},
            "pool.labels: nvidia.com/mps.capable follows from the pool itself",
        ),
        (
            {"labels": {"nvidia.com/gpu.present": "false"}},
            "pool.labels: nvidia.com/gpu.present follows from the pool itself",
        ),
        (
            {"labels": {"team": "vision lab"}},
            "pool.labels: value 'vision lab' must be at most 63 letters, digits, '-', '_' and '.'",
        ),
        (
            {"labels": {f"example.com/{'x' * 60}": "1"}},
            f"pool.labels: key example.com/{'x' * 60} must have at most 63 characters, which is EKS's limit; it has 72",
        ),
    ],
)
def test_a_pool_that_cannot_work_is_refused_with_the_rule_and_the_value(wish, message):
    assert problem(**wish).startswith(message)


def test_eks_takes_twenty_types_in_a_group():
    types = [row.name for row in instance_types() if row.gpus == 1 and row.architecture == "amd64"]

    assert problem(instance_types=types[:21]) == "pool.instance_types: a node group takes at most 20 types, got 21"


def test_all_problems_come_at_once():
    assert problem(instance_types=["g5.xlrge"], disk_gib=1, idle_s=1, labels={"a b": "c"}).splitlines() == [
        "pool.instance_types[0]: instance type g5.xlrge is not in the catalog; nearest: g5.xlarge",
        "pool.disk_gib must be at least 30, got 1",
        "pool.labels: key 'a b' must be letters, digits, '-', '_' and '.', with a domain and '/' before or none",
        "pool.idle_s must be at least 30, got 1",
    ]


def test_the_args_name_every_field_of_the_pool():
    assert GpuPoolArgs.__annotations__.keys() == GpuPool.model_fields.keys()


def test_a_pool_does_not_change_after_its_check():
    with pytest.raises(ValueError, match="frozen"):
        pool().max_gpus = 5


def test_the_examples_of_the_page_are_pools():
    wishes = yaml.safe_load(example("gpu_pool", "yaml"))

    assert {name: check(GpuPool, wish).max_nodes for name, wish in wishes.items()} == {
        "inference": 4,
        "training": 2,
        "shared": 1,
        "neuron": 8,
    }


def test_a_pool_may_keep_idle_nodes_for_longer_than_a_day_if_it_says_so():
    assert pool(idle_s=172_800, keeps_idle_nodes=True).idle_s == 172_800


def test_a_neuron_node_offers_devices_and_the_fewest_cores_of_its_types():
    mixed = pool(instance_types=["inf1.xlarge", "inf2.xlarge"])
    assert mixed.resources == {"aws.amazon.com/neuron": 1, "aws.amazon.com/neuroncore": 2}
    shared = pool(instance_types=["g5.xlarge"], sharing={"strategy": "mps", "replicas": 3})
    assert shared.resources == {"nvidia.com/gpu": 3}


def test_slices_beside_shares_are_told_whatever_else_is_wrong():
    sharing = {"strategy": "time-slicing", "replicas": 2}
    with pytest.raises(BadInput) as refused:
        pool(instance_types=["g6.xlrge"], sharing=sharing, mig="1g.5gb")
    assert len(refused.value.problems) == 2
    assert refused.value.problems[1].endswith("leave out mig or sharing")
