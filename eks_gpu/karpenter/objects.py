"""Node pools and node classes of a stack, taken apart as far as more than one part of the planner needs it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from eks_gpu.graph.graph import Graph, Resource
from eks_gpu.pods.pod import Expression
from eks_gpu_components.catalog import (
    AUTO_MODE_GROUP,
    AUTO_MODE_NODE_CLASS_TYPE,
    EC2_NODE_CLASS_TYPE,
    KARPENTER_GROUP,
    NODE_POOL_TYPE,
    is_well_known_label,
)
from eks_gpu_components.catalog.requirements import Required

NODE_POOL = NODE_POOL_TYPE
NODE_CLASSES = {
    (KARPENTER_GROUP, "EC2NodeClass"): EC2_NODE_CLASS_TYPE,
    (AUTO_MODE_GROUP, "NodeClass"): AUTO_MODE_NODE_CLASS_TYPE,
}
REQUIREMENTS = "spec.template.spec.requirements"
"""Path of a NodePool's requirements."""
# Source: Karpenter 1.15, NodePool v1, spec.disruption.
DEFAULT_POLICY, DEFAULT_BUDGET = "WhenEmptyOrUnderutilized", {"nodes": "10%"}


@dataclass(frozen=True, slots=True)
class Requirement:
    """A requirement that every node of a pool meets, and how many values of the key the pool must be able to choose
    from.
    """

    expression: Expression
    min_values: int = 0
    path: str = ""
    """Where it stands in the NodePool, such as `spec.template.spec.requirements[2]`."""

    @property
    def required(self) -> Required:
        """As the catalog takes it."""
        found = self.expression
        return Required(found.key, found.operator, tuple(found.values), self.min_values, self.path)


@dataclass(frozen=True)
class NodePool:
    """A NodePool of `karpenter.sh/v1`, with the node class that it names, where the stack has it."""

    resource: Resource
    node_class: Resource | None = None

    @property
    def name(self) -> str:
        """Its name in the cluster."""
        return object_name(self.resource)

    @property
    def spec(self) -> Mapping[str, Any]:
        """All of it."""
        return part(self.resource.inputs, "spec")

    @property
    def template(self) -> Mapping[str, Any]:
        """`spec.template.spec`."""
        return part(self.spec, "template", "spec")

    @property
    def labels(self) -> Mapping[str, str]:
        """Labels that the pool gives each node."""
        given = part(self.spec, "template", "metadata", "labels")
        return {str(key): str(value) for key, value in given.items()}

    @cached_property
    def auto_mode(self) -> bool:
        """Whether EKS Auto Mode runs it, and not a Karpenter of one's own."""
        return part(self.template, "nodeClassRef").get("group") == AUTO_MODE_GROUP

    @property
    def prefix(self) -> str:
        """Prefix of the labels that describe an instance type."""
        return AUTO_MODE_GROUP if self.auto_mode else KARPENTER_GROUP

    @cached_property
    def requirements(self) -> tuple[Requirement, ...]:
        """Stated ones, and those that follow from labels which Karpenter itself decides."""
        stated = tuple(requirement(item, index) for index, item in enumerate(self.template.get("requirements") or ()))
        fixed = (
            Requirement(Expression(key, "In", (value,)), path=f"spec.template.metadata.labels[{key}]")
            for key, value in self.labels.items()
            if is_well_known_label(key)
        )
        return (*stated, *fixed)

    def expressions(self, *keys: str) -> tuple[Expression, ...]:
        """Requirements on one of the keys."""
        return tuple(found.expression for found in self.requirements if found.expression.key in keys)

    @property
    def limits(self) -> Mapping[str, Any]:
        """Resource to quantity, as written."""
        return part(self.spec, "limits")

    @property
    def replicas(self) -> int | None:
        """Nodes of a static pool, None for one that follows the pods."""
        stated = self.spec.get("replicas")
        return None if stated is None else int(stated)

    @property
    def consolidation_policy(self) -> str:
        """When a node may go."""
        return str(part(self.spec, "disruption").get("consolidationPolicy") or DEFAULT_POLICY)

    @property
    def consolidate_after(self) -> str:
        """How long a node is kept after that."""
        return str(part(self.spec, "disruption").get("consolidateAfter") or "0s")

    @property
    def budgets(self) -> list[Mapping[str, Any]]:
        """How many nodes may go at once, each for some reasons at some times."""
        return list(part(self.spec, "disruption").get("budgets") or [DEFAULT_BUDGET])


def node_pools(graph: Graph) -> Iterator[NodePool]:
    """In the order of registration."""
    return (node_pool(resource, graph) for resource in graph.of(NODE_POOL))


def node_pool(resource: Resource, graph: Graph) -> NodePool:
    """With its node class, where that is of this stack."""
    reference = part(resource.inputs, "spec", "template", "spec", "nodeClassRef")
    type_ = NODE_CLASSES.get((str(reference.get("group")), str(reference.get("kind"))), "")
    named = [found for found in graph.of(type_) if object_name(found) == reference.get("name")]
    beside = [found for found in named if found.provider == resource.provider]  # another cluster has its own
    return NodePool(resource, next(iter(beside or named), None))


def node_classes(graph: Graph) -> list[Resource]:
    """Of both kinds."""
    return graph.of(*NODE_CLASSES.values())


def object_name(resource: Resource) -> str:
    """`metadata.name` of a Kubernetes object."""
    return str(part(resource.inputs, "metadata").get("name") or resource.name)


def requirement(item: Mapping[str, Any], index: int) -> Requirement:
    """From `key`, `operator`, `values` and `minValues`, at a position of the list."""
    values = tuple(str(value) for value in item.get("values") or ())
    expression = Expression(str(item.get("key", "")), str(item.get("operator", "")), values)
    return Requirement(expression, int(item.get("minValues") or 0), f"{REQUIREMENTS}[{index}]")


def part(tree: Mapping[str, Any], *path: str) -> Mapping[str, Any]:
    """What lies at a path, empty where nothing does or where it is no mapping."""
    for key in path:
        found = tree.get(key)
        tree = found if isinstance(found, Mapping) else {}
    return tree
