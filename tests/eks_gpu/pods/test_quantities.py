"""Kubernetes quantities as whole numbers."""

import pytest

from eks_gpu.pods.quantities import amount, as_json


@pytest.mark.parametrize(
    ("resource", "text", "expected"),
    [
        ("cpu", "500m", 500),
        ("cpu", 2, 2000),
        ("cpu", "0.1", 100),
        ("cpu", "1500u", 2),  # rounded up
        ("memory", "1Gi", 1024),
        ("memory", "1.5Gi", 1536),
        ("memory", "1G", 954),
        ("memory", 1048576, 1),
        ("memory", "1e9", 954),
        ("nvidia.com/gpu", "4", 4),
        ("nvidia.com/gpu", 1.0, 1),
        ("ephemeral-storage", "10Gi", 10240),
        ("pods", "1k", 1000),
        ("memory", "1E", 953674316407),
    ],
)
def test_each_resource_has_one_unit(resource, text, expected):
    assert amount(resource, text) == expected


@pytest.mark.parametrize("text", ["", "abc", "1GiB", "1 Gi", "m", True, None, "1e", "--1"])
def test_what_is_no_quantity_is_refused(text):
    with pytest.raises(ValueError, match=r"must be a Kubernetes quantity such as 500m, 2 or 1\.5Gi, got "):
        amount("cpu", text)


def test_json_has_units_where_kubernetes_has_them():
    assert as_json({"cpu": 500, "memory": 1024, "nvidia.com/gpu": 1}) == {
        "cpu": "500m",
        "memory": "1024Mi",
        "nvidia.com/gpu": 1,
    }
