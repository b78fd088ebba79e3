"""NetworkPolicies: a stack that has some says who enforces them."""

from dataclasses import replace
from typing import Any

import pytest

from tests.graphs import findings, kubernetes, resource
from tests.whole_graphs import cluster, cni, failure, healthy, holds, network_policy

CHECK = "network-policies-have-an-enforcer"
SUBJECT = "NetworkPolicy serving/api"
ON_AUTO_MODE = cluster(computeConfig={"enabled": True, "nodePools": ["system"]})


def said(**instead: Any) -> dict[str, tuple[bool, str]]:
    return findings(CHECK, *healthy(**instead))


def config_map(name: str = "amazon-vpc-cni", **data: str) -> Any:
    inputs = {"metadata": {"name": name, "namespace": "kube-system"}, "data": data}
    return resource("kubernetes:core/v1:ConfigMap", "policies", inputs)


def release(chart: str, **values: Any) -> Any:
    return resource("kubernetes:helm.sh/v3:Release", chart, {"chart": chart, "values": values})


def component(**options: Any) -> Any:
    return resource("eks:index:Cluster", "shop", {"name": "shop", "version": "1.35", "vpcCniOptions": options})


@pytest.mark.parametrize("configuration", [None, "{}", '{"enableNetworkPolicy": "false"}'])
def test_a_policy_that_the_vpc_cni_is_not_told_to_enforce_does_nothing(configuration):
    assert said(cni=cni(configuration)) == {
        SUBJECT: (
            False,
            'nothing in the stack enforces it: the configuration of vpc-cni has no enableNetworkPolicy: "true": '
            'set enableNetworkPolicy to "true" in the configuration of vpc-cni, '
            "or waive this where another stack has an enforcer",
        )
    }


@pytest.mark.parametrize("configuration", ['{"enableNetworkPolicy": "true"}', "enableNetworkPolicy: true"])
def test_a_configuration_in_json_or_yaml_turns_it_on(configuration):
    assert said(cni=cni(configuration)) == {SUBJECT: (True, "the network of its pods enforces it")}


def test_a_configuration_that_cannot_be_read_is_not_judged():
    assert said(cni=cni("[secret]")) == {}


@pytest.mark.parametrize(
    "plugin",
    [
        release("cilium"),
        release("tigera-operator"),
        release("aws-vpc-cni", enableNetworkPolicy="true"),
        resource("eks:index:VpcCniAddon", "cni", {"enableNetworkPolicy": True}),
    ],
)
def test_other_network_plugins_enforce_them_too(plugin):
    assert said(cni=plugin)[SUBJECT][0]


@pytest.mark.parametrize(
    ("options", "enforced"),
    [
        ({}, False),
        ({"enableNetworkPolicy": True}, True),
        ({"configurationValues": {"enableNetworkPolicy": "true"}}, True),
    ],
)
def test_the_component_of_pulumi_eks_has_an_option_for_it(options, enforced):
    assert said(cluster=component(**options), cni=None)[SUBJECT][0] is enforced


@pytest.mark.parametrize(
    ("made", "enforced"),
    [
        (None, False),
        (config_map(**{"enable-network-policy-controller": "true"}), True),
        (config_map(**{"enable-network-policy-controller": "false"}), False),
        (config_map("other", **{"enable-network-policy-controller": "true"}), False),
    ],
)
def test_auto_mode_wants_a_config_map(made, enforced):
    assert said(cluster=ON_AUTO_MODE, storage_class=made)[SUBJECT][0] is enforced


def test_without_a_policy_nothing_is_said_and_in_somebody_else_s_cluster_nothing_is_known():
    assert said(network_policy=None) == {}
    assert said(cluster=None, cni=cni("{}")) == {}


def test_policies_of_another_kind_are_their_own_plugin_s_affair():
    other = replace(network_policy(), inputs={**network_policy().inputs, "apiVersion": "crd.projectcalico.org/v1"})
    assert said(network_policy=other, cni=cni("{}")) == {}


THROUGH = "network-policies-let-services-through"


def policy(ingress, **spec):
    given = {"podSelector": {"matchLabels": {"app": "api"}}, "ingress": ingress, **spec}
    return kubernetes("NetworkPolicy", "api", given, group="networking.k8s.io/v1", namespace="serving")


@pytest.mark.parametrize(
    "made",
    [
        policy([]),
        policy(None),
        policy([{"ports": [{"port": 80}]}]),
        policy([{"ports": [{"port": 9000, "endPort": 9100}]}]),
        policy([], podSelector={}),
    ],
)
def test_a_policy_that_lets_nobody_in(made):
    said = "NetworkPolicy api lets nobody in on 8501"
    assert failure(THROUGH, network_policy=made) == ("Service serving/api", said)


@pytest.mark.parametrize(
    "made",
    [
        policy([{}]),
        policy([{"ports": [{"port": "rest"}]}]),
        policy([{"ports": [{"port": 8000, "endPort": 9000}]}]),
        policy([{"from": [{"podSelector": {}}]}]),
        [policy([]), replace(policy([{"ports": [{"port": 8501}]}]), urn="urn:another")],  # policies add up
    ],
)
def test_policies_that_let_somebody_in(made):
    assert holds(THROUGH, network_policy=made)


def test_policies_of_other_pods_or_of_what_goes_out_are_not_judged():
    for made in (policy([], podSelector={"matchLabels": {"app": "db"}}), policy(None, policyTypes=["Egress"]), None):
        assert findings(THROUGH, *healthy(network_policy=made)) == {}
