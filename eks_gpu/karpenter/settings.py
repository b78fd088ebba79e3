"""What Karpenter's chart makes of its `settings`: the features that are on, and combinations that it refuses.

Source: Karpenter 1.15, chart, values.yaml, _helpers.tpl and deployment.yaml; its defaults of gates.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from eks_gpu.karpenter.objects import part
from eks_gpu_components.catalog import DRA_DRIVER

DRA_SINCE = (1, 15)
"""Oldest chart that starts nodes for claims of devices, as major and minor."""
NVIDIA_DRA, EFA_DRA = "draNVIDIAGPU", "draEFA"
DRIVER_OF_GATE: Mapping[str, str] = {NVIDIA_DRA: DRA_DRIVER, EFA_DRA: "dra.net"}
"""Gate in `awsFeatureGates` -> DRA driver whose devices Karpenter then expects on a new node."""
_GATES_OF_AWS = "awsFeatureGates"
_VARIABLE = "FEATURE_GATES"
_TRUE = ("1", "t", "T", "true", "TRUE", "True")
"""What a gate of the variable is on with. Source: Go, strconv.ParseBool."""


@dataclass(frozen=True)
class Dra:
    """What Karpenter does with pods that claim devices."""

    ignores_claims: bool
    """Whether it starts no node for a pod with a claim."""
    drivers: frozenset[str]
    """Drivers whose devices it expects on a new node."""


def is_on(value: Any) -> bool:
    """Whether a value of the chart turns a feature on: true, or the text true."""
    return str(value).lower() == "true"


def feature_gates(values: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Gates that the chart's values give, by their names in `settings.featureGates`; None if a ConfigMap or a Secret
    holds them.

    A variable FEATURE_GATES in `controller.env` stands after the one that the chart writes, so it takes the place of
    all of them; of several the last one counts.
    """
    env = part(values, "controller").get("env") or ()
    own = [each for each in env if isinstance(each, Mapping) and each.get("name") == _VARIABLE]
    if not own:
        return part(values, "settings", "featureGates")
    if own[-1].get("valueFrom"):
        return None
    pairs = (pair.partition("=") for pair in str(own[-1].get("value") or "").split(",") if "=" in pair)
    return {f"{name.strip()[:1].lower()}{name.strip()[1:]}": value.strip() in _TRUE for name, _, value in pairs}


def runs_with(values: Mapping[str, Any], name: str, default: bool = False) -> bool | None:
    """Whether the controller has a gate on; None where the values do not say."""
    gates = feature_gates(values)
    if gates is None:
        return None
    return default if gates.get(name) is None else is_on(gates[name])


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
    if is_on(settings.get("legacyNodeRepair")) and is_on(part(settings, "featureGates").get("terminateFirstRepair")):
        return "settings.legacyNodeRepair excludes settings.featureGates.terminateFirstRepair"
    return ""
