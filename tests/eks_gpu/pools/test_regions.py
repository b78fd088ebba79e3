"""Regions: each resource and look-up is in its provider's, and costs what it costs there."""

from dataclasses import replace
from typing import Any

import pulumi
import pulumi_aws as aws
import pytest

from eks_gpu.foreign.documents import Document, Registered
from eks_gpu.foreign.stack import foreign
from eks_gpu.graph.graph import Graph
from eks_gpu.graph.regions import region_of
from eks_gpu.plan.analysis import Analysis, analyse
from eks_gpu.pools.readers import pools
from tests.engine import REGION, Run, run
from tests.graphs import TODAY, cluster, resource
from tests.karpenter_graphs import node_class, node_pool, requirement

TOKYO, OHIO = "ap-northeast-1", "us-east-2"
GROUP: dict[str, Any] = {
    "cluster_name": "shop",
    "node_role_arn": "arn:aws:iam::123456789012:role/nodes",
    "instance_types": ["g5.xlarge"],
    "scaling_config": {"min_size": 0, "desired_size": 0, "max_size": 2},
}


def by_provider() -> None:
    opts = pulumi.ResourceOptions(provider=aws.Provider("there", region=TOKYO))
    subnet = aws.ec2.Subnet("a", vpc_id="vpc-1", cidr_block="10.0.0.0/24", availability_zone=f"{TOKYO}a", opts=opts)
    aws.eks.NodeGroup("gpu", subnet_ids=[subnet.id], **GROUP, opts=opts)


def by_argument() -> None:
    subnet = aws.ec2.Subnet("a", vpc_id="vpc-1", cidr_block="10.0.0.0/24", availability_zone=f"{TOKYO}a", region=TOKYO)
    aws.eks.NodeGroup("gpu", subnet_ids=[subnet.id], **GROUP, region=TOKYO)


def argument_before_provider() -> None:
    opts = pulumi.ResourceOptions(provider=aws.Provider("there", region=OHIO))
    subnet = aws.ec2.Subnet(
        "a", vpc_id="vpc-1", cidr_block="10.0.0.0/24", availability_zone=f"{TOKYO}a", region=TOKYO, opts=opts
    )
    aws.eks.NodeGroup("gpu", subnet_ids=[subnet.id], **GROUP, region=TOKYO, opts=opts)


def of_the_parent() -> None:
    class Part(pulumi.ComponentResource):
        def __init__(self) -> None:
            there = aws.Provider("there", region=TOKYO)
            super().__init__("shop:index:Part", "part", {}, pulumi.ResourceOptions(providers={"aws": there}))
            inside = pulumi.ResourceOptions(parent=self)
            zone = f"{TOKYO}a"
            subnet = aws.ec2.Subnet("a", vpc_id="v", cidr_block="10.0.0.0/24", availability_zone=zone, opts=inside)
            aws.eks.NodeGroup("gpu", subnet_ids=[subnet.id], **GROUP, opts=inside)

    Part()


def analysed(ran: Run) -> Analysis:
    return analyse(ran.graph, REGION, TODAY)


@pytest.mark.parametrize("program", [by_provider, by_argument, argument_before_provider, of_the_parent])
def test_a_pool_is_in_the_region_of_its_group(program):
    found = analysed(run(program))

    (pool,) = found.pools
    assert (pool.region, pool.zones) == (TOKYO, (f"{TOKYO}a",))
    (offered,) = [each for each in found.findings if each.id == "instance-types-offered-in-zones"]
    assert (offered.passed, offered.message) == (True, f"1 types are offered in {TOKYO}a")
    (item,) = [each for each in found.cost.max.items if "g5.xlarge" in each.name]
    assert item.unit and (item.unit.region, item.borrowed(REGION)) == (TOKYO, False)


def test_outputs_name_the_region():
    made = run(by_provider).one("aws:eks/nodeGroup:NodeGroup")

    assert made["arn"].split(":")[3] == TOKYO
    assert made["region"] == TOKYO


@pytest.mark.parametrize("door", ["provider", "argument", "neither"])
def test_a_look_up_answers_of_its_region(door):
    def program() -> None:
        there = aws.Provider("there", region=TOKYO)
        opts = pulumi.InvokeOptions(provider=there) if door == "provider" else None
        zones = aws.get_availability_zones(region=TOKYO if door == "argument" else None, opts=opts)
        pulumi.export("zones", zones.names)

    expected = f"{REGION}a" if door == "neither" else f"{TOKYO}a"
    assert run(program).exports["zones"][0] == expected


def test_a_node_pool_is_in_the_region_of_its_cluster():
    there = resource("pulumi:providers:aws", "there", {"region": TOKYO})
    shop = replace(cluster(), provider=f"{there.urn}::1")
    zone = requirement("topology.kubernetes.io/zone", f"{TOKYO}c")
    types = requirement("node.kubernetes.io/instance-type", "g5.xlarge")
    found = analyse(Graph([there, shop, node_pool(zone, types), node_class()]), REGION, TODAY)

    assert [(pool.region, pool.zones) for pool in found.pools] == [(TOKYO, (f"{TOKYO}c",))]
    assert all(each.passed for each in found.findings if each.id == "requirements-name-what-there-is")


def test_a_part_of_a_component_is_in_the_region_of_the_components_providers():
    there = resource("pulumi:providers:aws", "there", {"region": TOKYO})
    whole = replace(
        resource("eks:index:Cluster", "shop", {}), custom=False, options={"providers": {"aws": f"{there.urn}::1"}}
    )
    part = replace(resource("aws:ec2/natGateway:NatGateway", "inside", {}), parent=whole.urn)
    graph = Graph([there, whole, part])

    assert [region_of(each, graph.get, REGION) for each in (whole, part)] == [TOKYO, TOKYO]


def test_what_is_elsewhere_is_billed_there():
    there = resource("pulumi:providers:aws", "there", {"region": TOKYO})
    far = replace(resource("aws:ec2/natGateway:NatGateway", "far", {}), provider=f"{there.urn}::1")
    near = resource("aws:ec2/natGateway:NatGateway", "near", {})
    found = analyse(Graph([there, far, near]), REGION, TODAY)

    assert {item.name: (item.quantity, item.region) for item in found.cost.idle.items} == {
        "NAT gateway": (1, REGION),
        f"NAT gateway in {TOKYO}": (1, TOKYO),
    }


def test_a_state_tells_the_region_by_its_providers():
    def told(type_: str, name: str, **more: Any) -> Registered:
        return Registered(urn=f"urn:pulumi:dev::shop::{type_}::{name}", type=type_, custom=True, **more)

    home = told("pulumi:providers:aws", "default", inputs={"region": REGION})
    there = told("pulumi:providers:aws", "there", inputs={"region": TOKYO})
    sizes = {"minSize": 0, "desiredSize": 0, "maxSize": 2}
    inputs = {"clusterName": "shop", "instanceTypes": ["g5.xlarge"], "scalingConfig": sizes}
    groups = [
        told("aws:eks/nodeGroup:NodeGroup", name, inputs=inputs, provider=f"{provider.urn}::1")
        for name, provider in (("near", home), ("far", there))
    ]
    found = foreign(Document("state.json", (home, there, *groups)))  # pyright: ignore[reportArgumentType] - only named

    assert {pool.name: pool.region for pool in pools(found.graph, found.region)} == {"near": REGION, "far": TOKYO}
