"""A pod in the making, aimed at one machine, on which it fits until a feature changes that."""

from collections.abc import Callable, Mapping
from random import Random
from typing import Any

from eks_gpu.lab.replays.machines import Machine
from eks_gpu.pods.quantities import CPU, MIB
from eks_gpu_components.catalog import (
    CAPACITY_TYPE_LABEL,
    GPU_RESOURCE,
    HOSTNAME_LABEL,
    KARPENTER_CORE_GROUP,
    NEURON_RESOURCE,
    ZONE_ID_LABEL,
)

Spec = dict[str, Any]

_KNOWN_TOO_LATE = (HOSTNAME_LABEL, f"{KARPENTER_CORE_GROUP}/", ZONE_ID_LABEL)
"""What starts a label that a node gets when it is there: nobody can ask for a new node by it, which is no matter of
the scheduler's. `karpenter.sh/capacity-type` is known."""


class Draft:
    """A pod in the making."""

    def __init__(self, random: Random, machine: Machine):
        self.random, self.machine = random, machine
        self.main: Spec = {"name": "main", "image": "main", "resources": {}}
        self.spec: Spec = {"containers": [self.main]}
        taints = [taint for taint in machine.taints if taint["effect"] != "PreferNoSchedule"]
        if taints:
            self.spec["tolerations"] = [
                {"key": taint["key"], "operator": "Exists", "effect": taint["effect"]} for taint in taints
            ]
        self.taint = taints[0] if taints else {"key": GPU_RESOURCE, "value": "true", "effect": "NoSchedule"}
        self.ask(CPU, "100m")
        if device := self.device:
            self.ask(device, "1", "limits")

    @property
    def device(self) -> str:
        """The resource of the machine's accelerators, empty without any."""
        return next((name for name in (GPU_RESOURCE, NEURON_RESOURCE) if self.machine.free.get(name)), "")

    def ask(self, resource: str, text: str, kind: str = "requests", container: Spec | None = None) -> None:
        resources = (self.main if container is None else container).setdefault("resources", {})
        resources.setdefault(kind, {})[resource] = text

    def beside(self, name: str, place: str = "containers", **more: Any) -> Spec:
        """One more container."""
        made = {"name": name, "image": name, "resources": {}, **more}
        self.spec.setdefault(place, []).append(made)
        return made

    def edge(self, resource: str, right: bool) -> int:
        """All that the machine has, or the least that is too much: in millicores or bytes."""
        unit = 1 if resource == CPU else MIB
        return self.machine.free[resource] * unit + (0 if right else 1)

    def split(self, total: int, parts: int) -> list[int]:
        """As whole numbers that differ by one at most."""
        return [total // parts + (number < total % parts) for number in range(parts)]

    def label(self, *, numeric: bool = False) -> tuple[str, str]:
        """One of the machine's own that a pod may ask for."""
        known = sorted(
            (key, value)
            for key, value in self.machine.labels.items()
            if key == CAPACITY_TYPE_LABEL or not key.startswith(_KNOWN_TOO_LATE)
        )
        numbers = [(key, value) for key, value in known if value.isdigit()]
        return self.random.choice(numbers if numeric and numbers else known)

    def require(self, *terms: Mapping[str, Any]) -> None:
        """Node affinity of which one term must hold."""
        rule = "requiredDuringSchedulingIgnoredDuringExecution"
        self.affinity.setdefault(rule, {"nodeSelectorTerms": []})["nodeSelectorTerms"] = list(terms)

    @property
    def affinity(self) -> Spec:
        return self.spec.setdefault("affinity", {}).setdefault("nodeAffinity", {})


Feature = Callable[[Draft, bool], None]
"""Puts something on a draft; the flag says whether it is to fit its machine with it."""
