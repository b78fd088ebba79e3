"""Which of several pools a pod goes to, and what that costs."""

from collections.abc import Mapping
from typing import Any

import pytest

from eks_gpu.graph.graph import Resource
from tests.graphs import findings, gpu_work
from tests.karpenter_graphs import ON_DEMAND, healthy, node_pool, types

ORDER = "dearer-node-pools-come-later"
DEAR, CHEAP = types("g4dn.12xlarge"), types("g4dn.xlarge")


def test_a_dearer_node_pool_whose_name_sorts_last_comes_first():
    pools = [node_pool(CHEAP, ON_DEMAND, name="gpu-four"), node_pool(DEAR, ON_DEMAND, name="gpu-one")]
    assert findings(ORDER, *healthy(gpu=pools))["Deployment default/train"] == (
        False,
        "gpu-one and gpu-four weigh the same, so its first node comes from gpu-one, whose name sorts last, at 3.92 USD "
        "an hour in place of 0.54: give gpu-four a greater weight",
    )


@pytest.mark.parametrize(
    "pools",
    [
        [node_pool(CHEAP, ON_DEMAND, name="a", weight=2), node_pool(DEAR, ON_DEMAND, name="b", weight=1)],
        [node_pool(CHEAP, ON_DEMAND, name="a", weight=1), node_pool(DEAR, ON_DEMAND, name="b", weight=2)],  # on purpose
        [node_pool(DEAR, ON_DEMAND, name="a"), node_pool(CHEAP, ON_DEMAND, name="b")],
        [node_pool(CHEAP, ON_DEMAND, name="a"), node_pool(CHEAP, ON_DEMAND, name="b")],
    ],
    ids=["heavier", "on purpose", "by its name", "as dear"],
)
def test_node_pools_in_an_order_that_costs_no_more(pools):
    assert findings(ORDER, *healthy(gpu=pools))["Deployment default/train"][0]


ALONE = "small-pods-leave-large-nodes-alone"
SMALL, LARGE = node_pool(CHEAP, ON_DEMAND, name="small", weight=2), node_pool(DEAR, ON_DEMAND, name="large")


def said_of(*pools: Resource, small: Mapping[str, Any] | None = None) -> dict[str, tuple[bool, str]]:
    work = [gpu_work("serving", **(small or {})), gpu_work("training", gpus=4)]
    return findings(ALONE, *healthy(gpu=list(pools)), *work)


def test_a_small_pod_that_may_take_the_node_of_a_large_one():
    said = said_of(SMALL, LARGE)
    assert said["Deployment default/serving"] == (
        False,
        "its pods may land on nodes of large, which Deployment default/training needs, and more of them start",
    )
    assert "Deployment default/training" not in said


def test_a_small_pod_that_selects_its_pool_takes_no_other_node():
    selecting = said_of(SMALL, LARGE, small={"nodeSelector": {"karpenter.sh/nodepool": "small"}})
    assert "Deployment default/serving" not in selecting


def test_large_nodes_that_no_large_pod_waits_for_are_for_all():
    said = findings(ALONE, *healthy(gpu=[SMALL, LARGE]))
    assert said["Deployment default/train"] == (True, "no larger pod waits for a node that it may land on")


def test_one_node_pool_has_no_order():
    assert findings(ORDER, *healthy()) == {}
