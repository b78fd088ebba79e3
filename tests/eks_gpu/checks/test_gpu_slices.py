"""The check that GPUs are cut into the slices that nodes are labelled for."""

from typing import Any

import pytest

from eks_gpu.graph.graph import Resource
from tests.gpu_slices import healthy, operator
from tests.graphs import device_plugin, findings, kubernetes

CHECK = "gpu-slices-are-made"


def said(*more: Resource, **parts: Any) -> Any:
    return findings(CHECK, *healthy(**parts), *more).get("gpu")


def test_the_operator_cuts_what_the_label_says():
    assert said() == (True, "its GPUs are cut as all-1g.5gb says")
    assert said(config="all-disabled") is None


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"migManager": {"enabled": False}},
            "release gpu-operator has no MIG manager, so its GPUs stay whole: set migManager.enabled to true",
        ),
        (
            {"mig": {"strategy": "none"}},
            "release gpu-operator has mig.strategy none, so nobody hands out its slices: set mig.strategy to mixed",
        ),
        (
            {"mig": {}},
            "with mig.strategy single of release gpu-operator its slices are nvidia.com/gpu, not "
            "nvidia.com/mig-1g.5gb: set mig.strategy to mixed",
        ),
        (
            {"daemonsets": {"tolerations": []}},
            "its nodes are labelled nvidia.com/mig.config=all-1g.5gb, and nothing cuts their GPUs",
        ),
    ],
)
def test_an_operator_that_makes_no_such_slices(values, message):
    assert said(device_plugin=operator(**values)) == (False, message)


def test_a_device_plugin_alone_cuts_nothing():
    message = "its nodes are labelled nvidia.com/mig.config=all-1g.5gb, and nothing cuts their GPUs"
    assert said(device_plugin=device_plugin()) == (False, message)


def test_a_manager_of_ones_own_is_not_judged():
    image = "nvcr.io/nvidia/cloud-native/k8s-mig-manager:v0.12.3"
    spec = {"containers": [{"name": "manager", "image": image}], "tolerations": [{"operator": "Exists"}]}
    manager = kubernetes("DaemonSet", "mig-manager", {"template": {"spec": spec}}, group="apps/v1")
    assert said(manager, device_plugin=device_plugin()) is None
