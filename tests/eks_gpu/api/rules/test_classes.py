"""A RuntimeClass that the API server refuses."""

import pytest

from tests.eks_gpu.api.asked import said

TOLERATION = {"key": "nvidia.com/gpu", "operator": "Exists"}


@pytest.mark.parametrize(
    ("change", "refused"),
    [
        ({}, []),
        ({"overhead": {"podFixed": {"cpu": "100m", "memory": "120Mi"}}}, []),
        ({"scheduling": {"nodeSelector": {"runtime": "kata"}, "tolerations": [TOLERATION]}}, []),
        ({"handler": ""}, ["handler must be at most 63 small letters, digits and '-', as my-name, got ''"]),
        ({"handler": "Kata"}, ["handler must be at most 63 small letters, digits and '-', as my-name, got 'Kata'"]),
        (
            {"overhead": {"podFixed": {"cpus": 1}}},
            ["overhead.podFixed.cpus is no resource of a container; nearest: cpu"],
        ),
        ({"overhead": {"podFixed": {"cpu": "-1"}}}, ["overhead.podFixed.cpu must be at least 0, got -1"]),
        (
            {"overhead": {"podFixed": {"hugepages-2Mi": "4Mi"}}},
            ["overhead.podFixed.hugepages-2Mi needs cpu or memory beside it"],
        ),
        ({"overhead": {"memory": "1Gi"}}, ["overhead.memory is no field of Overhead"]),
        (
            {"scheduling": {"tolerations": [TOLERATION, TOLERATION]}},
            ["scheduling.tolerations[1] is the same as another"],
        ),
        (
            {"scheduling": {"tolerations": [{"key": "a", "operator": "Exists", "value": "b"}]}},
            ["scheduling.tolerations[0].value must be left out, because the operator is Exists"],
        ),
    ],
)
def test_a_runtime_class(change, refused):
    made = {"apiVersion": "node.k8s.io/v1", "kind": "RuntimeClass", "metadata": {"name": "kata"}, "handler": "kata"}
    assert said({**made, **change}) == refused
