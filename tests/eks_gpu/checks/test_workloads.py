"""Workloads and the device plugin that gives them GPUs."""

from dataclasses import replace
from typing import Any

import pytest

from eks_gpu.graph.graph import Resource
from eks_gpu.graph.unknown import Asked, Told
from tests.graphs import (
    GPU_TOLERATION,
    TEMPLATE,
    analysed,
    cluster,
    cpu_work,
    deployment,
    device_plugin,
    failure,
    findings,
    gpu_group,
    gpu_work,
    healthy,
    kubernetes,
    launch_template,
    overrides,
    pod,
    release,
    tags,
    user_data,
)


def test_a_workload_that_no_pool_takes():
    assert failure("workloads-are-admitted", train=gpu_work(gpus=2)) == (
        "Deployment default/train",
        "no pool takes its pods, which stay Pending. gpu: the group may bring g4dn.xlarge in us-west-2a: pod needs 2 "
        "of nvidia.com/gpu, an empty g4dn.xlarge has 1; system: the group may bring m7i.large in us-west-2a: pod "
        "needs 2 of nvidia.com/gpu, an empty m7i.large has 0",
    )


TRAIN_JOB = kubernetes(
    "TrainJob",
    "tune",
    {
        "runtimeRef": {"name": "torch"},
        "trainer": {"numNodes": 2, "resourcesPerNode": {"limits": {"nvidia.com/gpu": 1}}},
    },
    "trainer.kubeflow.org/v1alpha1",
)


def test_pods_that_are_known_in_part_are_not_said_to_be_taken_by_nobody():
    found = findings("workloads-are-admitted", *healthy(train=TRAIN_JOB))
    assert found["TrainJob default/tune"] == (
        None,
        "what its pods tolerate and need is known in part: its template is in ClusterTrainingRuntime torch, which was "
        "not read",
    )


def test_pods_that_are_known_in_part_may_ask_for_a_gpu_in_the_other_part():
    spec = {"template": {"tolerations": [GPU_TOLERATION]}}
    llm = kubernetes("LLMInferenceService", "llm", spec, "serving.kserve.io/v1alpha1")
    assert "LLMInferenceService default/llm" not in findings("cpu-work-stays-off-gpu-nodes", *healthy(web=llm))


def test_a_pod_is_judged_however_many_replicas_an_update_will_tell():
    work = gpu_work()
    spec = {key: value for key, value in work.inputs["spec"].items() if key != "replicas"}
    unknown = Told(spec, {"replicas": Asked(work.urn, "spec.replicas")})
    stack = healthy(train=replace(work, inputs={**work.inputs, "spec": unknown}))
    assert findings("device-requests-are-limits", *stack)["Deployment default/train"][0] is True


def test_without_pools_nothing_is_said_of_workloads():
    assert findings("workloads-are-admitted", gpu_work()) == {}


def test_a_daemon_set_needs_no_pool_of_its_own():
    agent = kubernetes("DaemonSet", "agent", {"template": {"spec": pod({"nvidia.com/gpu": 9})}})
    assert set(findings("workloads-are-admitted", *healthy(web=agent))) == {"Deployment default/train"}


def test_cpu_work_that_tolerates_gpu_nodes():
    work = cpu_work(tolerations=[GPU_TOLERATION])
    assert failure("cpu-work-stays-off-gpu-nodes", web=work) == (
        "Deployment default/web",
        "it asks for no GPU but may run on gpu, and keep a GPU node running",
    )


def test_more_replicas_than_the_ceilings_allow_is_a_warning():
    assert failure("stated-replicas-find-room", train=gpu_work(replicas=6)) == (
        "Deployment default/train",
        "2 of 6 replicas find no node: the pools that take them are at their maximum",
    )
    found = [one for one in analysed(*healthy(train=gpu_work(replicas=6))).findings if not one.passed]
    assert [one.severity for one in found] == ["warning"]


ROLLOUT = "rollouts-find-a-gpu"


def serving(replicas: int = 3, gpus: int = 1, strategy: Any = None) -> Resource:
    """A Deployment beside a group with room for three nodes of one GPU."""
    work = gpu_work("serving", replicas, gpus)
    return replace(work, inputs={**work.inputs, "spec": {**work.inputs["spec"], "strategy": strategy}})


def rollout(*work: Resource, nodes: int = 3, **spec: Any) -> dict[str, tuple[bool, str]]:
    first, *others = work or (serving(**spec),)
    return findings(ROLLOUT, *healthy(gpu=gpu_group(maxSize=nodes), train=first), *others)


@pytest.mark.parametrize(
    ("strategy", "replicas"),
    [
        (None, 3),
        ({"type": "RollingUpdate"}, 3),
        ({"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}, 3),
        ({"rollingUpdate": {"maxSurge": "100%"}}, 3),
        ({"rollingUpdate": {"maxUnavailable": "30%"}}, 3),
    ],
)
def test_a_rollout_whose_new_pod_finds_no_gpu(strategy, replicas):
    assert rollout(strategy=strategy, replicas=replicas) == {
        "Deployment default/serving": (False, "a rollout needs 4 nvidia.com/gpu, its pools have 3")
    }
    severities = {
        one.severity
        for one in analysed(*healthy(gpu=gpu_group(maxSize=3), train=serving())).findings
        if (one.id == ROLLOUT)
    }
    assert severities == {"warning"}


@pytest.mark.parametrize(
    "strategy",
    [
        {"type": "Recreate"},
        {"rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}},
        {"rollingUpdate": {"maxSurge": 0}},
        {"rollingUpdate": {"maxUnavailable": "34%"}},
    ],
)
def test_a_rollout_that_lets_a_pod_go_first_needs_no_room(strategy):
    assert rollout(strategy=strategy) == {}


def test_from_four_replicas_on_one_may_go_by_default():
    assert rollout(replicas=4, nodes=4) == {}


def test_a_rollout_with_room_for_one_more_pod_holds():
    assert rollout(replicas=2) == {"Deployment default/serving": (True, "3 pods find room during a rollout")}


def test_other_workloads_take_the_room_of_a_rollout():
    assert rollout(serving(replicas=2), gpu_work("other", 1)) == {
        "Deployment default/serving": (
            False,
            "a rollout needs room for 3 pods, and beside other workloads its pools have it for 2",
        ),
        "Deployment default/other": (
            False,
            "a rollout needs room for 2 pods, and beside other workloads its pools have it for 1",
        ),
    }


def test_of_work_without_gpus_or_without_a_pool_nothing_is_said():
    assert rollout(cpu_work(replicas=3)) == {}
    assert rollout(replicas=1, gpus=2) == {}
    assert rollout(replicas=4) == {}


def test_a_stack_without_device_plugin():
    assert failure("device-plugin-reaches-gpu-pools", device_plugin=cluster()) == (
        "gpu",
        "the stack has no NVIDIA device plugin, so its nodes offer no GPU: add the component or the chart",
    )


def test_a_taint_that_the_device_plugin_does_not_tolerate():
    template = launch_template(userData=user_data(taints="team=ml:NoSchedule"))
    assert failure("device-plugin-reaches-gpu-pools", gpu_template=template) == (
        "gpu",
        "the device plugin does not run there, so its nodes offer no GPU. release nvidia-device-plugin: pod does not "
        "tolerate taint team=ml:NoSchedule",
    )


def test_the_chart_alone_needs_a_label_before_1_35():
    old = cluster(version="1.34")
    unlabelled = launch_template(userData=user_data(labels="a=b"))
    subject, message = failure("device-plugin-reaches-gpu-pools", cluster=old, gpu_template=unlabelled)
    assert subject == "gpu"
    assert message.endswith(
        "nodes have no label feature.node.kubernetes.io/pci-10de.present, "
        "no label feature.node.kubernetes.io/cpu-model.vendor_id, no label nvidia.com/gpu.present"
    )
    assert findings("device-plugin-reaches-gpu-pools", *healthy(gpu_template=unlabelled))["gpu"][0]


def test_the_operator_and_a_plain_daemon_set_bring_a_plugin_too():
    operator = release("gpu-operator")
    assert findings("device-plugin-reaches-gpu-pools", *healthy(device_plugin=operator)) == {
        "gpu": (True, "release gpu-operator runs on every node")
    }
    spec = {"containers": [{"image": "nvcr.io/nvidia/k8s-device-plugin:v0.20.0"}], "tolerations": [GPU_TOLERATION]}
    daemon = kubernetes("DaemonSet", "plugin", {"template": {"spec": spec}}, namespace="kube-system")
    assert findings("device-plugin-reaches-gpu-pools", *healthy(device_plugin=daemon))["gpu"][0]


def test_an_operator_without_its_plugin_is_none():
    operator = release("gpu-operator", devicePlugin={"enabled": False})
    assert failure("device-plugin-reaches-gpu-pools", device_plugin=operator)[0] == "gpu"


NEURON_PLUGIN = release("neuron-helm-chart")


def inferentia(*software: Resource) -> list[Resource]:
    """The healthy stack with a group of inf2.xlarge more."""
    template = launch_template("lt-neuron", userData=user_data("team=ml", "aws.amazon.com/neuron=true:NoSchedule"))
    told = {"label/team": "ml", "taint/aws.amazon.com/neuron": "true:NoSchedule"}
    told |= {"resources/aws.amazon.com/neuron": "1", "resources/aws.amazon.com/neuroncore": "2"}
    group = gpu_group(
        "neuron",
        mixedInstancesPolicy=overrides("inf2.xlarge", template="lt-neuron"),
        tags=tags({f"{TEMPLATE}/{key}": value for key, value in told.items()}),
    )
    return [*healthy(), template, group, *software]


REACHES = "device-plugin-reaches-gpu-pools"


def test_neuron_nodes_without_their_own_plugin_offer_no_device():
    nothing = "the stack has no Neuron device plugin, so its nodes offer no device: add the component or the chart"
    assert findings(REACHES, *inferentia()) == {
        "gpu": (True, "release nvidia-device-plugin runs on every node"),
        "neuron": (False, nothing),
    }
    assert findings(REACHES, *inferentia(release("neuron-helm-chart", devicePlugin={"enabled": False})))["neuron"] == (
        False,
        nothing,
    )


def test_the_neuron_chart_runs_on_its_own_types_and_tolerates_their_taint():
    assert findings(REACHES, *inferentia(NEURON_PLUGIN)) == {
        "gpu": (True, "release nvidia-device-plugin runs on every node"),
        "neuron": (True, "release neuron-helm-chart runs on every node"),
    }


def test_a_neuron_plugin_that_does_not_tolerate_the_taint():
    deaf = release("neuron-helm-chart", devicePlugin={"tolerations": [GPU_TOLERATION]})
    assert findings(REACHES, *inferentia(deaf))["neuron"] == (
        False,
        "the device plugin does not run there, so its nodes offer no device. release neuron-helm-chart: pod does not "
        "tolerate taint aws.amazon.com/neuron=true:NoSchedule: let it tolerate the taints of the pool, and select its "
        "instance types",
    )


def test_a_plain_daemon_set_is_neurons_plugin_by_its_image():
    toleration = {"key": "aws.amazon.com/neuron", "operator": "Exists"}
    spec = {
        "containers": [{"image": "public.ecr.aws/neuron/neuron-device-plugin:2.31.0.0"}],
        "tolerations": [toleration],
    }
    daemon = kubernetes("DaemonSet", "plugin", {"template": {"spec": spec}}, namespace="kube-system")
    stack = [*inferentia(), daemon]
    assert findings(REACHES, *stack)["neuron"] == (True, "DaemonSet kube-system/plugin runs on every node")
    assert findings("device-plugin-avoids-cpu-pools", *stack)["DaemonSet kube-system/plugin"] == (
        False,
        "it runs on system, where it finds no Neuron device and has nothing to do: require "
        "node.kubernetes.io/instance-type In the types of the pools",
    )
    both = inferentia(NEURON_PLUGIN, daemon)
    assert findings("one-owner-of-the-gpu-stack", *both)["neuron"] == (
        False,
        "release neuron-helm-chart and DaemonSet kube-system/plugin each bring a device plugin, which conflict over "
        "its devices: remove one of them",
    )


def cores(count: int) -> Resource:
    tolerations = [{"key": "aws.amazon.com/neuron", "operator": "Exists"}]
    return deployment("infer", pod({"aws.amazon.com/neuroncore": count, "cpu": "1"}, tolerations=tolerations))


def test_a_node_has_neuron_cores_by_its_devices():
    two, three = (findings("workloads-are-admitted", *inferentia(NEURON_PLUGIN, cores(count))) for count in (2, 3))
    assert two["Deployment default/infer"] == (True, "taken by neuron")
    passed, message = three["Deployment default/infer"]
    assert not passed
    assert "pod needs 3 of aws.amazon.com/neuroncore, an empty inf2.xlarge has 2" in message


def test_a_pod_that_asks_for_neuron_cores_is_accelerated_work():
    assert "Deployment default/infer" not in findings(
        "cpu-work-stays-off-gpu-nodes", *inferentia(NEURON_PLUGIN, cores(2))
    )


def test_an_image_with_a_plugin_needs_no_other():
    toml = '[settings.kubernetes]\ncluster-name = "shop"\n'
    stack = healthy(gpu_template=launch_template(userData=toml), device_plugin=cluster())
    assert findings("device-plugin-reaches-gpu-pools", *stack) == {}


def test_a_device_plugin_on_cpu_nodes():
    plugin = device_plugin(affinity={})
    assert failure("device-plugin-avoids-cpu-pools", device_plugin=plugin) == (
        "release nvidia-device-plugin",
        "it runs on system, where it finds no NVIDIA GPU and crash-loops",
    )


def test_a_device_plugin_beside_that_of_the_image():
    toml = """[settings.kubernetes]
cluster-name = "shop"
[settings.kubernetes.node-labels]
"nvidia.com/gpu.present" = "true"
"""
    assert failure("one-owner-of-the-gpu-stack", gpu_template=launch_template(userData=toml)) == (
        "gpu",
        "the node image and release nvidia-device-plugin each bring a device plugin, "
        "which conflict over its GPUs: keep "
        "the chart off: require nvidia.com/gpu.deploy.device-plugin NotIn [false], and give these nodes the label, "
        "false",
    )
