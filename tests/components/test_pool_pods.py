"""pool_tolerations, pool_selector: what a pod needs for the nodes of a pool, whatever the pool is given as."""

from types import SimpleNamespace
from typing import Any

import pulumi
import pytest

from components import (
    AutoModeGpuPool,
    BadInput,
    GpuNodeGroup,
    GpuPool,
    GpuPoolArgs,
    KarpenterGpuPool,
    SpotNodeGroup,
    eks_cluster_by_name,
    pool_selector,
    pool_tolerations,
)
from tests.documentation import run_example
from tests.engine import run

SUBNETS: Any = [{"zone": "us-west-2a", "zone_id": "usw2-az2", "subnet_id": "subnet-1"}]
POOL: GpuPoolArgs = {
    "instance_types": ["g6.xlarge"],
    "max_gpus": 2,
    "labels": {"team": "vision"},
    "taint": {"key": "team", "value": "vision", "effect": "NoExecute"},
}
TOLERATIONS = [{"key": "team", "operator": "Exists", "effect": "NoExecute"}]
SELECTOR = {"nvidia.com/gpu.present": "true", "k8s.amazonaws.com/accelerator": "nvidia-l4", "team": "vision"}


def node_group(cluster: Any):
    return GpuNodeGroup("gpu", {"cluster": cluster, "subnets": SUBNETS, "pool": POOL})


def karpenter(cluster: Any):
    return KarpenterGpuPool("gpu", {"cluster": cluster, "subnets": SUBNETS, "node_role_name": "nodes", "pool": POOL})


def auto_mode(cluster: Any):
    return AutoModeGpuPool("gpu", {"cluster": cluster, "subnets": SUBNETS, "pool": POOL})


def exported(make: Any) -> dict[str, Any]:
    """What a stack exports of the pool that `make` makes of a cluster."""

    def program() -> None:
        pool = make(eks_cluster_by_name("dev", "us-west-2"))
        pulumi.export("tolerations", pool_tolerations(pool))
        pulumi.export("selector", pool_selector(pool))
        pulumi.export("pool", pool)
        pulumi.export("tolerations of an output", pool_tolerations(pulumi.Output.from_input({"pool": POOL})["pool"]))
        pulumi.export("selector of an output", pool_selector(pulumi.Output.from_input(POOL)))

    return dict(run(program).exports)


@pytest.mark.parametrize("make", [node_group, karpenter, auto_mode])
def test_a_pod_gets_the_tolerations_and_the_labels_of_each_kind_of_pool(make):
    found = exported(make)
    assert found["tolerations"] == TOLERATIONS
    assert found["selector"] == SELECTOR
    assert found["tolerations of an output"] == TOLERATIONS
    assert found["selector of an output"] == SELECTOR


@pytest.mark.parametrize("given", [POOL, GpuPool.model_validate(POOL)], ids=["args", "value"])
def test_a_description_of_a_pool_does_as_well(given):
    assert pool_tolerations(given) == TOLERATIONS
    assert pool_selector(given) == SELECTOR


def test_a_pool_that_another_stack_exports_does_as_well():
    theirs: Any = exported(karpenter)["pool"]
    assert pool_tolerations(theirs) == TOLERATIONS
    assert pool_selector(theirs) == SELECTOR


def test_the_accelerator_s_own_taint_is_tolerated():
    neuron: GpuPoolArgs = {"instance_types": ["inf2.xlarge"], "max_gpus": 1}
    assert pool_tolerations(neuron) == [{"key": "aws.amazon.com/neuron", "operator": "Exists", "effect": "NoSchedule"}]
    assert pool_selector(neuron) == {}


def test_spot_nodes_have_a_selector_too():
    types = ["m7i.xlarge", "m7a.xlarge", "m6i.xlarge", "m6a.xlarge", "m5.xlarge", "m5a.xlarge"]

    def program() -> None:
        cluster = eks_cluster_by_name("dev", "us-west-2")
        made = SpotNodeGroup(
            "general", {"cluster": cluster, "subnets": SUBNETS, "pool": {"instance_types": types, "max_nodes": 3}}
        )
        pulumi.export("of spot", [pool_tolerations(made), pool_selector(made)])

    assert run(program).exports["of spot"] == [[], {"karpenter.sh/capacity-type": "spot"}]


def test_the_caller_may_change_what_he_gets():
    made: Any = SimpleNamespace(labels={"team": "vision"}, taints=[])
    pool_selector(made)["zone"] = "a"
    assert made.labels == {"team": "vision"}


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ("gpu", "pool must be a component that makes nodes, or the description of a pool, got 'gpu'"),
        (None, "pool must be a component that makes nodes, or the description of a pool, got nothing"),
        ({"instance_types": ["g6.xlarge"]}, "pool.max_gpus is required"),
    ],
)
def test_what_is_no_pool_is_refused(given, problem):
    for ask in (pool_tolerations, pool_selector):
        with pytest.raises(BadInput) as refusal:
            ask(given)
        assert refusal.value.problems == [problem]


def test_the_example_is_a_pod_of_the_pool():
    assert run_example("gpu_pool").one("kubernetes:core/v1:Pod").inputs["spec"] == {
        "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}],
        "nodeSelector": {
            "nvidia.com/gpu.present": "true",
            "k8s.amazonaws.com/accelerator": "nvidia",
            "team": "vision",
        },
        "containers": [
            {
                "name": "notebook",
                "image": "registry.example/notebook:1",
                "resources": {"limits": {"nvidia.com/gpu": "1"}},
            }
        ],
    }
