"""VPC endpoints that answer, and image layers that take the one of S3."""

import json
from typing import Any

import pytest

from tests.whole_graphs import endpoint, failure, holds, resource, security_group

SERVE, LAYERS = "endpoints-serve-the-nodes", "image-layers-skip-the-nat-gateway"
BUCKET = "arn:aws:s3:::prod-us-west-2-starport-layer-bucket/*"
FROM_VPC = [{"protocol": "tcp", "fromPort": 443, "toPort": 443, "cidrBlocks": ["10.0.0.0/16"]}]


def policy(effect: str = "Allow", action: Any = "*", resource_: Any = "*", **more: Any) -> str:
    statement = {"Effect": effect, "Principal": "*", "Action": action, "Resource": resource_, **more}
    return json.dumps({"Statement": [statement]})


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (policy("Deny"), f"its policy denies s3:GetObject: allow s3:GetObject on {BUCKET}"),
        (
            policy(action=["s3:List*"]),
            f"its policy does not allow s3:GetObject on {BUCKET}: allow s3:GetObject on {BUCKET}",
        ),
        (
            policy(action="s3:*", resource_="arn:aws:s3:::models/*"),
            f"its policy does not allow s3:GetObject on {BUCKET}: allow s3:GetObject on {BUCKET}",
        ),
        (
            policy("Allow", resource_=["arn:aws:s3:::prod-eu-west-1-starport-layer-bucket/*"]),
            f"its policy does not allow s3:GetObject on {BUCKET}: allow s3:GetObject on {BUCKET}",
        ),
    ],
)
def test_a_policy_by_which_no_image_is_pulled(given, said):
    assert failure(SERVE, s3=endpoint(policy=given)) == ("s3", said)
    beside = resource("aws:ec2/vpcEndpointPolicy:VpcEndpointPolicy", "p", {"vpcEndpointId": "vpce-s3", "policy": given})
    assert failure(SERVE, s3=[endpoint(), beside]) == ("s3", said)


@pytest.mark.parametrize(
    "given",
    [
        policy(),
        policy(action="s3:GetObject", resource_=[BUCKET]),
        policy(action="s3:Get*", resource_="arn:aws:s3:::*"),
        policy(Condition={"StringEquals": {"aws:PrincipalAccount": "123456789012"}}),
    ],
)
def test_policies_by_which_images_are_pulled(given):
    assert holds(SERVE, s3=endpoint(policy=given))


def test_a_denial_of_all_but_one_bucket():
    allow = {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}
    deny = {"Effect": "Deny", "Principal": "*", "Action": "s3:*"}
    shut = json.dumps({"Statement": [allow, {**deny, "NotResource": "arn:aws:s3:::models/*"}]})
    said = f"its policy denies s3:GetObject: allow s3:GetObject on {BUCKET}"
    assert failure(SERVE, s3=endpoint(policy=shut)) == ("s3", said)
    assert holds(SERVE, s3=endpoint(policy=json.dumps({"Statement": [allow, {**deny, "NotResource": BUCKET}]})))


def test_a_denial_with_a_condition_denies_nothing_for_sure():
    statements = [
        {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"},
        {"Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*", "Condition": {"Bool": {"a": "b"}}},
    ]
    assert holds(SERVE, s3=endpoint(policy=json.dumps({"Statement": statements})))


def test_an_endpoint_whose_policy_lacks_the_call():
    limited = endpoint("ecr.api", securityGroupIds=["sg-elsewhere"], policy=policy(action="ecr:GetAuthorizationToken"))
    said = "its policy does not allow ecr:BatchGetImage on *: allow ecr:BatchGetImage on *"
    assert failure(SERVE, s3=[endpoint(), limited]) == ("ecr.api", said)


@pytest.mark.parametrize(
    ("inputs", "group", "said"),
    [
        (
            {"subnetIds": [], "securityGroupIds": ["sg-elsewhere"]},
            None,
            "it has no subnet, and so no address: give it the nodes' subnets",
        ),
        (
            {"securityGroupIds": ["sg-own"]},
            security_group(),
            "its security group own lets nobody in on 443: let the VPC in on 443",
        ),
        ({}, None, "its security group default lets nobody in on 443: let the VPC in on 443"),
    ],
)
def test_an_interface_endpoint_that_nobody_reaches(inputs, group, said):
    found = failure(SERVE, s3=[endpoint(), endpoint("sts", **inputs), *([group] if group else [])])
    assert found == ("sts", said)


def test_an_interface_endpoint_that_nodes_reach():
    open_ = endpoint("sts", securityGroupIds=["sg-own"])
    assert holds(SERVE, s3=[endpoint(), open_, security_group(ingress=FROM_VPC)])
    assert holds(SERVE, s3=[endpoint(), open_])  # the group is another stack's
    rule = {"securityGroupId": "sg-own", "cidrIpv4": "10.0.0.0/16", "ipProtocol": "tcp", "fromPort": 443, "toPort": 443}
    beside = resource("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule", "https", rule)
    assert holds(SERVE, s3=[endpoint(), open_, security_group(), beside])


def test_private_dns_matters_where_nothing_else_leads_out():
    named = endpoint("sts", securityGroupIds=["sg-elsewhere"], privateDnsEnabled=False)
    assert holds(SERVE, s3=[endpoint(), named])
    assert failure(SERVE, s3=[endpoint(), named], private_route=None, public_route=None) == (
        "sts",
        "private DNS is off, so the service's name leads out of the VPC: set private_dns_enabled",
    )


def test_endpoints_of_other_services_are_not_judged():
    assert holds(SERVE, s3=[endpoint(), endpoint("bedrock-runtime", policy=policy("Deny"), subnetIds=[])])


def test_layers_that_take_the_nat_gateway():
    assert failure(LAYERS, s3=None) == ("nat", "it takes all that subnets subnet-a, subnet-b read from S3")
    assert failure(LAYERS, s3=endpoint(routeTableIds=["rtb-public"]))[0] == "nat"
    table = {"vpcEndpointId": "vpce-s3", "routeTableId": "rtb-private"}
    linked = resource("aws:ec2/vpcEndpointRouteTableAssociation:VpcEndpointRouteTableAssociation", "link", table)
    assert holds(LAYERS, s3=[endpoint(routeTableIds=None), linked])
