"""Placement groups of the lab's EC2, which moto does not have: they are made, told and deleted, and place nothing."""

from typing import Any

from moto.core.responses import ActionResult
from moto.moto_api._internal import mock_random

from eks_gpu.lab.aws import calls

_NOT_FOUND, _TWICE = "InvalidPlacementGroup.Unknown", "InvalidPlacementGroup.Duplicate"


def create(response: Any) -> ActionResult:
    """In place of a method that moto lacks."""
    given, groups = calls.parameters(response), _groups(response)
    name, place = given["GroupName"], calls.place(response)
    if name in groups:
        calls.refuse(response, _TWICE, f"The placement group '{name}' already exists.", 400)
    tags = [tag for each in given.get("TagSpecifications") or () for tag in each.get("Tags") or ()]
    groups[name] = {
        "GroupName": name,
        "GroupId": f"pg-{mock_random.get_random_hex(17)}",
        "GroupArn": f"arn:{place.partition}:ec2:{place.region}:{place.account}:placement-group/{name}",
        "State": "available",
        "Strategy": given["Strategy"],
        "Tags": tags,
    }
    return ActionResult({"PlacementGroup": groups[name]})


def describe(response: Any) -> ActionResult:
    """In place of a method that moto lacks; filters do not count."""
    names, groups = calls.parameters(response).get("GroupNames"), _groups(response)
    for name in names or ():
        _check_is_there(response, name)
    return ActionResult({"PlacementGroups": [groups[name] for name in names or groups]})


def delete(response: Any) -> ActionResult:
    """In place of a method that moto lacks."""
    name = calls.parameters(response)["GroupName"]
    _check_is_there(response, name)
    del _groups(response)[name]
    return ActionResult({})


def _check_is_there(response: Any, name: str) -> None:
    if name not in _groups(response):
        calls.refuse(response, _NOT_FOUND, f"The Placement Group '{name}' is unknown.", 400)


def _groups(response: Any) -> dict[str, dict[str, Any]]:
    """By name; moto's own backend of the account and region keeps them, and forgets them with the rest."""
    return response.ec2_backend.__dict__.setdefault("lab_placement_groups", {})
