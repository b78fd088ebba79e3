"""Rules of HorizontalPodAutoscalers."""

from collections.abc import Iterator, Mapping
from typing import Any

from eks_gpu.api.rules.registry import judges, rule
from eks_gpu.api.said import Finding, Refused, Unjudged
from eks_gpu.pods.quantities import quantity

judges("autoscaling.v2.HorizontalPodAutoscaler", "metadata spec", "spec")
judges(
    "autoscaling.v2.HorizontalPodAutoscalerSpec",
    "behavior maxReplicas>=1 metrics minReplicas>=1 scaleTargetRef",
    "maxReplicas scaleTargetRef",
)
judges("autoscaling.v2.CrossVersionObjectReference", "apiVersion kind name", "kind name")
judges("autoscaling.v2.MetricSpec", "resource type", "type")
judges("autoscaling.v2.ResourceMetricSource", "name target", "name target")
judges("autoscaling.v2.MetricTarget", "averageUtilization>=1 averageValue type:Utilization|AverageValue", "type")
judges("autoscaling.v2.HorizontalPodAutoscalerBehavior", "scaleDown scaleUp")
judges("autoscaling.v2.HPAScalingRules", "policies selectPolicy:Max|Min|Disabled stabilizationWindowSeconds=0..3600")
judges(
    "autoscaling.v2.HPAScalingPolicy",
    "periodSeconds=1..1800 type:Pods|Percent value>=1",
    "periodSeconds type value",
)


@rule("autoscaling.v2.HorizontalPodAutoscalerSpec")
def _scaled(given: Mapping[str, Any], path: str) -> Iterator[Finding]:
    target = given.get("scaleTargetRef") or {}
    for key in ("kind", "name"):
        if "/" in str(target.get(key)) or "%" in str(target.get(key)):
            yield Refused(f"{path}.scaleTargetRef.{key}", f"must be without '/' and '%', got {target[key]!r}")
    if (target.get("apiVersion") or "").count("/") != 1 and target.get("kind") != "ReplicationController":
        yield Unjudged(f"{path}.scaleTargetRef.apiVersion")  # refused from some version on
    least, most = given.get("minReplicas") or 1, given.get("maxReplicas") or 0
    if most < least:
        yield Refused(f"{path}.maxReplicas", f"must be at least minReplicas, {least}, got {most}")


@rule("autoscaling.v2.MetricSpec")
def _metric(given: Mapping[str, Any], path: str) -> Iterator[Finding]:
    if given.get("type") != "Resource":
        yield Unjudged(path)
    elif given.get("resource") is None:
        yield Refused(f"{path}.resource", "is required, because the type is Resource")


@rule("autoscaling.v2.MetricTarget")
def _target(given: Mapping[str, Any], path: str) -> Iterator[Finding]:
    utilization, average = given.get("averageUtilization"), given.get("averageValue")
    if utilization is None and average is None:
        yield Refused(path, "must have averageUtilization or averageValue")
    elif utilization is not None and average is not None:
        yield Refused(path, "must have one of averageUtilization and averageValue")
    if average is not None and quantity(average) <= 0:
        yield Refused(f"{path}.averageValue", f"must be greater than 0, got {average}")


@rule("autoscaling.v2.HPAScalingRules")
def _behavior(given: Mapping[str, Any], path: str) -> Iterator[Finding]:
    if given.get("policies") is not None and not given["policies"]:
        yield Refused(f"{path}.policies", "must have an item")
