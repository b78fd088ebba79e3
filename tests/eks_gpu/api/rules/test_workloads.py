"""What makes pods, and what the API server refuses of it."""

import pytest

from tests.eks_gpu.api.asked import of, said


@pytest.mark.parametrize(
    ("kind", "path", "value", "refused"),
    [
        ("Deployment", "selector", {"matchLabels": {"app": "other"}}, "must have what the selector wants: app=other"),
        ("Deployment", "replicas", -1, "spec.replicas must be at least 0, got -1"),
        ("Job", "completions", None, "spec.completions is required, because completionMode is Indexed"),
        ("CronJob", "schedule", "hourly", "spec.schedule must have five parts, as */5 * * * *, got 'hourly'"),
        ("PodDisruptionBudget", "maxUnavailable", 1, "spec must have one of minAvailable and maxUnavailable"),
    ],
)
def test_a_workload_that_is_refused(kind, path, value, refused):
    made = of(kind)
    made["spec"][path] = value
    assert any(refused in found for found in said(made)), said(made)
