"""What a stack leaves behind, in the lab's AWS: each thing is found by its tags or its name, and nobody else's is."""

import json
import os
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from boto3.session import Session

from eks_gpu.graph.graph import Graph, Resource
from eks_gpu.lab.aws import LAB_KEYS
from eks_gpu.lab.aws.moto_server import moto
from eks_gpu.live.account import AccountReader, account
from eks_gpu.live.audit.audit import Audit, audit
from eks_gpu.live.audit.belongings import Belongings
from eks_gpu.live.audit.left_behind import KINDS, actions, policy
from eks_gpu.live.audit.render import render
from tests.console import shown
from tests.programs import plan_of

REGION = "us-west-2"
EXAMPLE = "examples/karpenter-inference"
CLUSTER = "inference"
OWNED = {f"kubernetes.io/cluster/{CLUSTER}": "owned"}
OTHER = {"kubernetes.io/cluster/shop": "owned", "Name": "shop"}
TRUST = '{"Version": "2012-10-17", "Statement": []}'


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with moto() as url, pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", url)
        for key, value in LAB_KEYS.items():
            patch.setenv(key.upper(), value)
        yield url


@pytest.fixture
def ours() -> Belongings:
    return Belongings.of(plan_of(EXAMPLE, "dev").graph)


@cache
def administrator(url: str) -> AccountReader:
    return account(REGION)


def asked(ours: Belongings, reader: AccountReader | None = None) -> Audit:
    found = reader or administrator(os.environ["AWS_ENDPOINT_URL"])
    return audit("karpenter-inference", "dev", ours, {REGION: found}, REGION)


def client(service: str) -> Any:
    return administrator(os.environ["AWS_ENDPOINT_URL"]).client(service)


def tags(given: dict[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in given.items()]


def specification(kind: str, given: dict[str, str]) -> list[dict[str, Any]]:
    return [{"ResourceType": kind, "Tags": tags(given)}]


def leave(of: dict[str, str], name: str) -> dict[str, str]:
    """One of each kind that controllers, a killed engine or EKS leave, with these tags; ids by kind."""
    ec2, elb, iam = client("ec2"), client("elbv2"), client("iam")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16", TagSpecifications=specification("vpc", of))["Vpc"]["VpcId"]
    zone = {"VpcId": vpc, "AvailabilityZone": f"{REGION}a"}
    subnet = ec2.create_subnet(CidrBlock="10.0.0.0/24", **zone)["Subnet"]["SubnetId"]
    made = {"VPC": vpc}
    volume = ec2.create_volume(
        AvailabilityZone=f"{REGION}a", Size=100, VolumeType="gp3", TagSpecifications=specification("volume", of)
    )
    made["volume"] = volume["VolumeId"]
    group = ec2.create_security_group(
        GroupName=f"k8s-{name}", Description=name, VpcId=vpc, TagSpecifications=specification("security-group", of)
    )
    made["security group"] = group["GroupId"]
    interface = ec2.create_network_interface(SubnetId=subnet, TagSpecifications=specification("network-interface", of))
    made["network interface"] = interface["NetworkInterface"]["NetworkInterfaceId"]
    address = ec2.allocate_address(Domain="vpc", TagSpecifications=specification("elastic-ip", of))
    made["Elastic IP"] = address["AllocationId"]
    gateway = ec2.create_nat_gateway(SubnetId=subnet, TagSpecifications=specification("natgateway", of))
    made["NAT gateway"] = gateway["NatGateway"]["NatGatewayId"]
    template = ec2.create_launch_template(
        LaunchTemplateName=f"karpenter.k8s.aws/{name}",
        LaunchTemplateData={"InstanceType": "g4dn.xlarge"},
        TagSpecifications=specification("launch-template", of),
    )
    made["launch template"] = template["LaunchTemplate"]["LaunchTemplateId"]
    image = ec2.describe_images(Owners=["amazon"])["Images"][0]["ImageId"]
    instance = ec2.run_instances(
        ImageId=image,
        InstanceType="g4dn.xlarge",
        MinCount=1,
        MaxCount=1,
        SubnetId=subnet,
        TagSpecifications=specification("instance", of),
    )
    made["EC2 instance"] = instance["Instances"][0]["InstanceId"]
    second = ec2.create_subnet(CidrBlock="10.0.1.0/24", VpcId=vpc, AvailabilityZone=f"{REGION}b")["Subnet"]["SubnetId"]
    balancer = elb.create_load_balancer(
        Name=f"k8s-{name}", Subnets=[subnet, second], Type="network", Scheme="internal", Tags=tags(of)
    )
    made["load balancer"] = balancer["LoadBalancers"][0]["LoadBalancerArn"]
    targets = elb.create_target_group(Name=f"k8s-{name}", Protocol="TCP", Port=80, VpcId=vpc, Tags=tags(of))
    made["target group"] = targets["TargetGroups"][0]["TargetGroupArn"]
    iam.create_instance_profile(InstanceProfileName=f"{name}_123")
    made["instance profile"] = f"{name}_123"
    made["queue"] = client("sqs").create_queue(QueueName=name)["QueueUrl"]
    client("logs").create_log_group(logGroupName=f"/aws/eks/{name}/cluster")
    made["log group"] = f"/aws/eks/{name}/cluster"
    return made


def test_each_is_found_of_the_stack_and_none_of_another(url, ours):
    assert asked(ours).left == ()  # an account where nothing of it ever was
    others = leave(OTHER, "shop")
    assert asked(ours).left == ()
    made = leave(OWNED, CLUSTER)
    client("iam").create_role(RoleName="karpenter-0123abc", AssumeRolePolicyDocument=TRUST)
    client("events").put_rule(Name="karpenter-health-0123abc", EventPattern='{"source": ["aws.health"]}')
    made |= {"role": "karpenter-0123abc", "event rule": "karpenter-health-0123abc"}

    found = asked(ours)
    assert {each.kind: each.id for each in found.left} == made
    assert not {each.id for each in found.left} & set(others.values())
    assert found.failed
    assert not found.stands

    by_kind = {each.kind: each for each in found.left}
    assert by_kind["EC2 instance"].monthly == pytest.approx(0.526 * 730)
    assert by_kind["volume"].monthly == pytest.approx(100 * 0.08)
    assert by_kind["log group"].monthly is None
    assert by_kind["volume"].delete == f"aws ec2 delete-volume --volume-id {made['volume']} --region us-west-2"
    assert by_kind["role"].delete == "aws iam delete-role --role-name karpenter-0123abc"
    assert by_kind["role"].known_by == "named after the program's karpenter"
    assert by_kind["instance profile"].known_by == "Karpenter made it for cluster inference"
    order = [each.kind for each in found.in_order]
    assert order.index("EC2 instance") < order.index("security group") < order.index("VPC")
    text = shown(render(found), width=200)
    assert text.startswith(f"karpenter-inference/dev: {len(made)} left in account 123456789012, ")
    assert f"aws ec2 terminate-instances --instance-ids {made['EC2 instance']} --region us-west-2" in text


def test_what_ends_by_itself_is_not_left(url, ours):
    ec2 = client("ec2")
    image = ec2.describe_images(Owners=["amazon"])["Images"][0]["ImageId"]
    run = ec2.run_instances(
        ImageId=image,
        InstanceType="m5.large",
        MinCount=1,
        MaxCount=1,
        TagSpecifications=specification("instance", OWNED),
    )
    id_ = run["Instances"][0]["InstanceId"]
    assert id_ in {each.id for each in asked(ours).left}
    ec2.terminate_instances(InstanceIds=[id_])
    assert id_ not in {each.id for each in asked(ours).left}


def test_what_was_there_before_the_cluster_stays(url, ours):
    shared = {f"kubernetes.io/cluster/{CLUSTER}": "shared"}
    ec2 = client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16", TagSpecifications=specification("vpc", shared))["Vpc"]["VpcId"]
    assert vpc not in {each.id for each in asked(ours).left}


def test_a_key_is_known_by_its_description_and_one_that_ends_is_not_left(url):
    key = Resource("urn:pulumi:a::b::aws:kms/key:Key::k", "aws:kms/key:Key", "k", inputs={"description": "of shop"})
    ours = Belongings.of(Graph([key]))
    kms = client("kms")
    kms.create_key(Description="of another")
    id_ = kms.create_key(Description="of shop")["KeyMetadata"]["KeyId"]
    (left,) = asked(ours).left
    assert (left.kind, left.id, left.monthly) == ("customer-managed key", id_, pytest.approx(1.0))
    kms.schedule_key_deletion(KeyId=id_, PendingWindowInDays=7)
    assert asked(ours).left == ()


def test_an_issuer_without_a_cluster_may_be_of_this_stack(url):
    type_ = "aws:iam/openIdConnectProvider:OpenIdConnectProvider"
    ours = Belongings.of(Graph([Resource(f"urn:pulumi:a::b::{type_}::o", type_, "o")]))
    made = client("iam").create_open_id_connect_provider(
        Url=f"https://oidc.eks.{REGION}.amazonaws.com/id/ABC", ThumbprintList=["a" * 40]
    )
    found = asked(ours)
    assert [(each.kind, each.id, each.certain) for each in found.left] == [
        ("OIDC provider", made["OpenIDConnectProviderArn"], False)
    ]
    assert not found.failed
    assert "Perhaps of this stack:" in shown(render(found))


def test_a_cluster_that_is_there_says_that_the_stack_was_not_destroyed(url, ours):
    zones = {each["AvailabilityZone"]: each["SubnetId"] for each in client("ec2").describe_subnets()["Subnets"]}
    subnets = list(zones.values())
    role = "arn:aws:iam::123456789012:role/control-plane"
    client("eks").create_cluster(name=CLUSTER, roleArn=role, resourcesVpcConfig={"subnetIds": subnets})
    found = asked(ours)
    assert found.stands
    text = shown(render(found))
    assert "`pulumi destroy` ends it" in text
    assert "To end it:" not in text
    client("eks").delete_cluster(name=CLUSTER)


def test_what_may_not_be_asked_is_never_nothing(url, ours, monkeypatch):
    iam = client("iam")
    iam.create_user(UserName="reader")
    document = policy()
    iam.put_user_policy(UserName="reader", PolicyName="reads", PolicyDocument=json.dumps(document))
    key = iam.create_access_key(UserName="reader")["AccessKey"]
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", key["AccessKeyId"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", key["SecretAccessKey"])
    nothing = Belongings(ours.graph, frozenset({"nowhere"}))
    assert asked(nothing, account(REGION)).unread == ()
    document["Statement"][0]["Action"].remove("ec2:DescribeVolumes")
    iam.put_user_policy(UserName="reader", PolicyName="reads", PolicyDocument=json.dumps(document))
    (row,) = asked(nothing, account(REGION)).unread
    assert (row.subject, row.why, row.how) == (
        "volumes",
        "AWS refuses ec2:DescribeVolumes",
        "allow ec2:DescribeVolumes",
    )


def test_the_policy_allows_what_is_asked_by_aws_own_names_and_nothing_but_reading():
    account = AccountReader(Session("a", "b"), "us-west-2")
    for kind in KINDS:
        asked = ((kind.service, kind.operation), *kind.more)
        assert actions(kind) == [account.action(service, operation) for service, operation in asked]
    (statement,) = policy()["Statement"]
    assert {"elasticloadbalancing:DescribeTags", "kms:DescribeKey", "eks:DescribeCluster"} <= {*statement["Action"]}
    assert all(re.match(r"\w+:(Describe|List)", action) for action in statement["Action"])
