"""Reserved capacity: it is paid for and unused, or nodes wait for what there is not."""

from collections.abc import Mapping
from typing import Any

from eks_gpu.graph.graph import Resource
from eks_gpu_components.catalog.tags import RESERVATION_TAG, RESERVATIONS_ANNOTATION

from .edits import EACH, JSON, Edit, Operator, gone, to
from .places import EC2_NODE_CLASS, NODE_GROUP, NODE_POOL, RELEASE, TEMPLATE, chart
from .programs import Program

_CLASSES, _TEMPLATES, _POOLS = [EC2_NODE_CLASS], [TEMPLATE], [NODE_POOL]
_OF_CLASS = ("metadata", "annotations", RESERVATIONS_ANNOTATION, JSON, EACH)
_OF_TEMPLATE = ("tags", RESERVATION_TAG, JSON)
_GATES = ("values", "settings", "featureGates")
_REQUIREMENT = ("spec", "template", "spec", "requirements", EACH)
_TARGET = ("capacityReservationSpecification", "capacityReservationTarget")
_WRONG: Mapping[str, tuple[str, str, Any]] = {
    "has ended": ("nodes wait for what there is not", "end", "2026-11-01T00:00:00Z"),
    "begins in a year": ("nodes wait until then", "start", "2027-11-01T00:00:00Z"),
    "is of another type": ("no node ever starts in it", "instance_type", "p5e.48xlarge"),
    "is in another zone": ("no node ever starts in it", "zone", "us-west-2c"),
    "has one instance": ("the last nodes never start", "instances", 1),
}


def _reserved(resource: Resource, program: Program) -> bool:
    pool = program.pools.get(resource.urn)
    return bool(pool and pool.is_reserved)


def _of_reserving(resource: Resource, program: Program) -> bool:
    reserved = any(pool.is_reserved and pool.limits for pool in program.pools.values())
    return reserved and chart("karpenter")(resource, program)


def _on_demand(item: Mapping[str, Any]) -> Mapping[str, Any]:
    return {**item, "values": ["on-demand"]} if item["key"] == "karpenter.sh/capacity-type" else item


OPERATORS: tuple[Operator, ...] = (
    *(
        Edit(f"the reservation of a node class {what}", harm, _CLASSES, (*_OF_CLASS, key), to(value))
        for what, (harm, key, value) in _WRONG.items()
    ),
    *(
        Edit(f"the reservation of a launch template {what}", harm, _TEMPLATES, (*_OF_TEMPLATE, key), to(value))
        for what, (harm, key, value) in _WRONG.items()
    ),
    Edit(
        "a node class selects no reservation",
        "nodes wait for what there is not",
        _CLASSES,
        ("spec", "capacityReservationSelectorTerms"),
        gone,
    ),
    Edit(
        "nodes are on demand beside a reservation",
        "what is reserved stays unused",
        _POOLS,
        _REQUIREMENT,
        _on_demand,
        _reserved,
    ),
    Edit(
        "a node pool of more than is reserved",
        "the last nodes never start",
        _POOLS,
        ("spec", "limits"),
        to({"nvidia.com/gpu": "80", "cpu": "1920", "memory": "20480Gi"}),
        _reserved,
    ),
    Edit(
        "a group of more than is reserved",
        "the last nodes never start",
        [NODE_GROUP],
        ("scalingConfig", "maxSize"),
        to(10),
        _reserved,
    ),
    Edit(
        "the gate of reservations is off",
        "none is used",
        [RELEASE],
        (*_GATES, "reservedCapacity"),
        to(False),
        _of_reserving,
    ),
    Edit(
        "a replacement comes before a drifted node goes",
        "it never comes",
        [RELEASE],
        (*_GATES, "terminateFirstDrift"),
        to(False),
        _of_reserving,
    ),
    Edit("a launch template targets no reservation", "what is reserved stays unused", _TEMPLATES, _TARGET, gone),
)
