"""Networks of pulumi-awsx, and remote components that no plan can look into."""

from typing import Any

import pulumi
import pulumi_aws as aws
import pulumi_eks as eks
import pytest

from eks_gpu.graph.unread import Unread
from eks_gpu.offline.remote.vpc_subnets import PRIVATE, PUBLIC, Spec, subnets
from eks_gpu.plan.analysis import analyse
from tests.awsx import DefaultVpc, Vpc
from tests.engine import REGION, Run, run
from tests.graphs import TODAY

SUBNET, NAT, EIP = "aws:ec2/subnet:Subnet", "aws:ec2/natGateway:NatGateway", "aws:ec2/eip:Eip"


def network(**args: Any) -> Run:
    return run(lambda: Vpc("net", args))


def test_a_network_that_says_nothing_has_two_subnets_in_each_of_three_zones():
    ran = network()

    assert {
        found.name: (
            found.inputs["availabilityZone"],
            found.inputs["cidrBlock"],
            found.inputs["mapPublicIpOnLaunch"],
            found.inputs["tags"]["SubnetType"],
        )
        for found in ran.of(SUBNET)
    } == {
        "net-private-1": ("us-west-2a", "10.0.0.0/19", False, "Private"),
        "net-public-1": ("us-west-2a", "10.0.32.0/20", True, "Public"),
        "net-private-2": ("us-west-2b", "10.0.64.0/19", False, "Private"),
        "net-public-2": ("us-west-2b", "10.0.96.0/20", True, "Public"),
        "net-private-3": ("us-west-2c", "10.0.128.0/19", False, "Private"),
        "net-public-3": ("us-west-2c", "10.0.160.0/20", True, "Public"),
    }
    assert ran.one("aws:ec2/vpc:Vpc").urn.endswith("::awsx:ec2:Vpc$aws:ec2/vpc:Vpc::net")
    assert len(ran.of("aws:ec2/internetGateway:InternetGateway")) == 1
    assert len(ran.of("aws:ec2/routeTableAssociation:RouteTableAssociation")) == 6


@pytest.mark.parametrize(
    ("strategy", "count"),
    [(None, 3), ({"strategy": "OnePerAz"}, 3), ({"strategy": "Single"}, 1), ({"strategy": "None"}, 0)],
)
def test_nat_gateways_with_addresses_follow_the_strategy_and_have_their_price(strategy, count):
    ran = network(natGateways=strategy)

    quantities = {item.name: item.quantity for item in analyse(ran.graph, REGION, TODAY).cost.idle.items}
    assert (len(ran.of(NAT)), len(ran.of(EIP))) == (count, count)
    assert quantities.get("NAT gateway", 0) == count


def test_private_traffic_leaves_by_the_gateway_of_its_zone_or_by_the_only_one():
    def ways(strategy: str) -> list[str]:
        ran = network(numberOfAvailabilityZones=2, natGateways={"strategy": strategy})
        names = {found.id: found.name for found in ran.of(NAT)}
        routes = sorted(ran.of("aws:ec2/route:Route"), key=lambda route: route.name)
        return [names[found.inputs["natGatewayId"]] for found in routes if "natGatewayId" in found.inputs]

    assert ways("OnePerAz") == ["net-1", "net-2"]
    assert ways("Single") == ["net-1", "net-1"]
    assert ways("None") == []


def test_given_addresses_are_used_and_none_is_made():
    ran = network(
        numberOfAvailabilityZones=1, natGateways={"strategy": "Single", "elasticIpAllocationIds": ["eipalloc-7"]}
    )

    assert ran.of(EIP) == []
    assert ran.one(NAT).inputs["allocationId"] == "eipalloc-7"


def test_subnets_are_of_the_types_and_names_that_the_program_wants():
    ran = network(
        numberOfAvailabilityZones=1,
        cidrBlock="10.4.0.0/16",
        natGateways={"strategy": "None"},
        subnetSpecs=[
            {"type": "Public", "cidrMask": 22},
            {"type": "Private", "name": "nodes", "cidrMask": 18, "tags": {"role": "gpu"}},
            {"type": "Isolated", "cidrMask": 24},
        ],
        subnetStrategy="Auto",
    )

    found = {one.name: one.inputs for one in ran.of(SUBNET)}
    assert {name: inputs["cidrBlock"] for name, inputs in found.items()} == {
        "net-public-1": "10.4.0.0/22",
        "net-nodes-1": "10.4.64.0/18",
        "net-isolated-1": "10.4.128.0/24",
    }
    assert found["net-nodes-1"]["tags"] == {"Name": "net-nodes-1", "SubnetType": "Private", "role": "gpu"}


@pytest.mark.parametrize(
    ("zones", "specs", "strategy", "expected"),
    [
        (2, None, "Legacy", ["10.0.0.0/18", "10.0.64.0/19", "10.0.128.0/18", "10.0.192.0/19"]),
        (2, None, "Auto", ["10.0.0.0/18", "10.0.64.0/19", "10.0.128.0/18", "10.0.192.0/19"]),
        (1, [Spec(PUBLIC), Spec(PRIVATE)], "Legacy", ["10.0.0.0/19", "10.0.32.0/20"]),
        (1, [Spec(PRIVATE)], "Legacy", ["10.0.0.0/19"]),
        (2, [Spec(PUBLIC), Spec(PRIVATE)], "Auto", ["10.0.0.0/18", "10.0.64.0/18", "10.0.128.0/18", "10.0.192.0/18"]),
        (1, [Spec(PUBLIC, cidrs=("10.0.9.0/24",))], "Exact", ["10.0.9.0/24"]),
        (1, [Spec(PUBLIC, mask=24)], "AutoMerge", ["10.0.0.0/17", "10.0.128.0/24"]),
    ],
)
def test_ranges_are_those_of_the_strategy(zones, specs, strategy, expected):
    assert [subnet.cidr for subnet in subnets("10.0.0.0/16", zones, specs, strategy, None)] == expected


def test_a_group_of_the_network_has_its_zones_and_an_index_into_the_subnets_works():
    def program():
        made = Vpc("net", {"numberOfAvailabilityZones": 2})
        pulumi.export("first", made.public_subnet_ids[0])
        pulumi.export("isolated", made.isolated_subnet_ids)
        aws.eks.NodeGroup(
            "gpu",
            cluster_name="shop",
            node_role_arn="arn:1",
            subnet_ids=made.private_subnet_ids,
            scaling_config={"min_size": 0, "desired_size": 0, "max_size": 1},
            instance_types=["g5.xlarge"],
        )

    ran = run(program)

    (pool,) = analyse(ran.graph, REGION, TODAY).pools
    assert pool.zones == ("us-west-2a", "us-west-2b")
    assert ran.exports == {"first": ran.one(SUBNET, "net-public-1").id, "isolated": []}


def test_nodes_of_a_cluster_in_the_network_run_in_its_private_subnets():
    def program():
        made = Vpc("net", {"numberOfAvailabilityZones": 2})
        ids = pulumi.Output.all(made.public_subnet_ids, made.private_subnet_ids).apply(
            lambda both: [*both[0], *both[1]]
        )
        eks.Cluster("c", vpc_id=made.vpc_id, subnet_ids=ids)

    ran = run(program)

    private = [ran.one(SUBNET, f"net-private-{n}").id for n in (1, 2)]
    assert ran.one("aws:autoscaling/group:Group").inputs["vpcZoneIdentifiers"] == private
    assert len(ran.one("aws:eks/cluster:Cluster").inputs["vpcConfig"]["subnetIds"]) == 4


def test_an_interface_endpoint_gets_a_subnet_in_each_zone_and_a_group():
    ran = network(
        numberOfAvailabilityZones=2,
        vpcEndpointStrategy="Auto",
        vpcEndpointSpecs=[{"serviceName": "com.amazonaws.us-west-2.ecr.api", "vpcEndpointType": "Interface"}],
    )

    endpoint = ran.one("aws:ec2/vpcEndpoint:VpcEndpoint").inputs
    assert endpoint["subnetIds"] == [ran.one(SUBNET, f"net-private-{n}").id for n in (1, 2)]
    assert endpoint["privateDnsEnabled"] is True
    assert endpoint["securityGroupIds"] == [ran.one("aws:ec2/securityGroup:SecurityGroup").id]


def test_the_default_vpc_has_a_public_subnet_in_each_zone_and_makes_nothing():
    def program():
        made = DefaultVpc("default")
        pulumi.export("public", made.public_subnet_ids)
        pulumi.export("private", made.private_subnet_ids)
        eks.Cluster("c", skip_default_node_group=True)

    ran = run(program)

    assert len(ran.exports["public"]) == 4
    assert ran.exports["private"] == []
    assert ran.one("aws:eks/cluster:Cluster").inputs["vpcConfig"]["subnetIds"] == ran.exports["public"]
    assert ran.of(SUBNET) == []


class Farm(pulumi.ComponentResource):
    """A component of a provider that nobody here knows."""

    size: pulumi.Output[int]

    def __init__(self, name: str, **props: Any):
        super().__init__("acme:gpu:Farm", name, {"size": None, **props}, None, remote=True)


def test_another_remote_component_hands_no_input_back_and_is_named():
    ran = run(lambda: Farm("render", size=3))

    assert ran.one("acme:gpu:Farm").outputs == {}
    assert ran.graph.unread == (
        Unread(
            "acme:gpu:Farm render",
            "nodes",
            "its provider makes the resources inside, and this planner does not know which",
            "run `pulumi preview --json --show-sames > preview.json` and `eks-gpu check --preview preview.json`",
        ),
    )


@pytest.mark.parametrize(
    ("type_", "what"),
    [("awsx:ecr:Repository", "values"), ("awsx:lb:ApplicationLoadBalancer", "network"), ("x:y:Z", "nodes")],
)
def test_what_a_plan_does_not_know_because_of_it_follows_from_its_type(type_, what):
    ran = run(lambda: pulumi.ComponentResource(type_, "one", {}, None, remote=True))

    assert [row.what for row in ran.graph.unread] == [what]


def test_components_that_are_read_are_not_unread():
    assert run(lambda: (Vpc("net"), eks.Cluster("c"))).graph.unread == ()
