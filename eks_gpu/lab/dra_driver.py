"""NVIDIA's DRA driver in the lab, as far as schedulers see it: a node that it runs on has a ResourceSlice with the GPUs
of its instance type.

`python -m eks_gpu.lab.dra_driver VALUES`, for as long as a release of its chart is there, or a DaemonSet of its image;
VALUES are those of the release, as JSON. It goes by them: which nodes it runs on, whether it has GPUs at all, how many
claims share one.
"""

import json
import sys
import time
from collections.abc import Mapping
from typing import Any

from eks_gpu.cost.admission import untolerated
from eks_gpu.karpenter.objects import part
from eks_gpu.lab.cluster_api import ClusterApi
from eks_gpu.lab.control_plane import run
from eks_gpu.lab.problem import LabProblem
from eks_gpu.lab.programs import Program, own
from eks_gpu.lab.state import Lab, recorded_lab
from eks_gpu.pods.pod import Pod
from eks_gpu.pods.selection import unselected
from eks_gpu.pools.software import DRA_DRIVER_IMAGES, Software, dra_driver_pod, gpu_shares
from eks_gpu_components.catalog import (
    DRA_DRIVER,
    DRA_DRIVER_CHART,
    GPU_DEVICE_CLASS,
    HARD_EFFECTS,
    INSTANCE_TYPE_LABEL,
    MIG_DEVICE_CLASS,
    DraDevices,
    Taint,
    dra_devices,
)
from eks_gpu_components.catalog.label_rules import KUBELET_DOMAINS

NAME = DRA_DRIVER_CHART.short_name
EVERY_S = 0.5
_NODES = "/api/v1/nodes"
_API = "/apis/resource.k8s.io/v1"
SLICES, CLASSES = f"{_API}/resourceslices", f"{_API}/deviceclasses"
_KINDS = {GPU_DEVICE_CLASS: "gpu", MIG_DEVICE_CLASS: "mig"}


def start_dra_driver(lab: Lab, values: Mapping[str, Any]) -> Lab:
    """Starts what plays the driver, with the classes of its chart; the lab with it."""
    api = ClusterApi(lab)
    if driver_pod(values):
        for name, kind in _KINDS.items():
            api.ensure(CLASSES, device_class(name, kind))
    return run(lab, Program(NAME, own("dra_driver", json.dumps(values))))


def remove_dra_driver(api: ClusterApi) -> None:
    """What goes with the chart: its classes, and the slices of the nodes that it ran on."""
    for name in _KINDS:
        api.delete(f"{CLASSES}/{name}")
    for found in api.list(SLICES):
        if found["spec"]["driver"] == DRA_DRIVER:
            api.delete(f"{SLICES}/{found['metadata']['name']}")


def driver_pod(values: Mapping[str, Any]) -> Pod | None:
    """The pod that it runs on each node; None where it has no GPUs."""
    return dra_driver_pod(Software(NAME, "", NAME, "", values))


def values_of(daemon_set: Mapping[str, Any]) -> dict[str, Any] | None:
    """What a DaemonSet of the driver would have as values of the chart; None for another DaemonSet."""
    pod = part(daemon_set, "spec", "template", "spec")
    containers = pod.get("containers") or ()
    if not any(name in str(each.get("image")) for name in DRA_DRIVER_IMAGES for each in containers):
        return None
    places = {key: pod[key] for key in ("nodeSelector", "affinity", "tolerations") if pod.get(key)}
    variables = {each.get("name"): each.get("value") for one in containers for each in one.get("env") or ()}
    shares = variables.get("CONSUMABLE_SHARES") or "disabled"
    return {
        # Without an affinity of its own it runs on every node: no label is asked for.
        "kubeletPlugin": {"affinity": {"nodeAffinity": {}}, **places},
        "featureGates": {"ConsumableShares": shares != "disabled"},
        "consumableShares": shares,
    }


def device_class(name: str, kind: str) -> dict[str, Any]:
    """A class of the chart. Source: its chart 0.5.0, deviceclass-*.yaml."""
    expression = f"device.driver == '{DRA_DRIVER}' && device.attributes['{DRA_DRIVER}'].type == '{kind}'"
    spec = {"selectors": [{"cel": {"expression": expression}}]}
    return {"apiVersion": "resource.k8s.io/v1", "kind": "DeviceClass", "metadata": {"name": name}, "spec": spec}


def resource_slice(node: Mapping[str, Any], devices: DraDevices, shares: int) -> dict[str, Any]:
    """The GPUs of a node. Karpenter tells by the owner whose they are, and the slice goes with the node."""
    metadata = node["metadata"]
    owner = {"apiVersion": "v1", "kind": "Node", "name": metadata["name"], "uid": metadata["uid"], "controller": True}
    return {
        "apiVersion": "resource.k8s.io/v1",
        "kind": "ResourceSlice",
        "metadata": {"name": f"{metadata['name']}-{DRA_DRIVER}", "ownerReferences": [owner]},
        "spec": {
            "driver": DRA_DRIVER,
            "nodeName": metadata["name"],
            "pool": {"name": metadata["name"], "generation": 1, "resourceSliceCount": 1},
            "devices": [_device(devices, number, shares) for number in range(len(devices.pcie_roots))],
        },
    }


def _device(devices: DraDevices, number: int, shares: int) -> dict[str, Any]:
    """Source: driver 0.5.0; Karpenter 1.15, nvidiadra, which expects the same."""
    attributes = {**devices.attributes(number), "uuid": {"string": f"GPU-{number}"}}
    made: dict[str, Any] = {"name": f"gpu-{number}", "attributes": attributes}
    if shares < 2:
        return {**made, "capacity": {"memory": {"value": devices.memory}}}
    whole = {"default": "1", "validRange": {"min": "1", "max": str(shares), "step": "1"}}
    free = {"default": "0", "validRange": {"min": "0", "max": devices.memory, "step": "1Mi"}}
    capacity = {
        "memory": {"value": devices.memory, "requestPolicy": free},
        "shares": {"value": str(shares), "requestPolicy": whole},
    }
    return {**made, "allowMultipleAllocations": True, "capacity": capacity}


def reconcile(api: ClusterApi, values: Mapping[str, Any]) -> list[str]:
    """Publishes the GPUs of each node that is ready and has it; names those that it published now."""
    pod = driver_pod(values)
    if pod is None:
        return []
    told = gpu_shares(Software(NAME, "", NAME, "", values))
    published = {each["spec"].get("nodeName") for each in api.list(SLICES) if each["spec"]["driver"] == DRA_DRIVER}
    done = []
    for node in api.list(_NODES):
        name, labels = node["metadata"]["name"], node["metadata"].get("labels", {})
        devices = dra_devices().get(labels.get(INSTANCE_TYPE_LABEL, ""))
        if devices and name not in published and _is_ready(node) and _runs_on(pod, node):
            api.ensure(SLICES, resource_slice(node, devices, int(told) if told.isdigit() else 1))
            done.append(name)
    return done


def _runs_on(pod: Pod, node: Mapping[str, Any]) -> bool:
    found = [Taint.from_kubernetes(each) for each in node["spec"].get("taints", ())]
    # A DaemonSet's pods tolerate what Kubernetes itself puts on nodes.
    hard = [taint for taint in found if taint.effect in HARD_EFFECTS and not taint.key.startswith(KUBELET_DOMAINS)]
    return not unselected(pod, node["metadata"].get("labels", {})) and not untolerated(pod, hard)


def _is_ready(node: Mapping[str, Any]) -> bool:
    return any(
        each["type"] == "Ready" and each["status"] == "True" for each in node.get("status", {}).get("conditions", ())
    )


def main() -> None:
    lab = recorded_lab()
    if lab is None:
        sys.exit("no lab is up")
    api, values, told = ClusterApi(lab), json.loads(sys.argv[1]), ""
    while True:
        try:
            for name in reconcile(api, values):
                print(f"published the GPUs of {name}", flush=True)
            told = ""
        except (LabProblem, OSError) as problem:  # the API server is busy, or a node has just gone
            if str(problem) != told:
                print(problem, flush=True)
            told = str(problem)
        time.sleep(EVERY_S)


if __name__ == "__main__":
    main()
