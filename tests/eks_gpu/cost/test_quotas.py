"""Quotas: what a stack's maximum needs of each, and what a new account has."""

from dataclasses import replace
from typing import Any

import pytest

from eks_gpu.graph.graph import Resource
from eks_gpu.plan.render import quotas
from tests.console import shown
from tests.graphs import analysed, gpu_group, healthy, launch_template, managed_group, overrides, resource, subnet
from tests.karpenter_graphs import ARCH, ON_DEMAND, node_class, node_pool, types

GROUP = (subnet("a"), launch_template())


def needed(*resources: Resource) -> dict[str, tuple[str | None, int | None, int]]:
    """Code -> capacity type, need and a new account's own."""
    rows = [need.as_json() for need in analysed(*resources).quotas]
    return {row["code"]: (row["capacity_type"], row["needed"], row["default"]) for row in rows}


def test_a_healthy_stack_needs_vcpus_on_demand_for_its_system_and_spot_for_its_gpus():
    assert needed(*healthy()) == {
        "L-1216C47A": ("on-demand", 4, 5),  # two m7i.large
        "L-3819A6DF": ("spot", 16, 0),  # four g4dn.xlarge or g5.xlarge
    }
    assert analysed(*healthy()).quotas[1].as_json() == {
        "code": "L-3819A6DF",
        "name": "All G and VT Spot Instance Requests",
        "capacity_type": "spot",
        "needed": 16,
        "default": 0,
        "region": "us-west-2",
    }


def test_a_group_counts_with_its_largest_type_in_each_quota_and_splits_what_it_mixes():
    policy = overrides("g4dn.xlarge", "g4dn.2xlarge", "p3dn.24xlarge", onDemandBaseCapacity=1)
    assert needed(*GROUP, gpu_group(mixedInstancesPolicy=policy)) == {
        "L-DB2E81BA": ("on-demand", 8, 0),
        "L-417A185B": ("on-demand", 96, 0),
        "L-3819A6DF": ("spot", 24, 0),
        "L-7212CCBC": ("spot", 288, 0),
    }


def test_a_node_pool_of_both_capacity_types_may_fill_both_quotas():
    both = {"key": "karpenter.sh/capacity-type", "operator": "In", "values": ["spot", "on-demand"]}
    made = node_pool(ARCH, both, types("g4dn.xlarge", "g4dn.12xlarge"), limits={"nvidia.com/gpu": "8"})
    assert needed(made, node_class()) == {
        "L-DB2E81BA": ("on-demand", 96, 0),  # two of 48; eight of 4 are fewer
        "L-3819A6DF": ("spot", 96, 0),
    }
    alone = node_pool(ARCH, ON_DEMAND, types("inf2.xlarge"), limits={"cpu": "10"})
    assert needed(alone, node_class()) == {"L-1945791B": ("on-demand", 8, 0)}


def test_a_pool_without_a_ceiling_needs_a_number_that_nobody_knows():
    (need,) = analysed(node_pool(ARCH, ON_DEMAND, types("g5.xlarge"), limits=None), node_class()).quotas
    assert (need.as_json()["needed"], need.beyond_default) == (None, True)


def test_addresses_and_vpcs_count_too_and_pools_of_one_quota_add_up():
    def many(kind: str, count: int) -> list[Any]:
        return [resource(kind, f"{count}-{number}", {}) for number in range(count)]

    stack = [*many("aws:ec2/eip:Eip", 6), *many("aws:ec2/vpc:Vpc", 1), managed_group("a"), managed_group("b")]
    assert needed(*stack) == {
        "L-1216C47A": ("on-demand", 8, 5),
        "L-0263D0A3": (None, 6, 5),
        "L-F678F1CE": (None, 1, 5),
    }


def test_each_region_has_quotas_of_its_own():
    def there(made: Resource) -> Resource:
        return replace(made, inputs={**made.inputs, "region": "eu-west-1"})

    address = resource("aws:ec2/eip:Eip", "way out", {})
    found = analysed(managed_group("a"), there(managed_group("b")), address, there(replace(address, urn="urn:other")))
    assert [(need.quota.code, need.region, need.needed) for need in found.quotas] == [
        ("L-1216C47A", "us-west-2", 4),
        ("L-1216C47A", "eu-west-1", 4),
        ("L-0263D0A3", "us-west-2", 1),
        ("L-0263D0A3", "eu-west-1", 1),
    ]
    text = shown(quotas(found.quotas))
    assert [line.split()[-4:] for line in text.splitlines() if "L-1216C47A" in line] == [
        ["us-west-2", "L-1216C47A", "4", "5"],
        ["eu-west-1", "L-1216C47A", "4", "5"],
    ]


def test_nodes_that_are_kept_are_named_with_the_quota_that_must_let_them_come():
    kept = analysed(*healthy(gpu=gpu_group(minSize=2, desiredCapacity=2))).cost
    said = (
        "pool gpu keeps 2 nodes, with 8 vCPUs of quota L-3819A6DF, of which a new account has 0: without more they "
        "neither come nor cost"
    )
    assert [said in bill.notes for bill in (kept.idle, kept.steady, kept.demand_max)] == [True, True, False]
    nothing = analysed(*healthy()).cost
    assert not [note for bill in (nothing.idle, nothing.steady) for note in bill.notes if "quota" in note]


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"hard": {"requests.nvidia.com/gpu": "0"}}, "requests.nvidia.com/gpu is 0, and its workloads need 2"),
        ({"hard": {"requests.nvidia.com/gpu": "9"}}, ""),
        ({"hard": {"requests.nvidia.com/gpu": "0"}, "scopes": ["BestEffort"]}, ""),
    ],
    ids=["refuses", "has room", "of some pods"],
)
def test_a_resource_quota_that_refuses_pods_of_a_bill_is_named_there(spec, said):
    manifest = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "gpus"}, "spec": spec}
    made = resource("kubernetes:core/v1:ResourceQuota", "gpus", manifest)
    found = analysed(*healthy(), made).cost
    told = [note for note in found.steady.notes if note.startswith("ResourceQuota")]
    counted = "ResourceQuota default/gpus refuses pods whose nodes are counted all the same"
    assert told == ([f"{counted}: {said}"] if said else [])
    assert not [note for note in found.idle.notes if "ResourceQuota" in note]
