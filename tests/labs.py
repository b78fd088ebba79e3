"""A lab and its nodes, as tests give them to replays."""

from pathlib import Path

from eks_gpu.lab.state import Lab
from eks_gpu.lab.status import NodeRow
from eks_gpu_components.catalog import CapacityType


def node(name: str, gpus: int, capacity_type: str = "on-demand", instance: str = "") -> NodeRow:
    return NodeRow(name, "g4dn.xlarge", CapacityType(capacity_type), "us-west-2a", 1, True, gpus, 0.526, instance)


def a_lab(folder: Path) -> Lab:
    return Lab(folder, "us-west-2", "secret", "https://127.0.0.1:3", "http://127.0.0.1:7", {})
