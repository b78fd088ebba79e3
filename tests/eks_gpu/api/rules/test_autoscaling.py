"""A HorizontalPodAutoscaler that the API server refuses."""

import pytest

from eks_gpu.api.judged import judged
from tests.eks_gpu.api.asked import of, said


@pytest.mark.parametrize(
    ("kind", "path", "value", "refused"),
    [
        ("HorizontalPodAutoscaler", "minReplicas", 9, "spec.maxReplicas must be at least minReplicas, 9, got 5"),
    ],
)
def test_an_autoscaler_that_is_refused(kind, path, value, refused):
    made = of(kind)
    made["spec"][path] = value
    assert any(refused in found for found in said(made)), said(made)


METRIC = "spec.metrics[0]"
VALUE = {"type": "Value", "value": 1}


@pytest.mark.parametrize(
    ("metric", "refused"),
    [
        (
            {"type": "Disk"},
            f"{METRIC}.type must be one of ContainerResource, External, Object, Pods, Resource, got 'Disk'",
        ),
        ({"type": "Pods"}, f"{METRIC}.pods is required, because the type is Pods"),
        (
            {"type": "Pods", "pods": {"metric": {"name": "a"}, "target": VALUE}},
            f"{METRIC}.pods.target.averageValue is required",
        ),
        (
            {"type": "External", "external": {"metric": {"name": "a/b"}, "target": VALUE}},
            f"{METRIC}.external.metric.name must be without '/' and '%', got 'a/b'",
        ),
        (
            {"type": "External", "external": {"metric": {"name": "a"}, "target": {**VALUE, "averageValue": 1}}},
            f"{METRIC}.external.target must have one of averageValue, value, got averageValue and value",
        ),
        (
            {"type": "External", "external": {"metric": {"name": "a"}, "target": {"type": "Value", "value": "0"}}},
            f"{METRIC}.external.target.value must be greater than 0, got 0",
        ),
        (
            {
                "type": "Object",
                "object": {"metric": {"name": "a"}, "target": VALUE, "describedObject": {"kind": "Ingress"}},
            },
            f"{METRIC}.object.describedObject.name is required",
        ),
        (
            {
                "type": "ContainerResource",
                "containerResource": {
                    "name": "gpu",
                    "container": "a",
                    "target": {"type": "AverageValue", "averageValue": 1},
                },
            },
            f"{METRIC}.containerResource.name is no resource of a container",
        ),
        (
            {
                "type": "Resource",
                "resource": {
                    "name": "cpu",
                    "target": {"type": "Utilization", "averageUtilization": 1, "averageValue": 1},
                },
            },
            f"{METRIC}.resource.target must have one of averageUtilization, averageValue",
        ),
        (
            {
                "type": "External",
                "external": {"metric": {"name": "a"}, "target": VALUE},
                "pods": {"metric": {"name": "a"}, "target": {"type": "AverageValue", "averageValue": 1}},
            },
            f"{METRIC}.pods must be left out, because the type is External",
        ),
    ],
)
def test_a_metric_that_is_refused(metric, refused):
    made = of("HorizontalPodAutoscaler")
    made["spec"]["metrics"] = [metric]
    (found,) = said(made)
    assert found.startswith(refused)


def test_a_selector_of_a_metric_is_taken_whatever_it_says():
    made = of("HorizontalPodAutoscaler", "measured")
    made["spec"]["metrics"][0]["pods"]["metric"]["selector"] = {"matchLabels": {"a b": "c d"}}
    assert said(made) == []


def test_a_tolerance_is_not_negative():
    made = of("HorizontalPodAutoscaler", "measured")
    made["spec"]["behavior"]["scaleUp"]["tolerance"] = "-0.1"
    assert said(made) == ["spec.behavior.scaleUp.tolerance must be at least 0, got -0.1"]


@pytest.mark.parametrize("version", ["", "v1", "/v1", "a/b/c"])
def test_a_target_without_a_group_is_not_judged_because_versions_differ(version):
    made = of("HorizontalPodAutoscaler")
    made["spec"]["scaleTargetRef"]["apiVersion"] = version
    found = judged(made)
    assert found and (found.refused, found.unjudged) == ((), ("spec.scaleTargetRef.apiVersion",))
