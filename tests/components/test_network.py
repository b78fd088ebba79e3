"""Network: where the subnets lie, the way out of each, and what is refused."""

from ipaddress import IPv4Network
from typing import Any

import pulumi_aws as aws
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.network import Network
from components.values.value import BadInput
from components.vpc.network_endpoints import flow_logs_policy, flow_logs_trust
from components.vpc.network_layout import subnets
from eks_gpu.offline.sdk_schema import problems
from tests.documentation import run_example
from tests.engine import run
from tests.found import every

ZONES = [
    {"zone": "us-west-2a", "zone_id": "usw2-az2"},
    {"zone": "us-west-2b", "zone_id": "usw2-az1"},
    {"zone": "us-west-2c", "zone_id": "usw2-az3"},
]
ISOLATED = {"nat": "none", "interface_endpoints": True}
EXISTING = {
    "vpc_id": "vpc-1",
    "private_subnets": [
        {"zone": "us-west-2a", "subnet_id": "subnet-a"},
        {"zone": "us-west-2b", "zone_id": "usw2-az1", "subnet_id": "subnet-b"},
    ],
    "public_subnet_ids": ["subnet-p"],
}


def args(zones: Any = None, **settings: Any) -> Any:
    return {"region": "us-west-2", "zones": zones or ZONES[:2], "cluster_name": "gaia", "settings": settings}


def network(zones: Any = None, preview: bool = False, **settings: Any):
    return run(lambda: Network("net", args(zones, **settings)), preview=preview)


def refusal(given: Any) -> list[str]:
    with pytest.raises(BadInput) as refused:
        run(lambda: Network("net", given))
    return refused.value.problems


def routes(found: Any) -> dict[str, str]:
    """Gateway of each default route, by the route's name."""
    return {
        route.name: route.inputs.get("natGatewayId") or route.inputs["gatewayId"]
        for route in found.of("aws:ec2/route:Route")
    }


def names(found: Any, type_: str) -> list[str]:
    return sorted(resource.name for resource in found.of(type_))


def test_a_zone_gets_a_large_private_and_a_small_public_block():
    assert subnets(IPv4Network("10.0.0.0/16"), ["a", "b", "c"]) == {
        "a": {"private": "10.0.0.0/19", "public": "10.0.96.0/24"},
        "b": {"private": "10.0.32.0/19", "public": "10.0.97.0/24"},
        "c": {"private": "10.0.64.0/19", "public": "10.0.98.0/24"},
    }


def test_a_third_zone_later_moves_no_subnet():
    three = subnets(IPv4Network("10.0.0.0/16"), ["a", "b", "c"])
    assert subnets(IPv4Network("10.0.0.0/16"), ["a", "b"]) == {"a": three["a"], "b": three["b"]}


@given(st.integers(16, 28), st.integers(16, 28), st.integers(16, 28))
def test_blocks_lie_in_the_vpc_and_never_overlap(prefix: int, private: int, public: int):
    cidr = IPv4Network((0x0A000000, prefix))
    try:
        layout = subnets(cidr, ["a", "b", "c"], private, public)
    except ValueError:
        return
    blocks = [IPv4Network(block) for zone in layout.values() for block in zone.values()]
    assert all(block.subnet_of(cidr) for block in every(blocks))
    assert not any(one.overlaps(other) for n, one in enumerate(blocks) for other in blocks[:n])


def test_a_vpc_resolves_names_which_interface_endpoints_need():
    vpc = network().one("aws:ec2/vpc:Vpc", "net").inputs
    assert (vpc["cidrBlock"], vpc["enableDnsHostnames"], vpc["enableDnsSupport"]) == ("10.0.0.0/16", True, True)


def test_subnets_carry_the_tags_that_load_balancers_and_karpenter_look_for():
    found = network()
    private = found.one("aws:ec2/subnet:Subnet", "net-private-us-west-2a").inputs
    public = found.one("aws:ec2/subnet:Subnet", "net-public-us-west-2a").inputs
    assert private["tags"] == {
        "Name": "net-private-us-west-2a",
        "kubernetes.io/role/internal-elb": "1",
        "karpenter.sh/discovery": "gaia",
    }
    assert public["tags"] == {"Name": "net-public-us-west-2a", "kubernetes.io/role/elb": "1"}
    assert (private["availabilityZone"], private["mapPublicIpOnLaunch"]) == ("us-west-2a", False)


def test_one_nat_gateway_serves_every_zone_by_default():
    assert routes(network()) == {
        "net-public": network().one("aws:ec2/internetGateway:InternetGateway").id,
        "net-private-us-west-2a": network().one("aws:ec2/natGateway:NatGateway", "net-us-west-2a").id,
        "net-private-us-west-2b": network().one("aws:ec2/natGateway:NatGateway", "net-us-west-2a").id,
    }


def test_a_nat_gateway_a_zone_serves_its_own_zone():
    found = network(zones=ZONES, nat="per-zone")
    gateways = {gateway.name: gateway for gateway in found.of("aws:ec2/natGateway:NatGateway")}
    assert sorted(gateways) == ["net-us-west-2a", "net-us-west-2b", "net-us-west-2c"]
    for zone in ("us-west-2a", "us-west-2b", "us-west-2c"):
        assert routes(found)[f"net-private-{zone}"] == gateways[f"net-{zone}"].id
        public = found.one("aws:ec2/subnet:Subnet", f"net-public-{zone}").id
        assert gateways[f"net-{zone}"].inputs["subnetId"] == public


def test_every_zone_has_a_private_route_table_of_its_own():
    found = network()
    tables = {table.name: table.id for table in found.of("aws:ec2/routeTable:RouteTable")}
    joined = {join.name: join.inputs for join in found.of("aws:ec2/routeTableAssociation:RouteTableAssociation")}
    for zone in ("us-west-2a", "us-west-2b"):
        assert joined[f"net-private-{zone}"] == {
            "routeTableId": tables[f"net-private-{zone}"],
            "subnetId": found.one("aws:ec2/subnet:Subnet", f"net-private-{zone}").id,
        }
    assert sorted(tables) == ["net-private-us-west-2a", "net-private-us-west-2b", "net-public"]


def test_addresses_and_nat_gateways_come_after_the_way_to_the_internet_and_go_before_it():
    found = network()
    internet = {
        found.one("aws:ec2/internetGateway:InternetGateway").urn,
        found.one("aws:ec2/route:Route", "net-public").urn,
        found.one("aws:ec2/routeTableAssociation:RouteTableAssociation", "net-public-0").urn,
    }
    for type_ in ("aws:ec2/eip:Eip", "aws:ec2/natGateway:NatGateway"):
        assert internet <= found.one(type_).dependencies


def waits(kind: str, number: int = 0, preview: bool = False, **settings: Any) -> set[str]:
    """What a resource in a subnet waits for, by type and name."""

    def program() -> None:
        made = Network("net", args(**settings))
        ids = made.private_subnet_ids if kind == "private" else made.public_subnet_ids
        aws.ec2.NetworkInterface("card", subnet_id=ids[number])

    found = run(program, preview=preview)
    needed = map(found.graph.get, found.one("aws:ec2/networkInterface:NetworkInterface").dependencies)
    return {f"{each.type.rpartition(':')[2]} {each.name}" for each in needed if each}


@pytest.mark.parametrize("preview", [False, True])
def test_what_runs_in_a_subnet_comes_after_its_way_out_and_goes_before_it(preview):
    assert waits("private", preview=preview) == {
        "Subnet net-private-us-west-2a",
        "RouteTableAssociation net-private-us-west-2a",
        "Route net-private-us-west-2a",
        "VpcEndpoint net-s3",
    }
    assert waits("public", 1, preview) == {
        "Subnet net-public-us-west-2b",
        "InternetGateway net",
        "Route net-public",
        "RouteTableAssociation net-public-0",
        "RouteTableAssociation net-public-1",
    }


def test_without_a_way_out_it_comes_after_the_endpoints():
    assert waits("private", **ISOLATED) >= {"VpcEndpoint net-ec2", "VpcEndpoint net-sts", "VpcEndpoint net-s3"}


def test_the_vpc_s_default_security_group_lets_nothing_through():
    for settings in ({}, ISOLATED):
        found = network(**settings)
        assert found.one("aws:ec2/defaultSecurityGroup:DefaultSecurityGroup").inputs == {
            "vpcId": found.one("aws:ec2/vpc:Vpc").id,
            "tags": {"Name": "net-default"},
        }
    assert network(existing=EXISTING).of("aws:ec2/defaultSecurityGroup:DefaultSecurityGroup") == []


def test_s3_is_reached_past_the_nat_gateway():
    found = network()
    endpoint = found.one("aws:ec2/vpcEndpoint:VpcEndpoint", "net-s3").inputs
    tables = [table.id for table in found.of("aws:ec2/routeTable:RouteTable") if "private" in table.name]
    assert endpoint["serviceName"] == "com.amazonaws.us-west-2.s3"
    assert endpoint["vpcEndpointType"] == "Gateway"
    assert sorted(endpoint["routeTableIds"]) == sorted(tables)


def test_an_isolated_network_has_no_way_out_and_endpoints_for_all_that_a_cluster_calls():
    found = network(**ISOLATED, extra_interface_endpoints=["bedrock-runtime"])
    assert (
        found.of(
            "aws:ec2/natGateway:NatGateway",
        )
        == []
    )
    assert found.of("aws:ec2/internetGateway:InternetGateway") == []
    assert names(found, "aws:ec2/subnet:Subnet") == ["net-private-us-west-2a", "net-private-us-west-2b"]
    assert names(found, "aws:ec2/vpcEndpoint:VpcEndpoint") == [
        "net-autoscaling",
        "net-bedrock-runtime",
        "net-ec2",
        "net-ecr.api",
        "net-ecr.dkr",
        "net-eks",
        "net-eks-auth",
        "net-elasticloadbalancing",
        "net-logs",
        "net-s3",
        "net-sqs",
        "net-ssm",
        "net-ssmmessages",
        "net-sts",
    ]


def test_interface_endpoints_answer_the_vpc_alone_under_awss_own_names():
    found = network(interface_endpoints=True)
    group = found.one("aws:ec2/securityGroup:SecurityGroup")
    assert group.inputs["ingress"] == [
        {"protocol": "tcp", "fromPort": 443, "toPort": 443, "cidrBlocks": ["10.0.0.0/16"]}
    ]
    endpoint = found.one("aws:ec2/vpcEndpoint:VpcEndpoint", "net-sts").inputs
    assert endpoint["serviceName"] == "com.amazonaws.us-west-2.sts"
    assert endpoint["securityGroupIds"] == [group.id]
    assert endpoint["privateDnsEnabled"] is True
    assert len(endpoint["subnetIds"]) == 2


def test_flow_logs_are_off_unless_asked_for():
    assert network().of("aws:ec2/flowLog:FlowLog") == []


def test_flow_logs_are_kept_for_as_long_as_asked():
    found = network(flow_logs={"retention_days": 90})
    assert found.one("aws:cloudwatch/logGroup:LogGroup").inputs["retentionInDays"] == 90
    assert found.one("aws:ec2/flowLog:FlowLog").inputs["trafficType"] == "ALL"


def test_the_flow_log_service_takes_the_role_for_flow_logs_of_the_same_account_and_region():
    (statement,) = flow_logs_trust("arn:aws:logs:us-west-2:123456789012:log-group:x")["Statement"]
    assert statement == {
        "Effect": "Allow",
        "Principal": {"Service": "vpc-flow-logs.amazonaws.com"},
        "Action": "sts:AssumeRole",
        "Condition": {
            "StringEquals": {"aws:SourceAccount": "123456789012"},
            "ArnLike": {"aws:SourceArn": "arn:aws:ec2:us-west-2:123456789012:vpc-flow-log/*"},
        },
    }
    made = network(flow_logs={}).one("aws:iam/role:Role")
    assert "vpc-flow-log/*" in made.inputs["assumeRolePolicy"]


def test_the_flow_log_service_writes_to_its_own_group_alone():
    assert flow_logs_policy("arn:aws:logs:us-west-2:1:log-group:x") == {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Action": ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"],
                "Resource": ["arn:aws:logs:us-west-2:1:log-group:x", "arn:aws:logs:us-west-2:1:log-group:x:*"],
            }
        ],
    }


def test_node_subnets_are_given_with_their_zones():
    component = network().one("eks-gpu-components:index:Network")
    subnet_ids = component.outputs["private_subnet_ids"]
    assert component.outputs["private_subnets"] == [
        {"zone": "us-west-2a", "zone_id": "usw2-az2", "subnet_id": subnet_ids[0]},
        {"zone": "us-west-2b", "zone_id": "usw2-az1", "subnet_id": subnet_ids[1]},
    ]
    assert len(component.outputs["public_subnet_ids"]) == 2


def test_an_existing_network_is_taken_as_it_is():
    found = network(existing=EXISTING)
    assert [resource.type for resource in found.graph] == ["eks-gpu-components:index:Network"]
    outputs = found.one("eks-gpu-components:index:Network").outputs
    assert outputs["vpc_id"] == "vpc-1"
    assert outputs["public_subnet_ids"] == ["subnet-p"]
    assert outputs["private_subnets"] == [
        {"zone": "us-west-2a", "zone_id": "usw2-az2", "subnet_id": "subnet-a"},  # the id of `zones`
        {"zone": "us-west-2b", "zone_id": "usw2-az1", "subnet_id": "subnet-b"},
    ]


def test_existing_subnets_are_tagged_for_karpenter_where_asked():
    tags = network(existing={**EXISTING, "discovery_tags": True}).of("aws:ec2/tag:Tag")
    assert {tag.name: tag.inputs for tag in tags} == {
        f"net-{subnet}": {"resourceId": subnet, "key": "karpenter.sh/discovery", "value": "gaia"}
        for subnet in ("subnet-a", "subnet-b")
    }


@pytest.mark.parametrize("settings", [{}, {"nat": "per-zone"}, {**ISOLATED, "flow_logs": {}}, {"existing": EXISTING}])
def test_a_preview_plans_what_an_update_makes_and_all_of_it_is_valid(settings):
    found = network(**settings)
    assert network(preview=True, **settings).urns() == found.urns()
    assert [problem for resource in found.graph for problem in problems(resource.type, resource.inputs)] == []


def test_every_child_belongs_to_the_component():
    found = network(nat="per-zone", interface_endpoints=True, flow_logs={})
    component = found.one("eks-gpu-components:index:Network").urn
    assert {resource.parent for resource in found.graph if resource.urn != component} == {component}


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        (
            {"nat": "none"},
            "settings: nat none needs interface_endpoints: "
            "nodes without a way out cannot pull images or join the cluster",
        ),
        ({"nat": "sinlge"}, "settings.nat must be one of none, single, per-zone, got 'sinlge'; nearest: single"),
        ({"cidr": "10.0.0.0/8"}, "settings.cidr must have a prefix length of 16 to 28, got '10.0.0.0/8'; nearest: /16"),
        (
            {"cidr": "10.0.0.0/18"},
            "settings: cidr must have room for 3 private /19 and 3 public /24 subnets, got 10.0.0.0/18; "
            "nearest: 10.0.0.0/17",
        ),
        (
            {"private_prefix": 17},
            "settings: cidr must have room for 3 private /17 and 3 public /24 subnets, got 10.0.0.0/16",
        ),
        (
            {"flow_logs": {"retention_days": 31}},
            "settings.flow_logs.retention_days must be one of CloudWatch's steps, got 31; nearest: 30",
        ),
        ({"natt": "single"}, "settings.natt is not a known key; nearest: nat"),
        (
            {"existing": EXISTING, "nat": "single"},
            "settings: existing excludes nat: the VPC's owner decides them",
        ),
        (
            {"existing": {"vpc_id": "vpc-1", "private_subnets": EXISTING["private_subnets"][:1]}},
            "settings.existing: private_subnets must lie in 2 zones or more, got us-west-2a",
        ),
    ],
)
def test_bad_settings_are_refused_with_the_reason(settings, problem):
    assert refusal(args(**settings)) == [problem]


def test_a_zone_without_id_is_refused_where_nobody_names_it():
    unknown = {**EXISTING, "private_subnets": [*EXISTING["private_subnets"], {"zone": "us-west-2d", "subnet_id": "s"}]}
    assert refusal(args(existing=unknown)) == [
        "settings.existing.private_subnets[2].zone_id is required: zones does not name us-west-2d"
    ]


def test_one_zone_is_refused():
    assert refusal(args(zones=ZONES[:1])) == ["zones must be 2 or 3 different ones, got us-west-2a"]


def test_a_zone_that_takes_no_control_plane_and_one_of_elsewhere_are_refused_together():
    zones = [{"zone": "us-east-1e", "zone_id": "use1-az3"}, {"zone": "us-east-1a", "zone_id": "usw2-az1"}]
    assert refusal({"region": "us-east-1", "zones": zones, "cluster_name": "gaia"}) == [
        "zones[1].zone_id must be a zone of us-east-1, got usw2-az1; nearest: use1-az1",
        "zones[0].zone_id must be one where EKS runs control planes "
        "(use1-az6, use1-az1, use1-az2, use1-az4, use1-az5), got use1-az3",
    ]


def test_an_unknown_region_is_refused_with_the_nearest():
    assert refusal({"region": "us-wst-2", "zones": ZONES[:2], "cluster_name": "gaia"}) == [
        "region: region us-wst-2 is not in the catalog; nearest: us-west-2"
    ]


def test_the_page_has_an_example_that_runs():
    assert run_example("network").one("eks-gpu-components:index:Network")
