"""The types that a node pool may bring: known, of one architecture, enough for Spot, and at no higher price."""

import pytest

from eks_gpu.graph.graph import Resource
from tests.graphs import analysed, deployment, findings, gpu_work, pod
from tests.karpenter_graphs import (
    ARCH,
    ON_DEMAND,
    SPOT_FIRST,
    THREE_TYPES,
    failure,
    healthy,
    karpenter,
    node_overlay,
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


def test_a_type_of_which_the_limit_allows_no_node_is_not_compared():
    made = node_pool(ARCH, SPOT_FIRST, requirement(FAMILY, "g4dn"), limits={"nvidia.com/gpu": "2"})
    assert findings("packing-cannot-cost-more", *healthy(gpu=made))["gpu"][0]


def shared(amount: int, *names: str) -> Resource:
    return node_overlay(f"shares-{amount}", types(*names), capacity={"nvidia.com/gpu": str(amount)})


def test_shares_that_an_overlay_counts_are_compared_and_not_cards():
    """A g4dn.xlarge is 0.526 USD an hour, a g4dn.2xlarge 0.752, each with one card."""
    on = karpenter(featureGates={"nodeOverlay": True})
    stack = healthy(gpu=node_pool(ARCH, SPOT_FIRST, types("g4dn.xlarge", "g4dn.2xlarge")), karpenter=on)

    def said(*overlays: Resource):
        return findings("packing-cannot-cost-more", *stack, *overlays)["gpu"]

    assert said()[0]
    assert said(shared(2, "g4dn.2xlarge"))[0], "0.376 a share is less"
    assert said(shared(4, "g4dn.xlarge"))[0], "the larger count is the cheaper"
    assert said(shared(3, "g4dn.xlarge"), shared(4, "g4dn.2xlarge")) == (
        False,
        "pods of 3 GPU may be packed on a g4dn.2xlarge, at 0.75 USD an hour 7% more than 1.33 g4dn.xlarge",
    )


def test_larger_types_that_cost_no_more_for_a_gpu():
    made = node_pool(ARCH, SPOT_FIRST, types("p5.4xlarge", "p5.48xlarge"))
    assert findings("packing-cannot-cost-more", *healthy(gpu=made)) == {
        "gpu": (True, "no larger type costs more for a GPU than the smallest")
    }


def test_a_fallback_takes_the_workloads_of_the_spot_pool():
    spot = node_pool(ARCH, requirement("karpenter.sh/capacity-type", "spot"), THREE_TYPES)
    arm = node_pool(requirement("kubernetes.io/arch", "arm64"), ON_DEMAND, requirement(FAMILY, "g5g"), name="fallback")
    work = gpu_work(nodeSelector={"kubernetes.io/arch": "amd64"})
    assert findings("spot-is-diverse-with-a-fallback", *healthy(gpu=[spot, arm], train=work)) == {
        "gpu": (False, "nothing takes over when Spot runs out: allow on-demand too, which comes second")
    }
    same = node_pool(ARCH, ON_DEMAND, THREE_TYPES, name="fallback")
    assert findings("spot-is-diverse-with-a-fallback", *healthy(gpu=[spot, same], train=work))["gpu"][0]


# --- requirements ----------------------------------------------------------------------------------------------------


def test_values_that_are_not_there_beside_others_warn():
    made = node_pool(ARCH, SPOT_FIRST, requirement(FAMILY, "g4", "g6", "p4"))
    (found,) = [each for each in analysed(*healthy(gpu=made)).findings if each.id == "requirements-name-what-there-is"]
    assert (found.passed, found.severity) == (False, "warning")
    assert found.message == (
        f"spec.template.spec.requirements[2] {FAMILY}: g4 is no instance family; "
        f"spec.template.spec.requirements[2] {FAMILY}: p4 is no instance family"
    )
    assert found.fix == "write g4dn; write p4d"


def test_more_values_are_wanted_than_there_are():
    made = node_pool(ARCH, SPOT_FIRST, requirement(FAMILY, "g5", "g6", "g6", "g6", minValues=3))
    assert failure("requirements-name-what-there-is", gpu=made) == (
        "gpu",
        f"spec.template.spec.requirements[2].minValues is 3, and 2 values of {FAMILY} are left, so no node ever comes: "
        "set minValues to 2 or less, or require less",
    )


def test_a_pool_of_another_maker_than_its_limits_name():
    made = node_pool(ARCH, ON_DEMAND, requirement(FAMILY, "g4ad"))
    said = findings("requirements-name-what-there-is", *healthy(gpu=made))["gpu"]
    assert said == (
        False,
        f"spec.template.spec.requirements[2] {FAMILY} In [g4ad] leaves no instance type with nvidia.com/gpu: g4ad's "
        "GPU is AMD's, so its nodes never offer nvidia.com/gpu; nearest: g4dn: require types with the devices that its "
        "limits and taints are about",
    )


def test_an_amd_pool_is_one_of_amd():
    taint = {"key": "amd.com/gpu", "value": "true", "effect": "NoSchedule"}
    made = node_pool(
        ARCH, ON_DEMAND, requirement(FAMILY, "g4ad"), template={"taints": [taint]}, limits={"amd.com/gpu": "4"}
    )
    toleration = {"key": "amd.com/gpu", "operator": "Exists"}
    work = deployment("train", pod({"amd.com/gpu": 1}, tolerations=[toleration]), replicas=1)
    found = analysed(*healthy(gpu=made, train=work))
    (gpu,) = [pool for pool in found.pools if pool.name == "gpu"]
    assert (gpu.accelerator, gpu.max_gpus, gpu.types[0].name) == ("amd", 4, "g4ad.16xlarge")
    said = {each.id: each.message for each in found.findings if each.subject in ("gpu", "Deployment default/train")}
    assert said["workloads-are-admitted"] == "taken by gpu"
    assert said["gpu-nodes-have-a-driver"] == "no image of EKS has a driver for AMD's accelerators"
