"""What lets traffic to pods, and what the API server refuses of it."""

import pytest

from tests.eks_gpu.api.asked import of, said


@pytest.mark.parametrize(
    ("kind", "path", "value", "refused"),
    [
        (
            "Service",
            "ports",
            [{"port": 80}, {"port": 81}],
            "spec.ports[0].name is required where there are several ports",
        ),
    ],
)
def test_a_way_to_pods_that_is_refused(kind, path, value, refused):
    made = of(kind)
    made["spec"][path] = value
    assert any(refused in found for found in said(made)), said(made)
