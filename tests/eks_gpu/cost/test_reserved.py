"""Reserved capacity in plan, cost and explain: what it holds today, who starts there first, and what it costs."""

import json
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from eks_gpu.explain.explain import explain
from eks_gpu.explain.explanation import Answer
from eks_gpu.explain.pod_file import read_pods
from eks_gpu.explain.render import _node
from eks_gpu.explain.stack_rooms import stack_rooms
from eks_gpu.graph.graph import Graph, Resource
from eks_gpu.plan.analysis import Analysis
from tests.graphs import analysed, gpu_group, kubernetes, launch_template
from tests.karpenter_graphs import ARCH, karpenter, node_class, node_pool, requirement, subnet, types
from tests.reserved_capacity import BLOCK, capacity_reservation, reserved_pool, reserving_class

ALL = ("reserved", "spot", "on-demand")


def work(replicas: int, **spec: Any) -> Resource:
    container = {"name": "train", "image": "train:1", "resources": {"limits": {"nvidia.com/gpu": "1"}}}
    pod = {"tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists"}], "containers": [container], **spec}
    return kubernetes("Deployment", "train", {"replicas": replicas, "template": {"spec": pod}}, group="apps/v1")


def stack(*resources: Resource, on: date = date(2026, 11, 24)) -> Analysis:
    return analysed(subnet("a"), subnet("b"), *resources, on=on)


def lines(bill: Any) -> dict[str, tuple[int, float | None]]:
    return {
        item.name: (item.quantity, item.unit and round(item.unit.hourly, 3))
        for item in bill.items
        if "disk" not in item.name
    }


PRICE = 0.805
"""A g6.xlarge on demand in us-west-2."""


def test_a_reservation_costs_the_same_with_and_without_nodes_in_it():
    found = stack(capacity_reservation(), reserving_class(), reserved_pool(), work(2)).cost

    assert lines(found.idle) == {"reservation cr-1: g6.xlarge, used or not": (3, PRICE)}
    assert lines(found.steady) == {
        "reservation cr-1: g6.xlarge, used or not": (3, PRICE),
        "pool gpu: g6.xlarge, reserved": (2, 0.0),
    }
    assert lines(found.max)["pool gpu: g6.xlarge, reserved"] == (3, 0.0)


def test_what_no_pool_uses_costs_too():
    assert lines(stack(capacity_reservation()).cost.idle) == {"reservation cr-1: g6.xlarge, used or not": (3, PRICE)}


def test_nodes_start_reserved_then_on_spot():
    pool = reserved_pool(*ALL, limits={"nvidia.com/gpu": "8"})
    found = lines(stack(capacity_reservation(), reserving_class(), pool, work(5)).cost.steady)

    assert found["pool gpu: g6.xlarge, reserved"] == (3, 0.0)
    assert found["pool gpu: g6.xlarge, Spot"][0] == 2


def test_two_pools_share_one_reservation():
    first, second = (
        node_pool(
            ARCH, requirement("karpenter.sh/capacity-type", "reserved", "on-demand"), types("g6.xlarge"), name=name
        )
        for name in ("gpu", "more")
    )
    found = lines(stack(capacity_reservation(), reserving_class(), first, second, work(6)).cost.steady)

    assert found["reservation cr-1: g6.xlarge, used or not"] == (3, PRICE)
    assert {name: count for name, (count, _) in found.items() if name.startswith("pool")} == {
        "pool more: g6.xlarge, reserved": 3,
        "pool more: g6.xlarge, on demand": 1,
        "pool gpu: g6.xlarge, on demand": 2,
    }


def test_a_pod_of_another_zone_starts_no_reserved_node():
    pool = reserved_pool(*ALL)
    elsewhere = work(1, nodeSelector={"topology.kubernetes.io/zone": "us-west-2b"})
    found = lines(stack(capacity_reservation(), reserving_class(), pool, elsewhere).cost.steady)

    assert [name for name in found if name.startswith("pool")] == ["pool gpu: g6.xlarge, Spot"]


def test_a_block_without_its_price_leaves_the_sum_open_and_with_it_is_spread_over_its_hours():
    parts = (reserved_pool(), work(1))
    unpriced = stack(reserving_class(facts=[BLOCK]), *parts).cost.idle
    priced = stack(reserving_class(facts=[BLOCK | {"upfront_usd": 26280}]), *parts).cost.idle

    assert lines(unpriced) == {"Capacity Block cr-1: g6.xlarge, paid up front": (3, None)}
    assert unpriced.unpriced == ("Capacity Block cr-1: g6.xlarge, paid up front",)
    assert lines(priced) == {"Capacity Block cr-1: g6.xlarge, paid up front": (3, 1.0)}


def test_a_reservation_of_which_nobody_says_the_number_is_unknown_and_its_nodes_cost_what_on_demand_costs():
    pool = reserved_pool(*ALL)
    found = stack(reserving_class({"id": "cr-0"}), pool, work(1)).cost
    assert lines(found.steady) == {
        "reservation cr-0: its instance type is not known, used or not": (1, None),
        "pool gpu: g6.xlarge, reserved": (1, PRICE),
    }


@pytest.mark.parametrize(
    ("on", "why"),
    [
        (date(2026, 10, 31), "Capacity Block cr-1 begins on 2026-11-01, and it takes no other capacity"),
        (date(2027, 11, 1), "Capacity Block cr-1 ended on 2027-11-01, and it takes no other capacity"),
    ],
)
def test_a_block_is_no_capacity_before_and_after(on, why):
    found = stack(reserving_class(facts=[BLOCK]), reserved_pool(), work(1), on=on)
    (pool,) = found.pools

    assert (pool.max_nodes, pool.max_gpus) == (0, 0)
    assert [verdict.reason for (verdict,) in found.verdicts.values()] == [why]
    assert lines(found.cost.idle) == {}
    assert [note for note in found.cost.idle.notes if "in no sum" in note] == [
        f"{why.partition(', and')[0]}, and is in no sum"
    ]


def test_after_its_end_the_other_capacity_types_take_over():
    found = stack(reserving_class(facts=[BLOCK]), reserved_pool(*ALL), work(1), on=date(2027, 11, 2))
    assert [*lines(found.cost.steady)] == ["pool gpu: g6.xlarge, Spot"]


def test_the_plan_tells_what_it_knows_of_a_reservation():
    (pool,) = stack(reserving_class(facts=[BLOCK]), reserved_pool()).pools
    assert pool.as_json()["reservations"] == [
        {
            "name": "cr-1",
            "capacity_block": True,
            "instance_type": "g6.xlarge",
            "instances": 3,
            "zone": "us-west-2a",
            "start": "2026-11-01T00:00:00+00:00",
            "end": "2027-11-01T00:00:00+00:00",
            "open": True,
        }
    ]


@pytest.mark.parametrize("broken", ["[", "{}", '[{"instances": "many", "start": "soon"}]', '["x"]', "[1, 2, 3]"])
def test_facts_that_somebody_broke_are_unknown(broken):
    class_ = reserving_class()
    class_.inputs["metadata"]["annotations"] = {"eks-gpu-components/reservations": broken}
    (pool,) = stack(class_, reserved_pool()).pools
    assert (pool.reservations[0].named, pool.reservations[0].instances, pool.max_nodes) == ("cr-1", None, 3)


def test_tags_select_the_reservations_of_the_stack():
    tagged = capacity_reservation(tags={"team": "ml", "stage": "dev"})
    other = replace(capacity_reservation(tags={"team": "web"}), urn="urn:other", id="cr-2")
    (pool,) = stack(tagged, other, reserving_class({"tags": {"team": "ml", "stage": "*"}}), reserved_pool()).pools
    assert [each.named for each in pool.reservations] == ["cr-1"]

    (pool,) = stack(reserving_class({"tags": {"team": "ml"}}), reserved_pool()).pools
    assert [str(each) for each in pool.reservations] == ["reservation with team=ml"]


def test_a_pool_that_wants_no_reserved_capacity_has_no_reservations():
    (pool,) = stack(node_class(), node_pool()).pools
    assert (pool.reservations, "reservations" in pool.as_json()) == ((), False)


# Groups


def targeting(**facts: Any) -> list[Resource]:
    template = launch_template(
        instanceType="g6.xlarge",
        instanceMarketOptions={"marketType": "capacity-block"},
        capacityReservationSpecification={"capacityReservationTarget": {"capacityReservationId": "cr-1"}},
        tags={"eks-gpu-components/reservation": json.dumps(BLOCK | facts)},
    )
    return [template, gpu_group(mixedInstancesPolicy=None, launchTemplate={"id": template.id}, maxSize=8)]


def test_a_group_of_a_block_has_its_nodes_and_adds_nothing_to_its_price():
    found = stack(*targeting(upfront_usd=26280), work(2))
    (pool,) = found.pools

    assert (pool.capacity_types, pool.max_nodes, pool.instance_types) == (("reserved",), 3, ("g6.xlarge",))
    assert lines(found.cost.steady) == {
        "Capacity Block cr-1: g6.xlarge, paid up front": (3, 1.0),
        "pool gpu: g6.xlarge, reserved": (2, 0.0),
    }


def test_a_group_whose_block_has_ended_starts_nothing():
    found = stack(*targeting(end="2026-11-20"), work(2))
    assert [verdict.reason for (verdict,) in found.verdicts.values()] == [
        "Capacity Block cr-1 ended on 2026-11-20, and it takes no other capacity"
    ]


# Explain


POD = """apiVersion: apps/v1
kind: Deployment
metadata: {name: train}
spec:
  replicas: 5
  selector: {matchLabels: {app: train}}
  template:
    metadata: {labels: {app: train}}
    spec:
      tolerations: [{key: nvidia.com/gpu, operator: Exists}]
      containers: [{name: train, image: "train:1", resources: {limits: {nvidia.com/gpu: 1}}}]
"""


def answer(tmp_path: Any, monkeypatch: Any, *resources: Resource, on: str = "2026-11-24") -> Answer:
    monkeypatch.setenv("EKS_GPU_TODAY", on)
    file = tmp_path / "pod.yaml"
    file.write_text(POD)
    (found,) = explain(stack_rooms(Graph([subnet("a"), subnet("b"), *resources]), "us-west-2"), read_pods(file)[0])
    (only,) = found.answers
    return only


def test_explain_says_which_capacity_the_pods_get(tmp_path, monkeypatch):
    pool = reserved_pool(*ALL, limits={"nvidia.com/gpu": "8"})
    found = answer(tmp_path, monkeypatch, reserving_class(facts=[BLOCK]), pool)

    assert _node(found, "us-west-2") == "5 new nodes: g6.xlarge, 3 reserved, then 2 Spot"
    assert found.launch is not None
    assert found.launch.as_json()["by_capacity_type"] == {"reserved": 3, "spot": 2}


def test_explain_tells_of_a_block_that_has_ended(tmp_path, monkeypatch):
    parts = (reserving_class(facts=[BLOCK]), reserved_pool(*ALL))
    found = answer(tmp_path, monkeypatch, *parts, on="2027-12-01")

    assert found.launch is not None
    assert found.launch.capacity_type == "spot"
    assert [each.text for each in found.cautions] == ["Capacity Block cr-1 ended on 2027-11-01, so it is no capacity"]


def test_explain_tells_that_nobody_says_how_much_is_reserved(tmp_path, monkeypatch):
    found = answer(tmp_path, monkeypatch, reserving_class(), reserved_pool(*ALL))
    assert found.launch is not None
    assert found.launch.capacity_type == "reserved"
    assert [each.text for each in found.cautions] == [
        "how many instances reservation cr-1 has is not known: once it is full, nodes are Spot or on demand"
    ]


def takes(*resources: Resource, **spec: Any) -> tuple[bool, str]:
    """Whether pool gpu takes a pod of this spec, and why not."""
    found = stack(*resources, work(1, **spec))
    verdict = next(each for each in found.verdicts[work(1).urn] if each.pool == "gpu")
    return verdict.admits, str(verdict.reason)


def without_terms() -> Resource:
    made = reserving_class()
    made.inputs["spec"].pop("capacityReservationSelectorTerms")
    return made


def test_without_a_reservation_to_select_no_node_is_reserved():
    none = "its node class selects no reservation, and it takes no other capacity"
    assert takes(without_terms(), reserved_pool()) == (False, none)
    assert takes(without_terms(), reserved_pool(*ALL)) == (True, "")
    (pool,) = (each for each in stack(without_terms(), reserved_pool()).pools if each.name == "gpu")
    assert (pool.max_nodes, pool.max_gpus) == (0, 0)
    assert not any(count for count, _ in lines(stack(without_terms(), reserved_pool()).cost.max).values())
    steady = lines(stack(without_terms(), reserved_pool(*ALL), work(1)).cost.steady)
    assert list(steady) == ["pool gpu: g6.xlarge, Spot"]


def test_without_karpenters_gate_no_node_is_reserved():
    off = karpenter(featureGates={"reservedCapacity": False})
    none = "the gate ReservedCapacity is off, and it takes no other capacity"
    assert takes(off, capacity_reservation(), reserving_class(), reserved_pool()) == (False, none)
    assert takes(karpenter(), capacity_reservation(), reserving_class(), reserved_pool())[0]
    steady = lines(stack(off, capacity_reservation(), reserving_class(), reserved_pool(*ALL), work(1)).cost.steady)
    assert set(steady) == {"reservation cr-1: g6.xlarge, used or not", "pool gpu: g6.xlarge, Spot"}


@pytest.mark.parametrize(
    ("label", "terms", "admits"),
    [
        ({"capacity-reservation-id": "cr-1"}, [{"id": "cr-1"}], True),
        ({"capacity-reservation-id": "cr-2"}, [{"id": "cr-1"}], False),
        ({"capacity-reservation-id": "cr-2"}, [{"tags": {"team": "ml"}}], True),
        ({"capacity-reservation-id": "cr-2"}, [{"id": "cr-1", "tags": {"team": "ml"}}], True),
        ({"capacity-reservation-type": "capacity-block"}, [{"id": "cr-2"}], True),
        ({"capacity-reservation-type": "capacity-block"}, [{"id": "cr-1"}], False),
    ],
)
def test_a_pod_may_select_the_reservation_of_its_node(label, terms, admits):
    selector = {f"karpenter.k8s.aws/{key}": value for key, value in label.items()}
    made = capacity_reservation(), reserving_class(*terms)
    assert takes(*made, reserved_pool(), nodeSelector=selector)[0] is admits
    assert takes(*made, reserved_pool("on-demand"), nodeSelector=selector)[0] is False


def test_reservations_by_their_match_criteria_are_named_so():
    by_criteria = reserving_class({"instanceMatchCriteria": "open"})
    (pool,) = (each for each in stack(by_criteria, reserved_pool()).pools if each.name == "gpu")
    assert [str(each) for each in pool.reservations] == ["reservation with instance match criteria open"]
