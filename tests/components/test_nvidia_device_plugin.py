"""NvidiaDevicePlugin: on every GPU pool, on no other node, with each pool's own sharing."""

import json
from typing import Any

import pytest

from components.nvidia_device_plugin import NvidiaDevicePlugin
from components.values.value import BadInput
from eks_gpu.offline.sdk_schema import problems
from tests.documentation import run_example
from tests.engine import run

POOL = {"instance_types": ["g5.xlarge"], "max_gpus": 2}
TIME_SLICING = {"strategy": "time-slicing", "replicas": 4}
MPS = {"strategy": "mps", "replicas": 2}
CHART_TOLERATIONS = [
    {"key": "CriticalAddonsOnly", "operator": "Exists"},
    {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"},
]


def plugin(*pools: dict[str, Any], preview: bool = False, **args: Any):
    given: Any = {"pools": pools or [POOL], **args}
    return run(lambda: NvidiaDevicePlugin("nvidia", given), preview=preview)


def release(*pools: dict[str, Any], **args: Any) -> Any:
    return plugin(*pools, **args).one("kubernetes:helm.sh/v3:Release").inputs


def values(*pools: dict[str, Any]) -> dict[str, Any]:
    return release(*pools)["values"]


def refusal(*pools: dict[str, Any], **args: Any) -> list[str]:
    with pytest.raises(BadInput) as refused:
        plugin(*pools, **args)
    return refused.value.problems


def test_the_chart_is_pinned_and_has_a_namespace_of_its_own():
    asked = release()
    assert asked["chart"] == "nvidia-device-plugin"
    assert asked["version"] == "0.20.0"
    assert asked["repositoryOpts"] == {"repo": "https://nvidia.github.io/k8s-device-plugin"}
    assert (asked["namespace"], asked["createNamespace"]) == ("nvidia-device-plugin", True)


def test_it_runs_where_pools_say_that_gpus_are_and_where_no_image_or_auto_mode_brings_a_plugin():
    affinity = values()["affinity"]["nodeAffinity"]
    assert affinity == {
        "requiredDuringSchedulingIgnoredDuringExecution": {
            "nodeSelectorTerms": [
                {
                    "matchExpressions": [
                        {"key": "nvidia.com/gpu.present", "operator": "In", "values": ["true"]},
                        {"key": "nvidia.com/gpu.deploy.device-plugin", "operator": "NotIn", "values": ["false"]},
                        {"key": "eks.amazonaws.com/compute-type", "operator": "NotIn", "values": ["auto"]},
                    ]
                }
            ]
        }
    }


def test_the_charts_own_tolerations_are_said_again_since_helm_replaces_lists():
    assert values()["tolerations"] == CHART_TOLERATIONS


def test_every_taint_of_every_pool_is_tolerated_once():
    dedicated = {**POOL, "taint": {"key": "dedicated", "value": "gpu", "effect": "NoExecute"}}
    assert values(POOL, dedicated, dedicated)["tolerations"] == [
        *CHART_TOLERATIONS,
        {"key": "dedicated", "operator": "Exists", "effect": "NoExecute"},
    ]


def test_slices_that_nobody_cuts_are_refused():
    with pytest.raises(BadInput, match="install GpuOperator in place of this") as problem:
        plugin(POOL, {"instance_types": ["p5.4xlarge"], "max_gpus": 4, "mig": "1g.10gb"})
    assert problem.value.problems == [
        "pools[1].mig: the device plugin offers slices and cuts none: leave it out, or install GpuOperator in place of "
        "this, got 1g.10gb"
    ]


def test_without_sharing_there_is_nothing_to_configure():
    assert "config" not in values()


def test_each_way_of_sharing_is_a_configuration_that_nodes_choose_by_label():
    config = values(POOL, {**POOL, "sharing": TIME_SLICING}, {**POOL, "sharing": MPS})["config"]
    assert config["default"] == "default"
    assert {name: json.loads(text) for name, text in config["map"].items()} == {
        "default": {"version": "v1", "flags": {"migStrategy": "none"}},
        "time-slicing-4": {
            "version": "v1",
            "flags": {"migStrategy": "none"},
            "sharing": {
                "timeSlicing": {
                    "renameByDefault": False,
                    "failRequestsGreaterThanOne": True,
                    "resources": [{"name": "nvidia.com/gpu", "replicas": 4}],
                }
            },
        },
        "mps-2": {
            "version": "v1",
            "flags": {"migStrategy": "none"},
            "sharing": {"mps": {"renameByDefault": False, "resources": [{"name": "nvidia.com/gpu", "replicas": 2}]}},
        },
    }


def test_a_pool_that_brings_its_plugin_adds_no_toleration():
    bottlerocket = {
        **POOL,
        "node_image": "bottlerocket",
        "taint": {"key": "rocket", "value": "true", "effect": "NoSchedule"},
    }
    assert values(POOL, bottlerocket)["tolerations"] == CHART_TOLERATIONS


def test_pools_that_bring_their_plugin_are_refused_with_the_reason():
    assert refusal({**POOL, "node_image": "bottlerocket"}) == [
        "no pool needs the device plugin: the bottlerocket image brings its own, and a second one breaks it"
    ]


def test_neuron_pools_are_refused_with_the_reason():
    assert refusal({"instance_types": ["inf2.xlarge"], "max_gpus": 1}) == [
        "no pool needs the device plugin: neuron devices have a plugin of their own"
    ]


def test_no_pool_and_the_default_namespace_are_refused():
    assert refusal(pools=[]) == ["no pool needs the device plugin: there is none"]
    assert refusal(namespace="default") == ["namespace must not be default, which the chart refuses"]


def test_a_bad_pool_is_named_by_its_place():
    (problem,) = refusal(POOL, {**POOL, "max_gpus": 0})
    assert problem.startswith("pools[1].max_gpus ")


def test_a_preview_plans_what_an_update_makes_and_all_of_it_is_valid():
    found = plugin({**POOL, "sharing": MPS})
    assert plugin({**POOL, "sharing": MPS}, preview=True).urns() == found.urns()
    assert [problem for resource in found.graph for problem in problems(resource.type, resource.inputs)] == []


def test_the_page_has_an_example_that_runs():
    assert run_example("nvidia_device_plugin").one("eks-gpu-components:index:NvidiaDevicePlugin")
