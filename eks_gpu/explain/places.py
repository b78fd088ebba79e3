"""Where the pool's side of a rule is written: the resource and the field of it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eks_gpu.graph.graph import Graph, Resource
from eks_gpu.io.documents import PULUMI, Map, read_map
from eks_gpu.karpenter.objects import NODE_POOL, node_pool, object_name
from eks_gpu.pods.quantities import EPHEMERAL_STORAGE, PODS
from eks_gpu.pods.reasons import Reason, Rule
from eks_gpu.pools.pool import AUTO_SCALING_GROUP, FARGATE, Pool
from eks_gpu_components.catalog import INSTANCE_TYPE_LABEL, ZONE_LABEL
from eks_gpu_components.catalog.scheduling import EFA_RESOURCE

KEY, ITEM = "<key>", "<item>"
"""In a path: the reason's subject as a key of a map; the item of a list whose `key` is the subject."""

Fields = Mapping[Rule, Sequence[tuple[str, ...]]]

_TEMPLATE = ("spec", "template", "spec")
_REQUIREMENT = (*_TEMPLATE, "requirements", ITEM)
_NODE_POOL: Fields = {
    Rule.TYPES: [(*_TEMPLATE, "requirements")],
    Rule.SIZE: [("spec", "replicas"), ("spec", "limits")],
    Rule.GANG: [("spec", "replicas"), ("spec", "limits")],
    Rule.TAINT: [(*_TEMPLATE, "taints", ITEM)],
    Rule.ZONE: [_REQUIREMENT],
    Rule.LABEL: [_REQUIREMENT, ("spec", "template", "metadata", "labels", KEY)],
    Rule.LIMIT: [("spec", "limits", KEY)],
    Rule.RESOURCE: [_REQUIREMENT],
    Rule.VALUES: [_REQUIREMENT],
}
_PROFILE: Fields = {Rule.PROFILE: [("selectors",)]}
_KUBELET = ("spec", "kubelet")
# What the node class decides: the field of the resource if it is there, else where it would stand.
_NODE_CLASS: Mapping[str, Sequence[tuple[str, ...]]] = {
    PODS: [(*_KUBELET, "maxPods"), (*_KUBELET, "podsPerCore")],
    EPHEMERAL_STORAGE: [("spec", "blockDeviceMappings"), ("spec", "ephemeralStorage"), ("spec",)],
    EFA_RESOURCE: [("spec", "networkInterfaces")],
}
_CLUSTER: Fields = dict.fromkeys(Rule, (("autoMode", "computeConfig", "nodePools"), ("computeConfig", "nodePools")))
_MANAGED: Fields = {
    Rule.TYPES: [("instanceTypes",)],
    Rule.SIZE: [("scalingConfig", "maxSize")],
    Rule.GANG: [("scalingConfig", "maxSize")],
    Rule.TAINT: [("taints", ITEM)],
    Rule.ZONE: [("subnetIds",)],
    Rule.LABEL: [("labels", KEY), ("labels",)],
    Rule.RESOURCE: [("instanceTypes",)],
}
_OVERRIDES = ("mixedInstancesPolicy", "launchTemplate", "overrides")
_GROUP: Fields = {
    Rule.TYPES: [_OVERRIDES],
    Rule.SIZE: [("maxSize",)],
    Rule.GANG: [("maxSize",)],
    Rule.ZONE: [("vpcZoneIdentifiers",)],
    Rule.RESOURCE: [_OVERRIDES],
}
_LAUNCH_TEMPLATE: Fields = {rule: [("userData",)] for rule in (Rule.TAINT, Rule.LABEL)}
# What of a pool decides a rule whose own subject says nothing, or a label that no field of that name gives.
_SUBJECTS = {Rule.RESOURCE: INSTANCE_TYPE_LABEL, Rule.TYPES: INSTANCE_TYPE_LABEL, Rule.ZONE: ZONE_LABEL}
_FIELDS_OF_LABELS = {
    INSTANCE_TYPE_LABEL: (("instanceTypes",), _OVERRIDES),
    ZONE_LABEL: (("subnetIds",), ("vpcZoneIdentifiers",)),
}


@dataclass(frozen=True)
class PoolPlace:
    """A field of a resource. `field` is empty where the rule points to no single one."""

    resource: str
    """Kind and name, such as `NodePool gpu`."""
    field: str
    urn: str

    def __str__(self) -> str:
        return f"{self.resource}: {self.field}" if self.field else self.resource

    def as_json(self) -> dict[str, str]:
        """A part of `explain`'s row."""
        return {"resource": self.resource, "field": self.field, "urn": self.urn}


def pool_place(graph: Graph, pool: Pool, reason: Reason) -> PoolPlace | None:
    """The field that the rule is about, else the resource; None for a pool whose resource is not in the graph."""
    resource = graph.get(pool.urn.partition("#")[0])  # a built-in pool's URN is its cluster's, and its name
    if resource is None or reason.rule is None:
        return None
    if reason.rule is Rule.TEMPLATE:
        return PoolPlace(_called(resource), "tags", resource.urn)
    if reason.rule is Rule.RESOURCE and (in_class := _in_node_class(graph, resource, pool, reason.subject)):
        return in_class
    if reason.requirement:
        return PoolPlace(_called(resource), reason.requirement, resource.urn)
    subject = _SUBJECTS.get(reason.rule, reason.subject)
    for holder, fields in _holders(graph, resource, pool):
        for path in _paths(fields, reason.rule, subject, pool):
            if found := _found(holder.inputs, path, subject):
                return PoolPlace(_called(holder), found, holder.urn)
    return PoolPlace(_called(resource), "", resource.urn)


def _in_node_class(graph: Graph, resource: Resource, pool: Pool, subject: str) -> PoolPlace | None:
    """Not for storage on the instance's own disks, of which the type decides."""
    if resource.type != NODE_POOL or (subject == EPHEMERAL_STORAGE and pool.instance_store):
        return None
    named = node_pool(resource, graph).node_class
    paths = _NODE_CLASS.get(subject, ())
    if subject == PODS and pool.node and all(map(pool.node.is_bound_by_cores, pool.types)):
        paths = paths[::-1]
    for path in paths if named else ():
        if named and (found := _found(named.inputs, path, subject)):
            return PoolPlace(_called(named), found, named.urn)
    return None


def _holders(graph: Graph, resource: Resource, pool: Pool) -> Iterator[tuple[Resource, Fields]]:
    """The pool's own resource, then the launch template that it starts nodes from."""
    if resource.type == NODE_POOL:
        yield resource, _NODE_POOL
    elif pool.backend == FARGATE:
        yield resource, _PROFILE
    elif not pool.chooses_node_itself:
        yield resource, _CLUSTER
    else:
        yield resource, _GROUP if pool.backend == AUTO_SCALING_GROUP else _MANAGED
        if template := _launch_template(graph, resource):
            yield template, _LAUNCH_TEMPLATE


def _paths(fields: Fields, rule: Rule, subject: str, pool: Pool) -> Sequence[tuple[str, ...]]:
    stated = fields.get(rule, ())
    if rule is Rule.LABEL and pool.chooses_node_itself:
        return _FIELDS_OF_LABELS.get(subject, stated)
    return stated


def _launch_template(graph: Graph, resource: Resource) -> Resource | None:
    mixed = (resource.inputs.get("mixedInstancesPolicy") or {}).get("launchTemplate") or {}
    named = mixed.get("launchTemplateSpecification") or resource.inputs.get("launchTemplate") or {}
    id_ = named.get("launchTemplateId") or named.get("id")
    return graph.by_id(str(id_), "aws:ec2/launchTemplate:LaunchTemplate") if id_ else None


def _found(value: Any, path: Sequence[str], subject: str) -> str:
    """The path as a person writes it, empty where nothing stands there."""
    written = ""
    for part in path:
        if part == ITEM:
            rows = value if isinstance(value, list) else []
            index = next(
                (i for i, row in enumerate(rows) if isinstance(row, Mapping) and row.get("key") == subject), None
            )
            if index is None:
                return ""
            value, written = rows[index], f"{written}[{index}]"
            continue
        key = subject if part == KEY else part
        if not isinstance(value, Mapping) or value.get(key) is None:
            return ""
        value, written = value[key], f"{written}.{key}"
    return written.removeprefix(".")


def _called(resource: Resource) -> str:
    kind = resource.type.rpartition(":")[2]
    name = object_name(resource) if resource.type.startswith("kubernetes:") else resource.name
    return f"{'AutoScalingGroup' if kind == 'Group' else kind} {name}"


# --- in the stack's settings -----------------------------------------------------------------------------------------


def settings_places(file: Path, graph: Graph, pools: Sequence[Pool]) -> dict[str, str]:
    """URN of a pool -> `Pulumi.dev.yaml:24`, where one map of the stack's file has the name of a component around it.

    A pool whose name no map has, or more than one, is left out: then the program alone knows.
    """
    lines: dict[str, list[int]] = {}
    for name, line in _maps(read_map(file, PULUMI)):
        lines.setdefault(name, []).append(line)
    return {
        pool.urn: f"{file.name}:{found[0]}"
        for pool in pools
        for name in _around(graph, pool.urn)
        if len(found := lines.get(name, [])) == 1
    }


def _around(graph: Graph, urn: str) -> Iterator[str]:
    """Names of the components that hold a resource, the nearest last."""
    resource = graph.get(urn)
    if resource and resource.parent:
        yield from _around(graph, resource.parent)
        if parent := graph.get(resource.parent):
            yield parent.name


def _maps(data: Map) -> Iterator[tuple[str, int]]:
    """Every key with a map under it, and its line."""
    for key, value in data.items():
        if isinstance(value, Map):
            yield key, data.lines[key]
            yield from _maps(value)
