"""Labels and taints that a person gives nodes, by the rules of Kubernetes, kubelet and EKS."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator
from typing_extensions import TypedDict

from ..catalog import ACCELERATOR_LABEL, CAPACITY_TYPE_LABEL, GPU_PRESENT_LABEL, INSTANCE_TYPE_LABEL, Taint
from .value import Value

DEVICE_PLUGIN_CONFIG_LABEL = "nvidia.com/device-plugin.config"
"""Names the entry of the device plugin's `config.map` for the node. Source: NVIDIA device plugin 0.20, README.md."""
DEPLOY_DEVICE_PLUGIN_LABEL = "nvidia.com/gpu.deploy.device-plugin"
"""`false` keeps a device plugin off a node whose image brings one."""
MPS_CAPABLE_LABEL = "nvidia.com/mps.capable"
"""`true` brings the daemon that MPS needs to the node. Source: NVIDIA device plugin 0.20, Helm chart."""

OWN_LABELS = frozenset(
    {
        ACCELERATOR_LABEL,
        CAPACITY_TYPE_LABEL,
        DEPLOY_DEVICE_PLUGIN_LABEL,
        DEVICE_PLUGIN_CONFIG_LABEL,
        GPU_PRESENT_LABEL,
        INSTANCE_TYPE_LABEL,
        MPS_CAPABLE_LABEL,
    }
)
"""Follow from the pool itself, so nobody gives them."""

_NAME = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?")
_PREFIX = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_LENGTH = 63  # Kubernetes lets a key's prefix be longer; EKS does not. Source: EKS API, CreateNodegroup


def key(text: str) -> str:
    """A label's or taint's key, with or without a prefix. Raises ValueError."""
    prefix, slash, name = text.rpartition("/")
    if len(text) > _LENGTH:
        raise ValueError(f"key {text} must have at most {_LENGTH} characters, which is EKS's limit; it has {len(text)}")
    if not _NAME.fullmatch(name) or (slash and not _PREFIX.fullmatch(prefix)):
        raise ValueError(
            f"key {text!r} must be letters, digits, '-', '_' and '.', with a domain and '/' before or none"
        )
    return text


def value(text: str) -> str:
    """A label's or taint's value, maybe empty. Raises ValueError."""
    if text and (len(text) > _LENGTH or not _NAME.fullmatch(text)):
        raise ValueError(f"value {text!r} must be at most {_LENGTH} letters, digits, '-', '_' and '.'")
    return text


def labels(given: dict[str, str]) -> dict[str, str]:
    """Labels for nodes. Raises ValueError, with all that is wrong, for those that a node could not set on itself."""
    problems = [problem for item in given.items() if (problem := _label_problem(*item))]
    if problems:
        raise ValueError("; ".join(problems))
    return given


def _label_problem(label: str, text: str) -> str | None:
    try:
        key(label)
        value(text)
    except ValueError as error:
        return str(error)
    domain = label.rpartition("/")[0]
    if label in OWN_LABELS:
        return f"{label} follows from the pool itself"
    if domain == "eks.amazonaws.com":
        return f"{label} is for EKS to set"
    if _of(domain, "karpenter.sh", "karpenter.k8s.aws"):
        return f"{label} is for Karpenter to set"
    if _of(domain, "kubernetes.io", "k8s.io") and not _of(domain, "kubelet.kubernetes.io", "node.kubernetes.io"):
        nearest = f"node.kubernetes.io/{label.rpartition('/')[2]}"
        return f"{label} is in a domain that kubelet may not set; nearest: {nearest}"
    return None


def _of(domain: str, *parents: str) -> bool:
    return any(domain == parent or domain.endswith(f".{parent}") for parent in parents)


Labels = Annotated[dict[str, str], AfterValidator(labels)]


class TaintArgs(TypedDict):
    """A taint, in Kubernetes' spelling."""

    key: str
    """Key of the taint, as nvidia.com/gpu."""
    value: str
    """Value, never empty: the autoscaler skips a managed node group's taint without one."""
    effect: str
    """Effect on pods without a toleration: NoSchedule, PreferNoSchedule or NoExecute."""


def _taint_value(text: str) -> str:
    if not text:
        raise ValueError("must not be empty: the autoscaler skips a managed node group's taint without a value")
    return value(text)


class NodeTaint(Value):
    """A taint that a person gave, checked."""

    key: Annotated[str, AfterValidator(key)]
    value: Annotated[str, AfterValidator(_taint_value)]
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"]

    def plain(self) -> Taint:
        """The same with its spellings."""
        return Taint(self.key, self.value, self.effect)
