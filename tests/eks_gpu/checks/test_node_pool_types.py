"""The types that a node pool may bring: known, of one architecture, enough for Spot, and at no higher price."""

import pytest

from tests.graphs import findings
from tests.karpenter_graphs import (
    ARCH,
    ON_DEMAND,
    SPOT_FIRST,
    THREE_TYPES,
    failure,
    healthy,
    node_pool,
    requirement,
    subnet,
    types,
)

FAMILY = "karpenter.k8s.aws/instance-family"

# --- types -----------------------------------------------------------------------------------------------------------


def test_a_pool_that_may_bring_the_other_architecture():
    made = node_pool(SPOT_FIRST, requirement(FAMILY, "g5", "g5g"))
    assert failure("architecture-is-required", gpu=made) == (
        "gpu",
        "it may bring g5g.xlarge, which is arm64: require kubernetes.io/arch In [amd64], or both on purpose",
    )


@pytest.mark.parametrize(
    "requirements",
    [
        (SPOT_FIRST, THREE_TYPES),  # named types are all amd64
        (ARCH, SPOT_FIRST, requirement(FAMILY, "g5", "g5g")),
        (requirement("kubernetes.io/arch", "amd64", "arm64"), requirement(FAMILY, "g5", "g5g")),
    ],
)
def test_an_architecture_that_is_settled(requirements):
    assert findings("architecture-is-required", *healthy(gpu=node_pool(*requirements)))["gpu"][0]


def test_requirements_that_no_type_meets():
    made = node_pool(ARCH, SPOT_FIRST, requirement(FAMILY, "g5"), requirement("karpenter.k8s.aws/instance-cpu", "5"))
    assert failure("instance-types-offered-in-zones", gpu=made) == (
        "gpu",
        "spec.template.spec.requirements[3] karpenter.k8s.aws/instance-cpu In [5] leaves no instance type: 5 is no "
        "number of vCPUs; nearest: 4",
    )


def test_a_misspelt_type():
    made = node_pool(ARCH, SPOT_FIRST, types("g5.xlarge", "g6.xlrge"))
    assert failure("instance-types-offered-in-zones", gpu=made) == (
        "gpu",
        "instance type g6.xlrge is not in the catalog; nearest: g6.xlarge",
    )


def test_a_requirement_that_the_catalog_cannot_judge():
    bandwidth = requirement("karpenter.k8s.aws/instance-network-bandwidth", "10000", operator="Gt")
    made = node_pool(ARCH, SPOT_FIRST, THREE_TYPES, bandwidth)
    assert failure("node-pool-requirements-are-known", gpu=made) == (
        "gpu",
        "the catalog does not know karpenter.k8s.aws/instance-network-bandwidth, so the plan counts types that "
        "these may exclude",
    )


# --- price -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("requirements", "instead", "message"),
    [
        (
            (ARCH, SPOT_FIRST, types("g5.xlarge", "g6.xlarge")),
            {},
            "it has 2 instance types to choose from: name 3 or more",
        ),
        (
            (ARCH, SPOT_FIRST, THREE_TYPES),
            {"subnets": [subnet("a")]},
            "it is in us-west-2a alone: select subnets of 2 zones or more",
        ),
        (
            (ARCH, requirement("karpenter.sh/capacity-type", "spot"), THREE_TYPES),
            {},
            "nothing takes over when Spot runs out: allow on-demand too, which comes second",
        ),
    ],
)
def test_spot_that_runs_out(requirements, instead, message):
    if "subnets" in instead:
        instead = {**instead, "system": []}
    assert failure("spot-is-diverse-with-a-fallback", gpu=node_pool(*requirements), **instead) == ("gpu", message)


def test_another_pool_may_be_the_fallback():
    spot = node_pool(ARCH, requirement("karpenter.sh/capacity-type", "spot"), THREE_TYPES, weight=10)
    fallback = node_pool(ARCH, ON_DEMAND, THREE_TYPES, name="fallback")
    assert findings("spot-is-diverse-with-a-fallback", *healthy(gpu=[spot, fallback])) == {
        "gpu": (True, "3 types in 2 zones, with a fallback")
    }
    guarded = node_pool(
        ARCH,
        ON_DEMAND,
        THREE_TYPES,
        name="fallback",
        template={"taints": [{"key": "team", "value": "ml", "effect": "NoSchedule"}]},
    )
    assert not findings("spot-is-diverse-with-a-fallback", *healthy(gpu=[spot, guarded]))["gpu"][0]


def test_a_family_whose_large_types_cost_more_for_a_gpu():
    made = node_pool(ARCH, SPOT_FIRST, requirement(FAMILY, "g4dn"))
    assert failure("packing-cannot-cost-more", gpu=made) == (
        "gpu",
        "pods of 1 GPU may be packed on a g4dn.12xlarge, at 3.91 USD an hour 86% more than 4 g4dn.xlarge",
    )


def test_larger_types_that_cost_no_more_for_a_gpu():
    made = node_pool(ARCH, SPOT_FIRST, types("p5.4xlarge", "p5.48xlarge"))
    assert findings("packing-cannot-cost-more", *healthy(gpu=made)) == {
        "gpu": (True, "no larger type costs more for a GPU than the smallest")
    }
