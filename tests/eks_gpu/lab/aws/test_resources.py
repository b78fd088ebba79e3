"""Every type of the lab's table, against moto: made, read, changed, taken away."""

from collections.abc import Iterator
from typing import Any

import pytest
from moto import mock_aws

from eks_gpu.lab.aws.completed import complete_moto
from eks_gpu.lab.aws.core import Cloud, Refused, seen_inputs
from eks_gpu.lab.aws.invokes import invoke
from eks_gpu.lab.aws.table import TABLE
from tests import lab_resources
from tests.lab_resources import (
    CLUSTER,
    DEFAULT_GROUP,
    NODE_GROUP,
    QUEUE,
    ROLE,
    RULE,
    SUBNET,
    VPC,
    change,
    make_all,
    wanted,
)
from tests.programs import PROGRAMS, plan_of

REGION = "us-west-2"


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    complete_moto("https://127.0.0.1:6443")
    with mock_aws(config={"iam": {"load_aws_managed_policies": True}}):
        yield Cloud(REGION)


def group_of(cloud: Cloud, name: str) -> dict[str, Any]:
    return cloud.client("autoscaling").describe_auto_scaling_groups(AutoScalingGroupNames=[name])["AutoScalingGroups"][
        0
    ]


def test_the_table_has_every_aws_type_of_every_stack_and_example():
    used = {
        resource.type
        for program in PROGRAMS
        for resource in plan_of(*program).graph
        if resource.type.startswith("aws:")
    }
    assert len(used) > 25
    assert used - TABLE.keys() == set()


def test_every_type_is_made_read_changed_and_taken_away(cloud):
    assert lab_resources.inputs({}).keys() == TABLE.keys()
    made = make_all(cloud)
    for token, outputs in made.items():
        given = wanted(token, made)
        assert cloud.problems(token, given) == [], token
        again = cloud.read(token, outputs) or {}
        assert seen_inputs(token, given, again) == given, token

    for token, outputs in made.items():
        new = {key: value for key, value in {**outputs, **change(token, made)}.items() if value is not None}
        replaced = [key for key in change(token, made) if cloud.replaced_by(token, key, new, outputs)]
        assert replaced == [], token
        updated = cloud.update(token, new, outputs)
        asked = {key: value for key, value in change(token, made).items() if value is not None}
        assert {key: updated[key] for key in asked} == asked, token
        made[token] = updated

    for token, outputs in reversed(made.items()):
        cloud.delete(token, outputs)
        cloud.delete(token, outputs)  # one that is gone already is fine
        assert (cloud.read(token, outputs) is None) == (token != DEFAULT_GROUP), token
    assert cloud.read(DEFAULT_GROUP, made[DEFAULT_GROUP]) is None  # it goes with its VPC


def test_the_default_group_of_a_vpc_is_taken_over_without_its_rules(cloud):
    made = make_all(cloud)
    ec2 = cloud.client("ec2")
    (group,) = ec2.describe_security_groups(GroupIds=[made[DEFAULT_GROUP]["id"]])["SecurityGroups"]
    assert (group["GroupName"], group["VpcId"]) == ("default", made[VPC]["id"])
    assert (group["IpPermissions"], group["IpPermissionsEgress"]) == ([], [])
    cloud.delete(DEFAULT_GROUP, made[DEFAULT_GROUP])
    assert cloud.read(DEFAULT_GROUP, made[DEFAULT_GROUP])


def test_a_log_group_that_is_there_is_found_by_name_and_takes_a_retention(cloud):
    name = "/aws/eks/lab/cluster"
    for made in (name, f"{name}-2", "/aws/eks/other/cluster"):
        cloud.client("logs").create_log_group(logGroupName=made)
    found = invoke(cloud, "aws:cloudwatch/getLogGroups:getLogGroups", {"logGroupNamePrefix": name})
    assert found["logGroupNames"] == [name, f"{name}-2"]
    token = "aws:cloudwatch/logGroup:LogGroup"
    adopted = cloud.read(token, cloud.identified(token, name))
    assert adopted and not adopted.get("retentionInDays")
    kept = cloud.update(token, {**adopted, "id": name, "retentionInDays": 90}, {**adopted, "id": name})
    assert kept["retentionInDays"] == 90


def test_a_node_group_has_an_auto_scaling_group_that_the_autoscaler_finds(cloud):
    made = make_all(cloud)
    group = group_of(cloud, made[NODE_GROUP]["resources"][0]["autoscalingGroups"][0]["name"])
    assert {tag["Key"]: tag["Value"] for tag in group["Tags"]} == {
        "eks:cluster-name": "lab",
        "eks:nodegroup-name": "gpu",
        "k8s.io/cluster-autoscaler/enabled": "true",
        "k8s.io/cluster-autoscaler/lab": "owned",
        "kubernetes.io/cluster/lab": "owned",
    }
    assert (group["MinSize"], group["MaxSize"], len(group["Instances"])) == (0, 2, 1)
    assert group["Instances"][0]["InstanceType"] == "g6.xlarge"

    cloud.client("autoscaling").set_desired_capacity(
        AutoScalingGroupName=group["AutoScalingGroupName"], DesiredCapacity=2
    )
    assert cloud.read(NODE_GROUP, made[NODE_GROUP])["scalingConfig"]["desiredSize"] == 2


def test_labels_and_taints_that_a_node_group_no_longer_has_are_taken_away(cloud):
    made = make_all(cloud)
    cloud.update(NODE_GROUP, {**made[NODE_GROUP], "labels": {"b": "3"}, "taints": []}, made[NODE_GROUP])
    found = cloud.client("eks").describe_nodegroup(clusterName="lab", nodegroupName="gpu")["nodegroup"]
    assert (found["labels"], found["taints"]) == ({"b": "3"}, [])


def test_a_cluster_is_at_the_labs_api_server_and_has_a_security_group_of_its_own(cloud, tmp_path):
    certificate = tmp_path / "ca.crt"
    certificate.write_bytes(b"ca")
    complete_moto("https://127.0.0.1:6443", certificate)
    cluster = make_all(cloud)[CLUSTER]
    assert cluster["endpoint"] == "https://127.0.0.1:6443"
    assert cluster["certificateAuthority"] == {"data": "Y2E="}
    assert cluster["kubernetesNetworkConfig"] == {"ipFamily": "ipv4", "serviceIpv4Cidr": "172.20.0.0/16"}
    assert cluster["vpcConfig"]["clusterSecurityGroupId"].startswith("sg-")


def test_clusters_with_a_private_endpoint_alone_are_named_until_they_are_opened_or_gone(cloud, tmp_path):
    closed = tmp_path / "closed"
    complete_moto("https://127.0.0.1:6443", closed=closed)
    subnets = [subnet["SubnetId"] for subnet in cloud.client("ec2").describe_subnets()["Subnets"][:2]]

    def network(public: bool, **more: Any) -> dict[str, Any]:
        return {"endpointPrivateAccess": True, "endpointPublicAccess": public, **more}

    eks, role = cloud.client("eks"), "arn:aws:iam::123456789012:role/r"
    for name, public in (("a", False), ("b", True), ("c", False)):
        eks.create_cluster(name=name, roleArn=role, resourcesVpcConfig=network(public, subnetIds=subnets))
    assert closed.read_text() == "a\nc\n"
    eks.update_cluster_config(name="a", resourcesVpcConfig=network(True, publicAccessCidrs=["8.8.8.8/32"]))
    assert closed.read_text() == "c\n"
    eks.update_cluster_config(name="b", resourcesVpcConfig=network(False))
    eks.delete_cluster(name="c")
    assert closed.read_text() == "b\n"


def log_groups(cloud: Cloud) -> dict[str, int | None]:
    """Days that each is kept, by name."""
    found = cloud.client("logs").describe_log_groups()["logGroups"]
    return {group["logGroupName"]: group.get("retentionInDays") for group in found}


def logged(cloud: Cloud, name: str, on: bool) -> None:
    """A cluster that writes its log, or not."""
    subnets = [subnet["SubnetId"] for subnet in cloud.client("ec2").describe_subnets()["Subnets"][:2]]
    cloud.client("eks").create_cluster(
        name=name,
        roleArn="arn:aws:iam::123456789012:role/r",
        resourcesVpcConfig={"subnetIds": subnets},
        logging={"clusterLogging": [{"types": ["api"], "enabled": on}, {"types": ["audit"], "enabled": False}]},
    )


def test_eks_makes_the_group_of_a_control_planes_log_as_soon_as_it_writes_one_and_leaves_it(cloud):
    logged(cloud, "silent", on=False)
    assert log_groups(cloud) == {}
    logged(cloud, "told", on=True)
    assert log_groups(cloud) == {"/aws/eks/told/cluster": None}
    on = {"clusterLogging": [{"types": ["scheduler"], "enabled": True}]}
    cloud.client("eks").update_cluster_config(name="silent", logging=on)
    for name in ("silent", "told"):
        cloud.client("eks").delete_cluster(name=name)
    assert log_groups(cloud) == {"/aws/eks/silent/cluster": None, "/aws/eks/told/cluster": None}


def test_a_log_group_that_was_there_before_its_cluster_stays_as_it_is_and_may_go_after_it(cloud):
    name = "/aws/eks/told/cluster"
    cloud.client("logs").create_log_group(logGroupName=name)
    cloud.client("logs").put_retention_policy(logGroupName=name, retentionInDays=90)
    logged(cloud, "told", on=True)
    assert log_groups(cloud) == {name: 90}
    cloud.client("eks").delete_cluster(name="told")
    cloud.client("logs").delete_log_group(logGroupName=name)
    assert log_groups(cloud) == {}


def test_a_log_group_that_goes_before_its_cluster_is_made_again_without_a_retention(cloud):
    logged(cloud, "told", on=True)
    cloud.client("logs").delete_log_group(logGroupName="/aws/eks/told/cluster")
    cloud.client("eks").delete_cluster(name="told")
    assert log_groups(cloud) == {"/aws/eks/told/cluster": None}


def test_a_changed_key_replaces_only_what_aws_cannot_change(cloud):
    made = make_all(cloud)

    def replaced(token: str, **changed: Any) -> list[str]:
        new = {**made[token], **changed}
        return [key for key in changed if cloud.replaced_by(token, key, new, made[token])]

    assert replaced(NODE_GROUP, instanceTypes=["g5.xlarge"], labels={}, amiType="CUSTOM") == [
        "instanceTypes",
        "amiType",
    ]
    assert replaced(SUBNET, cidrBlock="10.0.1.0/24", tags={}, mapPublicIpOnLaunch=True) == ["cidrBlock"]
    assert replaced(ROLE, name="other", path="/x/", maxSessionDuration=7200) == ["name", "path"]
    assert replaced("aws:eks/addon:Addon", resolveConflictsOnCreate="NONE", addonName="coredns") == ["addonName"]


def test_a_rule_that_is_no_longer_said_to_be_off_is_on_again(cloud):
    made = make_all(cloud)[RULE]

    def state(name: str) -> str:
        return cloud.client("events").describe_rule(Name=name)["State"]

    off = {**made, "state": "DISABLED"}
    cloud.update(RULE, off, made)
    assert state(made["name"]) == "DISABLED"
    cloud.update(RULE, {key: value for key, value in made.items() if key != "state"}, off)
    assert state(made["name"]) == "ENABLED"


def test_two_objects_of_one_name_cannot_be_at_a_time(cloud):
    assert cloud.same_identity(QUEUE, {"name": "q"}, {"name": "q"})
    assert not cloud.same_identity(QUEUE, {"name": "q-2", "__defaults": ["name"]}, {"name": "q-1"})
    assert not cloud.same_identity(VPC, {"cidrBlock": "10.0.0.0/16"}, {"cidrBlock": "10.0.0.0/16"})


def test_what_aws_refuses_is_told_and_leaves_nothing_behind(cloud):
    with pytest.raises(Refused, match=r"eks create_cluster: .*nothing"):
        cloud.create(CLUSTER, {"name": "lab", "roleArn": "nothing", "vpcConfig": {"subnetIds": ["subnet-1"]}})
    with pytest.raises(Refused, match=r"NoSuchEntity|not found"):
        cloud.create("aws:iam/instanceProfile:InstanceProfile", {"name": "profile", "role": "nobody"})
    assert cloud.client("iam").list_instance_profiles()["InstanceProfiles"] == []


@pytest.mark.parametrize(
    ("token", "given", "problem"),
    [
        (VPC, {"cidrBlok": "10.0.0.0/16"}, "cidrBlok is not among the inputs that the lab's aws:ec2/vpc:Vpc takes"),
        (
            ROLE,
            {"name": "r", "assumeRolePolicy": "{}", "inlinePolicies": [{"name": "p"}]},
            "inlinePolicies is not among",
        ),
        (
            NODE_GROUP,
            {"clusterName": "lab", "nodeRoleArn": "r", "subnetIds": ["s"]},
            'Missing required parameter in input: "nodegroupName"',
        ),
        (
            NODE_GROUP,
            {"clusterName": "lab", "nodeGroupName": "g", "scalingConfig": {"minSze": 0}},
            "scalingConfig.minSze has no place in create_nodegroup",
        ),
    ],
)
def test_wrong_inputs_are_found_before_anything_is_made(cloud, token, given, problem):
    assert any(problem in told for _, told in cloud.problems(token, given))


def test_a_value_that_is_still_to_come_is_no_problem(cloud):
    unknown = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
    given = wanted("aws:autoscaling/group:Group", make_all(cloud))
    for key in given:
        assert cloud.problems("aws:autoscaling/group:Group", {**given, key: unknown}) == []


def test_a_type_without_a_row_is_refused_with_the_nearest():
    with pytest.raises(
        Refused, match=r"aws:ec2/subnets:Subnets is not in the lab's table.*; nearest: aws:ec2/subnet:Subnet"
    ):
        Cloud(REGION).create("aws:ec2/subnets:Subnets", {})


def test_images_prices_and_instance_profiles_are_such_as_karpenter_can_use(cloud):
    folder = "/aws/service/eks/optimized-ami/1.35/amazon-linux-2023"
    names = [f"{folder}/{machine}/nvidia/recommended/image_id" for machine in ("x86_64", "arm64")]
    ids = [cloud.client("ssm").get_parameter(Name=name)["Parameter"]["Value"] for name in names]
    images = cloud.client("ec2").describe_images(ImageIds=ids)["Images"]
    assert sorted(image["Architecture"] for image in images) == ["arm64", "x86_64"]

    history = cloud.client("ec2").describe_spot_price_history(InstanceTypes=["g5.xlarge", "g4dn.xlarge"])
    prices = {row["InstanceType"]: float(row["SpotPrice"]) for row in history["SpotPriceHistory"]}
    assert 0.1 < prices["g4dn.xlarge"] < prices["g5.xlarge"]

    cloud.client("iam").create_instance_profile(InstanceProfileName="ours", Path="/")
    cloud.client("iam").create_instance_profile(InstanceProfileName="karpenters", Path="/karpenter/")
    found = cloud.client("iam").list_instance_profiles(PathPrefix="/karpenter/")["InstanceProfiles"]
    assert [profile["InstanceProfileName"] for profile in found] == ["karpenters"]
