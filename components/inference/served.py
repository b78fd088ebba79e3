"""A model server, whichever it is, and its Kubernetes objects as plain data."""

import re
from dataclasses import dataclass
from typing import Any

from .. import catalog
from ..catalog.leader_worker_sets import GROUP_KEY_LABEL, LEADER_WORKER_SET_API_VERSION
from ..values.gpu_pool import GpuPool
from ..values.pool_pods import pool_selector, pool_tolerations
from ..values.value import BadInput
from . import parts
from .load_balancer import service as balanced_service
from .service_settings import END_S, NOTICED_S, SPOT_NOTICE_S, ModelService

PORT = "http"
"""Name of the server's port."""
LEADER_LABELS = {"app.kubernetes.io/component": "leader"}
WORKER_LABELS = {"app.kubernetes.io/component": "worker"}
_CONTAINER = "server"
_SPREAD = "topologySpreadConstraints"
# A label of a group's pods has its name and eleven characters more, of the 63 that a label takes.
_GROUP_NAME = re.compile(r"[a-z]([-a-z0-9]{0,48}[a-z0-9])?")
_WIDER = "a server over several nodes is not made here: take a type with more or larger GPUs"


@dataclass(frozen=True, slots=True, kw_only=True)
class Workers:
    """The pods of a server beside the one that leads."""

    number: int
    args: tuple[str, ...]
    env: tuple[dict[str, Any], ...]


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
    workers: Workers | None = None
    """The other pods of a server that is several; None for one pod."""

    @property
    def pods(self) -> int:
        """Pods of one server."""
        return 1 + (self.workers.number if self.workers else 0)

    @property
    def patience_s(self) -> int:
        """Seconds from the start of a pod to its answer. A pod that leads waits for the nodes of the others, too."""
        return self.start_s + (catalog.COLD_START_S if self.workers else 0)


def pods_per_node(pool: GpuPool, gpus: int) -> int:
    """Servers that one node has GPUs for."""
    return pool.accelerators_per_node // gpus


def problems_with_pool(
    pool: GpuPool, served_gpus: int, service: ModelService, pods: int = 1, instead: str = _WIDER
) -> list[str]:
    """Why a server of so many pods, each with so many GPUs, cannot run on the pool as the service wants it.

    instead: what to do if a pod needs more GPUs than a node has.
    """
    if pool.accelerator != "nvidia":
        return [f"pool must have NVIDIA GPUs, got {pool.accelerator}"]
    if pool.sharing:
        return ["pool must have whole GPUs: a model server takes the memory of all that it gets, so leave sharing out"]
    per_node = pods_per_node(pool, served_gpus)
    if not per_node:
        node = f"{pool.instance_types[0].name} has {pool.accelerators_per_node}"
        return [f"settings: a pod must find its GPUs on one node, got {served_gpus} and {node}; {instead}"]
    problems, most = [], servers(pool, served_gpus, pods)
    if service.most > most:
        each = f"{pool.stated_size}, {served_gpus} a pod"
        room = f"{most} pods" if pods == 1 else f"{most} server{'' if most == 1 else 's'} of {pods} pods"
        problems.append(f"service: the pool has GPUs for {room} ({each}), got {service.most}")
    if "spot" in pool.capacity_types and service.grace_s > SPOT_NOTICE_S:
        longest = SPOT_NOTICE_S - NOTICED_S - END_S
        problems.append(
            f"service.drain_s must be at most {longest} on a Spot pool, whose nodes end {SPOT_NOTICE_S} s after the "
            f"notice, got {service.drain_s}"
        )
    return problems


def servers(pool: GpuPool, gpus: int, pods: int) -> int:
    """Servers of so many pods that the pool has GPUs for."""
    return pool.max_nodes_for_pods * pods_per_node(pool, gpus) // pods


def labels(name: str, served: Served) -> dict[str, str]:
    """On everything."""
    return parts.workload_labels(served.app, name)


def reached_labels(name: str, served: Served) -> dict[str, str]:
    """Labels of the pods that answer, which the Service selects."""
    return {**labels(name, served), **(LEADER_LABELS if served.workers else {})}


def progress_s(served: Served) -> int:
    """Seconds from a node that does not exist yet to a pod that serves."""
    return catalog.COLD_START_S + served.patience_s + parts.HEALTHY_S


def deployment(name: str, pool: GpuPool, served: Served, service: ModelService) -> dict[str, Any]:
    """The pods, on the pool's nodes alone."""
    selected = labels(name, served)
    spare = servers(pool, served.gpus, served.pods) - service.most
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


def check_group_name(name: str) -> None:
    """Raises BadInput for a name that a LeaderWorkerSet cannot have, or that makes those of its groups too long."""
    if not _GROUP_NAME.fullmatch(name):
        rule = "must be at most 50 of a-z, 0-9 and -, and begin with a letter"
        raise BadInput(
            [f"name {rule}, got {name!r}: groups of pods and their Services are named {name}-0 and the like"]
        )


def leader_worker_set(name: str, pool: GpuPool, served: Served, service: ModelService) -> dict[str, Any]:
    """Groups of pods, on the pool's nodes alone. A group is one server: it starts, ends and moves as a whole."""
    spare = servers(pool, served.gpus, served.pods) - service.most
    metadata: dict[str, Any] = {"name": name, "namespace": service.namespace, "labels": labels(name, served)}
    if not service.max_replicas:  # else there may be no group to wait for
        metadata["annotations"] = {"pulumi.com/waitFor": "condition=Available"}
    update = parts.rolling_update(spare)
    return {
        "api_version": LEADER_WORKER_SET_API_VERSION,
        "kind": "LeaderWorkerSet",
        "metadata": metadata,
        "spec": {
            **service.own_replicas,
            "rolloutStrategy": {"type": update["type"], "rollingUpdateConfiguration": update["rollingUpdate"]},
            # A Service for each group. One for all would have the name of the set, which is that of the server's own.
            "networkConfig": {"subdomainPolicy": "UniquePerReplica"},
            "startupPolicy": "LeaderCreated",
            "leaderWorkerTemplate": {
                "size": served.pods,
                # What one of them computes is worth nothing without the others.
                "restartPolicy": "RecreateGroupOnPodRestart",
                "leaderTemplate": {
                    "metadata": {"labels": reached_labels(name, served)},
                    "spec": {**pod(name, pool, served, service), "affinity": _together(name, served)},
                },
                "workerTemplate": {
                    "metadata": {"labels": {**labels(name, served), **WORKER_LABELS}},
                    "spec": {**_worker(name, pool, served, service), "affinity": _together(name, served)},
                },
            },
        },
    }


def _together(name: str, served: Served) -> dict[str, Any]:
    """All pods of a group in the zone of its first. With the annotation exclusive-topology, which says so too, no other
    group could be in that zone.
    """
    term = {
        "topologyKey": catalog.ZONE_LABEL,
        "labelSelector": {"matchLabels": labels(name, served)},
        "matchLabelKeys": [GROUP_KEY_LABEL],
    }
    return {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}


def _worker(name: str, pool: GpuPool, served: Served, service: ModelService) -> dict[str, Any]:
    """A pod that does not lead: it has no port, follows its leader, and lives until the leader's streams have ended."""
    assert served.workers
    container = {
        **_container(served, service),
        "args": [*served.workers.args],
        "env": [*served.workers.env],
        "lifecycle": {"preStop": {"sleep": {"seconds": NOTICED_S + service.drain_s}}},
    }
    answers = ("ports", "startupProbe", "readinessProbe", "livenessProbe")
    kept = {key: value for key, value in container.items() if key not in answers}
    spec = {key: value for key, value in pod(name, pool, served, service).items() if key != _SPREAD}
    return {**spec, "containers": [kept]}


def pod(name: str, pool: GpuPool, served: Served, service: ModelService) -> dict[str, Any]:
    """One pod's spec. It has the service account `name` only where it reads S3."""
    account = {"serviceAccountName": name} if served.s3_uri else {}
    return {
        "nodeSelector": pool_selector(pool),
        "tolerations": pool_tolerations(pool),
        _SPREAD: parts.spread(reached_labels(name, served)),
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
        "startupProbe": {**probe, "periodSeconds": 10, "failureThreshold": -(-served.patience_s // 10)},
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
    selected, balancer = reached_labels(name, served), service.load_balancer
    if balancer:
        return balanced_service(
            name, service.namespace, selected, balancer, served.health_path, served.port, service.drain_s
        )
    return {
        "metadata": {
            "name": name,
            "namespace": service.namespace,
            "labels": labels(name, served),
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
    """Ingress: the server's port, from the cluster, or from the VPC behind a load balancer. Pods of one server reach
    each other on every port, and nobody else does.
    """
    pods: list[dict[str, Any]] = [{"namespaceSelector": {}}]
    balancer = service.load_balancer
    clients = pods + parts.from_ranges(balancer.vpc_cidrs) if balancer else pods
    policy = parts.network_policy(
        name, service.namespace, labels(name, served), served.port, clients, bool(served.s3_uri)
    )
    return parts.among_themselves(policy) if served.workers else policy
