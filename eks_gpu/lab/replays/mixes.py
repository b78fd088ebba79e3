"""Pods of many sizes, drawn by chance, and the least that nodes for them cost."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from pydantic import Field, model_validator

from eks_gpu.lab.replays.lower_bound import NodeType, lower_bound
from eks_gpu.pods.quantities import CPU, MEMORY, PODS, written
from eks_gpu_components.catalog import GPU_RESOURCE, allocatable, instance_types, on_demand_price
from eks_gpu_components.values.value import Value

MIX_LABEL = "lab.eks-gpu/mix"
"""What all of them have."""
CPU_STEP_M, MEMORY_STEP_MIB = 50, 256
"""Sizes are drawn in such steps."""


@dataclass(frozen=True)
class Pod:
    """One pod and the room that it needs."""

    name: str
    needs: Mapping[str, int]
    """In millicores, MiB and GPUs."""
    selects: Mapping[str, str] = field(default_factory=dict)
    """Labels of the nodes that it wants."""

    def manifest(self) -> dict[str, Any]:
        amounts = {resource: written(resource, amount) for resource, amount in self.needs.items()}
        toleration = {"key": GPU_RESOURCE, "operator": "Exists", "effect": "NoSchedule"}
        return {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": self.name, "labels": {MIX_LABEL: "true"}},
            "spec": {
                "nodeSelector": dict(self.selects),
                "tolerations": [toleration] if GPU_RESOURCE in self.needs else [],
                "terminationGracePeriodSeconds": 0,
                "containers": [
                    {"name": "work", "image": "work", "resources": {"requests": amounts, "limits": amounts}}
                ],
            },
        }


class Mix(Value):
    """Pods of one sort, each of a size of its own."""

    name: str
    count: int = Field(ge=1)
    gpus: int = Field(default=0, ge=0)
    """Of each pod."""
    cpu: tuple[float, float]
    """Cores, from and to."""
    memory_gib: tuple[float, float]
    """From and to."""

    def draw(self, rng: random.Random) -> dict[str, int]:
        """What one pod needs, in millicores, MiB and GPUs."""
        needs = {
            CPU: _drawn(rng, self.cpu, 1000, CPU_STEP_M),
            MEMORY: _drawn(rng, self.memory_gib, 1024, MEMORY_STEP_MIB),
        }
        return {**needs, GPU_RESOURCE: self.gpus} if self.gpus else needs


def _drawn(rng: random.Random, limits: tuple[float, float], unit: int, step: int) -> int:
    low, high = (round(limit * unit / step) for limit in limits)
    return rng.randint(low, high) * step


class Demand(Value):
    """Pods that share nodes: all with GPUs, or all without, which GPU nodes' taint keeps away."""

    selects: Mapping[str, str] = Field(default_factory=dict)
    """Labels of the pool, which the pods select, as those of the library's workloads do."""
    families: tuple[str, ...] = Field(min_length=1)
    """Whose types the lower bound may use: all that the pools may buy, and more."""
    mix: tuple[Mix, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _shares_nodes(self) -> Self:
        with_gpus = [each.name for each in self.mix if each.gpus]
        without = [each.name for each in self.mix if not each.gpus]
        if with_gpus and without:
            raise ValueError(f"{', '.join(without)} cannot share nodes with {', '.join(with_gpus)}, which have GPUs")
        return self

    def draw(self, rng: random.Random) -> list[Pod]:
        """All of its pods."""
        return [Pod(f"{each.name}-{n}", each.draw(rng), self.selects) for each in self.mix for n in range(each.count)]


def least(pods: Sequence[Pod], families: Sequence[str], region: str) -> float:
    """USD an hour that nodes of the families cost at least for pods that share them."""
    return lower_bound([{**each.needs, PODS: 1} for each in pods], node_types(families, region)).hourly


def node_types(families: Sequence[str], region: str) -> list[NodeType]:
    """Every type of them that has an on-demand price."""
    return [
        NodeType(row.name, price.hourly, allocatable(row))
        for row in instance_types()
        if row.family in families and (price := on_demand_price(row.name, region))
    ]
