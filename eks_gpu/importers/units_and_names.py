"""Small facts of other formats: retired instance types, names, labels that a pool may carry."""

import re
from collections.abc import Iterable
from functools import cache
from ipaddress import IPv4Network

from eks_gpu_components.catalog import (
    ACCELERATOR_LABEL,
    CAPACITY_TYPE_LABEL,
    GPU_PRESENT_LABEL,
    INSTANCE_TYPE_LABEL,
    UnknownInstanceType,
    instance_types,
)

RETIRED = {
    "p2.xlarge": (1, 12),
    "p2.8xlarge": (8, 12),
    "p2.16xlarge": (16, 12),
    "p3.2xlarge": (1, 16),
    "p3.8xlarge": (4, 16),
    "p3.16xlarge": (8, 16),
    "g3s.xlarge": (1, 8),
    "g3.4xlarge": (1, 8),
    "g3.8xlarge": (2, 8),
    "g3.16xlarge": (4, 8),
    "g4ad.xlarge": (1, 8),
    "g4ad.2xlarge": (1, 8),
    "g4ad.4xlarge": (1, 8),
    "g4ad.8xlarge": (2, 8),
    "g4ad.16xlarge": (4, 8),
}
"""GPUs and GiB of each. Source: Karpenter 1.0, reference of instance types."""

MAX_NAMES = 100
"""Instance types of one pool, more than any provider takes."""
_PLACEHOLDER = re.compile(r"\$\{?\w+\}?|<[^>]*>|\{\{.*?\}\}")
"""A shell variable, or what a text leaves for its reader to fill in."""

# Follow from the pool itself, by either name of an older or the present time.
_OWN_LABELS = {ACCELERATOR_LABEL, CAPACITY_TYPE_LABEL, GPU_PRESENT_LABEL, INSTANCE_TYPE_LABEL}
_OWN_LABELS |= {
    "nvidia.com/device-plugin.config",
    "nvidia.com/gpu.deploy.device-plugin",
    "nvidia.com/mps.capable",
}
_NAME = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?", re.ASCII)
_KEY = re.compile(r"([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?", re.ASCII)
_MAX_KEY = 63  # EKS's limit. Source: EKS API, CreateNodegroup


def syntax_problem(key: str, value: str) -> str | None:
    """What is wrong with a label's or taint's key and value themselves. Source: Kubernetes and EKS, CreateNodegroup."""
    if len(key) > _MAX_KEY or not _KEY.fullmatch(key):
        return f"its key must be at most {_MAX_KEY} letters, digits, '-', '_' and '.', with a domain or none"
    if value and not _NAME.fullmatch(value):
        return f"its value must be at most 63 letters, digits, '-', '_' and '.', got {value!r}"
    return None


def whole(text: str) -> int | None:
    """A number of at most nine digits; None for anything else."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def network(text: str) -> IPv4Network | None:
    """A block of addresses; None for what is none."""
    try:
        return IPv4Network(text[:50])
    except ValueError:
        return None


def has_placeholder(text: str) -> bool:
    """Whether something is left to be filled in."""
    return bool(_PLACEHOLDER.search(text[:500]))


def unknown_type(name: str) -> str | None:
    """Why the catalog lacks the instance type, and what to take instead; None where it has it."""
    if name in _by_name():
        return None
    return str(UnknownInstanceType(name))


@cache
def _by_name() -> frozenset[str]:
    return frozenset(row.name for row in instance_types())


def label_problem(key: str, value: str) -> str | None:
    """Why a pool may not carry the label; None where it may. Source: Kubernetes, kubelet and EKS, as GpuPool has it."""
    domain = key.rpartition("/")[0]
    if problem := syntax_problem(key, value):
        return problem
    if key in _OWN_LABELS:
        return "it follows from the pool itself"
    if _of(domain, "eks.amazonaws.com", exact=True) or _of(domain, "karpenter.sh") or _of(domain, "karpenter.k8s.aws"):
        return "it is for EKS or Karpenter to set"
    kubernetes = _of(domain, "kubernetes.io") or _of(domain, "k8s.io")
    if kubernetes and not _of(domain, "node.kubernetes.io") and not _of(domain, "kubelet.kubernetes.io"):
        return "a node may not set a label of that domain"
    return None


def follows_from_pool(key: str) -> bool:
    """Whether the program sets the label itself."""
    return key in _OWN_LABELS


def _of(domain: str, parent: str, *, exact: bool = False) -> bool:
    return domain == parent or (not exact and domain.endswith(f".{parent}"))


def fitting_name(name: str, *, most: int, taken: Iterable[str]) -> str:
    """The nearest name of lower-case letters, digits and hyphens that nobody has."""
    taken = set(taken)
    base = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:most].rstrip("-") or "pool"
    found, number = base, 2
    while found in taken:
        ending = f"-{number}"
        found, number = base[: most - len(ending)] + ending, number + 1
    return found
