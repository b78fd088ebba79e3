"""Capacity reservations of the lab's EC2, which moto does not have: what a file says there is, told and launched in.

The file is a list of objects with `id`, `type`, `zone`, `instances`, and for a Capacity Block `start` and `end`, in
ISO 8601. What is not in it does not exist, or has ended.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from moto.core.responses import ActionResult

from eks_gpu.lab.aws import calls
from eks_gpu.lab.aws.capacity import current

OWNER = "123456789012"
TAG = "lab.eks-gpu/reservation-"
"""Begins a fleet's tag with the reservation that a launch template targets, by the template's place in the request."""
FULL = "ReservationCapacityExceeded"


def describe_capacity_reservations(response: Any) -> ActionResult:
    """In place of a method that moto lacks; of the filters those by state and by tags count."""
    given = calls.parameters(response)
    ids = given.get("CapacityReservationIds")
    found = [each for each in _told() if ids is None or each["CapacityReservationId"] in ids]
    for wanted in given.get("Filters") or ():
        found = [each for each in found if _matches(each, wanted["Name"], wanted["Values"])]
    return ActionResult({"CapacityReservations": found})


def _matches(each: Mapping[str, Any], name: str, values: list[str]) -> bool:
    tags = {tag["Key"]: tag["Value"] for tag in each["Tags"]}
    if name == "tag-key":
        return not tags.keys().isdisjoint(values)
    if name.startswith("tag:"):
        return tags.get(name.removeprefix("tag:")) in values
    return {"state": each["State"], "owner-id": each["OwnerId"]}.get(name, values[0]) in values


def _told() -> Iterator[dict[str, Any]]:
    for each in current().there():
        block = bool(each.get("end"))
        yield {
            "CapacityReservationId": each["id"],
            "OwnerId": OWNER,
            "InstanceType": each["type"],
            "AvailabilityZone": each["zone"],
            "TotalInstanceCount": each["instances"],
            "AvailableInstanceCount": max(0, each["instances"] - used(each["id"])),
            "InstanceMatchCriteria": "targeted",
            "ReservationType": "capacity-block" if block else "default",
            "State": "active",
            "Tags": [{"Key": key, "Value": value} for key, value in each.get("tags", {}).items()],
            **({"EndDate": datetime.fromisoformat(each["end"]).astimezone(UTC)} if block else {}),
        }


def used(id_: str) -> int:
    """Instances that run in a reservation."""
    return sum(reserved == id_ for reserved in current().reserved.values())


def refused(id_: str, type_: str, zone: str) -> tuple[str, str] | None:
    """Code and words if EC2 does not launch such an instance in the reservation; None if it does."""
    found = next((each for each in current().there() if each["id"] == id_), None)
    if found is None or (found["type"], found["zone"]) != (type_, zone):
        return "InvalidCapacityReservationId.NotFound", f"The capacity reservation '{id_}' has no {type_} in {zone}."
    if used(id_) >= found["instances"]:
        return FULL, "The requested reservation does not have sufficient compatible and available capacity."
    return None


def targets(given: Mapping[str, Any]) -> dict[int, str]:
    """Place of a launch template in a fleet's request -> the reservation that it targets."""
    tags = [tag for each in given.get("TagSpecifications") or () for tag in each.get("Tags") or ()]
    return {int(tag["Key"].removeprefix(TAG)): tag["Value"] for tag in tags if tag["Key"].startswith(TAG)}
