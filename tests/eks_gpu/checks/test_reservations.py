"""Reserved capacity: begun, fitting, enough, and its nodes can be replaced."""

from typing import Any

import pytest

from tests import reserved_capacity
from tests.graphs import TODAY, findings, gpu_group, launch_template
from tests.graphs import healthy as with_groups
from tests.karpenter_graphs import node_pool
from tests.reserved_capacity import ARCH, BLOCK, capacity_reservation, reserved_pool, reserving_class, types

BEGUN, FIT = "reservations-have-begun", "reservations-fit-their-pools"
ENOUGH, REPLACED = "reserved-pools-end-with-their-reservations", "reserved-nodes-can-be-replaced"


def said(check: str, *more: Any, **instead: Any) -> tuple[bool | None, str]:
    return findings(check, *reserved_capacity.healthy(*more, **instead))["gpu"]


def of_block(**facts: Any) -> dict[str, Any]:
    return {"node_class": reserving_class(facts=[BLOCK | facts])}


@pytest.mark.parametrize(
    ("capacity_types", "until"),
    [
        ((), "until then no node starts"),
        (("reserved", "spot", "on-demand"), "until then nodes are spot or on-demand"),
    ],
)
def test_a_block_that_begins_later(capacity_types, until):
    assert TODAY.isoformat() < "2026-12-24"
    passed, message = said(BEGUN, **of_block(start="2026-12-24T11:30:00Z"), gpu=[reserved_pool(*capacity_types)])
    assert (passed, message) == (False, f"Capacity Block cr-1 begins on 2026-12-24, and {until}")


def test_a_block_of_which_today_is_a_part_is_open():
    assert said(BEGUN, **of_block(start="2026-11-24T23:00:00Z"))[0] is True
    assert said("reservations-are-used", **of_block(end="2026-11-24T01:00:00Z"))[0] is True


def test_one_that_ended_is_told_by_its_day():
    ended = capacity_reservation(endDate="2026-11-01T00:00:00Z")
    other = "name one that is open, or allow another capacity type"
    assert said("reservations-are-used", ended) == (False, f"reservation cr-1 ended on 2026-11-01: {other}")
    falls_back = [reserved_pool("reserved", "spot")]
    assert said("reservations-are-used", ended, gpu=falls_back)[1] == "reservation cr-1 ended on 2026-11-01: remove it"


@pytest.mark.parametrize(
    ("facts", "told_by"),
    [
        ({"start": "2026-10-01", "end": "2026-11-01"}, {"reservations-are-used"}),
        ({"start": "2026-12-24"}, {BEGUN}),
        ({}, set()),
    ],
)
def test_a_pool_whose_reservations_hold_nothing_is_told_of_it_once(facts, told_by):
    stack = reserved_capacity.healthy(**of_block(**facts))
    checks = ("reservations-are-used", BEGUN, "groups-may-start-nodes")
    assert {check for check in checks if findings(check, *stack).get("gpu", (True,))[0] is False} == told_by
    assert ("gpu" in findings("groups-may-start-nodes", *stack)) == (not told_by)


@pytest.mark.parametrize(
    ("dates", "told_by"),
    [({"endDate": "2026-11-01"}, "groups-may-start-nodes"), ({"startDate": "2026-12-24"}, BEGUN)],
)
def test_a_group_whose_reservation_holds_nothing_is_told_of_it_once(dates, told_by):
    target: Any = {"capacityReservationSpecification": {"capacityReservationTarget": {"capacityReservationId": "cr-1"}}}
    stack = [*with_groups(gpu_template=launch_template(**target)), capacity_reservation(**dates)]
    checks = (BEGUN, "groups-may-start-nodes")
    assert [check for check in checks if findings(check, *stack).get("gpu", (True,))[0] is False] == [told_by]


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        (
            {"instanceType": "g5.xlarge"},
            "reservation cr-1 is of g5.xlarge, and the pool has g6.xlarge: add g5.xlarge",
        ),
        (
            {"availabilityZone": "us-west-2c"},
            "reservation cr-1 is in us-west-2c, and the pool in us-west-2a, us-west-2b: add us-west-2c",
        ),
    ],
)
def test_one_of_another_type_or_zone(inputs, message):
    assert said(FIT, capacity_reservation(**inputs)) == (False, message)


def test_a_maximum_above_what_is_reserved():
    larger = [reserved_pool(limits={"nvidia.com/gpu": "4"})]
    assert said(ENOUGH, gpu=larger) == (False, "it may have 4 GPUs, and 3 are reserved: set its maximum to 3 GPUs")
    assert said(ENOUGH, gpu=[reserved_pool(limits={})]) == (
        False,
        "it has no maximum, and 3 are reserved: set its maximum to 3 GPUs",
    )
    other = {"gpu": [reserved_pool("reserved", "on-demand", limits={"nvidia.com/gpu": "4"})]}
    assert "gpu" not in findings(ENOUGH, *reserved_capacity.healthy(**other))


@pytest.mark.parametrize(
    ("gates", "limits", "passed", "message"),
    [
        (
            {"terminateFirstDrift": False},
            "3",
            False,
            "at 3 nodes its reservations are full, so the replacement of a drifted node never starts: "
            "set settings.featureGates.terminateFirstDrift to true, or allow another capacity type",
        ),
        ({}, "4", False, "at 3 nodes its reservations are full"),
        ({}, "2", True, "an instance of its reservations stays free for a replacement"),
        ({"terminateFirstDrift": True}, "3", True, "a drifted node goes first"),
    ],
)
def test_a_drift_at_the_ceiling(gates, limits, passed, message):
    found = said(REPLACED, gates=gates, gpu=[reserved_pool(limits={"nvidia.com/gpu": limits})])
    assert (found[0], found[1].startswith(message)) == (passed, True), found


def test_without_karpenter_s_release_nobody_knows_the_gate():
    assert said(REPLACED, karpenter=None) == (None, "whether Karpenter's gate terminateFirstDrift is on is not known")


# Groups


def targeting(zones: str = "a", most: int = 3) -> list[Any]:
    target = {"capacityReservationTarget": {"capacityReservationId": "cr-1"}}
    template = launch_template(instanceType="g6.xlarge", capacityReservationSpecification=target)
    group = gpu_group(
        mixedInstancesPolicy=None,
        launchTemplate={"id": template.id},
        vpcZoneIdentifiers=[f"subnet-{zone}" for zone in zones],
        maxSize=most,
    )
    return [*with_groups(gpu_template=template, gpu=group), capacity_reservation()]


def test_a_group_that_may_start_nodes_where_its_reservation_is_not():
    assert findings(FIT, *targeting("ab"))["gpu"] == (
        False,
        "reservation cr-1 is in us-west-2a, and EC2 may choose us-west-2b too: leave us-west-2a alone",
    )
    assert findings(FIT, *targeting())["gpu"][0] is True


def test_a_group_larger_than_its_reservation():
    assert findings(ENOUGH, *targeting(most=4))["gpu"] == (
        False,
        "it may have 4 nodes, and 3 are reserved: set its maximum to 3 nodes",
    )


def test_a_pool_without_reservations_is_no_subject():
    plain = reserved_capacity.healthy(node_class=None, gpu=[node_pool(ARCH, types("g6.xlarge"))])
    assert [check for check in (BEGUN, FIT, ENOUGH, REPLACED) if "gpu" in findings(check, *plain)] == []
