"""What comes after what, and goes before it."""

from dataclasses import replace

import pytest

from eks_gpu.checks.order import waits_for
from eks_gpu.graph.graph import Graph, Resource
from tests.graphs import findings
from tests.karpenter_graphs import karpenter
from tests.whole_graphs import failure, healthy, holds, karpenter_release, reserved_pool, reserving_class, service


def after(made: Resource, *others: Resource) -> Resource:
    return replace(made, dependencies=frozenset(other.urn for other in others))


def test_an_object_that_may_come_before_its_kind():
    early = after(reserved_pool(), karpenter_release())
    assert failure("custom-resources-follow-their-definitions", reserved=early) == (
        "NodePool reserved",
        "it may be made before release karpenter-crd, which brings its kind: add depends_on=[karpenter-crd]",
    )


def test_a_chart_that_brings_its_definitions_itself():
    early = after(reserved_pool())
    assert failure("custom-resources-follow-their-definitions", reserved=early, crds=None)[1] == (
        "it may be made before release karpenter, which brings its kind: add depends_on=[karpenter]"
    )


def test_a_node_pool_that_outlives_karpenter():
    late = after(reserved_pool(), karpenter("karpenter-crd"))
    assert failure("node-pools-go-before-karpenter", reserved=late) == (
        "NodePool reserved",
        "release karpenter may be gone before it: add depends_on=[karpenter]",
    )


def test_a_node_class_that_stands_between_keeps_the_order():
    assert holds("node-pools-go-before-karpenter", reserved=after(reserved_pool(), reserving_class()))


def test_karpenter_without_its_permissions():
    hasty = replace(karpenter_release(), dependencies=frozenset())
    assert failure("karpenter-keeps-its-permissions-to-the-end", karpenter=hasty) == (
        "NodePool reserved",
        "karpenter, karpenter of Karpenter's role may be gone before it",
    )


def test_a_load_balancer_that_nobody_deletes():
    late = replace(service(), dependencies=frozenset())
    assert failure("load-balanced-services-go-before-their-controller", service=late) == (
        "Service serving/api",
        "release lbc may be gone before it: add depends_on=[lbc]",
    )


@pytest.mark.parametrize("option", ["retainOnDelete", "deletedWith"])
@pytest.mark.parametrize(
    ("part", "made", "name"),
    [
        ("reserved", reserved_pool(), "reserved"),
        ("service", service(), "api"),
        ("karpenter", karpenter_release(), "karpenter"),
    ],
)
def test_what_is_forgotten_and_not_deleted(option, part, made, name):
    kept = replace(made, options={option: "urn:pulumi:dev::shop::aws:eks/cluster:Cluster::shop"})
    assert failure("what-makes-aws-resources-is-deleted", **{part: kept}) == (
        name,
        f"with {option} it is forgotten and not deleted",
    )


def test_what_makes_nothing_in_aws_may_go_with_the_cluster():
    said = findings("what-makes-aws-resources-is-deleted", *healthy())
    assert set(said) == {"karpenter", "lbc", "reserved", "gpu", "api"}


def test_to_wait_for_a_component_is_to_wait_for_all_within_it():
    component = Resource("urn:c", "shop:index:Karpenter", "karpenter", custom=False)
    inner = Resource("urn:i", "shop:index:Inner", "inner", parent="urn:c", custom=False)
    child = Resource("urn:r", "kubernetes:helm.sh/v3:Release", "karpenter", parent="urn:i")
    provider = Resource("urn:p", "pulumi:providers:kubernetes", "cluster")
    pool = Resource("urn:n", "t", "pool", dependencies=frozenset({"urn:c"}), provider="urn:p::id")
    other = Resource("urn:o", "t", "other", parent="urn:n")
    graph = Graph([component, inner, child, provider, pool, other])
    assert waits_for(graph, "urn:n") == {"urn:c", "urn:i", "urn:r", "urn:p"}
    assert waits_for(graph, "urn:o") == {"urn:n", "urn:c", "urn:i", "urn:r", "urn:p"}
