"""What is kept ready: CapacityBuffers and placeholder pods of any program are idle cost, within the pools' limits."""

from typing import Any

import pytest

from eks_gpu.graph.graph import Resource
from eks_gpu.pods.spare import is_spare, pauses
from tests.graphs import GPU_TOLERATION, analysed, findings, gpu_group, gpu_work, kubernetes, resource
from tests.graphs import healthy as group_healthy
from tests.karpenter_graphs import ARCH, ON_DEMAND, after_karpenter, healthy, karpenter, node_pool, types
from tests.placeholders import placeholders, priority_class

GROUP = "autoscaling.x-k8s.io/v1beta1"
ON = {"featureGates": {"capacityBuffer": True, "staticCapacity": True}}
FITS, GIVES, STARTS = "warm-capacity-fits-its-pools", "placeholder-pods-give-way", "placeholder-pods-start-nodes"


def buffer(name: str = "spare", **spec: Any) -> Resource:
    given = {"podTemplateRef": {"name": "spare"}, **({"replicas": 2} if not spec else {}), **spec}
    return after_karpenter(kubernetes("CapacityBuffer", name, given, group=GROUP))


def template(gpus: int = 1, *, requests: bool = True) -> Resource:
    needs = {"nvidia.com/gpu": gpus, "cpu": "500m"}
    container = {
        "name": "main",
        "image": "a",
        "resources": {"limits": needs, **({"requests": needs} if requests else {})},
    }
    made = {"spec": {"containers": [container], "tolerations": [GPU_TOLERATION]}}
    return resource("kubernetes:core/v1:PodTemplate", "spare", {"metadata": {"name": "spare"}, "template": made})


def one_type(**spec: Any) -> Resource:
    return node_pool(ARCH, ON_DEMAND, types("g4dn.xlarge"), **spec)


def stack(*made: Resource, gates: Any = ON, gpu: Any = None, train: Any = ()) -> list[Resource]:
    found = healthy(karpenter=karpenter(**gates), gpu=gpu or one_type(), train=train or gpu_work(replicas=0))
    return [*found, *made]


def nodes(*resources: Resource) -> dict[str, int]:
    """Nodes of pool gpu at each level."""
    cost = analysed(*resources).cost
    return {
        level: sum(item.quantity for item in getattr(cost, level).items if item.name.startswith("pool gpu: g"))
        for level in ("idle", "steady", "demand_max", "max")
    }


# CapacityBuffers


def test_a_buffer_is_idle_cost_and_stays_beside_the_work_up_to_the_ceiling():
    assert nodes(*stack()) == {"idle": 0, "steady": 0, "demand_max": 0, "max": 4}
    assert nodes(*stack(buffer(), template())) == {"idle": 2, "steady": 2, "demand_max": 2, "max": 4}
    assert nodes(*stack(buffer(), template(), train=gpu_work(replicas=1))) == {
        "idle": 2,
        "steady": 3,
        "demand_max": 3,
        "max": 4,
    }
    found = analysed(*stack(buffer(), template(), train=gpu_work(replicas=4)))
    assert nodes(*stack(buffer(), template(), train=gpu_work(replicas=4)))["steady"] == 4
    assert not any("find no room" in note for note in found.cost.steady.notes)


def test_the_idle_bill_says_what_it_is_for():
    cost = analysed(*stack(buffer(), template())).cost
    said = "idle keeps room for 2 pods with nvidia.com/gpu 1 each, which CapacityBuffer default/spare asks for"
    assert said in cost.idle.notes
    assert said not in cost.steady.notes


@pytest.mark.parametrize(
    ("spec", "idle"),
    [
        ({"replicas": 3}, 3),
        ({"replicas": 0}, 0),
        ({"limits": {"nvidia.com/gpu": "3"}}, 3),
        ({"replicas": 4, "limits": {"nvidia.com/gpu": 2}}, 2),
        ({"replicas": 4, "limits": {"cpu": "1"}}, 2),
        ({"replicas": 1, "limits": {"memory": "1Gi"}}, 1),  # it requests none
        ({"replicas": 2, "provisioningStrategy": "buffer.gke.io/standby-capacity"}, 0),
    ],
)
def test_how_many_a_buffer_is_of(spec, idle):
    assert nodes(*stack(buffer(**spec), template()))["idle"] == idle


@pytest.mark.parametrize(
    ("spec", "idle"),
    [({"percentage": 50}, 2), ({"percentage": 1}, 1), ({"percentage": 0}, 0), ({"percentage": 25, "replicas": 3}, 3)],
)
def test_a_buffer_may_be_a_share_of_a_workload(spec, idle):
    whole = {"podTemplateRef": None, "scalableRef": {"kind": "Deployment", "name": "train"}, **spec}
    made = stack(buffer(**whole), gpu=one_type(limits={"nvidia.com/gpu": "9"}), train=gpu_work(replicas=3))
    found = analysed(*made)
    (row,) = [each for each in found.workloads if each.kind == "CapacityBuffer"]
    assert row.replicas == idle


def test_a_template_s_limits_are_no_requests():
    (row,) = [each for each in analysed(*stack(buffer(), template(requests=False))).workloads if each.spare]
    assert row.requests == {}
    assert nodes(*stack(buffer(), template(requests=False)))["idle"] == 1, "as it was seen in the lab"


def test_without_its_gate_a_buffer_keeps_and_costs_nothing():
    made = stack(buffer(), template(), gates={"featureGates": {}})
    assert nodes(*made)["idle"] == 0
    assert findings(FITS, *made) == {}
    (gate,) = findings("feature-gates-are-on", *made).values()
    assert gate == (
        False,
        "Karpenter keeps no spare capacity for it: settings.featureGates.capacityBuffer is off: set it to true",
    )


def test_a_buffer_of_another_stack_s_template_leaves_the_idle_bill_without_a_total():
    found = analysed(*stack(buffer()))
    assert found.cost.as_json()["idle"]["hourly"] is None
    assert findings(FITS, *stack(buffer())) == {
        "CapacityBuffer default/spare": (None, "its PodTemplate spare is not of this stack")
    }


def test_a_buffer_that_the_api_server_refuses_is_left_out():
    assert nodes(*stack(buffer(replicas="many"), template()))["idle"] == 0


def test_a_buffer_larger_than_the_pool():
    made = stack(buffer(replicas=6), template())
    assert nodes(*made)["idle"] == 4
    assert findings(FITS, *made) == {
        "CapacityBuffer default/spare": (
            False,
            "2 of 6 find no node though nothing else runs: the pools are at their maximum",
        )
    }


def test_a_buffer_for_what_no_pool_can_have():
    (said,) = findings(FITS, *stack(buffer(), template(gpus=2))).values()
    assert said[0] is False
    assert said[1].startswith("no pool keeps anything ready for it: gpu: ")


# Placeholder pods


def test_placeholder_pods_are_idle_cost():
    made = stack(placeholders(priorityClassName="low"), priority_class(-10))
    assert nodes(*made) == {"idle": 2, "steady": 2, "demand_max": 2, "max": 4}
    assert findings(FITS, *made) == {
        "Deployment default/spare": (True, "2 have a node of their own while nothing else runs, which costs money")
    }


@pytest.mark.parametrize(
    ("image", "command", "spare"),
    [
        ("registry.k8s.io/pause:3.10", None, True),
        ("602401143452.dkr.ecr.us-west-2.amazonaws.com/eks/pause@sha256:0", None, True),
        ("public.ecr.aws/eks-distro/kubernetes/pause:3.7", None, True),
        ("pause", None, True),
        ("gcr.io/google_containers/pause-amd64:3.1", None, True),
        ("rancher/mirrored-pause:3.6", None, True),
        ("busybox", ["sleep", "infinity"], True),
        ("busybox", ["/bin/sh", "-c", "sleep 1d"], True),
        ("busybox", ["sh", "-c", "exec tail -f /dev/null"], True),
        ("busybox", ["sh", "-c", "while true; do sleep 30; done"], True),
        ("example/pauser:1", None, False),
        ("example/serving", ["sh", "-c", "sleep 5 && serve"], False),
        ("example/serving", ["serve"], False),
    ],
)
def test_what_only_holds_a_place(image, command, spare):
    container = {"name": "a", "image": image, **({"command": command} if command else {})}
    low = {"containers": [container], "priorityClassName": "low"}
    assert is_spare(low, lambda *_: {"value": -1}) is spare


def test_what_sleeps_at_an_ordinary_priority_may_be_somebody_s_desk():
    sleeping = {"containers": [{"name": "a", "image": "busybox", "command": ["sleep", "infinity"]}]}
    assert not is_spare(sleeping, None)
    assert not is_spare({**sleeping, "priorityClassName": "of-another-stack"}, lambda *_: None)
    assert pauses({"containers": [{"name": "a", "image": "pause"}]})
    assert not pauses({"containers": []})


def test_placeholders_that_no_other_pod_displaces():
    said = "their priority is 0, no lower than that of pods without a class, which wait beside them"
    assert findings(GIVES, *stack(placeholders())) == {"Deployment default/spare": (False, said)}
    high = stack(placeholders(priorityClassName="low"), priority_class(5))
    assert not findings(GIVES, *high)["Deployment default/spare"][0]
    default = stack(placeholders(), priority_class(-5, globalDefault=True))
    assert not findings(GIVES, *default)["Deployment default/spare"][0]
    lower = stack(placeholders(), priority_class(5, globalDefault=False))
    assert not findings(GIVES, *lower)["Deployment default/spare"][0]
    assert findings(GIVES, *stack(placeholders(priorityClassName="low"), priority_class(-10))) == {
        "Deployment default/spare": (True, "their priority is -10, so any other pod takes their place")
    }


def test_a_class_of_another_stack_is_not_judged():
    assert findings(GIVES, *stack(placeholders(priorityClassName="theirs"))) == {}


def test_placeholders_of_nothing_are_not_judged():
    assert findings(GIVES, *stack(placeholders(replicas=0))) == {}
    assert findings(FITS, *stack(placeholders(replicas=0))) == {}


# Fixed numbers of nodes


def test_a_fixed_number_of_nodes_is_idle_cost_and_said_to_be_meant():
    static = one_type(replicas=2, limits={"nodes": "3"})
    assert nodes(*stack(gpu=static)) == {"idle": 2, "steady": 2, "demand_max": 2, "max": 3}
    (found,) = [each for each in analysed(*stack(gpu=static)).findings if each.id == "gpu-pools-start-at-zero"]
    assert (found.passed, found.severity) == (False, "warning")


def test_a_group_of_one_size_is_meant_if_it_has_our_tag():
    fixed = gpu_group(minSize=2, desiredCapacity=2, maxSize=2)
    tag = {"key": "eks-gpu-components/static", "value": "true", "propagateAtLaunch": False}
    ours = gpu_group(minSize=2, desiredCapacity=2, maxSize=2)
    ours.inputs["tags"].append(tag)
    for group, severity in ((fixed, "error"), (ours, "warning")):
        found = analysed(*group_stack(group)).findings
        (said,) = [each for each in found if each.id == "gpu-pools-start-at-zero"]
        assert (said.passed, said.severity) == (False, severity)


# Groups of the cluster autoscaler


def group_stack(*made: Resource, **instead: Resource) -> list[Resource]:
    gpu = [each for each in made if each.type == "aws:autoscaling/group:Group"]
    rest = [each for each in made if each not in gpu]
    return [*group_healthy(**({"gpu": gpu[0]} if gpu else {}), train=gpu_work(replicas=0), **instead), *rest]


@pytest.mark.parametrize(("value", "passed"), [(-10, True), (-1, True), (-11, False), (-1000, False)])
def test_the_autoscaler_starts_nodes_for_priorities_from_its_cutoff_on(value, passed):
    made = group_stack(placeholders(priorityClassName="low"), priority_class(value))
    assert findings(STARTS, *made)["Deployment default/spare"] == (
        passed,
        f"their priority is {value}, and the autoscaler starts nodes from -10 on",
    )


def test_karpenter_starts_nodes_for_any_priority():
    assert findings(STARTS, *stack(placeholders(priorityClassName="low"), priority_class(-1000))) == {}


def test_groups_keep_nothing_for_a_buffer_unless_their_autoscaler_does():
    made = group_stack(buffer(), template())
    assert findings(FITS, *made)["CapacityBuffer default/spare"][0] is False
