"""What Kubernetes holds the fields of its own kinds to, beyond their types: bounds, words, names, rules between them.

Each module has the rules of some kinds; importing it registers them. Source: Kubernetes 1.36, pkg/apis, package
validation of core, apps, batch, autoscaling, policy, networking, node, rbac, scheduling and storage.
"""

from eks_gpu.api.rules import (
    access,
    autoscaling,
    classes,
    containers,
    every_object,
    ingresses,
    namespaces,
    network,
    placement,
    pods,
    resources,
    volumes,
    workloads,
)
from eks_gpu.api.rules.registry import ruled

__all__ = [
    "access",
    "autoscaling",
    "classes",
    "containers",
    "every_object",
    "ingresses",
    "namespaces",
    "network",
    "placement",
    "pods",
    "resources",
    "ruled",
    "volumes",
    "workloads",
]
