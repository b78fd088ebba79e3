"""Where a cluster's pools are otherwise than the program's: each field once, and nothing where all are alike."""

from dataclasses import replace
from datetime import UTC, datetime

from eks_gpu.graph.unread import Unread
from eks_gpu.live.drift import WHOLE, Difference, Drift, differences
from eks_gpu.live.render_drift import render
from eks_gpu.pools.limits import Limits
from eks_gpu.pools.pool import Pool
from eks_gpu_components.catalog import Taint
from tests.console import shown
from tests.programs import plan_of


def pools() -> list[Pool]:
    return plan_of("examples/karpenter-inference", "dev").analysis.pools


def changed(**fields: object) -> list[Difference]:
    """What differs where the cluster's GPU pool has these fields."""
    there = [replace(pool, **fields) if pool.name == "gpu" else pool for pool in pools()]
    return list(differences(pools(), there, False))


def test_the_same_pools_differ_in_nothing():
    assert list(differences(pools(), pools(), False)) == []


def test_each_field_that_is_otherwise_is_told_once():
    taint = Taint("nvidia.com/gpu", "yes", "NoSchedule")
    assert changed(taints=(taint,)) == [
        Difference(
            "gpu",
            "taints",
            [{"key": "nvidia.com/gpu", "value": "true", "effect": "NoSchedule"}],
            [{"key": "nvidia.com/gpu", "value": "yes", "effect": "NoSchedule"}],
        )
    ]
    assert changed(max_nodes=7) == [Difference("gpu", "max_nodes", 100, 7)]
    assert [each.field for each in changed(capacity_types=("spot",), labels={"team": "ml"})] == [
        "capacity_types",
        "labels",
    ]


def test_the_order_of_zones_and_types_is_no_difference():
    (gpu,) = (pool for pool in pools() if pool.name == "gpu")
    assert changed(zones=tuple(reversed(gpu.zones)), instance_types=tuple(reversed(gpu.instance_types))) == []


def test_a_limit_is_told_by_its_resource():
    (gpu,) = (pool for pool in pools() if pool.name == "gpu")
    assert gpu.limits
    fewer = Limits({**gpu.limits.amounts, "nvidia.com/gpu": 6}, gpu.limits.node)
    assert Difference("gpu", "limit of nvidia.com/gpu", "100", "6") in changed(limits=fewer)


def test_a_pool_that_one_of_the_two_lacks():
    rest = [pool for pool in pools() if pool.name != "gpu"]
    assert list(differences(pools(), rest, False)) == [Difference("gpu", WHOLE, "karpenter", None)]
    assert list(differences(rest, pools(), False)) == [Difference("gpu", WHOLE, None, "karpenter")]


def test_a_pool_that_may_be_among_unread_nodes_is_not_missing():
    rest = [pool for pool in pools() if pool.name != "gpu"]
    assert list(differences(pools(), rest, True)) == []


def test_a_name_that_pulumi_ends_is_the_same_pool():
    there = [replace(pool, name="gpu-0a1b2c3") if pool.name == "gpu" else pool for pool in pools()]
    assert list(differences(pools(), there, False)) == []
    there = [replace(pool, name="gpu-large") if pool.name == "gpu" else pool for pool in pools()]
    assert [each.pool for each in differences(pools(), there, False)] == ["gpu", "gpu-large"]


def test_it_is_never_good_where_nodes_were_not_read():
    row = Unread("NodePool objects", "nodes", "RBAC does not allow to list nodepools", "allow it")
    found = Drift("shop", "dev", "shop", datetime(2026, 11, 30, tzinfo=UTC), ("gpu",), (), (row,))
    assert found.failed
    text = shown(render(found), width=200)
    assert text.startswith(
        "shop/dev and cluster shop: 1 pool as the program has them, and nodes that could not be read"
    )
    assert "NodePool objects: RBAC does not allow to list nodepools" in text


def test_every_difference_has_a_line_with_both_values():
    found = Drift(
        *("shop", "dev", "shop", datetime(2026, 11, 30, tzinfo=UTC), ("gpu",)),
        (Difference("gpu", "max_nodes", 100, 7), Difference("cpu", WHOLE, None, "karpenter")),
        (),
    )
    text = shown(render(found))
    assert text.startswith("shop/dev and cluster shop: 2 differences in 2 pools")
    assert [" ".join(line.split()) for line in text.splitlines()[-2:]] == [
        "gpu max nodes 100 7",
        "cpu whole pool none karpenter",
    ]
