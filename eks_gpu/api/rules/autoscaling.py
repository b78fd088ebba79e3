"""Rules of HorizontalPodAutoscalers."""

from collections.abc import Iterator, Mapping
from typing import Any

from eks_gpu.api.rules.common import one_of
from eks_gpu.api.rules.registry import judges, rule
from eks_gpu.api.rules.resources import is_resource
from eks_gpu.api.said import Finding, Refused, Unjudged
from eks_gpu.pods.quantities import quantity

judges("autoscaling.v2.HorizontalPodAutoscaler", "metadata spec", "spec")
judges(
    "autoscaling.v2.HorizontalPodAutoscalerSpec",
    "behavior maxReplicas>=1 metrics minReplicas>=1 scaleTargetRef",
    "maxReplicas scaleTargetRef",
)
judges("autoscaling.v2.CrossVersionObjectReference", "apiVersion kind~path_segment name~path_segment", "kind name")
judges(
    "autoscaling.v2.MetricSpec",
    "containerResource external object pods resource type:ContainerResource|External|Object|Pods|Resource",
    "type",
)
judges("autoscaling.v2.ResourceMetricSource", "name target", "name target")
judges("autoscaling.v2.ContainerResourceMetricSource", "container~dns_label name target", "container name target")
judges("autoscaling.v2.PodsMetricSource", "metric target", "metric target")
judges("autoscaling.v2.ExternalMetricSource", "metric target", "metric target")
judges("autoscaling.v2.ObjectMetricSource", "describedObject metric target", "describedObject metric target")
judges("autoscaling.v2.MetricIdentifier", "name~path_segment selector*", "name")
judges(
    "autoscaling.v2.MetricTarget",
    "averageUtilization>=1 averageValue type:Utilization|Value|AverageValue value",
    "type",
)
judges("autoscaling.v2.HorizontalPodAutoscalerBehavior", "scaleDown scaleUp")
judges(
    "autoscaling.v2.HPAScalingRules",
    "policies selectPolicy:Max|Min|Disabled stabilizationWindowSeconds=0..3600 tolerance",
)
judges(
    "autoscaling.v2.HPAScalingPolicy",
    "periodSeconds=1..1800 type:Pods|Percent value>=1",
    "periodSeconds type value",
)


@rule("autoscaling.v2.HorizontalPodAutoscalerSpec")
def _scaled(given: Mapping[str, Any], path: str) -> Iterator[Finding]:
    target = given.get("scaleTargetRef") or {}
    group, slash, version = (target.get("apiVersion") or "").partition("/")
    if (not (group and slash) or "/" in version) and target.get("kind") != "ReplicationController":
        yield Unjudged(f"{path}.scaleTargetRef.apiVersion")  # refused from some version on
    least, most = given.get("minReplicas") or 1, given.get("maxReplicas") or 0
    if most < least:
        yield Refused(f"{path}.maxReplicas", f"must be at least minReplicas, {least}, got {most}")


_SOURCES = {
    "ContainerResource": "containerResource",
    "External": "external",
    "Object": "object",
    "Pods": "pods",
    "Resource": "resource",
}
"""Type of a metric -> the one field that it has."""


@rule("autoscaling.v2.MetricSpec")
def _metric(given: Mapping[str, Any], path: str) -> Iterator[Finding]:
    wanted = _SOURCES.get(given.get("type") or "")
    if wanted is None:
        return
    if given.get(wanted) is None:
        yield Refused(f"{path}.{wanted}", f"is required, because the type is {given['type']}")
    for key in _SOURCES.values():
        if key != wanted and given.get(key) is not None:
            yield Refused(f"{path}.{key}", f"must be left out, because the type is {given['type']}")


@rule("autoscaling.v2.ResourceMetricSource", "autoscaling.v2.ContainerResourceMetricSource")
def _of_resource(given: Mapping[str, Any], path: str) -> Iterator[Finding]:
    yield from _one_target(given, path, "averageUtilization averageValue")


@rule("autoscaling.v2.ContainerResourceMetricSource")
def _of_container(given: Mapping[str, Any], path: str) -> Iterator[Finding]:
    if given.get("name"):
        yield from is_resource(given["name"], f"{path}.name")


@rule("autoscaling.v2.ExternalMetricSource")
def _external(given: Mapping[str, Any], path: str) -> Iterator[Finding]:
    yield from _one_target(given, path, "averageValue value")


@rule("autoscaling.v2.PodsMetricSource")
def _pods(given: Mapping[str, Any], path: str) -> Iterator[Finding]:
    target = given.get("target")
    if target is not None and target.get("averageValue") is None:
        yield Refused(f"{path}.target.averageValue", "is required")


@rule("autoscaling.v2.ObjectMetricSource")
def _object(given: Mapping[str, Any], path: str) -> Iterator[Finding]:
    target = given.get("target")
    if target is not None and target.get("averageValue") is None and target.get("value") is None:
        yield Refused(f"{path}.target", "must have averageValue or value")
    if ((given.get("describedObject") or {}).get("apiVersion") or "").count("/") > 1:
        yield Unjudged(f"{path}.describedObject.apiVersion")  # refused from some version on


def _one_target(given: Mapping[str, Any], path: str, words: str) -> Iterator[Finding]:
    if given.get("target") is not None:
        yield from one_of(given["target"], f"{path}.target", words)


@rule("autoscaling.v2.MetricTarget")
def _target(given: Mapping[str, Any], path: str) -> Iterator[Finding]:
    for key in ("averageValue", "value"):
        if given.get(key) is not None and quantity(given[key]) <= 0:
            yield Refused(f"{path}.{key}", f"must be greater than 0, got {given[key]}")


@rule("autoscaling.v2.HPAScalingRules")
def _behavior(given: Mapping[str, Any], path: str) -> Iterator[Finding]:
    if given.get("policies") is not None and not given["policies"]:
        yield Refused(f"{path}.policies", "must have an item")
    if given.get("tolerance") is not None and quantity(given["tolerance"]) < 0:
        yield Refused(f"{path}.tolerance", f"must be at least 0, got {given['tolerance']}")
