"""Karpenter's own answer to what a node has, before it starts: its package instancetype, asked for any node class."""

import json
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from eks_gpu.lab.problem import LabProblem
from eks_gpu.lab.toolchain import toolchain
from eks_gpu_components.catalog.kubelet import VM_MEMORY_OVERHEAD

_PROGRAM = "karpenter-nodes"


@dataclass(frozen=True, kw_only=True)
class Case:
    """A node class and settings of the controller."""

    name: str
    spec: Mapping[str, Any]
    """`spec` of an EC2NodeClass."""
    memory_overhead: float = VM_MEMORY_OVERHEAD
    """The chart's `settings.vmMemoryOverheadPercent`."""
    reserved_interfaces: int = 0
    """The chart's `settings.reservedENIs`."""
    labels: bool = False
    """Whether the answer has labels too."""


@dataclass(frozen=True)
class KarpentersNode:
    """The node that Karpenter plans with: CPU in millicores, memory and storage in bytes, everything else in ones."""

    capacity: Mapping[str, int]
    allocatable: Mapping[str, int]
    compatible: bool
    """Whether Karpenter starts nodes of the type for the node class."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """Labels that can have one value only, if the case asks for labels."""


def karpenters_nodes(
    cases: Iterable[Case], described: Iterable[Mapping[str, Any]], region: str
) -> dict[str, dict[str, KarpentersNode]]:
    """Case -> instance type -> node, for types as DescribeInstanceTypes returns them.

    Raises ToolProblem if the program cannot be built, and LabProblem with Karpenter's words if it refuses a case.
    """
    question = {
        "region": region,
        "instanceTypes": list(described),
        "cases": [
            {
                "name": case.name,
                "vmMemoryOverheadPercent": case.memory_overhead,
                "reservedENIs": case.reserved_interfaces,
                "labels": case.labels,
                "nodeClass": {"spec": case.spec},
            }
            for case in cases
        ],
    }
    program = toolchain([_PROGRAM])[_PROGRAM]
    answer = subprocess.run([program], input=json.dumps(question), capture_output=True, text=True)
    if answer.returncode:
        raise LabProblem(f"{_PROGRAM}: {answer.stderr.strip()}")
    return {
        case: {name: KarpentersNode(**node) for name, node in nodes.items()}
        for case, nodes in json.loads(answer.stdout).items()
    }
