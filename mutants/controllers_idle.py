"""Controllers that bring up no node: settings and flags, priorities, and pods that do not run."""

from typing import Any

from eks_gpu.graph.graph import Resource

from .edits import Edit, Operator, gone, to, with_item, with_key
from .places import (
    GROUP,
    RELEASE,
    chart,
)
from .programs import Program

_RELEASES = [RELEASE]
_KARPENTER, _AUTOSCALER, _BALANCER = (
    chart("karpenter"),
    chart("cluster-autoscaler"),
    chart("aws-load-balancer-controller"),
)
_HANDLER, _PLUGIN = chart("aws-node-termination-handler"), chart("nvidia-device-plugin")
_MISSING = "no node ever comes"


def _release(name: str, harm: str, path: tuple[str, ...], value: Any, where: Any) -> Edit:
    return Edit(name, harm, _RELEASES, ("values", *path), to(value), where)


def _by_priority(resource: Resource, program: Program) -> bool:
    return _AUTOSCALER(resource, program) and "expanderPriorities" in resource.inputs.get("values", {})


OPERATORS: tuple[Operator, ...] = (
    # Karpenter's settings.
    _release(
        "Karpenter asks another API server",
        _MISSING,
        ("settings", "clusterEndpoint"),
        "https://other.gr7.us-west-2.eks.amazonaws.com",
        _KARPENTER,
    ),
    _release(
        "Karpenter takes all memory for overhead", _MISSING, ("settings", "vmMemoryOverheadPercent"), 0.95, _KARPENTER
    ),
    _release("Karpenter takes every interface away", _MISSING, ("settings", "reservedENIs"), "15", _KARPENTER),
    Edit(
        "Karpenter's image is of another version",
        _MISSING,
        _RELEASES,
        ("values", "controller"),
        with_key(image={"tag": "0.37.0"}),
        _KARPENTER,
    ),
    *(
        Edit(f"{what} is of another version", _MISSING, _RELEASES, ("values",), with_key(image={"tag": tag}), where)
        for what, tag, where in (
            ("the load balancer controller's image", "v2.4.0", _BALANCER),
            ("the termination handler's image", "v1.19.0", _HANDLER),
        )
    ),
    # The autoscaler's flags.
    _release("another cloud", _MISSING, ("cloudProvider",), "azure", _AUTOSCALER),
    _release("an expander that is not there", _MISSING, ("extraArgs", "expander"), "cheapest", _AUTOSCALER),
    _release("an expander that AWS lacks", _MISSING, ("extraArgs", "expander"), "price", _AUTOSCALER),
    _release("fewer nodes than stand", _MISSING, ("extraArgs", "max-nodes-total"), 1, _AUTOSCALER),
    _release("no CPU at all", _MISSING, ("extraArgs", "cores-total"), "0:2", _AUTOSCALER),
    _release("no memory at all", _MISSING, ("extraArgs", "memory-total"), "0:4", _AUTOSCALER),
    _release(
        "new pods wait for an hour", "nodes come late", ("extraArgs", "new-pod-scale-up-delay"), "1h", _AUTOSCALER
    ),
    _release("every pod is expendable", _MISSING, ("extraArgs", "expendable-pods-priority-cutoff"), 1000, _AUTOSCALER),
    _release("an instance has a minute to join", _MISSING, ("extraArgs", "max-node-provision-time"), "1m", _AUTOSCALER),
    Edit(
        "priorities leave groups out",
        _MISSING,
        _RELEASES,
        ("values", "expanderPriorities"),
        to({"10": ["^nothing-"], "20": ["-spot-"]}),
        _by_priority,
    ),
    Edit("priorities are a list", _MISSING, _RELEASES, ("values", "expanderPriorities"), gone, _by_priority),
    Edit(
        "discovery by a tag that groups lack",
        _MISSING,
        _RELEASES,
        ("values", "autoDiscovery", "tags"),
        with_item("team/ml"),
        lambda r, p: _AUTOSCALER(r, p) and p.has(GROUP),
    ),
    Edit(
        "discovery by a tag with another value",
        _MISSING,
        _RELEASES,
        ("values", "autoDiscovery", "tags"),
        lambda tags: [f"{tag}=yes" for tag in tags],
        lambda r, p: _AUTOSCALER(r, p) and p.has(GROUP),
    ),
    # Controllers that do not run.
    _release("no pod of Karpenter", _MISSING, ("replicas",), 0, _KARPENTER),
    _release("no pod of the autoscaler", _MISSING, ("replicaCount",), 0, _AUTOSCALER),
    _release("no pod of the load balancer controller", "no load balancer is made", ("replicaCount",), 0, _BALANCER),
    _release("no pod of the termination handler", "nodes go without a drain", ("replicas",), 0, _HANDLER),
    *(
        _release(
            f"{what} asks for more than a node has", _MISSING, path, {"requests": {"cpu": "64", "memory": "1Ti"}}, where
        )
        for what, path, where in (
            ("Karpenter", ("controller", "resources"), _KARPENTER),
            ("the autoscaler", ("resources",), _AUTOSCALER),
            ("the load balancer controller", ("resources",), _BALANCER),
            ("the termination handler", ("resources",), _HANDLER),
        )
    ),
    *(
        _release(
            f"{what} must run in another zone",
            _MISSING,
            ("affinity",),
            {
                "nodeAffinity": {
                    "requiredDuringSchedulingIgnoredDuringExecution": {
                        "nodeSelectorTerms": [
                            {
                                "matchExpressions": [
                                    {"key": "topology.kubernetes.io/zone", "operator": "In", "values": ["eu-west-1a"]}
                                ]
                            }
                        ]
                    }
                }
            },
            where,
        )
        for what, where in (("Karpenter", _KARPENTER), ("the autoscaler", _AUTOSCALER))
    ),
    _release(
        "the device plugin runs where no GPU is", "nodes offer no GPU", ("nodeSelector",), {"role": "gpu"}, _PLUGIN
    ),
    _release(
        "load balancers of another network", "no load balancer is made", ("vpcId",), "vpc-0123456789abcdef0", _BALANCER
    ),
)
