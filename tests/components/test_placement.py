"""Where a pool's nodes go: one group a zone, and whole nodes under max_gpus."""

from typing import Any

import pytest
from hypothesis import given, settings

from components.nodes.placement import Placement, placement, shares
from components.values.gpu_pool import GpuPool
from components.values.value import BadInput, check
from tests.found import every
from tests.given import subnets
from tests.pools import placed, pools

POOL = {"instance_types": ["g6.xlarge"], "max_gpus": 3}


def place(letters: str, **wish: Any) -> Placement:
    return placement(check(GpuPool, {**POOL, **wish}), subnets(letters), "us-west-2")


def sizes(letters: str, **wish: Any) -> dict[str, int]:
    return {name: group.max_nodes for name, group in place(letters, **wish).groups.items()}


def test_max_gpus_are_shared_in_whole_nodes_and_the_preferred_capacity_type_takes_the_remainder():
    assert sizes("abc", max_gpus=10, capacity_types=["spot", "on-demand"]) == {
        "us-west-2a-spot": 2,
        "us-west-2b-spot": 2,
        "us-west-2c-spot": 1,
        "us-west-2a-on-demand": 2,
        "us-west-2b-on-demand": 2,
        "us-west-2c-on-demand": 1,
    }
    assert sizes("ab", max_gpus=15, instance_types=["g6.12xlarge"], capacity_types=["on-demand", "spot"]) == {
        "us-west-2a-on-demand": 1,
        "us-west-2b-on-demand": 1,
        "us-west-2a-spot": 1,
    }


def test_a_zone_without_a_share_gets_no_group_and_it_is_said():
    made = place("abc", max_gpus=2, capacity_types=["spot", "on-demand"])

    assert made.groups.keys() == {"us-west-2a-spot", "us-west-2a-on-demand"}
    assert made.left_out == (
        "no spot group in us-west-2b, us-west-2c: max_gpus 2 allows 1 spot node, in us-west-2a",
        "no on-demand group in us-west-2b, us-west-2c: max_gpus 2 allows 1 on-demand node, in us-west-2a",
    )


def test_a_capacity_type_without_a_share_gets_no_group_and_it_is_said():
    assert place("a", max_gpus=1, capacity_types=["spot", "on-demand"]).left_out == (
        "no on-demand group: the capacity types before it take all of max_gpus 1",
    )


def test_a_type_that_a_zone_lacks_is_skipped_there_and_it_is_said():
    made = place("ad", instance_types=["g5.xlarge", "g6.xlarge"], max_gpus=4)

    assert {name: group.instance_types for name, group in made.groups.items()} == {
        "us-west-2a-on-demand": ("g5.xlarge", "g6.xlarge"),
        "us-west-2d-on-demand": ("g6.xlarge",),
    }
    assert made.left_out == ("us-west-2d goes without g5.xlarge, which it does not offer",)


def test_a_zone_that_offers_none_of_the_types_gets_no_share():
    made = place("ad", instance_types=["g5.xlarge"], max_gpus=4)

    assert {name: group.max_nodes for name, group in made.groups.items()} == {"us-west-2a-on-demand": 4}
    assert made.left_out == ("no group in us-west-2d: it offers none of g5.xlarge",)


def test_two_subnets_of_one_zone_are_one_group():
    both = [*subnets("a"), {**subnets("a")[0], "subnet_id": "subnet-a2"}]
    (group,) = placement(check(GpuPool, POOL), both, "us-west-2").groups.values()

    assert group.subnet_ids == ("subnet-a", "subnet-a2")


def test_the_pool_chooses_among_the_zones_that_have_a_subnet():
    assert sizes("abc", zones=["us-west-2c", "us-west-2a"]) == {"us-west-2a-on-demand": 2, "us-west-2c-on-demand": 1}


def test_a_region_outside_the_catalog_is_taken_to_offer_every_type():
    given_ = [{"zone": "us-gov-west-1a", "zone_id": "usgw1-az1", "subnet_id": "subnet-1"}]

    assert placement(check(GpuPool, POOL), given_, "us-gov-west-1").groups.keys() == {"us-gov-west-1a-on-demand"}  # pyright: ignore[reportArgumentType] - plain data


@settings(max_examples=200, deadline=None)
@given(pools())
def test_max_gpus_is_never_exceeded_and_every_group_has_whole_nodes(pool):
    groups = placed(pool).groups.values()
    per_node = pool.instance_types[0].accelerators
    nodes = [group.max_nodes for group in groups]

    assert min(nodes) >= 1
    assert sum(nodes) * per_node <= pool.max_gpus < (sum(nodes) + 1) * per_node
    assert all(len(group.subnet_ids) == 1 and group.min_nodes == 0 for group in every(groups))


@pytest.mark.parametrize(("total", "parts", "expected"), [(7, 3, [3, 2, 2]), (2, 3, [1, 1, 0]), (0, 2, [0, 0])])
def test_shares_differ_by_one_at_most(total, parts, expected):
    assert shares(total, parts) == expected


def test_of_a_need_the_types_that_the_zones_have_are_enough():
    wish = {"need": {"gpus": 1, "gpu_memory_gib": 20}, "max_gpus": 2}
    pool = check(GpuPool, wish)

    assert [row.name for row in pool.instance_types] == [
        "g6.xlarge",
        "g6.2xlarge",
        "g5.xlarge",
        "g5.2xlarge",
        "g6.4xlarge",
        "gr6.4xlarge",
    ]
    assert [group.instance_types for group in placement(pool, subnets("d"), "us-west-2").groups.values()] == [
        ("g6.xlarge", "g6.2xlarge", "g6.4xlarge", "gr6.4xlarge")
    ]


@pytest.mark.parametrize(
    ("wish", "message"),
    [
        (
            {"max_age_h": 168},
            "pool.max_age_h: a node group replaces no node for its age, got 168: leave it out, or use KarpenterGpuPool",
        ),
        (
            {"disruption_budget": "20%"},
            "pool.disruption_budget: the cluster autoscaler says for the whole cluster how many nodes go at once, "
            "got 20%: leave it out, or use KarpenterGpuPool",
        ),
        (
            {"termination_grace_s": 60},
            "pool.termination_grace_s: the cluster autoscaler says for the whole cluster how long it waits for a pod, "
            "got 60: leave it out, or use KarpenterGpuPool",
        ),
        (
            {"weight": 1},
            "pool.weight: the cluster autoscaler chooses among node groups by its expander, got 1: leave it out, or "
            "use KarpenterGpuPool",
        ),
        (
            {"capacity_types": ["reserved", "spot"]},
            "pool.capacity_types: reserved needs reservations, so name one or more in pool.reservations",
        ),
    ],
)
def test_what_a_node_group_cannot_express_is_refused_with_the_reason(wish, message):
    with pytest.raises(BadInput) as refused:
        place("a", **wish)

    assert str(refused.value) == message
