"""NodePools of Karpenter and of EKS Auto Mode."""

from typing import Any

from eks_gpu.graph.graph import Resource

from .edits import EACH, Edit, Option, gone, to, with_item, with_key
from .places import (
    EC2_NODE_CLASS,
    NODE_CLASS,
    NODE_POOL,
    of_auto_mode,
    of_gpus,
    of_karpenter,
    of_nvidia,
    of_spot_and_more,
    only_taker,
    unreserved,
    with_limited_cpu,
)
from .programs import Program

_POOLS, _CLASSES = [NODE_POOL], [EC2_NODE_CLASS, NODE_CLASS]
_TEMPLATE = ("spec", "template", "spec")
_REQUIREMENTS = (*_TEMPLATE, "requirements")
_DISRUPTION, _LIMITS = ("spec", "disruption"), ("spec", "limits")
_EBS = ("spec", "blockDeviceMappings", EACH, "ebs")
_TYPE, _ARCH, _CAPACITY = "node.kubernetes.io/instance-type", "kubernetes.io/arch", "karpenter.sh/capacity-type"
_ZONE = "topology.kubernetes.io/zone"


def _required(key: str, **changes: Any):
    """The requirement on that key, changed."""
    return lambda item: {**item, **changes} if item["key"] == key else item


def _by_category(requirements: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Category g in place of names, and no architecture: Arm types come too."""
    rest = [item for item in requirements if item["key"] not in (_TYPE, _ARCH)]
    prefix = "karpenter.k8s.aws" if any(item["key"] == "kubernetes.io/os" for item in rest) else "eks.amazonaws.com"
    return [*rest, {"key": f"{prefix}/instance-category", "operator": "In", "values": ["g"]}]


def _on_spot_alone(resource: Resource, program: Program) -> bool:
    """A Spot pool beside which nothing on demand takes its pods."""
    pool = program.pools[resource.urn]
    others = [other for other in program.pools.values() if other.accelerator == pool.accelerator and other is not pool]
    return of_spot_and_more(resource, program) and not any("on-demand" in other.capacity_types for other in others)


OPERATORS = (
    Edit("the taint is dropped", "any pod lands there", _POOLS, (*_TEMPLATE, "taints"), gone, of_gpus),
    Edit(
        "the taint is soft",
        "any pod lands there",
        _POOLS,
        (*_TEMPLATE, "taints", EACH, "effect"),
        to("PreferNoSchedule"),
        of_gpus,
    ),
    Edit(
        "the taint has another key",
        "GPU pods and the device plugin stay away",
        _POOLS,
        (*_TEMPLATE, "taints", EACH, "key"),
        to("dedicated"),
        only_taker,
    ),
    Edit(
        "a label is renamed",
        "pods that select it wait",
        _POOLS,
        ("spec", "template", "metadata", "labels"),
        lambda labels: {key.replace("gpu.present", "gpu.presence"): value for key, value in labels.items()},
        only_taker,
    ),
    Edit(
        "the accelerator's label has another value",
        "pods that select it wait",
        _POOLS,
        ("spec", "template", "metadata", "labels", "k8s.amazonaws.com/accelerator"),
        lambda value: value and "nvidia-b200",
        only_taker,
    ),
    # Limits.
    Edit("limits are empty", "nothing limits what is bought", _POOLS, _LIMITS, to({}), of_gpus),
    Edit("limits are dropped", "nothing limits what is bought", _POOLS, _LIMITS, gone, of_gpus),
    Edit(
        "the GPU limit is named gpu",
        "it stops nothing",
        _POOLS,
        _LIMITS,
        lambda limits: {key.replace("nvidia.com/gpu", "gpu"): value for key, value in limits.items()},
        of_nvidia,
    ),
    Edit("the GPU limit is dropped", "it stops nothing", _POOLS, (*_LIMITS, "nvidia.com/gpu"), gone, of_nvidia),
    Edit(
        "the GPU limit is 0",
        "no node ever comes",
        _POOLS,
        (*_LIMITS, "nvidia.com/gpu"),
        lambda value: value and "0",
        lambda resource, program: of_nvidia(resource, program) and only_taker(resource, program),
    ),
    Edit("a small CPU limit", "the second GPU never comes", _POOLS, (*_LIMITS, "cpu"), to("4"), with_limited_cpu),
    Edit(
        "a small memory limit", "the second GPU never comes", _POOLS, (*_LIMITS, "memory"), to("16Gi"), with_limited_cpu
    ),
    Edit(
        "a thousand times the GPUs",
        "the worst month costs more than the stack may",
        _POOLS,
        _LIMITS,
        lambda limits: {"nvidia.com/gpu": f"{limits['nvidia.com/gpu']}000"} if "nvidia.com/gpu" in limits else limits,
        of_nvidia,
    ),
    # Disruption and age.
    Edit(
        "nodes are consolidated while they work",
        "running pods are moved to save on their node",
        _POOLS,
        (*_DISRUPTION, "consolidationPolicy"),
        to("WhenEmptyOrUnderutilized"),
        of_gpus,
    ),
    Edit("no consolidation policy", "its default moves running pods", _POOLS, _DISRUPTION, gone, of_gpus),
    Edit(
        "empty nodes stay", "they cost without work", _POOLS, (*_DISRUPTION, "consolidateAfter"), to("Never"), of_gpus
    ),
    Edit(
        "nothing says when empty nodes go",
        "charts before 1.15 require it",
        _POOLS,
        (*_DISRUPTION, "consolidateAfter"),
        gone,
    ),
    Edit("a duration in days", "the API server refuses it", _POOLS, (*_DISRUPTION, "consolidateAfter"), to("1d")),
    Edit("a budget of 0", "empty nodes stay", _POOLS, (*_DISRUPTION, "budgets"), to([{"nodes": "0"}]), of_gpus),
    Edit("a budget as a number", "the API server refuses it", _POOLS, (*_DISRUPTION, "budgets"), to([{"nodes": 1}])),
    Edit(
        "a misspelt policy", "the API server refuses it", _POOLS, (*_DISRUPTION, "consolidationPolicy"), to("WhenIdle")
    ),
    Edit(
        "an age beyond 14 days", "Auto Mode refuses it", _POOLS, (*_TEMPLATE, "expireAfter"), to("720h"), of_auto_mode
    ),
    Edit(
        "an age of ten minutes",
        "pods are evicted all the time",
        _POOLS,
        (*_TEMPLATE, "expireAfter"),
        to("10m"),
        of_gpus,
    ),
    Edit("an age in days", "the API server refuses it", _POOLS, (*_TEMPLATE, "expireAfter"), to("30d")),
    # Requirements.
    Edit(
        "types by category without architecture", "Arm types come too", _POOLS, _REQUIREMENTS, _by_category, of_nvidia
    ),
    Edit(
        "a misspelt type",
        "it never comes",
        _POOLS,
        (*_REQUIREMENTS, EACH),
        lambda item: (
            {**item, "values": [f"{item['values'][0]}e", *item["values"][1:]]} if item["key"] == _TYPE else item
        ),
    ),
    Edit(
        "a type that the region does not sell",
        "no node ever comes",
        _POOLS,
        (*_REQUIREMENTS, EACH),
        _required(_TYPE, values=["g3s.xlarge"]),
    ),
    Edit(
        "one type for Spot",
        "one shortage stops the pool",
        _POOLS,
        (*_REQUIREMENTS, EACH),
        lambda item: {**item, "values": item["values"][:1]} if item["key"] == _TYPE else item,
        of_spot_and_more,
    ),
    Edit(
        "Spot alone",
        "nothing takes over when Spot runs out",
        _POOLS,
        (*_REQUIREMENTS, EACH),
        _required(_CAPACITY, values=["spot"]),
        _on_spot_alone,
    ),
    Edit(
        "a misspelt capacity type",
        "no node ever comes",
        _POOLS,
        (*_REQUIREMENTS, EACH),
        _required(_CAPACITY, values=["spott"]),
    ),
    Edit(
        "one zone for Spot",
        "one shortage stops the pool",
        _POOLS,
        (*_REQUIREMENTS, EACH),
        lambda item: {**item, "values": item["values"][:1]} if item["key"] == _ZONE else item,
        of_spot_and_more,
    ),
    Edit(
        "a zone that the region lacks",
        "no node ever comes",
        _POOLS,
        (*_REQUIREMENTS, EACH),
        _required(_ZONE, values=["us-west-2z"]),
    ),
    Edit(
        "a zone of several is misspelt",
        "a third of the capacity is missing",
        _POOLS,
        (*_REQUIREMENTS, EACH),
        lambda item: {**item, "values": [*item["values"][:-1], "us-west-2z"]} if item["key"] == _ZONE else item,
    ),
    Edit(
        "types are excluded instead of named",
        "whatever else there is comes",
        _POOLS,
        (*_REQUIREMENTS, EACH),
        _required(_TYPE, operator="NotIn"),
    ),
    Edit(
        "an operator that there is not",
        "the API server refuses it",
        _POOLS,
        (*_REQUIREMENTS, EACH),
        _required(_TYPE, operator="Equals"),
    ),
    Edit(
        "a number where a text must be",
        "the API server refuses it",
        _POOLS,
        _REQUIREMENTS,
        with_item({"key": "example.com/rack", "operator": "In", "values": [7]}),
    ),
    Edit(
        "a label of Karpenter on Auto Mode",
        "it means nothing there",
        _POOLS,
        _REQUIREMENTS,
        with_item({"key": "karpenter.k8s.aws/instance-category", "operator": "In", "values": ["g"]}),
        of_auto_mode,
    ),
    Edit(
        "a label of Auto Mode on Karpenter",
        "it means nothing there",
        _POOLS,
        _REQUIREMENTS,
        with_item({"key": "eks.amazonaws.com/instance-category", "operator": "In", "values": ["g"]}),
        of_karpenter,
    ),
    # Fields and versions.
    Edit("a version that is gone", "no chart serves it", _POOLS, ("apiVersion",), to("karpenter.sh/v1beta1")),
    Edit("a field of v1beta1", "the API server drops it", _POOLS, ("spec",), with_key(ttlSecondsAfterEmpty=30)),
    Edit("a field in the old place", "the API server drops it", _POOLS, _DISRUPTION, with_key(expireAfter="720h")),
    Edit("a misspelt field", "the API server drops it", _POOLS, ("spec",), with_key(wieght=10)),
    Edit(
        "a number of nodes, and no gate for it",
        "Karpenter starts none of them",
        _POOLS,
        ("spec",),
        lambda spec: {**{key: value for key, value in spec.items() if key != "weight"}, "replicas": 1, "limits": {}},
        of_karpenter,
    ),
    Edit(
        "GPUs are shared by claims, and no gate for it",
        "the class is never ready",
        [EC2_NODE_CLASS],
        ("metadata",),
        with_key(annotations={"karpenter.k8s.aws/nvidia-consumable-capacity": "4"}),
        lambda _, program: not any(program.releases("dra-driver-nvidia-gpu")),
    ),
    Edit("a weight that is too high", "the API server refuses it", _POOLS, ("spec",), with_key(weight=1000)),
    Edit(
        "another node class",
        "Karpenter does not find it",
        _POOLS,
        (*_TEMPLATE, "nodeClassRef", "name"),
        to("gpus"),
    ),
    Edit(
        "a requirement that nobody can judge",
        "the plan counts types that it may exclude",
        _POOLS,
        _REQUIREMENTS,
        with_item({"key": "karpenter.k8s.aws/instance-network-bandwidth", "operator": "Gt", "values": ["1000"]}),
        of_karpenter,
    ),
    Edit(
        "GPUs are shared on Auto Mode",
        "its device plugin shares none",
        _POOLS,
        ("spec", "template", "metadata", "labels"),
        with_key(**{"nvidia.com/device-plugin.config": "shared"}),
        lambda resource, program: of_auto_mode(resource, program) and of_nvidia(resource, program),
    ),
    Edit(
        "a reservation that no class selects",
        "what is reserved stays unused",
        _POOLS,
        (*_REQUIREMENTS, EACH),
        lambda item: {**item, "values": ["reserved", *item["values"]]} if item["key"] == _CAPACITY else item,
        unreserved,
    ),
    Option("a node pool is retained", "its nodes stay and cost", _POOLS, "retainOnDelete", True),
    Option("a node pool goes with the cluster", "its nodes stay and cost", _POOLS, "deletedWith", "urn:cluster"),
)
