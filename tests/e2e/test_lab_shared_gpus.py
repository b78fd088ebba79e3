"""Shares of a GPU with the real Karpenter: pods that share one start one node, if Karpenter knows of the shares."""

import os
import signal
from typing import Any

import pytest

from components.karpenter_gpu_pool import ec2_node_class
from components.nodes.node_overlay import node_overlay
from components.nodes.node_pool import KARPENTER, node_pool
from components.values.gpu_pool import GpuPool
from components.values.value import check
from eks_gpu.lab.cluster_api import ClusterApi
from eks_gpu.lab.karpenter import start_karpenter
from eks_gpu.lab.state import Lab
from eks_gpu.lab.status import status
from tests.e2e.cluster_of_karpenter import make_cluster
from tests.waiting import until

pytestmark = [pytest.mark.xdist_group("lab_shared_gpus"), pytest.mark.minutes(2)]

POOL = check(
    GpuPool,
    {"instance_types": ["g6.xlarge"], "max_gpus": 4, "sharing": {"strategy": "time-slicing", "replicas": 4}},
)
OBJECTS = {
    "nodepools": "/apis/karpenter.sh/v1",
    "nodeoverlays": "/apis/karpenter.sh/v1alpha1",
    "ec2nodeclasses": "/apis/karpenter.k8s.aws/v1",
}
KINDS = {"nodepools": "NodePool", "nodeoverlays": "NodeOverlay", "ec2nodeclasses": "EC2NodeClass"}
DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"


def create(api: ClusterApi, plural: str, spec: Any) -> None:
    group = OBJECTS[plural].removeprefix("/apis/")
    body = {"apiVersion": group, "kind": KINDS[plural], "metadata": {"name": "gpu"}, "spec": spec}
    api.create(f"{OBJECTS[plural]}/{plural}", body)


def work(name: str, replicas: int) -> dict[str, Any]:
    container = {"name": "main", "image": "work", "resources": {"limits": {"nvidia.com/gpu": "1"}}}
    tolerations = [{"key": "nvidia.com/gpu", "operator": "Exists"}]
    template = {"metadata": {"labels": {"app": name}}, "spec": {"containers": [container], "tolerations": tolerations}}
    spec = {"replicas": replicas, "selector": {"matchLabels": {"app": name}}, "template": template}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": spec}


def stop_karpenter(lab: Lab) -> None:
    for process in lab.processes:
        if process.name.startswith("karpenter"):
            os.kill(process.pid, signal.SIGTERM)


def test_karpenter_plans_shares_of_a_gpu_with_the_overlay_and_its_gate_and_not_without_the_gate(lab: Lab):
    subnet_ids, group = make_cluster(lab)
    running = start_karpenter(lab, "gaia", "gaia", settings={"FEATURE_GATES": "NodeOverlay=true"})
    api = ClusterApi(lab)
    node_class = ec2_node_class(
        POOL,
        image_version="v20260714",
        node_role_name="gaia-node",
        subnet_ids=subnet_ids,
        security_group_id=group,
    )
    node_class["amiSelectorTerms"] = [{"alias": "al2023@latest"}]  # of the lab's AWS
    create(api, "ec2nodeclasses", node_class)
    create(api, "nodeoverlays", node_overlay(POOL, "gpu"))
    create(api, "nodepools", node_pool(POOL, KARPENTER, "gpu", []))

    def ready() -> bool:
        (overlay,) = api.list(f"{OBJECTS['nodeoverlays']}/nodeoverlays")
        conditions = overlay.get("status", {}).get("conditions", [])
        return any((each["type"], each["status"]) == ("Ready", "True") for each in conditions)

    until(ready, pause_s=0.2)
    api.create(DEPLOYMENTS, work("shared", 4))
    until(lambda: status(lab).running_pods == 4, pause_s=0.5)
    assert [node.instance_type for node in status(lab).nodes] == ["g6.xlarge"]

    stop_karpenter(running)
    start_karpenter(running, "gaia", "gaia")
    api.create(DEPLOYMENTS, work("alone", 2))
    until(lambda: len(status(lab).nodes) == 3, pause_s=0.5)  # one for each of two pods that could share
    until(lambda: status(lab).running_pods == 6, pause_s=0.5)
