"""Rules of Kubernetes, kubelet and EKS for the labels and taints that a person gives nodes.

Source: Kubernetes, "Labels and Selectors"; kubelet, `--node-labels`; EKS API, CreateNodegroup; Karpenter 1.15,
restricted labels.
"""

import re

from .api_groups import AUTO_MODE_GROUP, KARPENTER_CORE_GROUP, KARPENTER_GROUP
from .labels import (
    ACCELERATOR_LABEL,
    CAPACITY_TYPE_LABEL,
    DEPLOY_DEVICE_PLUGIN_LABEL,
    DEVICE_PLUGIN_CONFIG_LABEL,
    DRA_DRIVER_LABEL,
    GPU_PRESENT_LABEL,
    INSTANCE_TYPE_LABEL,
    MPS_CAPABLE_LABEL,
)

MAX_LABEL_LENGTH = 63
"""Characters of a key, with its domain, and of a value. Kubernetes lets a domain be longer; EKS does not."""
POOL_LABELS = frozenset(
    {
        ACCELERATOR_LABEL,
        CAPACITY_TYPE_LABEL,
        DEPLOY_DEVICE_PLUGIN_LABEL,
        DEVICE_PLUGIN_CONFIG_LABEL,
        DRA_DRIVER_LABEL,
        GPU_PRESENT_LABEL,
        INSTANCE_TYPE_LABEL,
        MPS_CAPABLE_LABEL,
    }
)
"""Labels that follow from a GPU pool itself, so that nobody gives them."""
KUBERNETES_DOMAINS = ("kubernetes.io", "k8s.io")
"""Domains whose labels kubelet may not set on its own node, with those below them."""
KUBELET_DOMAINS = ("kubelet.kubernetes.io", "node.kubernetes.io")
"""Domains below Kubernetes' own whose labels kubelet may set, with those below them."""

_NAME = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?")
_DOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")


def key_problem(key: str) -> str | None:
    """What is wrong with a label's or taint's key, as a sentence; None for nothing."""
    domain, slash, name = key.rpartition("/")
    if len(key) > MAX_LABEL_LENGTH:
        return f"key {key} must have at most {MAX_LABEL_LENGTH} characters, which is EKS's limit; it has {len(key)}"
    if not _NAME.fullmatch(name) or (slash and not _DOMAIN.fullmatch(domain)):
        return f"key {key!r} must be letters, digits, '-', '_' and '.', with a domain and '/' before or none"
    return None


def value_problem(value: str) -> str | None:
    """What is wrong with a label's or taint's value, which may be empty, as a sentence; None for nothing."""
    if value and (len(value) > MAX_LABEL_LENGTH or not _NAME.fullmatch(value)):
        return f"value {value!r} must be at most {MAX_LABEL_LENGTH} letters, digits, '-', '_' and '.'"
    return None


def syntax_problem(key: str, value: str) -> str | None:
    """The first of what is wrong with key and value themselves, as a sentence; None for nothing."""
    return key_problem(key) or value_problem(value)


def label_problem(key: str, value: str) -> str | None:
    """Why nodes cannot be given this label, as a sentence; None if they can."""
    if problem := syntax_problem(key, value):
        return problem
    domain = key.rpartition("/")[0]
    if key in POOL_LABELS:
        return f"{key} follows from the pool itself"
    if domain == AUTO_MODE_GROUP:
        return f"{key} is for EKS to set"
    if _is_below(domain, KARPENTER_CORE_GROUP, KARPENTER_GROUP):
        return f"{key} is for Karpenter to set"
    if _is_below(domain, *KUBERNETES_DOMAINS) and not _is_below(domain, *KUBELET_DOMAINS):
        nearest = f"{KUBELET_DOMAINS[1]}/{key.rpartition('/')[2]}"
        return f"{key} is in a domain that kubelet may not set; nearest: {nearest}"
    return None


def _is_below(domain: str, *parents: str) -> bool:
    return any(domain == parent or domain.endswith(f".{parent}") for parent in parents)
