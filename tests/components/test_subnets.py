"""subnets_by_ids: subnets that exist, with their zones."""

from typing import Any

import pulumi
import pytest

from components import BadInput, subnets_by_ids
from tests.engine import run

LOOK_UP = "aws:ec2/getSubnet:getSubnet"
FOUND = {"id": "subnet-1", "availabilityZone": "us-west-2b", "availabilityZoneId": "usw2-az1"}


def subnets(ids: Any, given: Any = None, region: str = "us-west-2") -> Any:
    exports = run(lambda: pulumi.export("subnets", subnets_by_ids(ids(), region)), given=given).exports
    return exports["subnets"]


def test_a_map_from_zone_to_id_gets_the_ids_of_the_zones():
    assert subnets(lambda: {"us-west-2a": "subnet-1", "us-west-2b": pulumi.Output.from_input("subnet-2")}) == [
        {"zone": "us-west-2a", "zone_id": "usw2-az2", "subnet_id": "subnet-1"},
        {"zone": "us-west-2b", "zone_id": "usw2-az1", "subnet_id": "subnet-2"},
    ]


def test_it_may_be_another_region_than_the_stacks_own():
    assert [row["zone_id"] for row in subnets(lambda: {"eu-west-1a": "subnet-1"}, region="eu-west-1")] == ["euw1-az3"]


def test_a_list_of_ids_is_looked_up():
    assert subnets(lambda: ["subnet-1"], {LOOK_UP: FOUND}) == [
        {"zone": "us-west-2b", "zone_id": "usw2-az1", "subnet_id": "subnet-1"}
    ]


@pytest.mark.parametrize(
    ("ids", "problems"),
    [
        ({}, ["subnets must have one zone or more, got none"]),
        ([], ["subnets must have one id or more, got none"]),
        ("subnet-1", ["subnets must be a list of ids, or a map from zone to id, got 'subnet-1'"]),
        (
            {"us-west-2x": "subnet-1", "us-west-2b": "subnet-1"},
            [
                "subnets.us-west-2x: the zone must be one of us-west-2a, us-west-2b, us-west-2c, us-west-2d; nearest: "
                "us-west-2d",
                "subnets: subnet-1 is there twice",
            ],
        ),
        (["subnet-1", "subnet-1"], ["subnets: subnet-1 is there twice"]),
        (
            [pulumi.Output.from_input],
            [
                "subnets[0] must be a string, because the zone of a node group is known before anything is created: "
                "give a map from zone to id"
            ],
        ),
    ],
    ids=["no zone", "no id", "a string", "unknown zone", "twice", "an output"],
)
def test_what_is_no_subnet_is_refused_with_every_problem(ids, problems):
    with pytest.raises(BadInput) as refusal:
        subnets(lambda: ids)
    assert refusal.value.problems == problems
