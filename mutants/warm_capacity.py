"""What is kept ready: it never comes, or it never gives way."""

from eks_gpu.graph.graph import Resource
from eks_gpu.pods.spare import pauses

from .edits import EACH, Edit, gone, to
from .programs import RELEASE, Program

_BUFFER, _TEMPLATE = ["kubernetes:autoscaling.x-k8s.io/v1beta1:CapacityBuffer"], ["kubernetes:core/v1:PodTemplate"]
_CLASS, _DEPLOYMENT = ["kubernetes:scheduling.k8s.io/v1:PriorityClass"], ["kubernetes:apps/v1:Deployment"]
_GATES = ("values", "settings", "featureGates")


def _of_placeholders(resource: Resource, program: Program) -> bool:
    return pauses(resource.inputs["spec"]["template"]["spec"])


def _with_a_buffer(resource: Resource, program: Program) -> bool:
    return program.has(*_BUFFER) and "karpenter" in str(resource.inputs.get("chart"))


def _with_a_static_pool(resource: Resource, program: Program) -> bool:
    static = any(pool.static for pool in program.pools.values())
    return static and "karpenter" in str(resource.inputs.get("chart"))


OPERATORS = (
    Edit("a buffer larger than its pool", "less is ready than was asked for", _BUFFER, ("spec", "replicas"), to(1000)),
    Edit(
        "a buffer whose template limits its devices and requests none",
        "nodes come without them, or one for all",
        _TEMPLATE,
        ("template", "spec", "containers", EACH, "resources", "requests"),
        gone,
    ),
    Edit(
        "a buffer for nodes that there are not",
        "nothing is ever ready",
        _TEMPLATE,
        ("template", "spec", "nodeSelector", "nvidia.com/gpu.present"),
        to("sometimes"),
    ),
    Edit(
        "the gate of buffers is off",
        "nothing is ever ready",
        [RELEASE],
        (*_GATES, "capacityBuffer"),
        to(False),
        _with_a_buffer,
    ),
    Edit(
        "the gate of static pools is off",
        "its nodes never come",
        [RELEASE],
        (*_GATES, "staticCapacity"),
        to(False),
        _with_a_static_pool,
    ),
    Edit("placeholder pods above others", "they hold their nodes for ever", _CLASS, ("value",), to(1000)),
    Edit("placeholder pods below the cutoff", "no node ever comes for them", _CLASS, ("value",), to(-1000)),
    Edit(
        "placeholder pods without a class",
        "they hold their nodes for ever",
        _DEPLOYMENT,
        ("spec", "template", "spec", "priorityClassName"),
        gone,
        _of_placeholders,
    ),
    Edit(
        "more placeholder pods than the pool has room for",
        "less is ready than was asked for",
        _DEPLOYMENT,
        ("spec", "replicas"),
        to(1000),
        _of_placeholders,
    ),
)
