"""A pod beside stacks, as tests of explain have it."""

from typing import Any

from eks_gpu.explain.explanation import Explanation
from eks_gpu.explain.stack_rooms import StackRooms, stack_rooms
from eks_gpu.graph.graph import Graph, Resource
from tests.graphs import healthy
from tests.karpenter_graphs import node_class, node_pool
from tests.karpenter_graphs import subnet as tagged_subnet

POD = """\
apiVersion: v1
kind: Pod
metadata: {name: train}
spec:
  tolerations:
    - key: nvidia.com/gpu
      operator: Exists
  containers:
    - name: main
      image: example/app:1
      resources:
        limits:
          nvidia.com/gpu: 1
          cpu: 500m
"""


def groups(**instead: Resource) -> StackRooms:
    """One GPU group of g4dn.xlarge and g5.xlarge on Spot, two system nodes."""
    return stack_rooms(Graph(healthy(**instead)), "us-west-2")


def karpenter(pool: Resource | None = None, nodes: Resource | None = None) -> StackRooms:
    found = [pool or node_pool(), nodes or node_class(), tagged_subnet("a"), tagged_subnet("b")]
    return stack_rooms(Graph(found), "us-west-2")


def row(found: Explanation, pool: str) -> dict[str, Any]:
    (answer,) = [answer for answer in found.answers if answer.pool.name == pool]
    return answer.as_json()


def place(row: dict[str, Any]) -> tuple[int, str] | None:
    return row["in_pod"] and (row["in_pod"]["line"], row["in_pod"]["path"])
