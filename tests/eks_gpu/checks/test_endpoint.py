"""Who reaches the cluster's API: those whose address is given, nodes, and not everybody."""

import re
from dataclasses import replace

import pytest

from eks_gpu.graph.graph import Graph, Resource
from eks_gpu.plan.analysis import analyse
from tests.graphs import TODAY
from tests.whole_graphs import cluster, failure, healthy, holds, resource, vpc

ARRIVES = "update-reaches-the-cluster-api"


def network(**given):
    return {"subnetIds": ["subnet-a", "subnet-b"], "endpointPrivateAccess": True, **given}


def test_an_api_that_is_open_to_the_internet():
    check = "cluster-api-is-private-or-restricted"
    assert failure(check, cluster=cluster(vpcConfig=network())) == (
        "shop",
        "its public endpoint is open to 0.0.0.0/0",
    )
    assert holds(check, cluster=cluster(vpcConfig=network(publicAccessCidrs=["192.88.99.7/32"])))
    for ranges in (["0.0.0.0/1", "128.0.0.0/1"], ["192.88.99.7/32", "::/0"], ["64.0.0.0/3"]):
        assert not holds(check, cluster=cluster(vpcConfig=network(publicAccessCidrs=ranges))), ranges


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
        "no address is given",
    )
    assert holds("cluster-api-is-private-or-restricted", cluster=to_come)
    assert holds("api-address-is-given", cluster=cluster(vpcConfig=network(publicAccessCidrs=["192.88.99.7/32"])))


def test_a_private_api_asks_for_no_address():
    private = cluster(vpcConfig=network(endpointPublicAccess=False, publicAccessCidrs=["address-not-given"]))
    assert holds("api-address-is-given", cluster=private)


def private(parent: str = "") -> Resource:
    return replace(cluster(vpcConfig=network(endpointPublicAccess=False)), parent=parent)


def told(bootstrap: object) -> Resource:
    """The library's component around a cluster, as a stack's settings tell it."""
    return resource("eks-gpu-components:index:Cluster", "cluster", {"settings": {"bootstrap": bootstrap}}, custom=False)


def arrivals(*resources: Resource, created: set[str] | None = None) -> list[bool | None]:
    graph = Graph(resources, created=created)
    return [found.passed for found in analyse(graph, "us-west-2", TODAY).findings if found.id == ARRIVES]


def test_a_private_cluster_in_a_new_vpc_is_out_of_reach_of_its_first_update():
    subject, said = failure(ARRIVES, cluster=private())
    assert subject == "shop"
    assert re.fullmatch(
        r"nothing outside of its VPC reaches it, so \d+ Kubernetes objects of the same update time out", said
    )
    assert holds(ARRIVES)


def test_bootstrap_false_says_that_updates_come_from_inside():
    past = told(False)
    assert holds(ARRIVES, cluster=[past, private(past.urn)])
    for not_past in (told({"public_cidrs": []}), told(None)):
        assert not holds(ARRIVES, cluster=[not_past, private(not_past.urn)])


def test_a_vpc_that_exists_may_be_reached():
    assert arrivals(*healthy(cluster=private(), vpc=None)) == []


def test_a_cluster_that_is_up_is_not_judged():
    stack = healthy(cluster=private())
    urns = {found.urn for found in stack}
    assert arrivals(*stack, created=urns) == [False]
    assert arrivals(*stack, created=urns - {private().urn}) == []
    assert arrivals(*stack, created=urns - {vpc().urn}) == []
    assert arrivals(*stack, created=set()) == []
