"""Shares and slices of GPUs: pods that wait for parts that no node has, or that get a node each."""

from collections.abc import Mapping
from typing import Any

from eks_gpu.graph.graph import Resource

from .edits import EACH, JSON, Edit, Operator, Without, gone, to
from .places import DEPLOYMENT, NODE_POOL, RELEASE, chart
from .programs import Program

_OVERLAYS, _POOLS, _RELEASES = ["kubernetes:karpenter.sh/v1alpha1:NodeOverlay"], [NODE_POOL], [RELEASE]
_CAPACITY, _LABELS = ("spec", "capacity"), ("spec", "template", "metadata", "labels")
_PLUGIN, _OPERATOR = chart("nvidia-device-plugin"), chart("gpu-operator")
_CONFIG_LABEL, _MIG_LABEL = "nvidia.com/device-plugin.config", "nvidia.com/mig.config"
_SHARES = ("values", "config", "map", EACH, JSON, "sharing", "timeSlicing", "resources", EACH, "replicas")
_LIMITS = ("spec", "template", "spec", "containers", EACH, "resources", "limits")


def _with_overlays(resource: Resource, program: Program) -> bool:
    return program.has(*_OVERLAYS) and chart("karpenter")(resource, program)


def _of_slices(resource: Resource, program: Program) -> bool:
    sliced = any(_MIG_LABEL in pool.labels for pool in program.pools.values())
    return sliced and _OPERATOR(resource, program)


def _renamed(capacity: Mapping[str, Any]) -> Mapping[str, Any]:
    return {f"{name}s": count for name, count in capacity.items()}


def _more(capacity: Mapping[str, Any]) -> Mapping[str, Any]:
    return {name: str(int(count) * 10) for name, count in capacity.items()}


def _of_another_profile(limits: Mapping[str, Any]) -> Mapping[str, Any]:
    return {name.replace("mig-1g.5gb", "mig-7g.40gb"): count for name, count in limits.items()}


OPERATORS: tuple[Operator, ...] = (
    Without("no overlay", "Karpenter counts whole GPUs", _OVERLAYS),
    Edit(
        "an overlay of a resource that nobody asks for", "Karpenter counts whole GPUs", _OVERLAYS, _CAPACITY, _renamed
    ),
    Edit("an overlay of more parts than there are", "pods wait on a full node", _OVERLAYS, _CAPACITY, _more),
    Edit(
        "an overlay of another node pool",
        "Karpenter counts whole GPUs",
        _OVERLAYS,
        ("spec", "requirements", EACH, "values"),
        to(["other"]),
    ),
    Edit(
        "the gate of overlays is off",
        "Karpenter counts whole GPUs",
        _RELEASES,
        ("values", "settings", "featureGates", "nodeOverlay"),
        to(False),
        _with_overlays,
    ),
    Edit(
        "nodes name a configuration that the plugin does not have",
        "its pod waits for it for ever, and the node offers nothing",
        _POOLS,
        (*_LABELS, _CONFIG_LABEL),
        lambda name: name and "time-slicing-9",
    ),
    Edit(
        "nodes name no configuration of the plugin",
        "a node offers one whole GPU, and pods wait on it",
        _POOLS,
        (*_LABELS, _CONFIG_LABEL),
        gone,
    ),
    Edit("fewer shares than planned", "pods wait on a full node", _RELEASES, _SHARES, to(2), _PLUGIN),
    Edit(
        "nodes name slices that their GPUs cannot have",
        "the MIG manager fails, and the node offers nothing",
        _POOLS,
        (*_LABELS, _MIG_LABEL),
        lambda name: name and "all-3g.71gb",
    ),
    Edit(
        "nodes name other slices",
        "pods wait on a node without theirs",
        _POOLS,
        (*_LABELS, _MIG_LABEL),
        lambda name: name and "all-7g.40gb",
    ),
    Edit("nodes name no slices", "pods wait on a node of whole GPUs", _POOLS, (*_LABELS, _MIG_LABEL), gone),
    Edit(
        "nobody cuts GPUs",
        "pods wait on a node of whole GPUs",
        _RELEASES,
        ("values", "migManager", "enabled"),
        to(False),
        _of_slices,
    ),
    Edit(
        "slices have no names",
        "pods wait on a node of whole GPUs",
        _RELEASES,
        ("values", "mig", "strategy"),
        to("none"),
        _of_slices,
    ),
    Edit(
        "slices look like GPUs",
        "pods wait on a node without theirs",
        _RELEASES,
        ("values", "mig", "strategy"),
        to("single"),
        _of_slices,
    ),
    Edit("a pod asks for a slice of another profile", "no node ever comes", [DEPLOYMENT], _LIMITS, _of_another_profile),
)
