"""Stacks whose pool starts nodes in reserved capacity alone."""

import json
from typing import Any

from eks_gpu.graph.graph import Resource
from tests import karpenter_graphs
from tests.graphs import resource
from tests.karpenter_graphs import ARCH, node_class, requirement, types

ODCR = "aws:ec2/capacityReservation:CapacityReservation"
RESERVED = requirement("karpenter.sh/capacity-type", "reserved")
BLOCK = {
    "kind": "capacity-block",
    "instance_type": "g6.xlarge",
    "instances": 3,
    "zone": "us-west-2a",
    "start": "2026-11-01",
    "end": "2027-11-01",
}


def capacity_reservation(**inputs: Any) -> Resource:
    """Three instances that the stack reserves itself, as `cr-1`."""
    given = {"instanceType": "g6.xlarge", "instanceCount": 3, "availabilityZone": "us-west-2a"}
    return resource(ODCR, "reserved", given | inputs, id_="cr-1")


def reserving_class(*terms: Any, facts: Any = None) -> Resource:
    """Selects `cr-1`, or what the terms say, with what a program says of them."""
    made = node_class(capacityReservationSelectorTerms=list(terms or ({"id": "cr-1"},)))
    if facts is not None:
        made.inputs["metadata"]["annotations"] = {"eks-gpu-components/reservations": json.dumps(facts)}
    return made


def reserved_pool(*capacity_types: str, **spec: Any) -> Resource:
    """At most three GPUs, of reserved capacity alone unless others are named."""
    capacity = requirement("karpenter.sh/capacity-type", *(capacity_types or ("reserved",)))
    limits: dict[str, Any] = {"limits": {"nvidia.com/gpu": "3"}}
    return karpenter_graphs.node_pool(ARCH, capacity, types("g6.xlarge"), **(limits | spec))


def healthy(*more: Resource, gates: Any = None, **instead: Any) -> list[Resource]:
    """The stack, with `more` beside it; a drifted node of its pool goes first."""
    controller = karpenter_graphs.karpenter(featureGates={"terminateFirstDrift": True} if gates is None else gates)
    parts = {"karpenter": controller, "node_class": reserving_class(), "gpu": [reserved_pool()], **instead}
    return [*karpenter_graphs.healthy(**parts), *(more or (capacity_reservation(),))]
