"""The network around nodes, and the way to the cluster's API."""

import pytest

from tests.graphs import findings
from tests.whole_graphs import (
    cluster,
    endpoint,
    failure,
    healthy,
    holds,
    nat,
    reserving_class,
    resource,
    route,
    service,
    subnet,
    table,
    vpc,
)

WAY_OUT = "node-subnets-have-a-way-out"


def shut_in(**instead) -> set[str]:
    """What is said of the pools that have no way out."""
    said = findings(WAY_OUT, *healthy(**instead))
    return {message for passed, message in said.values() if not passed}


def test_a_private_subnet_without_route():
    assert shut_in(private_route=None) == {
        "subnet subnet-a has no route to the internet, and its VPC no endpoint of ec2, ecr.api, ecr.dkr, sts",
        "subnet subnet-a has no route to the internet, and its VPC no endpoint of ec2, ecr.api, ecr.dkr, sts; "
        "subnet subnet-b has no route to the internet, and its VPC no endpoint of ec2, ecr.api, ecr.dkr, sts",
    }


def test_a_route_in_the_table_itself_counts():
    tables = [table("private", routes=[{"cidrBlock": "0.0.0.0/0", "natGatewayId": "nat-1"}]), table("public")]
    assert holds(WAY_OUT, private_route=None, tables=tables)


def test_endpoints_of_all_that_a_node_calls_are_enough():
    names = ("ec2", "ecr.api", "ecr.dkr", "s3", "sts")
    endpoints = [endpoint(name) for name in names]
    assert holds(WAY_OUT, private_route=endpoints, s3=None)
    assert shut_in(private_route=endpoints[1:], s3=None) >= {
        "subnet subnet-a has no route to the internet, and its VPC no endpoint of ec2"
    }


def test_two_halves_of_the_internet_are_a_route_to_it():
    halves = [
        resource(
            "aws:ec2/route:Route",
            cidr,
            {"destinationCidrBlock": cidr, "routeTableId": "rtb-private", "natGatewayId": "nat-1"},
        )
        for cidr in ("0.0.0.0/1", "128.0.0.0/1")
    ]
    assert holds(WAY_OUT, private_route=halves)
    assert not holds(WAY_OUT, private_route=halves[:1])


def test_a_nat_gateway_behind_a_nat_gateway():
    said = {"subnet subnet-a leads to NAT gateway nat, whose subnet subnet-a leads to a NAT gateway itself"}
    assert said <= shut_in(nat=nat("subnet-a"))


def test_pods_of_an_ipv6_cluster_need_their_own_way():
    of_ipv6 = cluster(kubernetesNetworkConfig={"ipFamily": "ipv6"})
    ranges = {letter: subnet(letter, ipv6CidrBlock=f"2600:1f14::{letter}:0/64") for letter in "ab"}
    placed = {"cluster": of_ipv6, "subnet_a": ranges["a"], "subnet_b": ranges["b"]}
    assert "subnet subnet-a has no IPv6 range, and the cluster's pods have no other addresses" in shut_in(
        cluster=of_ipv6
    )
    assert "subnet subnet-a has no route to ::/0, by which pods of an IPv6 cluster get out" in shut_in(**placed)
    out = resource(
        "aws:ec2/route:Route",
        "six",
        {"destinationIpv6CidrBlock": "::/0", "routeTableId": "rtb-private", "egressOnlyGatewayId": "eigw-1"},
    )
    assert holds(WAY_OUT, **placed, private_route=[route("private", natGatewayId="nat-1"), out])


def test_a_subnet_without_route_table():
    assert shut_in(associated_b=None) == {"subnet subnet-b has no route table, so no way out of its VPC"}


def test_the_vpc_s_main_table_is_not_guessed():
    main = resource("aws:ec2/mainRouteTableAssociation:MainRouteTableAssociation", "main", {"routeTableId": "rtb-x"})
    assert holds(WAY_OUT, associated_b=main)


def test_the_internet_gateway_wants_public_addresses():
    direct = route("private", gatewayId="igw-1")
    assert "subnet subnet-a leads to the internet gateway, but its nodes get no public address" in shut_in(
        private_route=direct
    )
    public = [subnet(letter, mapPublicIpOnLaunch=True) for letter in "ab"]
    assert holds(WAY_OUT, private_route=direct, subnet_a=public[0], subnet_b=public[1])


def test_a_node_class_may_give_public_addresses_itself():
    direct, by_class = route("private", gatewayId="igw-1"), reserving_class(associatePublicIPAddress=True)
    said = findings(WAY_OUT, *healthy(private_route=direct, node_class=by_class))
    assert said["reserved"] == (True, "2 subnets have one")
    assert not said["gpu"][0]


def test_a_nat_gateway_that_gets_out_nowhere():
    assert (
        "subnet subnet-a leads to NAT gateway nat, whose subnet subnet-b has no route table, so no way out of its VPC"
        in (shut_in(nat=nat("subnet-b"), associated_b=None))
    )


def test_subnets_of_another_stack_are_not_judged():
    assert holds(WAY_OUT, private_route=None, vpc=None)
    assert holds(WAY_OUT, tables=[table("public")], private_route=None)


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ({"enableDnsHostnames": False}, "enableDnsHostnames is off: set enableDnsHostnames"),
        ({"enableDnsSupport": False}, "enableDnsSupport is off: set enableDnsSupport"),
    ],
)
def test_a_vpc_without_names(inputs, said):
    assert failure("vpc-resolves-names", vpc=vpc(**inputs)) == ("vpc", said)


def test_a_discovery_tag_that_no_subnet_has():
    strange = reserving_class(subnetSelectorTerms=[{"tags": {"karpenter.sh/discovery": "other"}}])
    assert failure("node-classes-select-subnets", node_class=strange) == (
        "EC2NodeClass gpu",
        "no subnet of the stack has karpenter.sh/discovery=other",
    )


def test_a_subnet_by_id_may_be_another_stack_s():
    strange = reserving_class(subnetSelectorTerms=[{"id": "subnet-elsewhere"}])
    assert holds("node-classes-select-subnets", node_class=strange)


def test_no_subnet_for_an_internal_load_balancer():
    plain = {"availabilityZone": "us-west-2a", "vpcId": "vpc-1", "tags": {}}
    bare = [resource("aws:ec2/subnet:Subnet", f"subnet-{x}", plain, id_=f"subnet-{x}") for x in "ab"]
    check = "load-balancers-find-subnets"
    assert failure(check, subnet_a=bare[0], subnet_b=bare[1]) == (
        "Service serving/api",
        "no subnet has the tag kubernetes.io/role/internal-elb: tag them kubernetes.io/role/internal-elb = 1",
    )
    named = service({"service.beta.kubernetes.io/aws-load-balancer-subnets": "subnet-a"})
    assert holds(check, subnet_a=bare[0], subnet_b=bare[1], service=named)
