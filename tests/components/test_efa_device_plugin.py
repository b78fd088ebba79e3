"""EfaDevicePlugin: on every pool with EFA, on no other node."""

from typing import Any

import pytest

from components.efa_device_plugin import EfaDevicePlugin
from components.values.value import BadInput
from eks_gpu.offline.sdk_schema import problems
from tests.documentation import run_example
from tests.engine import run

POOL = {"instance_types": ["p5.48xlarge"], "max_gpus": 16, "efa": True, "zones": ["us-west-2a"]}
NEURON = {"instance_types": ["trn1.32xlarge"], "max_gpus": 16, "efa": True, "zones": ["us-west-2b"]}
WITHOUT = {
    "instance_types": ["g5.8xlarge"],
    "max_gpus": 2,
    "taint": {"key": "gpus", "value": "true", "effect": "NoSchedule"},
}


def plugin(*pools: dict[str, Any], preview: bool = False, **args: Any):
    given: Any = {"pools": pools or [POOL], **args}
    return run(lambda: EfaDevicePlugin("efa", given), preview=preview)


def release(*pools: dict[str, Any], **args: Any) -> Any:
    return plugin(*pools, **args).one("kubernetes:helm.sh/v3:Release").inputs


def refusal(*pools: dict[str, Any], **args: Any) -> list[str]:
    with pytest.raises(BadInput) as refused:
        plugin(*pools, **args)
    return refused.value.problems


def test_the_chart_is_pinned_and_has_a_namespace_of_its_own():
    asked = release()
    assert (asked["chart"], asked["version"]) == ("aws-efa-k8s-device-plugin", "v0.5.30")
    assert asked["repositoryOpts"] == {"repo": "https://aws.github.io/eks-charts"}
    assert (asked["namespace"], asked["createNamespace"]) == ("aws-efa-k8s-device-plugin", True)
    assert release(namespace="fabric")["namespace"] == "fabric"


def test_it_runs_on_the_types_of_pools_with_efa_and_tolerates_their_taints():
    assert release(POOL, NEURON, WITHOUT)["values"] == {
        "supportedInstanceLabels": {"values": ["p5.48xlarge", "trn1.32xlarge"]},
        "tolerations": [
            {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"},
            {"key": "aws.amazon.com/neuron", "operator": "Exists", "effect": "NoSchedule"},
        ],
    }


def test_every_taint_is_tolerated_once():
    dedicated = {**POOL, "taint": {"key": "dedicated", "value": "training", "effect": "NoExecute"}}
    assert release(dedicated, dedicated)["values"]["tolerations"] == [
        {"key": "dedicated", "operator": "Exists", "effect": "NoExecute"}
    ]


def test_pools_that_are_claimed_or_of_bottlerocket_have_interfaces_all_the_same():
    for pool in ({**POOL, "devices": "claims"}, {**POOL, "node_image": "bottlerocket"}):
        assert release(pool)["values"]["supportedInstanceLabels"] == {"values": ["p5.48xlarge"]}


def test_pools_without_efa_are_refused():
    said = ["no pool has efa: leave the device plugin out, or set efa of the pools that need it"]
    assert refusal(WITHOUT) == refusal({**POOL, "efa": False}) == refusal(pools=[]) == said


def test_a_bad_pool_is_named_by_its_place():
    (problem,) = refusal(POOL, {**POOL, "max_gpus": 0})
    assert problem.startswith("pools[1].max_gpus ")


def test_a_preview_plans_what_an_update_makes_and_all_of_it_is_valid():
    found = plugin(POOL, NEURON)
    assert plugin(POOL, NEURON, preview=True).urns() == found.urns()
    assert [problem for resource in found.graph for problem in problems(resource.type, resource.inputs)] == []


def test_the_page_has_an_example_that_runs():
    assert run_example("efa_device_plugin").one("eks-gpu-components:index:EfaDevicePlugin")
