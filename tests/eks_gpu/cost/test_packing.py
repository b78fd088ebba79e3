"""Packing: which of several pools is asked for a node first."""

import re

from eks_gpu.graph.graph import Resource
from tests.graphs import analysed, gpu_group, gpu_work, overrides
from tests.karpenter_graphs import node_class, node_pool, types

DEAR, CHEAP = types("g5.xlarge"), types("g4dn.xlarge")


def bought(*resources: Resource) -> dict[str, int]:
    """Nodes for four pods of a GPU each, by pool."""
    bill = analysed(*resources, gpu_work(replicas=4)).cost.steady
    found = (re.match(r"pool (\S+): g\S+, ", item.name) for item in bill.items)
    return {name[1]: item.quantity for name, item in zip(found, bill.items, strict=True) if name}


def test_of_equal_node_pools_that_whose_name_sorts_last_brings_the_nodes_whatever_they_cost():
    assert bought(node_pool(CHEAP, name="gpu-a"), node_pool(DEAR, name="gpu-b"), node_class()) == {"gpu-b": 4}
    assert bought(node_pool(DEAR, name="gpu-a"), node_pool(CHEAP, name="gpu-b"), node_class()) == {"gpu-b": 4}


def test_the_heavier_node_pool_comes_first():
    pools = node_pool(CHEAP, name="gpu-a", weight=10), node_pool(DEAR, name="gpu-b", weight=9)
    assert bought(*pools, node_class()) == {"gpu-a": 4}


def test_a_full_node_pool_is_followed_by_the_next_one():
    full = node_pool(DEAR, name="gpu-b", limits={"nvidia.com/gpu": "1"})
    assert bought(full, node_pool(CHEAP, name="gpu-a"), node_class()) == {"gpu-b": 1, "gpu-a": 3}


def test_karpenter_is_faster_than_the_autoscaler():
    assert bought(node_pool(DEAR), node_class(), gpu_group("group", mixedInstancesPolicy=overrides("g4dn.xlarge"))) == {
        "gpu": 4
    }
