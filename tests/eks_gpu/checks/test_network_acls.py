"""Network ACLs that drop what nodes need."""

import pytest

from tests.graphs import findings
from tests.whole_graphs import healthy, holds, resource

CHECK = "network-acls-let-nodes-through"
ALLOW = {"ruleNo": 100, "action": "allow", "protocol": "-1", "fromPort": 0, "toPort": 0, "cidrBlock": "0.0.0.0/0"}
HTTPS = {**ALLOW, "protocol": "tcp", "fromPort": 443, "toPort": 443}
INSIDE, ANSWERS = {**ALLOW, "ruleNo": 90, "cidrBlock": "10.0.0.0/16"}, {**ALLOW, "fromPort": 1024, "toPort": 65535}


def acl(ingress, egress, kind="networkAcl:NetworkAcl"):
    rules = {"subnetIds": ["subnet-a"], "ingress": ingress, "egress": egress}
    return resource(f"aws:ec2/{kind}", "own", rules, id_="acl-own")


def dropped(*made) -> set[str]:
    found = findings(CHECK, *healthy(s3=list(made)))
    return {message for passed, message in found.values() if not passed}


@pytest.mark.parametrize(
    ("ingress", "egress", "what"),
    [
        ([ALLOW], [INSIDE], "connections to the internet"),
        ([INSIDE], [ALLOW], "answers from the internet"),
        ([ALLOW], [HTTPS], "DNS between nodes"),
        ([{**ANSWERS, "protocol": "tcp", "fromPort": 32_768}], [ALLOW], "connections of the API server to kubelet"),
        (
            [ALLOW, {**ALLOW, "ruleNo": 1, "action": "deny", "cidrBlock": "10.0.0.0/8"}],
            [ALLOW],
            "answers inside the VPC, connections of the API server to kubelet",
        ),
    ],
)
def test_an_acl_that_drops_what_nodes_need(ingress, egress, what):
    assert dropped(acl(ingress, egress)) == {f"network ACL own of subnet subnet-a drops {what}"}


def test_an_acl_without_rules_drops_everything():
    (message,) = dropped(acl([], []))
    assert "connections to the API server" in message
    assert "answers from the internet" in message


def test_rules_that_let_nodes_through():
    inside_and_web = acl([INSIDE, {**ANSWERS, "protocol": "tcp"}], [INSIDE, HTTPS])
    assert holds(CHECK, s3=inside_and_web)
    assert holds(CHECK, s3=acl([ALLOW], [ALLOW], "defaultNetworkAcl:DefaultNetworkAcl"))


def test_rules_that_are_resources_count():
    rule = {**{k: v for k, v in ALLOW.items() if k != "ruleNo"}, "networkAclId": "acl-own", "ruleNumber": 1}
    rules = [
        resource(
            "aws:ec2/networkAclRule:NetworkAclRule", f"{egress}", {**rule, "ruleAction": "allow", "egress": egress}
        )
        for egress in (True, False)
    ]
    assert dropped(acl([], []), *rules) == set()
    assert dropped(acl([], []), rules[0]) != set()


def test_an_acl_of_other_subnets_is_not_theirs():
    elsewhere = resource("aws:ec2/networkAcl:NetworkAcl", "db", {"subnetIds": ["subnet-db"]}, id_="acl-db")
    assert dropped(elsewhere) == set()
    joined = {"networkAclId": "acl-db", "subnetId": "subnet-a"}
    assert dropped(elsewhere, resource("aws:ec2/networkAclAssociation:NetworkAclAssociation", "a", joined)) != set()
