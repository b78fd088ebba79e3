"""Taints, tags and capacity types: each spelling is the one that its reader takes."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.catalog import (
    AUTOSCALER_ENABLED_TAG,
    AUTOSCALER_LABEL_TAG,
    AUTOSCALER_OPTION_TAG,
    AUTOSCALER_RESOURCE_TAG,
    AUTOSCALER_TAINT_TAG,
    GPU_TAINT,
    NEURON_TAINT,
    SYSTEM_TAINT,
    CapacityType,
    Taint,
    autoscaler_cluster_tag,
)

NAME = st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,20}[A-Za-z0-9])?", fullmatch=True)
DOMAIN = st.from_regex(r"[a-z0-9]{1,8}(\.[a-z]{1,8}){0,2}", fullmatch=True)
KEY = NAME | st.builds("{}/{}".format, DOMAIN, NAME)
TAINT = st.builds(Taint, KEY, NAME | st.just(""), st.sampled_from(["NoSchedule", "PreferNoSchedule", "NoExecute"]))


def test_the_gpu_taint_is_spelled_for_each_reader():
    assert GPU_TAINT.for_kubernetes() == {"key": "nvidia.com/gpu", "value": "true", "effect": "NoSchedule"}
    assert GPU_TAINT.for_eks() == {"key": "nvidia.com/gpu", "value": "true", "effect": "NO_SCHEDULE"}
    assert GPU_TAINT.for_kubelet() == "nvidia.com/gpu=true:NoSchedule"
    assert GPU_TAINT.for_autoscaler_tag() == (
        "k8s.io/cluster-autoscaler/node-template/taint/nvidia.com/gpu",
        "true:NoSchedule",
    )


def test_a_toleration_takes_any_value_of_the_key():
    assert GPU_TAINT.toleration() == {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}


def test_every_taint_of_ours_has_a_value():
    assert [taint.for_kubelet() for taint in (GPU_TAINT, NEURON_TAINT, SYSTEM_TAINT)] == [
        "nvidia.com/gpu=true:NoSchedule",
        "aws.amazon.com/neuron=true:NoSchedule",
        "CriticalAddonsOnly=true:NoSchedule",
    ]


@given(TAINT)
def test_every_spelling_reads_back_as_the_taint(taint):
    assert Taint.from_kubernetes(taint.for_kubernetes()) == taint
    assert Taint.from_eks(taint.for_eks()) == taint
    assert Taint.from_autoscaler_tag(*taint.for_autoscaler_tag()) == taint


@given(TAINT)
def test_the_autoscalers_own_pattern_takes_every_tag(taint):
    key, value = taint.for_autoscaler_tag()

    assert key.startswith("k8s.io/cluster-autoscaler/node-template/taint/")
    assert re.fullmatch("(.*):(?:NoSchedule|NoExecute|PreferNoSchedule)", value)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("k8s.io/cluster-autoscaler/node-template/taint/dedicated", "nvidia.com/gpu=true"),
        ("k8s.io/cluster-autoscaler/node-template/taint/nvidia.com/gpu", "true"),
        ("k8s.io/cluster-autoscaler/node-template/taint/nvidia.com/gpu", "true:NO_SCHEDULE"),
        ("k8s.io/cluster-autoscaler/node-template/taint/nvidia.com/gpu", "true:NoSchedule:NoExecute"),
        ("k8s.io/cluster-autoscaler/node-template/label/nvidia.com/gpu", "true:NoSchedule"),
    ],
)
def test_a_tag_that_the_autoscaler_ignores_is_no_taint(key, value):
    assert Taint.from_autoscaler_tag(key, value) is None


def test_a_tag_may_leave_the_value_empty():
    key = "k8s.io/cluster-autoscaler/node-template/taint/spot"
    assert Taint.from_autoscaler_tag(key, ":NoExecute") == Taint("spot", "", "NoExecute")


@pytest.mark.parametrize("value", [{}, {"value": None}, {"value": ""}])
def test_a_taint_without_value_has_the_empty_one(value):
    assert Taint.from_eks({"key": "spot", "effect": "NO_EXECUTE", **value}) == Taint("spot", "", "NoExecute")
    assert Taint.from_kubernetes({"key": "spot", "effect": "NoExecute", **value}) == Taint("spot", "", "NoExecute")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: Taint("spot", "", "NO_SCHEDULE"), "effect must be one of NoSchedule, .*, got 'NO_SCHEDULE'"),
        (
            lambda: Taint.from_eks({"key": "spot", "effect": "NoSchedule"}),
            "effect must be one of NO_SCHEDULE, .*, got 'NoSchedule'",
        ),
        (
            lambda: CapacityType.from_eks("spot"),
            "capacity_type must be one of CAPACITY_BLOCK, SPOT, ON_DEMAND, got 'spot'",
        ),
    ],
)
def test_the_other_spelling_is_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        wrong()


def test_capacity_types_have_karpenters_words_and_eks_words():
    assert [str(capacity_type) for capacity_type in CapacityType] == ["reserved", "spot", "on-demand"]
    assert [capacity_type.for_eks() for capacity_type in CapacityType] == ["CAPACITY_BLOCK", "SPOT", "ON_DEMAND"]
    assert CapacityType.from_eks("SPOT") is CapacityType.SPOT


def test_the_autoscalers_tags_are_those_of_its_readme():
    assert AUTOSCALER_ENABLED_TAG == "k8s.io/cluster-autoscaler/enabled"
    assert autoscaler_cluster_tag("gaia-kube") == "k8s.io/cluster-autoscaler/gaia-kube"
    assert [AUTOSCALER_LABEL_TAG, AUTOSCALER_TAINT_TAG, AUTOSCALER_RESOURCE_TAG, AUTOSCALER_OPTION_TAG] == [
        "k8s.io/cluster-autoscaler/node-template/label/",
        "k8s.io/cluster-autoscaler/node-template/taint/",
        "k8s.io/cluster-autoscaler/node-template/resources/",
        "k8s.io/cluster-autoscaler/node-template/autoscaling-options/",
    ]
