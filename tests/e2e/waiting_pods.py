"""Pods that wait in the lab, each for a reason of its own: a namespace for each situation."""

import copy
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from eks_gpu.lab.cluster_api import ClusterApi
from eks_gpu.lab.outages import set_outages
from eks_gpu.lab.quotas import set_quotas
from eks_gpu.lab.state import Lab
from tests.waiting import until

NODE_POOLS, NODE_CLASSES = "/apis/karpenter.sh/v1/nodepools", "/apis/karpenter.k8s.aws/v1/ec2nodeclasses"
P_QUOTA = "L-417A185B"
"""Of EC2: vCPUs of P types on demand."""
GPU = {"nvidia.com/gpu": "1"}
TOLERATION = {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}
POOL_LABEL = "example.com/pool"
"""Sends a situation's pods to its own pool."""

TYPES = {"small": "g5.xlarge", "quota": "p4d.24xlarge", "outage": "g6.xlarge", "broken": "g6e.xlarge"}
"""Pools of the situations that need one, each with its type."""


def set_up(lab: Lab) -> None:
    """All situations at once; returns when each has been told by who has to tell it."""
    api = ClusterApi(lab)
    set_quotas(lab, {P_QUOTA: 0})
    set_outages(lab, [(TYPES["outage"], f"{lab.region}{zone}") for zone in "abc"])
    _pools(api)
    for name, manifests in _situations().items():
        make(api, name, *manifests)
    for namespace in ("outage", "quota"):
        until(lambda namespace=namespace: said(api, namespace, "InsufficientCapacityError"), pause_s=0.5)
    for namespace in ("full", "refused"):
        until(lambda namespace=namespace: said(api, namespace, "FailedCreate"), pause_s=0.5)
    until(lambda: "nvidia.com/gpu" in _resources(api, "small") and _runs(api, "limit"), pause_s=0.5)
    # The played kubelet starts a pod once: what is said of it before that, it says anew.
    until(lambda: _runs(api, "starting") and _runs(api, "image"), pause_s=0.5)
    image_is_refused(api)
    image_is_pulled(api)


def make(api: ClusterApi, namespace: str, *manifests: tuple[str, dict[str, Any]]) -> None:
    """A namespace with these objects."""
    api.ensure("/api/v1/namespaces", {"metadata": {"name": namespace, "labels": _NAMESPACES.get(namespace, {})}})
    for path, manifest in manifests:
        api.ensure(path.format(namespace), manifest)


def said(api: ClusterApi, namespace: str, reason: str) -> bool:
    """Whether an event of the namespace has the reason."""
    return any(each["reason"] == reason for each in api.list(f"/api/v1/namespaces/{namespace}/events"))


def _resources(api: ClusterApi, pool: str) -> dict[str, str]:
    return api.get(f"{NODE_POOLS}/{pool}").get("status", {}).get("resources", {})


def _runs(api: ClusterApi, namespace: str) -> bool:
    return any(each["status"]["phase"] == "Running" for each in api.list(f"/api/v1/namespaces/{namespace}/pods"))


_NAMESPACES = {"refused": {"pod-security.kubernetes.io/enforce": "restricted"}}


def _pools(api: ClusterApi) -> None:
    """The program's pool again with other types, and once with a node class whose subnets nobody has."""
    pool, node_class = api.get(f"{NODE_POOLS}/gpu"), api.get(f"{NODE_CLASSES}/gpu")
    spec = copy.deepcopy(node_class["spec"])
    spec["subnetSelectorTerms"] = [{"tags": {"nobody": "has-it"}}]
    api.ensure(NODE_CLASSES, {**_head(node_class), "metadata": {"name": "broken"}, "spec": spec})
    for name, type_ in TYPES.items():
        spec = copy.deepcopy(pool["spec"])
        spec["template"]["metadata"]["labels"][POOL_LABEL] = name
        spec["template"]["spec"]["nodeClassRef"]["name"] = "broken" if name == "broken" else "gpu"
        spec["limits"] = {"nvidia.com/gpu": "1" if name == "small" else "100"}
        for each in spec["template"]["spec"]["requirements"]:
            if each["key"] == "node.kubernetes.io/instance-type":
                each["values"] = [type_]
        api.ensure(NODE_POOLS, {**_head(pool), "metadata": {"name": name}, "spec": spec})


def _head(manifest: Mapping[str, Any]) -> dict[str, Any]:
    return {"apiVersion": manifest["apiVersion"], "kind": manifest["kind"]}


def _situations() -> dict[str, list[tuple[str, dict[str, Any]]]]:
    """Namespace -> its objects, each with the path of its kind."""
    small = {POOL_LABEL: "small"}
    claim = {
        "metadata": {"name": "weights"},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": "nobody-has-it",
            "resources": {"requests": {"storage": "1Gi"}},
        },
    }
    volume = {"volumes": [{"name": "weights", "persistentVolumeClaim": {"claimName": "weights"}}]}
    quota = {"metadata": {"name": "gpus"}, "spec": {"hard": {"requests.nvidia.com/gpu": "0"}}}
    return {
        "limit": [deployment("web", selector=small, replicas=2)],
        "taint": [deployment("web", tolerations=[])],
        "label": [deployment("web", selector={POOL_LABEL: "nobody-has-it"})],
        "large": [deployment("web", asks={"nvidia.com/gpu": "1", "cpu": "200"})],
        "quota": [deployment("web", selector={POOL_LABEL: "quota"})],
        "outage": [deployment("web", selector={POOL_LABEL: "outage"})],
        "broken": [deployment("web", selector={POOL_LABEL: "broken"})],
        "image": [deployment("web", asks={"cpu": "10m"}, tolerations=[])],
        "starting": [deployment("web", selector={"node.kubernetes.io/instance-type": "g4dn.2xlarge"})],
        "gated": [_pod("web", schedulingGates=[{"name": "example.com/approval"}])],
        "volume": [("/api/v1/namespaces/{}/persistentvolumeclaims", claim), _pod("web", **volume)],
        "full": [("/api/v1/namespaces/{}/resourcequotas", quota), deployment("web")],
        "refused": [deployment("web")],
    }


def deployment(name: str, replicas: int = 1, **pod: Any) -> tuple[str, dict[str, Any]]:
    labels = {"app": name}
    template = {"metadata": {"labels": labels}, "spec": _spec(**pod)}
    spec = {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template}
    return "/apis/apps/v1/namespaces/{}/deployments", {"metadata": {"name": name}, "spec": spec}


def _pod(name: str, **spec: Any) -> tuple[str, dict[str, Any]]:
    return "/api/v1/namespaces/{}/pods", {"metadata": {"name": name}, "spec": {**_spec(), **spec}}


def _spec(
    asks: Mapping[str, str] = GPU, selector: Mapping[str, str] | None = None, tolerations: Any = (TOLERATION,)
) -> dict[str, Any]:
    limits = {key: value for key, value in asks.items() if key in GPU}
    resources = {"requests": dict(asks), "limits": limits}
    container = {"name": "server", "image": "registry.example/server:1", "resources": resources}
    return {"containers": [container], "nodeSelector": dict(selector or {}), "tolerations": list(tolerations)}


def image_is_refused(api: ClusterApi) -> None:
    """As a kubelet tells that it cannot pull an image."""
    message = 'Back-off pulling image "registry.example/server:1": ErrImagePull: 404 Not Found'
    _container_waits(api, "image", {"reason": "ImagePullBackOff", "message": message})


def image_is_pulled(api: ClusterApi) -> None:
    """As a kubelet tells that it has just got a pod."""
    _container_waits(api, "starting", {"reason": "ContainerCreating"})


def _container_waits(api: ClusterApi, namespace: str, waiting: Mapping[str, str]) -> None:
    path = until(lambda: _bound(api, namespace))
    status = {"name": "server", "image": "registry.example/server:1", "imageID": "", "ready": False, "restartCount": 0}
    now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    conditions = [
        {"type": "PodScheduled", "status": "True", "lastTransitionTime": now},
        {"type": "Ready", "status": "False", "reason": "ContainersNotReady"},
    ]
    containers = [{**status, "state": {"waiting": dict(waiting)}}]
    changes = {"phase": "Pending", "conditions": conditions, "containerStatuses": containers}
    api.patch(f"{path}/status", {"status": changes})


def _bound(api: ClusterApi, namespace: str) -> str:
    """Path of the namespace's pod once it has a node."""
    pods = [each for each in api.list(f"/api/v1/namespaces/{namespace}/pods") if each["spec"].get("nodeName")]
    return f"/api/v1/namespaces/{namespace}/pods/{pods[0]['metadata']['name']}" if pods else ""
