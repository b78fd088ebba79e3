"""Pods that try the GPUs of a pool: only its nodes can take them, and they have no more rights than they need."""

from collections.abc import Mapping
from typing import Any

import pulumi_kubernetes as kubernetes
from pulumi import CustomTimeouts, Resource, ResourceOptions

from ..catalog import COLD_START_S
from ..values.gpu_pool import GpuPool, plugin_problem
from ..values.pool_pods import pool_selector, pool_tolerations
from .disposable import disposable

RUN_S = 840
"""Seconds for the run itself of a pod that runs once."""
ONCE_TIMEOUT = f"{(COLD_START_S + RUN_S) // 60}m"
"""Time that such a pod has to finish, from a node that does not exist yet."""


def trial_problem(pool: GpuPool) -> str:
    """Why no such pod can get a GPU of the pool; empty if there is no reason."""
    if pool.accelerator != "nvidia":
        return f"pool must have NVIDIA GPUs, got {pool.accelerator}"
    return plugin_problem(pool)


def trial_pod(pool: GpuPool, container: Mapping[str, Any], labels: Mapping[str, str] | None = None) -> dict[str, Any]:
    """A pod's spec with one container, for nodes of the pool that also have the labels."""
    return {
        "nodeSelector": {**pool_selector(pool), **(labels or {})},
        "tolerations": pool_tolerations(pool),
        "automountServiceAccountToken": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 65532,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [
            {**container, "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}}
        ],
    }


def create_job(
    name: str, namespace: str, pod: Mapping[str, Any], parent: Resource, opts: ResourceOptions | None
) -> kubernetes.batch.v1.Job:
    """A Job with one pod, which is retried if its node is removed; `pulumi up` waits for its end."""
    timeouts = CustomTimeouts(create=ONCE_TIMEOUT, update=ONCE_TIMEOUT)
    manifest: dict[str, Any] = {
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"backoffLimit": 3, "template": {"spec": {**pod, "restartPolicy": "Never"}}},
    }
    return kubernetes.batch.v1.Job(name, **manifest, opts=disposable(parent, opts, custom_timeouts=timeouts))
