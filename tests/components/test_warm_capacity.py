"""Warm and static capacity of a pool: what each back end is asked for, and what is refused."""

from typing import Any

import pytest

from components.auto_mode_gpu_pool import AutoModeGpuPool
from components.gpu_node_group import GpuNodeGroup
from components.karpenter import Karpenter
from components.nodes.managed_node_group import managed_node_group
from components.nodes.warm import capacity_buffer, pod_template, priority_class
from components.values.gpu_pool import GpuPool
from components.values.value import BadInput, check
from tests import crds
from tests.engine import run
from tests.given import CLUSTER, subnets
from tests.gpu_node_groups import ASG, BACKENDS, place, running
from tests.karpenter_gpu_pools import NODE_POOL, made

G6 = {"instance_types": ["g6.xlarge"], "max_gpus": 4}
BUFFER = "kubernetes:autoscaling.x-k8s.io/v1beta1:CapacityBuffer"
TEMPLATE = "kubernetes:core/v1:PodTemplate"
NAMESPACE = "kubernetes:core/v1:Namespace"
CLASS = "kubernetes:scheduling.k8s.io/v1:PriorityClass"
DEPLOYMENT = "kubernetes:apps/v1:Deployment"
GROUP = "aws:eks/nodeGroup:NodeGroup"


def pool(**wish: Any) -> GpuPool:
    return check(GpuPool, {**G6, **wish})


def refused(**wish: Any) -> list[str]:
    with pytest.raises(BadInput) as problem:
        pool(**wish)
    return problem.value.problems


def auto_mode(**wish: Any):
    args: Any = {"cluster": CLUSTER, "subnets": subnets("ab"), "pool": {**G6, **wish}}
    return run(lambda: AutoModeGpuPool("gpu", args))


# The pool


def test_a_pool_keeps_no_more_than_its_whole_nodes_have():
    assert pool(instance_types=["g6.12xlarge"], max_gpus=11, warm_gpus=8).warm_gpus == 8
    assert refused(instance_types=["g6.12xlarge"], max_gpus=11, warm_gpus=9) == [
        "warm_gpus must be at most 8, all that the nodes under max_gpus have, got 9"
    ]
    assert refused(instance_types=["g6.12xlarge"], max_gpus=11, nodes=3) == [
        "nodes must be at most 2, the nodes that max_gpus allows, got 3"
    ]


def test_a_fixed_number_of_nodes_excludes_what_decides_on_more_or_fewer():
    assert refused(nodes=1, warm_gpus=1) == [
        "nodes: give nodes or warm_gpus, not both: a pool of a fixed number of nodes starts none for a pod"
    ]
    assert refused(nodes=1, idle_s=60) == ["idle_s: with nodes an idle node is kept for ever, got 60: leave idle_s out"]
    assert refused(nodes=1, weight=5) == [
        "weight: with nodes the pool starts no node for a pod, so it is never chosen, got 5"
    ]


@pytest.mark.parametrize(("field", "value"), [("warm_gpus", -1), ("nodes", 0)])
def test_no_such_number(field, value):
    assert refused(**{field: value})[0].startswith(f"{field} must be at least")


def test_pods_that_share_a_gpu_find_all_its_shares_warm():
    assert pool(warm_gpus=2, sharing={"strategy": "mps", "replicas": 3}).warm_resources == 6


def test_shares_kept_warm_are_no_more_than_the_pods_that_a_node_runs():
    wide = {"instance_types": ["p5.48xlarge"], "max_gpus": 8, "warm_gpus": 8}

    assert pool(**wide, sharing={"strategy": "time-slicing", "replicas": 11}).warm_resources == 88
    with pytest.raises(
        BadInput, match=r"replicas must be at most 11 with warm_gpus, .* for 8 GPUs, got 12; nearest: 11"
    ):
        pool(**wide, sharing={"strategy": "time-slicing", "replicas": 12})
    assert pool(**{**wide, "warm_gpus": 0}, sharing={"strategy": "time-slicing", "replicas": 12}).sharing


# What is kept ready


def test_a_buffer_is_of_pods_that_hold_one_device_each_and_request_what_they_limit():
    template = pod_template("gpu", pool(warm_gpus=3, labels={"team": "vision"}), {"karpenter.sh/nodepool": "gpu"})

    assert capacity_buffer("gpu", pool(warm_gpus=3)) == {"podTemplateRef": {"name": "gpu-warm"}, "replicas": 3}
    assert template["spec"]["containers"][0]["resources"] == {
        "requests": {"cpu": "10m", "memory": "16Mi", "nvidia.com/gpu": "1"},
        "limits": {"memory": "16Mi", "nvidia.com/gpu": "1"},
    }
    assert template["spec"]["nodeSelector"] == {
        "nvidia.com/gpu.present": "true",
        "k8s.amazonaws.com/accelerator": "nvidia-l4",
        "team": "vision",
        "karpenter.sh/nodepool": "gpu",
    }
    assert template["spec"]["tolerations"] == [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}]


def test_a_pool_of_neuron_devices_keeps_those():
    found = pod_template("gpu", pool(instance_types=["inf2.24xlarge"], max_gpus=6, warm_gpus=2), {})
    assert found["spec"]["containers"][0]["resources"]["limits"]["aws.amazon.com/neuron"] == "1"


def test_every_other_pod_may_take_the_place_of_a_placeholder_for_which_the_autoscaler_starts_a_node():
    assert priority_class("gpu") == {
        "metadata": {"name": "gpu-warm"},
        "value": -10,
        "preemption_policy": "Never",
        "global_default": False,
        "description": "Holds accelerators of pool gpu ready; every other pod takes their place.",
    }


def test_karpenter_keeps_warm_gpus_by_a_capacity_buffer():
    ran = made(max_gpus=4, warm_gpus=2)

    assert ran.one(BUFFER).inputs == {
        "apiVersion": "autoscaling.x-k8s.io/v1beta1",
        "kind": "CapacityBuffer",
        "metadata": {"name": "gpu-warm", "namespace": "gpu-warm"},
        "spec": {"podTemplateRef": {"name": "gpu-warm"}, "replicas": 2},
    }
    assert ran.one(TEMPLATE).inputs["template"]["spec"]["nodeSelector"]["karpenter.sh/nodepool"] == "gpu"
    assert ran.one(NAMESPACE).inputs["metadata"]["labels"] == {"pod-security.kubernetes.io/enforce": "restricted"}
    assert not ran.of(DEPLOYMENT)
    assert "weight" not in ran.one(NODE_POOL).inputs["spec"]


def test_a_capacity_buffer_is_what_karpenter_s_own_definition_takes():
    manifest = {
        "apiVersion": "autoscaling.x-k8s.io/v1beta1",
        "kind": "CapacityBuffer",
        "metadata": {"name": "gpu-warm", "namespace": "gpu-warm"},
        "spec": capacity_buffer("gpu", pool(warm_gpus=3)),
    }
    assert crds.problems("autoscaling.x-k8s.io_capacitybuffers", manifest) == []
    manifest["spec"]["size"] = 3
    assert crds.problems("autoscaling.x-k8s.io_capacitybuffers", manifest)


@pytest.mark.parametrize("backend", BACKENDS)
def test_node_groups_keep_warm_gpus_by_placeholder_pods(backend):
    ran = running(backend=backend, warm_gpus=2)
    made = ran.one(DEPLOYMENT).inputs

    assert (made["spec"]["replicas"], made["spec"]["strategy"]) == (2, {"type": "Recreate"})
    assert (
        made["spec"]["template"]["spec"]["priorityClassName"] == "gpu-warm" == ran.one(CLASS).inputs["metadata"]["name"]
    )
    assert made["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] == 0
    assert made["metadata"]["annotations"] == {"pulumi.com/skipAwait": "true"}
    assert not ran.of(BUFFER)


def test_auto_mode_keeps_warm_gpus_by_placeholder_pods_on_its_own_nodes():
    ran = auto_mode(warm_gpus=2)
    spec = ran.one(DEPLOYMENT).inputs["spec"]["template"]["spec"]
    assert spec["nodeSelector"]["karpenter.sh/nodepool"] == "gpu"
    assert ran.one(CLASS).inputs["value"] == -10


def test_what_keeps_gpus_warm_goes_before_the_nodes():
    for ran, nodes in ((running(warm_gpus=1), GROUP), (auto_mode(warm_gpus=1), NODE_POOL)):
        assert {found.urn for found in ran.of(nodes)} <= set(ran.one(DEPLOYMENT).dependencies)
    ran = made(warm_gpus=1)
    assert ran.one(NODE_POOL).urn in ran.one(BUFFER).dependencies


def test_without_either_nothing_is_kept():
    for ran in (running(), made(), auto_mode()):
        assert not [*ran.of(BUFFER), *ran.of(DEPLOYMENT), *ran.of(NAMESPACE), *ran.of(CLASS)]


def test_a_name_that_no_namespace_can_have_is_refused():
    with pytest.raises(BadInput, match="whose namespace is Gpu_a-warm, got 'Gpu_a'"):
        args: Any = {"cluster": CLUSTER, "subnets": subnets("a"), "pool": {**G6, "warm_gpus": 1}}
        run(lambda: GpuNodeGroup("Gpu_a", args))


# A fixed number of nodes


def test_a_static_node_pool_has_replicas_and_no_limit_but_that_of_nodes():
    spec = made(max_gpus=4, nodes=2).one(NODE_POOL).inputs["spec"]
    assert spec.keys() == {"template", "replicas", "limits"}
    assert (spec["replicas"], spec["limits"]) == (2, {"nodes": "4"})

    assert made(max_gpus=4, nodes=2, disruption_budget="1").one(NODE_POOL).inputs["spec"]["disruption"] == {
        "consolidateAfter": "Never",
        "budgets": [{"nodes": "1"}],
    }
    assert auto_mode(nodes=2).one(NODE_POOL).inputs["spec"]["replicas"] == 2


def test_groups_share_a_fixed_number_of_nodes_over_the_zones():
    groups = place("abc", max_gpus=8, nodes=4).groups

    assert {name: managed_node_group(group)["scaling_config"] for name, group in groups.items()} == {
        "us-west-2a-on-demand": {"min_size": 2, "desired_size": 2, "max_size": 2},
        "us-west-2b-on-demand": {"min_size": 1, "desired_size": 1, "max_size": 1},
        "us-west-2c-on-demand": {"min_size": 1, "desired_size": 1, "max_size": 1},
    }
    assert place("abc", max_gpus=8, nodes=1).left_out == (
        "no on-demand group in us-west-2b, us-west-2c: the pool has 1 on-demand node, in us-west-2a",
    )


def test_a_group_of_a_fixed_size_says_so_and_follows_the_program():
    managed, own = running(nodes=1), running(nodes=1, backend="auto-scaling-group")

    assert managed.one(GROUP).inputs["tags"] == {"eks-gpu-components/static": "true"}
    assert {"key": "eks-gpu-components/static", "value": "true", "propagateAtLaunch": False} in own.one(ASG).inputs[
        "tags"
    ]
    assert not managed.one(GROUP).options.get("ignoreChanges")
    assert not own.one(ASG).options.get("ignoreChanges")
    assert running(max_gpus=1).one(GROUP).options["ignoreChanges"] == ["scalingConfig.desiredSize"]


def test_nobody_moves_the_nodes_of_a_fixed_number_to_another_capacity_type():
    with pytest.raises(BadInput) as problem:
        place("ab", nodes=2, capacity_types=["spot", "on-demand"])
    assert problem.value.problems == [
        "pool.capacity_types: nothing moves the nodes of a fixed number from one capacity type to the other, got spot, "
        "on-demand: name one, or use KarpenterGpuPool; nearest: spot"
    ]


# Karpenter's gates


def gates(*, settings: Any = None, **pools: Any) -> set[str]:
    args: Any = {"cluster": CLUSTER, "pools": pools, **({"settings": settings} if settings else {})}
    ran = run(lambda: Karpenter("karpenter", args))
    (release,) = [
        found for found in ran.of("kubernetes:helm.sh/v3:Release") if found.inputs["chart"].endswith("karpenter")
    ]
    return {gate for gate, on in release.inputs["values"]["settings"]["featureGates"].items() if on}


def test_karpenter_turns_on_what_its_pools_need():
    assert gates(gpu=G6) == {"reservedCapacity"}
    assert gates(gpu={**G6, "nodes": 1}) == {"reservedCapacity", "staticCapacity"}
    assert gates(gpu={**G6, "warm_gpus": 1}, other=G6) == {"reservedCapacity", "capacityBuffer"}
    on = {"feature_gates": {"node_overlay": True}}
    assert gates(gpu={**G6, "warm_gpus": 1}, settings=on) == {"reservedCapacity", "capacityBuffer", "nodeOverlay"}


def test_a_gate_that_a_pool_needs_may_not_be_off():
    with pytest.raises(BadInput, match="must be true: without it Karpenter ignores warm_gpus of pool gpu"):
        gates(gpu={**G6, "warm_gpus": 1}, settings={"feature_gates": {"capacity_buffer": False}})
