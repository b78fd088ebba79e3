"""Classes that pods name, and what the API server refuses of them."""

import pytest

from eks_gpu.api.judged import judged
from tests.eks_gpu.api.asked import of, said

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


@pytest.mark.parametrize(
    ("change", "refused"),
    [
        ({"value": 10**9}, []),
        ({"value": 10**9 + 1}, ["value must be at most 1000000000, got 1000000001"]),
        (
            {"preemptionPolicy": "never"},
            ["preemptionPolicy must be one of Never, PreemptLowerPriority, got 'never'; nearest: Never"],
        ),
    ],
)
def test_a_priority_class(change, refused):
    assert said({**of("PriorityClass"), **change}) == refused


def test_a_default_of_the_cluster_is_not_judged_because_there_may_be_another():
    found = judged({**of("PriorityClass"), "globalDefault": True})
    assert found and (found.refused, found.unjudged) == ((), ("globalDefault",))
