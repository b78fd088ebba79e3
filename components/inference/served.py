"""A model server, whichever it is, and its Kubernetes objects as plain data."""

from dataclasses import dataclass
from typing import Any

from .. import catalog
from ..values.gpu_pool import GpuPool
from ..values.pool_pods import pool_selector, pool_tolerations
from . import parts
from .load_balancer import service as balanced_service
from .service_settings import END_S, NOTICED_S, SPOT_NOTICE_S, ModelService

PORT = "http"
"""Name of the server's port."""
_CONTAINER = "server"


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A server and what its pods need."""

    app: str
    """Kind of service, such as llm-inference, for the labels."""
    image: str
    command: tuple[str, ...] = ()
    """Command of the container; none for the image's own."""
    args: tuple[str, ...] = ()
    env: tuple[dict[str, Any], ...] = ()
    port: int
    health_path: str
    gpus: int
    cpu_millicores: int
    memory_mib: int
    shm_mib: int
    """Size of /dev/shm, which is a part of the memory."""
    user: int
    group: int
    start_s: int
    """Seconds for the server to load its model."""
    drains_itself: bool = False
    """Whether the server lets its requests end when it is told to stop; others are told when the time is over."""
    s3_uri: str | None = None
    """Folder in S3 that the pods may read."""
    volume_claim: str | None = None
    model_path: str = "/models"
    """Where the claimed volume is mounted, read-only."""
    cache_claim: str | None = None
    """Claim of a volume that the pods of all nodes write to."""
    cache_path: str = "/cache"
    writable: tuple[str, ...] = ("/tmp",)
    """Folders that the server may write to; all others are read-only."""
    read_only_root: bool = True


def pods_per_node(pool: GpuPool, gpus: int) -> int:
    """Servers that one node has GPUs for."""
    return pool.accelerators_per_node // gpus


def problems_with_pool(pool: GpuPool, served_gpus: int, service: ModelService) -> list[str]:
    """Why a server with so many GPUs cannot run on the pool as the service wants it."""
    if pool.accelerator != "nvidia":
        return [f"pool must have NVIDIA GPUs, got {pool.accelerator}"]
    if pool.sharing:
        return ["pool must have whole GPUs: a model server takes the memory of all that it gets, so leave sharing out"]
    per_node = pods_per_node(pool, served_gpus)
    if not per_node:
        node = f"{pool.instance_types[0].name} has {pool.accelerators_per_node}"
        return [
            f"settings: a pod must find its GPUs on one node, got {served_gpus} and {node}; "
            "a server over several nodes is not made here: take a type with more or larger GPUs"
        ]
    problems, most = [], pool.max_nodes * per_node
    if service.most > most:
        problems.append(
            f"service: the pool has GPUs for {most} pods (max_gpus {pool.max_gpus}, {served_gpus} a pod), "
            f"got {service.most}"
        )
    if "spot" in pool.capacity_types and service.grace_s > SPOT_NOTICE_S:
        longest = SPOT_NOTICE_S - NOTICED_S - END_S
        problems.append(
            f"service.drain_s must be at most {longest} on a Spot pool, whose nodes end {SPOT_NOTICE_S} s after the "
            f"notice, got {service.drain_s}"
        )
    return problems


def labels(name: str, served: Served) -> dict[str, str]:
    """On everything, and what the Service selects."""
    return parts.workload_labels(served.app, name)


def progress_s(served: Served) -> int:
    """Seconds from a node that does not exist yet to a pod that serves."""
    return catalog.COLD_START_S + served.start_s + parts.HEALTHY_S


def deployment(name: str, pool: GpuPool, served: Served, service: ModelService) -> dict[str, Any]:
    """The pods, on the pool's nodes alone."""
    selected = labels(name, served)
    spare = pool.max_nodes * pods_per_node(pool, served.gpus) - service.most
    metadata: dict[str, Any] = {"name": name, "namespace": service.namespace, "labels": selected}
    if service.max_replicas:
        metadata["annotations"] = {"pulumi.com/skipAwait": "true"}  # there may be no pod to wait for
    return {
        "metadata": metadata,
        "spec": {
            **service.own_replicas,
            "progressDeadlineSeconds": progress_s(served),
            "strategy": parts.rolling_update(spare),
            "selector": {"matchLabels": selected},
            "template": {"metadata": {"labels": selected}, "spec": pod(name, pool, served, service)},
        },
    }


def pod(name: str, pool: GpuPool, served: Served, service: ModelService) -> dict[str, Any]:
    """One pod's spec. It has the service account `name` only where it reads S3."""
    account = {"serviceAccountName": name} if served.s3_uri else {}
    return {
        "nodeSelector": pool_selector(pool),
        "tolerations": pool_tolerations(pool),
        "topologySpreadConstraints": parts.spread(labels(name, served)),
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": service.grace_s,
        "securityContext": parts.unprivileged(served.user, served.group),
        "containers": [_container(served, service)],
        "volumes": [*(volume for volume, _ in _volumes(served))],
        **account,
    }


def _container(served: Served, service: ModelService) -> dict[str, Any]:
    probe = parts.http_probe(served.health_path, PORT)
    until_noticed = NOTICED_S if served.drains_itself else NOTICED_S + service.drain_s
    return {
        "name": _CONTAINER,
        "image": served.image,
        **({"command": [*served.command]} if served.command else {}),
        "args": [*served.args],
        "env": [*served.env],
        "ports": [{"name": PORT, "containerPort": served.port}],
        "resources": {
            "requests": {"cpu": f"{served.cpu_millicores}m", "memory": f"{served.memory_mib}Mi"},
            "limits": {"memory": f"{served.memory_mib}Mi", catalog.GPU_RESOURCE: str(served.gpus)},
        },
        "startupProbe": {**probe, "periodSeconds": 10, "failureThreshold": -(-served.start_s // 10)},
        "readinessProbe": {**probe, "periodSeconds": 5, "failureThreshold": 3},
        "livenessProbe": {**probe, "periodSeconds": 10, "failureThreshold": 6},
        "lifecycle": {"preStop": {"sleep": {"seconds": until_noticed}}},
        "securityContext": {**parts.NO_PRIVILEGE, "readOnlyRootFilesystem": served.read_only_root},
        "volumeMounts": [*(mount for _, mount in _volumes(served))],
    }


def _volumes(served: Served) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Each volume with its mount."""
    memory = {"medium": "Memory", "sizeLimit": f"{served.shm_mib}Mi"}
    found: list[tuple[dict[str, Any], dict[str, Any]]] = [
        ({"name": "shm", "emptyDir": memory}, {"name": "shm", "mountPath": "/dev/shm"})
    ]
    for number, path in enumerate(served.writable):
        name = "tmp" if path == "/tmp" else f"writable-{number}"
        found.append(({"name": name, "emptyDir": {}}, {"name": name, "mountPath": path}))
    if served.volume_claim:
        claim = {"claimName": served.volume_claim, "readOnly": True}
        mount = {"name": "model", "mountPath": served.model_path, "readOnly": True}
        found.append(({"name": "model", "persistentVolumeClaim": claim}, mount))
    if served.cache_claim:
        claim = {"claimName": served.cache_claim}
        found.append(
            ({"name": "cache", "persistentVolumeClaim": claim}, {"name": "cache", "mountPath": served.cache_path})
        )
    return found


def service_object(name: str, served: Served, service: ModelService) -> dict[str, Any]:
    """The Service: behind a load balancer if the settings want one, else for pods of the cluster."""
    selected, balancer = labels(name, served), service.load_balancer
    if balancer:
        return balanced_service(
            name, service.namespace, selected, balancer, served.health_path, served.port, service.drain_s
        )
    return {
        "metadata": {
            "name": name,
            "namespace": service.namespace,
            "labels": selected,
            # The provider would wait for pods, which wait for this, and there may be none.
            "annotations": {"pulumi.com/skipAwait": "true"},
        },
        "spec": {
            "type": "ClusterIP",
            "selector": selected,
            "ports": [{"name": PORT, "port": served.port, "targetPort": served.port, "protocol": "TCP"}],
        },
    }


def network_policy(name: str, served: Served, service: ModelService) -> dict[str, Any]:
    """Ingress: the server's port, from the cluster, or from the VPC behind a load balancer."""
    pods: list[dict[str, Any]] = [{"namespaceSelector": {}}]
    balancer = service.load_balancer
    clients = pods + parts.from_ranges(balancer.vpc_cidrs) if balancer else pods
    return parts.network_policy(
        name, service.namespace, labels(name, served), served.port, clients, bool(served.s3_uri)
    )
