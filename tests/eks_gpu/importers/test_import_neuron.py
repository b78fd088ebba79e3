"""import: what Neuron pools and their device plugin become."""

from typing import Any

from tests.imports import auto_mode_pool, deployment, imported, node_class, node_pool, settings, write

NEURON = {"key": "aws.amazon.com/neuron", "value": "true", "effect": "NoSchedule"}


def neuron(**spec: Any) -> dict[str, Any]:
    """A NodePool of Auto Mode for Inferentia and Trainium, as the EKS User Guide has it."""
    category = {"key": "eks.amazonaws.com/instance-category", "operator": "In", "values": ["inf", "trn"]}
    return auto_mode_pool(requirements=[category], nodes={"taints": []}, spec={"limits": {}, **spec})


def test_inferentia_and_trainium_stay_in_one_pool_of_auto_mode(tmp_path):
    pool = settings(tmp_path, neuron())["auto_mode_gpu_pools"]["gpu"]["pool"]
    assert pool["instance_types"] == ["inf1.xlarge", "inf2.xlarge", "inf1.2xlarge", "trn1.2xlarge", "inf2.8xlarge"]


def test_a_limit_of_neuron_cores_is_one_of_devices(tmp_path):
    limited = neuron(limits={"aws.amazon.com/neuroncore": 32})
    assert settings(tmp_path, limited)["auto_mode_gpu_pools"]["gpu"]["pool"]["max_gpus"] == 8


def test_pods_that_ask_for_neuron_cores_decide_how_many_devices_a_node_has(tmp_path):
    asking = deployment({"limits": {"aws.amazon.com/neuroncore": 16}}, tolerations=[])
    pool = settings(tmp_path, neuron(), asking)["auto_mode_gpu_pools"]["gpu"]["pool"]
    assert pool["instance_types"] == ["inf2.48xlarge"]


def test_a_neuron_plugins_daemon_set_is_no_workload_and_where_one_is_missing_it_is_told(tmp_path):
    types = {"key": "node.kubernetes.io/instance-type", "operator": "In", "values": ["inf2.xlarge"]}
    pool = node_pool([types], spec={"limits": {"aws.amazon.com/neuron": 2}}, nodes={"taints": [NEURON]})
    asking = deployment({"limits": {"aws.amazon.com/neuron": 1}}, tolerations=[NEURON])
    _, found = imported(write(tmp_path, node_class(), pool, asking))
    assert [one.message for one in found if one.rule == "device-plugin-reaches-gpu-pools"] == [
        "nothing here installs the Neuron device plugin, so nodes of gpu offer no device, their pods stay Pending and "
        "more nodes come: the program installs 2.31.0.0"
    ]
    container = {"name": "main", "image": "public.ecr.aws/neuron/neuron-device-plugin:2.22.4.0"}
    daemon = {**deployment(containers=[container], tolerations=[NEURON]), "kind": "DaemonSet"}
    _, found = imported(write(tmp_path, node_class(), pool, asking, daemon))
    assert [one.message for one in found if one.rule.startswith("device-plugin")] == [
        "2.22.4.0 is old: the program installs 2.31.0.0; remove this DaemonSet"
    ]
