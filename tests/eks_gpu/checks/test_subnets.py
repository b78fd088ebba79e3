"""Subnets: their ranges, their addresses and their zones."""

import pytest

from tests.graphs import findings
from tests.whole_graphs import cluster, failure, healthy, holds, managed_group, reserving_class, resource, subnet, vpc

FIT, ADDRESSES, ZONES = "subnets-fit-their-vpc", "subnets-have-addresses-for-nodes", "control-plane-spans-zones"
POOL_ZONES = "zones-of-node-pools-have-subnets"


@pytest.mark.parametrize(
    ("cidr", "said"),
    [
        ("192.168.0.0/24", "subnet subnet-b, 192.168.0.0/24, is not in 10.0.0.0/16"),
        ("10.0.0.0/20", "subnets subnet-a, 10.0.0.0/19, and subnet-b, 10.0.0.0/20, overlap"),
        ("10.0.32.0/29", "subnet subnet-b, 10.0.32.0/29, is neither a /16 nor smaller down to a /28"),
    ],
)
def test_a_range_that_ec2_refuses(cidr, said):
    assert failure(FIT, subnet_b=subnet("b", cidrBlock=cidr)) == ("vpc", said)


def test_a_second_range_of_the_vpc_counts():
    more = {"vpcId": "vpc-1", "cidrBlock": "100.64.0.0/16"}
    second = resource("aws:ec2/vpcIpv4CidrBlockAssociation:VpcIpv4CidrBlockAssociation", "more", more)
    assert holds(FIT, subnet_b=[subnet("b", cidrBlock="100.64.0.0/18"), second])
    assert holds(FIT, vpc=vpc(cidrBlock=None, ipv4IpamPoolId="ipam-1"))


def test_subnets_that_nodes_use_up():
    small = {f"subnet_{x}": subnet(x, cidrBlock=f"10.0.{n}.0/28") for n, x in enumerate("ab")}
    said = findings(ADDRESSES, *healthy(**small))
    assert said["system"] == (False, "14 nodes take 140 addresses at once, and its subnets have 22")
    assert said["gpu"] == (False, "14 nodes take 140 addresses at once, and its subnets have 11")


def test_pools_of_one_subnet_share_its_addresses():
    small = {f"subnet_{x}": subnet(x, cidrBlock=f"10.0.{n}.0/25") for n, x in enumerate("ab")}
    assert not holds(ADDRESSES, **small)  # 123 in subnet-a for 14 nodes
    assert holds(ADDRESSES, **small | {"subnet_a": subnet("a", cidrBlock="10.0.0.0/24")})


def test_addresses_of_another_stack_s_subnets_are_not_counted():
    elsewhere = managed_group(subnetIds=["subnet-a", "subnet-elsewhere"])
    assert "system" not in findings(ADDRESSES, *healthy(system=elsewhere))


def test_a_control_plane_in_one_zone():
    alone = {"subnetIds": ["subnet-a"], "endpointPrivateAccess": True, "publicAccessCidrs": ["192.88.99.7/32"]}
    said = ("shop", "all of its 1 subnets are in us-west-2a")
    assert failure(ZONES, cluster=cluster(vpcConfig=alone)) == said
    both = failure(ZONES, subnet_b=subnet("b", availabilityZone="us-west-2a"))
    assert both == ("shop", "all of its 2 subnets are in us-west-2a")


def test_zones_that_nobody_says_are_not_guessed():
    assert findings(ZONES, *healthy(subnet_b=subnet("b", availabilityZone=None))) == {}
    assert findings(ZONES, *healthy(subnet_b=None)) == {}


def test_a_zone_of_a_pool_without_a_subnet():
    assert failure(POOL_ZONES, subnet_b=subnet("b", tags={})) == (
        "reserved",
        "its node class selects no subnet in us-west-2b",
    )
    elsewhere = reserving_class(subnetSelectorTerms=[{"id": "subnet-a"}, {"id": "subnet-elsewhere"}])
    assert findings(POOL_ZONES, *healthy(node_class=elsewhere)) == {}
