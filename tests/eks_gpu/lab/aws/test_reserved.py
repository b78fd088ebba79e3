"""Capacity reservations of the lab's EC2: what is told of them, and what a fleet that targets one gets."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from eks_gpu.lab.aws import LAB_KEYS
from eks_gpu.lab.aws.accounts import ACCOUNTS
from eks_gpu.lab.aws.capacity import Capacity, having
from eks_gpu.lab.aws.completed import complete_moto
from eks_gpu.lab.aws.launches import launching
from eks_gpu.lab.reservations import LabReservation, set_reservations

ID = "cr-0123456789abcdef0"


class Reserving:
    """A client of EC2 in an account with these reservations, and the lab's folder."""

    def __init__(self, folder: Path):
        self.folder, self.reservations = folder, folder / "reservations"
        self.ec2: Any = boto3.client("ec2", region_name="us-west-2", **LAB_KEYS)
        template = {"LaunchTemplateName": "gpu", "LaunchTemplateData": {"InstanceType": "g6.xlarge"}}
        self.ec2.create_launch_template(**template)

    def has(self, **reservation: Any) -> None:
        given = {"id": ID, "type": "g6.xlarge", "zone": "us-west-2a", "instances": 2} | reservation
        lab: Any = self
        set_reservations(lab, [LabReservation.model_validate(given)])

    def told(self, **asked: Any) -> list[dict[str, Any]]:
        return self.ec2.describe_capacity_reservations(**asked)["CapacityReservations"]

    def launch(self, type_: str = "g6.xlarge", zone: str = "us-west-2a", count: int = 1) -> tuple[list[str], list[str]]:
        """Ids of instances, and codes of errors."""
        override: Any = {"InstanceType": type_, "AvailabilityZone": zone}
        config: Any = {"LaunchTemplateSpecification": {"LaunchTemplateName": "gpu", "Version": "1"}}
        made = self.ec2.create_fleet(
            Type="instant",
            LaunchTemplateConfigs=[config | {"Overrides": [override]}],
            TargetCapacitySpecification={"TotalTargetCapacity": count, "DefaultTargetCapacityType": "on-demand"},
            TagSpecifications=[
                {"ResourceType": "fleet", "Tags": [{"Key": "lab.eks-gpu/reservation-0", "Value": ID}]},
            ],
        )
        ids = [id_ for each in made["Instances"] for id_ in each["InstanceIds"]]
        return ids, [each["ErrorCode"] for each in made["Errors"]]


@pytest.fixture
def account(tmp_path) -> Iterator[Reserving]:
    complete_moto("https://127.0.0.1:6443")
    with having(Capacity(ACCOUNTS["used"], reservations=tmp_path / "reservations")), mock_aws(), launching():
        yield Reserving(tmp_path)


def test_without_a_reservation_none_is_told_and_nothing_starts_in_it(account):
    assert account.told() == []
    assert account.launch() == ([], ["InvalidCapacityReservationId.NotFound"])


def test_a_fleet_ends_at_what_is_reserved_and_goes_on_when_an_instance_is_gone(account):
    account.has()
    (first, _), codes = account.launch(count=3)
    assert codes == ["ReservationCapacityExceeded"]
    assert [each["AvailableInstanceCount"] for each in account.told()] == [0]

    account.ec2.terminate_instances(InstanceIds=[first])
    assert [(each["AvailableInstanceCount"], each["TotalInstanceCount"]) for each in account.told()] == [(1, 2)]
    assert len(account.launch()[0]) == 1


@pytest.mark.parametrize("place", [("g5.xlarge", "us-west-2a"), ("g6.xlarge", "us-west-2b")])
def test_a_reservation_has_no_other_type_and_is_in_no_other_zone(account, place):
    account.has()
    assert account.launch(*place) == ([], ["InvalidCapacityReservationId.NotFound"])


def test_a_block_has_an_end_and_an_ordinary_reservation_has_none(account):
    account.has(ends_in_min=60)
    assert [(each["ReservationType"], "EndDate" in each) for each in account.told()] == [("capacity-block", True)]
    account.has()
    assert [(each["ReservationType"], "EndDate" in each) for each in account.told()] == [("default", False)]


@pytest.mark.parametrize(
    ("asked", "count"),
    [
        ({"CapacityReservationIds": [ID]}, 1),
        ({"CapacityReservationIds": ["cr-00000000000000000"]}, 0),
        ({"Filters": [{"Name": "state", "Values": ["active"]}]}, 1),
        ({"Filters": [{"Name": "state", "Values": ["expired"]}]}, 0),
        ({"Filters": [{"Name": "tag:team", "Values": ["ml"]}]}, 1),
        ({"Filters": [{"Name": "tag:team", "Values": ["web"]}]}, 0),
        ({"Filters": [{"Name": "tag-key", "Values": ["team"]}]}, 1),
    ],
)
def test_karpenter_finds_them_by_id_state_and_tags(account, asked, count):
    row = {"id": ID, "type": "g6.xlarge", "zone": "us-west-2a", "instances": 2, "tags": {"team": "ml"}}
    account.reservations.write_text(json.dumps([row]))
    assert len(account.told(**asked)) == count
