"""Values of charts that are not rendered: what they ask for is a row of `unread`, and never silence."""

from dataclasses import replace
from typing import Any

import pytest

from eks_gpu.graph.graph import Graph
from eks_gpu.pools.chart_values import asked_in_values
from tests.graphs import analysed, cpu_work, healthy, release


def paths(chart: str, **values: Any) -> list[str]:
    rows = asked_in_values(Graph([release(chart, **values)]))
    assert {row.what for row in rows} <= {"pods"}
    return [row.subject.removeprefix("value ").removesuffix(f" of release {chart}") for row in rows]


@pytest.mark.parametrize(
    ("chart", "values", "expected"),
    [
        (
            "vllm-stack",
            {"servingEngineSpec": {"modelSpec": [{"name": "a", "replicaCount": 2, "requestGPU": 1}]}},
            ["servingEngineSpec.modelSpec[0].requestGPU"],
        ),
        ("nim-llm", {"resources": {"limits": {"nvidia.com/gpu": 2}}}, ["resources.limits.nvidia.com/gpu"]),
        (
            "ray-cluster",
            {"worker": {"resources": {"limits": {"nvidia.com/gpu": "4"}, "requests": {"nvidia.com/gpu": "4"}}}},
            ["worker.resources.limits.nvidia.com/gpu"],
        ),
        (
            "jupyterhub",
            {
                "singleuser": {
                    "profileList": [{"kubespawner_override": {"extra_resource_limits": {"nvidia.com/gpu": "1"}}}]
                }
            },
            ["singleuser.profileList[0].kubespawner_override.extra_resource_limits.nvidia.com/gpu"],
        ),
        ("train", {"gpu": 8, "numGPUs": 4, "num_gpus": 2, "gpuCount": 1}, ["gpu", "numGPUs", "num_gpus", "gpuCount"]),
        ("mig", {"resources": {"limits": {"nvidia.com/mig-1g.10gb": 1}}}, ["resources.limits.nvidia.com/mig-1g.10gb"]),
        (
            "neuron",
            {"resources": {"limits": {"aws.amazon.com/neuroncore": 2}}},
            ["resources.limits.aws.amazon.com/neuroncore"],
        ),
        ("rocm", {"resources": {"requests": {"amd.com/gpu": 1}}}, ["resources.requests.amd.com/gpu"]),
    ],
)
def test_a_value_that_asks_for_accelerators_is_named_by_its_path(chart, values, expected):
    assert paths(chart, **values) == expected


@pytest.mark.parametrize(
    ("chart", "values"),
    [
        ("gpu-operator", {"gpu": 1, "mig": {"resources": {"limits": {"nvidia.com/gpu": 1}}}}),
        ("karpenter", {"controller": {"resources": {"limits": {"nvidia.com/gpu": 1}}}}),
        ("web", {"resources": {"limits": {"nvidia.com/gpu": 0}}, "gpu": False, "numGPUs": "none"}),
        ("web", {"gpu": {"enabled": True}, "tolerations": [{"key": "nvidia.com/gpu", "value": "1"}]}),
        ("web", {"nodeSelector": {"nvidia.com/gpu": "1"}, "gpuMemory": 24, "replicas": 2}),
    ],
)
def test_knobs_of_the_node_and_values_that_ask_for_none_are_silent(chart, values):
    assert paths(chart, **values) == []


def test_a_chart_that_is_rendered_is_read_by_its_pods():
    chart = release("nim-llm", resources={"limits": {"nvidia.com/gpu": 2}})
    assert asked_in_values(Graph([chart, replace(cpu_work(), parent=chart.urn)])) == []


def test_the_row_says_why_and_how_and_bills_are_at_least_what_they_say():
    chart = release("nim-llm", resources={"limits": {"nvidia.com/gpu": 2}})
    found = analysed(*healthy(web=chart))
    (row,) = [row for row in found.unread if row.what == "pods"]
    assert row.why == (
        "it asks for 2 of nvidia.com/gpu a pod, and chart nim-llm is not rendered: how many pods ask for it, and what "
        "else they need, is not known"
    )
    assert row.how == "name a chart in a folder of the project, which helm renders, so that its pods are read"
    assert (found.cost.steady.as_json()["at_least"], found.cost.idle.as_json()["at_least"]) == (True, False)
    (plugin,) = [each for each in found.findings if each.id == "device-plugin-reaches-gpu-pools"]
    assert plugin.passed is True
