"""Launches in the lab's EC2: within the account's quotas, of what it has, the next type or zone where it has not."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from eks_gpu.lab.aws import LAB_KEYS, launches
from eks_gpu.lab.aws.accounts import ACCOUNTS, Account
from eks_gpu.lab.aws.capacity import Capacity, having
from eks_gpu.lab.aws.completed import complete_moto
from eks_gpu.lab.aws.launches import launching
from eks_gpu.lab.aws.moto_server import moto
from eks_gpu.lab.aws.refusals import refusing
from tests.eks_gpu.lab.aws.refusals.account import answer

REGION = "us-west-2"
SMALL = Account(standard_vcpus=8, accelerator_vcpus=8, addresses=2, vpcs=2, spot_role=True)
VCPUS = (
    "You have requested more vCPU capacity than your current vCPU limit of {} allows for the instance bucket that the "
    "specified instance type belongs to. Please visit http://aws.amazon.com/contact-us/ec2-request to request an "
    "adjustment to this limit."
)
OUT = (
    "We currently do not have sufficient g5.xlarge capacity in the Availability Zone you requested (us-west-2a). Our "
    "system will be working on provisioning additional capacity. You can currently get g5.xlarge capacity by not "
    "specifying an Availability Zone in your request or choosing us-west-2b, us-west-2c, us-west-2d."
)


def client(service: str, **keys: str) -> Any:
    return boto3.client(service, region_name=REGION, **(keys or LAB_KEYS))


class Ec2:
    """An EC2 of this process whose capacity a test sets."""

    def __init__(self, outages: Path):
        self._outages = outages
        self._quotas, self._refused = outages.with_name("quotas"), outages.with_name("refused")
        found = client("ec2").describe_subnets()["Subnets"]
        self.subnets = {subnet["AvailabilityZone"]: subnet["SubnetId"] for subnet in found}

    def out_of(self, *outages: tuple[str, str]) -> None:
        self._outages.write_text(json.dumps(outages))

    def quotas(self, **vcpus: int) -> None:
        self._quotas.write_text(json.dumps({code.replace("_", "-"): count for code, count in vcpus.items()}))

    def refused_by(self) -> list[str]:
        return self._refused.read_text().splitlines() if self._refused.exists() else []

    def run(self, type_: str = "g5.xlarge", zone: str = "us-west-2a", count: int = 1, spot: bool = False) -> Any:
        market = {"InstanceMarketOptions": {"MarketType": "spot"}} if spot else {}
        return answer(
            lambda: client("ec2").run_instances(
                ImageId="ami-12c6146b",
                InstanceType=type_,
                MinCount=count,
                MaxCount=count,
                SubnetId=self.subnets[zone],
                **market,
            )
        )

    def group(self, *types: str, size: int, zones: tuple[str, ...] = ("us-west-2a",), spot: bool = False) -> None:
        client("ec2").create_launch_template(
            LaunchTemplateName="node", LaunchTemplateData={"ImageId": "ami-12c6146b", "InstanceType": types[0]}
        )
        client("autoscaling").create_auto_scaling_group(
            AutoScalingGroupName="gpu",
            MinSize=0,
            MaxSize=9,
            DesiredCapacity=size,
            VPCZoneIdentifier=",".join(self.subnets[zone] for zone in zones),
            MixedInstancesPolicy={
                "LaunchTemplate": {
                    "LaunchTemplateSpecification": {"LaunchTemplateName": "node", "Version": "$Latest"},
                    "Overrides": [{"InstanceType": type_} for type_ in types],
                },
                "InstancesDistribution": {"OnDemandPercentageAboveBaseCapacity": 0 if spot else 100},
            },
        )

    def bought(self) -> list[tuple[str, str]]:
        """Type and zone of each instance of the group."""
        group = client("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"][0]
        return [(each["InstanceType"], each["AvailabilityZone"]) for each in group["Instances"]]

    def failures(self) -> list[str]:
        told = client("autoscaling").describe_scaling_activities(AutoScalingGroupName="gpu")["Activities"]
        assert {each["StatusCode"] for each in told} <= {"Failed"}
        return [each["StatusMessage"] for each in told]

    def fleet(self, *overrides: tuple[str, str], spot: bool = False, count: int = 1, **keys: str) -> Any:
        return client("ec2", **keys).create_fleet(
            Type="instant",
            LaunchTemplateConfigs=[
                {
                    "LaunchTemplateSpecification": {"LaunchTemplateName": f"karpenter-{type_}", "Version": "$Latest"},
                    "Overrides": [{"InstanceType": type_, "SubnetId": self.subnets[zone]}],
                }
                for type_, zone in overrides
            ],
            TargetCapacitySpecification={
                "TotalTargetCapacity": count,
                "DefaultTargetCapacityType": "spot" if spot else "on-demand",
            },
        )


def told(fleet: Any) -> tuple[list[tuple[str, str]], list[tuple[str, str, str]]]:
    """(type, subnet) of what a fleet made; (type, zone, code) of what it could not."""
    made = [
        (each["InstanceType"], each["LaunchTemplateAndOverrides"]["Overrides"]["AvailabilityZone"])
        for each in fleet["Instances"]
    ]
    errors = [(each["LaunchTemplateAndOverrides"]["Overrides"], each["ErrorCode"]) for each in fleet["Errors"]]
    return made, [(override["InstanceType"], override["AvailabilityZone"], code) for override, code in errors]


@pytest.fixture
def account() -> Account:
    return SMALL


@pytest.fixture
def ec2(account, tmp_path) -> Iterator[Ec2]:
    complete_moto("https://127.0.0.1:6443")
    capacity = Capacity(account, tmp_path / "outages", tmp_path / "quotas", tmp_path / "refused")
    with having(capacity), mock_aws(), refusing(), launching():
        client("iam").create_service_linked_role(AWSServiceName="spot.amazonaws.com")
        yield Ec2(tmp_path / "outages")


def test_launches_are_refused_over_the_quota_of_their_family_and_market(ec2):
    assert ec2.run("g5.xlarge", count=2) is None
    assert ec2.run("g4dn.xlarge") == ("VcpuLimitExceeded", VCPUS.format(8), 400)
    assert ec2.run("m7i.2xlarge") is None  # another family
    assert ec2.run("g5.xlarge", spot=True, count=2) is None
    assert ec2.run("g5.xlarge", spot=True) == ("MaxSpotInstanceCountExceeded", "Max spot instance count exceeded", 400)


def test_a_changed_quota_counts_in_place_of_the_accounts_and_tells_what_it_refuses(ec2):
    ec2.quotas(L_DB2E81BA=0)
    assert ec2.run("g5.xlarge") == ("VcpuLimitExceeded", VCPUS.format(0), 400)
    assert ec2.run("g5.xlarge", spot=True) is None  # the account's own
    assert ec2.refused_by() == ["L-DB2E81BA"]
    ec2.quotas(L_3819A6DF=4)
    assert ec2.run("g5.xlarge") is None
    assert ec2.run("g5.xlarge", spot=True) == (
        "MaxSpotInstanceCountExceeded",
        "Max spot instance count exceeded",
        400,
    )
    assert ec2.refused_by() == ["L-DB2E81BA", "L-3819A6DF"]


def test_a_group_and_a_fleet_tell_the_quota_that_stops_them(ec2):
    ec2.quotas(L_DB2E81BA=4, L_3819A6DF=0)
    ec2.group("g5.xlarge", size=2)
    ec2.fleet(("g5.xlarge", "us-west-2a"), spot=True)
    assert ec2.refused_by() == ["L-DB2E81BA", "L-3819A6DF"]


def test_what_is_terminated_counts_no_more(ec2):
    ec2.run("g5.xlarge", count=2)
    for reservation in client("ec2").describe_instances()["Reservations"]:
        client("ec2").terminate_instances(InstanceIds=[each["InstanceId"] for each in reservation["Instances"]])
    assert ec2.run("g5.2xlarge") is None


def test_a_zone_out_of_a_type_launches_none_until_the_outage_ends(ec2):
    ec2.out_of(("g5.xlarge", "us-west-2a"))
    assert ec2.run("g5.xlarge", "us-west-2a") == ("InsufficientInstanceCapacity", OUT, 500)
    assert ec2.run("g5.xlarge", "us-west-2a", spot=True) == (
        "InsufficientInstanceCapacity",
        "There is no Spot capacity available that matches your request.",
        500,
    )
    assert ec2.run("g5.xlarge", "us-west-2b") is None
    ec2.out_of()
    assert ec2.run("g5.xlarge", "us-west-2a") is None


def test_addresses_and_vpcs_end_at_the_accounts_quotas(ec2):
    def address() -> Any:
        return answer(lambda: client("ec2").allocate_address(Domain="vpc"))

    def vpc() -> Any:
        return answer(lambda: client("ec2").create_vpc(CidrBlock="10.0.0.0/16"))

    assert [address(), address(), address()] == [
        None,
        None,
        ("AddressLimitExceeded", "The maximum number of addresses has been reached.", 400),
    ]
    # the default VPC counts
    assert [vpc(), vpc()] == [None, ("VpcLimitExceeded", "The maximum number of VPCs has been reached.", 400)]


def test_a_group_takes_its_next_type_and_then_its_next_zone(ec2):
    ec2.out_of(("g5.xlarge", "us-west-2a"), ("g5.xlarge", "us-west-2b"), ("g4dn.xlarge", "us-west-2a"))
    ec2.group("g5.xlarge", "g4dn.xlarge", size=2, zones=("us-west-2a", "us-west-2b"))
    assert ec2.bought() == [("g4dn.xlarge", "us-west-2b")] * 2
    assert ec2.failures() == []


@pytest.mark.parametrize("spot", [False, True])
def test_a_group_that_cannot_launch_says_why_and_tries_again(ec2, spot, monkeypatch):
    monkeypatch.setattr(launches, "AGAIN_S", 0)
    ec2.out_of(("g5.xlarge", "us-west-2a"))
    ec2.group("g5.xlarge", size=1, spot=spot)
    why = "There is no Spot capacity available that matches your request." if spot else OUT
    why = f"Could not launch {'Spot' if spot else 'On-Demand'} Instances. InsufficientInstanceCapacity - {why}"
    assert ec2.failures() == [f"{why} Launching EC2 instance failed."]
    assert ec2.bought() == []
    ec2.out_of()
    assert ec2.bought() == [("g5.xlarge", "us-west-2a")]


def test_a_group_grows_as_far_as_the_quota_goes(ec2):
    ec2.group("g5.xlarge", size=3)
    assert len(ec2.bought()) == 2
    told = f"Could not launch On-Demand Instances. VcpuLimitExceeded - {VCPUS.format(8)}"
    assert ec2.failures() == [f"{told} Launching EC2 instance failed."]


def managed_group(ec2: Ec2, size: int) -> Any:
    """What EKS says of a group of so many g5.xlarge on demand."""
    eks, subnets = client("eks"), list(ec2.subnets.values())
    role = "arn:aws:iam::123456789012:role/node"
    eks.create_cluster(name="gaia", roleArn=role, resourcesVpcConfig={"subnetIds": subnets})
    scaling = {"minSize": 0, "desiredSize": size, "maxSize": 9}
    return eks.create_nodegroup(
        clusterName="gaia",
        nodegroupName="gpu",
        nodeRole=role,
        subnets=subnets,
        instanceTypes=["g5.xlarge"],
        scalingConfig=scaling,
    )["nodegroup"]


def test_a_managed_group_whose_nodes_fit_the_quota_is_active(ec2):
    assert managed_group(ec2, 2)["status"] == "ACTIVE"
    changed = {"minSize": 0, "desiredSize": 1, "maxSize": 4}
    told = client("eks").update_nodegroup_config(clusterName="gaia", nodegroupName="gpu", scalingConfig=changed)
    assert told["update"]["status"] in ("Successful", "InProgress")


def test_a_managed_group_over_the_quota_has_failed_and_takes_no_update(ec2):
    made = managed_group(ec2, 3)
    (issue,) = made["health"]["issues"]
    assert made["status"] == "CREATE_FAILED"
    assert issue == {
        "code": "AsgInstanceLaunchFailures",
        "message": f"Could not launch On-Demand Instances. VcpuLimitExceeded - {VCPUS.format(8)} "
        "Launching EC2 instance failed.",
        "resourceIds": [made["resources"]["autoScalingGroups"][0]["name"]],
    }
    of = {"clusterName": "gaia", "nodegroupName": "gpu"}
    in_use = ("ResourceInUseException", "Nodegroup cannot be updated as it is currently not in Active State", 409)
    changed = {"minSize": 0, "desiredSize": 1, "maxSize": 4}
    assert answer(lambda: client("eks").update_nodegroup_config(**of, scalingConfig=changed)) == in_use
    assert answer(lambda: client("eks").update_nodegroup_version(**of)) == in_use
    client("eks").delete_nodegroup(**of)
    assert client("eks").list_nodegroups(clusterName="gaia")["nodegroups"] == []


def test_a_fleet_takes_the_cheapest_that_ec2_has_and_tells_what_it_has_not(ec2):
    every = (("g5.xlarge", "us-west-2a"), ("g4dn.xlarge", "us-west-2a"), ("g4dn.xlarge", "us-west-2b"))
    assert told(ec2.fleet(*every)) == ([("g4dn.xlarge", "us-west-2a")], [])
    ec2.out_of(("g4dn.xlarge", "us-west-2a"))
    assert told(ec2.fleet(*every)) == (
        [("g4dn.xlarge", "us-west-2b")],
        [("g4dn.xlarge", "us-west-2a", "InsufficientInstanceCapacity")],
    )


def test_a_fleet_ends_at_the_quota_and_goes_on_when_its_instances_are_gone(ec2):
    fleet = ec2.fleet(("g5.xlarge", "us-west-2a"), count=3)
    assert told(fleet) == ([("g5.xlarge", "us-west-2a")] * 2, [("g5.xlarge", "us-west-2a", "VcpuLimitExceeded")])
    client("ec2").terminate_instances(InstanceIds=fleet["Instances"][0]["InstanceIds"])
    assert len(told(ec2.fleet(("g5.xlarge", "us-west-2a")))[0]) == 1


def test_what_is_terminated_twice_is_terminated_as_ec2_tells_it(ec2):
    (made,) = ec2.fleet(("g5.xlarge", "us-west-2a"))["Instances"]
    ids = [*made["InstanceIds"], *made["InstanceIds"]]
    for asked in (ids, ids[:1]):
        ended = client("ec2").terminate_instances(InstanceIds=asked)["TerminatingInstances"]
        assert [each["InstanceId"] for each in ended] == asked
    with pytest.raises(ClientError, match="NotFound"):
        client("ec2").terminate_instances(InstanceIds=[ids[0], "i-0123456789abcdef0"])


def test_instances_of_a_fleet_are_told_to_who_asks_for_them_by_id(ec2):
    def states(*ids: str) -> list[str]:
        (found,) = client("ec2").describe_instances(InstanceIds=list(ids))["Reservations"]
        return [each["State"]["Name"] for each in found["Instances"]]

    ids = [each["InstanceIds"][0] for each in ec2.fleet(("g5.xlarge", "us-west-2a"), count=2)["Instances"]]
    assert states(*ids) == ["running", "running"]
    client("ec2").terminate_instances(InstanceIds=ids[:1])
    assert states(*ids) == ["terminated", "running"]


def test_an_account_that_never_used_spot_gets_the_role_from_who_may_make_it():
    trust = {"Effect": "Allow", "Principal": {"Service": "pods.eks.amazonaws.com"}, "Action": "sts:AssumeRole"}

    def policy(*actions: str) -> str:
        allow = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
        return json.dumps({"Version": "2012-10-17", "Statement": [allow]})

    new = Account(standard_vcpus=8, accelerator_vcpus=8, addresses=5, vpcs=5, spot_role=False)
    with moto(account=new) as url, pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", url)
        iam = client("iam")
        made = iam.create_role(
            RoleName="controller",
            AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]}),
        )["Role"]["Arn"]

        def fleet(*actions: str) -> Any:
            iam.put_role_policy(RoleName="controller", PolicyName="p", PolicyDocument=policy(*actions))
            session = client("sts").assume_role(RoleArn=made, RoleSessionName="pod")["Credentials"]
            keys = {
                "aws_access_key_id": session["AccessKeyId"],
                "aws_secret_access_key": session["SecretAccessKey"],
                "aws_session_token": session["SessionToken"],
            }
            return told(Ec2(Path("none")).fleet(("g5.xlarge", "us-west-2a"), spot=True, **keys))

        def roles() -> list[str]:
            return [role["RoleName"] for role in iam.list_roles()["Roles"] if role["RoleName"] != "controller"]

        refused = "AuthFailure.ServiceLinkedRoleCreationNotPermitted"
        assert fleet("ec2:CreateFleet") == ([], [("g5.xlarge", "us-west-2a", refused)])
        assert roles() == []
        assert fleet("ec2:CreateFleet", "iam:CreateServiceLinkedRole")[0] == [("g5.xlarge", "us-west-2a")]
        assert roles() == ["AWSServiceRoleForEC2Spot"]
        assert fleet("ec2:CreateFleet")[0] == [("g5.xlarge", "us-west-2a")]  # it is there by now


def test_a_new_account_has_no_accelerators_and_five_addresses():
    new, used = ACCOUNTS["new"], ACCOUNTS["used"]
    assert (new.standard_vcpus, new.accelerator_vcpus, new.addresses, new.vpcs, new.spot_role) == (5, 0, 5, 5, False)
    assert used.accelerator_vcpus >= 10_000
    assert used.spot_role


@pytest.mark.parametrize("name", ["new", "used"])
def test_an_account_begins_with_the_spot_role_if_spot_was_used(name):
    with moto(account=ACCOUNTS[name]) as url:
        iam = boto3.client("iam", region_name=REGION, endpoint_url=url, **LAB_KEYS)
        found = [role["RoleName"] for role in iam.list_roles()["Roles"]]
    assert found == (["AWSServiceRoleForEC2Spot"] if name == "used" else [])
