"""Elastic Fabric Adapters: nodes that EC2 refuses, jobs that hang, and pods that wait for an interface."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from eks_gpu.graph.graph import Resource

from .edits import EACH, Edit, Operator, Rewritten, Without, gone, to
from .places import EC2_NODE_CLASS, JOB, NODE_GROUP, RELEASE, TEMPLATE, chart
from .programs import Program

_TEMPLATES, _CLASSES = [TEMPLATE], [EC2_NODE_CLASS]
_INTERFACES, _OF_CLASS = ("networkInterfaces",), ("spec", "networkInterfaces")
_EFA = "vpc.amazonaws.com/efa"
_PLUGIN = chart("aws-efa-k8s-device-plugin")
_SECURITY_GROUP = "aws:ec2/securityGroup:SecurityGroup"
_ANYWHERE = {"protocol": "-1", "fromPort": 0, "toPort": 0, "cidrBlocks": ["0.0.0.0/0"]}


def _wired(resource: Resource, program: Program) -> bool:
    return bool(resource.inputs.get("networkInterfaces"))


def _in_every_zone(program: Program) -> Iterator[tuple[str, Iterable[Resource]]]:
    """The nodes of each group with EFA are in all subnets that the program's nodes have."""
    groups = program.graph.of(NODE_GROUP)
    subnets = sorted({id_ for group in groups for id_ in group.inputs.get("subnetIds") or ()})
    wired = [
        template.name.removesuffix("-template") for template in program.graph.of(TEMPLATE) if _wired(template, program)
    ]
    for group in groups:
        if group.name in wired:
            yield group.name, [replace(group, inputs={**group.inputs, "subnetIds": subnets})]


def _of_efa(resource: Resource, program: Program) -> bool:
    return f"resources/{_EFA}" in str(resource.inputs.get("tag"))


def _behind_another_group(program: Program) -> Iterator[tuple[str, Iterable[Resource]]]:
    """The interfaces are in a security group that is open to the whole world, and not to itself."""
    for template in program.graph.of(TEMPLATE):
        interfaces = [one for one in template.inputs.get("networkInterfaces") or () if one.get("securityGroups")]
        (network, *_) = program.graph.of("aws:ec2/vpc:Vpc")
        if interfaces:
            urn = f"urn:pulumi:mutant::mutants::{_SECURITY_GROUP}::fabric"
            rules = {"vpcId": network.id, "ingress": [_ANYWHERE], "egress": [_ANYWHERE]}
            group = Resource(
                urn, _SECURITY_GROUP, "fabric", inputs=rules, outputs={**rules, "id": "sg-fabric"}, id="sg-fabric"
            )
            moved = [{**one, "securityGroups": [group.id]} for one in interfaces]
            yield template.name, [group, replace(template, inputs={**template.inputs, "networkInterfaces": moved})]


def _first(**changes: Any):
    return lambda interfaces: interfaces and [{**interfaces[0], **changes}, *interfaces[1:]]


def _fewer(interfaces: list[Any] | None) -> Any:
    return interfaces[: len(interfaces) // 2] if interfaces and len(interfaces) > 1 else interfaces


OPERATORS: tuple[Operator, ...] = (
    Edit(
        "the first interface is the second of its card",
        "EC2 refuses it",
        _TEMPLATES,
        _INTERFACES,
        _first(deviceIndex=1),
    ),
    Edit(
        "the first interface has no address",
        "EC2 refuses it",
        _TEMPLATES,
        _INTERFACES,
        _first(interfaceType="efa-only"),
    ),
    Edit("types without EFA", "EC2 refuses it", _TEMPLATES, ("instanceType",), to("g6.xlarge"), _wired),
    Edit("nodes far from each other", "jobs are slow", _TEMPLATES, ("placement",), gone),
    Edit("half of the interfaces", "pods that ask for all wait", _TEMPLATES, _INTERFACES, _fewer),
    Edit(
        "a second interface takes addresses",
        "pods find none",
        _TEMPLATES,
        (*_INTERFACES, 1, "interfaceType"),
        to("efa"),
    ),
    Rewritten("nodes in every zone", "EFA does not reach over zones", _in_every_zone),
    Rewritten("a security group closed to itself", "jobs hang", _behind_another_group),
    Edit("half of the interfaces of a node class", "pods that ask for all wait", _CLASSES, _OF_CLASS, _fewer),
    Edit(
        "the first interface of a node class has no address",
        "the API server refuses it",
        _CLASSES,
        _OF_CLASS,
        _first(interfaceType="efa-only"),
    ),
    Edit(
        "nodes of a node class far from each other", "jobs are slow", _CLASSES, ("spec", "placementGroupSelector"), gone
    ),
    Without("no device plugin of EFA", "pods wait on a node without the resource", [RELEASE], _PLUGIN),
    Edit(
        "EFA's device plugin on other types",
        "pods wait on a node without the resource",
        [RELEASE],
        ("values", "supportedInstanceLabels", "values"),
        to(["g6.xlarge"]),
        _PLUGIN,
    ),
    Edit(
        "EFA's device plugin tolerates nothing",
        "pods wait on a node without the resource",
        [RELEASE],
        ("values", "tolerations"),
        to([]),
        _PLUGIN,
    ),
    Without("no tag with the EFA interfaces", "the first node never comes", ["aws:autoscaling/tag:Tag"], _of_efa),
    Edit(
        "a pod asks for more interfaces than a node has",
        "no node ever comes",
        [JOB],
        ("spec", "template", "spec", "containers", EACH, "resources", "limits", _EFA),
        lambda count: count and "33",
    ),
)
