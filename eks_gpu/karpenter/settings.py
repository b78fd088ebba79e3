"""What Karpenter's chart makes of its `settings`: the features that are on, and combinations that it refuses.

Source: Karpenter 1.15, chart, values.yaml and _helpers.tpl; its defaults of gates.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from eks_gpu.karpenter.objects import part

DRA_SINCE = (1, 15)
"""Oldest chart that starts nodes for claims of devices, as major and minor."""
NVIDIA_DRA, EFA_DRA = "draNVIDIAGPU", "draEFA"
DRIVER_OF_GATE: Mapping[str, str] = {NVIDIA_DRA: "gpu.nvidia.com", EFA_DRA: "dra.net"}
"""Gate in `awsFeatureGates` -> DRA driver whose devices Karpenter then expects on a new node."""
_GATES_OF_AWS = "awsFeatureGates"


@dataclass(frozen=True)
class Dra:
    """What Karpenter does with pods that claim devices."""

    ignores_claims: bool
    """Whether it starts no node for a pod with a claim."""
    drivers: frozenset[str]
    """Drivers whose devices it expects on a new node."""


def major_minor(version: str) -> tuple[int, ...]:
    """The first two numbers of a chart's version, or of Kubernetes'."""
    return tuple(int(piece) for piece in version.removeprefix("v").split(".")[:2] if piece.isdigit())


def is_on(value: Any) -> bool:
    """Whether a value of the chart turns a feature on: true, or the text true."""
    return str(value).lower() == "true"


def gate(settings: Mapping[str, Any], name: str, default: bool = False) -> bool:
    """Whether a gate of `settings.featureGates` is on."""
    given = part(settings, "featureGates").get(name)
    return default if given is None else is_on(given)


def aws_gates(settings: Mapping[str, Any]) -> dict[str, bool]:
    """Gates of `settings.awsFeatureGates` that are given or that `enableDRA` turns on."""
    given = {name: is_on(value) for name, value in part(settings, _GATES_OF_AWS).items() if value is not None}
    return given | dict.fromkeys(DRIVER_OF_GATE, True) if is_on(settings.get("enableDRA")) else given


def dra(settings: Mapping[str, Any]) -> Dra:
    """From `enableDRA`, `awsFeatureGates` and `ignoreDRARequests`: a gate that is on is stronger than the last one."""
    gates = aws_gates(settings)
    drivers = frozenset(driver for name, driver in DRIVER_OF_GATE.items() if gates.get(name))
    told_to_see = str(settings.get("ignoreDRARequests")).lower() == "false"
    return Dra(ignores_claims=not (drivers or told_to_see), drivers=drivers)


def refused(settings: Mapping[str, Any]) -> str:
    """Why Helm cannot render the chart with these settings; empty if it can."""
    if is_on(settings.get("enableDRA")):
        gates = part(settings, _GATES_OF_AWS)
        beside = [f"settings.{_GATES_OF_AWS}.{name}" for name in DRIVER_OF_GATE if gates.get(name) is not None]
        beside += ["settings.ignoreDRARequests"] if settings.get("ignoreDRARequests") is not None else []
        if beside:
            return f"settings.enableDRA excludes {' and '.join(beside)}"
    if is_on(settings.get("legacyNodeRepair")) and gate(settings, "terminateFirstRepair"):
        return "settings.legacyNodeRepair excludes settings.featureGates.terminateFirstRepair"
    return ""
