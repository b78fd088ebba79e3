"""The lower bound of packings: what a linear program says of cases done by hand, and laws that hold for all."""

import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eks_gpu.lab.replays.lower_bound import NodeType, lower_bound

SMALL = NodeType("small", 1.0, {"cpu": 4, "gpu": 1})
LARGE = NodeType("large", 6.0, {"cpu": 16, "gpu": 4})


def least(pods: list[dict[str, int]], *types: NodeType) -> tuple[float, dict[str, float]]:
    found = lower_bound(pods, types)
    return round(found.hourly, 6), {name: round(count, 6) for name, count in found.nodes.items()}


@pytest.mark.parametrize(
    ("pods", "hourly", "nodes"),
    [
        ([], 0, {}),
        ([{"cpu": 1, "gpu": 1}] * 3, 3, {"small": 3}),
        ([{"cpu": 4}] * 3, 3, {"small": 3}),
        (
            [{"cpu": 5, "gpu": 1}] * 2,
            3.75,
            {"large": 0.625},
        ),  # too large for the cheaper type; of ten CPUs, not two GPUs
        ([{"cpu": 1, "gpu": 1}] * 2 + [{"cpu": 1}] * 6, 2, {"small": 2}),  # beside the GPUs there is room enough
        ([{"cpu": 1, "gpu": 1}] * 2 + [{"cpu": 1}] * 10, 3, {"small": 3}),
        ([{"cpu": 1, "gpu": 4}, {"cpu": 2, "gpu": 1}], 7, {"large": 1, "small": 1}),
    ],
)
def test_the_bound_of_what_can_be_done_by_hand(pods, hourly, nodes):
    assert least(pods, SMALL, LARGE) == (hourly, nodes)


def test_half_a_node_counts_half():
    assert least([{"cpu": 8, "gpu": 2}], SMALL, LARGE) == (3, {"large": 0.5})


def test_a_pod_without_room_anywhere_has_no_bound():
    with pytest.raises(ValueError, match="no type has room for a pod with cpu 2, gpu 5"):
        lower_bound([{"gpu": 5, "cpu": 2}], [SMALL, LARGE])
    with pytest.raises(ValueError, match="no type has room for a pod with disk 1"):
        lower_bound([{"disk": 1}], [SMALL, LARGE])


def test_the_solver_writes_nothing():
    program = "from eks_gpu.lab.replays.lower_bound import *; print(lower_bound([{}], [NodeType('a', 1, {})]).hourly)"
    written = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert (written.stdout, written.stderr) == ("0.0\n", "")


def first_fit(pods: list[dict[str, int]], types: list[NodeType]) -> float:
    """USD of a packing: each pod on the first node with room, else on a new one of the cheapest type that takes it."""
    free, hourly = list[dict[str, int]](), 0.0
    for needs in pods:
        node = next((node for node in free if all(node[name] >= n for name, n in needs.items())), None)
        if node is None:
            bought = min((each for each in types if each.takes(needs)), key=lambda each: each.hourly)
            node, hourly = dict(bought.allocatable), hourly + bought.hourly
            free.append(node)
        for name, n in needs.items():
            node[name] -= n
    return hourly


SIZES = st.fixed_dictionaries({"cpu": st.integers(1, 16), "gpu": st.integers(0, 4)})
TYPES = st.builds(
    NodeType,
    st.uuids().map(str),
    st.floats(0.1, 10),
    st.fixed_dictionaries({"cpu": st.integers(1, 64), "gpu": st.integers(0, 8)}),
)


@settings(deadline=None)
@given(st.lists(SIZES, max_size=30), st.lists(TYPES, max_size=4))
def test_no_packing_is_cheaper_than_the_bound(pods, types):
    types = [LARGE, *types]
    assert lower_bound(pods, types).hourly <= first_fit(pods, types) + 1e-6


@settings(deadline=None)
@given(st.lists(SIZES, max_size=30), st.lists(TYPES, max_size=3), TYPES)
def test_one_more_type_never_raises_the_bound(pods, types, more):
    types = [LARGE, *types]
    assert lower_bound(pods, [*types, more]).hourly <= lower_bound(pods, types).hourly + 1e-6


@settings(deadline=None)
@given(st.lists(SIZES, max_size=30), st.integers(2, 5))
def test_so_many_times_the_pods_cost_so_many_times_as_much(pods, times):
    once, often = (lower_bound(pods * count, [SMALL, LARGE]).hourly for count in (1, times))
    assert often == pytest.approx(times * once)
