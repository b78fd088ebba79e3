"""Routes that lead to a gateway, and NAT gateways that lead on."""

import pytest

from tests.graphs import findings
from tests.whole_graphs import failure, gateway, healthy, holds, nat, resource, route, subnet, table

ROUTES, NATS = "routes-lead-to-a-gateway", "nat-gateways-reach-the-internet"


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ({}, "it names no target: name exactly one target"),
        (
            {"natGatewayId": "nat-1", "gatewayId": "igw-1"},
            "it names gatewayId and natGatewayId: name exactly one target",
        ),
        ({"natGatewayId": "nat-gone"}, "the stack makes its VPC, and not nat-gone, to which it leads"),
        ({"gatewayId": "igw-gone"}, "the stack makes its VPC, and not igw-gone, to which it leads"),
    ],
)
def test_a_route_that_leads_nowhere(target, said):
    assert failure(ROUTES, private_route=route("private", **target)) == ("private", said)


def test_a_gateway_of_another_stack_warns_in_a_vpc_of_this_one_alone():
    lost = route("private", natGatewayId="nat-2")
    assert findings(ROUTES, *healthy(private_route=lost))["private"][0] is False
    assert holds(ROUTES, private_route=lost, vpc=None)


@pytest.mark.parametrize(
    "target", ["transitGatewayId", "networkInterfaceId", "vpcEndpointId", "vpcPeeringConnectionId"]
)
def test_other_targets_are_not_judged(target):
    assert holds(ROUTES, private_route=route("private", **{target: "x-1"}))
    assert holds(ROUTES, private_route=route("private", gatewayId="vgw-1"))


def test_an_internet_gateway_elsewhere():
    assert failure(ROUTES, gateway=gateway(vpcId="vpc-2")) == ("public", "internet is in another VPC")
    assert failure(ROUTES, gateway=gateway(vpcId=None)) == (
        "public",
        "internet gateway internet is attached to no VPC: give the gateway its vpc_id",
    )
    attached = {"internetGatewayId": "igw-1", "vpcId": "vpc-1"}
    attachment = resource("aws:ec2/internetGatewayAttachment:InternetGatewayAttachment", "a", attached)
    assert holds(ROUTES, gateway=[gateway(vpcId=None), attachment])


def test_a_nat_gateway_elsewhere():
    far = subnet("a", kind="public", tag="elb", vpcId="vpc-2")
    assert failure(ROUTES, public=far) == ("private", "nat is in another VPC")


def test_routes_of_the_table_itself_are_judged():
    inline = table("private", routes=[{"cidrBlock": "0.0.0.0/0"}])
    assert failure(ROUTES, private_route=None, tables=[inline, table("public")]) == (
        "private",
        "it names no target: name exactly one target",
    )


def test_a_nat_gateway_that_leads_nowhere():
    assert failure(NATS, nat=nat(allocationId=None)) == (
        "nat",
        "it has no Elastic IP, without which EC2 makes none: give it an allocation_id",
    )
    assert failure(NATS, nat=nat("subnet-a")) == ("nat", "its subnet subnet-a has no route to an internet gateway")
    assert failure(NATS, public_route=None) == ("nat", "its subnet public-a has no route to an internet gateway")


def test_nat_gateways_without_a_public_subnet_that_are_right():
    assert holds(NATS, nat=nat("subnet-a", allocationId=None, connectivityType="private"))
    assert holds(NATS, nat=nat(None, allocationId=None, availabilityMode="regional"))  # pyright: ignore[reportArgumentType]
    assert holds(NATS, public_route=route("public", networkInterfaceId="eni-1"))
