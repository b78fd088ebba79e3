"""Security groups of nodes, and nodes that the internet reaches."""

import pytest

from tests.graphs import findings, launch_template, managed_template
from tests.whole_graphs import (
    failure,
    gpu_group,
    healthy,
    holds,
    managed_group,
    nat,
    reserving_class,
    resource,
    route,
    security_group,
    subnet,
)

WORK, CLOSED, OFF = (
    "node-security-groups-let-nodes-work",
    "security-groups-are-closed-to-the-internet",
    "nodes-stay-off-the-internet",
)
OUT = {"protocol": "-1", "fromPort": 0, "toPort": 0, "cidrBlocks": ["0.0.0.0/0"]}
SSH = {"protocol": "tcp", "fromPort": 22, "toPort": 22}
KUBELET = {"protocol": "tcp", "fromPort": 10250, "toPort": 10250, "securityGroups": ["sg-cluster"]}


def said_of(group, **instead) -> dict:
    own = managed_template(vpcSecurityGroupIds=["sg-own"])
    found = findings(WORK, *healthy(system_template=own, s3=group, **instead))
    return {name: message for name, (passed, message) in found.items() if not passed}


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ({"ingress": [KUBELET]}, "own lets nothing out to 443 and DNS: let 443 and DNS out"),
        (
            {"ingress": [KUBELET], "egress": [{**OUT, "protocol": "tcp", "fromPort": 443, "toPort": 443}]},
            "own lets nothing out to DNS: let 443 and DNS out",
        ),
        (
            {"egress": [OUT]},
            "own lets nobody in on 10250, by which the API server reaches kubelet: let the cluster's security group in "
            "on 10250",
        ),
    ],
)
def test_a_group_that_keeps_nodes_from_working(rules, said):
    assert said_of(security_group(**rules)) == {"system": said}


def test_groups_add_up_and_one_of_another_stack_may_let_everything_through():
    assert said_of(security_group(ingress=[KUBELET], egress=[OUT])) == {}
    both = managed_template(vpcSecurityGroupIds=["sg-own", "sg-cluster"])
    assert holds(WORK, system_template=both, s3=security_group())
    rule = {"securityGroupId": "sg-own", "type": "egress", "protocol": "-1", "cidrBlocks": ["0.0.0.0/0"]}
    beside = resource("aws:ec2/securityGroupRule:SecurityGroupRule", "out", rule)
    assert said_of([security_group(ingress=[KUBELET]), beside]) == {}


def test_a_group_that_a_node_class_selects():
    by_tag = reserving_class(securityGroupSelectorTerms=[{"tags": {"nodes": "yes"}}])
    found = findings(WORK, *healthy(node_class=by_tag, s3=security_group(tags={"nodes": "yes"})))
    assert found["reserved"][0] is False
    assert holds(WORK, node_class=by_tag, s3=security_group(tags={"nodes": "no"}))


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({**OUT}, "every port is open to 0.0.0.0/0"),
        (
            {**SSH, "cidrBlocks": ["0.0.0.0/0"]},
            "port 22 is open to 0.0.0.0/0",
        ),
        (
            {"protocol": "tcp", "fromPort": 0, "toPort": 65535, "cidrBlocks": ["0.0.0.0/1", "128.0.0.0/1"]},
            "ports 0 to 65535 are open to 0.0.0.0/1, 128.0.0.0/1",
        ),
        ({**SSH, "ipv6CidrBlocks": ["::/0"]}, "port 22 is open to ::/0"),
    ],
)
def test_a_group_that_is_open_to_the_internet(rule, said):
    assert failure(CLOSED, s3=security_group(ingress=[rule])) == ("own", said)


@pytest.mark.parametrize(
    "rule",
    [
        {"protocol": "tcp", "fromPort": 443, "toPort": 443, "cidrBlocks": ["0.0.0.0/0"]},
        {"protocol": "-1", "fromPort": 0, "toPort": 0, "cidrBlocks": ["10.0.0.0/8", "172.16.0.0/12"]},
        {"protocol": "-1", "fromPort": 0, "toPort": 0, "self": True},
        {**SSH, "cidrBlocks": ["192.88.99.7/32"]},
    ],
)
def test_groups_that_are_closed(rule):
    assert holds(CLOSED, s3=security_group(ingress=[rule], egress=[OUT]))


def test_nodes_with_public_addresses():
    direct = launch_template(networkInterfaces=[{"deviceIndex": 0, "associatePublicIpAddress": "true"}])
    said = "its launch template gives nodes public addresses: remove associate_public_ip_address"
    assert failure(OFF, gpu_template=direct, gpu=gpu_group()) == ("gpu", said)
    by_class = reserving_class(associatePublicIPAddress=True)
    assert failure(OFF, node_class=by_class)[0] == "reserved"
    found = findings(OFF, *healthy(subnet_b=subnet("b", mapPublicIpOnLaunch=True)))
    assert found["system"] == (
        False,
        "subnet subnet-b gives nodes public addresses that lead nowhere: turn map_public_ip_on_launch off",
    )


def test_public_addresses_are_the_way_out_where_there_is_no_nat_gateway():
    public = {f"subnet_{x}": subnet(x, mapPublicIpOnLaunch=True) for x in "ab"}
    direct = route("private", gatewayId="igw-1")
    assert holds(OFF, **public, private_route=direct, nat=None)
    assert not holds(OFF, **public, private_route=direct, nat=nat())


def test_remote_access_from_everywhere():
    said = (
        "EKS opens port 22 of its nodes to the internet: remote access has a key and no security groups: remove "
        "remote_access, or name source_security_group_ids"
    )
    assert failure(OFF, system=managed_group(remoteAccess={"ec2SshKey": "me"}))[1] == said
    limited = {"ec2SshKey": "me", "sourceSecurityGroupIds": ["sg-bastion"]}
    assert holds(OFF, system=managed_group(remoteAccess=limited))
