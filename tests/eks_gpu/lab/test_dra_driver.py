"""The DRA driver in the lab: whose GPUs it publishes, and how."""

from typing import Any

import pytest

from components.nvidia_dra_driver import NvidiaDraDriverSettings, chart_values
from components.values.gpu_pool import GpuPool
from components.values.value import check
from eks_gpu.karpenter.settings import aws_gates
from eks_gpu.lab import charts
from eks_gpu.lab.dra_driver import device_class, reconcile, remove_dra_driver, values_of

POOL: Any = {"instance_types": ["g6.xlarge"], "max_gpus": 4, "devices": "claims"}
VALUES = chart_values([check(GpuPool, POOL)], NvidiaDraDriverSettings())
LABELS = {"nvidia.com/dra-kubelet-plugin": "true", "node.kubernetes.io/instance-type": "g6.xlarge"}
TAINT = {"key": "nvidia.com/gpu", "value": "true", "effect": "NoSchedule"}


def node(name: str = "a", ready: str = "True", taints: Any = (TAINT,), **labels: str) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "uid": f"uid-{name}", "labels": LABELS | labels},
        "spec": {"taints": list(taints)},
        "status": {"conditions": [{"type": "Ready", "status": ready}]},
    }


class Api:
    """An API server with nodes and slices."""

    def __init__(self, *nodes: dict[str, Any]):
        self.nodes, self.slices, self.deleted = list(nodes), list[dict[str, Any]](), list[str]()

    def list(self, path: str) -> list[dict[str, Any]]:
        return self.nodes if path == "/api/v1/nodes" else self.slices

    def ensure(self, path: str, manifest: dict[str, Any]) -> None:
        assert path == "/apis/resource.k8s.io/v1/resourceslices"
        self.slices.append(manifest)

    def delete(self, path: str) -> None:
        self.deleted.append(path)


def published(*nodes: dict[str, Any], values: Any = VALUES) -> Any:
    api: Any = Api(*nodes)
    reconcile(api, values)
    return api.slices


def test_a_node_that_is_ready_has_a_slice_of_its_gpus_which_goes_with_it():
    (made,) = published(node())
    assert made["metadata"] == {
        "name": "a-gpu.nvidia.com",
        "ownerReferences": [{"apiVersion": "v1", "kind": "Node", "name": "a", "uid": "uid-a", "controller": True}],
    }
    assert made["spec"] == {
        "driver": "gpu.nvidia.com",
        "nodeName": "a",
        "pool": {"name": "a", "generation": 1, "resourceSliceCount": 1},
        "devices": [
            {
                "name": "gpu-0",
                "attributes": {
                    "architecture": {"string": "Ada Lovelace"},
                    "brand": {"string": "Nvidia"},
                    "cudaComputeCapability": {"version": "8.9.0"},
                    "productName": {"string": "NVIDIA L4"},
                    "resource.kubernetes.io/pcieRoot": {"string": "pci0000:30"},
                    "type": {"string": "gpu"},
                    "uuid": {"string": "GPU-0"},
                },
                "capacity": {"memory": {"value": "23034Mi"}},
            }
        ],
    }


def test_a_gpu_that_claims_share_says_how_many():
    shared = {**POOL, "sharing": {"strategy": "time-slicing", "replicas": 4}}
    values = chart_values([check(GpuPool, shared)], NvidiaDraDriverSettings())
    (device,) = published(node(), values=values)[0]["spec"]["devices"]
    assert device["allowMultipleAllocations"] is True
    assert device["capacity"]["shares"] == {
        "value": "4",
        "requestPolicy": {"default": "1", "validRange": {"min": "1", "max": "4", "step": "1"}},
    }
    assert device["capacity"]["memory"]["requestPolicy"]["default"] == "0"


@pytest.mark.parametrize(
    "found",
    [
        node(ready="False"),
        node(**{"nvidia.com/dra-kubelet-plugin": "false"}),
        node(**{"node.kubernetes.io/instance-type": "m5.large"}),
        node(taints=[{"key": "dedicated", "value": "x", "effect": "NoSchedule"}]),
    ],
)
def test_a_node_that_the_driver_does_not_run_on_has_none(found):
    assert published(found) == []


def test_a_slice_is_published_once_and_the_drivers_pods_tolerate_what_kubernetes_puts_on_nodes():
    api: Any = Api(node(taints=[TAINT, {"key": "node.kubernetes.io/not-ready", "effect": "NoExecute"}]))
    assert [reconcile(api, VALUES), reconcile(api, VALUES)] == [["a"], []]


def test_a_driver_without_gpus_publishes_none():
    assert published(node(), values={**VALUES, "resources": {"gpus": {"enabled": False}}}) == []


def test_what_goes_with_the_chart_are_its_classes_and_its_slices():
    api: Any = Api(node())
    reconcile(api, VALUES)
    api.slices.append({"metadata": {"name": "other"}, "spec": {"driver": "dra.net"}})
    remove_dra_driver(api)
    assert api.deleted == [
        "/apis/resource.k8s.io/v1/deviceclasses/gpu.nvidia.com",
        "/apis/resource.k8s.io/v1/deviceclasses/mig.nvidia.com",
        "/apis/resource.k8s.io/v1/resourceslices/a-gpu.nvidia.com",
    ]
    assert device_class("gpu.nvidia.com", "gpu")["spec"]["selectors"] == [
        {
            "cel": {
                "expression": "device.driver == 'gpu.nvidia.com' && device.attributes['gpu.nvidia.com'].type == 'gpu'"
            }
        }
    ]


def test_both_charts_of_the_driver_are_played_and_karpenter_hears_both_switches():
    assert charts.PLAYED["dra-driver-nvidia-gpu"].processes == ("dra-driver-nvidia-gpu",)
    assert charts.PLAYED["nvidia-dra-driver-gpu"].processes == ("dra-driver-nvidia-gpu",)
    assert aws_gates({"awsFeatureGates": {"draNVIDIAGPU": True}}) == {"draNVIDIAGPU": True}


def daemon_set(image: str, **pod: Any) -> dict[str, Any]:
    variables = [{"name": "CONSUMABLE_SHARES", "value": "4"}]
    containers = [{"name": "gpus", "image": image, "env": variables}]
    return {"metadata": {"name": "driver"}, "spec": {"template": {"spec": {"containers": containers, **pod}}}}


def test_a_plain_daemon_set_of_the_driver_is_played_too():
    image = "registry.k8s.io/dra-driver-nvidia/dra-driver-nvidia-gpu:v0.5.0"
    tolerating = [{"key": "nvidia.com/gpu", "operator": "Exists"}]
    values = values_of(daemon_set(image, tolerations=tolerating))
    (device,) = published(node(**{"nvidia.com/dra-kubelet-plugin": "no"}), values=values)[0]["spec"]["devices"]
    assert device["capacity"]["shares"]["value"] == "4"
    elsewhere = values_of(daemon_set(image, tolerations=tolerating, nodeSelector={"role": "other"}))
    assert published(node(), values=elsewhere) == []
    assert values_of(daemon_set("nvcr.io/nvidia/k8s-device-plugin:v0.20.0")) is None
