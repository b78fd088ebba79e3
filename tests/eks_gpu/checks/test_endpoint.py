"""Who reaches the cluster's API: those whose address is given, nodes, and not everybody."""

import pytest

from tests.whole_graphs import cluster, failure, holds, resource


def network(**given):
    return {"subnetIds": ["subnet-a", "subnet-b"], "endpointPrivateAccess": True, **given}


def test_an_api_that_is_open_to_the_internet():
    check = "cluster-api-is-private-or-restricted"
    assert failure(check, cluster=cluster(vpcConfig=network())) == (
        "shop",
        "its public endpoint is open to 0.0.0.0/0",
    )
    assert holds(check, cluster=cluster(vpcConfig=network(publicAccessCidrs=["192.88.99.7/32"])))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"endpointPublicAccess": False}, "both of its endpoints are off"),
        (
            {"publicAccessCidrs": ["192.88.99.7/32"]},
            "its private endpoint is off, and its public one open to 192.88.99.7/32 alone",
        ),
    ],
)
def test_an_api_that_nodes_do_not_reach(given, said):
    shut = cluster(vpcConfig=network(endpointPrivateAccess=False, **given))
    assert failure("nodes-reach-the-cluster-api", cluster=shut) == ("shop", said)


def test_a_public_api_that_lets_the_nat_gateway_in_is_reached():
    address = resource("aws:ec2/eip:Eip", "nat", {}, outputs={"publicIp": "192.88.99.9"})
    shut = cluster(vpcConfig=network(endpointPrivateAccess=False, publicAccessCidrs=["192.88.99.0/24"]))
    assert holds("nodes-reach-the-cluster-api", cluster=shut, gateway=address)
    assert not holds("nodes-reach-the-cluster-api", cluster=shut)


def test_an_address_that_is_still_to_come_is_told_and_opens_the_api_to_nobody():
    to_come = cluster(vpcConfig=network(publicAccessCidrs=["address-not-given"]))
    assert failure("api-address-is-given", cluster=to_come) == (
        "shop",
        "nobody's address is given: write public_cidrs: [ADDRESS/32] with your own, which "
        "`curl -s https://checkip.amazonaws.com` prints",
    )
    assert holds("cluster-api-is-private-or-restricted", cluster=to_come)
    assert holds("api-address-is-given", cluster=cluster(vpcConfig=network(publicAccessCidrs=["192.88.99.7/32"])))


def test_a_private_api_asks_for_no_address():
    private = cluster(vpcConfig=network(endpointPublicAccess=False, publicAccessCidrs=["address-not-given"]))
    assert holds("api-address-is-given", cluster=private)
