"""What a stack has and the planner does not read: each kind by its type, and what is read is never among it."""

from typing import Any

import pytest

from eks_gpu.graph.graph import Graph, Resource
from eks_gpu.graph.unread import Unread, grouped
from eks_gpu.plan.analysis import analyse
from eks_gpu.pools.unread import unread
from tests import graphs, karpenter_graphs
from tests.graphs import TODAY, analysed, cluster, cpu_work, managed_group, resource
from tests.karpenter_graphs import node_pool


def rows(*resources: Resource, told: tuple[Unread, ...] = ()) -> list[tuple[str, str]]:
    """Subject and what, of a stack of these resources."""
    return [(row.subject, row.what) for row in unread(Graph(resources, unread=told))]


def component(type_: str, name: str = "inner", remote: bool = True, **inputs: Any) -> Resource:
    return resource(type_, name, inputs, custom=False, remote=remote)


def child_of(parent: Resource, made: Resource) -> Resource:
    return Resource(**{**vars(made), "parent": parent.urn})


@pytest.mark.parametrize(
    ("type_", "what"),
    [
        ("aws:ec2/fleet:Fleet", "nodes"),
        ("aws:ec2/spotFleetRequest:SpotFleetRequest", "nodes"),
        ("aws-native:ec2:Ec2Fleet", "nodes"),
        ("aws-native:cloudformation:Stack", "nodes"),
        ("aws:batch/computeEnvironment:ComputeEnvironment", "nodes"),
        ("spotinst:aws/ocean:Ocean", "nodes"),
        ("kubernetes:karpenter.sh/v1beta1:NodePool", "nodes"),
        ("kubernetes:karpenter.sh/v1alpha5:Provisioner", "nodes"),
        ("aws-native:ec2:Subnet", "network"),
    ],
)
def test_a_resource_of_a_kind_that_is_not_read_is_named(type_, what):
    assert rows(resource(type_, "spare", {})) == [(f"{type_.rpartition(':')[2]} spare", what)]


@pytest.mark.parametrize(
    ("type_", "what"),
    [
        ("eks:index:ManagedNodeGroup", "nodes"),
        ("eks:index:NodeGroup", "nodes"),
        ("eks:index:NodeGroupV2", "nodes"),
        ("acme:index:Platform", "nodes"),
        ("awsx:ec2:Vpc", "network"),
        ("kubernetes:yaml/v2:ConfigFile", "software"),
        ("kubernetes:kustomize/v2:Directory", "software"),
    ],
)
def test_a_component_whose_parts_nobody_tells_is_named_until_its_parts_are_told(type_, what):
    made = component(type_)
    assert rows(made) == [(f"{type_.rpartition(':')[2]} inner", what)]
    assert rows(made, child_of(made, managed_group())) == []


@pytest.mark.parametrize(
    "type_", ["shop:index:Service", "eks:index:Addon", "awsx:lb:ApplicationLoadBalancer", "kubernetes:helm.sh/v4:Chart"]
)
def test_a_component_of_the_program_or_without_nodes_is_not_named(type_):
    assert rows(component(type_, remote=not type_.startswith("shop:"))) == []


@pytest.mark.parametrize(
    ("inputs", "expected"),
    [
        ({}, [("Cluster shop", "nodes")]),
        ({"skipDefaultNodeGroup": False}, [("Cluster shop", "nodes")]),
        ({"skipDefaultNodeGroup": True}, []),
        ({"fargate": True, "skipDefaultNodeGroup": True}, [("Cluster shop", "nodes")]),
        ({"autoMode": {"enabled": True}}, []),
        ({"autoMode": {"enabled": False}}, [("Cluster shop", "nodes")]),
    ],
)
def test_the_default_node_group_of_pulumi_eks_is_named_where_the_cluster_makes_one(inputs, expected):
    assert rows(component("eks:index:Cluster", "shop", **inputs)) == expected


@pytest.mark.parametrize(
    ("inputs", "named"),
    [
        ({"instanceType": "t3.micro"}, False),  # a bastion
        ({"userData": "#!/bin/bash\nyum install -y psql"}, False),
        ({"userData": "#!/bin/bash\n/etc/eks/bootstrap.sh shop"}, True),
        ({"tags": {"kubernetes.io/cluster/shop": "owned"}}, True),
    ],
)
def test_a_machine_by_itself_is_a_node_only_if_it_joins_a_cluster(inputs, named):
    assert bool(rows(resource("aws:ec2/instance:Instance", "one", inputs))) is named


@pytest.mark.parametrize("stack", [graphs.healthy(), karpenter_graphs.healthy(), karpenter_graphs.healthy_auto_mode()])
def test_nothing_of_a_stack_that_is_read_is_named(stack):
    assert rows(*stack) == []


def test_what_the_graph_carries_comes_first_and_once():
    told = Unread("ConfigFile apps", "pods", "apps.yaml is not there", "put it there")
    made = component("kubernetes:yaml/v2:ConfigFile", "apps")
    assert unread(Graph([made], unread=[told])) == [told]
    secret = Unread("Cluster shop", "values", "its name is a secret", "give a stand-in")
    assert rows(component("eks:index:Cluster", "shop"), told=(secret,)) == [
        ("Cluster shop", "values"),
        ("Cluster shop", "nodes"),
    ]


def test_rows_of_one_reason_are_told_together():
    listed = [Unread(f"Fleet {n}", "nodes", "not read", "use a group") for n in range(5)]
    assert list(grouped(listed)) == [("nodes", "Fleet 0, Fleet 1, Fleet 2 and 2 more", "not read", "use a group")]


# What follows from it

FLEET = resource("aws:ec2/fleet:Fleet", "spare", {})


def test_a_stack_with_nodes_that_are_not_read_fails_even_if_the_check_is_waived():
    from eks_gpu.checks import Waiver

    waiver = Waiver(check="nodes-are-all-read", reason="we know")
    found = analyse(Graph([*graphs.healthy(), FLEET]), "us-west-2", TODAY, waivers=[waiver])
    (finding,) = [each for each in found.findings if each.id == "nodes-are-all-read"]
    assert (finding.subject, finding.passed, finding.waived, finding.fails_plan) == (
        "Fleet spare",
        False,
        "we know",
        False,
    )
    assert found.failed
    assert not analyse(Graph(graphs.healthy()), "us-west-2", TODAY).failed


@pytest.mark.parametrize(
    ("made", "at_least"),
    [
        (FLEET, [True, True, True, True]),
        (component("awsx:ec2:Vpc"), [True, True, True, True]),
        (component("kubernetes:yaml/v2:ConfigFile"), [False, False, False, False]),
    ],
)
def test_a_total_says_what_it_leaves_out(made, at_least):
    bills = analysed(*graphs.healthy(), made).cost
    each = [bills.idle, bills.steady, bills.demand_max, bills.max]
    assert [bill.as_json()["at_least"] for bill in each] == at_least
    assert [bool(bill.leaves_out) for bill in each] == at_least


def test_pods_that_are_not_read_are_left_out_of_what_workloads_cost():
    told = Unread("ConfigFile apps", "pods", "it is not there", "put it there")
    bills = analyse(Graph(graphs.healthy(), unread=[told]), "us-west-2", TODAY).cost
    assert [bills.idle.marks.at_least, bills.steady.marks.at_least, bills.demand_max.marks.at_least] == [
        False,
        True,
        True,
    ]
    assert not bills.max.marks.at_least
    assert bills.steady.leaves_out == "pods of ConfigFile apps are not read"


CHECKS_THAT_MISS_SOMETHING = [
    ("workloads-are-admitted", [cluster(), node_pool(), cpu_work("web", nodeSelector={"a": "b"})], FLEET),
    (
        "device-plugin-reaches-gpu-pools",
        [each for each in graphs.healthy() if each.name != "nvidia-device-plugin"],
        component("kubernetes:yaml/v2:ConfigFile"),
    ),
    (
        "what-needs-a-controller-has-one",
        [each for each in graphs.healthy() if each.name != "cluster-autoscaler"],
        component("kubernetes:kustomize/v2:Directory"),
    ),
]


@pytest.mark.parametrize(("check", "stack", "left"), CHECKS_THAT_MISS_SOMETHING, ids=lambda given: str(given)[:30])
def test_a_check_that_misses_something_fails_and_gives_no_verdict_where_it_may_be_what_is_not_read(check, stack, left):
    def said(*more: Resource) -> list[tuple[bool | None, str]]:
        found = analysed(*stack, *more).findings
        return [(each.passed, each.message) for each in found if each.id == check and each.passed is not True]

    failing, unjudged = said(), said(left)
    assert failing
    assert {passed for passed, _ in failing} == {False}
    assert [passed for passed, _ in unjudged] == [None] * len(failing)
    name = f"{left.type.rpartition(':')[2]} {left.name}"
    assert all(name in message for _, message in unjudged)


def test_what_fails_for_another_reason_still_fails_beside_what_is_not_read():
    uncapped = karpenter_graphs.node_pool(limits={})
    found = analysed(cluster(), uncapped, FLEET).findings
    assert [each.passed for each in found if each.id == "gpu-pools-are-capped"] == [False]


def test_without_any_pool_a_workload_is_not_judged_where_nodes_are_not_read():
    found = analysed(cluster(), cpu_work(), FLEET).findings
    (said,) = [each for each in found if each.id == "workloads-are-admitted"]
    assert said.passed is None
    assert [each for each in analysed(cluster(), cpu_work()).findings if each.id == "workloads-are-admitted"] == []


def test_a_maximum_within_the_budget_is_not_judged_where_it_leaves_something_out_and_over_it_fails():
    (within,) = [each for each in analysed(cluster(), FLEET, budget=500).findings if each.id == "maximum-within-budget"]
    assert within.passed is None
    assert within.message == "at least 73.00 of 500.00 USD a month: nodes of Fleet spare are not read"
    (over,) = [each for each in analysed(cluster(), FLEET, budget=50).findings if each.id == "maximum-within-budget"]
    assert over.passed is False
    assert over.message == "the maximum is at least 73.00 USD a month, at least 23.00 over the budget of 50.00"
