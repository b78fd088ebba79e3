"""What EC2 refuses: launches, addresses and VPCs over an account's quotas, and what it has no capacity for."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from moto.ec2.exceptions import EC2ClientError

from eks_gpu.lab.aws import capacity
from eks_gpu.lab.aws.capacity import Launch, current
from eks_gpu.lab.aws.refusal import Blanks, Refusal, Request

ERRORS = "https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html"
LAUNCHES = ("ec2:RunInstances", "ec2:CreateFleet")


def too_many_addresses(request: Request) -> Blanks:
    return {} if len(request.place.ec2.addresses) >= current().account.addresses else None


def too_many_vpcs(request: Request) -> Blanks:
    return {} if len(request.place.ec2.vpcs) >= current().account.vpcs else None


@dataclass(frozen=True)
class LaunchRefusal:
    """A row, and how a launch is found to fall under it."""

    row: Refusal
    test: Callable[[Launch], Blanks]


def _launch_row(refuses: str, code: str, words: str, source: str, test: Any, status: int = 400) -> LaunchRefusal:
    def blanks(request: Request) -> Blanks:
        launch = run_instances(request) if "LaunchTemplateConfigs" not in request.given else None  # a fleet asks itself
        return test(launch) if launch else None

    return LaunchRefusal(Refusal(LAUNCHES, refuses, code, words, source, blanks, status), test)


def run_instances(request: Request) -> Launch | None:
    """The launch that RunInstances asks for; None where it names no type."""
    given, ec2 = request.given, request.place.ec2
    data = {**_template(ec2, given.get("LaunchTemplate") or {}), **given}
    if not data.get("InstanceType"):
        return None
    subnet = ec2.get_subnet(given["SubnetId"]) if given.get("SubnetId") else None
    zone = subnet.availability_zone if subnet else (given.get("Placement") or {}).get("AvailabilityZone", "")
    spot = (data.get("InstanceMarketOptions") or {}).get("MarketType") == "spot"
    may = request.may("iam:CreateServiceLinkedRole")
    return Launch(request.place, data["InstanceType"], zone, spot, int(given.get("MaxCount") or 1), may)


def _template(ec2: Any, named: Mapping[str, Any]) -> Mapping[str, Any]:
    try:
        if id_ := named.get("LaunchTemplateId"):
            found = ec2.get_launch_template(id_)
        elif name := named.get("LaunchTemplateName"):
            found = ec2.get_launch_template_by_name(name)
        else:
            return {}
        return found.get_version(named.get("Version") or "$Default").data
    except EC2ClientError:  # that there is none, moto says itself
        return {}


LAUNCH_REFUSALS = (
    _launch_row(
        "Spot without its service-linked role, for who may not make it",
        "AuthFailure.ServiceLinkedRoleCreationNotPermitted",
        "The provided credentials do not have permission to create the service-linked role for EC2 Spot Instances.",
        "kubernetes/kops#16475",
        capacity.no_spot_role,
        403,
    ),
    _launch_row(
        "more vCPUs on demand than the account's quota",
        "VcpuLimitExceeded",
        "You have requested more vCPU capacity than your current vCPU limit of {limit} allows for the instance bucket "
        "that the specified instance type belongs to. Please visit http://aws.amazon.com/contact-us/ec2-request to "
        "request an adjustment to this limit.",
        "aws/amazon-cloudwatch-agent-test#256",
        capacity.over_quota,
    ),
    _launch_row(
        "more vCPUs of Spot than the account's quota",
        "MaxSpotInstanceCountExceeded",
        "Max spot instance count exceeded",
        "meadowdata/meadowrun#84",
        capacity.spot_over_quota,
    ),
    _launch_row(
        "a type on demand in a zone that is out of it (`lab outage`)",
        "InsufficientInstanceCapacity",
        "We currently do not have sufficient {type} capacity in the Availability Zone you requested ({zone}). Our "
        "system will be working on provisioning additional capacity. You can currently get {type} capacity by not "
        "specifying an Availability Zone in your request or choosing {others}.",
        "hashicorp/terraform-provider-aws#1496",
        capacity.no_capacity,
        500,
    ),
    _launch_row(
        "a type as Spot in a zone that is out of it (`lab outage`)",
        "InsufficientInstanceCapacity",
        "There is no Spot capacity available that matches your request.",
        "kubernetes/autoscaler#3241",
        capacity.no_spot_capacity,
        500,
    ),
)


def shortage(launch: Launch) -> tuple[str, str] | None:
    """Code and words with which EC2 refuses a launch; None where it makes it."""
    return next(_shortages(launch), None)


def _shortages(launch: Launch) -> Iterator[tuple[str, str]]:
    for each in LAUNCH_REFUSALS:
        blanks = each.test(launch)
        if blanks is not None:
            yield each.row.code, each.row.words.format_map(blanks)


EC2_REFUSALS = (
    Refusal(
        ("ec2:AllocateAddress",),
        "more Elastic IPs than the account's quota",
        "AddressLimitExceeded",
        "The maximum number of addresses has been reached.",
        f"opstrace/opstrace#273; {ERRORS}",
        too_many_addresses,
    ),
    Refusal(
        ("ec2:CreateVpc",),
        "more VPCs than the account's quota",
        "VpcLimitExceeded",
        "The maximum number of VPCs has been reached.",
        f"terraform-aws-modules/terraform-aws-vpc#429; {ERRORS}",
        too_many_vpcs,
    ),
    *(each.row for each in LAUNCH_REFUSALS),
)
