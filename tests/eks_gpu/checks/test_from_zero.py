"""What the autoscaler is told of a node that does not exist yet."""

from typing import Any

from eks_gpu.graph.graph import Resource
from tests.graphs import (
    GPU_TAGS,
    GPU_TOLERATION,
    TEMPLATE,
    deployment,
    device_plugin,
    failure,
    findings,
    gpu_group,
    gpu_work,
    healthy,
    launch_template,
    managed_group,
    overrides,
    pod,
    release,
    tags,
    user_data,
    without,
)


def test_a_label_that_the_autoscaler_is_not_told_of():
    group = gpu_group(tags=without(f"{TEMPLATE}/label/nvidia.com/gpu.present"))
    assert failure("scale-from-zero-labels-match-node", gpu=group) == (
        "gpu",
        "the autoscaler is not told of label nvidia.com/gpu.present=true, so pods that select it never bring up the "
        "first node: tag the group k8s.io/cluster-autoscaler/node-template/label/nvidia.com/gpu.present = true",
    )


def test_a_label_that_only_the_tags_have():
    group = gpu_group(tags=tags({**GPU_TAGS, f"{TEMPLATE}/label/team": "ml"}))
    assert failure("scale-from-zero-labels-match-node", gpu=group) == (
        "gpu",
        "the autoscaler is told of label team=ml, which nodes do not carry, so it starts nodes that the pods cannot "
        "use: give team=ml to the nodes or remove the tag",
    )


def test_a_tag_may_say_what_every_node_has_anyway():
    group = gpu_group(tags=tags({**GPU_TAGS, f"{TEMPLATE}/label/kubernetes.io/arch": "amd64"}))
    assert findings("scale-from-zero-labels-match-node", *healthy(gpu=group))["gpu"][0]


def test_a_taint_that_the_autoscaler_is_not_told_of():
    group = gpu_group(tags=without(f"{TEMPLATE}/taint/nvidia.com/gpu"))
    assert failure("scale-from-zero-taints-match-node", gpu=group) == (
        "gpu",
        "the autoscaler is not told of taint nvidia.com/gpu=true:NoSchedule, so it starts nodes for pods that it "
        "then keeps off: tag the group k8s.io/cluster-autoscaler/node-template/taint/nvidia.com/gpu = true:NoSchedule",
    )


def test_a_taint_that_only_the_tags_have():
    group = gpu_group(tags=tags({**GPU_TAGS, f"{TEMPLATE}/taint/team": "ml:NoExecute"}))
    assert failure("scale-from-zero-taints-match-node", gpu=group) == (
        "gpu",
        "the autoscaler is told of taint team=ml:NoExecute, which nodes do not carry: register team=ml:NoExecute on "
        "the nodes or remove the tag",
    )


def test_a_taint_tag_that_the_autoscaler_ignores():
    group = gpu_group(tags=tags({**GPU_TAGS, f"{TEMPLATE}/taint/dedicated": "nvidia.com/gpu=true"}))
    assert failure("scale-from-zero-taints-match-node", gpu=group) == (
        "gpu",
        "tag k8s.io/cluster-autoscaler/node-template/taint/dedicated has the value nvidia.com/gpu=true, which the "
        "autoscaler ignores: write value:Effect, as true:NoSchedule",
    )


def test_a_managed_groups_taint_without_value_is_not_told():
    zero = {"minSize": 0, "desiredSize": 0, "maxSize": 2}
    group = managed_group(
        scalingConfig=zero, taints=[{"key": "team", "effect": "NO_SCHEDULE"}], ignore=("scalingConfig.desiredSize",)
    )
    subject, message = failure("scale-from-zero-taints-match-node", system=group, web=gpu_work("other"))
    assert subject == "system"
    assert message.startswith("the autoscaler is not told of taint team=:NoSchedule")


def test_more_gpus_told_than_a_node_has():
    group = gpu_group(tags=tags({**GPU_TAGS, f"{TEMPLATE}/resources/nvidia.com/gpu": "4"}))
    assert failure("scale-from-zero-resources-match-node", gpu=group) == (
        "gpu",
        "the autoscaler expects 4 nvidia.com/gpu of a node, which will have 1: tag the group "
        "k8s.io/cluster-autoscaler/node-template/resources/nvidia.com/gpu = 1",
    )


SHARING = "sharing: {timeSlicing: {resources: [{name: nvidia.com/gpu, replicas: 4}]}}"


def test_a_shared_gpu_counts_as_often_as_it_is_shared():
    plugin = device_plugin(config={"map": {"default": SHARING}})
    _, message = failure("scale-from-zero-resources-match-node", device_plugin=plugin)
    assert message.startswith("the autoscaler expects 1 nvidia.com/gpu of a node, which will have 4")
    group = gpu_group(tags=tags({**GPU_TAGS, f"{TEMPLATE}/resources/nvidia.com/gpu": "4"}))
    assert findings("scale-from-zero-resources-match-node", *healthy(device_plugin=plugin, gpu=group))["gpu"][0]


def test_slices_of_gpus_are_told_and_no_whole_gpu():
    waits = "autoscaled-gpu-nodes-have-the-accelerator-label"

    def said(strategy: str, check: str = "scale-from-zero-resources-match-node", labels: str = "", **told: str) -> Any:
        resources = {f"{TEMPLATE}/resources/nvidia.com/{name}": count for name, count in told.items()}
        group = gpu_group(tags=tags({**GPU_TAGS, **resources}), mixedInstancesPolicy=overrides("p4d.24xlarge"))
        node = user_data(labels="nvidia.com/gpu.present=true,nvidia.com/mig.config=all-1g.5gb" + labels)
        operator = release("gpu-operator", mig={"strategy": strategy})
        stack = healthy(gpu=group, gpu_template=launch_template(userData=node), device_plugin=operator)
        return findings(check, *stack)["gpu"]

    right = {"gpu": "0", "mig-1g.5gb": "56"}
    has = "a node has 0 nvidia.com/gpu and 56 nvidia.com/mig-1g.5gb, as the autoscaler expects"
    assert said("mixed", **right) == (True, has)
    assert not said("mixed")[0]
    assert not said("none", **right)[0]
    assert said("mixed", waits) == (True, "its nodes have 0 nvidia.com/gpu and 56 nvidia.com/mig-1g.5gb")
    assert said("mixed", waits, ",k8s.amazonaws.com/accelerator=nvidia-tesla-a100") == (
        False,
        "its nodes have 0 nvidia.com/gpu and 56 nvidia.com/mig-1g.5gb, and with the label "
        "k8s.amazonaws.com/accelerator the autoscaler never takes them for ready: remove the label and its tag",
    )


def test_interfaces_of_efa_are_told_as_the_template_names_them():
    def said(efa: str) -> tuple[bool | None, str]:
        told = {f"{TEMPLATE}/resources/vpc.amazonaws.com/efa": efa, f"{TEMPLATE}/resources/nvidia.com/gpu": "8"}
        cards = [{"networkCardIndex": 0, "deviceIndex": 0, "interfaceType": "efa"}]
        cards += [{"networkCardIndex": card, "deviceIndex": 1, "interfaceType": "efa-only"} for card in (1, 2, 3)]
        group = gpu_group(tags=tags({**GPU_TAGS, **told}), mixedInstancesPolicy=overrides("p4d.24xlarge"))
        node = launch_template(networkInterfaces=cards)
        return findings("scale-from-zero-resources-match-node", *healthy(gpu=group, gpu_template=node))["gpu"]

    assert said("4") == (True, "a node has 8 nvidia.com/gpu and 4 vpc.amazonaws.com/efa, as the autoscaler expects")
    assert said("8") == (
        False,
        "the autoscaler expects 8 vpc.amazonaws.com/efa of a node, which will have 4: "
        f"tag the group {TEMPLATE}/resources/vpc.amazonaws.com/efa = 4",
    )


DEVICES, CORES = f"{TEMPLATE}/resources/aws.amazon.com/neuron", f"{TEMPLATE}/resources/aws.amazon.com/neuroncore"


def neuron_group(**told: str) -> Resource:
    return gpu_group(tags=tags({**GPU_TAGS, **told}), mixedInstancesPolicy=overrides("inf1.xlarge", "inf2.xlarge"))


def of_neuron(group: Resource, *more: Resource) -> tuple[bool, str]:
    return findings("scale-from-zero-resources-match-node", *healthy(gpu=group), *more)["gpu"]


def test_the_autoscaler_knows_neuron_devices_by_tags_alone():
    assert of_neuron(neuron_group()) == (
        False,
        "the autoscaler expects 0 aws.amazon.com/neuron of a node, which will have 1: tag the group "
        "k8s.io/cluster-autoscaler/node-template/resources/aws.amazon.com/neuron = 1",
    )
    assert of_neuron(neuron_group(**{DEVICES: "1"})) == (
        True,
        "a node has 1 aws.amazon.com/neuron, as the autoscaler expects",
    )


def test_neuron_cores_must_be_told_where_a_pod_asks_for_them_and_are_the_least_of_the_types():
    asking = deployment("infer", pod({"aws.amazon.com/neuroncore": 1}))
    assert of_neuron(neuron_group(**{DEVICES: "1"}), asking) == (
        False,
        "the autoscaler expects 0 aws.amazon.com/neuroncore of a node, which will have 2: tag the group "
        "k8s.io/cluster-autoscaler/node-template/resources/aws.amazon.com/neuroncore = 2",
    )
    assert not of_neuron(neuron_group(**{DEVICES: "1", CORES: "4"}))[0]
    assert of_neuron(neuron_group(**{DEVICES: "1", CORES: "2"}), asking) == (
        True,
        "a node has 1 aws.amazon.com/neuron and 2 aws.amazon.com/neuroncore, as the autoscaler expects",
    )


# --- what a pod asks for and no tag tells ----------------------------------------------------------------------------

STORAGE = f"{TEMPLATE}/resources/ephemeral-storage"
ZERO = {"minSize": 0, "desiredSize": 0, "maxSize": 2}


def scratch(**requests: str) -> Resource:
    return deployment("scratch", pod({"nvidia.com/gpu": 1} | requests, tolerations=[GPU_TOLERATION]))


def test_storage_that_no_tag_tells_is_not_counted():
    assert failure("scale-from-zero-resources-match-node", train=scratch(**{"ephemeral-storage": "50Gi"})) == (
        "gpu",
        "the autoscaler expects no ephemeral-storage of the first node, so Deployment default/scratch, which asks for "
        "51200Mi, never brings it up: tag its auto scaling group "
        "k8s.io/cluster-autoscaler/node-template/resources/ephemeral-storage = 89Gi",
    )
    told = gpu_group(tags=tags({**GPU_TAGS, STORAGE: "89Gi"}))
    asking = scratch(**{"ephemeral-storage": "50Gi"})
    assert findings("scale-from-zero-resources-match-node", *healthy(gpu=told, train=asking))["gpu"][0]


def test_less_storage_told_than_a_pod_asks_for():
    told = gpu_group(tags=tags({**GPU_TAGS, STORAGE: "20Gi"}))
    subject, message = failure(
        "scale-from-zero-resources-match-node", gpu=told, train=scratch(**{"ephemeral-storage": "50Gi"})
    )
    assert (subject, message[:76]) == (
        "gpu",
        "the autoscaler expects 20480Mi ephemeral-storage of the first node, so Deplo",
    )


def test_a_managed_group_without_accelerators_needs_the_tag_too():
    group = managed_group(scalingConfig=ZERO, ignore=("scalingConfig.desiredSize",))
    asking = deployment("web", pod({"cpu": 1, "ephemeral-storage": "2Gi"}))
    subject, message = failure("scale-from-zero-resources-match-node", system=group, web=asking)
    assert subject == "system"
    assert message.endswith("node-template/resources/ephemeral-storage = 89Gi")


def test_a_managed_groups_own_tag_is_read():
    group = managed_group(scalingConfig=ZERO, ignore=("scalingConfig.desiredSize",), tags={STORAGE: "10Gi"})
    asking = deployment("web", pod({"cpu": 1, "ephemeral-storage": "2Gi"}))
    assert "system" not in findings("scale-from-zero-resources-match-node", *healthy(system=group, web=asking))


def test_a_taint_tag_of_three_parts_is_ignored():
    group = gpu_group(tags=tags({**GPU_TAGS, f"{TEMPLATE}/taint/dedicated": "a:b:NoSchedule"}))
    _, message = failure("scale-from-zero-taints-match-node", gpu=group)
    assert message.startswith(
        "tag k8s.io/cluster-autoscaler/node-template/taint/dedicated has the value a:b:NoSchedule"
    )
