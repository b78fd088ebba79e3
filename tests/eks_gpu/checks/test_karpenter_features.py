"""Karpenter's optional features: objects whose gate is off, and settings that exclude each other."""

from typing import Any

import pytest

from tests import karpenter_graphs
from tests.graphs import GPU_TOLERATION, deployment, findings, pod, resource
from tests.karpenter_features import ON, buffer, buffer_template, healthy, sharing_class, static_pool

GATES, BUFFERS, SETTINGS = "feature-gates-are-on", "capacity-buffers-request-their-devices", "karpenter-settings-agree"


def test_objects_of_features_that_are_on():
    assert findings(GATES, *healthy()) == {
        "NodePool fixed": (True, "settings.featureGates.staticCapacity is on"),
        "NodeOverlay slots": (True, "settings.featureGates.nodeOverlay is on"),
        "CapacityBuffer default/spare": (True, "settings.featureGates.capacityBuffer is on"),
        "EC2NodeClass gpu": (True, "settings.awsFeatureGates.draNVIDIAGPU is on"),
    }


def test_features_are_off_by_default():
    assert findings(GATES, *healthy(clusterName="shop")) == {
        "NodePool fixed": (
            False,
            "Karpenter starts none of its replicas: settings.featureGates.staticCapacity is off: set it to true",
        ),
        "NodeOverlay slots": (
            False,
            "it changes no price and no resource: settings.featureGates.nodeOverlay is off: set it to true",
        ),
        "CapacityBuffer default/spare": (
            False,
            "Karpenter keeps no spare capacity for it: settings.featureGates.capacityBuffer is off: set it to true",
        ),
        "EC2NodeClass gpu": (
            False,
            "its annotation keeps the class from ever being ready: settings.awsFeatureGates.draNVIDIAGPU is off: "
            "set it to true",
        ),
    }


def with_variables(*env, **settings):
    stack = healthy(**(settings or {"clusterName": "shop"}))
    release = next(made for made in stack if made.name == "karpenter")
    release.inputs["values"]["controller"] = {"env": list(env)}
    return stack


def variable(value, name="FEATURE_GATES"):
    return {"name": name, "value": value}


def overlays_are_on(stack):
    return findings(GATES, *stack)["NodeOverlay slots"][0]


def test_a_variable_of_the_controller_takes_the_place_of_all_gates():
    assert overlays_are_on(with_variables(variable("NodeOverlay=true")))
    assert overlays_are_on(with_variables(variable("StaticCapacity=false, NodeOverlay = 1")))
    assert not overlays_are_on(with_variables(variable("NodeOverlay=false"), **ON))
    assert not overlays_are_on(with_variables(variable("StaticCapacity=true"), **ON)), "it names the others no more"
    assert not overlays_are_on(with_variables(variable("NodeOverlay=true", name="OTHER_GATES")))
    assert overlays_are_on(with_variables(variable("NodeOverlay=false", name="OTHER_GATES"), **ON))


def test_of_two_variables_of_one_name_the_last_one_counts():
    assert overlays_are_on(with_variables(variable("NodeOverlay=false"), variable("NodeOverlay=true")))
    assert not overlays_are_on(with_variables(variable("NodeOverlay=true"), variable("NodeOverlay=false")))


def test_gates_from_a_config_map_are_not_judged():
    from_map = {"name": "FEATURE_GATES", "valueFrom": {"configMapKeyRef": {"name": "gates", "key": "all"}}}
    assert findings(GATES, *with_variables(from_map)).keys() == {"EC2NodeClass gpu"}


def test_what_needs_no_feature_is_not_judged():
    assert findings(GATES, *karpenter_graphs.healthy()) == {}
    for off in ("", "disabled"):
        assert findings(GATES, *karpenter_graphs.healthy(node_class=sharing_class(off))) == {}


def test_without_a_release_of_karpenter_nobody_knows_its_features():
    stack = [made for made in healthy(clusterName="shop") if made.name not in ("karpenter", "karpenter-crd")]
    assert findings(GATES, *stack) == {}


def test_karpenter_1_14_does_not_read_how_gpus_are_shared():
    before = karpenter_graphs.karpenter(version="1.14.1")
    stack = karpenter_graphs.healthy(karpenter=before, node_class=sharing_class())
    assert findings(GATES, *stack) == {"EC2NodeClass gpu": (True, "settings.awsFeatureGates.draNVIDIAGPU is on")}


def test_static_pools_of_auto_mode_are_not_karpenters():
    pool = static_pool()
    pool.inputs["spec"]["template"]["spec"]["nodeClassRef"] = {
        "group": "eks.amazonaws.com",
        "kind": "NodeClass",
        "name": "default",
    }
    assert "NodePool fixed" not in findings(GATES, *healthy(pool, clusterName="shop"))


def test_a_buffer_may_be_the_autoscalers():
    autoscaler = resource("kubernetes:helm.sh/v3:Release", "ca", {"name": "ca", "chart": "cluster-autoscaler"})
    assert "CapacityBuffer default/spare" not in findings(GATES, *healthy(buffer(), autoscaler, clusterName="shop"))


def test_a_buffer_counts_what_its_pods_request():
    assert findings(BUFFERS, *healthy()) == {
        "CapacityBuffer default/spare": (True, "its PodTemplate spare requests what it limits")
    }
    unrequested = buffer_template("memory", "vpc.amazonaws.com/efa")
    assert findings(BUFFERS, *healthy(buffer(), unrequested)) == {
        "CapacityBuffer default/spare": (
            False,
            "its PodTemplate spare limits memory and vpc.amazonaws.com/efa and requests none",
        )
    }
    assert findings(BUFFERS, *healthy(buffer())) == {}


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"enableDRA": True, "ignoreDRARequests": False}, "settings.enableDRA excludes settings.ignoreDRARequests"),
        (
            {"enableDRA": True, "awsFeatureGates": {"draNVIDIAGPU": True, "draEFA": False}},
            "settings.enableDRA excludes settings.awsFeatureGates.draNVIDIAGPU and settings.awsFeatureGates.draEFA",
        ),
        (
            {"legacyNodeRepair": True, "featureGates": {"terminateFirstRepair": True}},
            "settings.legacyNodeRepair excludes settings.featureGates.terminateFirstRepair",
        ),
    ],
)
def test_settings_with_which_helm_refuses_the_chart(settings: dict[str, Any], said):
    assert findings(SETTINGS, *healthy(**settings)) == {"karpenter": (False, said)}


@pytest.mark.parametrize(
    "settings",
    [
        ON,
        {"enableDRA": False, "ignoreDRARequests": False},
        {"awsFeatureGates": {"draNVIDIAGPU": True}, "ignoreDRARequests": True},
        {"legacyNodeRepair": True, "featureGates": {"nodeRepair": True}},
    ],
)
def test_settings_that_helm_takes(settings: dict[str, Any]):
    assert findings(SETTINGS, *healthy(**settings)) == {"karpenter": (True, "its settings exclude nothing")}


def test_overlays_that_karpenter_passes_over():
    def said(weight: int, capacity: str = "example.com/slot") -> dict[str, tuple[Any, str]]:
        first = karpenter_graphs.node_overlay("first", weight=weight, capacity={capacity: "4"})
        second = karpenter_graphs.node_overlay("second", weight=1, capacity={"example.com/slot": "8"})
        on = karpenter_graphs.karpenter(featureGates={"nodeOverlay": True})
        return findings(GATES, *karpenter_graphs.healthy(karpenter=on), first, second)

    holds = (True, "settings.featureGates.nodeOverlay is on")
    assert said(2) == {"NodeOverlay first": holds, "NodeOverlay second": holds}
    assert said(1) == {
        "NodeOverlay first": (
            False,
            "Karpenter passes over it: NodeOverlay second has its weight and says the same of the same nodes: "
            "give one of the two another weight, or other nodes",
        ),
        "NodeOverlay second": holds,
    }
    assert said(2, "vpc.amazonaws.com/efa")["NodeOverlay first"] == (
        False,
        "Karpenter passes over it: no NodeOverlay changes vpc.amazonaws.com/efa: leave it out of spec.capacity",
    )


def test_a_pod_that_asks_for_what_an_overlay_gives_gpu_nodes_is_no_cpu_work():
    def said(**requests: Any) -> Any:
        slots = karpenter_graphs.node_overlay("slots", capacity={"example.com/slot": "4"})
        on = karpenter_graphs.karpenter(featureGates={"nodeOverlay": True})
        spec = pod({"cpu": 1, **requests}, tolerations=[GPU_TOLERATION])
        work = deployment("slotted", {**spec, "nodeSelector": {"nvidia.com/gpu.present": "true"}}, replicas=1)
        found = findings("cpu-work-stays-off-gpu-nodes", *karpenter_graphs.healthy(karpenter=on), slots, work)
        return found.get("Deployment default/slotted", (None, ""))[0]

    assert said() is False
    assert said(**{"example.com/slot": 1}) is None


def test_a_static_pool_whose_limit_is_below_its_replicas():
    def said(nodes: str) -> tuple[Any, str]:
        pool = static_pool()
        pool.inputs["spec"]["limits"] = {"nodes": nodes}
        return findings("warm-capacity-fits-its-pools", *karpenter_graphs.healthy(), pool)["NodePool fixed"]

    assert said("2") == (True, "its limit leaves room for 2 nodes")
    assert said("1") == (
        False,
        "it has 2 replicas, and its limit of nodes is 1, so 1 start: raise spec.limits.nodes, or lower spec.replicas",
    )
