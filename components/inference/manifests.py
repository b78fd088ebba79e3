"""The Kubernetes objects that serve a model, as plain data: the pods, and the objects that protect them."""

from typing import Any

from .. import catalog
from ..values.gpu_pool import GpuPool
from ..values.pool_pods import pool_selector, pool_tolerations
from . import parts
from .load_balancer import DEREGISTRATION_S, REST_PORT
from .settings import MODELS, Model, ResnetInferenceSettings

USER = 65532

PRE_STOP_S = DEREGISTRATION_S + 15
"""Seconds that a terminating pod still answers: until the load balancer has noticed and open connections have ended."""
GRACE_S = PRE_STOP_S + 30
"""All of it fits the 120 s between a Spot notice and the end of the node."""

START_S = 900
"""Loading the model, once the image is there."""
PROGRESS_S = catalog.COLD_START_S + START_S + parts.HEALTHY_S
"""From a node that does not exist yet to a pod that the load balancer sends requests to."""


def workload_labels(name: str) -> dict[str, str]:
    """On everything, and what the Service selects."""
    return parts.workload_labels("resnet-inference", name)


def deployment(name: str, pool: GpuPool, settings: ResnetInferenceSettings) -> dict[str, Any]:
    """The pods, on the pool's nodes alone."""
    labels = workload_labels(name)
    spare = pool.max_nodes_for_pods * pool.resources_per_node - settings.max_replicas
    metadata: dict[str, Any] = {"name": name, "namespace": settings.namespace, "labels": labels}
    if settings.keda:
        metadata["annotations"] = {"pulumi.com/skipAwait": "true"}  # there may be no pod to wait for
    return {
        "metadata": metadata,
        "spec": {
            **settings.own_replicas,
            "progressDeadlineSeconds": PROGRESS_S,
            "strategy": parts.rolling_update(spare),
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": pod(name, pool, settings)},
        },
    }


def pod(name: str, pool: GpuPool, settings: ResnetInferenceSettings) -> dict[str, Any]:
    """One pod's spec. It has the service account `name` only where its model comes from S3."""
    model = settings.model
    spec: dict[str, Any] = {
        "nodeSelector": pool_selector(pool),
        "tolerations": pool_tolerations(pool),
        "topologySpreadConstraints": parts.spread(workload_labels(name)),
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": GRACE_S,
        "securityContext": parts.unprivileged(USER, USER),
        "containers": [_server(pool, settings)],
        "volumes": [{"name": "tmp", "emptyDir": {}}, *_model_volume(model)],
    }
    if model.s3_uri:
        spec |= {"serviceAccountName": name, "initContainers": [_loader(model)]}
    return spec


def _server(pool: GpuPool, settings: ResnetInferenceSettings) -> dict[str, Any]:
    model = settings.model
    loaded = parts.http_probe(model.loaded_path, "rest")
    mounts: list[dict[str, Any]] = [{"name": "tmp", "mountPath": "/tmp"}]
    if not model.from_image:
        mounts.append({"name": "model", "mountPath": MODELS, "readOnly": True})
    return {
        "name": "serving",
        "image": settings.image,
        "args": _server_args(pool),
        "env": [{"name": "MODEL_NAME", "value": model.name}, {"name": "MODEL_BASE_PATH", "value": MODELS}],
        "ports": [{"name": "rest", "containerPort": REST_PORT}],
        "resources": {
            "requests": {"cpu": f"{settings.cpu_millicores}m", "memory": f"{settings.memory_mib}Mi"},
            "limits": {"memory": f"{settings.memory_mib}Mi", pool.resource: "1"},
        },
        "startupProbe": {
            **parts.http_probe(model.loaded_path, "rest"),
            "periodSeconds": 10,
            "failureThreshold": START_S // 10,
        },
        "readinessProbe": {**loaded, "periodSeconds": 5, "failureThreshold": 3},
        "livenessProbe": {**parts.http_probe(model.path, "rest"), "periodSeconds": 10, "failureThreshold": 6},
        "lifecycle": {"preStop": {"sleep": {"seconds": PRE_STOP_S}}},
        "securityContext": parts.NO_PRIVILEGE,
        "volumeMounts": mounts,
    }


def _server_args(pool: GpuPool) -> list[str]:
    """Arguments of the server: without a limit TensorFlow takes the memory of the whole GPU."""
    if not pool.sharing:
        return []
    return [f"--per_process_gpu_memory_fraction={0.9 / pool.sharing.replicas:.2f}"]


def _loader(model: Model) -> dict[str, Any]:
    return {
        "name": "model",
        "image": model.loader_image,
        "args": ["s3", "sync", "--only-show-errors", str(model.s3_uri), f"{MODELS}/{model.name}"],
        "env": [{"name": "HOME", "value": "/tmp"}],
        "resources": {"requests": {"cpu": "100m", "memory": "256Mi"}, "limits": {"memory": "1Gi"}},
        "securityContext": parts.NO_PRIVILEGE,
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}, {"name": "model", "mountPath": MODELS}],
    }


def _model_volume(model: Model) -> list[dict[str, Any]]:
    if model.s3_uri:
        return [{"name": "model", "emptyDir": {}}]
    if model.volume_claim:
        return [{"name": "model", "persistentVolumeClaim": {"claimName": model.volume_claim, "readOnly": True}}]
    return []
