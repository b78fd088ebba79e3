"""Reservations of a pool: what a person may say of them, and how each back end is told."""

import json
from datetime import date
from typing import Any

import pytest

from components.auto_mode_gpu_pool import AutoModeGpuPool
from components.cluster_autoscaler import priorities
from components.gpu_node_group import GpuNodeGroup
from components.karpenter_gpu_pool import KarpenterGpuPool, ec2_node_class
from components.values.gpu_pool import GpuPool
from components.values.value import BadInput, check
from tests import crds
from tests.engine import run
from tests.given import CLUSTER, subnets

BLOCK: dict[str, Any] = {
    "id": "cr-0123456789abcdef0",
    "kind": "capacity-block",
    "instance_type": "p5.48xlarge",
    "instances": 2,
    "zone": "us-west-2a",
    "start": "2026-12-01T11:30:00Z",
    "end": "2026-12-08T11:30:00Z",
}
ODCR: dict[str, Any] = {"id": "cr-0000000000000000a", "instances": 1, "zone": "us-west-2b"}
TAGGED = {"tags": {"team": "ml"}, "owner_id": "123456789012"}
GROUP = {
    "resource_group_arn": "arn:aws:resource-groups:us-west-2:123456789012:group/gpus",
    "instances": 2,
    "zone": "us-west-2a",
}
POOL: dict[str, Any] = {"instance_types": ["p5.48xlarge"], "max_gpus": 32, "capacity_types": ["reserved", "on-demand"]}
ARGS: Any = {"cluster": CLUSTER, "subnets": subnets("ab")}
FACTS = {key: BLOCK[key] for key in ("kind", "instance_type", "instances", "zone", "start", "end")}
TEMPLATE, NODE_GROUP = "aws:ec2/launchTemplate:LaunchTemplate", "aws:eks/nodeGroup:NodeGroup"


def problem(reservation: Any, **pool: Any) -> str:
    with pytest.raises(BadInput) as refused:
        check(GpuPool, {**POOL, "reservations": [reservation], **pool}, "pool")
    return str(refused.value)


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({}, "pool.reservations[0]: give one of id, tags, resource_group_arn, got none"),
        (
            {**ODCR, "tags": {"a": "b"}},
            "pool.reservations[0]: give one of id, tags, resource_group_arn, got id, tags",
        ),
        (
            {"id": "cr-nope"},
            "pool.reservations[0].id must be the id of a reservation, as cr-0123456789abcdef0, got 'cr-nope'",
        ),
        (
            {**ODCR, "kind": "capacity-block"},
            "pool.reservations[0].start is required: a Capacity Block has a start and an end",
        ),
        (
            {**BLOCK, "end": "2026-12-01"},
            "pool.reservations[0].end must be after start 2026-12-01T11:30:00Z, got 2026-12-01",
        ),
        (
            {**ODCR, "end": "next week"},
            "pool.reservations[0].end must be a day or a time, as 2026-12-01 or 2026-12-01T11:30:00Z, got 'next week'",
        ),
        (
            {**ODCR, "owner_id": "123456789012"},
            "pool.reservations[0].owner_id must be left out without tags: what is named has one owner",
        ),
        (
            {**ODCR, "upfront_usd": 10},
            "pool.reservations[0].upfront_usd: only a Capacity Block is paid up front: an on-demand reservation costs "
            "by the hour",
        ),
        ({**ODCR, "instance_type": "p5.49xlarge"}, "pool.reservations[0].instance_type"),
        (
            {**ODCR, "instance_type": "g6.xlarge"},
            "pool.reservations: cr-0000000000000000a is of g6.xlarge, and the pool's types are p5.48xlarge",
        ),
    ],
)
def test_a_reservation_that_says_something_wrong_is_refused(said, message):
    assert message in problem(said)


def test_a_reservation_of_another_zone_and_twice_the_same_are_refused():
    assert problem(ODCR, zones=["us-west-2a"]) == (
        "pool.reservations: cr-0000000000000000a is in us-west-2b, and the pool's zones are us-west-2a"
    )
    assert problem(ODCR, reservations=[ODCR, ODCR]) == "pool.reservations: cr-0000000000000000a is there twice"


def test_reservations_without_the_capacity_type_are_refused():
    assert problem(ODCR, capacity_types=["spot"]) == (
        "pool.reservations: capacity_types must have reserved, got spot; nearest: reserved, spot"
    )


@pytest.mark.parametrize("end", ["2026-12-08", "2026-12-08T00:00:00Z", "2026-12-08T01:00:00+01:00"])
@pytest.mark.parametrize(
    "read", [date(2026, 12, 8), "2026-12-08 00:00:00 +0000 UTC", "2026-12-08 01:00:00 +0100 +0100"]
)
def test_a_day_that_yaml_or_pulumi_has_read_is_as_good_as_its_text(end, read):
    written, found = ({**ODCR, "end": each} for each in (end, read))
    assert check(GpuPool, {**POOL, "reservations": [written]}) == check(GpuPool, {**POOL, "reservations": [found]})


# NodePools


def karpenter(*reservations: Any, **args: Any) -> Any:
    given: Any = {**ARGS, "node_role_name": "nodes", "pool": {**POOL, "reservations": list(reservations)}, **args}
    return run(lambda: KarpenterGpuPool("gpu", given))


def test_karpenter_s_class_selects_them_in_order_and_is_annotated_with_what_no_field_says():
    made = karpenter(BLOCK, TAGGED, capacity_reservation_ids=["cr-1"]).one(
        "kubernetes:karpenter.k8s.aws/v1:EC2NodeClass"
    )

    assert made.inputs["spec"]["capacityReservationSelectorTerms"] == [
        {"id": "cr-0123456789abcdef0"},
        {"tags": {"team": "ml"}, "ownerID": "123456789012"},
        {"id": "cr-1"},
    ]
    said = made.inputs["metadata"]["annotations"]["eks-gpu-components/reservations"]
    assert json.loads(said) == [FACTS, {"kind": "on-demand"}]


def test_karpenter_s_definitions_take_the_terms():
    pool = check(GpuPool, {**POOL, "reservations": [BLOCK, TAGGED]})
    spec = ec2_node_class(
        pool, image_version="v20260714", node_role_name="nodes", subnet_ids=["subnet-1"], security_group_id="sg-1"
    )
    manifest = {"apiVersion": "karpenter.k8s.aws/v1", "kind": "EC2NodeClass", "metadata": {"name": "gpu"}, "spec": spec}
    assert crds.problems("karpenter.k8s.aws_ec2nodeclasses", manifest) == []


def test_auto_mode_calls_the_owner_otherwise():
    cluster = {**CLUSTER, "auto_mode": True, "node_role_arn": "arn:aws:iam::123456789012:role/nodes"}
    given: Any = {**ARGS, "cluster": cluster, "pool": {**POOL, "reservations": [TAGGED]}}
    made = run(lambda: AutoModeGpuPool("gpu", given))

    assert made.one("kubernetes:eks.amazonaws.com/v1:NodeClass").inputs["spec"]["capacityReservationSelectorTerms"] == [
        {"tags": {"team": "ml"}, "owner": "123456789012"}
    ]


def test_a_node_class_selects_no_resource_group():
    with pytest.raises(
        BadInput, match=r"no resource group, got arn:aws:resource-groups:.*: name ids or tags, or use Gpu"
    ):
        karpenter(GROUP)


# Node groups


def groups(*reservations: Any, args: Any = None, **wish: Any) -> Any:
    given: Any = {**ARGS, "pool": {**POOL, "reservations": list(reservations), **wish}, **(args or {})}
    return run(lambda: GpuNodeGroup("gpu", given))


def test_a_managed_group_is_as_large_as_its_block_and_the_others_share_what_is_left():
    made = {each.name: each for each in groups(BLOCK, ODCR).of(NODE_GROUP)}

    assert {name: each.inputs["scalingConfig"]["maxSize"] for name, each in made.items()} == {
        "gpu-us-west-2a-reserved": 2,
        "gpu-us-west-2b-reserved": 1,
        "gpu-us-west-2a-on-demand": 1,
    }
    block, ordinary = made["gpu-us-west-2a-reserved"].inputs, made["gpu-us-west-2b-reserved"].inputs
    assert (block["capacityType"], ordinary["capacityType"]) == ("CAPACITY_BLOCK", "ON_DEMAND")
    assert (block["subnetIds"], ordinary["subnetIds"]) == (["subnet-a"], ["subnet-b"])
    assert (block.get("instanceTypes"), block["labels"]["karpenter.sh/capacity-type"]) == (None, "reserved")


def test_the_launch_template_targets_the_block_and_is_tagged_with_what_it_cannot_say():
    made = {each.name: each.inputs for each in groups(BLOCK, ODCR).of(TEMPLATE)}

    block, ordinary = made["gpu-us-west-2a-reserved-template"], made["gpu-us-west-2b-reserved-template"]
    assert (block["instanceType"], block["instanceMarketOptions"]) == ("p5.48xlarge", {"marketType": "capacity-block"})
    target = {"capacityReservationTarget": {"capacityReservationId": "cr-0123456789abcdef0"}}
    assert block["capacityReservationSpecification"] == target
    assert json.loads(block["tags"]["eks-gpu-components/reservation"]) == FACTS
    assert (ordinary["instanceType"], ordinary.get("instanceMarketOptions")) == ("p5.48xlarge", None)
    assert "tags" not in made["gpu-us-west-2a-on-demand-template"]


def test_a_self_managed_group_takes_type_and_market_from_its_template_alone():
    made = groups(GROUP, args={"backend": "auto-scaling-group"}, capacity_types=["reserved"], max_gpus=16)
    (group,), (template,) = made.of("aws:autoscaling/group:Group"), made.of(TEMPLATE)

    assert group.inputs["launchTemplate"] == {"id": template.id, "version": "1"}
    assert "mixedInstancesPolicy" not in group.inputs
    assert template.inputs["capacityReservationSpecification"] == {
        "capacityReservationPreference": "capacity-reservations-only",
        "capacityReservationTarget": {"capacityReservationResourceGroupArn": GROUP["resource_group_arn"]},
    }


def test_two_reservations_of_a_zone_are_two_groups_and_the_autoscaler_prefers_both():
    made = groups(BLOCK, {**ODCR, "zone": "us-west-2a"})
    names = [each.name for each in made.of(NODE_GROUP)]
    assert sorted(names)[1:] == ["gpu-us-west-2a-reserved", "gpu-us-west-2a-reserved-2"]

    found = priorities({"gpu": check(GpuPool, {**POOL, "reservations": [BLOCK]})})
    assert found["20"] == ["^(eks-)?gpu-[a-z0-9-]*-reserved-"]


@pytest.mark.parametrize(
    ("said", "wish", "message"),
    [
        (
            TAGGED,
            {},
            "pool.reservations[0].tags: a launch template targets an id or a resource group, and nothing by tags: give "
            "id or resource_group_arn, or use KarpenterGpuPool",
        ),
        (
            {"id": ODCR["id"], "zone": "us-west-2b"},
            {},
            "pool.reservations[0].instances: give the number of instances, which is the maximum size of its node group",
        ),
        (
            {"id": ODCR["id"], "instances": 1},
            {},
            "pool.reservations[0].zone: give the zone, because its instances start in no other",
        ),
        (
            ODCR,
            {"instance_types": ["g6.xlarge", "g5.xlarge"]},
            "pool.reservations[0].instance_type: give the type, because its node group has one: g6.xlarge, g5.xlarge",
        ),
        (
            ODCR,
            {"capacity_types": ["on-demand", "reserved"]},
            "pool.capacity_types: reserved must be first, because it is paid for anyway, got on-demand, reserved; "
            "nearest: reserved, on-demand",
        ),
        (
            {**ODCR, "zone": "us-west-2c"},
            {},
            "pool.reservations[0]: cr-0000000000000000a needs p5.48xlarge in us-west-2c, "
            "and us-west-2c has no subnet here",
        ),
    ],
)
def test_what_a_node_group_must_be_told_of_a_reservation(said, wish, message):
    with pytest.raises(BadInput) as refused:
        groups(said, **wish)
    assert message in str(refused.value)
