"""Warm capacity: accelerators that are ready although nothing uses them, by a CapacityBuffer or by placeholder pods.

Either is counted in single accelerators. For one that a pod takes the next node comes, as far as `max_gpus` goes.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import pulumi_kubernetes as kubernetes
from pulumi import Resource, ResourceOptions

from ..catalog import AUTOSCALER_PRIORITY_CUTOFF, PAUSE_IMAGE
from ..catalog.api_groups import CAPACITY_BUFFER_API_VERSION
from ..values.gpu_pool import GpuPool
from ..values.pool_pods import pool_selector, pool_tolerations

MAX_NAME = 63 - len("-warm")
_USER = 65535
"""What the image itself runs as. Source: Kubernetes, build/pause/Dockerfile."""


def warm_name(name: str) -> str:
    """Name of the namespace and of all that keeps the accelerators of pool `name` ready."""
    return f"{name}-warm"


def warm_problems(name: str, pool: GpuPool) -> list[str]:
    """What is wrong with the component's name for the objects that `warm_gpus` makes."""
    if not pool.warm_gpus or (len(name) <= MAX_NAME and re.fullmatch(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?", name)):
        return []
    rule = f"must be {MAX_NAME} lower-case letters, digits and '-' at most with pool.warm_gpus"
    return [f"the component's name {rule}, whose namespace is {warm_name(name)}, got {name!r}"]


def namespace(name: str) -> dict[str, Any]:
    """A Namespace of its own, which allows only unprivileged pods."""
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    return {"metadata": {"name": warm_name(name), "labels": labels}}


def pod_template(name: str, pool: GpuPool, selector: Mapping[str, str]) -> dict[str, Any]:
    """A pod that holds one of the pool's devices, as its own pods see them, and does nothing."""
    # In a PodTemplate nobody fills in requests from limits: without them a buffer is of pods without a device.
    held = {"memory": "16Mi", pool.resource: "1"}
    return {
        "metadata": {"labels": _labels(name)},
        "spec": {
            "nodeSelector": {**pool_selector(pool), **selector},
            "tolerations": pool_tolerations(pool),
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "terminationGracePeriodSeconds": 0,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": _USER,
                "runAsGroup": _USER,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [
                {
                    "name": "pause",
                    "image": PAUSE_IMAGE,
                    "resources": {"requests": {"cpu": "10m", **held}, "limits": held},
                    "securityContext": {
                        "allowPrivilegeEscalation": False,
                        "readOnlyRootFilesystem": True,
                        "capabilities": {"drop": ["ALL"]},
                    },
                }
            ],
        },
    }


def capacity_buffer(name: str, pool: GpuPool) -> dict[str, Any]:
    """A CapacityBuffer's `spec`. Source: Karpenter 1.15, CapacityBuffer v1beta1."""
    return {"podTemplateRef": {"name": warm_name(name)}, "replicas": pool.warm_resources}


def priority_class(name: str) -> dict[str, Any]:
    """A PriorityClass below that of any other pod, yet high enough for the cluster autoscaler to start a node.

    Source: Kubernetes documentation, "Node overprovisioning"; Cluster Autoscaler, FAQ, overprovisioning.
    """
    return {
        "metadata": {"name": warm_name(name)},
        "value": AUTOSCALER_PRIORITY_CUTOFF,
        "preemption_policy": "Never",
        "global_default": False,
        "description": f"Holds accelerators of pool {name} ready; every other pod takes their place.",
    }


def placeholders(name: str, pool: GpuPool, selector: Mapping[str, str]) -> dict[str, Any]:
    """A Deployment of pods that any other pod takes the place of."""
    template = pod_template(name, pool, selector)
    return {
        "metadata": {
            "name": warm_name(name),
            "namespace": warm_name(name),
            "labels": _labels(name),
            # They wait for nodes that a controller of the same update may start, or for none at the ceiling.
            "annotations": {"pulumi.com/skipAwait": "true"},
        },
        "spec": {
            "replicas": pool.warm_resources,
            # A rolling update would first start a node for the new ones.
            "strategy": {"type": "Recreate"},
            "selector": {"matchLabels": _labels(name)},
            "template": {**template, "spec": {"priorityClassName": warm_name(name), **template["spec"]}},
        },
    }


def _labels(name: str) -> dict[str, str]:
    return {"app.kubernetes.io/name": "warm-gpus", "app.kubernetes.io/instance": name}


def create_capacity_buffer(
    name: str, pool: GpuPool, selector: Mapping[str, str], node_pool: Resource, parent: Resource
) -> None:
    """Creates the CapacityBuffer and its PodTemplate, which are deleted before the NodePool."""
    made, warm = _create_namespace(name, parent), warm_name(name)
    named = {"name": warm, "namespace": warm}
    given: dict[str, Any] = {"metadata": named, "template": pod_template(name, pool, selector)}
    template = kubernetes.core.v1.PodTemplate(
        warm,
        **given,
        opts=ResourceOptions(parent=parent, depends_on=[made]),
    )
    kubernetes.apiextensions.CustomResource(
        warm,
        api_version=CAPACITY_BUFFER_API_VERSION,
        kind="CapacityBuffer",
        metadata=named,
        spec=capacity_buffer(name, pool),
        opts=ResourceOptions(parent=parent, depends_on=[template, node_pool]),
    )


def create_placeholders(
    name: str, pool: GpuPool, selector: Mapping[str, str], nodes: Sequence[Resource], parent: Resource
) -> None:
    """Creates the placeholder pods, which are deleted before `nodes`, with a namespace and a priority of their own."""
    made = [_create_namespace(name, parent)]
    made += [
        kubernetes.scheduling.v1.PriorityClass(
            warm_name(name), **priority_class(name), opts=ResourceOptions(parent=parent)
        )
    ]
    kubernetes.apps.v1.Deployment(
        warm_name(name),
        **placeholders(name, pool, selector),
        opts=ResourceOptions(parent=parent, depends_on=[*made, *nodes]),
    )


def _create_namespace(name: str, parent: Resource) -> Resource:
    return kubernetes.core.v1.Namespace(warm_name(name), **namespace(name), opts=ResourceOptions(parent=parent))
