"""A HorizontalPodAutoscaler that the API server refuses."""

import pytest

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
