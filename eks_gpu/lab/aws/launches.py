"""Launches of auto scaling groups and fleets as EC2 makes them: what it refuses is told, and the next is tried.

moto launches whatever it is asked for, in a group's first type and subnet, and remembers no failure.
"""

import math
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

from moto.autoscaling.models import ASG_NAME_TAG, AutoScalingBackend, FakeAutoScalingGroup, InstanceState
from moto.autoscaling.responses import AutoScalingResponse
from moto.core.responses import ActionResult
from moto.core.utils import utcnow
from moto.ec2.responses import EC2Response
from moto.ec2.responses.fleets import Fleets
from moto.ec2.responses.instances import InstanceResponse

from eks_gpu.lab.aws import calls
from eks_gpu.lab.aws.capacity import Launch, current
from eks_gpu.lab.aws.ec2_refusals import shortage
from eks_gpu.lab.aws.enforcement import may
from eks_gpu.lab.aws.needs import Place
from eks_gpu.lab.aws.reserved import describe_capacity_reservations, refused, targets
from eks_gpu_components.catalog import on_demand_price, spot_price

AGAIN_S = 15
"""Seconds after which a group that could not launch tries once more."""
REMEMBERED = 100
"""Activities that a group tells of."""


@contextmanager
def launching() -> Iterator[None]:
    """While it lasts, moto in this process launches what EC2 has, and says what it has not."""
    terminate, describe = InstanceResponse.terminate_instances, AutoScalingBackend.describe_auto_scaling_groups
    describe_instances = InstanceResponse.describe_instances

    def terminate_ours(response: Any) -> Any:
        """Instances of fleets are not in moto. Who terminates one twice, is told the same twice, as EC2 does it."""
        capacity, ids = current(), response._get_param("InstanceIds", [])
        ours = {id_ for id_ in ids if id_ in capacity.fleets or id_ in capacity.ended}
        others = [id_ for id_ in ids if id_ not in ours]
        if not ours:
            return terminate(response)
        if others:
            response.ec2_backend.terminate_instances(others)
        for id_ in ours:
            capacity.fleets.pop(id_, None)
            capacity.reserved.pop(id_, None)
        capacity.ended |= ours
        return ActionResult({"TerminatingInstances": [{"InstanceId": id_} for id_ in ids]})

    def describe_ours(response: Any) -> Any:
        """Instances of fleets are told to who asks for them by id."""
        capacity, ids = current(), response._get_param("InstanceIds", [])
        if not (ours := [id_ for id_ in ids if id_ in capacity.fleets or id_ in capacity.ended]):
            return describe_instances(response)
        states = {id_: "running" if id_ in capacity.fleets else "terminated" for id_ in ours}
        told = [{"InstanceId": id_, "State": {"Name": state}} for id_, state in states.items()]
        return ActionResult({"Reservations": [{"Instances": told}]})

    def describe_and_try_again(backend: Any, *given: Any, **named: Any) -> Any:
        for group in list(backend.autoscaling_groups.values()):
            _try_again(group)
        return describe(backend, *given, **named)

    with ExitStack() as patches:
        for owner, name, ours in (
            (FakeAutoScalingGroup, "replace_autoscaling_group_instances", _launch),
            (AutoScalingBackend, "describe_auto_scaling_groups", describe_and_try_again),
            (AutoScalingResponse, "describe_scaling_activities", _activities),
            (Fleets, "create_fleet", _create_fleet),
            (InstanceResponse, "terminate_instances", terminate_ours),
            (InstanceResponse, "describe_instances", describe_ours),
        ):
            patches.enter_context(patch.object(owner, name, ours))
        told = describe_capacity_reservations
        patches.enter_context(patch.object(EC2Response, told.__name__, told, create=True))
        yield


# Auto scaling groups


def _launch(group: Any, count_needed: int, propagated_tags: dict[str, str]) -> None:
    """In place of moto's own: one after the other, until EC2 has none of the group's types in any of its zones."""
    tags = {**propagated_tags, ASG_NAME_TAG: group.name, **group.instance_tags}
    for _ in range(count_needed):
        if not _launch_one(group, tags):
            return


def _launch_one(group: Any, tags: Mapping[str, str]) -> bool:
    ec2 = group.autoscaling_backend.ec2_backend
    place = Place(ec2.partition, ec2.region_name, ec2.account_id)
    spot, refused = _is_spot(group), ("", "")
    for type_ in _types(group):
        for subnet, zone in _places(group, ec2):
            refusal = shortage(Launch(place, type_, zone, spot))
            if refusal is None:
                _run(group, ec2, type_, subnet, zone, spot, tags)
                return True
            refused = refusal
    _remember(group, refused, spot)
    return False


def _is_spot(group: Any) -> bool:
    """Whether the group's next instance is, by the distribution of its mixed instances policy."""
    distribution = (group.mixed_instances_policy or {}).get("InstancesDistribution") or {}
    base = int(distribution.get("OnDemandBaseCapacity") or 0)
    percentage = int(distribution.get("OnDemandPercentageAboveBaseCapacity", 100))
    beyond = len(group.instance_states) - base
    return beyond >= 0 and (beyond * percentage) // 100 == ((beyond + 1) * percentage) // 100


def _types(group: Any) -> list[str]:
    overrides = ((group.mixed_instances_policy or {}).get("LaunchTemplate") or {}).get("Overrides") or []
    return [override["InstanceType"] for override in overrides if override.get("InstanceType")] or [group.instance_type]


def _places(group: Any, ec2: Any) -> list[tuple[str | None, str]]:
    """Subnet and zone, in the group's order."""
    if group.vpc_zone_identifier:
        ids = group.vpc_zone_identifier.split(",")
        return [(id_, ec2.get_subnet(id_).availability_zone) for id_ in ids]
    return [(None, zone) for zone in group.availability_zones]


def _run(group: Any, ec2: Any, type_: str, subnet: str | None, zone: str, spot: bool, tags: Mapping[str, str]) -> None:
    template = group.ec2_launch_template
    config = group.launch_config
    reservation = ec2.run_instances(
        group.image_id,
        1,
        group.user_data,
        group.security_groups,
        instance_type=type_,
        tags={"instance": dict(tags)},
        placement=zone,
        launch_config=config,
        launch_template={"LaunchTemplateId": template.id} if template else None,
        is_instance_type_default=False,
        associate_public_ip=config.associate_public_ip_address if config else None,
        subnet_id=subnet,
        instance_market_options="spot" if spot else {},
    )
    instance = reservation.instances[0]
    instance.autoscaling_group = group
    protected = group.new_instances_protected_from_scale_in
    group.instance_states.append(InstanceState(instance, protected_from_scale_in=protected))


def _remember(group: Any, refused: tuple[str, str], spot: bool) -> None:
    """A failed activity, in the words of Auto Scaling.

    Source: kubernetes/autoscaler#1263 and #3241; aws/containers-roadmap#2204, of a mixed instances policy.
    """
    code, words = refused
    market = "Spot" if spot else "On-Demand"
    told = f"Could not launch {market} Instances. {code} - {words}" if group.mixed_instances_policy else words
    now = utcnow()
    activity = {
        "ActivityId": str(uuid.uuid4()),
        "AutoScalingGroupName": group.name,
        "Description": f"Launching a new EC2 instance.  Status Reason: {told} Launching EC2 instance failed.",
        "Cause": "an instance was started in response to a difference between desired and actual capacity.",
        "StartTime": now,
        "EndTime": now,
        "StatusCode": "Failed",
        "StatusMessage": f"{told} Launching EC2 instance failed.",
        "Progress": 100,
    }
    group.activities = [activity, *getattr(group, "activities", ())][:REMEMBERED]
    group.failed_at = time.monotonic()


def _try_again(group: Any) -> None:
    failed_at = getattr(group, "failed_at", None)
    if failed_at is not None and time.monotonic() - failed_at > AGAIN_S:
        group.failed_at = None
        group.set_desired_capacity(group.desired_capacity)


def _activities(response: Any) -> ActionResult:
    name = response._get_param("AutoScalingGroupName")
    groups = response.autoscaling_backend.autoscaling_groups.values()
    found = [each for group in groups if name in (None, group.name) for each in getattr(group, "activities", ())]
    return ActionResult({"Activities": found})


# Fleets


@dataclass(frozen=True)
class Option:
    """An override of a fleet, with the launch template that it goes with."""

    template: Mapping[str, Any]
    override: Mapping[str, Any]
    zone: str
    reservation: str = ""
    """What its launch template targets."""

    @property
    def type(self) -> str:
        return self.override["InstanceType"]

    def price(self, spot: bool) -> float:
        """By which the cheapest comes first; unknown ones last."""
        found = spot_price(self.type, self.zone[:-1]) if spot else on_demand_price(self.type, self.zone[:-1])
        return found.hourly if found else math.inf

    def told(self, spot: bool) -> dict[str, Any]:
        """As an answer names it."""
        chosen = {"InstanceType": self.type, "SubnetId": self.override.get("SubnetId"), "AvailabilityZone": self.zone}
        return {
            "LaunchTemplateAndOverrides": {"LaunchTemplateSpecification": self.template, "Overrides": chosen},
            "Lifecycle": "spot" if spot else "on-demand",
        }


def _options(place: Place, given: Mapping[str, Any]) -> Iterator[Option]:
    reserved = targets(given)
    for number, config in enumerate(given["LaunchTemplateConfigs"]):
        for override in config.get("Overrides") or ():
            subnet = place.ec2.get_subnet(override["SubnetId"]) if override.get("SubnetId") else None
            zone = subnet.availability_zone if subnet else override.get("AvailabilityZone", "")
            template = config.get("LaunchTemplateSpecification") or {}
            yield Option(template, override, zone, reserved.get(number, ""))


def _create_fleet(response: Any) -> ActionResult:
    """An instant fleet: for each instance the cheapest override that EC2 has. Overrides that it has not are errors.

    The machines are played by who asked, under the ids that are answered.
    """
    given, place = response.params or calls.parameters(response), calls.place(response)
    target = given["TargetCapacitySpecification"]
    spot = target.get("DefaultTargetCapacityType") == "spot"
    role = may(response, "iam:CreateServiceLinkedRole", None)
    options = sorted(_options(place, given), key=lambda option: option.price(spot))
    made, errors = [], dict[tuple[str, str], dict[str, Any]]()
    for _ in range(int(target["TotalTargetCapacity"])):
        for option in options:
            refusal = (
                refused(option.reservation, option.type, option.zone)
                if option.reservation
                else shortage(Launch(place, option.type, option.zone, spot, may_make_role=role))
            )
            if refusal is None:
                id_ = f"i-{uuid.uuid4().hex[:17]}"
                current().fleets[id_] = option.type, spot
                if option.reservation:
                    current().reserved[id_] = option.reservation
                made.append({**option.told(spot), "InstanceIds": [id_], "InstanceType": option.type})
                break
            errors[option.type, option.zone] = {
                **option.told(spot),
                "ErrorCode": refusal[0],
                "ErrorMessage": refusal[1],
            }
    return ActionResult({"FleetId": f"fleet-{uuid.uuid4()}", "Instances": made, "Errors": list(errors.values())})
