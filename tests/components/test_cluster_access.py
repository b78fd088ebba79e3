"""Cluster: who gets in, and from where."""

import json
from typing import Any

import pytest

from components.cluster import Cluster
from components.values.value import BadInput
from tests.clusters import CONTROL_PLANE, WORLD, args, cluster, control_plane
from tests.engine import run
from tests.found import every


@pytest.mark.parametrize(
    ("config", "asked"),
    [
        ({}, None),
        ({"aws:profile": "work"}, {"profileName": "work"}),
        ({"aws:assumeRoles": '[{"roleArn": "arn:aws:iam::1:role/a"}]'}, {"roleArn": "arn:aws:iam::1:role/a"}),
        (
            {"aws:profile": "work", "aws:assumeRole": '{"roleArn": "arn:aws:iam::1:role/a"}'},
            {"profileName": "work", "roleArn": "arn:aws:iam::1:role/a"},
        ),
    ],
)
def test_tokens_of_the_cluster_come_by_the_credentials_that_made_it(config, asked):
    found = run(lambda: Cluster("main", args()), config=config)
    assert found.one(CONTROL_PLANE).inputs.get("providerCredentialOpts") == asked
    assert found.log == []


def test_of_a_chain_of_roles_the_last_gets_the_tokens_and_a_warning_says_so():
    roles = [{"roleArn": f"arn:aws:iam::1:role/{name}"} for name in "ab"]
    found = run(lambda: Cluster("main", args()), config={"aws:assumeRoles": json.dumps(roles)})
    assert found.one(CONTROL_PLANE).inputs["providerCredentialOpts"] == {"roleArn": "arn:aws:iam::1:role/b"}
    assert found.log == [
        (
            "warning",
            "aws:assumeRoles is a chain; for tokens of the cluster the AWS CLI takes arn:aws:iam::1:role/b directly",
        )
    ]


def test_a_person_gets_a_policy_everywhere_or_in_namespaces():
    found = cluster(
        access_entries={
            "ops": {"principal_arn": "arn:aws:iam::123456789012:role/ops", "policy": "AmazonEKSClusterAdminPolicy"},
            "dev": {
                "principal_arn": "arn:aws:iam::123456789012:role/dev",
                "policy": "AmazonEKSEditPolicy",
                "namespaces": ["web"],
            },
        }
    )
    grants = {
        grant.name: (grant.inputs["principalArn"], grant.inputs["policyArn"], grant.inputs["accessScope"])
        for grant in found.of("aws:eks/accessPolicyAssociation:AccessPolicyAssociation")
    }
    assert grants == {
        "main-ops": (
            "arn:aws:iam::123456789012:role/ops",
            "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy",
            {"type": "cluster"},
        ),
        "main-dev": (
            "arn:aws:iam::123456789012:role/dev",
            "arn:aws:eks::aws:cluster-access-policy/AmazonEKSEditPolicy",
            {"type": "namespace", "namespaces": ["web"]},
        ),
    }
    entries = {entry.name: entry.urn for entry in found.of("aws:eks/accessEntry:AccessEntry")}
    for grant in every(found.of("aws:eks/accessPolicyAssociation:AccessPolicyAssociation")):
        assert entries[grant.name] in grant.dependencies


def test_the_whole_world_may_come_in_where_that_is_said_by_name():
    endpoint = {"public": True, "public_cidrs": WORLD, "open_to_world": True}
    assert control_plane(endpoint=endpoint)["publicAccessCidrs"] == ["0.0.0.0/0"]


def test_a_public_endpoint_without_ranges_takes_those_of_the_stack():
    def opened_to(*cidrs: str) -> Any:
        config = {"eks-gpu-components:api_cidrs": json.dumps(cidrs)}
        found = run(lambda: Cluster("main", args(endpoint={"public": True})), config=config)
        return found.one(CONTROL_PLANE).inputs["publicAccessCidrs"]

    assert opened_to("192.88.99.7/32") == ["192.88.99.7/32"]
    assert opened_to("address-not-given") == ["address-not-given"]
    with pytest.raises(BadInput, match=r"eks-gpu-components:api_cidrs\[0\] must be of the internet"):
        opened_to("203.0.113.7/32")


def test_a_bootstrap_opens_a_private_cluster_to_its_addresses_until_it_is_over():
    def ways_in(**bootstrap: Any) -> tuple[Any, ...]:
        asked = control_plane(endpoint={"private": True}, **bootstrap)
        return tuple(
            asked.get(f"{way}") for way in ("endpointPrivateAccess", "endpointPublicAccess", "publicAccessCidrs")
        )

    assert ways_in(bootstrap={"public_cidrs": ["192.88.99.7/32"]}) == (True, True, ["192.88.99.7/32"])
    assert ways_in(bootstrap=False) == ways_in() == (True, False, None)


def test_clients_come_through_the_clusters_security_group_before_any_object_is_made():
    found = cluster(endpoint={"clients": ["10.20.0.0/16", "sg-0123456789abcdef0"]})
    rules = {rule.name: rule for rule in found.of("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule")}
    https = {
        "securityGroupId": found.one(CONTROL_PLANE).outputs["clusterSecurityGroupId"],
        "description": "HTTPS to the Kubernetes API",
        "ipProtocol": "tcp",
        "fromPort": 443,
        "toPort": 443,
    }
    assert {name: rule.inputs for name, rule in rules.items()} == {
        "main-client-10.20.0.0-16": {**https, "cidrIpv4": "10.20.0.0/16"},
        "main-client-sg-0123456789abcdef0": {**https, "referencedSecurityGroupId": "sg-0123456789abcdef0"},
    }
    assert {rule.urn for rule in rules.values()} <= found.one("pulumi:providers:kubernetes", "main").dependencies
