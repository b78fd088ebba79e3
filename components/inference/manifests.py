"""The Kubernetes objects that serve a model, as plain data: the pods, and the objects that protect them."""

from typing import Any

from .. import catalog
from ..values.gpu_pool import GpuPool
from ..values.pool_pods import pool_selector, pool_tolerations
from .load_balancer import DEREGISTRATION_S, READINESS_GATE_LABELS, REST_PORT, LoadBalancer
from .settings import MODELS, Model, ResnetInferenceSettings

USER = 65532

PRE_STOP_S = DEREGISTRATION_S + 15
"""Seconds that a terminating pod still answers: until the load balancer has noticed and open connections have ended."""
GRACE_S = PRE_STOP_S + 30
"""All of it fits the 120 s between a Spot notice and the end of the node."""

START_S = 900
"""Loading the model, once the image is there."""
HEALTHY_S = 180
"""The load balancer's first health checks."""
PROGRESS_S = catalog.COLD_START_S + START_S + HEALTHY_S
"""From a node that does not exist yet to a pod that the load balancer sends requests to."""

_POD_IDENTITY_AGENT = "169.254.170.23/32"  # Source: EKS User Guide, "EKS Pod Identity restrictions"


def workload_labels(name: str) -> dict[str, str]:
    """On everything, and what the Service selects."""
    return {"app.kubernetes.io/name": "resnet-inference", "app.kubernetes.io/instance": name}


def namespace(settings: ResnetInferenceSettings) -> dict[str, Any]:
    """A Namespace that allows only unprivileged pods, which become ready when the load balancer finds them healthy."""
    labels = {
        "pod-security.kubernetes.io/enforce": "restricted",
        READINESS_GATE_LABELS[settings.load_balancer.controller]: "enabled",
    }
    return {"metadata": {"name": settings.namespace, "labels": labels}}


def service_account(name: str, namespace: str) -> dict[str, Any]:
    """The ServiceAccount that gets the role which may read the model."""
    return {"metadata": {"name": name, "namespace": namespace}, "automount_service_account_token": False}


def deployment(name: str, pool: GpuPool, settings: ResnetInferenceSettings) -> dict[str, Any]:
    """The pods, on the pool's nodes alone."""
    labels = workload_labels(name)
    spare = pool.max_nodes * pool.resources_per_node - settings.max_replicas
    # A new pod before an old one goes, where the pool has a GPU for it; else it would wait for ever.
    update = {"maxSurge": 1, "maxUnavailable": 0} if spare > 0 else {"maxSurge": 0, "maxUnavailable": 1}
    metadata: dict[str, Any] = {"name": name, "namespace": settings.namespace, "labels": labels}
    if settings.keda:
        metadata["annotations"] = {"pulumi.com/skipAwait": "true"}  # there may be no pod to wait for
    return {
        "metadata": metadata,
        "spec": {
            **settings.own_replicas,
            "progressDeadlineSeconds": PROGRESS_S,
            "strategy": {"type": "RollingUpdate", "rollingUpdate": update},
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
        "topologySpreadConstraints": [
            {
                "maxSkew": 1,
                "topologyKey": catalog.ZONE_LABEL,
                "whenUnsatisfiable": "ScheduleAnyway",  # a zone may have no GPU to sell
                "labelSelector": {"matchLabels": workload_labels(name)},
            }
        ],
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": GRACE_S,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER,
            "runAsGroup": USER,
            "fsGroup": USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [_server(pool, settings)],
        "volumes": [{"name": "tmp", "emptyDir": {}}, *_model_volume(model)],
    }
    if model.s3_uri:
        spec |= {"serviceAccountName": name, "initContainers": [_loader(model)]}
    return spec


def _server(pool: GpuPool, settings: ResnetInferenceSettings) -> dict[str, Any]:
    model = settings.model
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
            "limits": {"memory": f"{settings.memory_mib}Mi", catalog.GPU_RESOURCE: "1"},
        },
        "startupProbe": {**_probe(model.loaded_path), "periodSeconds": 10, "failureThreshold": START_S // 10},
        "readinessProbe": {**_probe(model.loaded_path), "periodSeconds": 5, "failureThreshold": 3},
        "livenessProbe": {**_probe(model.path), "periodSeconds": 10, "failureThreshold": 6},
        "lifecycle": {"preStop": {"sleep": {"seconds": PRE_STOP_S}}},
        "securityContext": _NO_PRIVILEGE,
        "volumeMounts": mounts,
    }


def _server_args(pool: GpuPool) -> list[str]:
    """Arguments of the server: without a limit TensorFlow takes the memory of the whole GPU."""
    if not pool.sharing:
        return []
    return [f"--per_process_gpu_memory_fraction={0.9 / pool.sharing.replicas:.2f}"]


def _probe(path: str) -> dict[str, Any]:
    return {"httpGet": {"path": path, "port": "rest"}, "timeoutSeconds": 5}


_NO_PRIVILEGE = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}


def _loader(model: Model) -> dict[str, Any]:
    return {
        "name": "model",
        "image": model.loader_image,
        "args": ["s3", "sync", "--only-show-errors", str(model.s3_uri), f"{MODELS}/{model.name}"],
        "env": [{"name": "HOME", "value": "/tmp"}],
        "resources": {"requests": {"cpu": "100m", "memory": "256Mi"}, "limits": {"memory": "1Gi"}},
        "securityContext": _NO_PRIVILEGE,
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}, {"name": "model", "mountPath": MODELS}],
    }


def _model_volume(model: Model) -> list[dict[str, Any]]:
    if model.s3_uri:
        return [{"name": "model", "emptyDir": {}}]
    if model.volume_claim:
        return [{"name": "model", "persistentVolumeClaim": {"claimName": model.volume_claim, "readOnly": True}}]
    return []


def disruption_budget(name: str, namespace: str) -> dict[str, Any]:
    """A budget that lets one pod be evicted at a time. With a minimum of available pods, a single pod would block its
    node forever.
    """
    return {
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"maxUnavailable": 1, "selector": {"matchLabels": workload_labels(name)}},
    }


def network_policy(name: str, namespace: str, balancer: LoadBalancer, model: Model) -> dict[str, Any]:
    """Ingress: the REST port, from the VPC. Egress: nothing, or what reading a model from S3 needs."""
    return {
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "podSelector": {"matchLabels": workload_labels(name)},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [
                {
                    "from": [{"ipBlock": {"cidr": cidr}} for cidr in balancer.vpc_cidrs],
                    "ports": [{"protocol": "TCP", "port": REST_PORT}],
                }
            ],
            "egress": _to_s3() if model.s3_uri else [],
        },
    }


def _to_s3() -> list[dict[str, Any]]:
    return [
        {"ports": [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}]},
        {"ports": [{"protocol": "TCP", "port": 443}]},
        {"to": [{"ipBlock": {"cidr": _POD_IDENTITY_AGENT}}], "ports": [{"protocol": "TCP", "port": 80}]},
    ]
