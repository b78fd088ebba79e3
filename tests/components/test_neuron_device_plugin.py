"""NeuronDevicePlugin: on every Neuron pool, on no other node."""

from typing import Any

import pytest

from components.neuron_device_plugin import NeuronDevicePlugin
from components.values.value import BadInput
from eks_gpu.offline.sdk_schema import problems
from tests.documentation import run_example
from tests.engine import run

POOL = {"instance_types": ["inf2.xlarge", "inf2.8xlarge"], "max_gpus": 2}
TRAINING = {"instance_types": ["trn1.32xlarge"], "max_gpus": 16}
GPUS = {
    "instance_types": ["g5.xlarge"],
    "max_gpus": 2,
    "taint": {"key": "gpus", "value": "true", "effect": "NoSchedule"},
}
CHART_TOLERATIONS = [
    {"key": "CriticalAddonsOnly", "operator": "Exists"},
    {"key": "aws.amazon.com/neuron", "operator": "Exists", "effect": "NoSchedule"},
    {
        "key": "sagemaker.amazonaws.com/node-health-status",
        "operator": "Equal",
        "value": "Unschedulable",
        "effect": "NoSchedule",
    },
]


def plugin(*pools: dict[str, Any], preview: bool = False, **args: Any):
    given: Any = {"pools": pools or [POOL], **args}
    return run(lambda: NeuronDevicePlugin("neuron", given), preview=preview)


def release(*pools: dict[str, Any], **args: Any) -> Any:
    return plugin(*pools, **args).one("kubernetes:helm.sh/v3:Release").inputs


def of_plugin(*pools: dict[str, Any]) -> dict[str, Any]:
    return release(*pools)["values"]["devicePlugin"]


def refusal(*pools: dict[str, Any], **args: Any) -> list[str]:
    with pytest.raises(BadInput) as refused:
        plugin(*pools, **args)
    return refused.value.problems


def test_the_chart_is_pinned_and_has_a_namespace_of_its_own():
    asked = release()
    assert asked["chart"] == "oci://public.ecr.aws/neuron/neuron-helm-chart"
    assert asked["version"] == "1.9.0"
    assert (asked["namespace"], asked["createNamespace"]) == ("neuron-device-plugin", True)


@pytest.mark.parametrize("namespace", ["neuron-device-plugin", "devices"])
def test_the_plugin_itself_is_in_the_namespace_too(namespace):
    asked = release(namespace=namespace)
    assert (asked["namespace"], asked["values"]["devicePlugin"]["namespaceOverride"]) == (namespace, namespace)


def test_it_runs_on_the_types_of_neuron_pools_and_never_where_auto_mode_brings_a_plugin():
    assert of_plugin(POOL, TRAINING, GPUS)["affinity"]["nodeAffinity"] == {
        "requiredDuringSchedulingIgnoredDuringExecution": {
            "nodeSelectorTerms": [
                {
                    "matchExpressions": [
                        {
                            "key": "node.kubernetes.io/instance-type",
                            "operator": "In",
                            "values": ["inf2.8xlarge", "inf2.xlarge", "trn1.32xlarge"],
                        },
                        {"key": "eks.amazonaws.com/compute-type", "operator": "NotIn", "values": ["auto"]},
                    ]
                }
            ]
        }
    }


def test_the_charts_own_tolerations_are_said_again_since_helm_replaces_lists():
    assert of_plugin()["tolerations"] == CHART_TOLERATIONS


def test_every_taint_of_every_neuron_pool_is_tolerated_once():
    dedicated = {**POOL, "taint": {"key": "dedicated", "value": "inference", "effect": "NoExecute"}}
    assert of_plugin(POOL, dedicated, dedicated, GPUS)["tolerations"] == [
        *CHART_TOLERATIONS,
        {"key": "dedicated", "operator": "Exists", "effect": "NoExecute"},
    ]


def test_nothing_privileged_comes_along():
    assert release()["values"]["npd"] == {"enabled": False}


def test_bottlerocket_brings_the_driver_but_no_plugin():
    assert release({**POOL, "node_image": "bottlerocket"})["values"] == release()["values"]


def test_pools_of_other_devices_alone_are_refused_with_the_reason():
    assert refusal(GPUS) == ["no pool needs the device plugin: nvidia devices have a plugin of their own"]
    assert refusal(pools=[]) == ["no pool needs the device plugin: there is none"]


def test_a_bad_pool_is_named_by_its_place():
    (problem,) = refusal(POOL, {**POOL, "max_gpus": 0})
    assert problem.startswith("pools[1].max_gpus ")


def test_a_preview_plans_what_an_update_makes_and_all_of_it_is_valid():
    found = plugin(POOL, TRAINING)
    assert plugin(POOL, TRAINING, preview=True).urns() == found.urns()
    assert [problem for resource in found.graph for problem in problems(resource.type, resource.inputs)] == []


def test_the_page_has_an_example_that_runs():
    assert run_example("neuron_device_plugin").one("eks-gpu-components:index:NeuronDevicePlugin")
